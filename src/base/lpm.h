/* SPDX-License-Identifier: Apache-2.0
 * Longest-prefix tables: address -> (value, depth), where depth is the length of the shortest
 * prefix around the address in which every address has the same value. The depth of the leaf is
 * therefore the exact EDNS client-subnet scope (RFC 7871 7.2.1), nested prefixes elsewhere
 * included.
 *
 * A table is built as a `struct trie` (trie.h): prefixes are set, later ones over earlier ones,
 * leaves mapped, tries laid over each other. lpm_compile() lays the result out as a
 * popcount-compressed multibit table (poptrie) for lookups: no pointers, no allocation.
 *
 * IPv6 addresses that embed an IPv4 one are looked up by it; their depth counts the bits before it.
 * A neighbour's depth never swallows such a window, unless the whole IPv4 side has the neighbour's
 * value.
 *
 *     root4, root6   2^16 entries by the top 16 bits: 1|node index (31 bits) or
 *                    0|depth (7 bits)|value (24 bits)
 *     nodes          64 slots by the next 6 bits. `inner` has the slots that go on below: the k-th
 *                    of them is node child0 + k. `runs` has the slots where a leaf begins that
 *                    differs from the leaf before: the k-th such is leaves[leaf0 + k].
 *     leaves         depth (8 bits)|value (24 bits)
 *
 * An IPv4 lookup touches at most 1 + 3 nodes + 1 cache lines, an IPv6 one 1 + 19 + 1; most end
 * after one node. */
#pragma once

#include "base/arena.h"
#include "base/trie.h"

#define LPM_VALUE_MAX TRIE_VALUE_MAX

struct lpm_node {
    uint64_t inner, runs;
    uint32_t child0, leaf0;
};

struct lpm {
    const uint32_t *root4, *root6;
    const struct lpm_node *nodes;
    const uint32_t *leaves;
    bool direct; /* looked up in what stands above, by a processor that counts bits */
    uint32_t n_nodes, n_leaves;
    size_t bytes; /* of all tables; of one over a shared partition what is its own */
    /* Over a shared partition (lpm_share.h) instead; NULL: none. */
    const struct lpm_share *share;
    const uint32_t *value_of; /* by value of the partition */
    const uint64_t *whole;    /* bits by set of those values */
};

/** Compiles into `arena`. */
const struct lpm *lpm_compile(struct arena *arena,
                              const struct trie *trie) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Looks up an address of either family. Thread-safe, allocation-free. */
struct lpm_leaf lpm_lookup(const struct lpm *lpm, const struct ip *ip) ATTR_NONNULL ATTR_HOT;

/** Whether every index in the tables is in bounds and every path ends; for tests. */
bool lpm_validate(const struct lpm *lpm) ATTR_NONNULL;
