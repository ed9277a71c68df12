/* SPDX-License-Identifier: Apache-2.0
 * A zone while it is read: the common end of YAML zones and zone files. */
#pragma once

#include "base/vec.h"
#include "config/load.h"

/* Records lie in one array that is made large enough beforehand (a line is a record at most, so
 * what is too much of it is never touched); owners and rdata are packed without padding. */
struct zone_build {
    struct load *load;
    struct slice origin; /* of the zone, lower case; n == 0 until it is known */
    struct span span;
    struct record *records;
    size_t n, cap;
    uint8_t *pack, *pack_end;
    const uint8_t *owner; /* of the record before: shared when it is the same */
    uint8_t owner_len;    /* 0: none yet */
    VEC(struct pool_name) pool_names;
    VEC(struct named_site) named_sites;
    struct strmap named; /* which those are */
    VEC(struct named_ttl) named_ttls;
    struct strmap ttl_of; /* where a pool's is */
    VEC(const char *) files;
    int64_t mtime_s;
};

#define PACK_MIN 2048 /* bytes that zone_pack() guarantees */

/** Starts another chunk of room. */
void zone_pack_grow(struct zone_build *build) ATTR_NONNULL ATTR_COLD;

/** Room for PACK_MIN bytes at build->pack, to be taken by moving `pack` up. */
static inline uint8_t *zone_pack(struct zone_build *build)
{
    if (UNLIKELY(build->pack_end - build->pack < PACK_MIN))
        zone_pack_grow(build);
    return build->pack;
}

/** Makes room for `n` more records. */
void zone_reserve(struct zone_build *build, size_t n) ATTR_NONNULL;

/** Registers a file: its index, and its time of change for the serial. */
uint16_t zone_add_file(struct zone_build *build, const char *path) ATTR_NONNULL;

/** Makes `owner` (lower case, within zone_pack()'s room or elsewhere) the current one. */
void zone_set_owner(struct zone_build *build, const uint8_t *owner, unsigned n) ATTR_NONNULL;

/** Adds a record of the current owner, with rdata that has passed rdata_check(); it is copied. Of
 * `span`, line and column matter. */
void zone_add_record(struct zone_build *build, uint16_t type, uint32_t ttl_s, struct slice rdata,
                     struct span span, uint16_t file) ATTR_NONNULL;

/** Finds what a dynamic name names, POOL or POOL/SITE, for p->pool and p->site. False after
 *  reporting; then p->pool is MODEL_NONE. `what` as in namespace_find(). */
bool zone_find_pool(struct load *load, const struct yaml_node *node, const char *what,
                    struct pool_name *p) ATTR_NONNULL;

/** Adds a dynamic name; `span` is where its `answers` stand. Refuses what its pool cannot do. */
void zone_add_pool_name(struct zone_build *build, const struct pool_name *p,
                        struct span span) ATTR_NONNULL;

/** Moves everything into the model's arena. */
void zone_finish(struct zone_build *build, struct zone *out) ATTR_NONNULL;
