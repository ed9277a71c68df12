/* SPDX-License-Identifier: Apache-2.0
 * Lint of pools: mixed families, TTLs beside checks, answers that fit no message, what nothing
 * uses; what the tables of clients take. */
#include "compile/lint.h"

#include "base/lpm_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENDPOINTS_MAX 5000

/* One pool in two sites, a check that it has, a map that it does not. */
struct setting {
    struct model model;
    struct site sites[2];
    struct pool_site pool_sites[2];
    struct pool pool;
    struct check check;
    struct map map;
    struct diags diags;
    struct endpoint *endpoints;
};

static const uint32_t check_0 = 0;

static void setting_init(struct setting *s)
{
    *s = (struct setting){
        .sites = {{.name = "ams"}, {.name = "iad"}},
        .pool = {.name = "www",
                 .span = {"pools.yaml", 20, 3},
                 .ttl = {30, 30},
                 .checks = {&check_0, 1},
                 .map = MODEL_NONE,
                 .answers = 1},
        .check = {.name = "web", .span = {"pools.yaml", 5, 3}, .interval_ms = 5000, .fall = 3}};
    s->endpoints = calloc(ENDPOINTS_MAX, sizeof *s->endpoints);
    diags_init(&s->diags);
    s->pool.sites = s->pool_sites;
    s->model = (struct model){.sites = s->sites,
                              .n_sites = 2,
                              .checks = &s->check,
                              .n_checks = 1,
                              .maps = &s->map,
                              .pools = &s->pool,
                              .n_pools = 1,
                              .endpoints = s->endpoints};
}

/* The next site of the pool, with so many endpoints of a family. */
static struct pool_site *add(struct setting *s, uint32_t n, uint8_t family)
{
    struct pool_site *site = &s->pool_sites[s->pool.n_sites];
    *site = (struct pool_site){
        .site = s->pool.n_sites++, .first_endpoint = s->model.n_endpoints, .n_endpoints = n};
    for (uint32_t i = 0; i < n; i++) {
        struct endpoint *e = &s->endpoints[s->model.n_endpoints++];
        e->addr.family = family;
        e->span = (struct span){"pools.yaml", 30 + site->site, 9};
    }
    s->pool.has_v4 |= family == IP_V4;
    s->pool.has_v6 |= family == IP_V6;
    s->pool.is_cname |= family == IP_NONE;
    return site;
}

static void expect(struct setting *s, const char *expected)
{
    char *text = NULL;
    size_t n;
    lint_pools(&s->model, &s->diags);
    FILE *out = open_memstream(&text, &n);
    diags_print(&s->diags, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    diags_free(&s->diags);
    free(s->endpoints);
}

/* The four ways in which two sites may have the families, and names. */
static void test_families(void **state)
{
    static const struct {
        uint8_t first, second;
        const char *expected;
    } cases[] = {
        {IP_V4, IP_V4, ""},
        {IP_V6, IP_V6, ""},
        {IP_NONE, IP_NONE, ""},
        {IP_V4, IP_V6,
         "pools.yaml:30:9: warning: pool www has no IPv6 address in site ams, but elsewhere: such "
         "clients of it are sent to their next site\n"
         "pools.yaml:31:9: warning: pool www has no IPv4 address in site iad, but elsewhere: such "
         "clients of it are sent to their next site\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct setting s;
        setting_init(&s);
        add(&s, 1, cases[i].first);
        add(&s, 1, cases[i].second);
        expect(&s, cases[i].expected);
    }
}

#define SLOW(ttl, notice)                                                                        \
    "pools.yaml:20:3: warning: answers of pool 'www' may name a dead endpoint for " ttl " (its " \
    "'ttl'), though its checks notice within " notice                                            \
    ": expected a shorter 'ttl', or {min, max}\n"

static void test_ttl_beside_checks(void **state)
{
    static const struct {
        struct ttl_range ttl;
        uint32_t interval_ms;
        uint16_t fall;
        enum check_type type;
        uint32_t n_checks;
        const char *expected;
    } cases[] = {
        {{3600, 3600}, 5000, 3, CHECK_HTTP, 1, SLOW("1h", "15s")},
        {{600, 600}, 10000, 3, CHECK_HTTP, 1, SLOW("10m", "30s")}, /* 20 times, 10 minutes */
        {{599, 599}, 1000, 1, CHECK_HTTP, 1, ""},                  /* below 10 minutes */
        {{600, 600}, 10001, 3, CHECK_HTTP, 1, ""},                 /* below 20 times */
        {{5, 3600}, 5000, 3, CHECK_HTTP, 1, ""},                   /* derived */
        {{3600, 3600}, 5000, 3, CHECK_HTTP, 0, ""},                /* nobody looks anyway */
        {{3600, 3600}, 5000, 3, CHECK_POOL, 1, ""},                /* costs no probe */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct setting s;
        setting_init(&s);
        add(&s, 1, IP_V4);
        s.pool.ttl = cases[i].ttl;
        s.pool.checks.n = cases[i].n_checks;
        s.check.interval_ms = cases[i].interval_ms;
        s.check.fall = cases[i].fall;
        s.check.type = cases[i].type;
        s.model.n_checks = cases[i].n_checks;
        expect(&s, cases[i].expected);
    }
}

/* The slowest check says how long a dead endpoint may go unnoticed. */
static void test_ttl_beside_several_checks(void **state)
{
    static const uint32_t both[] = {0, 1};
    for (unsigned slow = 0; slow < 2; slow++) {
        struct check checks[2] = {{.name = "a", .interval_ms = 1000, .fall = 1},
                                  {.name = "b", .interval_ms = 1000, .fall = 1}};
        struct setting s;
        setting_init(&s);
        add(&s, 1, IP_V4);
        s.pool.ttl = (struct ttl_range){600, 600};
        s.pool.checks = (struct u32_list){both, 2};
        s.model.checks = checks;
        s.model.n_checks = 2;
        checks[slow].interval_ms = 60000;
        expect(&s, "");
    }
    (void)state;
}

#define TOO_MANY(n, type, fit)                                                           \
    "pools.yaml:20:3: pool 'www' may answer " #n " " type " records, but a DNS message " \
    "holds " #fit ": expected 'answers' of at most that, or fewer endpoints\n"

/* By one endpoint. */
static void test_answers_that_fit(void **state)
{
    static const struct {
        uint32_t first, second;
        uint8_t family;
        enum steer_kind steer;
        uint32_t answers;
        const char *expected;
    } cases[] = {
        {4074, 1, IP_V4, STEER_NEAREST, ANSWERS_ALL, ""},
        {4075, 1, IP_V4, STEER_NEAREST, ANSWERS_ALL, TOO_MANY(4075, "A", 4074)},
        {1, 4075, IP_V4, STEER_NEAREST, ANSWERS_ALL, TOO_MANY(4075, "A", 4074)},
        {2328, 1, IP_V6, STEER_NEAREST, ANSWERS_ALL, ""},
        {2329, 1, IP_V6, STEER_NEAREST, ANSWERS_ALL, TOO_MANY(2329, "AAAA", 2328)},
        {2329, 1, IP_V6, STEER_NEAREST, 2328, ""},
        {2329, 1, IP_V6, STEER_NEAREST, 2329, TOO_MANY(2329, "AAAA", 2328)},
        {2329, 1, IP_V6, STEER_NEAREST, 1, ""},
        {1328, 1000, IP_V6, STEER_ALL, ANSWERS_ALL, ""},
        {1329, 1000, IP_V6, STEER_ALL, ANSWERS_ALL, TOO_MANY(2329, "AAAA", 2328)},
        {1329, 1000, IP_V6, STEER_MAP, ANSWERS_ALL, ""},
        {1329, 1000, IP_V6, STEER_SPLIT, ANSWERS_ALL, ""},
        {1329, 1000, IP_V6, STEER_ORDER, ANSWERS_ALL, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct setting s;
        setting_init(&s);
        add(&s, cases[i].first, cases[i].family);
        add(&s, cases[i].second, cases[i].family);
        s.pool.steer = cases[i].steer;
        s.pool.answers = cases[i].answers;
        expect(&s, cases[i].expected);
    }
}

static void test_unused(void **state)
{
    struct setting s;
    (void)state;
    setting_init(&s);
    add(&s, 1, IP_V4);
    s.pool.checks.n = 0;
    s.map = (struct map){.name = "world", .span = {"pools.yaml", 12, 3}};
    s.model.n_maps = 1;
    expect(&s, "pools.yaml:5:3: warning: check 'web' is not used: no pool has it in its 'checks'\n"
               "pools.yaml:12:3: warning: map 'world' is not used: no pool steers by it\n");
    setting_init(&s);
    add(&s, 1, IP_V4);
    s.pool.steer = STEER_MAP;
    s.pool.map = 0;
    s.map = (struct map){.name = "world"};
    s.model.n_maps = 1;
    expect(&s, "");
}

/* An endpoint's own checks are in use, and tell how soon a dead one is noticed; none are none. */
static void test_own_checks(void **state)
{
    (void)state;
    for (unsigned n_own = 0; n_own < 2; n_own++) {
        struct setting s;
        setting_init(&s);
        add(&s, 2, IP_V4);
        s.pool.checks.n = 0;
        s.pool.ttl = (struct ttl_range){3600, 3600};
        s.endpoints[1].own_checks = true;
        s.endpoints[1].checks = (struct u32_list){&check_0, n_own};
        expect(&s, n_own ? SLOW("1h", "15s")
                         : "pools.yaml:5:3: warning: check 'web' is not used: no pool has it in "
                           "its 'checks'\n");
    }
}

/* --- what steering takes --- */

#define SETS 3

/* Pools by steerings, the first of which has no table. */
static void check_steer(size_t bytes, const struct lpm_share *share, const char *expected)
{
    static const uint32_t sites[] = {0, 1}, of_pool[] = {0, 2, 1};
    static const struct u32_list class_sites[] = {{sites, 2}, {sites, 2}};
    struct lpm table = {.bytes = bytes, .share = share};
    struct steering v[SETS] = {{.kind = STEER_ORDER, .n_classes = 1, .class_sites = class_sites}};
    struct pool pools[SETS] = {{.name = "a"}};
    struct steerings steerings = {v, SETS, of_pool};
    struct model model = {.pools = pools, .n_pools = SETS};
    struct diags diags;
    char *text = NULL;
    size_t n;
    diags_init(&diags);
    for (uint32_t i = 0; i < SETS; i++)
        pools[i].span = (struct span){"pools.yaml", 10 + i, 3};
    for (uint32_t i = 1; i < SETS; i++)
        v[i] = (struct steering){
            .clients = &table, .kind = STEER_NEAREST, .n_classes = 2, .class_sites = class_sites};
    lint_steer(&model, &steerings, &diags);
    FILE *out = open_memstream(&text, &n);
    diags_print(&diags, out);
    fclose(out);
    assert_int_equal(diags.n_errors, 0);
    assert_string_equal(text, expected);
    free(text);
    diags_free(&diags);
}

/* A steering of two classes of two sites each. */
#define CLASSES_BYTES (2 * sizeof(struct u32_list) + 4 * sizeof(uint32_t))

static void test_memory_of_tables(void **state)
{
    const size_t half = ((size_t)1 << 29) - CLASSES_BYTES;
    (void)state;
    check_steer(1000, NULL, "");
    check_steer(half - 1, NULL, "");
    check_steer(half, NULL,
                "pools.yaml:12:3: warning: steering takes 1.1 GB of memory: 2 different sets of "
                "sites have a table of clients each, of 536.9 MB on average, this pool's the "
                "first; pools that have the same sites share one table, and that of a map is "
                "smaller than that of 'nearest'\n");
    struct lpm_share share = {.bytes = 2 * half - 1}; /* counts once */
    check_steer(0, &share, "");
    share.bytes++;
    check_steer(0, &share,
                "pools.yaml:12:3: warning: steering takes 1.1 GB of memory: 2 different sets of "
                "sites have a table of clients each, of 536.9 MB on average, this pool's the "
                "first; pools that have the same sites share one table, and that of a map is "
                "smaller than that of 'nearest'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_ttl_beside_checks),
        cmocka_unit_test(test_ttl_beside_several_checks),
        cmocka_unit_test(test_answers_that_fit),
        cmocka_unit_test(test_unused),
        cmocka_unit_test(test_own_checks),
        cmocka_unit_test(test_memory_of_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
