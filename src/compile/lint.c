/* SPDX-License-Identifier: Apache-2.0
 * Zone lint. */
#include "compile/lint.h"

#include "base/give_way.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/rr.h"
#include "dns/types.h"

#include <assert.h>

/* The name under scrutiny. */
struct lint {
    struct tree *tree;
    struct diags *diags;
    const struct zone *zone;
    const struct name_entry *entry;
    char *text;                   /* room for owner() */
    const struct pool_name *pool; /* NULL: not steered */
};

/* The name as text; only when there is something to say of it. */
static const char *owner(const struct lint *l)
{
    return name_to_text(l->text, name_of(l->entry));
}

static struct span span_of(const struct lint *l, const struct rrset *set)
{
    return record_span(l->zone, set->v[0]);
}

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
                   "%s has %u CNAME records, expected one", owner(l), cname.n);
    for (uint32_t at = 0; tree_next_set(l->tree, l->entry, &at, &set);) {
        char type[RR_TYPE_TEXT_MAX];
        if (goes_with_cname(set.type))
            continue;
        diag_error(l->diags, span_of(l, &set),
                   "%s has a CNAME in line %u and %s beside it: a CNAME stands alone", owner(l),
                   cname.v[0]->line, rr_type_text(type, set.type));
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
                   "%s has %u DNAME records, expected one", owner(l), dname.n);
    if (l->entry->flags & NAME_CUT)
        diag_error(l->diags, span_of(l, &dname),
                   "%s has a DNAME and is delegated by NS: only one can be", owner(l));
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
            diag_error(l->diags, span_of(l, &set), "%s at the wildcard %s has no defined meaning",
                       rr_type_text(type, types[i]), owner(l));
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
        diag_warning(l->diags, span_of(l, &keys),
                     "the zone %s is signed, but its signatures are not served yet: with a DS in "
                     "the parent zone, resolvers that validate answer SERVFAIL; remove that DS and "
                     "wait for its TTL before this server gets the zone",
                     owner(l));
}

static void check_apex(const struct lint *l)
{
    if (!(l->entry->flags & (NAME_APEX | NAME_SOA)))
        return;
    struct rrset soa = tree_set(l->tree, l->entry, TYPE_SOA);
    struct rrset ns = tree_set(l->tree, l->entry, TYPE_NS);
    if (!(l->entry->flags & NAME_APEX)) {
        diag_error(l->diags, span_of(l, &soa), "SOA at %s: expected only at the zone's apex",
                   owner(l));
        return;
    }
    if (soa.n == 0)
        diag_error(l->diags, l->zone->span, "the zone %s has no SOA record", owner(l));
    else if (soa.n > 1)
        diag_error(l->diags, record_span(l->zone, soa.v[1]),
                   "the zone %s has %u SOA records, expected one (the first is in line %u)",
                   owner(l), soa.n, soa.v[0]->line);
    if (ns.n == 0)
        diag_error(l->diags, l->zone->span, "the zone %s has no NS record at its apex", owner(l));
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
            diag_error(l->diags, span_of(l, &set),
                       "%s has %s, but is steered to a pool in line %u: expected one or the other",
                       owner(l), rr_type_text(type, types[i]), l->pool->span.line);
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
        diag_error(l->diags, l->pool->span, "%s is steered to a pool, but lies %s %s %s", owner(l),
                   by == e ? "at" : "below", by->flags & NAME_CUT ? "the delegation" : "the DNAME",
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
                   pool->name, owner(l), first_record(l)->line);
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
                     set->v[i]->ttl_s, set->v[0]->ttl_s, set->v[0]->line, owner(l),
                     rr_type_text(type, set->type), set->ttl_s);
        return;
    }
}

static bool has_address(const struct tree *tree, const struct name_entry *e)
{
    if (e->pool_name == MODEL_NONE)
        return e->flags & NAME_ADDRESS;
    const struct pool_name *p = &tree->model->zones[e->zone].pool_names[e->pool_name];
    return !tree->model->pools[p->pool].is_cname;
}

static bool is_alias(const struct tree *tree, const struct name_entry *e)
{
    return (e->flags & NAME_CNAME) || (e->pool_name != MODEL_NONE && !has_address(tree, e));
}

/* The entry that answers for a name of this zone: its own, or the wildcard that covers it. NULL:
 * none does. */
static struct name_entry *resolve(const struct lint *l, struct slice name)
{
    struct tree *tree = l->tree;
    uint32_t id = tree_find(tree, name);
    if (id != TREE_NONE)
        return &tree->v.v[id];
    while (id == TREE_NONE) {
        name = name_parent(name);
        id = tree_find(tree, name);
    }
    const struct name_entry *encloser = &tree->v.v[id];
    return encloser->wildcard == TREE_NONE ? NULL : &tree->v.v[encloser->wildcard];
}

/* Whether a name that is not there would be answered by a referral or a DNAME. */
static bool lies_elsewhere(const struct lint *l, struct slice name)
{
    uint32_t id = TREE_NONE;
    for (; id == TREE_NONE; name = name_parent(name))
        id = tree_find(l->tree, name);
    const struct name_entry *e = &l->tree->v.v[id];
    return e->zone != l->entry->zone || e->hidden_by != TREE_NONE ||
           (e->flags & (NAME_CUT | NAME_DNAME));
}

/* What a name without its final dot becomes: the zone's name twice. */
static bool lacks_dot(const struct lint *l, struct slice name)
{
    struct slice origin = l->zone->origin;
    uint8_t rest[NAME_WIRE_MAX];
    if (origin.n < 2 || name.n <= origin.n)
        return false;
    uint32_t n = name.n - origin.n;
    memcpy(rest, name.p, n);
    rest[n] = 0;
    return name_is_within(slice_of(rest, n + 1), origin);
}

/* Whether the first labels are the numbers of an IPv4 address. */
static bool looks_like_address(struct slice name)
{
    for (unsigned i = 0; i < 4; i++, name = name_parent(name)) {
        unsigned n = name.p[0];
        if (n < 1 || n > 3)
            return false;
        for (unsigned k = 1; k <= n; k++)
            if (name.p[k] < '0' || name.p[k] > '9')
                return false;
    }
    return true;
}

static const char *slip(const struct lint *l, struct slice name)
{
    if (looks_like_address(name))
        return ": an address, expected the name of a host";
    return lacks_dot(l, name) ? "; is the final dot missing?" : "";
}

/* An NS, MX or SRV target inside the zone: RFC 2181 10.3 wants an address there, no alias. */
static void check_target(const struct lint *l, const struct record *r, struct slice target)
{
    char text[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
    uint8_t lower[NAME_WIRE_MAX];
    name_lower(lower, target);
    struct slice name = slice_of(lower, target.n);
    if (name.n == 1 || !name_is_within(name, l->zone->origin))
        return;
    struct name_entry *e = resolve(l, name);
    name_to_text(text, target);
    rr_type_text(type, r->type);
    if (e && e->zone == l->entry->zone && r->type == TYPE_NS)
        e->flags |= NAME_GLUE;
    if (e && e->zone == l->entry->zone && is_alias(l->tree, e))
        diag_warning(l->diags, record_span(l->zone, r),
                     "%s of %s points to %s, which is a CNAME: expected a name with an address",
                     type, owner(l), text);
    else if ((e && e->zone == l->entry->zone && has_address(l->tree, e)))
        return;
    else if (r->type != TYPE_NS && lies_elsewhere(l, name))
        return;
    else if (r->type == TYPE_NS && (l->entry->flags & NAME_CUT) &&
             name_is_within(name, name_of(l->entry)))
        diag_warning(l->diags, record_span(l->zone, r),
                     "glue missing: %s is delegated to %s, which has no address here", owner(l),
                     text);
    else if (!lies_elsewhere(l, name))
        diag_warning(l->diags, record_span(l->zone, r),
                     "%s of %s points to %s, which has no address%s", type, owner(l), text,
                     slip(l, name));
}

#define CHAIN_MAX 64 /* far beyond what a resolver follows */

/* The entry that the CNAME of `e` leads to within the zone, or NULL. */
static const struct name_entry *follow(const struct lint *l, const struct name_entry *e)
{
    uint8_t lower[NAME_WIRE_MAX];
    struct rrset set = tree_set(l->tree, e, TYPE_CNAME);
    if (set.n == 0)
        return NULL;
    struct slice target = slice_of(set.v[0]->rdata, set.v[0]->rdlen);
    name_lower(lower, target);
    target = slice_of(lower, target.n);
    if (!name_is_within(target, l->zone->origin))
        return NULL;
    const struct name_entry *to = resolve(l, target);
    return to && to->zone == l->entry->zone && to->hidden_by == TREE_NONE ? to : NULL;
}

/* A loop is told once, at the first of its names. */
static void check_loop(const struct lint *l, const struct record *r)
{
    const struct name_entry *e = l->entry;
    unsigned hops = 0;
    do {
        e = follow(l, e);
        hops++;
    } while (e && e > l->entry && hops < CHAIN_MAX);
    if (e == l->entry)
        diag_error(l->diags, record_span(l->zone, r),
                   "%s is a CNAME that leads back to itself%s: expected one that ends at data",
                   owner(l), hops > 1 ? " by way of others" : "");
}

/* A CNAME that leads to a name of this zone which is not there. */
static void check_alias(const struct lint *l, const struct record *r)
{
    char text[NAME_TEXT_MAX];
    uint8_t lower[NAME_WIRE_MAX];
    struct slice name = slice_of(lower, r->rdlen);
    name_lower(lower, slice_of(r->rdata, r->rdlen));
    check_loop(l, r);
    if (!name_is_within(name, l->zone->origin) || resolve(l, name) || lies_elsewhere(l, name))
        return;
    diag_warning(l->diags, record_span(l->zone, r),
                 "CNAME of %s points to %s, which does not exist%s", owner(l),
                 name_to_text(text, slice_of(r->rdata, r->rdlen)), slip(l, name));
}

/* RFC 1035 8: the mail address of the SOA is written as a name, its '@' as a dot. */
static void check_rname(const struct lint *l, const struct record *r)
{
    char text[NAME_TEXT_MAX];
    uint32_t at = 0;
    while (r->rdata[at])
        at += r->rdata[at] + 1u;
    const uint8_t *rname = r->rdata + at + 1;
    if (memchr(rname + 1, '@', rname[0]))
        diag_warning(
            l->diags, record_span(l->zone, r),
            "the SOA's mail address is %s, with an '@' in it: expected it as a name with a "
            "dot instead, as hostmaster.%s",
            name_to_text(text, slice_of(rname, r->rdlen - at - 1)), owner(l));
}

/* Whether check_target() or check_alias() has said that the name is not there. */
static bool is_said(const struct lint *l, uint16_t type, struct slice name)
{
    bool is_alias_type = type == TYPE_CNAME;
    if (!is_alias_type && type != TYPE_NS && type != TYPE_MX && type != TYPE_SRV)
        return false;
    const struct name_entry *e = resolve(l, name);
    return !e || is_alias(l->tree, e) || (!is_alias_type && !has_address(l->tree, e));
}

static bool is_reverse(struct slice origin)
{
    static const uint8_t v4[] = "\7in-addr\4arpa", v6[] = "\3ip6\4arpa";
    return name_is_within(origin, slice_of(v4, sizeof v4)) ||
           name_is_within(origin, slice_of(v6, sizeof v6));
}

/* A name in data of any type that is not there, and would be with its final dot: the zone's name
 * stands in it twice, or it is the host of a PTR below in-addr.arpa. */
static void check_dot(const struct lint *l, const struct record *r, struct slice target)
{
    char text[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
    uint8_t lower[NAME_WIRE_MAX];
    struct slice origin = l->zone->origin, name = slice_of(lower, target.n);
    name_lower(lower, target);
    if (!name_is_within(name, origin) || tree_find(l->tree, name) != TREE_NONE)
        return;
    if (!lacks_dot(l, name) && !(r->type == TYPE_PTR && is_reverse(origin)))
        return;
    if (!is_said(l, r->type, name) && !lies_elsewhere(l, name))
        diag_warning(l->diags, record_span(l->zone, r),
                     "%s of %s has the name %s; is the final dot missing?",
                     rr_type_text(type, r->type), owner(l), name_to_text(text, target));
}

static void check_dots(const struct lint *l, const struct rrset *set)
{
    for (uint32_t i = 0; i < set->n; i++) {
        uint16_t at[2];
        bool compressible;
        const struct record *r = set->v[i];
        struct slice rdata = slice_of(r->rdata, r->rdlen);
        unsigned n = rr_rdata_names(r->type, rdata, at, &compressible);
        for (unsigned k = 0; k < n; k++) {
            struct slice rest = slice_of(rdata.p + at[k], rdata.n - at[k]);
            check_dot(l, r, slice_of(rest.p, (size_t)name_check(rest)));
        }
    }
}

static void check_targets(const struct lint *l, const struct rrset *set)
{
    check_dots(l, set);
    if (set->type == TYPE_CNAME && set->n == 1)
        check_alias(l, set->v[0]);
    if (set->type == TYPE_SOA)
        check_rname(l, set->v[0]);
    if (set->type != TYPE_NS && set->type != TYPE_MX && set->type != TYPE_SRV)
        return;
    for (uint32_t i = 0; i < set->n; i++) {
        const struct record *r = set->v[i];
        uint8_t at = rdata_form(r->type)->name_at;
        assert(name_check(slice_of(r->rdata + at, r->rdlen - at)) == r->rdlen - at);
        check_target(l, r, slice_of(r->rdata + at, r->rdlen - at));
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
        diag_warning(l->diags, span_of(l, &set), "%s %s is not served: it is %s %s %s%s", owner(l),
                     rr_type_text(type, set.type), at_cut ? "at" : "below",
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
        check_targets(l, &set);
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
