/* SPDX-License-Identifier: Apache-2.0
 * Zone lint: what stands at a name. */
#include "compile/lint.h"

#include "base/give_way.h"
#include "compile/lint_name.h"
#include "dns/types.h"

static const struct record *first_record(const struct lint *l)
{
    return l->entry->n_records ? l->tree->records[l->entry->first] : NULL;
}

/* --- what may stand beside what --- */

/* RFC 4034 2.4, 4035 2.5: what signing adds may stand beside a CNAME. */
static bool goes_with_cname(uint16_t type)
{
    return type == TYPE_CNAME || type == TYPE_RRSIG || type == TYPE_NSEC;
}

static void check_cname(const struct lint *l)
{
    if (!(l->entry->flags & NAME_CNAME))
        return;
    struct rrset set, cname = tree_set(l->tree, l->entry, TYPE_CNAME);
    if (cname.n > 1)
        diag_error(l->diags, record_span(l->zone, cname.v[1]),
                   "%s has %u CNAME records, expected one", lint_owner(l), cname.n);
    for (uint32_t at = 0; tree_next_set(l->tree, l->entry, &at, &set);) {
        char type[RR_TYPE_TEXT_MAX];
        if (goes_with_cname(set.type))
            continue;
        diag_error(l->diags, lint_span(l, &set),
                   "%s has a CNAME in line %u and %s beside it: a CNAME stands alone",
                   lint_owner(l), cname.v[0]->line, rr_type_text(type, set.type));
        return;
    }
}

static void check_dname(const struct lint *l)
{
    if (!(l->entry->flags & NAME_DNAME))
        return;
    struct rrset dname = tree_set(l->tree, l->entry, TYPE_DNAME);
    if (dname.n > 1)
        diag_error(l->diags, record_span(l->zone, dname.v[1]),
                   "%s has %u DNAME records, expected one", lint_owner(l), dname.n);
    if (l->entry->flags & NAME_CUT)
        diag_error(l->diags, lint_span(l, &dname),
                   "%s has a DNAME and is delegated by NS: only one can be", lint_owner(l));
}

/* RFC 4592 4.2, RFC 6672 3.3: what they mean is undefined. */
static void check_wildcard(const struct lint *l)
{
    static const uint16_t types[] = {TYPE_NS, TYPE_DNAME};
    if (!name_is_wildcard(name_of(l->entry)) || (l->entry->flags & NAME_APEX))
        return;
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        struct rrset set = tree_set(l->tree, l->entry, types[i]);
        char type[RR_TYPE_TEXT_MAX];
        if (set.n)
            diag_error(l->diags, lint_span(l, &set), "%s at the wildcard %s has no defined meaning",
                       rr_type_text(type, types[i]), lint_owner(l));
    }
}

/* A zone that dnssec-signzone or its like has signed. */
static void check_signed(const struct lint *l)
{
    static const uint16_t proofs[] = {TYPE_RRSIG, TYPE_NSEC, TYPE_NSEC3PARAM};
    struct rrset keys = tree_set(l->tree, l->entry, TYPE_DNSKEY);
    bool is_signed = false;
    for (unsigned i = 0; keys.n > 0 && i < ARRAY_LEN(proofs); i++)
        is_signed |= tree_set(l->tree, l->entry, proofs[i]).n > 0;
    if (is_signed)
        diag_warning(l->diags, lint_span(l, &keys),
                     "the zone %s is signed, but its signatures are not served yet: with a DS in "
                     "the parent zone, resolvers that validate answer SERVFAIL; remove that DS and "
                     "wait for its TTL before this server gets the zone",
                     lint_owner(l));
}

static void check_apex(const struct lint *l)
{
    if (!(l->entry->flags & (NAME_APEX | NAME_SOA)))
        return;
    struct rrset soa = tree_set(l->tree, l->entry, TYPE_SOA);
    struct rrset ns = tree_set(l->tree, l->entry, TYPE_NS);
    if (!(l->entry->flags & NAME_APEX)) {
        diag_error(l->diags, lint_span(l, &soa), "SOA at %s: expected only at the zone's apex",
                   lint_owner(l));
        return;
    }
    if (soa.n == 0)
        diag_error(l->diags, l->zone->span, "the zone %s has no SOA record", lint_owner(l));
    else if (soa.n > 1)
        diag_error(l->diags, record_span(l->zone, soa.v[1]),
                   "the zone %s has %u SOA records, expected one (the first is in line %u)",
                   lint_owner(l), soa.n, soa.v[0]->line);
    if (ns.n == 0)
        diag_error(l->diags, l->zone->span, "the zone %s has no NS record at its apex",
                   lint_owner(l));
    check_signed(l);
}

/* --- dynamic names --- */

static void check_pool_types(const struct lint *l)
{
    static const uint16_t types[] = {TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_DNAME};
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        struct rrset set = tree_set(l->tree, l->entry, types[i]);
        char type[RR_TYPE_TEXT_MAX];
        if (set.n)
            diag_error(l->diags, lint_span(l, &set),
                       "%s has %s, but is steered to a pool in line %u: expected one or the other",
                       lint_owner(l), rr_type_text(type, types[i]), l->pool->span.line);
    }
}

static void check_pool(const struct lint *l)
{
    if (!l->pool)
        return;
    const struct name_entry *e = l->entry;
    const struct pool *pool = &l->tree->model->pools[l->pool->pool];
    check_pool_types(l);
    if (e->hidden_by != TREE_NONE || (e->flags & NAME_CUT)) {
        const struct name_entry *by = e->flags & NAME_CUT ? e : &l->tree->v.v[e->hidden_by];
        char cut[NAME_TEXT_MAX];
        diag_error(l->diags, l->pool->span, "%s is steered to a pool, but lies %s %s %s",
                   lint_owner(l), by == e ? "at" : "below",
                   by->flags & NAME_CUT ? "the delegation" : "the DNAME",
                   name_to_text(cut, name_of(by)));
    }
    if (!pool->is_cname)
        return;
    if (e->flags & NAME_APEX)
        diag_error(l->diags, l->pool->span,
                   "the pool %s answers CNAMEs: it cannot stand at the zone's apex", pool->name);
    else if (e->n_records)
        diag_error(l->diags, l->pool->span,
                   "the pool %s answers CNAMEs: no other data may stand at %s (line %u)",
                   pool->name, lint_owner(l), first_record(l)->line);
}

/* --- one RRset --- */

static void check_ttl(const struct lint *l, const struct rrset *set)
{
    for (uint32_t i = 1; i < set->n; i++) {
        char type[RR_TYPE_TEXT_MAX];
        if (set->v[i]->ttl_s == set->v[0]->ttl_s)
            continue;
        diag_warning(l->diags, record_span(l->zone, set->v[i]),
                     "TTL %u differs from %u in line %u of the same RRset (%s %s): the lowest, %u, "
                     "is used for all",
                     set->v[i]->ttl_s, set->v[0]->ttl_s, set->v[0]->line, lint_owner(l),
                     rr_type_text(type, set->type), set->ttl_s);
        return;
    }
}

/* --- hidden data --- */

/* Runs when all NS targets are marked. */
static void check_hidden(const struct lint *l)
{
    const struct name_entry *e = l->entry;
    bool at_cut = e->flags & NAME_CUT;
    if (e->hidden_by == TREE_NONE && !at_cut)
        return;
    const struct name_entry *by = at_cut ? e : &l->tree->v.v[e->hidden_by];
    struct rrset set;
    for (uint32_t at = 0; tree_next_set(l->tree, e, &at, &set);) {
        char type[RR_TYPE_TEXT_MAX], above[NAME_TEXT_MAX];
        bool address = set.type == TYPE_A || set.type == TYPE_AAAA;
        bool belongs =
            at_cut && (set.type == TYPE_NS || set.type == TYPE_DS || set.type == TYPE_NSEC ||
                       set.type == TYPE_RRSIG || set.type == TYPE_DNAME);
        if (belongs || (address && (e->flags & NAME_GLUE) && (by->flags & NAME_CUT)))
            continue;
        diag_warning(l->diags, lint_span(l, &set), "%s %s is not served: it is %s %s %s%s",
                     lint_owner(l), rr_type_text(type, set.type), at_cut ? "at" : "below",
                     by->flags & NAME_CUT ? "the delegation" : "the DNAME",
                     name_to_text(above, name_of(by)),
                     address && (by->flags & NAME_CUT) ? ", and no NS names it" : "");
    }
}

/* --- all of it --- */

static void check_name(const struct lint *l)
{
    check_apex(l);
    check_cname(l);
    check_dname(l);
    check_wildcard(l);
    check_pool(l);
    if (l->entry->hidden_by != TREE_NONE)
        return;
    struct rrset set;
    for (uint32_t at = 0; tree_next_set(l->tree, l->entry, &at, &set);) {
        check_ttl(l, &set);
        lint_targets(l, &set);
    }
}

static void each_name(struct tree *tree, struct diags *diags, void (*check)(const struct lint *))
{
    char text[NAME_TEXT_MAX];
    for (uint32_t i = 0; i < tree->v.n; i++) {
        const struct name_entry *e = &tree->v.v[i];
        give_way_often();
        if (e->zone == MODEL_NONE ||
            (!e->n_records && e->pool_name == MODEL_NONE && !(e->flags & NAME_APEX)))
            continue;
        const struct zone *zone = &tree->model->zones[e->zone];
        if (zone->broken)
            continue;
        struct lint l = {
            .tree = tree,
            .diags = diags,
            .zone = zone,
            .entry = e,
            .text = text,
            .pool = e->pool_name == MODEL_NONE ? NULL : &zone->pool_names[e->pool_name],
        };
        check(&l);
    }
}

void lint_zones(struct tree *tree, struct diags *diags)
{
    each_name(tree, diags, check_name);
    each_name(tree, diags, check_hidden);
}
