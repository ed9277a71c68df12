/* SPDX-License-Identifier: Apache-2.0
 * Name -> node: building, finding, checking. */
#include "snapshot/index.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/give_way.h"

#include <stdlib.h>
#include <sys/mman.h>

#define LOAD_PERCENT 55    /* then about 4 % of the buckets overflow into the next */
#define CROWDED_PERCENT 65 /* when changes have filled it that far, it is built anew */
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

#define AHEAD 8 /* names whose cache lines are on their way while one is inserted */

/* Where the next name comes from. */
struct feed {
    const struct index *ix;
    uint32_t places[AHEAD]; /* a ring; 0: none yet */
    uint64_t hashes[AHEAD];
    uint32_t at;
};

static void insert(struct bucket *buckets, const struct index *ix, uint64_t hash, uint32_t place)
{
    struct bucket *b = buckets + (index_bucket(ix, hash) - ix->buckets);
    for (;;) {
        for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
            if (b->offset[i] > PART_NOBODY)
                continue;
            b->tag[i] = (uint32_t)hash;
            b->offset[i] = place;
            return;
        }
        if (++b == buckets + ix->n_buckets)
            b = buckets;
    }
}

/* Inserts the name that came AHEAD before, and lets this one's bucket come. */
static void feed_one(struct feed *feed, struct bucket *buckets, uint32_t place)
{
    uint32_t i = feed->at++ % AHEAD;
    if (feed->places[i])
        insert(buckets, feed->ix, feed->hashes[i], feed->places[i]);
    feed->places[i] = place;
    if (!place)
        return;
    feed->hashes[i] = index_hash(feed->ix, node_name(index_node(feed->ix, place)));
    __builtin_prefetch(index_bucket(feed->ix, feed->hashes[i]), 1);
}

static void feed_part(struct feed *feed, struct index *ix, struct bucket *buckets,
                      const struct part *part)
{
    for (uint32_t i = 0; i < part->n_names; i++) {
        give_way_often();
        unsigned labels = name_labels(node_name(index_node(ix, part->places[i])));
        if (labels > ix->max_labels)
            ix->max_labels = labels;
        feed_one(feed, buckets, part->places[i]);
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

static int by_start(const void *a, const void *b)
{
    const struct part *x = *(struct part *const *)a, *y = *(struct part *const *)b;
    return (x->start > y->start) - (x->start < y->start);
}

/* The parts that are gone, in order of their places. */
struct gone {
    struct part **v;
    uint32_t n;
    uint32_t low, high; /* all are in [low, high) */
};

static struct gone sort_gone(const struct index_change *change)
{
    struct gone gone = {.v = xcalloc(change->n_gone, sizeof *gone.v), .low = UINT32_MAX};
    for (uint32_t i = 0; i < change->n_gone; i++) {
        struct part *part = change->gone[i];
        uint32_t end = part->start + (uint32_t)(part->len / PART_UNIT);
        if (part->len == 0)
            continue;
        gone.v[gone.n++] = part;
        gone.low = part->start < gone.low ? part->start : gone.low;
        gone.high = end > gone.high ? end : gone.high;
    }
    qsort(gone.v, gone.n, sizeof(struct part *), by_start);
    return gone;
}

static bool is_gone(const struct gone *gone, uint32_t place)
{
    if (LIKELY(place - gone->low >= gone->high - gone->low))
        return false;
    uint32_t low = 0, high = gone->n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (part_holds(gone->v[middle], place))
            return true;
        if (gone->v[middle]->start < place)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void copy_table(struct bucket *to, const struct index *before, const struct gone *gone)
{
    give_way_copy(to, before->buckets, before->n_buckets * sizeof *to);
    for (uint32_t i = 0; gone->n && i < before->n_buckets; i++) {
        give_way_often();
        for (unsigned k = 0; k < BUCKET_SLOTS; k++) {
            if (is_gone(gone, to[i].offset[k]))
                to[i].offset[k] = PART_NOBODY;
        }
    }
}

static void keep_names(struct feed *feed, struct bucket *to, const struct index *before,
                       const struct gone *gone)
{
    for (uint32_t i = 0; i < before->n_buckets; i++) {
        give_way_often();
        for (unsigned k = 0; k < BUCKET_SLOTS && before->buckets[i].offset[k]; k++) {
            uint32_t place = before->buckets[i].offset[k];
            if (place > PART_NOBODY && !is_gone(gone, place))
                feed_one(feed, to, place);
        }
    }
}

static uint32_t buckets_for(uint64_t names)
{
    return (uint32_t)((names * 100 / LOAD_PERCENT + BUCKET_SLOTS) / BUCKET_SLOTS + 1);
}

static uint64_t count_names(struct part *const *parts, uint32_t n)
{
    uint64_t names = 0;
    for (uint32_t i = 0; i < n; i++)
        names += parts[i]->n_names;
    return names;
}

void index_build(struct index *ix, const struct index_change *change)
{
    const struct index *before = change->before;
    uint64_t n_gone = count_names(change->gone, change->n_gone);
    uint64_t n_fresh = count_names(change->fresh, change->n_fresh);
    uint64_t kept = before ? before->n_names - n_gone : 0, names = kept + n_fresh;
    struct gone gone = sort_gone(change);
    *ix = (struct index){.seed = hash_seed(), .blob = part_base(), .n_names = (uint32_t)names};
    /* A copy is worth it while it stays neither crowded nor empty, nobodies included. */
    uint64_t crowd = before ? before->n_names + before->n_nobodies + n_fresh : 0;
    bool copy = before && kept > n_fresh &&
                crowd * 100 <= (uint64_t)before->n_buckets * BUCKET_SLOTS * CROWDED_PERCENT &&
                before->n_buckets <= 2 * buckets_for(names);
    ix->n_buckets = copy ? before->n_buckets : buckets_for(names);
    ix->map_len = ix->n_buckets * sizeof(struct bucket);
    struct bucket *buckets = ix->map = map_anonymous(ix->map_len);
    ix->buckets = buckets;
    ix->max_labels = before ? before->max_labels : 0;
    struct feed feed = {.ix = ix};
    if (copy)
        copy_table(buckets, before, &gone);
    else if (before)
        keep_names(&feed, buckets, before, &gone);
    for (uint32_t i = 0; i < change->n_fresh; i++)
        feed_part(&feed, ix, buckets, change->fresh[i]);
    for (unsigned i = 0; i < AHEAD; i++)
        feed_one(&feed, buckets, PART_NOWHERE);
    /* At most: those whose places were taken again are not subtracted. */
    ix->n_nobodies = copy ? before->n_nobodies + (uint32_t)n_gone : 0;
    free(gone.v);
    (void)mprotect(ix->map, ix->map_len, PROT_READ);
}

void index_free(struct index *ix)
{
    if (ix->map)
        munmap(ix->map, ix->map_len);
    *ix = (struct index){0};
}

static const char *validate_block(const struct block *block)
{
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
        broken = validate_block(node_at(node, &sets[i]));
    if (!broken && (node->flags & NODE_APEX))
        broken = validate_block(node_negative(node));
    if (!broken && (node->flags & NODE_CUT))
        broken = validate_block(node_referral(node));
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
            if (offset == PART_NOBODY)
                continue;
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
            if (ix->buckets[i].offset[j] != PART_NOBODY)
                dump_node(ix, index_node(ix, ix->buckets[i].offset[j]), out);
    }
}
