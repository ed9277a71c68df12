/* SPDX-License-Identifier: Apache-2.0
 * What the operator orders and what survives a restart. */
#include "scripted.h"
#include "world.h"

#include "base/clock.h"
#include "health/orders_file.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nor does the file hold it any more: it is written beside the loop. */
static bool is_saved_as_expired(struct world *w, void *arg)
{
    struct orders orders = {.node = "n"};
    struct buf problem = {0};
    char path[128];
    (void)arg;
    snprintf(path, sizeof path, "%s/state/overrides.json", w->dir);
    bool is = orders_load(&orders, path, &problem) == 0 && orders.n == 1 &&
              orders.v[0]->weight == 7 && orders.n_ended == 1 &&
              orders.ended[0]->end == ORDER_EXPIRED && orders.ended[0]->override == OVERRIDE_DRAIN;
    orders_free(&orders);
    buf_free(&problem);
    return is;
}

static void test_override_survives_restart_and_expires(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, NULL, ONE, REFUSED_PORT);
    world_start(&w);
    assert_int_equal(world_set(&w, "www/iad", OVERRIDE_UP, 0, ""), E_NOTFOUND);
    assert_int_equal(world_set(&w, "//", OVERRIDE_UP, 0, ""), E_SYNTAX);
    assert_int_equal(world_set(&w, "*/ams", OVERRIDE_DRAIN, 1500, "disk"), 0);
    assert_int_equal(world_weigh(&w, "ams", 7), 0);
    assert_string_equal(endpoint_state_text(world_state(&w, 0)), "drain!");
    assert_string_equal(world_state(&w, 0)->override_reason, "disk");
    world_stop(&w);

    world_configure(&w, NULL, ONE, REFUSED_PORT);
    world_start(&w);
    const struct endpoint_state *s = world_state(&w, 0);
    assert_int_equal(s->override, OVERRIDE_DRAIN);
    assert_int_equal(s->weight_override, 7);
    assert_int_equal(endpoint_weight(&w.model->endpoints[0], s), 7);
    assert_in_range(s->override_until_s, clock_wall_s() - 1, clock_wall_s() + 2);
    const struct orders *orders = checker_orders(w.checker);
    assert_int_equal(orders->n, 2);
    assert_string_equal(orders->v[0]->target.text, "*/ams");
    assert_int_equal(orders->v[1]->kind, ORDER_WEIGHT);
    world_run(&w, 2200, NULL, NULL);
    assert_int_equal(world_state(&w, 0)->override, OVERRIDE_AUTO);
    assert_int_equal(world_state(&w, 0)->weight_override, 7);
    assert_true(world_count_events(&w, 0, "down") >= 1);
    assert_true(world_wait(&w, is_saved_as_expired, NULL));
    world_stop(&w);
    world_close(&w);
}

static void test_override_that_cannot_be_saved(void **state)
{
    (void)state;
    struct world w;
    char path[128];
    world_open(&w);
    world_configure(&w, NULL, ONE, REFUSED_PORT);
    world_start(&w);
    /* A directory in the way of the temporary file: fails for root as well. */
    snprintf(path, sizeof path, "mkdir %s/state/overrides.json.tmp", w.dir);
    assert_int_equal(system(path), 0);
    assert_int_equal(world_set(&w, "ams", OVERRIDE_DRAIN, 0, ""), E_SYSTEM);
    assert_int_equal(world_state(&w, 0)->override, OVERRIDE_AUTO);
    assert_int_equal(checker_orders(w.checker)->n, 0);
    world_stop(&w);
    world_close(&w);
}

static void test_corrupt_overrides_are_put_aside(void **state)
{
    (void)state;
    struct world w;
    char path[256];
    world_open(&w);
    world_configure(&w, NULL, ONE, REFUSED_PORT);
    snprintf(path, sizeof path,
             "mkdir %s/state; printf '{\"format\": 1, \"rules' > %s/state/overrides.json", w.dir,
             w.dir);
    assert_int_equal(system(path), 0);
    world_start(&w);
    assert_int_equal(w.diags.n_errors, 1);
    assert_non_null(strstr(w.diags.v[0].text, "/state/overrides.json:1:"));
    assert_non_null(checker_summary(w.checker).problem);
    snprintf(path, sizeof path, "%s/state/overrides.json.corrupt", w.dir);
    assert_int_equal(access(path, R_OK), 0);
    world_stop(&w);
    world_close(&w);
}

static void test_saved_health_until_first_results(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    uint16_t port = REFUSED_PORT;
    world_configure(&w, NULL, ONE, port);
    world_start(&w);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 1000));
    int64_t since_ms = world_state(&w, 0)->since_ms;
    world_stop(&w);
    world_configure(&w, NULL, ONE, port);
    world_start(&w);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UNKNOWN);
    assert_false(endpoint_serves(world_state(&w, 0)));
    assert_true(checker_ready(w.checker)); /* at once: nothing is waited for */
    size_t n_events = w.events.n;
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 1000));
    assert_int_equal(world_state(&w, 0)->since_ms, since_ms);
    assert_int_equal(w.events.n, n_events); /* no news */
    world_stop(&w);
    world_close(&w);
}

/* Only what nothing fresh was saved of is waited for: a new endpoint, not those of before. */
static void test_waits_for_what_is_not_saved(void **state)
{
    (void)state;
    static const char pools[] =
        SITES "checks: {c: {type: tcp, interval: 1h, timeout: 1h}}\n"
              "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}]%s}}}\n";
    struct world w;
    char iad[64];
    uint16_t port = REFUSED_PORT;
    world_open(&w);
    snprintf(iad, sizeof iad, ", iad: [{address: 127.0.0.1, port: %u}]", SILENT_PORT);
    world_configure(&w, NULL, pools, port, "");
    world_start(&w);
    assert_false(checker_ready(w.checker));
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 1000));
    assert_true(checker_ready(w.checker));
    world_stop(&w);
    world_configure(&w, NULL, pools, SILENT_PORT, ""); /* hangs, as it does now and then */
    world_start(&w);
    assert_true(checker_ready(w.checker));
    assert_false(endpoint_serves(world_state(&w, 0)));
    world_stop(&w);
    world_configure(&w, NULL, pools, port, iad);
    world_start(&w);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 1000));
    assert_false(checker_ready(w.checker));
    assert_true(endpoint_serves(world_state(&w, 1)));
    world_stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_override_survives_restart_and_expires),
        cmocka_unit_test(test_override_that_cannot_be_saved),
        cmocka_unit_test(test_corrupt_overrides_are_put_aside),
        cmocka_unit_test(test_saved_health_until_first_results),
        cmocka_unit_test(test_waits_for_what_is_not_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
