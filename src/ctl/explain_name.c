/* SPDX-License-Identifier: Apache-2.0
 * Why a name was answered as it was, apart from pools: where it lies in the zones. */
#include "control/json.h"
#include "ctl/explain_ask.h"
#include "dns/rr.h"

/* The node that decides: the name's own, or its closest encloser. */
struct whereabouts {
    const struct node *node; /* NULL only without any zone */
    bool own;
    const struct node *decisive; /* the cut, DNAME or wildcard that `node` stands under, or node */
};

static struct whereabouts locate(const struct snapshot *snapshot, struct slice name)
{
    const struct index *ix = &snapshot->index;
    struct whereabouts at = {.node = index_find(ix, name)};
    at.own = at.node != NULL;
    if (at.node == NULL) {
        uint8_t label_at[NAME_LABELS_MAX + 1];
        unsigned n = 0, p = 0;
        for (; name.p[p] != 0; p += name.p[p] + 1u)
            label_at[n++] = (uint8_t)p;
        label_at[n] = (uint8_t)p;
        at.node = index_encloser(ix, name, label_at, n);
    }
    at.decisive = at.node;
    if (at.node == NULL)
        return at;
    bool to_wildcard = !at.own && (at.node->flags & NODE_WILDCARD);
    if ((at.node->flags & NODE_HIDDEN) || to_wildcard)
        at.decisive = index_node(ix, at.node->link);
    return at;
}

static const char *text_of(struct arena *arena, const struct node *node)
{
    char text[NAME_TEXT_MAX];
    return arena_strdup(arena, name_to_text(text, node_name(node)));
}

static const char *no_data(struct arena *arena, const struct whereabouts *at, uint16_t type)
{
    char text[RR_TYPE_TEXT_MAX];
    if (at->own && at->node->n_sets == 0 && !(at->node->flags & NODE_DYNAMIC))
        return "the name is an empty non-terminal: there are only names below it";
    return arena_printf(arena, "the name exists, but has no %s", rr_type_text(text, type));
}

static const char *positive(struct arena *arena, const struct whereabouts *at, bool has_answer,
                            const struct asked *asked)
{
    if (!has_answer)
        return no_data(arena, at, asked->type);
    if (at->decisive->flags & NODE_CNAME)
        return "an alias, followed inside the zone";
    return at->own ? "records of the zone" : "records of a wildcard";
}

const char *explain_name(json_t *document, struct arena *arena, const struct snapshot *snapshot,
                         const struct asked *asked)
{
    struct whereabouts at = locate(snapshot, slice_of(asked->lower, asked->name_len));
    bool has_answer = json_array_size(json_object_get(document, "records")) > 0;
    char type[RR_TYPE_TEXT_MAX];
    if (at.node == NULL || (at.node->flags & NODE_OUTSIDE))
        return "no zone served here contains the name";
    const struct node *apex = index_node(&snapshot->index, at.decisive->apex);
    json_set_text(document, "zone", text_of(arena, apex));
    if (at.decisive->flags & NODE_BROKEN)
        return "the zone is broken: its files could not be loaded (loadstarctl status says why)";
    if (asked->rcode != RCODE_NOERROR && asked->rcode != RCODE_NXDOMAIN)
        return arena_printf(arena, "questions of type %s are not answered",
                            rr_type_text(type, asked->type));
    if (!asked->authoritative && (at.decisive->flags & NODE_CUT)) {
        json_set_text(document, "delegation", text_of(arena, at.decisive));
        return arena_printf(arena, "delegated at %s", text_of(arena, at.decisive));
    }
    if (at.decisive->flags & NODE_DNAME)
        return arena_printf(arena, "DNAME at %s", text_of(arena, at.decisive));
    if (asked->rcode == RCODE_NXDOMAIN)
        return arena_printf(arena, "the name does not exist; its closest encloser is %s",
                            text_of(arena, at.node));
    if (!at.own)
        json_set_text(document, "wildcard", text_of(arena, at.decisive));
    return positive(arena, &at, has_answer, asked);
}
