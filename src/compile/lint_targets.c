/* SPDX-License-Identifier: Apache-2.0
 * Zone lint: what names in data lead to. */
#include "compile/lint_name.h"

#include "base/digits.h"
#include "dns/rdata.h"
#include "dns/types.h"

#include <assert.h>

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
            if (!is_digit(name.p[k]))
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
                     type, lint_owner(l), text);
    else if ((e && e->zone == l->entry->zone && has_address(l->tree, e)))
        return;
    else if (r->type != TYPE_NS && lies_elsewhere(l, name))
        return;
    else if (r->type == TYPE_NS && (l->entry->flags & NAME_CUT) &&
             name_is_within(name, name_of(l->entry)))
        diag_warning(l->diags, record_span(l->zone, r),
                     "glue missing: %s is delegated to %s, which has no address here",
                     lint_owner(l), text);
    else if (!lies_elsewhere(l, name))
        diag_warning(l->diags, record_span(l->zone, r),
                     "%s of %s points to %s, which has no address%s", type, lint_owner(l), text,
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
                   lint_owner(l), hops > 1 ? " by way of others" : "");
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
                 "CNAME of %s points to %s, which does not exist%s", lint_owner(l),
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
            name_to_text(text, slice_of(rname, r->rdlen - at - 1)), lint_owner(l));
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
                     rr_type_text(type, r->type), lint_owner(l), name_to_text(text, target));
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

void lint_targets(const struct lint *l, const struct rrset *set)
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
