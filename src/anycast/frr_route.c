/* SPDX-License-Identifier: Apache-2.0
 * Paths as bgpd shows them. */
#include "anycast/frr_route.h"

#include <jansson.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* bgpd has words for some ("gracefulShutdown"), and more of them with each version: a word that is
 * no number stands for one of those that are not there as numbers. */
static bool has_all(const json_t *list, const char *const *wanted, size_t n)
{
    size_t i, n_words = 0, n_missing = 0;
    json_t *item;
    if (json_array_size(list) != n)
        return false;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);
        n_words += text && !strchr(text, ':');
    }
    for (size_t k = 0; k < n; k++) {
        bool found = false;
        json_array_foreach(list, i, item)
        {
            const char *text = json_string_value(item);
            found |= text && strcmp(text, wanted[k]) == 0;
        }
        n_missing += !found;
    }
    return n_missing == n_words;
}

static bool same_communities(const json_t *path, const struct route_attributes *a)
{
    char text[SPEAKER_COMMUNITIES_MAX][COMMUNITY_TEXT_MAX];
    const char *wanted[SPEAKER_COMMUNITIES_MAX];
    for (uint32_t i = 0; i < a->n_communities; i++) {
        wanted[i] = community_text(text[i], a->communities[i]);
    }
    return has_all(json_object_get(json_object_get(path, "community"), "list"), wanted,
                   a->n_communities);
}

static bool same_large(const json_t *path, const struct route_attributes *a)
{
    const json_t *list = json_object_get(json_object_get(path, "largeCommunity"), "list");
    if (json_array_size(list) != a->n_large)
        return false;
    for (uint32_t k = 0; k < a->n_large; k++) {
        char text[LARGE_COMMUNITY_TEXT_MAX];
        bool found = false;
        large_community_text(text, &a->large[k]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const char *item = json_string_value(json_array_get(list, i));
            found |= item && strcmp(item, text) == 0;
        }
        if (!found)
            return false;
    }
    return true;
}

static bool same_next_hop(const json_t *path, const struct ip *expected)
{
    struct ip ip;
    const json_t *first = json_array_get(json_object_get(path, "nexthops"), 0);
    return !expected || (ip_parse(&ip, text_of(first, "ip")) == 0 && ip_equal(&ip, expected));
}

/* Without a MED bgpd has 0. */
static bool is_as_expected(const json_t *path, const struct frr_expected *expected)
{
    const struct route_attributes *a = expected->attributes;
    json_int_t med = json_integer_value(json_object_get(path, "metric"));
    json_int_t n_as =
        json_integer_value(json_object_get(json_object_get(path, "aspath"), "length"));
    return med == (a->has_med ? (json_int_t)a->med : 0) && n_as == a->prepend &&
           same_communities(path, a) && same_large(path, a) &&
           same_next_hop(path, expected->next_hop);
}

static void read_path(struct frr_route *route, const json_t *path,
                      const struct frr_expected *expected)
{
    if (json_is_true(json_object_get(path, "processScheduled")))
        route->pending = true;
    if (route->best || json_is_true(json_object_get(path, "removed")) ||
        !(json_is_true(json_object_get(path, "sourced")) ||
          json_is_true(json_object_get(path, "local"))))
        return;
    route->sourced = true;
    route->valid = json_is_true(json_object_get(path, "valid"));
    route->best =
        route->valid && json_is_true(json_object_get(json_object_get(path, "bestpath"), "overall"));
    route->differs = !is_as_expected(path, expected);
}

int frr_route_read(struct frr_route *route, struct slice *text, const struct frr_expected *expected)
{
    json_error_t error;
    size_t i;
    json_t *path;
    *route = (struct frr_route){0};
    json_t *document = json_loadb((const char *)text->p, text->n, JSON_DISABLE_EOF_CHECK, &error);
    if (!json_is_object(document) || (uint32_t)error.position > text->n) {
        json_decref(document);
        return E_SYNTAX;
    }
    json_array_foreach(json_object_get(document, "paths"), i, path)
        read_path(route, path, expected);
    route->advertised = json_object_size(json_object_get(document, "advertisedTo")) > 0;
    json_decref(document);
    text->p += error.position;
    text->n -= (uint32_t)error.position;
    return 0;
}
