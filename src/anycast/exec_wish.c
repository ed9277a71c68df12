/* SPDX-License-Identifier: Apache-2.0
 * What is to be announced as JSON, both ways. */
#include "anycast/exec_wish.h"

#include "base/diag.h"
#include "base/escape.h"

#include <jansson.h>
#include <string.h>

enum { ROUTES_MAX = 65536 };

/* --- writing --- */

/* Of bytes that are no UTF-8 it is the escaped text. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    struct arena *arena = arena_new();
    value = json_string(escape_in(arena, text));
    arena_free(arena);
    return value;
}

static json_t *next_hop_value(const struct announcement *set, const struct speaker *speaker,
                              uint8_t family)
{
    char text[IP_TEXT_MAX];
    const struct ip *hop = route_next_hop(set->spec->config, speaker, family);
    return json_string(hop ? ip_text(text, hop) : "self");
}

static json_t *attributes_value(const struct announcement *set, const struct speaker *speaker)
{
    const struct route_attributes *a = &set->attributes;
    json_t *communities = json_array(), *large = json_array();
    char text[COMMUNITY_TEXT_MAX], large_text[LARGE_COMMUNITY_TEXT_MAX];
    for (uint32_t i = 0; i < a->n_communities; i++)
        json_array_append_new(communities, json_string(community_text(text, a->communities[i])));
    for (uint32_t i = 0; i < a->n_large; i++)
        json_array_append_new(large, json_string(large_community_text(large_text, &a->large[i])));
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "prepend", (int)a->prepend, "med",
                     a->has_med ? json_integer(a->med) : json_null(), "communities", communities,
                     "large_communities", large, "next_hop_v4", next_hop_value(set, speaker, IP_V4),
                     "next_hop_v6", next_hop_value(set, speaker, IP_V6));
}

static json_t *set_value(const struct announcement *set, const struct speaker *speaker)
{
    const struct prefix_set *config = set->spec->config;
    json_t *prefixes = json_array();
    char text[IP_PREFIX_TEXT_MAX];
    for (uint32_t i = 0; i < config->n_prefixes; i++)
        json_array_append_new(prefixes, json_string(ip_prefix_text(text, &config->prefixes[i])));
    return json_pack("{s:o, s:b, s:o, s:o}", "name", text_value(set->spec->name), "announced",
                     set->announced, "prefixes", prefixes, "attributes",
                     attributes_value(set, speaker));
}

static int add_to_buf(const char *p, size_t n, void *out)
{
    buf_add(out, p, n);
    return 0;
}

static void print(struct buf *out, json_t *value)
{
    json_dump_callback(value, add_to_buf, out, JSON_COMPACT);
    json_decref(value);
}

void exec_wish_render(struct buf *out, const struct announcements *wanted,
                      const struct speaker *speaker, const char *node, uint64_t version)
{
    json_t *sets = json_array();
    for (uint32_t i = 0; i < wanted->n; i++)
        json_array_append_new(sets, set_value(&wanted->v[i], speaker));
    print(out, json_pack("{s:I, s:o, s:o, s:I, s:o}", "version", (json_int_t)version, "node",
                         text_value(node), "speaker", text_value(speaker->name), "as",
                         (json_int_t)speaker->as, "sets", sets));
    buf_puts(out, "\n");
}

void exec_attributes_render(struct buf *out, const struct announcement *set,
                            const struct speaker *speaker)
{
    print(out, attributes_value(set, speaker));
}

/* --- reading --- */

void exec_routes_free(struct exec_routes *routes)
{
    for (size_t i = 0; i < routes->v.n; i++)
        free(routes->v.v[i].attributes);
    vec_free(&routes->v);
}

const struct exec_route *exec_routes_find(const struct exec_routes *routes,
                                          const struct ip_prefix *prefix)
{
    for (size_t i = 0; i < routes->v.n; i++)
        if (ip_prefix_equal(&routes->v.v[i].prefix, prefix))
            return &routes->v.v[i];
    return NULL;
}

static struct exec_route *push_route(struct exec_routes *routes, const json_t *prefix)
{
    struct ip_prefix p;
    const char *text = json_string_value(prefix);
    if (!text || ip_prefix_parse(&p, text) != 0 || routes->v.n == ROUTES_MAX)
        return NULL;
    struct exec_route *route = vec_push(&routes->v);
    route->prefix = p;
    return route;
}

static bool read_set(struct exec_routes *routes, const json_t *set)
{
    const json_t *prefixes = json_object_get(set, "prefixes");
    json_t *attributes = json_object_get(set, "attributes");
    if (!json_is_boolean(json_object_get(set, "announced")) || !json_is_array(prefixes) ||
        !json_is_object(attributes))
        return false;
    if (json_is_false(json_object_get(set, "announced")))
        return true;
    for (size_t i = 0; i < json_array_size(prefixes); i++) {
        struct exec_route *route = push_route(routes, json_array_get(prefixes, i));
        struct buf text = {0};
        if (!route)
            return false;
        print(&text, json_incref(attributes));
        route->present = true;
        route->attributes = text.p;
    }
    return true;
}

static bool is_text(const json_t *object, const char *key, const char *expected)
{
    json_t *value = text_value(expected);
    bool same = json_equal(json_object_get(object, key), value);
    json_decref(value);
    return same;
}

int exec_wish_read(struct exec_routes *routes, uint64_t *version, struct slice text,
                   const char *node, const char *speaker)
{
    json_t *document = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *sets = json_object_get(document, "sets");
    json_int_t n = json_integer_value(json_object_get(document, "version"));
    *routes = (struct exec_routes){0};
    bool good = json_is_array(sets) && n > 0 && is_text(document, "node", node) &&
                is_text(document, "speaker", speaker);
    for (size_t i = 0; good && i < json_array_size(sets); i++)
        good = read_set(routes, json_array_get(sets, i));
    *version = good ? (uint64_t)n : 0;
    json_decref(document);
    return good ? 0 : E_SYNTAX;
}

static void render_boot(struct buf *out, const char *boot, bool reports)
{
    buf_printf(out, "{\"boot\":\"%s\",\"reports\":%s}\n", boot, reports ? "true" : "false");
}

void exec_kept_render(struct buf *out, const char *boot, bool reports, struct slice wish)
{
    render_boot(out, boot, reports);
    buf_add(out, wish.n ? (const char *)wish.p : "", wish.n);
}

/* Another boot's line is skipped: of its wish the version counts. */
bool exec_kept_read(struct slice *wish, bool *reports, struct slice text, const char *boot)
{
    *wish = text;
    for (unsigned i = 0; i < 2; i++) {
        struct buf line = {0};
        render_boot(&line, boot, *reports = i == 1);
        bool same = slice_take(wish, line.p);
        buf_free(&line);
        if (same)
            return *boot;
    }
    *reports = false;
    const uint8_t *end = slice_take(&text, "{\"boot\":") ? memchr(text.p, '\n', text.n) : NULL;
    if (end)
        *wish = slice_of(end + 1, text.n - (size_t)(end + 1 - text.p));
    return false;
}

static bool read_reply(struct exec_routes *routes, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *present = json_object_get(item, "present");
        struct exec_route *route = push_route(routes, json_object_get(item, "prefix"));
        if (!route || !json_is_boolean(present))
            return false;
        route->present = json_is_true(present);
    }
    return json_is_array(list);
}

int exec_reply_read(struct exec_routes *routes, struct slice text)
{
    *routes = (struct exec_routes){0};
    json_t *document = json_loadb((const char *)text.p, text.n, 0, NULL);
    const json_t *list = json_object_get(document, "routes");
    int rc = !list ? E_NOTFOUND : read_reply(routes, list) ? 0 : E_SYNTAX;
    json_decref(document);
    return rc;
}
