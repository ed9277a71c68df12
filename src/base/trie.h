/* SPDX-License-Identifier: Apache-2.0
 * Binary trie over both address families: partitions of the address space while they are built.
 *
 *     link = 1 | value (24 bits)      a leaf: every address below has this value
 *     link = 0 | index of a node      node[index] = { link of bit 0, link of bit 1 }
 *
 * Invariant: no node has two equal leaves, so that a leaf's depth is the length of the shortest
 * prefix around its addresses in which all have one value (trie_validate()).
 *
 * IPv4 and IPv6 are two tries in one array. Four IPv6 prefixes are windows onto the IPv4 side:
 *
 *     ::ffff:0:0/96    IPv4-mapped     IPv4 bits at 96
 *     64:ff9b::/96     NAT64           IPv4 bits at 96
 *     2002::/16        6to4            IPv4 bits at 16
 *     2001::/32        Teredo          IPv4 bits at 96, inverted
 *
 * In the IPv6 trie each of them is one leaf, the barrier, that nothing ever changes or splits. An
 * IPv6 prefix that covers a window says nothing of the addresses in it: they are IPv4 clients. A
 * prefix inside a window stands for the IPv4 prefix in it, see trie_fold(). */
#pragma once

#include "base/ip.h"

#include <stdio.h>

#define TRIE_LEAF (1u << 31)
#define TRIE_VALUE_MASK ((1u << 24) - 1)
#define TRIE_BARRIER (TRIE_LEAF | TRIE_VALUE_MASK)
#define TRIE_VALUE_MAX (TRIE_VALUE_MASK - 1) /* one code is the barrier */

struct trie {
    uint32_t (*node)[2];
    uint32_t n, cap;
    uint32_t free; /* index + 1 of the first free node; linked through node[i][0]; 0: none */
    uint32_t root4, root6;
};

/** A trie in which every address has `value`. Owned by the caller. */
struct trie *trie_new(uint32_t value) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void trie_free(struct trie *trie);
struct trie *trie_clone(const struct trie *trie) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** The prefix that stands in the trie for `prefix`: itself, or the IPv4 prefix if it lies inside a
 *  window (6to4 prefixes past /48 give the /32 that owns them). False when it stands for nothing: a
 *  whole window, or a part of Teredo's that ends before the IPv4 bits. */
bool trie_fold(struct ip_prefix *out, const struct ip_prefix *prefix) ATTR_NONNULL;

/** Sets a whole prefix (folded), hiding what was set inside it before. value <= TRIE_VALUE_MAX. */
void trie_set(struct trie *trie, const struct ip_prefix *prefix, uint32_t value) ATTR_NONNULL;

typedef uint32_t trie_map_fn(void *ctx, uint32_t value);
/** Replaces each leaf's value by map(ctx, value). `map` should memoise: it is called per leaf. */
void trie_map(struct trie *trie, trie_map_fn *map, void *ctx) ATTR_NONNULL;
/** As trie_map(), for the leaves inside `prefix` (folded) only, splitting leaves that cover it. */
void trie_map_prefix(struct trie *trie, const struct ip_prefix *prefix, trie_map_fn *map,
                     void *ctx) ATTR_NONNULL;

typedef uint32_t trie_zip_fn(void *ctx, uint32_t a, uint32_t b);
/** A new trie in which each address has fn(ctx, its value in a, its value in b). One pass over both
 *  without copying either: the way to map a big trie and lay a small one over it at once. */
struct trie *trie_zip(const struct trie *a, const struct trie *b, trie_zip_fn *fn,
                      void *ctx) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

typedef void trie_walk_fn(void *ctx, const struct ip_prefix *prefix, uint32_t value);
/** Visits every leaf in address order, IPv4 first; windows are passed over. */
void trie_walk(const struct trie *trie, trie_walk_fn *visit, void *ctx) ATTR_NONNULL;

struct lpm_leaf {
    uint32_t value;
    uint8_t depth; /* in bits of the address as it was asked: 0..32 or 0..128 */
};

/** Looks an address up bit by bit. The depth of an address in a window whose IPv4 side has a single
 *  value is that of the window (lpm_lookup() knows better). */
struct lpm_leaf trie_find(const struct trie *trie, const struct ip *ip) ATTR_NONNULL;
uint32_t trie_get(const struct trie *trie, const struct ip *ip) ATTR_NONNULL;

/** Whether all invariants hold; for tests. */
bool trie_validate(const struct trie *trie) ATTR_NONNULL;
/** Prints one `PREFIX VALUE` a line. */
void trie_dump(const struct trie *trie, FILE *out) ATTR_NONNULL;

static inline bool trie_is_leaf(uint32_t link)
{
    return link & TRIE_LEAF;
}

/** The link of one side of a node, or the leaf itself for what lies below a leaf. */
static inline uint32_t trie_child(const struct trie *trie, uint32_t link, unsigned side)
{
    return trie_is_leaf(link) ? link : trie->node[link][side];
}

/** The same trie with the windows closed: barriers become leaves of `value`, merged with their
 *  neighbours. For a trie whose IPv4 side has that one value. */
struct trie *trie_without_windows(const struct trie *trie,
                                  uint32_t value) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
