/* SPDX-License-Identifier: Apache-2.0
 * Lint of maps and networks: what matches nobody, by what databases and networks say. */
#include "compile/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 4

/* Who there is, one map, one network; the caller fills in what it is about. */
struct setting {
    struct place places[MOST];
    struct map map;
    struct geo_network network;
    uint32_t n_databases;
    struct map_entry entries[MOST];
    struct diags diags;
};

static void setting_init(struct setting *s)
{
    *s = (struct setting){.map = {.name = "world"}};
    for (uint32_t i = 0; i < MOST; i++)
        s->entries[i].span = (struct span){"pools.yaml", 10 + i, 7};
    s->network.span = (struct span){"networks.yaml", 3, 1};
    diags_init(&s->diags);
}

static struct map_entries codes(struct setting *s, const char *first, const char *second)
{
    strcpy(s->entries[0].code, first);
    strcpy(s->entries[1].code, second ? second : "");
    return (struct map_entries){s->entries, second ? 2 : 1};
}

/* What is said, one a line. */
static void expect(struct setting *s, const char *expected)
{
    static const char *const databases[] = {"a.mmdb", "b.mmdb"};
    struct model model = {.maps = &s->map, .n_maps = 1};
    const struct geo geo = {.places = s->places, .n_places = MOST};
    char *text = NULL;
    size_t n;
    model.geo.databases = (struct str_list){databases, s->n_databases};
    model.geo.networks = &s->network;
    model.geo.n_networks = s->network.country[0] ? 1 : 0;
    lint_geo(&model, &geo, &s->diags);
    FILE *out = open_memstream(&text, &n);
    diags_print(&s->diags, out);
    fclose(out);
    assert_int_equal(s->diags.n_errors, 0);
    assert_string_equal(text, expected);
    free(text);
    diags_free(&s->diags);
}

#define AT(line) "pools.yaml:" #line ":7: warning: "

static void test_tables_that_match_nobody(void **state)
{
    static const struct {
        size_t table;
        const char *key, *what;
    } tables[] = {
        {offsetof(struct map, continents), "continents", "continents"},
        {offsetof(struct map, countries), "countries", "countries"},
        {offsetof(struct map, subdivisions), "subdivisions", "subdivisions"},
        {offsetof(struct map, asns), "asns", "AS numbers"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct setting s;
        char expected[256];
        setting_init(&s);
        struct map_entries two = codes(&s, "XX", "YY");
        memcpy((char *)&s.map + tables[i].table, &two, sizeof two);
        snprintf(expected, sizeof expected,
                 AT(10) "'%s' of map 'world' match nobody: no database given has %s (there is no "
                        "database)\n",
                 tables[i].key, tables[i].what);
        expect(&s, expected);
    }
}

/* What the databases do have is told. */
static void test_what_there_is(void **state)
{
    struct setting s;
    (void)state;
    setting_init(&s);
    s.n_databases = 1;
    s.map.asns = codes(&s, "", NULL);
    strcpy(s.places[1].continent, "EU");
    strcpy(s.places[2].country, "DE");
    strcpy(s.places[3].subdivision, "DE-BE");
    expect(&s, AT(10) "'asns' of map 'world' match nobody: no database given has AS numbers (the "
                      "database has continents, countries, subdivisions)\n");
    setting_init(&s);
    s.n_databases = 1;
    s.map.asns = codes(&s, "", NULL);
    strcpy(s.places[2].country, "DE");
    expect(&s, AT(10) "'asns' of map 'world' match nobody: no database given has AS numbers (the "
                      "database has countries)\n");
    setting_init(&s);
    s.n_databases = 1;
    s.map.asns = codes(&s, "", NULL);
    strcpy(s.places[2].subdivision, "DE-BE");
    expect(&s, AT(10) "'asns' of map 'world' match nobody: no database given has AS numbers (the "
                      "database has subdivisions)\n");
    setting_init(&s);
    s.n_databases = 2;
    s.map.countries = codes(&s, "DE", NULL);
    s.places[0].asn = 64500;
    expect(&s, AT(10) "'countries' of map 'world' match nobody: no database given has countries "
                      "(the databases have AS numbers)\n");
    setting_init(&s);
    s.n_databases = 1;
    s.map.countries = codes(&s, "DE", NULL);
    s.places[3].located = true;
    expect(&s, AT(10) "'countries' of map 'world' match nobody: no database given has countries "
                      "(the database has none of these)\n");
}

static void test_tables_that_match(void **state)
{
    struct setting s;
    (void)state;
    setting_init(&s);
    strcpy(s.places[1].continent, "EU");
    strcpy(s.places[1].country, "DE");
    strcpy(s.places[1].subdivision, "DE-BE");
    s.places[1].asn = 64500;
    s.places[1].tag = "office";
    strcpy(s.entries[0].code, "NA");
    s.map.continents = (struct map_entries){s.entries, 1}; /* Americans may come one day */
    strcpy(s.entries[1].code, "US");
    s.map.countries = (struct map_entries){s.entries + 1, 1};
    strcpy(s.entries[2].code, "DE-BE");
    s.map.subdivisions = (struct map_entries){s.entries + 2, 1};
    s.entries[3].asn = 1;
    s.map.asns = (struct map_entries){s.entries + 3, 1};
    expect(&s, "");
}

static void test_subdivision_and_tag(void **state)
{
    struct setting s;
    (void)state;
    setting_init(&s);
    strcpy(s.places[1].subdivision, "DE-BE");
    s.map.subdivisions = codes(&s, "DE-BE", "DE-XX");
    expect(&s, AT(11) "subdivision 'DE-XX' matches nobody: no database has it\n");
    setting_init(&s);
    s.places[1].tag = "office";
    s.entries[0].tag = "ofice";
    s.entries[1].tag = "office";
    s.map.tags = (struct map_entries){s.entries, 2};
    expect(&s, AT(10) "tag 'ofice' matches nobody: no network of geo.networks has it\n");
}

/* In a map and in networks.yaml alike; a database that has such a code is believed. */
static void test_countries_that_do_not_exist(void **state)
{
    static const struct {
        const char *code, *hint; /* NULL: it exists */
    } countries[] = {
        {"GB", NULL},
        {"XK", NULL},
        {"UK", ", did you mean 'GB'?"},
        {"EL", ", did you mean 'GR'?"},
        {"EN", ", did you mean 'GB'?"},
        {"JA", ", did you mean 'JP'?"},
        {"KO", ", did you mean 'KR'?"},
        {"SP", ", did you mean 'ES'?"},
        {"SU", ", did you mean 'RU'?"},
        {"SW", ", did you mean 'SE'?"},
        {"YU", ", did you mean 'RS'?"},
        {"ZH", ", did you mean 'CN'?"},
        {"AN", ", did you mean 'CW', 'SX' or 'BQ'?"},
        {"CS", ", did you mean 'CZ' or 'RS'?"},
        {"EU", ": it is a continent, did you mean 'continents'?"},
        {"AP", ""},
        {"XX", ""},
        {"ZZ", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(countries); i++) {
        for (int believed = 0; believed < 2; believed++) {
            char map[256] = "", network[256] = "", both[512];
            const char *hint = countries[i].hint;
            struct setting s;
            setting_init(&s);
            strcpy(s.places[1].country, believed ? countries[i].code : "DE");
            s.map.countries = codes(&s, countries[i].code, NULL);
            strcpy(s.network.country, countries[i].code);
            if (hint)
                snprintf(network, sizeof network,
                         "networks.yaml:3:1: warning: '%s' is no country of ISO 3166-1%s\n",
                         countries[i].code, hint);
            if (hint && !believed)
                snprintf(map, sizeof map,
                         AT(10) "'%s' is no country of ISO 3166-1, and no database has it%s\n",
                         countries[i].code, hint);
            snprintf(both, sizeof both, "%s%s", map, network);
            expect(&s, both);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_that_match_nobody),
        cmocka_unit_test(test_what_there_is),
        cmocka_unit_test(test_tables_that_match),
        cmocka_unit_test(test_subdivision_and_tag),
        cmocka_unit_test(test_countries_that_do_not_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
