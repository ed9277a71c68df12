/* SPDX-License-Identifier: Apache-2.0
 * The walker over mappings that tables describe. */
#include "config/schema.h"

#include "config/schema_value.h"
#include "config/suggest.h"

void schema_read_value(struct load *load, const struct schema_key *key,
                       const struct yaml_node *node, void *field)
{
    switch (key->kind) {
    case SCHEMA_FILES:
    case SCHEMA_STRINGS:
        schema_read_list(load, key, node, field);
        break;
    case SCHEMA_MAPPING:
        schema_read(load, key->sub, node, field);
        break;
    case SCHEMA_CUSTOM:
        key->read(load, node, field);
        break;
    default:
        schema_read_scalar(load, key, node, field);
    }
}

static void set_defaults(struct load *load, const struct schema *schema, char *out)
{
    for (uint32_t i = 0; i < schema->n_keys; i++) {
        const struct schema_key *key = &schema->keys[i];
        if (key->kind == SCHEMA_MAPPING) {
            set_defaults(load, key->sub, out + key->offset);
        } else if (key->fallback) {
            const struct yaml_node node = {.span = {.file = ""},
                                           .kind = YAML_SCALAR,
                                           .quoted = true,
                                           .n = (uint32_t)strlen(key->fallback),
                                           .text = key->fallback};
            schema_read_value(load, key, &node, out + key->offset);
        }
    }
}

static const char *key_name(const void *keys, uint32_t i)
{
    return ((const struct schema_key *)keys)[i].name;
}

static const struct schema_key *find_key(const struct schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->n_keys; i++)
        if (strcmp(schema->keys[i].name, name) == 0)
            return &schema->keys[i];
    return NULL;
}

static void set_places(struct load *load, const struct yaml_node *node, const struct span **out)
{
    struct yaml_items items = yaml_items(&node);
    struct span *places = arena_calloc(load->arena, items.n, sizeof *places);
    const char *file = arena_strdup(load->arena, node->span.file);
    for (uint32_t i = 0; i < items.n; i++)
        places[i] = (struct span){file, items.v[i]->span.line, items.v[i]->span.column};
    *out = places;
}

static void set_place(struct load *load, const struct schema_key *key, const struct yaml_node *node,
                      char *out)
{
    struct span at = node->span;
    if (key->at == 0)
        return;
    if (key->kind == SCHEMA_FILES) {
        set_places(load, node, (const struct span **)(void *)(out + key->at));
        return;
    }
    at.file = arena_strdup(load->arena, at.file);
    memcpy(out + key->at, &at, sizeof at);
}

/* Keys of the schema that a bad key was taken for: that they are missing is no second mistake. */
struct meant {
    uint64_t keys; /* bits by index; schemas have fewer than 64 keys */
};

/* `identity:ams1` within braces: a key that exists, and its value, without the blank. */
static bool refuse_joined(struct load *load, const struct schema *schema,
                          const struct yaml_node *node, struct meant *meant)
{
    const char *colon = strchr(node->text, ':');
    for (uint32_t i = 0; colon && !node->quoted && i < schema->n_keys; i++) {
        size_t n = strlen(schema->keys[i].name);
        if (n != (size_t)(colon - node->text) || memcmp(node->text, schema->keys[i].name, n) != 0)
            continue;
        diag_error(load->diags, node->span, "unknown key '%s', missing blank after '%s:'",
                   node->text, schema->keys[i].name);
        meant->keys |= UINT64_C(1) << i;
        return true;
    }
    return false;
}

static void refuse_key(struct load *load, const struct schema *schema, const struct yaml_node *node,
                       struct meant *meant)
{
    if (refuse_joined(load, schema, node, meant))
        return;
    const char *nearest = suggest_nearest(node->text, key_name, schema->keys, schema->n_keys);
    for (uint32_t i = 0; nearest && i < schema->n_keys; i++)
        if (strcmp(nearest, schema->keys[i].name) == 0)
            meant->keys |= UINT64_C(1) << i;
    diag_error(load->diags, node->span, "unknown key '%s'%s", node->text,
               suggest(load->scratch, node->text, key_name, schema->keys, schema->n_keys));
}

static struct meant read_pairs(struct load *load, const struct schema *schema,
                               const struct yaml_node *node, char *out)
{
    struct meant meant = {0};
    for (uint32_t i = 0; i < node->n; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        const struct schema_key *key = find_key(schema, pair->key->text);
        if (key) {
            set_place(load, key, pair->value, out);
            schema_read_value(load, key, pair->value, out + key->offset);
        } else {
            refuse_key(load, schema, pair->key, &meant);
        }
    }
    return meant;
}

/* The first few keys, enough to recognise what is meant. */
static const char *some_keys(struct arena *arena, const struct schema *schema)
{
    const char *text = schema->keys[0].name;
    for (uint32_t i = 1; i < schema->n_keys && i < 3; i++)
        text = arena_printf(arena, "%s, %s", text, schema->keys[i].name);
    return schema->n_keys > 3 ? arena_printf(arena, "%s, ...", text) : text;
}

static void read_titled(struct load *load, const struct schema *schema, const char *title,
                        const struct yaml_node *node, void *out)
{
    set_defaults(load, schema, out);
    if (node->kind != YAML_MAP) {
        const char *colon =
            node->kind == YAML_SCALAR && !node->quoted ? strchr(node->text, ':') : NULL;
        load_expected(load, node, title, "a mapping with keys (%s)%s",
                      some_keys(load->scratch, schema),
                      colon && colon[1] ? ": missing blank after ':'?" : "");
        return;
    }
    struct meant meant = read_pairs(load, schema, node, out);
    for (uint32_t i = 0; i < schema->n_keys && !node->incomplete; i++) {
        const struct schema_key *key = &schema->keys[i];
        if (key->required && !yaml_get(node, key->name) && !(meant.keys >> i & 1))
            diag_error(load->diags, node->span, "%s has no '%s', expected %s", title, key->name,
                       schema_expected(load->scratch, key));
    }
}

void schema_read(struct load *load, const struct schema *schema, const struct yaml_node *node,
                 void *out)
{
    read_titled(load, schema, schema->title, node, out);
}

void schema_read_named(struct load *load, const struct schema *schema, const char *name,
                       const struct yaml_node *node, void *out)
{
    read_titled(load, schema, arena_printf(load->scratch, "%s '%s'", schema->title, name), node,
                out);
}
