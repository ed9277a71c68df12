/* SPDX-License-Identifier: Apache-2.0
 * What gobgp prints. */
#include "anycast/gobgp_table.h"

#include "base/diag.h"
#include "base/hash.h"

#include <jansson.h>
#include <string.h>

/* Of path attributes, by their numbers (RFC 4271 5.1, RFC 1997, RFC 4760, RFC 8092). */
enum { AS_PATH = 2, NEXT_HOP = 3, MED = 4, COMMUNITIES = 8, MP_REACH = 14, LARGE = 32 };
enum { AS_SEQUENCE = 2, ESTABLISHED = 6 };

/* Of a kind and its numbers. Those of a set are added up, so that their order does not matter. */
static uint64_t mix(unsigned kind, uint64_t a, uint64_t b)
{
    return hash_mix(hash_mix(kind ^ HASH_K0, a ^ HASH_K1), b ^ HASH_K0);
}

static uint64_t large_hash(const uint32_t v[3])
{
    return mix(LARGE, (uint64_t)v[0] << 32 | v[1], v[2]);
}

static json_t *parse(struct slice text)
{
    return json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
}

static uint64_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : UINT64_MAX;
}

/* --- attributes --- */

static uint64_t path_hash(const json_t *segments)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < json_array_size(segments); i++) {
        const json_t *segment = json_array_get(segments, i);
        const json_t *numbers = json_object_get(segment, "asns");
        for (size_t k = 0; k < json_array_size(numbers); k++)
            hash = mix(AS_PATH, hash, (uint64_t)json_integer_value(json_array_get(numbers, k)));
        if (number(segment, "segment_type") != AS_SEQUENCE)
            hash = mix(AS_PATH, hash, UINT64_MAX);
    }
    return hash;
}

static uint64_t communities_hash(const json_t *list)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        hash += mix(COMMUNITIES, (uint64_t)json_integer_value(json_array_get(list, i)), 0);
    return hash;
}

static uint64_t larges_hash(const json_t *list)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const uint32_t v[3] = {(uint32_t)number(item, "ASN"), (uint32_t)number(item, "LocalData1"),
                               (uint32_t)number(item, "LocalData2")};
        hash += large_hash(v);
    }
    return hash;
}

static void take_attribute(struct gobgp_route *route, const json_t *attribute)
{
    switch (number(attribute, "type")) {
    case AS_PATH:
        route->attributes += path_hash(json_object_get(attribute, "as_paths"));
        break;
    case MED:
        route->attributes += mix(MED, number(attribute, "metric"), 0);
        break;
    case COMMUNITIES:
        route->attributes += communities_hash(json_object_get(attribute, "communities"));
        break;
    case LARGE:
        route->attributes += larges_hash(json_object_get(attribute, "value"));
        break;
    case NEXT_HOP:
    case MP_REACH: {
        const char *hop = json_string_value(json_object_get(attribute, "nexthop"));
        if (!hop || ip_parse(&route->next_hop, hop) != 0)
            route->next_hop.family = IP_NONE;
        break;
    }
    default:
        break;
    }
}

uint64_t gobgp_attributes(const struct route_attributes *a, uint32_t as)
{
    uint64_t path = 0, hash = 0;
    for (unsigned i = 0; i < a->prepend; i++)
        path = mix(AS_PATH, path, as);
    if (a->has_med)
        hash += mix(MED, a->med, 0);
    for (uint32_t i = 0; i < a->n_communities; i++)
        hash += mix(COMMUNITIES, (uint64_t)a->communities[i].high << 16 | a->communities[i].low, 0);
    for (uint32_t i = 0; i < a->n_large; i++)
        hash += large_hash(a->large[i].v);
    return hash + path;
}

bool gobgp_route_is(const struct gobgp_route *route, uint64_t attributes, const struct ip *next_hop)
{
    return route->attributes == attributes && (!next_hop || ip_equal(&route->next_hop, next_hop));
}

/* --- tables --- */

static bool is_own(const json_t *path)
{
    const char *neighbor = json_string_value(json_object_get(path, "neighbor-ip"));
    return json_is_object(path) && (!neighbor || !*neighbor || *neighbor == '<');
}

static void take_paths(struct gobgp_table *table, const struct ip_prefix *prefix,
                       const json_t *paths)
{
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        const json_t *attributes = json_object_get(path, "attrs");
        if (!is_own(path))
            continue;
        struct gobgp_route *route = vec_push(&table->routes);
        route->prefix = *prefix;
        route->best = json_is_true(json_object_get(path, "best"));
        for (size_t k = 0; k < json_array_size(attributes); k++)
            take_attribute(route, json_array_get(attributes, k));
        return;
    }
}

int gobgp_table_read(struct gobgp_table *table, struct slice text)
{
    const char *key;
    json_t *paths, *document = parse(text);
    bool good = json_is_object(document);
    if (good)
        json_object_foreach(document, key, paths)
        {
            struct ip_prefix prefix;
            if (ip_prefix_parse(&prefix, key) == 0)
                take_paths(table, &prefix, paths);
            else
                good = false;
        }
    json_decref(document);
    return good ? 0 : E_SYNTAX;
}

struct gobgp_route *gobgp_table_find(const struct gobgp_table *table,
                                     const struct ip_prefix *prefix)
{
    for (size_t i = 0; i < table->routes.n; i++)
        if (ip_prefix_equal(&table->routes.v[i].prefix, prefix))
            return &table->routes.v[i];
    return NULL;
}

void gobgp_table_drop(struct gobgp_table *table, const struct ip_prefix *prefix)
{
    struct gobgp_route *route = gobgp_table_find(table, prefix);
    if (route)
        *route = table->routes.v[--table->routes.n];
}

/* --- the rest --- */

/* Numbers that are 0 are left out. */
static int read_number(uint64_t *out, struct slice text, const char *key, uint64_t max)
{
    json_t *document = parse(text);
    const json_t *value = json_object_get(document, key);
    json_int_t n = value ? json_integer_value(value) : 0;
    bool good = json_is_object(document) && (!value || json_is_integer(value)) && n >= 0 &&
                (uint64_t)n <= max && !json_object_get(document, "error");
    *out = good ? (uint64_t)n : 0;
    json_decref(document);
    return good ? 0 : E_SYNTAX;
}

int gobgp_count_read(uint64_t *count, struct slice text)
{
    return read_number(count, text, "num_destination", INT64_MAX);
}

int gobgp_as_read(uint32_t *as, struct slice text)
{
    uint64_t n;
    int rc = read_number(&n, text, "asn", UINT32_MAX);
    *as = (uint32_t)n;
    return rc;
}

int gobgp_sessions_read(uint32_t *all, uint32_t *up, struct slice text)
{
    json_t *document = parse(text);
    *all = *up = 0;
    for (size_t i = 0; i < json_array_size(document); i++) {
        const json_t *state = json_object_get(json_array_get(document, i), "state");
        *all += 1;
        *up += number(state, "session_state") == ESTABLISHED;
    }
    bool good = json_is_array(document) || json_is_null(document);
    json_decref(document);
    return good ? 0 : E_SYNTAX;
}
