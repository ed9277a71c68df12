/* SPDX-License-Identifier: Apache-2.0
 * What dynamic names say for themselves, and what becomes of it in a pool that theirs falls back
 * to: TTL, number of answers, one site alone. */
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { WWW, OTHER, THIRD, CDN, SPARE_CDN };

#define SOA_RR(ttl) \
    "example.com. " #ttl " IN SOA ns1.example.com. hostmaster.example.com. 1 3600 900 604800 600"

static const char zone[] = "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 600\n"
                           "@ 3600 NS ns1\n"
                           "ns1 3600 A 192.0.2.53\n"
                           "www 0 POOL 0\n"
                           "own 9 POOL 0\n"
                           "two 0 POOL 0 answers=2\n"
                           "ams 0 POOL 0/0\n"
                           "iad 0 POOL 0/1\n"
                           "own-iad 9 POOL 0/1 answers=2\n"
                           "stick 0 POOL 2/1\n"
                           "cdn 0 POOL 3\n"
                           "cdn-iad 0 POOL 3/1\n";

/* Endpoint i has the address 192.0.2.i or 2001:db8::i. */
static void add_pools(struct world *w)
{
    static const uint32_t order[] = {0, 1};
    struct pool *pool = world_pool(w);
    *pool = (struct pool){.name = "www",
                          .steer = STEER_ORDER,
                          .order = {order, 2},
                          .ttl = {60, 60},
                          .pick = PICK_ORDERED,
                          .answers = 1,
                          .sites = pool->sites,
                          .named = pool->named,
                          .on_all_down = ALL_DOWN_FALLBACK,
                          .fallback = OTHER};
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1);
    world_endpoint(w, IP_V4, 1);
    world_site(w, 1);
    world_endpoint(w, IP_V4, 1);
    world_endpoint(w, IP_V6, 1);
    pool = world_pool(w);
    pool->steer = STEER_ORDER;
    pool->order = (struct u32_list){order, 1};
    pool->ttl = (struct ttl_range){5, 20};
    pool->pick = PICK_ORDERED;
    pool->answers = 3;
    pool->on_all_down = ALL_DOWN_FALLBACK;
    pool->fallback = THIRD;
    world_site(w, 0);
    for (unsigned i = 4; i < 7; i++)
        world_endpoint(w, IP_V4, 1);
    pool = world_pool(w);
    pool->ttl = (struct ttl_range){7, 7};
    pool->steer = STEER_SPLIT;
    pool->pick = PICK_STICKY;
    pool->on_all_down = ALL_DOWN_NODATA;
    world_site(w, 0)->split_weight = 1;
    world_endpoint(w, IP_V4, 1);
    world_site(w, 1)->reserve = true;
    world_endpoint(w, IP_V4, 1);
    world_endpoint(w, IP_V4, 1);
    for (unsigned i = CDN; i <= SPARE_CDN; i++) {
        pool = world_pool(w);
        pool->steer = STEER_ALL;
        pool->ttl = (struct ttl_range){100 * i, 100 * i};
        for (uint32_t site = 0; site < 2; site++) {
            world_site(w, site);
            world_endpoint(w, IP_NONE, 1);
        }
    }
    w->pools[CDN].on_all_down = ALL_DOWN_FALLBACK;
    w->pools[CDN].fallback = SPARE_CDN;
    for (uint32_t e = 0; e < w->model.n_endpoints; e++)
        w->states[e].checked = true;
}

static int setup(void **state)
{
    struct served *s = served_new();
    add_pools(s->w);
    served_zone(s, "example.com.", zone);
    assert_int_equal(served_compile(s), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    served_free(*state);
    return 0;
}

static void refresh(struct served *s)
{
    for (uint32_t pool = 0; pool < s->w->model.n_pools; pool++) {
        struct pool_slot *slot = &s->snapshot->pools[pool];
        arena_free(slot->view->arena);
        slot->view = verdict_compile(&s->w->model, &s->steerings.v[s->steerings.of_pool[pool]],
                                     pool, s->w->states);
    }
}

/* Puts these endpoints down and all others up. */
static void down(struct served *s, uint32_t first, uint32_t last)
{
    for (uint32_t e = 0; e < s->w->model.n_endpoints; e++)
        s->w->states[e].health = e >= first && e <= last ? HEALTH_DOWN : HEALTH_UP;
    refresh(s);
}

#define SAYS(name, type, expected, ...) \
    assert_string_equal(served_ask(*state, name, type, (struct ask){__VA_ARGS__}), expected)
#define A(name, ttl, n) name ".example.com. " #ttl " IN A 192.0.2." #n
#define AA "NOERROR aa | "
#define PLAIN .no_edns = true

static void test_settings_of_a_name(void **state)
{
    SAYS("www.example.com.", "A", AA A("www", 60, 0) " | |", PLAIN);
    SAYS("own.example.com.", "A", AA A("own", 9, 0) " | |", PLAIN);
    SAYS("two.example.com.", "A", AA A("two", 60, 0) "; " A("two", 60, 1) " | |", PLAIN);
}

/* The pool that answers does so by its own TTL and number, but for those set at the name. */
static void test_settings_of_a_fallback(void **state)
{
    struct served *s = *state;
    down(s, 0, 2);
    SAYS("www.example.com.", "A",
         AA A("www", 20, 4) "; " A("www", 20, 5) "; " A("www", 20, 6) " | |", PLAIN);
    SAYS("own.example.com.", "A", AA A("own", 9, 4) "; " A("own", 9, 5) "; " A("own", 9, 6) " | |",
         PLAIN);
    SAYS("two.example.com.", "A", AA A("two", 20, 4) "; " A("two", 20, 5) " | |", PLAIN);
    /* A derived one still minds what was passed over; a fixed one minds nothing. */
    s->w->states[1].flip_s = 11;
    refresh(s);
    SAYS("two.example.com.", "A", AA A("two", 11, 4) "; " A("two", 11, 5) " | |", PLAIN);
    down(s, 0, 6);
    SAYS("two.example.com.", "A", AA A("two", 7, 7) " | |", PLAIN);
    SAYS("www.example.com.", "A", AA A("www", 7, 7) " | |", PLAIN, .explain = true);
    assert_int_equal(s->trace.settings.ttl_max_s, 7);
    assert_int_equal(s->trace.n_pools, 3);
    SAYS("own.example.com.", "A", AA A("own", 9, 7) " | |", PLAIN);
    /* The negative answer, too. */
    down(s, 0, 9);
    SAYS("www.example.com.", "A", AA "| " SOA_RR(7) " |", PLAIN);
    SAYS("own.example.com.", "A", AA "| " SOA_RR(9) " |", PLAIN);
    s->w->states[1].flip_s = FLIP_NEVER;
    down(s, 99, 99);
}

static void test_settings_of_a_fallback_of_names(void **state)
{
    struct served *s = *state;
    SAYS("cdn-iad.example.com.", "AAAA",
         AA "cdn-iad.example.com. 300 IN CNAME e11. | | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    down(s, 11, 11);
    for (unsigned i = 0; i < 20; i++) {
        const char *said = served_ask(s, "cdn-iad.example.com.", "A", (struct ask){PLAIN});
        assert_ptr_equal(strstr(said, AA "cdn-iad.example.com. 400 IN CNAME e1"), said);
        SAYS("cdn.example.com.", "A", AA "cdn.example.com. 300 IN CNAME e10. | |", PLAIN);
    }
    down(s, 99, 99);
}

/* Whoever asks, and whatever the pool's other sites do. */
static void test_one_site_alone(void **state)
{
    struct served *s = *state;
    SAYS("ams.example.com.", "A", AA A("ams", 60, 0) " | | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    SAYS("iad.example.com.", "A", AA A("iad", 60, 2) " | | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    SAYS("iad.example.com.", "AAAA", AA "iad.example.com. 60 IN AAAA 2001:db8::3 | |", PLAIN);
    /* What it is not configured to have does not exist there, though elsewhere in the pool. */
    SAYS("ams.example.com.", "AAAA", AA "| " SOA_RR(600) " |", PLAIN);
    SAYS("www.example.com.", "AAAA", AA "www.example.com. 60 IN AAAA 2001:db8::3 | |", PLAIN);
    SAYS("ams.example.com.", "TXT", AA "| " SOA_RR(600) " |", PLAIN);

    down(s, 0, 0);
    SAYS("ams.example.com.", "A", AA A("ams", 60, 1) " | |", PLAIN);
    down(s, 0, 1); /* its site is down: the fallback, not iad */
    SAYS("www.example.com.", "A", AA A("www", 60, 2) " | |", PLAIN);
    SAYS("iad.example.com.", "A", AA A("iad", 60, 2) " | |", PLAIN);
    SAYS("ams.example.com.", "A",
         AA A("ams", 20, 4) "; " A("ams", 20, 5) "; " A("ams", 20, 6) " | |", PLAIN);
    SAYS("ams.example.com.", "A",
         AA A("ams", 20, 4) "; " A("ams", 20, 5) "; " A("ams", 20, 6) " | |", PLAIN,
         .explain = true);
    assert_int_equal(s->trace.settings.site, 1);
    assert_int_equal(s->trace.n_pools, 2);
    down(s, 2, 2);
    SAYS("own-iad.example.com.", "A", AA A("own-iad", 9, 4) "; " A("own-iad", 9, 5) " | |", PLAIN);

    struct pool *pool = &s->w->pools[WWW];
    static const enum all_down_kind kinds[] = {ALL_DOWN_SERVE_ALL, ALL_DOWN_NODATA,
                                               ALL_DOWN_SERVFAIL};
    static const char *const expected[] = {AA A("iad", 60, 2) " | |", AA "| " SOA_RR(60) " |",
                                           "SERVFAIL | | |"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        pool->on_all_down = kinds[i];
        refresh(s);
        SAYS("iad.example.com.", "A", expected[i], PLAIN);
        SAYS("www.example.com.", "A", AA A("www", 60, 0) " | |", PLAIN);
    }
    pool->on_all_down = ALL_DOWN_FALLBACK;
    down(s, 99, 99);
}

/* Of a split, too, nothing is drawn; sticky goes by the client within the site. */
static void test_one_site_of_a_split(void **state)
{
    for (unsigned i = 0; i < 50; i++) {
        char subnet[32];
        snprintf(subnet, sizeof subnet, "198.51.%u.0/24", i);
        const char *said =
            served_ask(*state, "stick.example.com.", "A", (struct ask){.subnet = subnet});
        assert_true(strstr(said, "IN A 192.0.2.8 ") || strstr(said, "IN A 192.0.2.9 "));
        assert_non_null(strstr(said, "ecs /24/24"));
    }
}

/* The TTL minds the site's endpoints alone, and min_up means nothing without another site. */
static void test_inputs_of_one_site(void **state)
{
    struct served *s = *state;
    struct pool *pool = &s->w->pools[WWW];
    pool->ttl = (struct ttl_range){1, 600};
    pool->min_up = 1.0;
    s->w->states[0].flip_s = 10;
    s->w->states[1].flip_s = 20;
    s->w->states[2].flip_s = 30;
    snapshot_free(s->snapshot);
    assert_int_equal(served_compile(s), 0);
    SAYS("iad.example.com.", "A", AA A("iad", 30, 2) " | |", PLAIN);
    SAYS("ams.example.com.", "A", AA A("ams", 10, 0) " | |", PLAIN);
    down(s, 0, 0);
    SAYS("ams.example.com.", "A", AA A("ams", 10, 1) " | |", PLAIN);
    SAYS("www.example.com.", "A", AA A("www", 10, 2) " | |", PLAIN);
    down(s, 99, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_of_a_name),
        cmocka_unit_test(test_settings_of_a_fallback),
        cmocka_unit_test(test_settings_of_a_fallback_of_names),
        cmocka_unit_test(test_one_site_alone),
        cmocka_unit_test(test_one_site_of_a_split),
        cmocka_unit_test(test_inputs_of_one_site),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
