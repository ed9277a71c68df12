/* SPDX-License-Identifier: Apache-2.0
 * Many tables over one partition of the address space.
 *
 * lpm_compile() lays out a table of megabytes for each mapping of a partition's values. Hundreds of
 * mappings of one partition share its prefixes instead: each of them is the value that it gives to
 * each value of the partition, and one bit for each set of those that lies below some prefix.
 *
 *  - table: the partition itself as a table; each leaf of its trie is numbered.
 *  - leaves, by that number: the partition's value, the prefix around it that is one bit shorter (a
 *    twig), and the set of values that lies below that.
 *  - twigs: the prefix around that one, and the set of values that lies below this.
 *
 * Equal sets (hash-consed: a set is a value, or a pair of sets) have one number: the country
 * database's 864,000 leaves make 234,000. A mapping marks the sets all of whose values it gives the
 * same one. A look-up finds the leaf, maps its value, and goes outwards while the set around it is
 * marked: the depth is that of the outermost marked prefix, as exact as that of lpm_compile(). */
#pragma once

#include "base/lpm.h"

struct lpm_twig {
    uint32_t outer; /* the twig around it; 0: none, whose set is 0 */
    uint32_t set;
};

struct lpm_tip {
    uint32_t value, outer;
    uint32_t set; /* of `outer`: mostly it is not marked, and all is said */
};

struct lpm_share {
    const struct lpm *table;
    const struct lpm_tip *leaves;
    const struct lpm_twig *twigs;
    uint32_t n_leaves, n_twigs;
    uint32_t n_values; /* of the partition */
    uint32_t n_sets;   /* set 0 is never marked */
    size_t bytes;      /* of all that is shared */
};

/** A partition whose mappings are being made. */
struct lpm_maker;

/** Prepares a partition, whose values are below `n_values`; `trie` is borrowed until
 *  lpm_maker_free(). What tables share is in `arena`. NULL: it has more leaves than can be
 * numbered. */
struct lpm_maker *lpm_maker_new(struct arena *arena, const struct trie *trie,
                                uint32_t n_values) ATTR_NONNULL ATTR_MUST_USE;
void lpm_maker_free(struct lpm_maker *maker);

const struct lpm_share *
lpm_maker_share(const struct lpm_maker *maker) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** The table that maps value i of the partition to value_of[i], in the arena of its maker. */
const struct lpm *lpm_maker_table(struct lpm_maker *maker,
                                  const uint32_t *value_of) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Bytes of such a table, for a partition like this. */
size_t lpm_maker_table_bytes(const struct lpm_maker *maker) ATTR_NONNULL;

/** What a table over a shared partition says of a leaf of that. */
static inline struct lpm_leaf lpm_share_map(const struct lpm *lpm, struct lpm_leaf leaf)
{
    const struct lpm_share *share = lpm->share;
    const struct lpm_tip *tip = &share->leaves[leaf.value];
    leaf.value = lpm->value_of[tip->value];
    for (uint32_t set = tip->set, at = tip->outer; lpm->whole[set / 64] >> set % 64 & 1;) {
        at = share->twigs[at].outer;
        set = share->twigs[at].set;
        leaf.depth--;
    }
    return leaf;
}

/** Whether every index is in bounds and every way outwards ends; for tests. */
bool lpm_share_validate(const struct lpm_share *share) ATTR_NONNULL;
