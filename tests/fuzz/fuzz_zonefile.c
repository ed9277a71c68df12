/* SPDX-License-Identifier: Apache-2.0
 * Zone files: what is accepted is a list of sound records, what is refused has a position. */
#include "config/load.h"
#include "config/sources.h"
#include "config/zonefile.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/rr.h"
#include "fuzz.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_records(const struct zone *zone)
{
    uint16_t at[2];
    bool compressible;
    struct rdata_error error;
    for (size_t i = 0; i < zone->n_records; i++) {
        const struct record *r = &zone->records[i];
        struct slice rdata = slice_of(r->rdata, r->rdlen);
        CHECK(name_check(slice_of(r->owner, r->owner_len)) == r->owner_len);
        CHECK(r->ttl_s <= INT32_MAX && r->line > 0 && r->file < zone->files.n);
        CHECK(rdata_check(r->type, rdata, &error) == 0);
        unsigned names = rr_rdata_names(r->type, rdata, at, &compressible);
        for (unsigned j = 0; j < names; j++)
            CHECK(name_check(slice_of(rdata.p + at[j], rdata.n - at[j])) > 0);
    }
    for (size_t i = 0; i < zone->n_pool_names; i++)
        CHECK(zone->pool_names[i].pool == 0 && zone->pool_names[i].owner_len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char name[] = "www";
    static int fd = -1;
    char path[64];
    struct diags diags;
    struct zone zone;
    struct pool pool = {.name = name};
    struct model model = {.pools = &pool, .n_pools = 1};
    struct definition definition = {.name = name};
    struct load load = {.arena = arena_new(), .scratch = arena_new(), .diags = &diags};
    struct zone_build build = {.load = &load};
    static const uint8_t origin[] = "\7example\3com";

    if (fd < 0)
        fd = memfd_create("zone", 0);
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, n, 0) == (ssize_t)n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    diags_init(&diags);
    load.model = &model;
    load.pools = (struct namespace){.kind = "pool", .v = &definition, .n = 1};
    (void)strmap_add(&load.pools.index, slice_str(name), 0);
    build.origin = slice_of(origin, sizeof origin);

    zonefile_read(&build, path, (struct span){0});
    zone_finish(&build, &zone);
    check_records(&zone);
    for (size_t i = 0; i < diags.n; i++)
        CHECK(diags.v[i].span.line > 0 && diags.v[i].span.column > 0);

    strmap_free(&load.pools.index);
    vec_free(&load.sources);
    diags_free(&diags);
    arena_free(load.scratch);
    arena_free(load.arena);
    return 0;
}
