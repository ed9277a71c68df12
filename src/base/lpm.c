/* SPDX-License-Identifier: Apache-2.0
 * Compiled longest-prefix tables, see lpm.h. */
#include "base/lpm.h"

#include "base/lpm_share.h"
#include "base/vec.h"

#include <assert.h>

__extension__ typedef unsigned __int128 u128;

#define ROOT_BITS 16
#define ROOT_SIZE (1u << ROOT_BITS)
#define STRIDE 6
#define ENTRY_NODE (1u << 31)
#define DEPTH_SHIFT 24
#define BARRIER TRIE_VALUE_MASK /* as a value */

/* The x86-64 baseline has no POPCNT, and the function that takes its place makes a look-up of a
 * random IPv4 address in the country database take 26 ns instead of 16. */
#if defined(__x86_64__) && !defined(__POPCNT__)
#define MAYBE_COUNTS
#define COUNTS __builtin_cpu_supports("popcnt")
#else
#define COUNTS true
#endif

/* --- building --- */

struct slot {
    uint32_t link;
    unsigned depth;
};

struct builder {
    const struct trie *trie;
    VEC(struct lpm_node) nodes;
    VEC(uint32_t) leaves;
};

/* Expands what lies below `link` into 2^width slots. */
static void spread(const struct trie *t, uint32_t link, unsigned depth, unsigned width,
                   struct slot *slots)
{
    if (width == 0 || trie_is_leaf(link)) {
        for (unsigned i = 0; i < 1u << width; i++)
            slots[i] = (struct slot){link, depth};
        return;
    }
    spread(t, t->node[link][0], depth + 1, width - 1, slots);
    spread(t, t->node[link][1], depth + 1, width - 1, slots + (1u << (width - 1)));
}

static uint32_t leaf_entry(const struct slot *slot)
{
    return slot->depth << DEPTH_SHIFT | (slot->link & TRIE_VALUE_MASK);
}

static void build_node(struct builder *b, uint32_t index, uint32_t link, unsigned depth)
{
    struct slot slots[1 << STRIDE];
    struct lpm_node node = {.leaf0 = (uint32_t)b->leaves.n, .child0 = (uint32_t)b->nodes.n};
    bool any = false;
    spread(b->trie, link, depth, STRIDE, slots);
    for (unsigned i = 0; i < ARRAY_LEN(slots); i++) {
        if (!trie_is_leaf(slots[i].link)) {
            node.inner |= UINT64_C(1) << i;
            (void)vec_push(&b->nodes);
            continue;
        }
        uint32_t entry = leaf_entry(&slots[i]);
        if (any && b->leaves.v[b->leaves.n - 1] == entry)
            continue;
        any = true;
        node.runs |= UINT64_C(1) << i;
        *vec_push(&b->leaves) = entry;
    }
    b->nodes.v[index] = node;
    uint32_t child = node.child0;
    for (unsigned i = 0; i < ARRAY_LEN(slots); i++)
        if (!trie_is_leaf(slots[i].link))
            build_node(b, child++, slots[i].link, depth + STRIDE);
}

static const uint32_t *build_root(struct builder *b, struct arena *arena, uint32_t link)
{
    uint32_t *root = arena_alloc(arena, ROOT_SIZE * sizeof *root);
    struct slot *slots = xmalloc(ROOT_SIZE * sizeof *slots);
    spread(b->trie, link, 0, ROOT_BITS, slots);
    for (unsigned i = 0; i < ROOT_SIZE; i++) {
        if (trie_is_leaf(slots[i].link)) {
            root[i] = leaf_entry(&slots[i]);
            continue;
        }
        uint32_t index = (uint32_t)b->nodes.n;
        (void)vec_push(&b->nodes);
        root[i] = ENTRY_NODE | index;
        build_node(b, index, slots[i].link, ROOT_BITS);
    }
    free(slots);
    return root;
}

static const struct lpm *build(struct arena *arena, const struct trie *trie)
{
    struct builder b = {.trie = trie};
    struct lpm *lpm = arena_calloc(arena, 1, sizeof *lpm);
    lpm->root4 = build_root(&b, arena, trie->root4);
    lpm->root6 = build_root(&b, arena, trie->root6);
    assert(b.nodes.n < ENTRY_NODE && b.leaves.n <= UINT32_MAX);
    lpm->direct = COUNTS;
    lpm->n_nodes = (uint32_t)b.nodes.n;
    lpm->n_leaves = (uint32_t)b.leaves.n;
    lpm->bytes = 2 * ROOT_SIZE * sizeof(uint32_t) + b.nodes.n * sizeof *b.nodes.v +
                 b.leaves.n * sizeof *b.leaves.v;
    lpm->nodes = vec_to_arena(&b.nodes, arena);
    lpm->leaves = vec_to_arena(&b.leaves, arena);
    return lpm;
}

const struct lpm *lpm_compile(struct arena *arena, const struct trie *trie)
{
    if (!trie_is_leaf(trie->root4))
        return build(arena, trie);
    struct trie *closed = trie_without_windows(trie, trie->root4 & TRIE_VALUE_MASK);
    const struct lpm *lpm = build(arena, closed);
    trie_free(closed);
    return lpm;
}

/* --- looking up --- */

/* An address with its first bit highest, zeros after its last. */
struct key {
    uint64_t high, low;
};

/* Returns depth|value. The trie ends at the address's last bit, so that the loop does too. For IPv4
 * `low` is the constant 0, and shifting it costs nothing. */
static inline ATTR_ALWAYS_INLINE uint32_t find(const struct lpm *lpm, const uint32_t *root,
                                               struct key key)
{
    uint32_t entry = root[key.high >> (64 - ROOT_BITS)];
    unsigned shift = ROOT_BITS;
    if (!(entry & ENTRY_NODE))
        return entry;
    const struct lpm_node *node = &lpm->nodes[entry & ~ENTRY_NODE];
    for (;; shift = STRIDE) {
        key.high = key.high << shift | key.low >> (64 - shift);
        key.low <<= shift;
        unsigned slot = (unsigned)(key.high >> (64 - STRIDE));
        uint64_t upto = (UINT64_C(2) << slot) - 1;
        if (!(node->inner >> slot & 1)) {
            uint32_t k = (uint32_t)__builtin_popcountll(node->runs & upto) - 1;
            return lpm->leaves[node->leaf0 + k];
        }
        uint32_t k = (uint32_t)__builtin_popcountll(node->inner & upto) - 1;
        node = &lpm->nodes[node->child0 + k];
    }
}

static inline struct key key_v4(const struct ip *ip)
{
    uint32_t be;
    memcpy(&be, ip->b, 4);
    return (struct key){(uint64_t)__builtin_bswap32(be) << 32, 0};
}

static inline struct key key_v6(const struct ip *ip)
{
    uint64_t be[2];
    memcpy(be, ip->b, 16);
    return (struct key){__builtin_bswap64(be[0]), __builtin_bswap64(be[1])};
}

static inline struct lpm_leaf leaf_of(uint32_t entry)
{
    return (struct lpm_leaf){entry & TRIE_VALUE_MASK, (uint8_t)(entry >> DEPTH_SHIFT)};
}

static inline ATTR_ALWAYS_INLINE struct lpm_leaf lookup_v6(const struct lpm *lpm,
                                                           const struct ip *ip)
{
    struct ip v4;
    unsigned before = 0;
    struct lpm_leaf leaf = leaf_of(find(lpm, lpm->root6, key_v6(ip)));
    if (UNLIKELY(leaf.value == BARRIER) && ip_embedded_v4(ip, &v4, &before)) {
        leaf = leaf_of(find(lpm, lpm->root4, key_v4(&v4)));
        leaf.depth = (uint8_t)(leaf.depth + before);
    }
    return leaf;
}

static inline ATTR_ALWAYS_INLINE struct lpm_leaf lookup_v4(const struct lpm *lpm,
                                                           const struct ip *ip)
{
    return leaf_of(find(lpm, lpm->root4, key_v4(ip)));
}

static __attribute__((noinline)) struct lpm_leaf lookup(const struct lpm *lpm, const struct ip *ip)
{
    return ip->family == IP_V4 ? lookup_v4(lpm, ip) : lookup_v6(lpm, ip);
}

#ifdef MAYBE_COUNTS
__attribute__((target("popcnt"), noinline)) static struct lpm_leaf
lookup_v6_counting(const struct lpm *lpm, const struct ip *ip)
{
    return lookup_v6(lpm, ip);
}

__attribute__((target("popcnt"), noinline)) static struct lpm_leaf
lookup_counting(const struct lpm *lpm, const struct ip *ip)
{
    return LIKELY(ip->family == IP_V4) ? lookup_v4(lpm, ip) : lookup_v6_counting(lpm, ip);
}
#else
#define lookup_counting lookup
#endif

static __attribute__((noinline)) struct lpm_leaf lookup_otherwise(const struct lpm *lpm,
                                                                  const struct ip *ip)
{
    if (!lpm->share)
        return lookup(lpm, ip);
    const struct lpm *table = lpm->share->table;
    return lpm_share_map(lpm, table->direct ? lookup_counting(table, ip) : lookup(table, ip));
}

/* One test, of a word beside those that are needed anyway, for both: who cannot count bits, and
 * whose table is shared. */
struct lpm_leaf lpm_lookup(const struct lpm *lpm, const struct ip *ip)
{
    return LIKELY(lpm->direct) ? lookup_counting(lpm, ip) : lookup_otherwise(lpm, ip);
}

/* --- self-description --- */

struct census {
    uint32_t nodes[32], leaves[32]; /* by level below the root */
};

static bool count_below(const struct lpm *lpm, uint32_t index, unsigned level, unsigned levels,
                        struct census *census)
{
    if (index >= lpm->n_nodes || level >= levels)
        return false;
    const struct lpm_node *node = &lpm->nodes[index];
    unsigned n_children = (unsigned)__builtin_popcountll(node->inner);
    unsigned n_runs = (unsigned)__builtin_popcountll(node->runs);
    bool first_leaf_runs =
        node->inner == UINT64_MAX || (node->runs & (~node->inner & -~node->inner));
    if ((node->inner & node->runs) || !first_leaf_runs || node->leaf0 > lpm->n_leaves ||
        n_runs > lpm->n_leaves - node->leaf0)
        return false;
    census->nodes[level]++;
    census->leaves[level] += n_runs;
    for (unsigned i = 0; i < n_children; i++)
        if (!count_below(lpm, node->child0 + i, level + 1, levels, census))
            return false;
    return true;
}

static bool count_root(const struct lpm *lpm, const uint32_t *root, unsigned bits,
                       struct census *census)
{
    unsigned levels = (bits - ROOT_BITS + STRIDE - 1) / STRIDE;
    for (unsigned i = 0; i < ROOT_SIZE; i++)
        if ((root[i] & ENTRY_NODE) && !count_below(lpm, root[i] & ~ENTRY_NODE, 0, levels, census))
            return false;
    return true;
}

bool lpm_validate(const struct lpm *lpm)
{
    struct census census = {0};
    if (lpm->share)
        return lpm_share_validate(lpm->share);
    if (!count_root(lpm, lpm->root4, 32, &census) || !count_root(lpm, lpm->root6, 128, &census))
        return false;
    size_t nodes = 0, leaves = 0;
    for (unsigned i = 0; i < ARRAY_LEN(census.nodes); i++) {
        nodes += census.nodes[i];
        leaves += census.leaves[i];
    }
    return nodes == lpm->n_nodes && leaves == lpm->n_leaves;
}
