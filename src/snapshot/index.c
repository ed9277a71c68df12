/* SPDX-License-Identifier: Apache-2.0
 * Name -> node: building, finding, checking. */
#include "snapshot/index.h"

#include "base/arena.h"
#include "base/buf.h"

#include <stdlib.h>
#include <sys/mman.h>

#define LOAD_PERCENT 55 /* then about 4 % of the buckets overflow into the next */
#define HUGE_PAGE ((size_t)2 << 20)

const struct node *index_find_hashed(const struct index *ix, uint64_t hash, struct slice name)
{
    const struct bucket *b = index_bucket(ix, hash), *end = ix->buckets + ix->n_buckets;
    for (;;) {
        for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
            if (!b->offset[i])
                return NULL;
            if (b->tag[i] != (uint32_t)hash)
                continue;
            const struct node *node = index_node(ix, b->offset[i]);
            if (LIKELY(index_is(node, name)))
                return node;
        }
        if (++b == end)
            b = ix->buckets;
    }
}

const struct node *index_find(const struct index *ix, struct slice name)
{
    return index_find_hashed(ix, index_hash(ix, name), name);
}

const struct node *index_encloser(const struct index *ix, struct slice name,
                                  const uint8_t *label_at, unsigned n_labels)
{
    /* Suffixes of `low` labels exist, those of more than `high` do not. Most misses are one label
     * too many: the longest is tried first, then the rest is bisected. */
    const struct node *best = NULL;
    int low = -1, high = n_labels ? (int)n_labels - 1 : 0;
    if (high > (int)ix->max_labels)
        high = (int)ix->max_labels;
    for (int n = high; low < high; n = (low + high + 1) / 2) {
        uint32_t skip = label_at[n_labels - (unsigned)n];
        struct slice suffix = {name.p + skip, name.n - skip};
        const struct node *node = index_find(ix, suffix);
        if (node) {
            best = node;
            low = n;
        } else {
            high = n - 1;
        }
    }
    return best;
}

static void insert(const struct index *ix, struct bucket *buckets, uint32_t offset)
{
    uint64_t hash = index_hash(ix, node_name(index_node(ix, offset)));
    struct bucket *b = buckets + (index_bucket(ix, hash) - ix->buckets);
    for (;;) {
        for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
            if (b->offset[i])
                continue;
            b->tag[i] = (uint32_t)hash;
            b->offset[i] = offset;
            return;
        }
        if (++b == buckets + ix->n_buckets)
            b = buckets;
    }
}

static uint8_t *map_anonymous(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        abort();
    /* Random access to big tables misses the TLB on every probe otherwise; only a hint. */
    if (n >= HUGE_PAGE)
        (void)madvise(p, n, MADV_HUGEPAGE);
    return p;
}

void index_build(struct index *ix, const uint8_t *blob, uint64_t blob_len, const uint32_t *offsets,
                 uint32_t n)
{
    uint64_t slots = (uint64_t)n * 100 / LOAD_PERCENT + BUCKET_SLOTS;
    *ix = (struct index){
        .seed = hash_seed(),
        .n_buckets = (uint32_t)(slots / BUCKET_SLOTS + 1),
        .n_names = n,
        .blob_len = blob_len,
    };
    size_t table = ix->n_buckets * sizeof(struct bucket);
    ix->map_len = table + blob_len;
    ix->map = map_anonymous(ix->map_len);
    struct bucket *buckets = ix->map;
    uint8_t *copy = (uint8_t *)ix->map + table;
    memcpy(copy, blob, blob_len);
    ix->buckets = buckets;
    ix->blob = copy;
    for (uint32_t i = 0; i < n; i++) {
        insert(ix, buckets, offsets[i]);
        unsigned labels = name_labels(node_name(index_node(ix, offsets[i])));
        if (labels > ix->max_labels)
            ix->max_labels = labels;
    }
    (void)mprotect(ix->map, ix->map_len, PROT_READ);
}

void index_free(struct index *ix)
{
    if (ix->map)
        munmap(ix->map, ix->map_len);
    *ix = (struct index){0};
}

static const char *validate_block(const struct index *ix, const struct block *block)
{
    if (block->rr + block->len > ix->blob + ix->blob_len)
        return "a block ends outside the blob";
    uint32_t at = 0;
    while (at + 2 + RR_FIXED_LEN <= block->len) {
        const uint8_t *owner = block->rr + at;
        uint32_t owner_len = 0;
        while (owner[owner_len] && owner[owner_len] < 0xc0)
            owner_len += owner[owner_len] + 1u;
        at += owner_len + (owner[owner_len] ? 2 : 1) + RR_FIXED_LEN;
        at += load_u16(block->rr + at - 2);
    }
    return at == block->len ? NULL : "a block's RRs do not end where it does";
}

static const char *validate_links(const struct index *ix, const struct node *node)
{
    if (node->flags & NODE_OUTSIDE)
        return node->apex || node->n_sets ? "a node outside of the zones holds something" : NULL;
    const struct node *apex = index_node(ix, node->apex);
    if (!(apex->flags & NODE_APEX) || !name_is_within(node_name(node), node_name(apex)))
        return "a node is not below its apex";
    if ((node->flags & NODE_APEX) && apex != node)
        return "an apex is not its own";
    bool linked = node->flags & (NODE_HIDDEN | NODE_WILDCARD);
    if (linked != (node->link != 0))
        return "a link without its flag, or a flag without its link";
    const struct node *to = index_node(ix, node->link);
    if ((node->flags & NODE_HIDDEN) &&
        (!(to->flags & (NODE_CUT | NODE_DNAME)) || !name_is_within(node_name(node), node_name(to))))
        return "a hidden node is not below a cut or DNAME";
    if ((node->flags & NODE_WILDCARD) &&
        (!name_is_wildcard(node_name(to)) ||
         !slice_equal(name_parent(node_name(to)), node_name(node))))
        return "a wildcard link does not lead to the wildcard";
    return NULL;
}

static const char *validate_node(const struct index *ix, const struct node *node)
{
    struct slice name = node_name(node);
    if (name_check(name) != (int)name.n)
        return "a node's name is broken";
    if (index_find(ix, name) != node)
        return "a node is not found by its name";
    if (name.n > 1 && !index_find(ix, name_parent(name)))
        return "a node's parent does not exist";
    const char *broken = validate_links(ix, node);
    const struct set *sets = node_sets(node);
    for (unsigned i = 0; !broken && i < node->n_sets; i++)
        broken = validate_block(ix, node_at(node, &sets[i]));
    if (!broken && (node->flags & NODE_APEX))
        broken = validate_block(ix, node_negative(node));
    if (!broken && (node->flags & NODE_CUT))
        broken = validate_block(ix, node_referral(node));
    if (!broken && (node->flags & NODE_PARENT) &&
        !(index_node(ix, node_parent(node)->apex)->flags & NODE_APEX))
        broken = "a parent is not an apex";
    return broken;
}

const char *index_validate(const struct index *ix)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ix->n_buckets; i++) {
        for (unsigned j = 0; j < BUCKET_SLOTS; j++) {
            uint32_t offset = ix->buckets[i].offset[j];
            if (!offset)
                continue;
            if (j && !ix->buckets[i].offset[j - 1])
                return "a bucket has a hole";
            if (8 * (uint64_t)offset >= ix->blob_len)
                return "an offset leads out of the blob";
            const char *broken = validate_node(ix, index_node(ix, offset));
            if (broken)
                return broken;
            n++;
        }
    }
    return n == ix->n_names ? NULL : "the table does not hold as many names as it says";
}

static void dump_node(const struct index *ix, const struct node *node, struct buf *out)
{
    static const char *const flags[] = {"apex",     "cut",   "dynamic", "parent", "hidden",
                                        "wildcard", "cname", "dname",   "outside"};
    char text[NAME_TEXT_MAX];
    buf_printf(out, "%s", name_to_text(text, node_name(node)));
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        if (node->flags & 1u << i)
            buf_printf(out, " %s", flags[i]);
    }
    if (node->link)
        buf_printf(out, " ->%s", name_to_text(text, node_name(index_node(ix, node->link))));
    const struct set *sets = node_sets(node);
    for (unsigned i = 0; i < node->n_sets; i++) {
        const struct block *block = node_at(node, &sets[i]);
        buf_printf(out, " type%u:%ux%ub", sets[i].type, BLOCK_RRS(block), block->len);
    }
    buf_puts(out, "\n");
}

void index_dump(const struct index *ix, struct buf *out)
{
    for (uint32_t i = 0; i < ix->n_buckets; i++) {
        for (unsigned j = 0; j < BUCKET_SLOTS && ix->buckets[i].offset[j]; j++)
            dump_node(ix, index_node(ix, ix->buckets[i].offset[j]), out);
    }
}
