/* SPDX-License-Identifier: Apache-2.0
 * What subscribers of a checker are told, and when. */
#include "scripted.h"
#include "settable_clock.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

#define TWO                                                                          \
    SITES "checks: {c: {type: tcp, " FAST "}}\n"                                     \
          "pools: {www: {checks: [c], sites: {ams: [{address: 127.0.0.1, port: %u}," \
          " {address: 127.0.0.2, port: %u}]}}}\n"

/* Looks at what it is told of, and remembers whom it has seen serve: its own record. */
struct consumer {
    struct world *world;
    unsigned n_wakes, n_everything;
    bool slow; /* does not take when woken */
    bool serves[8];
};

static void apply(struct consumer *c, struct changes changes)
{
    c->n_everything += changes.everything;
    for (uint32_t i = 0; i < changes.n; i++)
        c->serves[changes.endpoints[i]] =
            endpoint_serves(world_state(c->world, changes.endpoints[i]));
}

static void on_wake(void *ctx, struct subscription *subscription)
{
    struct consumer *c = ctx;
    c->n_wakes++;
    if (!c->slow)
        apply(c, subscription_take(subscription));
}

static struct subscription *follow(struct world *w, struct consumer *c, bool slow)
{
    *c = (struct consumer){.world = w, .slow = slow};
    return checker_subscribe(w->checker, &(struct subscriber){"test", c, on_wake});
}

static void check_record(const struct consumer *c)
{
    for (uint32_t e = 0; e < c->world->model->n_endpoints; e++)
        assert_int_equal(c->serves[e], endpoint_serves(world_state(c->world, e)));
}

static void test_each_at_its_pace(void **state)
{
    (void)state;
    struct world w;
    struct consumer quick, slow;
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, NULL, TWO, OPEN_PORT, REFUSED_PORT);
    world_start(&w);
    follow(&w, &quick, false);
    struct subscription *late = follow(&w, &slow, true);
    world_run(&w, 0, NULL, NULL);
    assert_int_equal(quick.n_everything, 1); /* in the next turn */
    assert_true(world_wait_health(&w, 0, HEALTH_UP, 2000));
    assert_true(world_wait_health(&w, 1, HEALTH_DOWN, 2000));
    for (unsigned round = 0; round < 5; round++) {
        scripted_set(OPEN_PORT, round % 2 ? SCRIPTED_OPEN : SCRIPTED_REFUSED);
        assert_true(world_wait_health(&w, 0, round % 2 ? HEALTH_UP : HEALTH_DOWN, 2000));
        world_run(&w, 25, NULL, NULL);
        check_record(&quick);
    }
    assert_int_equal(quick.n_everything, 1);
    assert_true(quick.n_wakes >= 6);
    assert_int_equal(slow.n_wakes, quick.n_wakes); /* once a flush, whoever takes */
    apply(&slow, subscription_take(late));
    check_record(&slow);
    assert_int_equal(slow.n_everything, 1);
    world_stop(&w);
    world_close(&w);
}

/* An order is told of before it is acknowledged; an end is final. */
static void test_orders(void **state)
{
    (void)state;
    struct world w;
    struct consumer c;
    world_open(&w);
    world_configure(&w, NULL, SITES "pools: {www: {sites: {ams: [192.0.2.1, 192.0.2.2]}}}\n");
    world_start(&w);
    struct subscription *s = follow(&w, &c, false);
    world_run(&w, 0, NULL, NULL);
    assert_true(c.serves[1]);
    assert_int_equal(world_set(&w, "www/ams/192.0.2.2", OVERRIDE_DRAIN, 0, "test"), 0);
    assert_true(c.serves[0]);
    assert_false(c.serves[1]);
    unsigned n_wakes = c.n_wakes;
    subscription_end(s);
    assert_int_equal(world_set(&w, "www/*", OVERRIDE_DRAIN, 0, "test"), 0);
    world_run(&w, 100, NULL, NULL);
    assert_int_equal(c.n_wakes, n_wakes);
    world_stop(&w);
    world_close(&w);
}

/* Who follows the orders is woken by one that changes no endpoint, before it is acknowledged. */
static void test_orders_on_prefix_sets(void **state)
{
    (void)state;
    static const struct prefix_set set = {.name = "dns", .site = MODEL_NONE};
    const struct order_words words = {.kind = ORDER_ANNOUNCE, .announce = ANNOUNCE_DRAIN};
    struct world w;
    struct consumer c, other;
    world_open(&w);
    world_configure(&w, NULL, SITES "pools: {www: {sites: {ams: [192.0.2.1]}}}\n");
    w.model->prefix_sets = &set;
    w.model->n_prefix_sets = 1;
    world_start(&w);
    subscription_follow_orders(follow(&w, &c, false));
    follow(&w, &other, false);
    world_run(&w, 0, NULL, NULL);
    unsigned n_wakes = c.n_wakes, n_others = other.n_wakes;
    assert_int_equal(world_order(&w, "anycast:dns", &words), 0);
    assert_int_equal(orders_decide_set(checker_orders(w.checker), "dns", NULL).order,
                     ANNOUNCE_DRAIN);
    assert_int_equal(c.n_wakes, n_wakes + 1);
    assert_int_equal(other.n_wakes, n_others);
    world_stop(&w);
    world_close(&w);
}

/* Between the checker's move and the time when a consumer can follow, changes wait for it. */
static void test_switching(void **state)
{
    (void)state;
    struct world w;
    struct consumer c;
    world_open(&w);
    scripted_set(OPEN_PORT, SCRIPTED_OPEN);
    world_configure(&w, NULL, ONE, OPEN_PORT);
    world_start(&w);
    struct subscription *s = follow(&w, &c, false);
    assert_true(world_wait_health(&w, 0, HEALTH_UP, 2000));
    world_run(&w, 25, NULL, NULL);
    assert_int_equal(c.n_everything, 1);
    c.slow = true; /* the new model is not in force for it yet */
    unsigned n_wakes = c.n_wakes;
    world_reload(&w, NULL, TWO, OPEN_PORT, REFUSED_PORT);
    assert_ptr_equal(checker_model(w.checker), w.model);
    world_run(&w, 0, NULL, NULL);
    assert_int_equal(c.n_wakes, n_wakes + 1);
    struct changes changes = subscription_take(s); /* fills what is to come into force */
    assert_true(changes.everything);
    assert_int_equal(changes.n, 2);
    apply(&c, changes);
    scripted_set(OPEN_PORT, SCRIPTED_REFUSED);
    assert_true(world_wait_health(&w, 0, HEALTH_DOWN, 2000));
    world_run(&w, 25, NULL, NULL);
    assert_true(c.serves[0]);
    changes = subscription_take(s); /* what has come since */
    assert_false(changes.everything);
    apply(&c, changes);
    check_record(&c);
    assert_false(c.serves[0]);
    world_stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_at_its_pace),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_orders_on_prefix_sets),
        cmocka_unit_test(test_switching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
