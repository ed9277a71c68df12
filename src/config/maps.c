/* SPDX-License-Identifier: Apache-2.0
 * Maps: the operator's table from places and networks to ordered lists of sites. */
#include "config/parts.h"

#include "base/digits.h"
#include "base/strmap.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

/** Reads the key of an entry; what it expected on failure, NULL when it is good. */
typedef const char *map_key_fn(struct load *load, const struct yaml_node *key,
                               struct map_entry *entry);

static bool is_code(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isupper((unsigned char)text[i]))
            return false;
    return true;
}

const char *country_expected(const char *text)
{
    return strlen(text) == 2 && is_code(text, 2) ? NULL
                                                 : "two capital letters (ISO 3166-1), as NO or DE";
}

const char *continent_expected(const char *text)
{
    static const char codes[] = "AF AN AS EU NA OC SA";
    if (strlen(text) == 2 && is_code(text, 2))
        for (const char *p = codes; *p; p += p[2] ? 3 : 2)
            if (memcmp(p, text, 2) == 0)
                return NULL;
    return "one of: AF, AN, AS, EU, NA, OC, SA";
}

static const char *read_continent(struct load *load, const struct yaml_node *key,
                                  struct map_entry *entry)
{
    (void)load;
    const char *expected = continent_expected(key->text);
    if (!expected)
        memcpy(entry->code, key->text, 3);
    return expected;
}

static const char *read_country(struct load *load, const struct yaml_node *key,
                                struct map_entry *entry)
{
    (void)load;
    const char *expected = country_expected(key->text);
    if (!expected)
        memcpy(entry->code, key->text, 3);
    return expected;
}

/* A country code, a dash, and one to three letters or digits, as ISO 3166-2 has them. */
static const char *read_subdivision(struct load *load, const struct yaml_node *key,
                                    struct map_entry *entry)
{
    (void)load;
    size_t n = key->n;
    bool ok = n >= 4 && n <= 6 && is_code(key->text, 2) && key->text[2] == '-';
    for (size_t i = 3; ok && i < n; i++)
        ok = isupper((unsigned char)key->text[i]) || isdigit((unsigned char)key->text[i]);
    if (ok)
        memcpy(entry->code, key->text, n + 1);
    return ok ? NULL : "a subdivision (ISO 3166-2), as US-CA";
}

static const char *read_asn(struct load *load, const struct yaml_node *key, struct map_entry *entry)
{
    (void)load;
    const char *digits = key->text;
    if (strncasecmp(digits, "AS", 2) == 0)
        digits += 2;
    uint64_t asn;
    if (!decimal_parse(slice_str(digits), UINT32_MAX, &asn) || asn < 1)
        return "a number of an autonomous system, as 64500";
    entry->asn = (uint32_t)asn;
    return NULL;
}

static const char *read_network(struct load *load, const struct yaml_node *key,
                                struct map_entry *entry)
{
    return prefix_read(load, key, &entry->network) ? NULL : "";
}

static const char *read_tag(struct load *load, const struct yaml_node *key, struct map_entry *entry)
{
    if (!name_is_usable(key->text))
        return "letters, digits, '-', '_' or '.'";
    entry->tag = arena_strdup(load->arena, key->text);
    return NULL;
}

bool prefix_read(struct load *load, const struct yaml_node *node, struct ip_prefix *out)
{
    char text[IP_PREFIX_TEXT_MAX];
    int e = node->kind == YAML_SCALAR ? ip_prefix_parse(out, node->text) : E_SYNTAX;
    if (e == 0 && !strchr(node->text, '/')) {
        unsigned usual = out->addr.family == IP_V4 ? 24 : 64;
        ip_mask(&out->addr, usual);
        load_expected(load, node, "the network",
                      "ADDRESS/LENGTH: %s/%u for this address alone, or %s/%u", node->text,
                      ip_bits(&out->addr), ip_text(text, &out->addr), usual);
        return false;
    }
    if (e == E_RANGE)
        load_expected(load, node, "the network", "%s, as bits past its length are set",
                      ip_prefix_text(text, out));
    else if (e)
        load_expected(load, node, "the network", "ADDRESS/LENGTH, as 192.0.2.0/24");
    return e == 0;
}

/* What makes two keys of a table the same one, however they are written. */
static struct slice entry_identity(const struct map_entry *entry)
{
    if (entry->tag)
        return slice_str(entry->tag);
    if (entry->network.addr.family)
        return slice_of(&entry->network, sizeof entry->network);
    if (entry->asn)
        return slice_of(&entry->asn, sizeof entry->asn);
    return slice_str(entry->code);
}

static void read_entries(struct load *load, const struct yaml_node *node, struct map_entries *out,
                         const char *kind, map_key_fn *read_key)
{
    if (node->kind != YAML_MAP) {
        load_expected(load, node, arena_printf(load->scratch, "'%s'", kind),
                      "a mapping: KEY: [SITE...]");
        return;
    }
    struct map_entry *v = arena_calloc(load->arena, node->n, sizeof *v);
    struct strmap seen = {0};
    for (uint32_t i = 0; i < node->n; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        const char *expected = read_key(load, pair->key, &v[i]);
        v[i].span = pair->key->span;
        v[i].sites = namespace_find_list(load, &load->sites, pair->value, "the entry");
        if (expected) {
            if (*expected)
                load_expected(load, pair->key, arena_printf(load->scratch, "a key of '%s'", kind),
                              "%s", expected);
            continue;
        }
        uint32_t first = strmap_add(&seen, entry_identity(&v[i]), i);
        if (first != i)
            diag_error(load->diags, pair->key->span,
                       "'%s' in '%s' is the same as '%s' at line %u, column %u", pair->key->text,
                       kind, node->pairs[first].key->text, v[first].span.line,
                       v[first].span.column);
    }
    strmap_free(&seen);
    *out = (struct map_entries){v, node->n};
}

#define TABLE_READER(table, read_key)                                                      \
    static void read_##table(struct load *load, const struct yaml_node *node, void *field) \
    {                                                                                      \
        read_entries(load, node, field, #table, read_key);                                 \
    }
TABLE_READER(continents, read_continent)
TABLE_READER(countries, read_country)
TABLE_READER(subdivisions, read_subdivision)
TABLE_READER(asns, read_asn)
TABLE_READER(networks, read_network)
TABLE_READER(tags, read_tag)

static void read_default(struct load *load, const struct yaml_node *node, void *field)
{
    *(struct u32_list *)field = namespace_find_list(load, &load->sites, node, "'default'");
}

#define MAP(member) offsetof(struct map, member)

static const struct schema_key map_keys[] = {
    {.name = "default",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = MAP(default_sites),
     .read = read_default,
     .type = "a list of sites",
     .doc = "Sites for clients that no other key of the map matches, best first. The sites that a "
            "matching key does not list follow in this order.",
     .example = "[iad, ams, sin]"},
    {.name = "continents",
     .kind = SCHEMA_CUSTOM,
     .offset = MAP(continents),
     .read = read_continents,
     .type = "a mapping from continents to lists of sites",
     .fallback_doc = "none",
     .doc = "By continent: AF, AN, AS, EU, NA, OC, SA.",
     .example = "{EU: [ams, iad], AS: [sin, ams]}"},
    {.name = "countries",
     .kind = SCHEMA_CUSTOM,
     .offset = MAP(countries),
     .read = read_countries,
     .type = "a mapping from countries to lists of sites",
     .fallback_doc = "none",
     .doc = "By country (ISO 3166-1, two capital letters).",
     .example = "{IN: [sin, ams], NO: [ams]}"},
    {.name = "subdivisions",
     .kind = SCHEMA_CUSTOM,
     .offset = MAP(subdivisions),
     .read = read_subdivisions,
     .type = "a mapping from subdivisions to lists of sites",
     .fallback_doc = "none",
     .doc = "By state or province (ISO 3166-2). Needs a database that has them.",
     .example = "{US-CA: [iad]}"},
    {.name = "asns",
     .kind = SCHEMA_CUSTOM,
     .offset = MAP(asns),
     .read = read_asns,
     .type = "a mapping from AS numbers to lists of sites",
     .fallback_doc = "none",
     .doc = "By autonomous system. Needs a database that has them.",
     .example = "{64500: [ams]}"},
    {.name = "networks",
     .kind = SCHEMA_CUSTOM,
     .offset = MAP(networks),
     .read = read_networks,
     .type = "a mapping from networks to lists of sites",
     .fallback_doc = "none",
     .doc = "By network of the client: ADDRESS/LENGTH. The longest that matches wins over every "
            "other key.",
     .example = "{203.0.113.0/24: [sin], \"2001:db8::/32\": [ams]}"},
    {.name = "tags",
     .kind = SCHEMA_CUSTOM,
     .offset = MAP(tags),
     .read = read_tags,
     .type = "a mapping from tags to lists of sites",
     .fallback_doc = "none",
     .doc = "By tag that networks.yaml gives the client's network.",
     .example = "{office: [ams]}"},
};
const struct schema map_schema = {
    .title = "map",
    .doc = "From places and networks to lists of sites, best first. The most specific key that "
           "matches the client wins: network, then tag, AS number, subdivision, country, "
           "continent, default.",
    SCHEMA_KEYS(map_keys)};

void maps_read(struct load *load)
{
    uint32_t n = (uint32_t)load->maps.n;
    struct map *v = arena_calloc(load->arena, n, sizeof *v);
    for (uint32_t i = 0; i < n; i++) {
        const struct definition *d = &load->maps.v[i];
        v[i].name = d->name;
        v[i].span = d->key->span;
        schema_read_named(load, &map_schema, d->name, d->value, &v[i]);
    }
    load->model->maps = v;
    load->model->n_maps = n;
}
