/* SPDX-License-Identifier: Apache-2.0
 * What is told of pools and sites: what lasts, once for each cause. */
#include "tests/unit/health/scripted.h"
#include "tests/unit/health/settable_clock.h"
#include "tests/unit/health/world.h"

#include "base/clock.h"
#include "out/transitions.h"

#include <stdio.h>
#include <string.h>

struct news {
    struct world *world;
    struct transitions *transitions;
    struct levels *levels;
    unsigned n_moved, n_events;
    char text[8192];
};

static void on_moved(void *ctx)
{
    ((struct news *)ctx)->n_moved++;
}

static void on_event(void *ctx, const struct event *e)
{
    struct news *n = ctx;
    size_t used = strlen(n->text);
    n->n_events++;
    snprintf(n->text + used, sizeof n->text - used, "%s: %s: %s -> %s: %s\n",
             event_severity_text((enum event_severity)e->severity), e->target, e->from, e->to,
             e->reason);
}

/* Runs for so long, and tells whenever it is time to. */
static const char *run(struct news *n, int ms)
{
    int64_t end_ms = clock_mono_ms() + ms;
    n->text[0] = '\0';
    do {
        const struct causes_of of = {n->world->model, checker_states(n->world->checker),
                                     levels_now(n->levels), checker_orders(n->world->checker)};
        if (transitions_next_ms(n->transitions) <= clock_mono_ms())
            transitions_tell(n->transitions, &of, clock_mono_ms(), on_event, n);
        world_run(n->world, 50, NULL, NULL);
    } while (clock_mono_ms() < end_ms);
    return n->text;
}

static void begin(struct news *n, struct world *w)
{
    *n = (struct news){.world = w};
    n->transitions = transitions_new(on_moved, n);
    const struct level_watcher watcher = transitions_watcher(n->transitions);
    n->levels = levels_new(w->checker, &watcher);
}

static void end(struct news *n)
{
    levels_free(n->levels);
    transitions_free(n->transitions);
    world_stop(n->world);
    world_close(n->world);
}

static void order(struct news *n, const char *target, enum override what, const char *reason)
{
    const struct order_words words = {.override = what, .reason = reason, .author = "ann (uid 7)"};
    assert_int_equal(world_order(n->world, target, &words), 0);
}

#define POOLS                                                                       \
    "sites: {ams: {}, iad: {}}\npools:\n"                                           \
    "  www: {steer: all, sites: {ams: [192.0.2.1, 192.0.2.2], iad: [192.0.2.3]}}\n" \
    "  api: {steer: all, sites: {ams: [192.0.2.4], iad: [192.0.2.5]}}\n"            \
    "  db: {steer: all, sites: {ams: [192.0.2.6]}}\n"                               \
    "  lab: {steer: all, sites: {iad: [192.0.2.7]}}\n"

static void test_one_pool(void **state)
{
    (void)state;
    struct world w;
    struct news n;
    world_open(&w);
    world_configure(&w, NULL, POOLS);
    world_start(&w);
    begin(&n, &w);
    assert_string_equal(run(&n, 5000), ""); /* all is up: no news */
    order(&n, "www/ams", OVERRIDE_DRAIN, "disk");
    assert_string_equal(run(&n, 1900), "");
    assert_string_equal(run(&n, 300),
                        "warning: pool www: up -> degraded: ams: 2 endpoints drained by order "
                        "@1 of ann (uid 7) (disk)\n"
                        "warning: site ams: up -> degraded: up for 2 of 3 pools\n");
    assert_string_equal(run(&n, 20000), ""); /* once */
    order(&n, "www/iad", OVERRIDE_DOWN, "");
    assert_string_equal(run(&n, 2200),
                        "error: pool www: degraded -> down: ams: 2 endpoints drained by order "
                        "@1 of ann (uid 7) (disk); iad: 1 endpoint put down by order @2 of ann "
                        "(uid 7)\n"
                        "warning: site iad: up -> degraded: up for 2 of 3 pools\n");
    order(&n, "www/*", OVERRIDE_AUTO, NULL);
    assert_string_equal(run(&n, 2200), "notice: pool www: down -> up: 2 of 2 sites, 3 of 3 "
                                       "endpoints\n"
                                       "notice: site ams: degraded -> up: up for 3 of 3 pools\n"
                                       "notice: site iad: degraded -> up: up for 3 of 3 pools\n");
    end(&n);
}

static void test_a_flap_is_no_news(void **state)
{
    (void)state;
    struct world w;
    struct news n;
    world_open(&w);
    world_configure(&w, NULL, POOLS);
    world_start(&w);
    begin(&n, &w);
    for (unsigned i = 0; i < 10; i++) {
        order(&n, "db/ams", OVERRIDE_DOWN, "");
        assert_string_equal(run(&n, 1500), "");
        order(&n, "db/ams", OVERRIDE_AUTO, NULL);
        assert_string_equal(run(&n, 1500), "");
    }
    assert_true(n.n_moved >= 20);
    assert_string_equal(run(&n, 10000), "");
    assert_int_equal(transitions_next_ms(n.transitions), INT64_MAX);
    end(&n);
}

/* One order that ends a site is one event, and so is its end. */
static void test_a_site_is_drained(void **state)
{
    (void)state;
    struct world w;
    struct news n;
    world_open(&w);
    world_configure(&w, NULL, POOLS);
    world_start(&w);
    begin(&n, &w);
    order(&n, "ams", OVERRIDE_DRAIN, "move");
    assert_string_equal(run(&n, 2200),
                        "error: site ams: up -> down: site ams is drained by order @1 of "
                        "ann (uid 7) (move): 1 pool down, 2 degraded: db, www, api\n");
    assert_string_equal(run(&n, 10000), "");
    order(&n, "ams", OVERRIDE_AUTO, NULL);
    assert_string_equal(run(&n, 2200),
                        "notice: site ams: down -> up: 3 pools are up again: www, api, db\n");
    order(&n, "*/*/192.0.2.4", OVERRIDE_DRAIN, "a"); /* different causes are told apart */
    order(&n, "*/*/192.0.2.6", OVERRIDE_DRAIN, "b");
    run(&n, 2200);
    assert_int_equal(n.n_events, 2 + 3);
    assert_non_null(
        strstr(n.text,
               "pool api: up -> degraded: ams: 1 endpoint drained by order @2 of ann (uid 7) (a)"));
    assert_non_null(strstr(
        n.text, "pool db: up -> down: ams: 1 endpoint drained by order @3 of ann (uid 7) (b)"));
    assert_non_null(strstr(n.text, "warning: site ams: up -> degraded: up for 1 of 3 pools"));
    end(&n);
}

/* A site dies: its endpoints fall one after the other, as they are probed. */
static void test_a_site_dies(void **state)
{
    (void)state;
    struct world w;
    struct news n;
    char pools[8192];
    size_t used = (size_t)snprintf(pools, sizeof pools,
                                   "sites: {ams: {}, iad: {}}\n"
                                   "checks: {c: {type: tcp, interval: 5s, timeout: 1s, fall: 1},\n"
                                   "  d: {type: tcp, interval: 5s, timeout: 1s, fall: 1}}\n"
                                   "pools:\n");
    for (unsigned i = 0; i < 40; i++)
        used += (size_t)snprintf(pools + used, sizeof pools - used,
                                 "  p%u: {steer: all, checks: [%s], sites: {ams: [{address: "
                                 "192.0.2.%u, port: %u}]%s}}\n",
                                 i, i % 2 ? "c" : "d", i + 1, OPEN_PORT,
                                 i ? ", iad: [{address: 192.0.2.250, port: 4100}]" : "");
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    scripted_set(4100, SCRIPTED_OPEN);
    world_configure(&w, "  panic: {share: 100%}", "%s", pools);
    world_start(&w);
    assert_true(world_run(&w, 10000, world_all_tried, NULL));
    begin(&n, &w);
    assert_string_equal(run(&n, 5000), "");
    scripted_set(OPEN_PORT, SCRIPTED_SILENT);
    run(&n, 12000);
    assert_string_equal(
        n.text, "error: site ams: up -> down: site ams: 40 endpoints of 40 pools down: "
                "timeout after 1s connecting: 1 pool down, 39 degraded: p0, p1, p2 and 37 more\n");
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    run(&n, 20000);
    assert_string_equal(n.text, "notice: site ams: down -> up: 40 pools are up again: p0, p1, p2 "
                                "and 37 more\n");
    end(&n);
}

/* Of what is checked for a prefix set, the set tells. */
static void test_checks_of_prefix_sets(void **state)
{
    (void)state;
    struct world w;
    struct news n;
    char path[128];
    world_open(&w);
    snprintf(path, sizeof path, "%s/a.yaml", w.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "anycast: {d: {prefixes: 192.0.2.0/24, self: false, speaker: x, site: ams,\n"
                  "  when: {checks: [{check: up, address: 192.0.2.99}]}}}\n"
                  "speakers: {x: {type: exec, command: [/bin/true]}}\n");
    fclose(file);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, "anycast: a.yaml",
                    POOLS "checks: {up: {type: tcp, port: %d, interval: 1s, fall: 1, rise: 1}}\n",
                    OPEN_PORT);
    world_start(&w);
    assert_true(world_run(&w, 10000, world_all_tried, NULL));
    begin(&n, &w);
    assert_string_equal(run(&n, 5000), "");
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    assert_string_equal(run(&n, 10000), "");
    assert_int_equal(levels_now(n.levels)->pools[4].level, LEVEL_DOWN);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    assert_string_equal(run(&n, 10000), "");
    assert_int_equal(levels_now(n.levels)->pools[4].level, LEVEL_UP);
    end(&n);
}

/* What is not up at a start is told, and a reload tells what it changed: no more. */
static void test_start_and_reload(void **state)
{
    (void)state;
    struct world w;
    struct news n;
    world_open(&w);
    world_configure(&w, NULL, POOLS);
    world_start(&w);
    assert_int_equal(world_set(&w, "db/ams", OVERRIDE_DOWN, 0, "x"), 0);
    begin(&n, &w);
    assert_string_equal(run(&n, 2200), "error: pool db: unknown -> down: ams: 1 endpoint put down "
                                       "by order @1 (x)\n"
                                       "warning: site ams: unknown -> degraded: up for 2 of 3 "
                                       "pools\n");
    order(&n, "www/iad", OVERRIDE_DRAIN, "y"); /* waits while the model changes */
    run(&n, 1000);
    world_reload(&w, NULL,
                 "sites: {iad: {}, ams: {}}\npools:\n"
                 "  db: {steer: all, sites: {ams: [192.0.2.6]}}\n"
                 "  new: {steer: all, sites: {ams: [192.0.2.8]}}\n"
                 "  www: {steer: all, sites: {ams: [192.0.2.1, 192.0.2.2], iad: [192.0.2.3]}}\n");
    assert_string_equal(run(&n, 1300), "warning: pool www: up -> degraded: iad: 1 endpoint drained "
                                       "by order @2 of ann (uid 7) (y)\n"
                                       "error: site iad: up -> down: up for 0 of 1 pool\n");
    assert_string_equal(run(&n, 10000), "");
    end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_pool),
        cmocka_unit_test(test_a_flap_is_no_news),
        cmocka_unit_test(test_a_site_is_drained),
        cmocka_unit_test(test_a_site_dies),
        cmocka_unit_test(test_checks_of_prefix_sets),
        cmocka_unit_test(test_start_and_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
