/* SPDX-License-Identifier: Apache-2.0
 * A zone while it is read. */
#include "config/zone_build.h"

#include "base/hash.h"
#include "dns/rdata.h"

#include <assert.h>
#include <sys/stat.h>

#define PACK_CHUNK (64u << 10)

void zone_pack_grow(struct zone_build *build)
{
    build->pack = arena_alloc(build->load->arena, PACK_CHUNK);
    build->pack_end = build->pack + PACK_CHUNK;
}

void zone_reserve(struct zone_build *build, size_t n)
{
    if (build->cap - build->n >= n)
        return;
    size_t cap = build->n + n;
    if (build->n && cap < build->cap * 2) /* not the first file: grow by doubling */
        cap = build->cap * 2;
    struct record *records = arena_alloc(build->load->arena, cap * sizeof *records);
    if (build->n)
        memcpy(records, build->records, build->n * sizeof *records);
    build->records = records;
    build->cap = cap;
}

uint16_t zone_add_file(struct zone_build *build, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && st.st_mtime > build->mtime_s)
        build->mtime_s = st.st_mtime;
    *vec_push(&build->files) = path;
    return (uint16_t)(build->files.n - 1);
}

/* memcmp() for a name after the other in a file: most differ in their first eight bytes or two. */
static bool same_bytes(const uint8_t *a, const uint8_t *b, unsigned n)
{
    for (; n >= 8; a += 8, b += 8, n -= 8)
        if (hash_load64(a) != hash_load64(b))
            return false;
    return memcmp(a, b, n) == 0;
}

void zone_set_owner(struct zone_build *build, const uint8_t *owner, unsigned n)
{
    if (n == build->owner_len && same_bytes(owner, build->owner, n))
        return;
    uint8_t *p = zone_pack(build);
    if (p != owner)
        memcpy(p, owner, n);
    build->owner = p;
    build->owner_len = (uint8_t)n;
    build->pack += n;
}

void zone_add_record(struct zone_build *build, uint16_t type, uint32_t ttl_s, struct slice rdata,
                     struct span span, uint16_t file)
{
    const uint8_t *kept = rdata.p;
    assert(rdata_check(type, rdata, &(struct rdata_error){0}) == 0);
    if (LIKELY(rdata.p == build->pack)) {
        build->pack += rdata.n;
    } else if (rdata.n <= PACK_MIN) {
        kept = zone_pack(build);
        if (rdata.n)
            memcpy(build->pack, rdata.p, rdata.n);
        build->pack += rdata.n;
    } else {
        kept = arena_copy(build->load->arena, rdata.p, rdata.n);
    }
    if (UNLIKELY(build->n == build->cap))
        zone_reserve(build, build->cap / 2 + 16);
    build->records[build->n++] =
        (struct record){.owner = build->owner,
                        .owner_len = build->owner_len,
                        .rdata = kept,
                        .rdlen = (uint16_t)rdata.n,
                        .type = type,
                        .ttl_s = ttl_s,
                        .line = span.line,
                        .column = (uint8_t)(span.column < UINT8_MAX ? span.column : UINT8_MAX),
                        .file = file};
}

static void name_site(struct zone_build *build, struct named_site named)
{
    struct slice key = slice_of(&named, sizeof named);
    if (strmap_get(&build->named, key) != STRMAP_NONE)
        return;
    *vec_push(&build->named_sites) = named;
    (void)strmap_add(&build->named, slice_of(arena_copy(build->load->scratch, key.p, key.n), key.n),
                     (uint32_t)build->named_sites.n);
}

static void name_ttl(struct zone_build *build, const struct pool_name *p)
{
    struct slice key = slice_of(&p->pool, sizeof p->pool);
    uint32_t at = strmap_get(&build->ttl_of, key);
    if (at == STRMAP_NONE) {
        at = (uint32_t)build->named_ttls.n;
        *vec_push(&build->named_ttls) = (struct named_ttl){.pool = p->pool};
        (void)strmap_add(&build->ttl_of,
                         slice_of(arena_copy(build->load->scratch, key.p, key.n), key.n), at);
    }
    struct named_ttl *ttl = &build->named_ttls.v[at];
    if (!p->has_ttl)
        ttl->bare = true;
    else if (p->ttl.max_s > ttl->max_s)
        ttl->max_s = p->ttl.max_s;
}

void zone_add_pool_name(struct zone_build *build, const struct pool_name *p, struct span span)
{
    const struct pool *pool = &build->load->model->pools[p->pool];
    if (pool->is_cname && p->answers > 1)
        diag_error(build->load->diags, span,
                   "answers is %u, but pool '%s' is of 'cname', expected 1: a name has one CNAME",
                   p->answers, pool->name);
    *vec_push(&build->pool_names) = *p;
    if (p->site)
        name_site(build, (struct named_site){p->pool, p->site - 1});
    name_ttl(build, p);
}

void zone_finish(struct zone_build *build, struct zone *out)
{
    struct arena *arena = build->load->arena;
    *out = (struct zone){.origin = build->origin,
                         .span = build->span,
                         .records = build->records,
                         .n_records = build->n,
                         .n_pool_names = build->pool_names.n,
                         .n_named_sites = (uint32_t)build->named_sites.n,
                         .n_named_ttls = (uint32_t)build->named_ttls.n,
                         .mtime_s = build->mtime_s};
    out->pool_names = vec_to_arena(&build->pool_names, arena);
    out->named_sites = vec_to_arena(&build->named_sites, arena);
    out->named_ttls = vec_to_arena(&build->named_ttls, arena);
    strmap_free(&build->named);
    strmap_free(&build->ttl_of);
    out->files.n = (uint32_t)build->files.n;
    out->files.v = vec_to_arena(&build->files, arena);
    build->load->pack = build->pack;
    build->load->pack_end = build->pack_end;
}
