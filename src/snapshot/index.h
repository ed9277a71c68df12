/* SPDX-License-Identifier: Apache-2.0
 * Name -> node, for the names of all zones in one table.
 *
 * Open addressing over whole lower-case names. A bucket is one cache line of eight (tag, offset)
 * pairs, filled from the front; what does not fit goes to the next bucket. Offsets count from the
 * base of all parts (part.h), so that a reload copies the table and touches what changed: a pair
 * that is taken out leads to PART_NOBODY, and its place is used by the next that comes. At a load
 * of 0.55 an exact hit costs one bucket and one node. Besides the names of the records, every
 * ancestor of each is a name of its own, up to the root: empty non-terminals inside the zones,
 * NODE_OUTSIDE nodes above them. Which suffixes of a name exist is therefore monotone in their
 * length, and the closest encloser can be bisected. */
#pragma once

#include "base/hash.h"
#include "dns/name.h"
#include "snapshot/node.h"
#include "snapshot/part.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BUCKET_SLOTS 8

struct bucket {
    uint32_t tag[BUCKET_SLOTS];    /* low half of the hash */
    uint32_t offset[BUCKET_SLOTS]; /* of the node, in units of 8 bytes; 0: free */
} ATTR_CACHELINE;
static_assert(sizeof(struct bucket) == 64, "one bucket is one cache line");

struct index {
    const struct bucket *buckets;
    const uint8_t *blob; /* part_base() */
    uint64_t seed;
    uint32_t n_buckets;
    uint32_t n_names;
    uint32_t n_nobodies;
    uint32_t max_labels; /* at least those of any name: longer suffixes need no probe */
    void *map;           /* what index_free() unmaps: the buckets, read-only */
    size_t map_len;
};

static inline uint64_t index_hash(const struct index *ix, struct slice name)
{
    return hash_bytes(ix->seed, name.p, name.n);
}

static inline const struct bucket *index_bucket(const struct index *ix, uint64_t hash)
{
    return &ix->buckets[((hash >> 32) * ix->n_buckets) >> 32];
}

static inline const struct node *index_node(const struct index *ix, uint32_t offset)
{
    return (const struct node *)(const void *)(ix->blob + 8 * (size_t)offset);
}

/** Equality of two lower-case names of the same length, eight bytes at a time. */
static inline bool index_same(const uint8_t *a, const uint8_t *b, uint32_t n)
{
    if (n < 8) {
        uint32_t i = 0;
        while (i < n && a[i] == b[i])
            i++;
        return i == n;
    }
    for (uint32_t i = 0; i + 8 < n; i += 8) {
        if (hash_load64(a + i) != hash_load64(b + i))
            return false;
    }
    return hash_load64(a + n - 8) == hash_load64(b + n - 8);
}

static inline bool index_is(const struct node *node, struct slice name)
{
    return node->name_len == name.n && index_same(node->name, name.p, name.n);
}

/** A bit for each slot with this tag, without a branch: where in a bucket a name is cannot be
 *  predicted. */
static inline uint32_t index_hits(const struct bucket *b, uint32_t tag)
{
#ifdef __SSE2__
    const __m128i *tags = (const __m128i *)(const void *)b->tag, wanted = _mm_set1_epi32((int)tag);
    __m128i low = _mm_cmpeq_epi32(_mm_load_si128(&tags[0]), wanted);
    __m128i high = _mm_cmpeq_epi32(_mm_load_si128(&tags[1]), wanted);
    return (uint32_t)_mm_movemask_epi8(
        _mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128()));
#else
    uint32_t hits = 0;
    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        hits |= (uint32_t)(b->tag[i] == tag) << i;
    return hits;
#endif
}

/** The first node in the home bucket that may have this hash, unread; NULL if there is none. */
static inline const struct node *index_candidate(const struct index *ix, const struct bucket *b,
                                                 uint64_t hash)
{
    uint32_t hits = index_hits(b, (uint32_t)hash);
    if (UNLIKELY(!hits))
        return NULL;
    uint32_t offset = b->offset[__builtin_ctz(hits)];
    return offset ? index_node(ix, offset) : NULL; /* a free slot's tag is 0 */
}

/** The node of a lower-case name whose hash is known, or NULL. */
const struct node *index_find_hashed(const struct index *ix, uint64_t hash,
                                     struct slice name) ATTR_NONNULL ATTR_HOT;

/** The node of a lower-case name, or NULL. */
const struct node *index_find(const struct index *ix, struct slice name) ATTR_NONNULL ATTR_HOT;

/** The node of the longest proper suffix that exists, for a lower-case name that does not.
 *  label_at[i] is where its i-th label begins, label_at[n_labels] the root. NULL only in a table
 *  without any name. */
const struct node *index_encloser(const struct index *ix, struct slice name,
                                  const uint8_t *label_at, unsigned n_labels) ATTR_NONNULL ATTR_HOT;

/** What a table differs in from the one before it. */
struct index_change {
    const struct index *before; /* NULL: none */
    struct part *const *gone;   /* n_gone parts whose names are in `before` only */
    struct part *const *fresh;  /* n_fresh parts whose names are not yet in it, with `places` */
    uint32_t n_gone, n_fresh;
};

/** Builds a table: a copy of the one before where that is cheaper, else from the names. */
void index_build(struct index *ix, const struct index_change *change) ATTR_NONNULL;
void index_free(struct index *ix) ATTR_NONNULL;

/** Checks every invariant above; returns NULL, or what is broken (static text). */
const char *index_validate(const struct index *ix) ATTR_NONNULL;

struct buf;
/** Prints every node with its flags and sets, one line each. */
void index_dump(const struct index *ix, struct buf *out) ATTR_NONNULL;
