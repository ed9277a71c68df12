/* SPDX-License-Identifier: Apache-2.0
 * Lint of `nearest` by databases of countries. */
#include "compile/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MOST 14
#define POOLS 3

static const struct site sites[MOST] = {
    {.name = "ams", .located = true, .latitude = 52.31, .longitude = 4.76},
    {.name = "iad", .located = true, .latitude = 38.95, .longitude = -77.45},
    {.name = "sjc", .located = true, .latitude = 37.36, .longitude = -121.93},
    {.name = "lab"},
    {.name = "fra", .located = true, .latitude = 50.03, .longitude = 8.57},
    {.name = "sin", .located = true, .latitude = 1.35, .longitude = 103.99},
};

struct setting {
    struct pool pools[POOLS];
    struct pool_site pool_sites[POOLS][MOST];
    struct model model;
    struct geo geo;
};

/* Pools of the first sites that are named; MODEL_NONE ends a list. */
static void add_pool(struct setting *s, enum steer_kind steer, const uint32_t *list, uint32_t n)
{
    static const char *const names[] = {"www", "api", "cdn"};
    uint32_t at = s->model.n_pools++;
    struct pool *pool = &s->pools[at];
    *pool = (struct pool){.name = names[at], .steer = steer, .n_sites = n};
    pool->span = (struct span){"pools.yaml", 10 + at, 3};
    for (uint32_t i = 0; i < n; i++)
        s->pool_sites[at][i].site = list[i];
    pool->sites = s->pool_sites[at];
}

static void setting_init(struct setting *s)
{
    static const char *const databases[] = {"country.mmdb"};
    *s = (struct setting){.model = {.sites = sites, .n_sites = MOST}};
    s->model.pools = s->pools;
    s->model.geo.databases = (struct str_list){databases, 1};
}

static void expect(struct setting *s, const char *expected)
{
    struct diags diags;
    char *text = NULL;
    size_t n;
    diags_init(&diags);
    lint_coarse(&s->model, &s->geo, &diags);
    FILE *out = open_memstream(&text, &n);
    diags_print(&diags, out);
    fclose(out);
    assert_int_equal(diags.n_errors, 0);
    assert_string_equal(text, expected);
    free(text);
    diags_free(&diags);
}

static const uint32_t two[] = {0, 2, 5, 1}, apart[] = {0, 1, 4, 5, 3};
#define TWO                                                                                       \
    "pools.yaml:10:3: warning: pool 'www' steers by nearest to 'sjc' and 'iad', both in US, but " \
    "no database tells more than countries: all clients there get the same of them first; "       \
    "expected one with coordinates"

static void test_two_in_one_country(void **state)
{
    (void)state;
    struct setting s;
    setting_init(&s);
    add_pool(&s, STEER_NEAREST, two, 4);
    expect(&s, TWO "\n");
    add_pool(&s, STEER_NEAREST, apart, 5);
    expect(&s, TWO "\n");
    add_pool(&s, STEER_NEAREST, two, 4);
    expect(&s, TWO "; so does 1 pool more\n");
    s.pools[1] = s.pools[2];
    expect(&s, TWO "; so do 2 pools more\n");
}

static void test_what_is_fine(void **state)
{
    (void)state;
    struct setting s;
    setting_init(&s);
    add_pool(&s, STEER_NEAREST, apart, 5);
    add_pool(&s, STEER_MAP, two, 4);
    add_pool(&s, STEER_ORDER, two, 4);
    expect(&s, "");
    setting_init(&s);
    add_pool(&s, STEER_NEAREST, two, 4);
    s.geo.precise = true;
    expect(&s, "");
    s.geo.precise = false;
    s.model.geo.databases.n = 0;
    expect(&s, "");
}

static void test_a_dozen(void **state)
{
    (void)state;
    static const uint32_t many[MOST] = {0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 2, 13};
    struct setting s;
    setting_init(&s);
    add_pool(&s, STEER_NEAREST, many, 11);
    expect(&s, "");
    add_pool(&s, STEER_NEAREST, many, 12);
    expect(&s, "pools.yaml:11:3: warning: pool 'api' steers by nearest to 12 sites, but no "
               "database tells more than countries: 7% of the population get a wrong first site "
               "with 12 sites, 26% with 30; expected one with coordinates\n");
    add_pool(&s, STEER_NEAREST, many, 13); /* two of them in one country: said once */
    expect(&s, "pools.yaml:11:3: warning: pool 'api' steers by nearest to 12 sites, but no "
               "database tells more than countries: 7% of the population get a wrong first site "
               "with 12 sites, 26% with 30; expected one with coordinates; so does 1 pool more\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_in_one_country),
        cmocka_unit_test(test_what_is_fine),
        cmocka_unit_test(test_a_dozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
