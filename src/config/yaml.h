/* SPDX-License-Identifier: Apache-2.0
 * YAML text as a tree of nodes with their positions.
 *
 * Scalars stay text: it is the schema that reads them, so the country NO is not a boolean. An alias
 * shares the node of its anchor; how much aliases may expand to is bounded, and so are depth and
 * size, so that a walk over the tree is, too. Keys are plain scalars, unique within their mapping.
 * What is of no use in a configuration is refused: tags, merge keys, several documents. */
#pragma once

#include "base/diag.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_pair;

struct yaml_node {
    struct span span;
    enum yaml_kind kind;
    bool quoted;     /* a scalar in quotes, or a block scalar */
    bool incomplete; /* a mapping with bad keys, which were reported and left out */
    uint32_t n;      /* bytes of text, items, or pairs */
    uint32_t weight; /* nodes in here, aliases expanded */
    union {
        const char *text; /* NUL-terminated, no NUL inside */
        const struct yaml_node *const *items;
        const struct yaml_pair *pairs;
    };
};

struct yaml_pair {
    const struct yaml_node *key, *value;
};

/** Where one value may stand for a list of one: the items. */
struct yaml_items {
    const struct yaml_node *const *v;
    uint32_t n;
};

/** Of a list its items, of another node itself: *node must live as long as the result. */
static inline struct yaml_items yaml_items(const struct yaml_node *const *node)
{
    if ((*node)->kind == YAML_LIST)
        return (struct yaml_items){(*node)->items, (*node)->n};
    return (struct yaml_items){node, 1};
}

#define YAML_DEPTH_MAX 32
#define YAML_ALIASED_MAX 65536 /* nodes that aliases may add to a document */

/** Parses one document. `file` names it in positions and must live as long as the tree; nodes are
 *  allocated in `arena`. Returns NULL after reporting; a tree may come with errors, too. */
const struct yaml_node *yaml_parse(struct arena *arena, struct slice text, const char *file,
                                   struct diags *diags) ATTR_NONNULL;

/** The value of a key of a mapping, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key) ATTR_NONNULL;

/** Whether nothing stands there: `key:` without a value, `~` and `null` unquoted. */
bool yaml_is_empty(const struct yaml_node *node) ATTR_NONNULL;

/** What stands there, for messages: `'text'`, "a list", "an empty mapping", "empty". */
const char *yaml_describe(struct arena *arena, const struct yaml_node *node) ATTR_NONNULL;
