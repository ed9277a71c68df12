/* SPDX-License-Identifier: Apache-2.0
 * Values that stand alone, and lists of them. */
#include "config/schema_value.h"

#include "base/buf.h"
#include "base/digits.h"
#include "base/file.h"
#include "base/units.h"
#include "config/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *range_text(struct arena *arena, const struct schema_key *key)
{
    char lo[UNITS_TEXT_MAX], hi[UNITS_TEXT_MAX];
    int64_t unit = key->kind == SCHEMA_SECONDS ? 1000 : 1;
    switch (key->kind) {
    case SCHEMA_MS:
    case SCHEMA_SECONDS:
        units_duration_text(lo, key->min * unit);
        units_duration_text(hi, key->max * unit);
        return arena_printf(arena, "from %s to %s", lo, hi);
    default:
        return arena_printf(arena, "from %u to %u", key->min, key->max);
    }
}

static const char *words_text(struct arena *arena, const struct schema_key *key)
{
    struct buf buf = {0};
    buf_puts(&buf, "one of: ");
    for (uint32_t i = 0, n = 0; i < key->n_words; i++)
        if (key->words[i].doc)
            buf_printf(&buf, "%s%s", n++ ? ", " : "", key->words[i].text);
    const char *text = arena_strdup(arena, buf.p);
    buf_free(&buf);
    return text;
}

const char *schema_expected(struct arena *arena, const struct schema_key *key)
{
    switch (key->kind) {
    case SCHEMA_BOOL:
        return "true or false";
    case SCHEMA_U16:
    case SCHEMA_U32:
        return arena_printf(arena, "a whole number %s", range_text(arena, key));
    case SCHEMA_MS:
        return arena_printf(arena, "a duration (250ms, 5s, 10m, 1h) %s", range_text(arena, key));
    case SCHEMA_SECONDS:
        return arena_printf(arena, "a duration in whole seconds (30s, 10m, 1h) %s",
                            range_text(arena, key));
    case SCHEMA_SIZE:
        return arena_printf(arena, "a size in bytes (512, 64k, 8M) %s", range_text(arena, key));
    case SCHEMA_SHARE:
        return "a share from 0% to 100%, or 0 to 1";
    case SCHEMA_TEXT:
        return "text";
    case SCHEMA_PATH:
    case SCHEMA_FILE:
        return "a path";
    case SCHEMA_FILES:
        return "a path or a list of paths";
    case SCHEMA_STRINGS:
        return "a list of texts";
    case SCHEMA_WORD:
        return key->type ? key->type : words_text(arena, key);
    default:
        return key->type ? key->type : "a mapping";
    }
}

static const char *quoted_name(struct load *load, const struct schema_key *key)
{
    return arena_printf(load->scratch, "'%s'", key->name);
}

static void refuse(struct load *load, const struct schema_key *key, const struct yaml_node *node)
{
    load_expected(load, node, quoted_name(load, key), "%s", schema_expected(load->scratch, key));
}

const char *schema_scalar(struct load *load, const struct yaml_node *node, const char *what,
                          const char *expected)
{
    if (node->kind == YAML_SCALAR && !yaml_is_empty(node) && node->n > 0)
        return node->text;
    load_expected(load, node, what, "%s", expected);
    return NULL;
}

const struct yaml_node *schema_file(struct load *load, const struct yaml_node *node,
                                    const char *what, const char *expected)
{
    const char *text = schema_scalar(load, node, what, expected);
    return text ? load_yaml(load, file_resolve(load->scratch, node->span.file, text), node->span)
                : NULL;
}

static bool parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

/* Numbers, with the unit that their kind has; false when the text is none or out of range. */
static bool parse_quantity(const struct schema_key *key, const char *text, uint64_t *out)
{
    int64_t ms;
    bool ok = true;
    switch (key->kind) {
    case SCHEMA_MS:
    case SCHEMA_SECONDS:
        ok = units_duration_ms(&ms, text) == 0;
        *out = ok ? (uint64_t)ms : 0;
        if (ok && key->kind == SCHEMA_SECONDS) {
            ok = *out % 1000 == 0;
            *out /= 1000;
        }
        break;
    case SCHEMA_SIZE:
        ok = units_size(out, text) == 0;
        break;
    default:
        ok = decimal_parse(slice_str(text), UINT32_MAX, out);
    }
    return ok && *out >= key->min && *out <= key->max;
}

static bool read_number(const struct schema_key *key, const char *text, void *field)
{
    uint64_t x = 0;
    if (!parse_quantity(key, text, &x))
        return false;
    if (key->kind == SCHEMA_U16)
        *(uint16_t *)field = (uint16_t)x;
    else
        *(uint32_t *)field = (uint32_t)x;
    return true;
}

static const char *word_text(const void *words, uint32_t i)
{
    return ((const struct schema_word *)words)[i].text;
}

static void read_word(struct load *load, const struct schema_key *key, const struct yaml_node *node,
                      void *field)
{
    for (uint32_t i = 0; i < key->n_words; i++) {
        if (strcmp(key->words[i].text, node->text) != 0)
            continue;
        if (key->words[i].doc)
            *(unsigned *)field = key->words[i].value;
        else
            diag_error(load->diags, node->span, "%s '%s' is not in this release, expected %s",
                       key->name, node->text, words_text(load->scratch, key));
        return;
    }
    const char *nearest = suggest_nearest(node->text, word_text, key->words, key->n_words);
    if (nearest)
        diag_error(load->diags, node->span, "unknown %s '%s', did you mean '%s'?", key->name,
                   node->text, nearest);
    else
        diag_error(load->diags, node->span, "unknown %s '%s', expected %s", key->name, node->text,
                   schema_expected(load->scratch, key));
}

/* A shell or a template would have replaced it; here it is text. */
static void warn_variable(struct load *load, const struct yaml_node *node)
{
    const char *open = strstr(node->text, "${");
    const char *close = open ? strchr(open, '}') : NULL;
    if (close)
        diag_warning(load->diags, node->span,
                     "'%.*s' is taken as it stands: there are no variables here",
                     (int)(close + 1 - open), open);
}

static const char *read_path(struct load *load, const struct yaml_node *node, bool must_exist)
{
    struct stat st;
    const char *path = file_resolve(load->arena, node->span.file, node->text);
    bool missing = must_exist && stat(path, &st) != 0;
    warn_variable(load, node);
    if (missing && strpbrk(node->text, "*?["))
        diag_error(load->diags, node->span,
                   "'%s' is a pattern, expected the name of a file or of a directory: patterns are "
                   "not expanded",
                   node->text);
    else if (missing)
        diag_error(load->diags, node->span, "cannot find '%s': %s", path, strerror(errno));
    return path;
}

/* Lists: of texts, or of paths that exist (where one path alone will do). */
void schema_read_list(struct load *load, const struct schema_key *key, const struct yaml_node *node,
                      struct str_list *out)
{
    const struct yaml_node *one[1] = {node};
    const struct yaml_node *const *items = node->kind == YAML_LIST ? node->items : one;
    uint32_t n = node->kind == YAML_LIST ? node->n : 1;
    if (n == 0 || (node->kind != YAML_LIST && key->kind == SCHEMA_STRINGS)) {
        refuse(load, key, node);
        return;
    }
    const char **v = arena_calloc(load->arena, n, sizeof *v);
    for (uint32_t i = 0; i < n; i++) {
        const char *text =
            schema_scalar(load, items[i], arena_printf(load->scratch, "an item of '%s'", key->name),
                          key->kind == SCHEMA_FILES ? "a path" : "text");
        if (text)
            v[i] = key->kind == SCHEMA_FILES ? read_path(load, items[i], true)
                                             : arena_strdup(load->arena, text);
    }
    *out = (struct str_list){v, n};
}

void schema_read_scalar(struct load *load, const struct schema_key *key,
                        const struct yaml_node *node, void *field)
{
    bool ok = true;
    if (node->kind != YAML_SCALAR || yaml_is_empty(node) || node->n == 0) {
        refuse(load, key, node);
        return;
    }
    switch (key->kind) {
    case SCHEMA_BOOL:
        ok = parse_bool(node->text, field);
        break;
    case SCHEMA_SHARE:
        ok = units_share(field, node->text) == 0;
        break;
    case SCHEMA_TEXT:
        warn_variable(load, node);
        *(const char **)field = arena_strdup(load->arena, node->text);
        break;
    case SCHEMA_PATH:
    case SCHEMA_FILE:
        *(const char **)field = read_path(load, node, key->kind == SCHEMA_FILE);
        break;
    case SCHEMA_WORD:
        read_word(load, key, node, field);
        break;
    default:
        ok = read_number(key, node->text, field);
    }
    if (!ok)
        refuse(load, key, node);
}
