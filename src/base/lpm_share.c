/* SPDX-License-Identifier: Apache-2.0
 * Many tables over one partition, see lpm_share.h. */
#include "base/lpm_share.h"

#include "base/give_way.h"
#include "base/hash.h"
#include "base/vec.h"

#include <assert.h>

#define MIXED UINT32_MAX
#define SLOTS_START 4096 /* a power of two; doubles when half full */

/* What lies below a link: a value (below n_values) or n_values + a set. */
struct pair {
    uint32_t a, b; /* a < b: which half a value is in does not matter to a set */
};

struct lpm_maker {
    struct arena *arena;
    const struct trie *trie; /* the partition as it was given */
    struct lpm_share *share;
    VEC(struct pair) pairs; /* by set; set 0 has none. What is below a pair comes before it */
    uint32_t *slots;        /* set by the hash of its pair; 0: free */
    uint32_t mask;
    uint32_t *mapped; /* room: the value of all that is below, or MIXED */
};

struct numbering {
    struct lpm_maker *maker;
    struct trie *trie; /* a copy, whose leaves get their numbers as values */
    VEC(struct lpm_tip) leaves;
    VEC(struct lpm_twig) twigs;
    uint32_t mixed; /* the set of a barrier, which is never marked */
};

static uint32_t *slot_of(const struct lpm_maker *m, struct pair pair)
{
    uint64_t key = (uint64_t)pair.a << 32 | pair.b;
    uint32_t at = (uint32_t)hash_bytes(0, (const uint8_t *)&key, sizeof key) & m->mask;
    for (; m->slots[at] != 0; at = (at + 1) & m->mask) {
        const struct pair *found = &m->pairs.v[m->slots[at]];
        if (found->a == pair.a && found->b == pair.b)
            break;
    }
    return &m->slots[at];
}

static void grow(struct lpm_maker *m)
{
    free(m->slots);
    m->mask = m->mask * 2 + 1;
    m->slots = xcalloc((size_t)m->mask + 1, sizeof *m->slots);
    for (uint32_t i = 1; i < m->pairs.n; i++)
        *slot_of(m, m->pairs.v[i]) = i;
}

/* The set of what is below two links. */
static uint32_t join(struct lpm_maker *m, uint32_t a, uint32_t b)
{
    if (a == b)
        return a;
    struct pair pair = a < b ? (struct pair){a, b} : (struct pair){b, a};
    uint32_t *slot = slot_of(m, pair);
    if (*slot == 0) {
        *slot = (uint32_t)m->pairs.n;
        *vec_push(&m->pairs) = pair;
    }
    uint32_t set = m->share->n_values + *slot;
    if (m->pairs.n > m->mask / 2)
        grow(m);
    return set;
}

/* Numbers what is below a link, and returns its set. Recursion is bounded by 128 bits. */
static uint32_t number(struct numbering *n, uint32_t *link, uint32_t outer)
{
    give_way_often();
    if (*link == TRIE_BARRIER)
        return n->mixed;
    if (trie_is_leaf(*link)) {
        uint32_t value = *link & TRIE_VALUE_MASK, index = (uint32_t)n->leaves.n;
        *vec_push(&n->leaves) = (struct lpm_tip){.value = value, .outer = outer};
        *link = TRIE_LEAF | (index & TRIE_VALUE_MASK);
        return value;
    }
    uint32_t twig = (uint32_t)n->twigs.n;
    *vec_push(&n->twigs) = (struct lpm_twig){.outer = outer};
    uint32_t left = number(n, &n->trie->node[*link][0], twig);
    uint32_t right = number(n, &n->trie->node[*link][1], twig);
    uint32_t set = join(n->maker, left, right);
    /* Two halves with one value are one leaf, so that a twig's set is a pair. */
    n->twigs.v[twig].set = set - n->maker->share->n_values;
    return set;
}

/* Windows of a partition that knows nothing of IPv4 are closed, as lpm_compile() does. */
static struct trie *own_copy(const struct trie *trie)
{
    if (trie_is_leaf(trie->root4))
        return trie_without_windows(trie, trie->root4 & TRIE_VALUE_MASK);
    return trie_clone(trie);
}

static void finish(struct numbering *n, struct arena *arena)
{
    struct lpm_share *share = n->maker->share;
    for (size_t i = 0; i < n->leaves.n; i++)
        n->leaves.v[i].set = n->twigs.v[n->leaves.v[i].outer].set;
    share->table = lpm_compile(arena, n->trie);
    share->n_leaves = (uint32_t)n->leaves.n;
    share->n_twigs = (uint32_t)n->twigs.n;
    share->n_sets = (uint32_t)n->maker->pairs.n;
    share->leaves = vec_to_arena(&n->leaves, arena);
    share->twigs = vec_to_arena(&n->twigs, arena);
    share->bytes = share->table->bytes + share->n_leaves * sizeof(struct lpm_tip) +
                   share->n_twigs * sizeof(struct lpm_twig);
}

struct lpm_maker *lpm_maker_new(struct arena *arena, const struct trie *trie, uint32_t n_values)
{
    struct lpm_maker *m = xcalloc(1, sizeof *m);
    struct numbering n = {.maker = m, .trie = own_copy(trie)};
    *m = (struct lpm_maker){.arena = arena, .trie = trie, .mask = SLOTS_START - 1};
    m->share = arena_calloc(arena, 1, sizeof *m->share);
    m->share->n_values = n_values;
    m->slots = xcalloc(SLOTS_START, sizeof *m->slots);
    *vec_push(&m->pairs) = (struct pair){MIXED, MIXED}; /* set 0: around everything, and barriers */
    *vec_push(&n.twigs) = (struct lpm_twig){0};
    n.mixed = n_values;
    (void)number(&n, &n.trie->root4, 0);
    (void)number(&n, &n.trie->root6, 0);
    bool fits = n.leaves.n <= LPM_VALUE_MAX;
    if (fits)
        finish(&n, arena);
    trie_free(n.trie);
    vec_free(&n.leaves);
    vec_free(&n.twigs);
    free(m->slots);
    m->slots = NULL;
    m->mapped = xmalloc(((size_t)n_values + m->pairs.n) * sizeof *m->mapped);
    if (fits)
        return m;
    lpm_maker_free(m);
    return NULL;
}

void lpm_maker_free(struct lpm_maker *m)
{
    if (!m)
        return;
    vec_free(&m->pairs);
    free(m->slots);
    free(m->mapped);
    free(m);
}

const struct lpm_share *lpm_maker_share(const struct lpm_maker *m)
{
    return m->share;
}

static size_t whole_words(const struct lpm_share *share)
{
    return ((size_t)share->n_sets + 63) / 64;
}

size_t lpm_maker_table_bytes(const struct lpm_maker *m)
{
    return sizeof(struct lpm) + m->share->n_values * sizeof(uint32_t) +
           whole_words(m->share) * sizeof(uint64_t);
}

static uint32_t map_leaf(void *ctx, uint32_t value)
{
    return ((const uint32_t *)ctx)[value];
}

/* A mapping that does not tell two IPv4 clients apart: neighbours of windows reach over them. */
static const struct lpm *compile_alone(const struct lpm_maker *m, const uint32_t *value_of)
{
    struct trie *trie = trie_clone(m->trie);
    trie_map(trie, map_leaf, (void *)value_of);
    const struct lpm *lpm = lpm_compile(m->arena, trie);
    trie_free(trie);
    return lpm;
}

/* Fills m->mapped. In one pass, as a pair comes after what is below it. */
static void map_sets(struct lpm_maker *m, const uint32_t *value_of, uint64_t *whole)
{
    uint32_t *values = m->mapped, *sets = m->mapped + m->share->n_values;
    memcpy(values, value_of, m->share->n_values * sizeof *values);
    sets[0] = MIXED;
    for (uint32_t i = 1; i < m->pairs.n; i++) {
        uint32_t a = values[m->pairs.v[i].a], b = values[m->pairs.v[i].b];
        sets[i] = a == b ? a : MIXED;
    }
    for (uint32_t i = 1; i < m->pairs.n; i++)
        whole[i / 64] |= (uint64_t)(sets[i] != MIXED) << i % 64;
}

static bool is_marked(const uint64_t *whole, uint32_t set)
{
    return whole[set / 64] >> set % 64 & 1;
}

const struct lpm *lpm_maker_table(struct lpm_maker *m, const uint32_t *value_of)
{
    const struct lpm_share *share = m->share;
    uint64_t *whole = arena_calloc(m->arena, whole_words(share), sizeof *whole);
    map_sets(m, value_of, whole);
    /* Twig 1 is the root of IPv4, or of all that there is. */
    if (share->n_twigs < 2 || is_marked(whole, share->twigs[1].set))
        return compile_alone(m, value_of);
    struct lpm *lpm = arena_calloc(m->arena, 1, sizeof *lpm);
    lpm->share = share;
    lpm->whole = whole;
    lpm->value_of = arena_copy(m->arena, value_of, share->n_values * sizeof *value_of);
    lpm->bytes = lpm_maker_table_bytes(m);
    return lpm;
}

bool lpm_share_validate(const struct lpm_share *share)
{
    const struct lpm_twig *twigs = share->twigs;
    bool ok = lpm_validate(share->table) && share->n_twigs > 0 && twigs[0].set == 0;
    for (uint32_t i = 0; ok && i < share->n_leaves; i++) {
        const struct lpm_tip *tip = &share->leaves[i];
        ok = tip->outer < share->n_twigs && tip->value < share->n_values &&
             tip->set == twigs[tip->outer].set;
    }
    for (uint32_t i = 1; ok && i < share->n_twigs; i++)
        ok = twigs[i].outer < i && twigs[i].set < share->n_sets;
    return ok;
}
