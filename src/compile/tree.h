/* SPDX-License-Identifier: Apache-2.0
 * The names of all zones as a tree, gathered for the compiler: which records a name owns, where it
 * stands.
 *
 * Every ancestor of a name up to the root is an entry too, and an entry always comes after its
 * parent: one pass in order passes things down the tree. A name belongs to the deepest zone that
 * contains it; what an enclosing zone has there is not served, but for the DS RRset at the apex. */
#pragma once

#include "base/vec.h"
#include "model/model.h"

#define TREE_NONE UINT32_MAX

enum name_flag {
    NAME_APEX = 1,
    NAME_CUT = 2,
    NAME_DNAME = 4,
    NAME_CNAME = 8,
    NAME_ADDRESS = 16, /* has A or AAAA */
    NAME_GLUE = 32,    /* an NS RRset of the zone names it */
    NAME_SOA = 64,
};

struct name_entry {
    const uint8_t *name;
    uint32_t parent;           /* TREE_NONE for the root */
    uint32_t zone;             /* MODEL_NONE: above every zone */
    uint32_t first, n_records; /* in tree.records, sorted by type, no duplicates */
    uint32_t pool_name;        /* in the zone's pool_names, or MODEL_NONE */
    uint32_t hidden_by;        /* the cut or DNAME above, or TREE_NONE */
    uint32_t wildcard;         /* the child "*", or TREE_NONE */
    uint32_t node;             /* offset in the blob, once written */
    uint8_t len, flags;
};

struct tree {
    const struct model *model;
    VEC(struct name_entry) v;
    struct name_slot *slots;
    uint64_t seed; /* of their hashes */
    uint32_t mask;
    uint32_t last_parent; /* neighbours in a file mostly share it */
    const struct record **records;
    size_t n_records;
};

/** An RRset: the records of one type at a name. */
struct rrset {
    const struct record *const *v;
    uint32_t n;
    uint32_t ttl_s; /* the lowest of them */
    uint16_t type;
};

/** Gathers the names. What cannot be placed is reported: data outside of its zone or inside another
 *  one that is served, duplicates, a second pool at a name. */
void tree_collect(struct tree *tree, const struct model *model, struct diags *diags) ATTR_NONNULL;
void tree_free(struct tree *tree) ATTR_NONNULL;

/** The entry of a lower-case name, or TREE_NONE. */
uint32_t tree_find(const struct tree *tree, struct slice name) ATTR_NONNULL;

/** Sorts the records of an entry, which has two at least, and drops with a warning those that are
 *  there twice. */
void tree_sort_records(struct tree *tree, struct name_entry *entry,
                       struct diags *diags) ATTR_NONNULL;

/** The next RRset of an entry, CNAME first, then in the order of types. *at starts at 0. */
bool tree_next_set(const struct tree *tree, const struct name_entry *entry, uint32_t *at,
                   struct rrset *set) ATTR_NONNULL;
/** One type's RRset; n == 0 if there is none. */
struct rrset tree_set(const struct tree *tree, const struct name_entry *entry,
                      uint16_t type) ATTR_NONNULL;

static inline struct slice name_of(const struct name_entry *entry)
{
    return (struct slice){entry->name, entry->len};
}

/** Where a record stands. */
struct span record_span(const struct zone *zone, const struct record *record) ATTR_NONNULL;
