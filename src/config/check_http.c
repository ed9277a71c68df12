/* SPDX-License-Identifier: Apache-2.0
 * Checks of types http and https: what is asked for, and what a healthy answer looks like. */
#include "config/check_keys.h"

#include <stddef.h>

#define STATUS_MIN 100
#define STATUS_MAX 599

/* "200" or "200-299". */
static bool parse_status(const char *text, struct number_range *out)
{
    unsigned v[2] = {0, 0}, i = 0, digits = 0;
    for (; *text; text++) {
        if (*text == '-' && i == 0 && digits == 3) {
            i = 1;
            digits = 0;
        } else if (*text >= '0' && *text <= '9' && digits < 3) {
            v[i] = v[i] * 10 + (unsigned)(*text - '0');
            digits++;
        } else {
            return false;
        }
    }
    if (i == 0)
        v[1] = v[0];
    *out = (struct number_range){(uint16_t)v[0], (uint16_t)v[1]};
    return digits == 3 && v[0] >= STATUS_MIN && v[1] <= STATUS_MAX && v[0] <= v[1];
}

static void read_status(struct load *load, const struct yaml_node *node, void *field)
{
    struct check *check = field;
    const struct yaml_node *one[1] = {node};
    const struct yaml_node *const *items = node->kind == YAML_LIST ? node->items : one;
    uint32_t n = node->kind == YAML_LIST ? node->n : 1;
    struct number_range *v = arena_calloc(load->arena, n, sizeof *v);
    for (uint32_t i = 0; i < n; i++)
        if (items[i]->kind != YAML_SCALAR || !parse_status(items[i]->text, &v[i]))
            load_expected(load, items[i], "'status'", "HTTP statuses, as 200 or 200-299");
    if (n == 0)
        diag_error(load->diags, node->span,
                   "'status' is an empty list, expected HTTP statuses, as [200-299, 301]");
    check->http.status = v;
    check->http.n_status = n;
}

void check_path_read(struct load *load, const struct yaml_node *node, void *field)
{
    const char *text = schema_scalar(load, node, "'path'", "a path that begins with '/'");
    if (!text)
        return;
    bool clean = true;
    for (const char *p = text; *p; p++)
        clean &= (unsigned char)*p > ' ' && *p != 0x7f;
    if (text[0] != '/' || !clean)
        load_expected(load, node, "'path'", "a path that begins with '/', without spaces");
    *(const char **)field = arena_strdup(load->arena, text);
}

void check_host_read(struct load *load, const struct yaml_node *node, void *field)
{
    const char *text = schema_scalar(load, node, "'host'", "a host name");
    if (!text)
        return;
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/') {
            load_expected(load, node, "'host'", "a host name, without spaces and '/'");
            break;
        }
    }
    *(const char **)field = arena_strdup(load->arena, text);
}

void check_method_read(struct load *load, const struct yaml_node *node, void *field)
{
    const char *text = schema_scalar(load, node, "'method'", "GET or HEAD");
    if (text && strcmp(text, "GET") != 0 && strcmp(text, "HEAD") != 0)
        load_expected(load, node, "'method'", "GET or HEAD");
    if (text)
        *(const char **)field = arena_strdup(load->arena, text);
}

static const struct schema_key expect_keys[] = {
    {.name = "status",
     .kind = SCHEMA_CUSTOM,
     .read = read_status,
     .type = "a status, a range of statuses, or a list of them",
     .fallback = "200-299",
     .doc = "HTTP statuses that count as healthy.",
     .example = "[200-299, 301]"},
    {.name = "body",
     .kind = SCHEMA_TEXT,
     .offset = CHECK(http.body),
     .fallback_doc = "none: the body is not looked at",
     .doc = "Text that must occur in the body (in its first `max_body` bytes). Case counts.",
     .example = "ready"},
};
const struct schema check_expect_schema = {
    .title = "'expect'", .doc = "What a healthy answer looks like.", SCHEMA_KEYS(expect_keys)};
