/* SPDX-License-Identifier: Apache-2.0
 * Files and names of one load. */
#include "config/load.h"

#include "base/file.h"
#include "base/vec.h"
#include "config/sources.h"
#include "config/suggest.h"
#include "model/budget.h"

#include <errno.h>

#define YAML_FILE_MAX (256u << 20)
#define NAME_MAX_LEN 63

bool load_file(struct load *load, struct slice *text, const char *path, struct span named,
               size_t max)
{
    struct source *source = sources_add(load, path);
    int e = file_read(text, load->scratch, path, max);
    if (e == 0) {
        source->digest = source_digest(*text);
        return true;
    }
    const char *why = e != E_SYSTEM     ? "it is too large"
                      : errno == EINVAL ? "it is no regular file"
                                        : strerror(errno);
    if (named.line)
        diag_error(load->diags, named, "cannot read '%s': %s", path, why);
    else
        diag_error(load->diags, (struct span){.file = path}, "cannot be read: %s", why);
    return false;
}

const struct yaml_node *load_yaml(struct load *load, const char *path, struct span named)
{
    struct slice text;
    if (load->budget) {
        budget_add(load->budget, path, BUDGET_YAML);
        if (!budget_allows(load->budget, load->diags))
            return NULL;
    }
    if (!load_file(load, &text, path, named, YAML_FILE_MAX))
        return NULL;
    return yaml_parse(load->scratch, text, arena_strdup(load->arena, path), load->diags);
}

/* Word processors write them, and YAML takes them for text. */
static bool has_curly_quotes(const struct yaml_node *node)
{
    static const char *const quotes[] = {"\u2018", "\u2019", "\u201c", "\u201d", "\u201e"};
    for (size_t i = 0; node->kind == YAML_SCALAR && i < ARRAY_LEN(quotes); i++)
        if (strncmp(node->text, quotes[i], strlen(quotes[i])) == 0)
            return true;
    return false;
}

void load_expected(struct load *load, const struct yaml_node *node, const char *what,
                   const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *expected = arena_vprintf(load->scratch, fmt, args);
    va_end(args);
    diag_error(load->diags, node->span, "%s is %s, expected %s%s", what,
               yaml_describe(load->scratch, node), expected,
               has_curly_quotes(node) ? "; its quotes are curly ones, those of YAML are \" and '"
                                      : "");
}

bool name_is_usable(const char *name)
{
    static const char usable[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(name);
    return n > 0 && n <= NAME_MAX_LEN && strspn(name, usable) == n;
}

void namespace_add(struct load *load, struct namespace *names, const struct yaml_node *map)
{
    if (map->kind != YAML_MAP) {
        const char *what = arena_printf(load->scratch, "'%ss'", names->kind);
        load_expected(load, map, what, "a mapping: NAME: {...}");
        names->incomplete = true;
        return;
    }
    names->incomplete |= map->incomplete;
    for (uint32_t i = 0; i < map->n; i++) {
        const struct yaml_node *key = map->pairs[i].key;
        if (!name_is_usable(key->text)) {
            diag_error(load->diags, key->span,
                       "%s name '%s', expected 1 to %d letters, digits, '-', '_' or '.'",
                       names->kind, key->text, NAME_MAX_LEN);
            names->incomplete = true;
            continue;
        }
        uint32_t first = strmap_add(&names->index, slice_str(key->text), (uint32_t)names->n);
        if (first != names->n) { /* in another file: within one the parser has seen it */
            const struct span *at = &names->v[first].key->span;
            diag_error(load->diags, key->span, "duplicate %s '%s', first given at %s:%u:%u",
                       names->kind, key->text, at->file, at->line, at->column);
            diag_also(load->diags, *at, "first given here");
            continue;
        }
        struct definition *d = vec_push(names);
        d->key = key;
        d->value = map->pairs[i].value;
        d->name = arena_strdup(load->arena, key->text);
    }
}

static const char *definition_name(const void *definitions, uint32_t i)
{
    return ((const struct definition *)definitions)[i].name;
}

uint32_t namespace_find(struct load *load, const struct namespace *names,
                        const struct yaml_node *node, const char *what)
{
    if (node->kind != YAML_SCALAR || yaml_is_empty(node)) {
        load_expected(load, node, what, "the name of a %s", names->kind);
        return MODEL_NONE;
    }
    uint32_t index = strmap_get(&names->index, slice_of(node->text, node->n));
    if (index != STRMAP_NONE)
        return index;
    if (names->incomplete)
        return MODEL_NONE;
    diag_error(load->diags, node->span, "unknown %s '%s'%s", names->kind, node->text,
               suggest(load->scratch, node->text, definition_name, names->v, (uint32_t)names->n));
    return MODEL_NONE;
}

void namespace_free(struct namespace *names)
{
    vec_free(names);
    strmap_free(&names->index);
}

static bool list_has(const uint32_t *v, uint32_t n, uint32_t x)
{
    for (uint32_t i = 0; i < n; i++)
        if (v[i] == x)
            return true;
    return false;
}

struct u32_list namespace_find_list(struct load *load, const struct namespace *names,
                                    const struct yaml_node *node, const char *what)
{
    const struct yaml_node *one[1] = {node};
    const struct yaml_node *const *items = node->kind == YAML_LIST ? node->items : one;
    uint32_t n = node->kind == YAML_LIST ? node->n : 1, kept = 0;
    if (n == 0 || node->kind == YAML_MAP || yaml_is_empty(node)) {
        if (n == 0)
            diag_error(load->diags, node->span, "%s is an empty list, expected names of %ss", what,
                       names->kind);
        else
            load_expected(load, node, what, "a list of names of %ss", names->kind);
        return (struct u32_list){0};
    }
    uint32_t *v = arena_calloc(load->arena, n, sizeof *v);
    const char *item =
        node->kind == YAML_LIST ? arena_printf(load->scratch, "an item of %s", what) : what;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = namespace_find(load, names, items[i], item);
        if (index == MODEL_NONE)
            continue;
        if (list_has(v, kept, index))
            diag_error(load->diags, items[i]->span, "%s '%s' is listed twice", names->kind,
                       items[i]->text);
        else
            v[kept++] = index;
    }
    return (struct u32_list){v, kept};
}
