/* SPDX-License-Identifier: Apache-2.0
 * How long answers with the endpoints of a pool may live, by what zones say: in rendered and in
 * kept zones, with fallbacks. */
#include "files.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define POOLS                                                                                  \
    "sites: {ams: {location: [52, 5]}}\n"                                                      \
    "pools:\n"                                                                                 \
    "  a: {ttl: {min: 5s, max: 60s}, sites: {ams: [192.0.2.1]}, on_all_down: {fallback: b}}\n" \
    "  b: {ttl: 20s, sites: {ams: [192.0.2.2]}, on_all_down: {fallback: c}}\n"                 \
    "  c: {ttl: 300s, sites: {ams: [192.0.2.3]}}\n"                                            \
    "  d: {ttl: 40s, sites: {ams: [192.0.2.4]}}\n"
#define ZONE(name) \
    "zone: " name  \
    "\nsoa: {mname: ns1, rname: h}\nrecords:\n  \"@\": {NS: ns1}\n  ns1: {A: 192.0.2.53}\n"

static struct model *load(const struct model *before)
{
    struct diags diags;
    struct model *m = NULL;
    diags_init(&diags);
    int e = config_reload(&m, "loadstar.yaml", &(struct config_options){.before = before}, &diags);
    if (e != 0)
        diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    diags_free(&diags);
    return m;
}

static void check(const struct model *m, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    const uint32_t expected[] = {a, b, c, d};
    for (int i = 0; i < 4; i++)
        assert_int_equal(m->answer_ttls[i], expected[i]);
}

/* The kernel's clock for files ticks seldom: what has just been written may have changed again. */
static void wait_for_a_tick(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
}

static void write_files(const char *one, const char *two)
{
    char text[1024];
    files_write_text("loadstar.yaml", "pools: pools.yaml\nzones: zones/\n");
    files_write_text("pools.yaml", POOLS);
    snprintf(text, sizeof text, ZONE("one.test") "%s", one);
    files_write_text("zones/one.test.yaml", text);
    snprintf(text, sizeof text, ZONE("two.test") "%s", two);
    files_write_text("zones/two.test.yaml", text);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *one, *two;
        uint32_t ttl[4];
    } cases[] = {
        {"", "", {0, 0, 0, 0}},
        /* The pool's own, and from where it falls back to that pool's. */
        {"  w: {POOL: a}\n", "", {60, 20, 300, 0}},
        {"  w: {POOL: b}\n", "  v: {POOL: d}\n", {0, 20, 300, 40}},
        /* One of the name's own goes all the way. */
        {"  w: {POOL: {pool: a, ttl: 7s}}\n", "", {7, 7, 7, 0}},
        {"  w: {POOL: {pool: a, ttl: {min: 1s, max: 90s}}}\n",
         "  v: {POOL: b}\n",
         {90, 90, 300, 0}},
        {"  w: {POOL: {pool: b, ttl: 900s}}\n", "  v: {POOL: a}\n", {60, 900, 900, 0}},
        {"  w: {POOL: {pool: d, ttl: 1s}}\n", "  v: {POOL: {pool: d, ttl: 9s}}\n", {0, 0, 0, 9}},
        {"  w: {POOL: {pool: d, ttl: 90s}}\n", "  v: {POOL: d}\n", {0, 0, 0, 90}},
        {"  w: {POOL: {pool: d, ttl: 9s}}\n", "  v: {POOL: d}\n", {0, 0, 0, 40}},
        /* An answer that must not be kept is one. */
        {"  w: {POOL: {pool: d, ttl: 0}}\n", "", {0, 0, 0, 1}},
        {"  w: {POOL: d/ams}\n", "", {0, 0, 0, 40}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        files_enter();
        write_files(cases[i].one, cases[i].two);
        struct model *m = load(NULL);
        const uint32_t *t = cases[i].ttl;
        check(m, t[0], t[1], t[2], t[3]);
        model_free(m);
        files_leave();
    }
}

/* A zone that is not read again says what it said. */
static void test_kept(void **state)
{
    (void)state;
    files_enter();
    write_files("  w: {POOL: {pool: a, ttl: 99s}}\n", "  v: {POOL: d}\n");
    wait_for_a_tick();
    struct model *first = load(NULL);
    check(first, 99, 99, 99, 40);
    files_write_text("zones/two.test.yaml", ZONE("two.test") "  v: {POOL: b}\n");
    wait_for_a_tick();
    struct model *second = load(first);
    assert_int_not_equal(second->zones[0].kept, 0);
    assert_int_equal(second->zones[1].kept, 0);
    check(second, 99, 99, 300, 0);
    model_free(first);
    struct model *third = load(second);
    assert_int_not_equal(third->zones[0].kept, 0);
    assert_int_not_equal(third->zones[1].kept, 0);
    check(third, 99, 99, 300, 0);
    model_free(second);
    model_free(third);
    files_leave();
}

/* The way of fallbacks is that of the new configuration, for zones that are kept, too. */
static void test_other_fallbacks(void **state)
{
    (void)state;
    files_enter();
    write_files("  w: {POOL: a}\n", "");
    wait_for_a_tick();
    struct model *first = load(NULL);
    check(first, 60, 20, 300, 0);
    char text[] = POOLS;
    memcpy(strstr(text, "fallback: b"), "fallback: d", 11);
    files_write_text("pools.yaml", text);
    struct model *second = load(first);
    assert_int_not_equal(second->zones[0].kept, 0);
    check(second, 60, 0, 0, 40);
    model_free(first);
    model_free(second);
    files_leave();
}

static void test_no_zones(void **state)
{
    (void)state;
    files_enter();
    files_write_text("loadstar.yaml", "pools: pools.yaml\n");
    files_write_text("pools.yaml", POOLS);
    struct model *m = load(NULL);
    assert_null(m->answer_ttls);
    model_free(m);
    files_leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_other_fallbacks),
        cmocka_unit_test(test_no_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
