/* SPDX-License-Identifier: Apache-2.0
 * One kin of zones -> a part: the nodes of its names. */
#include "compile/kin.h"

#include "base/give_way.h"
#include "compile/lint.h"
#include "compile/render.h"
#include "compile/tree.h"
#include "dns/name.h"
#include "dns/rr.h"

#define NODE_ALIGN 8

struct compiler {
    const struct model *model;
    struct tree tree;
    struct blob blob;
    struct diags *diags;
};

/* A node being written. */
struct node_writer {
    struct compiler *c;
    const struct name_entry *entry;
    size_t start;
    size_t directory; /* place of the next entry of the directory */
};

static struct slice origin_of(const struct compiler *c, const struct name_entry *e)
{
    return c->model->zones[e->zone].origin;
}

/* Whether the name above an apex is served with authority, so that DS at the apex is too. */
static bool has_parent(const struct compiler *c, const struct name_entry *apex)
{
    if (apex->parent == TREE_NONE)
        return false;
    const struct name_entry *above = &c->tree.v.v[apex->parent];
    return above->zone != MODEL_NONE && above->hidden_by == TREE_NONE &&
           !c->model->zones[above->zone].broken && !(above->flags & (NAME_CUT | NAME_DNAME));
}

static bool is_dynamic(const struct name_entry *e)
{
    return e->pool_name != MODEL_NONE;
}

static unsigned node_flags(const struct compiler *c, const struct name_entry *e)
{
    if (e->zone == MODEL_NONE)
        return NODE_OUTSIDE;
    if (c->model->zones[e->zone].broken)
        return NODE_CUT | NODE_BROKEN;
    if (e->hidden_by != TREE_NONE)
        return NODE_HIDDEN;
    if (e->flags & NAME_CUT)
        return NODE_CUT;
    unsigned flags = 0;
    if (e->flags & NAME_APEX)
        flags |= NODE_APEX | (has_parent(c, e) ? NODE_PARENT : 0);
    if (is_dynamic(e))
        flags |= NODE_DYNAMIC;
    if (e->flags & NAME_CNAME)
        flags |= NODE_CNAME;
    if (e->flags & NAME_DNAME)
        return flags | NODE_DNAME;
    return flags | (e->wildcard == TREE_NONE ? 0 : NODE_WILDCARD);
}

/* Of a delegation, only DS is answered with authority; what is hidden is not answered at all. DS at
 * an apex came from the parent zone, and is its to tell. */
static bool is_served(unsigned flags, uint16_t type)
{
    if (flags & NODE_CUT)
        return type == TYPE_DS;
    if ((flags & NODE_APEX) && type == TYPE_DS)
        return flags & NODE_PARENT;
    return !(flags & NODE_HIDDEN);
}

static unsigned count_sets(const struct compiler *c, const struct name_entry *e, unsigned flags)
{
    struct rrset set;
    unsigned n = 0;
    for (uint32_t at = 0; tree_next_set(&c->tree, e, &at, &set);)
        n += is_served(flags, set.type);
    return n;
}

static void too_much(const struct node_writer *w, struct span span, const char *what)
{
    char text[NAME_TEXT_MAX];
    diag_error(w->c->diags, span, "%s at %s are more than can be served: %s", "the records",
               name_to_text(text, name_of(w->entry)), what);
}

/* Notes in the directory that what is written next is `type`. */
static void enter(struct node_writer *w, uint16_t type)
{
    blob_align(&w->c->blob, 4);
    size_t at = (w->c->blob.n - w->start) / 4;
    if (at > UINT16_MAX)
        too_much(w, w->c->model->zones[w->entry->zone].span, "expected less than 256 kB in all");
    struct set set = {.type = type, .at = (uint16_t)at};
    memcpy(w->c->blob.p + w->directory, &set, sizeof set);
    w->directory += sizeof set;
}

static void write_sets(struct node_writer *w, unsigned flags)
{
    struct compiler *c = w->c;
    struct rrset set;
    for (uint32_t at = 0; tree_next_set(&c->tree, w->entry, &at, &set);) {
        if (!is_served(flags, set.type))
            continue;
        enter(w, set.type);
        if (render_set(&c->blob, origin_of(c, w->entry), &set) != 0)
            too_much(w, record_span(&c->model->zones[w->entry->zone], set.v[0]),
                     "an RRset has to fit into one message of 64 kB");
    }
}

static void write_dynamic(struct node_writer *w)
{
    const struct pool_name *name =
        &w->c->model->zones[w->entry->zone].pool_names[w->entry->pool_name];
    const struct pool *pool = &w->c->model->pools[name->pool];
    const struct ttl_range *ttl = name->has_ttl ? &name->ttl : &pool->ttl;
    const struct pool_site *only = name->site ? &pool->sites[name->site - 1] : NULL;
    bool has_v4 = only ? only->has_v4 : pool->has_v4;
    bool has_v6 = only ? only->has_v6 : pool->has_v6;
    struct dynamic dynamic = {
        .pool = name->pool,
        .site = name->site,
        .answers = name->answers ? name->answers : pool->answers,
        .ttl_min_s = ttl->min_s,
        .ttl_max_s = ttl->max_s,
        .families = (uint8_t)(pool->is_cname ? 3 : (unsigned)has_v4 | (unsigned)has_v6 << 1),
        .is_cname = pool->is_cname,
        .own_ttl = name->has_ttl,
        .own_answers = name->answers != 0,
    };
    memcpy(blob_add(&w->c->blob, sizeof dynamic), &dynamic, sizeof dynamic);
}

static void write_extras(struct node_writer *w, unsigned flags)
{
    struct compiler *c = w->c;
    if (flags & NODE_BROKEN)
        return;
    if (flags & NODE_APEX) {
        struct rrset soa = tree_set(&c->tree, w->entry, TYPE_SOA);
        enter(w, 0);
        (void)render_negative(&c->blob, origin_of(c, w->entry), &soa);
    }
    if (flags & NODE_CUT) {
        enter(w, 0);
        if (render_referral(&c->blob, &c->tree, w->entry) != 0)
            too_much(w, c->model->zones[w->entry->zone].span,
                     "a delegation with its glue has to fit into one message of 64 kB");
    }
    if (flags & NODE_DYNAMIC) {
        enter(w, 0);
        write_dynamic(w);
    }
    if (flags & NODE_PARENT) {
        enter(w, 0);
        (void)blob_add(&c->blob, sizeof(struct parent)); /* see write_links() */
    }
}

static void write_node(struct compiler *c, struct name_entry *e)
{
    unsigned flags = node_flags(c, e), n_sets = count_sets(c, e, flags);
    unsigned n_extras = flags & NODE_BROKEN
                            ? 0
                            : (unsigned)__builtin_popcount(
                                  flags & (NODE_APEX | NODE_CUT | NODE_DYNAMIC | NODE_PARENT));
    blob_align(&c->blob, NODE_ALIGN);
    struct node_writer w = {.c = c, .entry = e, .start = c->blob.n};
    if (n_sets > NODE_SETS_MAX) {
        too_much(&w, c->model->zones[e->zone].span, "expected at most 255 types");
        return;
    }
    struct node header = {.flags = (uint16_t)flags, .n_sets = (uint8_t)n_sets, .name_len = e->len};
    memcpy(blob_add(&c->blob, sizeof header), &header, sizeof header);
    memcpy(blob_add(&c->blob, e->len), e->name, e->len);
    blob_align(&c->blob, 2);
    w.directory = c->blob.n;
    (void)blob_add(&c->blob, (n_sets + n_extras) * sizeof(struct set));
    write_sets(&w, flags);
    write_extras(&w, flags);
    e->node = (uint32_t)(w.start / NODE_ALIGN);
}

static void write_nodes(struct compiler *c)
{
    for (uint32_t i = 0; i < c->tree.v.n; i++) {
        give_way_often();
        if (c->tree.v.v[i].zone != MODEL_NONE)
            write_node(c, &c->tree.v.v[i]);
    }
    blob_align(&c->blob, NODE_ALIGN);
}

static struct node *node_of(const struct compiler *c, uint32_t entry)
{
    size_t at = (size_t)c->tree.v.v[entry].node * NODE_ALIGN;
    return (struct node *)(void *)(c->blob.p + at);
}

/* In order, so that the parent of a name knows the apex already. `start` is the part's. */
static void write_links(struct compiler *c, uint32_t start)
{
    for (uint32_t i = 0; i < c->tree.v.n; i++) {
        const struct name_entry *e = &c->tree.v.v[i];
        give_way_often();
        if (e->zone == MODEL_NONE)
            continue;
        struct node *node = node_of(c, i);
        node->apex = e->flags & NAME_APEX ? start + e->node : node_of(c, e->parent)->apex;
        if ((node->flags & NODE_BROKEN) && (e->flags & NAME_APEX) && has_parent(c, e))
            node->link = node_of(c, e->parent)->apex;
        if (node->flags & NODE_HIDDEN)
            node->link = start + c->tree.v.v[e->hidden_by].node;
        if (node->flags & NODE_WILDCARD)
            node->link = start + c->tree.v.v[e->wildcard].node;
        if (node->flags & NODE_PARENT) {
            struct parent parent = {.apex = node_of(c, e->parent)->apex};
            size_t at = (size_t)((const uint8_t *)node_parent(node) - c->blob.p);
            memcpy(c->blob.p + at, &parent, sizeof parent);
        }
    }
}

/* Moves the nodes to their place. */
static void fill_part(struct compiler *c, struct part *part)
{
    uint8_t *to = part_place(part, c->blob.n);
    if (!to) {
        diag_error(c->diags, c->model->zones[0].span, "no room for the zone's names: %zu bytes",
                   c->blob.n);
        return;
    }
    write_links(c, part->start);
    give_way_copy(to, c->blob.p, c->blob.n);
    part_seal(part);
    part->places = xmalloc(c->tree.v.n * sizeof *part->places);
    for (uint32_t i = 0; i < c->tree.v.n; i++) {
        give_way_often();
        if (c->tree.v.v[i].zone != MODEL_NONE)
            part->places[part->n_names++] = part->start + c->tree.v.v[i].node;
    }
}

void kin_compile(struct part *part, const struct model *model)
{
    struct diags *diags = &part->notes;
    struct compiler c = {.model = model, .diags = diags};
    part->n_zones = model->n_zones;
    tree_collect(&c.tree, model, diags);
    lint_zones(&c.tree, diags);
    if (diags->n_errors == 0)
        write_nodes(&c);
    if (diags->n_errors == 0)
        fill_part(&c, part);
    tree_free(&c.tree);
    blob_free(&c.blob);
}
