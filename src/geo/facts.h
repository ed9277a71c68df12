/* SPDX-License-Identifier: Apache-2.0
 * Facts: places while they are put together from records, several databases and networks. Interned,
 * so that a trie's 24-bit value stands for one. */
#pragma once

#include "geo/geo.h"
#include "geo/mmdb.h"

#define FROM_NETWORKS (1u << 31) /* bits below: databases by index */
#define DATABASES_MAX 31

struct facts {
    struct place place; /* `source` unset, `coarse` only where a network gives a country */
    uint32_t from;      /* who contributed */
};

/** Facts that are known of no address: index 0 of every interner. */
extern const struct facts facts_none;

struct interner {
    struct facts *v;
    uint32_t n, cap;
    uint32_t *slots; /* index + 1; 0: free */
    uint32_t mask;
    bool full; /* more than a trie has values for: some were given index 0 */
};

void interner_init(struct interner *interner) ATTR_NONNULL;
void interner_free(struct interner *interner) ATTR_NONNULL;
/** The index of equal facts, added if need be. */
uint32_t interner_add(struct interner *interner, const struct facts *facts) ATTR_NONNULL;

/** Hash map from 64-bit keys to indices: what was worked out before. */
struct memo {
    struct memo_slot {
        uint64_t key;
        uint32_t value;
        bool used;
    } * slots;
    uint32_t n, mask;
};

void memo_free(struct memo *memo) ATTR_NONNULL;
/** The slot of `key`; a new one has `used` unset, and the caller sets it with its value before the
 *  next call. */
struct memo_slot *memo_at(struct memo *memo, uint64_t key) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Reads one record of a database. Returns 0 with what it says, `from` being 0 when none of the
 *  known keys gives anything; or E_SYNTAX when it is broken, with mmdb->wrong. */
int facts_read(struct facts *out, struct mmdb *mmdb, uint32_t offset,
               uint32_t from) ATTR_NONNULL ATTR_MUST_USE;

/** The keys that facts_read() looks for, for messages. */
extern const char facts_known_keys[];

/** `first`, with what it lacks taken from `later`. Subdivision and coordinates belong to a country:
 *  they are taken only when both agree on it, or one has none. */
struct facts facts_merge(const struct facts *first, const struct facts *later) ATTR_NONNULL;

/** `below`, replaced by what a network says. `site` is that of the network, or NULL. */
struct facts facts_overlay(const struct facts *below, const struct geo_network *network,
                           const struct site *site);

/** Gives a place what its country implies: the continent, and a coarse coordinate. */
void place_complete(struct place *place) ATTR_NONNULL;
