/* SPDX-License-Identifier: Apache-2.0
 * A tier that is specified anew, or left. */
#include "engine_world.h"

#include "base/clock.h"

/* ---- specifications ---- */

static void respecify(struct engine_world *w, uint32_t n_members)
{
    struct set_states *states = set_states_new(&w->other_set);
    w->other.spec.n_members = n_members;
    for (uint32_t i = 0; i < SMALL_SLOTS; i++)
        set_states_put(states, i, &w->other.states[i]);
    engine_respecify(w->engine, states, &w->other.spec);
    set_states_release(states);
}

static void test_another_specification(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    respecify(&w, 3); /* the same: nothing is written */
    world_run(&w, 1000);
    assert_int_equal(w.table.n_respecified, 1);
    assert_int_equal(w.table.n_applied, 0);
    assert_ptr_equal(w.view->spec, &w.other.spec);
    table_find(&w.table, "c")->active = 1;
    respecify(&w, 2); /* c has left */
    world_run(&w, 2000);
    assert_table(&w, "a=ready 100 b=ready 100 c=drain");
    table_find(&w.table, "c")->active = 0;
    world_run(&w, 4000);
    assert_table(&w, "a=ready 100 b=ready 100");
    respecify(&w, 4);
    world_run(&w, 2000);
    assert_table(&w, RIGHT " d=ready 100");
    assert_int_equal(w.table.n_opened, 1);
    world_close(&w);
}

static void test_another_specification_waits_for_what_is_under_way(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.table.delay_ms = 1000;
    w.small.states[0].health = HEALTH_DOWN;
    world_change(&w);
    world_run(&w, 200);
    assert_int_equal(w.table.n_under_way, 1);
    respecify(&w, 2);
    respecify(&w, 4);
    assert_int_equal(w.table.n_respecified, 0);
    assert_ptr_equal(engine_spec(w.engine), &w.small.spec);
    world_run(&w, 20000);
    assert_int_equal(w.table.n_respecified, 1);
    assert_table(&w, RIGHT " d=ready 100");
    world_close(&w);
}

static void test_closed_with_one_waiting(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    w.table.delay_ms = 1000;
    world_begin(&w);
    world_run(&w, 10);
    respecify(&w, 4);
    world_close(&w);
}

static void test_without_respecified_it_is_opened_again(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    w.type.respecified = NULL;
    world_begin(&w);
    world_run(&w, 1000);
    respecify(&w, 3);
    world_run(&w, 1000);
    assert_int_equal(w.table.n_opened, 2);
    assert_int_equal(w.table.n_applied, 0);
    world_close(&w);
}

static void test_places(void **state)
{
    struct small_tier a, b;
    (void)state;
    small_tier_init(&a, 3, 0);
    small_tier_init(&b, 2, 1);
    assert_true(engine_same_place(&a.spec, &b.spec));
    b.config.service.port = 444;
    assert_false(engine_same_place(&a.spec, &b.spec));
    b.config.service = a.config.service;
    b.config.service.scheduler = "rr"; /* is set in place */
    assert_true(engine_same_place(&a.spec, &b.spec));
    b.config.type = TIER_NGINX;
    assert_false(engine_same_place(&a.spec, &b.spec));
    a.config.type = TIER_NGINX;
    a.config.file = "/x";
    b.config.file = "/y";
    assert_false(engine_same_place(&a.spec, &b.spec));
    b.config.file = a.config.file;
    a.config.nginx.upstream = b.config.nginx.upstream = "web";
    assert_true(engine_same_place(&a.spec, &b.spec));
    a.config.type = b.config.type = TIER_HAPROXY;
    a.config.haproxy.backend = b.config.haproxy.backend = "be";
    a.config.socket = "/s"; /* NULL there */
    assert_false(engine_same_place(&a.spec, &b.spec));
    b.spec.name = "other";
    a.config.socket = NULL;
    assert_false(engine_same_place(&a.spec, &b.spec));
    b.spec.name = a.spec.name;
    a.config.type = b.config.type = TIER_L4;
    a.config.socket = b.config.socket = "/s";
    a.config.l4.service = b.config.l4.service = "web";
    assert_true(engine_same_place(&a.spec, &b.spec));
    b.config.l4.service = "api";
    assert_false(engine_same_place(&a.spec, &b.spec));
    b.config.l4.service = "web";
    b.config.socket = "/t";
    assert_false(engine_same_place(&a.spec, &b.spec));
}

static void add_server(struct engine_world *w, unsigned last, const char *name)
{
    struct table_member *m = &w->table.v[w->table.n++];
    *m =
        (struct table_member){.addr = small_addr(last), .port = 80, .serving = {SERVES_READY, 100}};
    snprintf(m->name, sizeof m->name, "%s", name);
}

static void test_what_left_while_nobody_looked(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    w.type.is_given = true; /* a backend of somebody else's, in which members are ours */
    add_server(&w, 77, "ours");
    add_server(&w, 78, "theirs");
    keep("t", &w.table.v[3].addr, 80);
    world_begin(&w);
    world_run(&w, 10000);
    assert_table(&w, RIGHT " theirs=ready 100");
    assert_false(kept("t", &(struct ip){.b = {10, 0, 0, 77}, .family = IP_V4}, 80));
    assert_state(&w, TIER_OK);
    world_close(&w);
}

/* ---- leaving ---- */

static void test_leaving_drains_and_removes(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    table_find(&w.table, "b")->active = 2;
    engine_leave(w.engine, LEAVING_REMOVED);
    world_run(&w, 5000);
    assert_string_equal(table_text(&w.table), "b=drain");
    assert_int_equal(w.n_ended, 0);
    table_find(&w.table, "b")->active = 0;
    world_run(&w, 5000);
    assert_false(w.table.exists);
    assert_int_equal(w.n_ended, 1);
    assert_false(kept("t", NULL, 0));
    assert_false(kept("t", &w.small.members[1].addr, 80));
    uint32_t n = w.table.n_observed;
    world_run(&w, 100000);
    assert_int_equal(w.table.n_observed, n);
    world_close(&w);
}

static void test_who_comes_back_was_never_away(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    for (int i = 0; i < 3; i++)
        w.table.v[i].active = 1;
    engine_leave(w.engine, LEAVING_REMOVED);
    world_run(&w, 2000);
    assert_table(&w, "a=drain b=drain c=drain");
    engine_leave(w.engine, LEAVING_NOT);
    world_run(&w, 1000);
    assert_table(&w, RIGHT);
    assert_int_equal(w.n_ended, 0);
    world_run(&w, 100000);
    assert_int_equal(w.n_ended, 0);
    world_close(&w);
}

static void test_leaving_takes_no_longer_than_it_may(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    w.table.observe = TABLE_FAILS;
    engine_leave(w.engine, LEAVING_REMOVED);
    world_run(&w, 69000); /* 10 s that it may drain, and a minute */
    assert_int_equal(w.n_ended, 0);
    world_run(&w, 2000);
    assert_int_equal(w.n_ended, 1);
    assert_int_equal(log_count("given up"), 1);
    world_close(&w);
}

static void test_leaving_where_nothing_was_made(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    w.table.observe = TABLE_FAILS;
    world_begin(&w);
    world_run(&w, 1000);
    engine_leave(w.engine, LEAVING_REMOVED);
    world_run(&w, 10);
    assert_int_equal(w.n_ended, 1);
    assert_int_equal(log_count("given up"), 0);
    world_close(&w);
}

static void test_disowned_is_not_recorded(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    engine_leave(w.engine, LEAVING_REMOVED);
    engine_disown(w.engine);
    assert_false(kept("t", NULL, 0));
    assert_false(kept("t", &w.small.members[0].addr, 80));
    keep("t", &w.small.members[0].addr, 80); /* another's, of the same name */
    keep("t", NULL, 0);
    world_run(&w, 10000);
    assert_false(w.table.exists);
    assert_int_equal(w.n_ended, 1);
    assert_true(kept("t", NULL, 0));
    assert_true(kept("t", &w.small.members[0].addr, 80));
    world_close(&w);
}

static void test_published_text(void **state)
{
    struct engine_world w;
    (void)state;
    world_open(&w);
    world_make(&w);
    world_begin(&w);
    world_run(&w, 1000);
    assert_null(w.view->published);
    w.table.host->publish(w.table.host->ctx, "one and", 3, 7);
    assert_string_equal(w.view->published, "one");
    assert_int_equal(w.view->n_published, 3);
    assert_int_equal(w.view->published_version, 7);
    w.table.host->publish(w.table.host->ctx, "", 0, 8);
    assert_string_equal(w.view->published, "");
    world_close(&w);
}

/* What was measured of clients adds up over specifications, and what views have of it stays. */
static void test_round_trips(void **state)
{
    struct engine_world w;
    struct client_rtt one = {.rtt_us = 1, .n = 1, .seen_ms = clock_wall_ms()}, two = one;
    (void)state;
    assert_int_equal(ip_prefix_parse(&one.network, "192.0.2.0/24"), 0);
    assert_int_equal(ip_prefix_parse(&two.network, "192.0.3.0/24"), 0);
    world_open(&w);
    world_make(&w);
    w.type.respecified = NULL;
    world_begin(&w);
    world_run(&w, 1000);
    assert_null(w.view->clients);
    w.table.host->measured(w.table.host->ctx, &one, 1);
    assert_int_equal(w.view->clients->n, 1);
    struct client_rtts *held = client_rtts_hold(w.view->clients);
    respecify(&w, 3);
    world_run(&w, 1000);
    assert_int_equal(w.table.n_opened, 2);
    w.table.host->measured(w.table.host->ctx, &two, 1);
    assert_int_equal(w.view->clients->n, 2);
    world_close(&w);
    assert_int_equal(held->n, 1);
    assert_int_equal(held->v[0].rtt_us, 1);
    client_rtts_release(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_specification),
        cmocka_unit_test(test_another_specification_waits_for_what_is_under_way),
        cmocka_unit_test(test_closed_with_one_waiting),
        cmocka_unit_test(test_without_respecified_it_is_opened_again),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_what_left_while_nobody_looked),
        cmocka_unit_test(test_leaving_drains_and_removes),
        cmocka_unit_test(test_who_comes_back_was_never_away),
        cmocka_unit_test(test_leaving_takes_no_longer_than_it_may),
        cmocka_unit_test(test_leaving_where_nothing_was_made),
        cmocka_unit_test(test_disowned_is_not_recorded),
        cmocka_unit_test(test_published_text),
        cmocka_unit_test(test_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
