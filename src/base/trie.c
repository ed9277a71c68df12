/* SPDX-License-Identifier: Apache-2.0
 * Binary trie over both address families, see trie.h. Recursion is bounded by 128 bits. */
#include "base/trie.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

static unsigned bit_at(const struct ip *ip, unsigned i)
{
    return ip->b[i / 8] >> (7 - i % 8) & 1;
}

static const struct window {
    struct ip_prefix prefix;
    unsigned before; /* bits before the IPv4 address */
} windows[] = {
    {{{.family = IP_V6, .b = {[10] = 0xff, [11] = 0xff}}, 96}, 96},
    {{{.family = IP_V6, .b = {0, 0x64, 0xff, 0x9b}}, 96}, 96},
    {{{.family = IP_V6, .b = {0x20, 0x02}}, 16}, 16},
    {{{.family = IP_V6, .b = {0x20, 0x01}}, 32}, 96},
};

static uint32_t node_new(struct trie *t, uint32_t left, uint32_t right)
{
    uint32_t i = t->free;
    if (i) {
        t->free = t->node[--i][0];
    } else {
        if (t->n == t->cap) {
            t->cap = t->cap ? t->cap + t->cap / 2 : 1024;
            t->node = xrealloc(t->node, (size_t)t->cap * sizeof *t->node);
        }
        i = t->n++;
        assert(t->n < TRIE_LEAF);
    }
    t->node[i][0] = left;
    t->node[i][1] = right;
    return i;
}

/* Restores the invariant at one node: two equal leaves become one. */
static uint32_t collapse(struct trie *t, uint32_t node)
{
    uint32_t link = t->node[node][0];
    if (!trie_is_leaf(link) || link != t->node[node][1])
        return node;
    t->node[node][0] = t->free;
    t->free = node + 1;
    return link;
}

struct edit {
    trie_map_fn *map;
    void *ctx;
    uint32_t barrier; /* what becomes of barriers: TRIE_BARRIER, or a leaf */
};

static uint32_t edit_all(struct trie *t, uint32_t link, const struct edit *e)
{
    if (link == TRIE_BARRIER)
        return e->barrier;
    if (trie_is_leaf(link)) {
        uint32_t value = e->map(e->ctx, link & TRIE_VALUE_MASK);
        assert(value <= TRIE_VALUE_MAX);
        return TRIE_LEAF | value;
    }
    uint32_t left = edit_all(t, t->node[link][0], e);
    uint32_t right = edit_all(t, t->node[link][1], e);
    t->node[link][0] = left;
    t->node[link][1] = right;
    return collapse(t, link);
}

static uint32_t *link_at(struct trie *t, uint32_t *root, const uint32_t *path, const struct ip *ip,
                         unsigned depth)
{
    return depth == 0 ? root : &t->node[path[depth - 1]][bit_at(ip, depth - 1)];
}

/* Edits what lies below a prefix: splits leaves on the way down, and merges on the way up as far as
 * the edit made leaves equal. */
static void edit_prefix(struct trie *t, uint32_t *root, const struct ip_prefix *at,
                        const struct edit *e)
{
    uint32_t path[128]; /* path[i]: the node at depth i */
    unsigned depth;
    for (depth = 0; depth < at->len; depth++) {
        uint32_t link = *link_at(t, root, path, &at->addr, depth);
        assert(link != TRIE_BARRIER);
        path[depth] = link;
        if (trie_is_leaf(link)) {
            path[depth] = node_new(t, link, link);
            *link_at(t, root, path, &at->addr, depth) = path[depth];
        }
    }
    uint32_t link = edit_all(t, *link_at(t, root, path, &at->addr, depth), e);
    *link_at(t, root, path, &at->addr, depth) = link;
    while (depth > 0 && trie_is_leaf(link)) {
        link = collapse(t, path[--depth]);
        *link_at(t, root, path, &at->addr, depth) = link;
    }
}

static uint32_t constant(void *ctx, uint32_t value)
{
    (void)value;
    return *(const uint32_t *)ctx;
}

static uint32_t put_barrier(struct trie *t, uint32_t link, const struct ip_prefix *at,
                            unsigned depth)
{
    if (depth == at->len)
        return TRIE_BARRIER;
    uint32_t node = trie_is_leaf(link) ? node_new(t, link, link) : link;
    unsigned side = bit_at(&at->addr, depth);
    uint32_t child = put_barrier(t, t->node[node][side], at, depth + 1);
    t->node[node][side] = child;
    return node;
}

struct trie *trie_new(uint32_t value)
{
    assert(value <= TRIE_VALUE_MAX);
    struct trie *t = xcalloc(1, sizeof *t);
    t->root4 = t->root6 = TRIE_LEAF | value;
    for (unsigned i = 0; i < ARRAY_LEN(windows); i++)
        t->root6 = put_barrier(t, t->root6, &windows[i].prefix, 0);
    return t;
}

void trie_free(struct trie *t)
{
    if (!t)
        return;
    free(t->node);
    free(t);
}

struct trie *trie_clone(const struct trie *t)
{
    struct trie *copy = xcalloc(1, sizeof *copy);
    *copy = *t;
    copy->cap = t->n ? t->n : 1;
    copy->node = xmalloc((size_t)copy->cap * sizeof *copy->node);
    memcpy(copy->node, t->node, (size_t)t->n * sizeof *t->node);
    return copy;
}

bool trie_fold(struct ip_prefix *out, const struct ip_prefix *prefix)
{
    *out = *prefix;
    if (prefix->addr.family != IP_V6)
        return true;
    for (unsigned i = 0; i < ARRAY_LEN(windows); i++) {
        const struct window *w = &windows[i];
        if (prefix->len < w->prefix.len || !ip_in_prefix(&prefix->addr, &w->prefix))
            continue;
        unsigned before;
        if (prefix->len <= w->before || !ip_embedded_v4(&prefix->addr, &out->addr, &before))
            return false;
        unsigned len = prefix->len - w->before;
        out->len = (uint8_t)(len < 32 ? len : 32);
        ip_mask(&out->addr, out->len);
        return true;
    }
    return true;
}

void trie_map_prefix(struct trie *t, const struct ip_prefix *prefix, trie_map_fn *map, void *ctx)
{
    struct ip_prefix at;
    if (!trie_fold(&at, prefix))
        return;
    struct edit e = {map, ctx, TRIE_BARRIER};
    edit_prefix(t, at.addr.family == IP_V4 ? &t->root4 : &t->root6, &at, &e);
}

void trie_set(struct trie *t, const struct ip_prefix *prefix, uint32_t value)
{
    trie_map_prefix(t, prefix, constant, &value);
}

void trie_map(struct trie *t, trie_map_fn *map, void *ctx)
{
    struct edit e = {map, ctx, TRIE_BARRIER};
    t->root4 = edit_all(t, t->root4, &e);
    t->root6 = edit_all(t, t->root6, &e);
}

struct zipper {
    struct trie *out;
    const struct trie *a, *b;
    trie_zip_fn *fn;
    void *ctx;
};

static uint32_t zip(const struct zipper *z, uint32_t a, uint32_t b)
{
    if (trie_is_leaf(a) && trie_is_leaf(b)) {
        assert((a == TRIE_BARRIER) == (b == TRIE_BARRIER));
        if (a == TRIE_BARRIER)
            return a;
        uint32_t value = z->fn(z->ctx, a & TRIE_VALUE_MASK, b & TRIE_VALUE_MASK);
        assert(value <= TRIE_VALUE_MAX);
        return TRIE_LEAF | value;
    }
    uint32_t left = zip(z, trie_child(z->a, a, 0), trie_child(z->b, b, 0));
    uint32_t right = zip(z, trie_child(z->a, a, 1), trie_child(z->b, b, 1));
    return trie_is_leaf(left) && left == right ? left : node_new(z->out, left, right);
}

struct trie *trie_zip(const struct trie *a, const struct trie *b, trie_zip_fn *fn, void *ctx)
{
    struct trie *out = xcalloc(1, sizeof *out);
    struct zipper z = {out, a, b, fn, ctx};
    out->root4 = zip(&z, a->root4, b->root4);
    out->root6 = zip(&z, a->root6, b->root6);
    return out;
}

static uint32_t identity(void *ctx, uint32_t value)
{
    (void)ctx;
    return value;
}

struct trie *trie_without_windows(const struct trie *t, uint32_t value)
{
    struct trie *copy = trie_clone(t);
    struct edit e = {identity, NULL, TRIE_LEAF | value};
    copy->root6 = edit_all(copy, copy->root6, &e);
    return copy;
}

struct walker {
    const struct trie *t;
    trie_walk_fn *visit;
    void *ctx;
    struct ip_prefix at;
};

static void walk(struct walker *w, uint32_t link)
{
    if (link == TRIE_BARRIER)
        return;
    if (trie_is_leaf(link)) {
        w->visit(w->ctx, &w->at, link & TRIE_VALUE_MASK);
        return;
    }
    uint8_t *byte = &w->at.addr.b[w->at.len / 8], mask = (uint8_t)(0x80 >> w->at.len % 8);
    w->at.len++;
    walk(w, w->t->node[link][0]);
    *byte |= mask;
    walk(w, w->t->node[link][1]);
    *byte &= (uint8_t)~mask;
    w->at.len--;
}

void trie_walk(const struct trie *t, trie_walk_fn *visit, void *ctx)
{
    struct walker w = {t, visit, ctx, {.addr.family = IP_V4}};
    walk(&w, t->root4);
    w.at.addr.family = IP_V6;
    walk(&w, t->root6);
}

struct lpm_leaf trie_find(const struct trie *t, const struct ip *ip)
{
    struct ip v4 = *ip;
    unsigned before = 0;
    bool is_v4 = ip->family == IP_V4 || ip_embedded_v4(ip, &v4, &before);
    const struct ip *at = is_v4 ? &v4 : ip;
    uint32_t link = is_v4 ? t->root4 : t->root6;
    unsigned depth = 0;
    for (; !trie_is_leaf(link); depth++)
        link = t->node[link][bit_at(at, depth)];
    return (struct lpm_leaf){link & TRIE_VALUE_MASK, (uint8_t)(before + depth)};
}

uint32_t trie_get(const struct trie *t, const struct ip *ip)
{
    return trie_find(t, ip).value;
}

/* Adds up the nodes below a link; false at the first one that breaks the invariant. */
static bool valid_below(const struct trie *t, uint32_t link, unsigned left, uint32_t *nodes,
                        unsigned *barriers)
{
    if (trie_is_leaf(link)) {
        *barriers += link == TRIE_BARRIER;
        return true;
    }
    if (link >= t->n || left == 0)
        return false;
    const uint32_t *node = t->node[link];
    ++*nodes;
    return !(trie_is_leaf(node[0]) && node[0] == node[1]) &&
           valid_below(t, node[0], left - 1, nodes, barriers) &&
           valid_below(t, node[1], left - 1, nodes, barriers);
}

static bool barriers_in_place(const struct trie *t)
{
    for (unsigned i = 0; i < ARRAY_LEN(windows); i++) {
        uint32_t link = t->root6;
        for (unsigned bit = 0; bit < windows[i].prefix.len; bit++) {
            if (trie_is_leaf(link))
                return false;
            link = t->node[link][bit_at(&windows[i].prefix.addr, bit)];
        }
        if (link != TRIE_BARRIER)
            return false;
    }
    return true;
}

bool trie_validate(const struct trie *t)
{
    uint32_t nodes = 0, n_free = 0;
    unsigned in_v4 = 0, in_v6 = 0;
    if (!valid_below(t, t->root4, 32, &nodes, &in_v4) ||
        !valid_below(t, t->root6, 128, &nodes, &in_v6))
        return false;
    for (uint32_t i = t->free; i && n_free <= t->n; i = t->node[i - 1][0])
        n_free++;
    return in_v4 == 0 && in_v6 == ARRAY_LEN(windows) && barriers_in_place(t) &&
           nodes + n_free == t->n;
}

static void dump_leaf(void *ctx, const struct ip_prefix *prefix, uint32_t value)
{
    char text[IP_PREFIX_TEXT_MAX];
    fprintf(ctx, "%s %u\n", ip_prefix_text(text, prefix), value);
}

void trie_dump(const struct trie *t, FILE *out)
{
    trie_walk(t, dump_leaf, out);
}
