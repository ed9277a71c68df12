/* SPDX-License-Identifier: Apache-2.0
 * YAML text as a tree: libyaml's events, with the mistakes in them explained. */
#include "config/yaml.h"

#include "base/ip.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "config/yaml_error.h"

#include <yaml.h>

struct anchor {
    uint32_t name;                /* in builder.newest */
    const struct yaml_node *node; /* NULL while the node is still open */
};

struct builder {
    yaml_parser_t parser;
    struct arena *arena;
    struct diags *diags;
    const char *file;
    struct slice text;
    VEC(struct anchor) anchors;
    struct strmap names;  /* of anchors -> index in newest */
    VEC(uint32_t) newest; /* the last anchor of each name: that is what an alias means */
    uint32_t aliased;
    unsigned depth;
    bool failed; /* the rest cannot be parsed */
};

static struct span span_of(const struct builder *b, yaml_mark_t mark)
{
    return (struct span){b->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

/* The next event; false at an error, which is reported. The caller deletes the event. */
static bool next_event(struct builder *b, yaml_event_t *event)
{
    if (b->failed)
        return false;
    if (yaml_parser_parse(&b->parser, event))
        return true;
    b->failed = true;
    yaml_report(b->diags, &b->parser, b->file, b->text);
    return false;
}

static struct yaml_node *new_node(struct builder *b, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *node = arena_calloc(b->arena, 1, sizeof *node);
    node->span = span_of(b, mark);
    node->kind = kind;
    node->weight = 1;
    return node;
}

static const struct yaml_node *build(struct builder *b, yaml_event_t *event);

static void refuse_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (tag)
        diag_error(b->diags, span_of(b, mark),
                   "tag '%s', expected a value without a tag: the key decides how it is read",
                   (const char *)tag);
}

/* Remembers an anchor; the returned index is for anchor_close(). */
static size_t anchor_open(struct builder *b, const yaml_char_t *name)
{
    if (!name)
        return SIZE_MAX;
    const char *copy = arena_strdup(b->arena, (const char *)name);
    uint32_t index = strmap_add(&b->names, slice_str(copy), (uint32_t)b->newest.n);
    if (index == b->newest.n)
        vec_push(&b->newest);
    b->newest.v[index] = (uint32_t)b->anchors.n;
    vec_push(&b->anchors);
    return b->anchors.n - 1;
}

static void anchor_close(struct builder *b, size_t index, const struct yaml_node *node)
{
    if (index != SIZE_MAX)
        b->anchors.v[index].node = node;
}

static const struct yaml_node *build_scalar(struct builder *b, const yaml_event_t *event)
{
    struct yaml_node *node = new_node(b, YAML_SCALAR, event->start_mark);
    const char *text = (const char *)event->data.scalar.value;
    size_t n = event->data.scalar.length;
    if (memchr(text, '\0', n)) {
        diag_error(b->diags, node->span, "a NUL byte in a value, expected text");
        n = strlen(text);
    }
    node->text = arena_strndup(b->arena, text, n);
    node->n = (uint32_t)n;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    refuse_tag(b, event->data.scalar.tag, event->start_mark);
    anchor_close(b, anchor_open(b, event->data.scalar.anchor), node);
    return node;
}

static const struct yaml_node *build_alias(struct builder *b, const yaml_event_t *event)
{
    struct span span = span_of(b, event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    uint32_t index = strmap_get(&b->names, slice_str(name));
    const struct yaml_node *node =
        index == STRMAP_NONE ? NULL : b->anchors.v[b->newest.v[index]].node;
    if (node)
        b->aliased += node->weight;
    if (index == STRMAP_NONE)
        diag_error(b->diags, span, "unknown alias '*%s', expected an anchor '&%s' before it", name,
                   name);
    else if (!node)
        diag_error(b->diags, span, "alias '*%s' stands inside the value that it names", name);
    else if (b->aliased > YAML_ALIASED_MAX)
        diag_error(b->diags, span, "aliases expand to more than %d values", YAML_ALIASED_MAX);
    else
        return node;
    b->failed = true;
    return NULL;
}

static const struct yaml_node *build_list(struct builder *b, const yaml_event_t *start)
{
    struct yaml_node *node = new_node(b, YAML_LIST, start->start_mark);
    size_t anchor = anchor_open(b, start->data.sequence_start.anchor);
    refuse_tag(b, start->data.sequence_start.tag, start->start_mark);
    VEC(const struct yaml_node *) items = {0};
    yaml_event_t event;
    while (next_event(b, &event)) {
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        const struct yaml_node *item = end ? NULL : build(b, &event);
        yaml_event_delete(&event);
        if (!item)
            break;
        *vec_push(&items) = item;
        node->weight += item->weight;
    }
    node->n = (uint32_t)items.n;
    node->items = vec_to_arena(&items, b->arena);
    anchor_close(b, anchor, node);
    return b->failed ? NULL : node;
}

/* `[::1]:53` without quotes, in a list: to YAML it is a mapping whose key is a list. */
static bool refuse_address(struct builder *b, const struct yaml_pair *pair)
{
    struct ip ip;
    if (pair->key->kind != YAML_LIST || pair->key->n != 1 ||
        pair->key->items[0]->kind != YAML_SCALAR || pair->value->kind != YAML_SCALAR ||
        ip_parse(&ip, pair->key->items[0]->text) != 0 || ip.family != IP_V6)
        return false;
    diag_error(b->diags, pair->key->span, "an IPv6 address needs quotes: \"[%s]:%s\"",
               pair->key->items[0]->text, pair->value->text);
    return true;
}

/* Reports keys that cannot be used; returns whether the pair may be kept. */
static bool check_key(struct builder *b, struct strmap *seen, const struct yaml_pair *pairs,
                      uint32_t index)
{
    const struct yaml_node *key = pairs[index].key;
    if (key->kind != YAML_SCALAR && refuse_address(b, &pairs[index]))
        return false;
    if (key->kind != YAML_SCALAR) {
        diag_error(b->diags, key->span, "%s as a key, expected a word",
                   yaml_describe(b->arena, key));
        return false;
    }
    if (!key->quoted && strcmp(key->text, "<<") == 0) {
        diag_error(b->diags, key->span,
                   "merge key '<<', expected plain keys: an alias can stand for a whole value");
        return false;
    }
    uint32_t first = strmap_add(seen, slice_of(key->text, key->n), index);
    if (first != index) {
        const struct span *at = &pairs[first].key->span;
        diag_error(b->diags, key->span, "duplicate key '%s', first given at line %u, column %u",
                   key->text, at->line, at->column);
        diag_also(b->diags, *at, "first given here");
        return false;
    }
    return true;
}

/* Drops the pairs whose keys are bad, so that later stages see only good ones. */
static void keep_good_pairs(struct builder *b, struct yaml_node *node, struct yaml_pair *pairs)
{
    struct strmap seen = {0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < node->n; i++) {
        pairs[kept] = pairs[i];
        if (check_key(b, &seen, pairs, kept))
            kept++;
    }
    strmap_free(&seen);
    node->incomplete = kept < node->n;
    node->n = kept;
    node->pairs = pairs;
}

static const struct yaml_node *build_map(struct builder *b, const yaml_event_t *start)
{
    struct yaml_node *node = new_node(b, YAML_MAP, start->start_mark);
    size_t anchor = anchor_open(b, start->data.mapping_start.anchor);
    refuse_tag(b, start->data.mapping_start.tag, start->start_mark);
    VEC(struct yaml_pair) pairs = {0};
    yaml_event_t event;
    while (next_event(b, &event)) {
        struct yaml_pair pair = {0};
        bool end = event.type == YAML_MAPPING_END_EVENT;
        pair.key = end ? NULL : build(b, &event);
        yaml_event_delete(&event);
        if (!pair.key || !next_event(b, &event))
            break;
        pair.value = build(b, &event);
        yaml_event_delete(&event);
        if (!pair.value)
            break;
        *vec_push(&pairs) = pair;
        node->weight += pair.key->weight + pair.value->weight;
    }
    node->n = (uint32_t)pairs.n;
    keep_good_pairs(b, node, vec_to_arena(&pairs, b->arena));
    anchor_close(b, anchor, node);
    return b->failed ? NULL : node;
}

/* One node from its first event on; NULL once the builder has failed. */
static const struct yaml_node *build(struct builder *b, yaml_event_t *event)
{
    if (b->depth == YAML_DEPTH_MAX) {
        diag_error(b->diags, span_of(b, event->start_mark), "nested more than %d levels deep",
                   YAML_DEPTH_MAX);
        b->failed = true;
        return NULL;
    }
    b->depth++;
    const struct yaml_node *node = NULL;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node = build_scalar(b, event);
        break;
    case YAML_ALIAS_EVENT:
        node = build_alias(b, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        node = build_list(b, event);
        break;
    case YAML_MAPPING_START_EVENT:
        node = build_map(b, event);
        break;
    default:
        b->failed = true;
    }
    b->depth--;
    return node;
}

/* Skips to the first content of the stream. Returns false at its end. */
static bool next_content(struct builder *b, yaml_event_t *event)
{
    while (next_event(b, event)) {
        if (event->type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(event);
            return false;
        }
        if (event->type != YAML_STREAM_START_EVENT && event->type != YAML_DOCUMENT_START_EVENT &&
            event->type != YAML_DOCUMENT_END_EVENT)
            return true;
        yaml_event_delete(event);
    }
    return false;
}

static const struct yaml_node *build_document(struct builder *b)
{
    yaml_event_t event;
    if (!next_content(b, &event)) {
        if (!b->failed)
            diag_error(b->diags, (struct span){b->file, 1, 1},
                       "nothing in this file, expected a mapping (KEY: VALUE)");
        return NULL;
    }
    const struct yaml_node *root = build(b, &event);
    yaml_event_delete(&event);
    if (root && next_content(b, &event)) {
        diag_error(b->diags, span_of(b, event.start_mark),
                   "a second document, expected the end of the file");
        yaml_event_delete(&event);
    }
    return b->failed ? NULL : root;
}

const struct yaml_node *yaml_parse(struct arena *arena, struct slice text, const char *file,
                                   struct diags *diags)
{
    struct builder b = {.arena = arena, .diags = diags, .file = file, .text = text};
    if (!yaml_parser_initialize(&b.parser)) {
        diag_error(diags, (struct span){.file = file}, "out of memory for the YAML parser");
        return NULL;
    }
    yaml_parser_set_input_string(&b.parser, text.p, text.n);
    const struct yaml_node *root = build_document(&b);
    yaml_parser_delete(&b.parser);
    vec_free(&b.anchors);
    vec_free(&b.newest);
    strmap_free(&b.names);
    return root;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    for (uint32_t i = 0; map->kind == YAML_MAP && i < map->n; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return map->pairs[i].value;
    return NULL;
}

bool yaml_is_empty(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->quoted &&
           (node->n == 0 || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

const char *yaml_describe(struct arena *arena, const struct yaml_node *node)
{
    if (node->kind == YAML_LIST)
        return node->n ? "a list" : "an empty list";
    if (node->kind == YAML_MAP)
        return node->n ? "a mapping" : "an empty mapping";
    if (yaml_is_empty(node))
        return "empty";
    if (node->n > 60)
        return arena_printf(arena, "'%.57s...'", node->text);
    return arena_printf(arena, "'%s'", node->text);
}
