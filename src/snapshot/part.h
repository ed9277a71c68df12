/* SPDX-License-Identifier: Apache-2.0
 * Parts: the nodes of a few zones, compiled once and shared by all generations that need them.
 *
 * All parts of a process lie in one reserved range of addresses, so that an offset from its start
 * names a node whatever generation looks, and a reload that keeps a part moves nothing of it. Large
 * parts have pages (huge ones where possible) of their own, read-only; small ones are packed
 * without padding. A part is counted by the snapshots that use it, and its place is free again when
 * the last of them is. Everything here may be called on any thread. */
#pragma once

#include "base/diag.h"

#define PART_UNIT 8     /* bytes: places in the range are counted in these */
#define PART_NOWHERE 0u /* the place of no node */
#define PART_NOBODY 1u  /* a node that has no name and thus equals none */

struct part {
    uint32_t users; /* under the range's lock */
    uint32_t start; /* in units; PART_NOWHERE while empty */
    uint64_t len;   /* in bytes, a multiple of the unit */
    bool sealed;    /* its own pages are read-only */
    uint32_t n_names;
    uint32_t n_zones;
    uint32_t *places;   /* n_names, in units: only until the index is built */
    struct diags notes; /* of its compilation: told again by each reload that keeps it */
};

/** Reserves the range, once. False when no addresses can be had: then no part can be placed, and
 *  part_base() must not be asked. */
bool part_reserve(void) ATTR_MUST_USE;

/** Where the range begins. The same for the life of the process. */
const uint8_t *part_base(void) ATTR_RETURNS_NONNULL;

/** An empty part with one user. */
struct part *part_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Gives the part a place of `len` bytes; sets start and len. Returns where to write; NULL when the
 *  range is full. */
uint8_t *part_place(struct part *part, uint64_t len) ATTR_NONNULL ATTR_MUST_USE;

/** Ends writing. A large part becomes read-only, while there are not PART_SEALED_MAX: each takes
 * two mappings of the process, of which the kernel allows 65,530 (vm.max_map_count) and the range
 *  itself, threads and libraries need some. */
#define PART_SEALED_MAX 8192
void part_seal(struct part *part) ATTR_NONNULL;

struct part *part_use(struct part *part) ATTR_NONNULL;
void part_release(struct part *part);

/** Whether a place is the part's. */
static inline bool part_holds(const struct part *part, uint32_t place)
{
    return place - part->start < part->len / PART_UNIT;
}

/** Bytes of all parts now, for figures and tests. */
uint64_t part_bytes(void);
