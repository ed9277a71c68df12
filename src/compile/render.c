/* SPDX-License-Identifier: Apache-2.0
 * Writing blocks. */
#include "compile/render.h"

#include "dns/name.h"
#include "dns/rr.h"

#include <assert.h>

#define SOA_RDATA_MIN 22 /* two names, five numbers */

enum { BASE_NONE, BASE_APEX, BASE_SELF };

/* A block being written. Names that end in one of the bases become labels and a pointer. */
struct block_writer {
    struct blob *blob;
    size_t start;            /* of the first RR in the blob */
    struct slice apex, self; /* self is empty but in referrals */
    uint16_t n_rrs, n_glue;
    VEC(uint16_t) apex_places, self_places;
};

void blob_grow(struct blob *blob, size_t n)
{
    blob->cap = blob->cap * 2 > blob->n + n ? blob->cap * 2 : blob->n + n + 4096;
    blob->p = xrealloc(blob->p, blob->cap);
}

static void put(struct block_writer *w, const void *p, size_t n)
{
    uint8_t *to = blob_add(w->blob, n);
    if (n)
        memcpy(to, p, n);
}

static void put_u16(struct block_writer *w, uint16_t x)
{
    store_u16(blob_add(w->blob, 2), x);
}

static void put_u32(struct block_writer *w, uint32_t x)
{
    store_u32(blob_add(w->blob, 4), x);
}

/* The base that a lower-case name ends in. A pointer is no gain over the root alone. */
static int base_of(const struct block_writer *w, struct slice lower)
{
    if (w->self.n > 1 && name_is_within(lower, w->self))
        return BASE_SELF;
    return w->apex.n > 1 && name_is_within(lower, w->apex) ? BASE_APEX : BASE_NONE;
}

static void put_name(struct block_writer *w, struct slice name)
{
    uint8_t lower[NAME_WIRE_MAX];
    name_lower(lower, name);
    int base = base_of(w, slice_of(lower, name.n));
    if (base == BASE_NONE) {
        put(w, name.p, name.n);
        return;
    }
    put(w, name.p, name.n - (base == BASE_SELF ? w->self.n : w->apex.n));
    uint16_t place = (uint16_t)(w->blob->n - w->start);
    if (base == BASE_SELF)
        *vec_push(&w->self_places) = place;
    else
        *vec_push(&w->apex_places) = place;
    put_u16(w, DNS_COMPRESS);
}

static void put_rdata(struct block_writer *w, uint16_t type, struct slice rdata)
{
    size_t len_at = w->blob->n;
    uint16_t at[2];
    bool compressible;
    unsigned n = rr_rdata_names(type, rdata, at, &compressible);
    uint32_t done = 0;
    put_u16(w, 0);
    for (unsigned i = 0; compressible && i < n; i++) {
        put(w, rdata.p + done, at[i] - done);
        struct slice name = {rdata.p + at[i], 0};
        name.n = (uint32_t)name_check(slice_of(name.p, rdata.n - at[i]));
        put_name(w, name);
        done = at[i] + name.n;
    }
    put(w, rdata.p + done, rdata.n - done);
    store_u16(w->blob->p + len_at, (uint16_t)(w->blob->n - len_at - 2));
}

/* One RR behind its owner. */
static void put_rr(struct block_writer *w, const struct record *r, uint32_t ttl_s)
{
    put_u16(w, r->type);
    put_u16(w, CLASS_IN);
    put_u32(w, ttl_s);
    put_rdata(w, r->type, (struct slice){r->rdata, r->rdlen});
}

static struct block_writer begin(struct blob *blob, struct slice apex)
{
    blob_align(blob, 4);
    (void)blob_add(blob, sizeof(struct block));
    return (struct block_writer){.blob = blob, .start = blob->n, .apex = apex};
}

static void put_native_u16(struct block_writer *w, size_t x)
{
    uint16_t native = (uint16_t)x;
    put(w, &native, 2);
}

static void put_lists(struct block_writer *w)
{
    blob_align(w->blob, 2);
    put_native_u16(w, w->apex_places.n);
    put(w, w->apex_places.v, 2 * w->apex_places.n);
    if (w->self.n == 0)
        return;
    put_native_u16(w, w->n_glue);
    put_native_u16(w, w->self_places.n);
    put(w, w->self_places.v, 2 * w->self_places.n);
}

static int finish(struct block_writer *w)
{
    size_t len = w->blob->n - w->start;
    bool fits = len <= MESSAGE_SET_MAX;
    bool patched = w->self.n || w->apex_places.n;
    if (fits && patched)
        put_lists(w);
    if (fits) {
        struct block header = {.len = (uint16_t)len,
                               .n_rrs = (uint16_t)(w->n_rrs | (patched ? BLOCK_PATCHED : 0))};
        memcpy(w->blob->p + w->start - sizeof header, &header, sizeof header);
    } else {
        w->blob->n = w->start - sizeof(struct block);
    }
    vec_free(&w->apex_places);
    vec_free(&w->self_places);
    return fits ? 0 : E_RANGE;
}

int render_set(struct blob *blob, struct slice apex, const struct rrset *set)
{
    struct block_writer w = begin(blob, apex);
    for (uint32_t i = 0; i < set->n && blob->n - w.start <= MESSAGE_SET_MAX; i++) {
        put_u16(&w, DNS_COMPRESS | DNS_HEADER_LEN);
        put_rr(&w, set->v[i], set->ttl_s);
        w.n_rrs++;
    }
    return finish(&w);
}

int render_negative(struct blob *blob, struct slice apex, const struct rrset *soa)
{
    struct block_writer w = begin(blob, apex);
    const struct record *r = soa->v[0];
    assert(r->rdlen >= SOA_RDATA_MIN); /* rdata_check() saw to it */
    uint32_t minimum = load_u32(r->rdata + r->rdlen - 4);
    put_name(&w, apex);
    put_rr(&w, r, minimum < soa->ttl_s ? minimum : soa->ttl_s);
    w.n_rrs = 1;
    return finish(&w);
}

/* Addresses out of the cut's own zone only; whatever else is served here is not its to tell. */
static void put_glue(struct block_writer *w, const struct tree *tree, uint32_t zone,
                     struct slice target, uint16_t type)
{
    uint8_t lower[NAME_WIRE_MAX];
    name_lower(lower, target);
    uint32_t id = tree_find(tree, slice_of(lower, target.n));
    if (id == TREE_NONE || tree->v.v[id].zone != zone)
        return;
    struct rrset set = tree_set(tree, &tree->v.v[id], type);
    for (uint32_t i = 0; i < set.n; i++) {
        put_name(w, target);
        put_rr(w, set.v[i], set.ttl_s);
        w->n_glue++;
    }
}

int render_referral(struct blob *blob, const struct tree *tree, const struct name_entry *cut)
{
    struct block_writer w = begin(blob, tree->model->zones[cut->zone].origin);
    struct rrset ns = tree_set(tree, cut, TYPE_NS);
    w.self = name_of(cut);
    for (uint32_t i = 0; i < ns.n; i++) {
        put_name(&w, w.self);
        put_rr(&w, ns.v[i], ns.ttl_s);
        w.n_rrs++;
    }
    for (uint32_t i = 0; i < ns.n; i++) {
        struct slice target = {ns.v[i]->rdata, ns.v[i]->rdlen};
        put_glue(&w, tree, cut->zone, target, TYPE_A);
        put_glue(&w, tree, cut->zone, target, TYPE_AAAA);
    }
    return finish(&w);
}
