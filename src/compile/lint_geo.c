/* SPDX-License-Identifier: Apache-2.0
 * Lint of what depends on where clients are: keys of maps that no client can match, and countries
 * that do not exist. Databases and networks have been read: what they say of no address, no client
 * has. */
#include "base/buf.h"
#include "base/strmap.h"
#include "compile/lint.h"

#include <string.h>

/* What is known of any address at all. */
struct known {
    const struct model *model;
    struct diags *diags;
    struct strmap countries, subdivisions, tags; /* the codes that occur */
    bool continents, asns;
};

static void gather(struct known *k, const struct geo *geo)
{
    for (uint32_t i = 0; i < geo->n_places; i++) {
        const struct place *p = &geo->places[i];
        k->continents |= p->continent[0] != '\0';
        k->asns |= p->asn != 0;
        if (p->country[0])
            strmap_add(&k->countries, slice_str(p->country), 0);
        if (p->subdivision[0])
            strmap_add(&k->subdivisions, slice_str(p->subdivision), 0);
        if (p->tag)
            strmap_add(&k->tags, slice_str(p->tag), 0);
    }
}

static bool occurs(const struct strmap *codes, const char *code)
{
    return strmap_get(codes, slice_str(code)) != STRMAP_NONE;
}

/* Codes that people write for countries, and what ISO 3166-1 has. */
static const struct {
    char wrong[3];
    const char *right;
} usual[] = {
    {"EL", ", did you mean 'GR'?"},
    {"EN", ", did you mean 'GB'?"},
    {"JA", ", did you mean 'JP'?"},
    {"KO", ", did you mean 'KR'?"},
    {"SP", ", did you mean 'ES'?"},
    {"SU", ", did you mean 'RU'?"},
    {"SW", ", did you mean 'SE'?"},
    {"UK", ", did you mean 'GB'?"},
    {"YU", ", did you mean 'RS'?"},
    {"ZH", ", did you mean 'CN'?"},
    {"AN", ", did you mean 'CW', 'SX' or 'BQ'?"},
    {"CS", ", did you mean 'CZ' or 'RS'?"},
    {"EU", ": it is a continent, did you mean 'continents'?"},
};

static const char *right_country(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (strcmp(code, usual[i].wrong) == 0)
            return usual[i].right;
    return "";
}

/* AP and EU are in the table for databases that have them; ISO 3166-1 has neither. */
static bool is_country(const char *code)
{
    return country_find(code) && strcmp(code, "EU") != 0 && strcmp(code, "AP") != 0;
}

static void check_country(const struct known *k, const char *code, struct span span)
{
    if (!is_country(code) && !occurs(&k->countries, code))
        diag_warning(k->diags, span, "'%s' is no country of ISO 3166-1, and no database has it%s",
                     code, right_country(code));
}

/* "country.mmdb has countries and continents" */
static const char *what_there_is(const struct known *k, struct buf *out)
{
    const struct str_list *databases = &k->model->geo.databases;
    if (databases->n == 0)
        return "there is no database";
    buf_puts(out, databases->n == 1 ? "the database has " : "the databases have ");
    size_t empty = out->n;
    if (k->continents)
        buf_puts(out, "continents");
    if (k->countries.n)
        buf_printf(out, "%scountries", out->n > empty ? ", " : "");
    if (k->subdivisions.n)
        buf_printf(out, "%ssubdivisions", out->n > empty ? ", " : "");
    if (k->asns)
        buf_printf(out, "%sAS numbers", out->n > empty ? ", " : "");
    if (out->n == empty)
        buf_puts(out, "none of these");
    return out->p;
}

/* A whole table of a map that matches nobody: one warning, at its first entry. */
static bool check_table(const struct known *k, const struct map *map,
                        const struct map_entries *entries, bool known, const char *key,
                        const char *what)
{
    struct buf there = {0};
    if (entries->n == 0 || known)
        return known;
    diag_warning(k->diags, entries->v[0].span,
                 "'%s' of map '%s' match nobody: no database given has %s (%s)", key, map->name,
                 what, what_there_is(k, &there));
    buf_free(&there);
    return false;
}

static void check_map(const struct known *k, const struct map *map)
{
    (void)check_table(k, map, &map->continents, k->continents, "continents", "continents");
    (void)check_table(k, map, &map->asns, k->asns, "asns", "AS numbers");
    if (check_table(k, map, &map->countries, k->countries.n > 0, "countries", "countries"))
        for (uint32_t i = 0; i < map->countries.n; i++)
            check_country(k, map->countries.v[i].code, map->countries.v[i].span);
    if (check_table(k, map, &map->subdivisions, k->subdivisions.n > 0, "subdivisions",
                    "subdivisions"))
        for (uint32_t i = 0; i < map->subdivisions.n; i++)
            if (!occurs(&k->subdivisions, map->subdivisions.v[i].code))
                diag_warning(k->diags, map->subdivisions.v[i].span,
                             "subdivision '%s' matches nobody: no database has it",
                             map->subdivisions.v[i].code);
    for (uint32_t i = 0; i < map->tags.n; i++)
        if (!occurs(&k->tags, map->tags.v[i].tag))
            diag_warning(k->diags, map->tags.v[i].span,
                         "tag '%s' matches nobody: no network of geo.networks has it",
                         map->tags.v[i].tag);
}

/* What a network says is known by that: only its codes can be wrong, or not of each other. */
static void check_network(struct diags *diags, const struct geo_network *n)
{
    const struct country *country = n->country[0] ? country_find(n->country) : NULL;
    if (n->country[0] && !is_country(n->country))
        diag_warning(diags, n->span, "'%s' is no country of ISO 3166-1%s", n->country,
                     right_country(n->country));
    else if (country && n->continent[0] && strcmp(country->continent, n->continent) != 0)
        diag_warning(diags, n->continent_at,
                     "continent %s beside country %s, which is in %s: maps find these clients by "
                     "either, expected that to be meant",
                     n->continent, n->country, country->continent);
}

void lint_geo(const struct model *model, const struct geo *geo, struct diags *diags)
{
    struct known k = {.model = model, .diags = diags};
    gather(&k, geo);
    for (uint32_t i = 0; i < model->n_maps; i++)
        check_map(&k, &model->maps[i]);
    for (uint32_t i = 0; i < model->geo.n_networks; i++)
        check_network(diags, &model->geo.networks[i]);
    strmap_free(&k.countries);
    strmap_free(&k.subdivisions);
    strmap_free(&k.tags);
}
