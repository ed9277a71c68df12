/* SPDX-License-Identifier: Apache-2.0
 * Gathering the names of all zones. */
#include "compile/tree.h"

#include "base/give_way.h"
#include "base/hash.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/rr.h"
#include "dns/types.h"

#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define AHEAD 12 /* records whose slots are on their way while one is placed */

struct name_slot {
    uint32_t tag, entry; /* entry + 1; 0: free */
};

struct span record_span(const struct zone *zone, const struct record *record)
{
    const char *file = record->file < zone->files.n ? zone->files.v[record->file] : zone->span.file;
    return (struct span){file, record->line, record->column};
}

/* --- the table --- */

static uint64_t hash_of(const struct tree *tree, struct slice name)
{
    return hash_bytes(tree->seed, name.p, name.n);
}

static struct name_slot *find_slot(const struct tree *tree, struct slice name)
{
    uint64_t hash = hash_of(tree, name);
    uint32_t i = (uint32_t)(hash >> 32) & tree->mask;
    for (;; i = (i + 1) & tree->mask) {
        struct name_slot *slot = &tree->slots[i];
        if (!slot->entry)
            slot->tag = (uint32_t)hash;
        if (!slot->entry || (slot->tag == (uint32_t)hash &&
                             slice_equal(name_of(&tree->v.v[slot->entry - 1]), name)))
            return slot;
    }
}

/* Zeroes; a large table is looked into at random, which misses the TLB less on huge pages. */
static struct name_slot *new_slots(uint32_t size)
{
    struct name_slot *slots = xcalloc(size, sizeof *slots);
    uintptr_t start = ((uintptr_t)slots + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
    uintptr_t end = (uintptr_t)(slots + size) & ~(uintptr_t)(HUGE_PAGE - 1);
    if (start < end)
        (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
    return slots;
}

static void free_slots(struct tree *tree)
{
    give_way_free(tree->slots, tree->slots ? (tree->mask + (size_t)1) * sizeof *tree->slots : 0);
}

static void grow(struct tree *tree, uint32_t size)
{
    free_slots(tree);
    tree->slots = new_slots(size);
    tree->mask = size - 1;
    for (uint32_t i = 0; i < tree->v.n; i++)
        find_slot(tree, name_of(&tree->v.v[i]))->entry = i + 1;
}

uint32_t tree_find(const struct tree *tree, struct slice name)
{
    uint32_t entry = find_slot(tree, name)->entry;
    return entry ? entry - 1 : TREE_NONE;
}

/* `slot` is where the name was looked for, if the table has not changed since, or NULL. */
static uint32_t add(struct tree *tree, struct name_slot *slot, struct slice name, uint32_t parent,
                    uint32_t zone)
{
    if (tree->v.n * 2 >= tree->mask) {
        grow(tree, 2 * (tree->mask + 1));
        slot = NULL;
    }
    uint32_t id = (uint32_t)tree->v.n;
    (slot ? slot : find_slot(tree, name))->entry = id + 1;
    *vec_push(&tree->v) = (struct name_entry){
        .name = name.p,
        .len = (uint8_t)name.n,
        .parent = parent,
        .zone = zone,
        .pool_name = MODEL_NONE,
        .hidden_by = TREE_NONE,
        .wildcard = TREE_NONE,
    };
    return id;
}

/* Finds or adds a name and its ancestors. When the name lies inside another zone than `zone`,
 * nothing is added, and the entry returned is one of that zone. */
static uint32_t place(struct tree *tree, struct slice name, uint32_t zone)
{
    struct name_slot *slot = find_slot(tree, name);
    if (slot->entry)
        return slot->entry - 1;
    uint32_t parent = tree->last_parent;
    struct slice above = name_parent(name);
    if (!slice_equal(name_of(&tree->v.v[parent]), above)) {
        parent = place(tree, above, zone);
        tree->last_parent = parent;
        slot = NULL;
    }
    return tree->v.v[parent].zone == zone ? add(tree, slot, name, parent, zone) : parent;
}

/* --- zones --- */

static void add_zones(struct tree *tree, struct diags *diags)
{
    const struct model *m = tree->model;
    char text[NAME_TEXT_MAX];
    for (uint32_t i = 0; i < m->n_zones; i++)
        (void)place(tree, m->zones[i].origin, MODEL_NONE);
    for (uint32_t i = 0; i < m->n_zones; i++) {
        const struct zone *zone = &m->zones[i];
        struct name_entry *apex = &tree->v.v[tree_find(tree, zone->origin)];
        if (apex->flags & NAME_APEX)
            diag_error(diags, zone->span, "zone %s is there twice, first in %s",
                       name_to_text(text, zone->origin), m->zones[apex->zone].span.file);
        else
            apex->zone = i;
        apex->flags |= NAME_APEX;
    }
    for (uint32_t i = 0; i < tree->v.n; i++) {
        struct name_entry *e = &tree->v.v[i];
        if (!(e->flags & NAME_APEX) && e->parent != TREE_NONE)
            e->zone = tree->v.v[e->parent].zone;
    }
}

/* --- records --- */

static void report_outside(const struct zone *zone, const struct record *r, struct diags *diags)
{
    char owner[NAME_TEXT_MAX], origin[NAME_TEXT_MAX];
    diag_error(diags, record_span(zone, r), "%s is outside of the zone %s",
               name_to_text(owner, slice_of(r->owner, r->owner_len)),
               name_to_text(origin, zone->origin));
}

/* What a zone says below one of its own subzones that is served from here as well. Delegation and
 * glue are expected there; both are in the subzone too. */
static void report_shadowed(const struct tree *tree, uint32_t in, const struct zone *zone,
                            const struct record *r, struct diags *diags)
{
    char owner[NAME_TEXT_MAX], other[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
    if (r->type == TYPE_NS || r->type == TYPE_A || r->type == TYPE_AAAA)
        return;
    diag_warning(diags, record_span(zone, r),
                 "%s %s is not used: it belongs to the zone %s, which is served too",
                 name_to_text(owner, slice_of(r->owner, r->owner_len)), rr_type_text(type, r->type),
                 name_to_text(other, tree->model->zones[tree->v.v[in].zone].origin));
}

/* The entry that a record goes to, or TREE_NONE when it is not served. */
static uint32_t place_record(struct tree *tree, uint32_t z, const struct record *r,
                             struct diags *diags)
{
    const struct zone *zone = &tree->model->zones[z];
    struct slice owner = slice_of(r->owner, r->owner_len);
    if (!name_is_within(owner, zone->origin)) {
        report_outside(zone, r, diags);
        return TREE_NONE;
    }
    uint32_t id = place(tree, owner, z);
    const struct name_entry *e = &tree->v.v[id];
    bool apex_ds = r->type == TYPE_DS && (e->flags & NAME_APEX) && e->len == owner.n;
    if (apex_ds && e->zone == z) {
        diag_warning(diags, record_span(zone, r),
                     "DS at the zone's own apex is not used: it belongs into the parent zone");
        return TREE_NONE;
    }
    if (e->zone == z || apex_ds)
        return id;
    report_shadowed(tree, id, zone, r, diags);
    return TREE_NONE;
}

/* Lets the slot of a record's owner come, unless it is the one before's. */
static void prefetch_slot(const struct tree *tree, const struct record *r)
{
    if (r->owner == r[-1].owner)
        return;
    uint64_t hash = hash_of(tree, slice_of(r->owner, r->owner_len));
    __builtin_prefetch(&tree->slots[(uint32_t)(hash >> 32) & tree->mask], 1);
}

static uint32_t *place_records(struct tree *tree, size_t total, struct diags *diags)
{
    const struct model *m = tree->model;
    uint32_t *entry_of = xmalloc(total * sizeof *entry_of);
    size_t at = 0;
    for (uint32_t z = 0; z < m->n_zones; z++) {
        const struct record *last = NULL;
        for (size_t i = 0; i < m->zones[z].n_records; i++, at++) {
            const struct record *r = &m->zones[z].records[i];
            give_way_often();
            if (i + AHEAD < m->zones[z].n_records)
                prefetch_slot(tree, r + AHEAD);
            /* Neighbours share their owner; what decides is the same but for DS. */
            bool same = last && last->owner == r->owner && last->owner_len == r->owner_len &&
                        entry_of[at - 1] != TREE_NONE && r->type != TYPE_DS &&
                        last->type != TYPE_DS;
            entry_of[at] = same ? entry_of[at - 1] : place_record(tree, z, r, diags);
            last = r;
        }
    }
    return entry_of;
}

/* A counting sort by entry: keeps the order of the file. */
static void group_records(struct tree *tree, const uint32_t *entry_of, size_t total)
{
    const struct model *m = tree->model;
    tree->records = xmalloc(total * sizeof *tree->records);
    tree->n_records = total;
    for (size_t i = 0; i < total; i++) {
        give_way_often();
        if (entry_of[i] != TREE_NONE)
            tree->v.v[entry_of[i]].n_records++;
    }
    uint32_t first = 0;
    for (size_t i = 0; i < tree->v.n; i++) {
        struct name_entry *e = &tree->v.v[i];
        give_way_often();
        e->first = first;
        first += e->n_records;
        e->n_records = 0;
    }
    size_t at = 0;
    for (uint32_t z = 0; z < m->n_zones; z++) {
        for (size_t i = 0; i < m->zones[z].n_records; i++, at++) {
            give_way_often();
            if (entry_of[at] == TREE_NONE)
                continue;
            struct name_entry *e = &tree->v.v[entry_of[at]];
            tree->records[e->first + e->n_records++] = &m->zones[z].records[i];
        }
    }
}

/* --- pool names and what follows from the place --- */

static void place_pools(struct tree *tree, struct diags *diags)
{
    const struct model *m = tree->model;
    for (uint32_t z = 0; z < m->n_zones; z++) {
        const struct zone *zone = &m->zones[z];
        for (uint32_t i = 0; i < zone->n_pool_names; i++) {
            const struct pool_name *p = &zone->pool_names[i];
            struct slice owner = slice_of(p->owner, p->owner_len);
            char text[NAME_TEXT_MAX];
            name_to_text(text, owner);
            uint32_t id = name_is_within(owner, zone->origin) ? place(tree, owner, z) : TREE_NONE;
            struct name_entry *e = id == TREE_NONE ? NULL : &tree->v.v[id];
            if (!e)
                diag_error(diags, p->span, "%s is outside of the zone", text);
            else if (e->zone != z)
                diag_error(diags, p->span, "%s belongs to another zone that is served too", text);
            else if (e->pool_name != MODEL_NONE)
                diag_error(diags, p->span, "%s is steered to two pools, expected one", text);
            else
                e->pool_name = i;
        }
    }
}

static unsigned flags_of(const struct tree *tree, const struct name_entry *e)
{
    unsigned flags = e->flags;
    for (uint32_t i = 0; i < e->n_records; i++) {
        uint16_t type = tree->records[e->first + i]->type;
        if (type == TYPE_NS && !(flags & NAME_APEX))
            flags |= NAME_CUT;
        else if (type == TYPE_SOA)
            flags |= NAME_SOA;
        else if (type == TYPE_DNAME)
            flags |= NAME_DNAME;
        else if (type == TYPE_CNAME)
            flags |= NAME_CNAME;
        else if (type == TYPE_A || type == TYPE_AAAA)
            flags |= NAME_ADDRESS;
    }
    return flags;
}

static void settle(struct tree *tree, struct diags *diags)
{
    for (uint32_t i = 0; i < tree->v.n; i++) {
        struct name_entry *e = &tree->v.v[i];
        give_way_often();
        if (e->n_records > 1)
            tree_sort_records(tree, e, diags);
        e->flags = (uint8_t)flags_of(tree, e);
        if (e->parent == TREE_NONE || (e->flags & NAME_APEX))
            continue;
        struct name_entry *parent = &tree->v.v[e->parent];
        if (parent->hidden_by != TREE_NONE)
            e->hidden_by = parent->hidden_by;
        else if (parent->flags & (NAME_CUT | NAME_DNAME))
            e->hidden_by = e->parent;
        if (name_is_wildcard(name_of(e)))
            parent->wildcard = i;
    }
}

/* A table for about as many names as there are runs of one owner, so that it hardly ever grows. */
static void reserve(struct tree *tree)
{
    const struct model *m = tree->model;
    uint64_t runs = 512;
    for (uint32_t z = 0; z < m->n_zones; z++) {
        const struct record *r = m->zones[z].records;
        for (size_t i = 0; i < m->zones[z].n_records; i++) {
            give_way_often();
            runs += i == 0 || r[i].owner != r[i - 1].owner;
        }
    }
    uint32_t size = 1024;
    while (size < 2 * runs + runs / 2 && size < UINT32_C(1) << 31)
        size *= 2;
    grow(tree, size);
}

void tree_collect(struct tree *tree, const struct model *model, struct diags *diags)
{
    *tree = (struct tree){.model = model, .seed = hash_seed()};
    size_t total = 0;
    for (uint32_t z = 0; z < model->n_zones; z++)
        total += model->zones[z].n_records;
    reserve(tree);
    (void)add(tree, NULL, slice_of("", 1), TREE_NONE, MODEL_NONE);
    add_zones(tree, diags);
    uint32_t *entry_of = place_records(tree, total, diags);
    place_pools(tree, diags);
    group_records(tree, entry_of, total);
    give_way_free(entry_of, total * sizeof *entry_of);
    settle(tree, diags);
}

void tree_free(struct tree *tree)
{
    give_way_free(tree->v.v, tree->v.cap * sizeof *tree->v.v);
    free_slots(tree);
    give_way_free(tree->records, tree->n_records * sizeof *tree->records);
    *tree = (struct tree){0};
}
