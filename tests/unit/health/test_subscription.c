/* SPDX-License-Identifier: Apache-2.0
 * Subscriptions against a model that keeps a whole array of flags for each subscriber. */
#include "base/arena.h"
#include "base/rng.h"
#include "health/subscription.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { CONSUMERS = 6, ENDPOINTS_MAX = 300, STEPS = 100000 };

/* One subscriber, and what it must be given. */
struct consumer {
    struct world *world;
    struct subscription *subscription; /* NULL: not subscribed */
    bool dirty[ENDPOINTS_MAX];
    bool everything;
    bool owed; /* a wake: something came since the last one, or since the last take */
    bool takes_when_woken;
    unsigned n_wakes;
};

struct world {
    struct subscriptions all;
    struct consumer consumers[CONSUMERS];
    struct rng rng;
    uint32_t n_endpoints, epoch;
};

static void take(struct consumer *c)
{
    struct world *w = c->world;
    bool pending = subscription_pending(c->subscription), any = c->everything;
    struct changes changes = subscription_take(c->subscription);
    assert_int_equal(changes.everything, c->everything);
    assert_int_equal(changes.epoch, w->epoch);
    uint32_t n = 0;
    for (uint32_t e = 0; e < w->n_endpoints; e++) {
        any |= c->dirty[e];
        if (!c->dirty[e] && !c->everything)
            continue;
        assert_true(n < changes.n);
        assert_int_equal(changes.endpoints[n++], e);
    }
    assert_int_equal(changes.n, n);
    assert_int_equal(pending, any);
    assert_false(subscription_pending(c->subscription));
    memset(c->dirty, 0, sizeof c->dirty);
    c->everything = c->owed = false;
}

static void on_wake(void *ctx, struct subscription *subscription)
{
    struct consumer *c = ctx;
    assert_ptr_equal(subscription, c->subscription);
    assert_string_equal(subscription_name(subscription), "consumer");
    assert_true(c->owed);
    c->owed = false;
    c->n_wakes++;
    if (c->takes_when_woken)
        take(c);
}

static void subscribe(struct world *w, struct consumer *c)
{
    const struct subscriber who = {"consumer", c, on_wake};
    c->subscription = subscriptions_add(&w->all, &who);
    c->everything = c->owed = true;
    memset(c->dirty, 0, sizeof c->dirty);
    c->takes_when_woken = rng_below(&w->rng, 2);
}

static void end(struct consumer *c)
{
    subscription_end(c->subscription);
    c->subscription = NULL;
    c->everything = c->owed = false;
}

static void mark(struct world *w, uint32_t endpoint)
{
    subscriptions_mark(&w->all, endpoint);
    for (unsigned i = 0; i < CONSUMERS; i++)
        if (w->consumers[i].subscription)
            w->consumers[i].dirty[endpoint] = w->consumers[i].owed = true;
}

static void switch_model(struct world *w)
{
    w->n_endpoints = rng_below(&w->rng, ENDPOINTS_MAX + 1);
    subscriptions_reset(&w->all, w->n_endpoints);
    w->epoch++;
    for (unsigned i = 0; i < CONSUMERS; i++) {
        struct consumer *c = &w->consumers[i];
        memset(c->dirty, 0, sizeof c->dirty);
        c->everything = c->owed = c->subscription != NULL;
    }
}

static void flush(struct world *w)
{
    subscriptions_wake(&w->all);
    for (unsigned i = 0; i < CONSUMERS; i++)
        assert_false(w->consumers[i].owed); /* each was woken that had to be */
}

static void step(struct world *w)
{
    struct consumer *c = &w->consumers[rng_below(&w->rng, CONSUMERS)];
    uint32_t what = rng_below(&w->rng, 100);
    if (what < 60 && w->n_endpoints > 0)
        mark(w, rng_below(&w->rng, w->n_endpoints));
    else if (what < 62)
        for (uint32_t e = 0; e < w->n_endpoints; e++)
            mark(w, e);
    else if (what < 80)
        flush(w);
    else if (what < 90 && c->subscription)
        take(c);
    else if (what < 94 && !c->subscription)
        subscribe(w, c);
    else if (what < 96 && c->subscription)
        end(c);
    else if (what < 97)
        switch_model(w);
}

static void test_against_a_slow_model(void **state)
{
    (void)state;
    struct world *w = xcalloc(1, sizeof *w);
    w->rng.state = 20260509;
    w->n_endpoints = 130;
    w->epoch = 1;
    subscriptions_reset(&w->all, w->n_endpoints);
    for (unsigned i = 0; i < CONSUMERS; i++)
        w->consumers[i].world = w;
    for (unsigned i = 0; i < STEPS; i++)
        step(w);
    unsigned n_wakes = 0;
    for (unsigned i = 0; i < CONSUMERS; i++)
        n_wakes += w->consumers[i].n_wakes;
    assert_true(n_wakes > STEPS / 10); /* the walk has been where it matters */
    assert_true(w->epoch > 100);
    subscriptions_free(&w->all);
    free(w);
}

/* ---- within a wake ---- */

struct scene {
    struct subscriptions all;
    struct subscription *first, *second, *third;
    char woken[64];
    void (*act)(struct scene *s);
};

static void note(struct scene *s, const char *name)
{
    strncat(s->woken, name, sizeof s->woken - strlen(s->woken) - 1);
}

static void on_first(void *ctx, struct subscription *subscription)
{
    struct scene *s = ctx;
    note(s, "1");
    (void)subscription_take(subscription);
    if (s->act)
        s->act(s);
}

static void on_second(void *ctx, struct subscription *subscription)
{
    note(ctx, "2");
    (void)subscription_take(subscription);
}

static void on_third(void *ctx, struct subscription *subscription)
{
    (void)subscription; /* never takes */
    note(ctx, "3");
}

static void open_scene(struct scene *s, void (*act)(struct scene *s))
{
    *s = (struct scene){0};
    subscriptions_reset(&s->all, 10);
    s->first = subscriptions_add(&s->all, &(struct subscriber){"1", s, on_first});
    s->second = subscriptions_add(&s->all, &(struct subscriber){"2", s, on_second});
    subscriptions_wake(&s->all);
    assert_string_equal(s->woken, "12"); /* in the order in which they came */
    s->woken[0] = '\0';
    s->act = act;
}

static void end_others(struct scene *s)
{
    subscription_end(s->second);
    subscription_end(s->first); /* its own */
}

static void test_ended_within_a_wake(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s, end_others);
    subscriptions_mark(&s.all, 3);
    subscriptions_wake(&s.all);
    assert_string_equal(s.woken, "1");
    subscriptions_mark(&s.all, 3);
    subscriptions_wake(&s.all);
    assert_string_equal(s.woken, "1");
    assert_null(s.all.first);
    subscriptions_free(&s.all);
}

static void add_third(struct scene *s)
{
    if (!s->third)
        s->third = subscriptions_add(&s->all, &(struct subscriber){"3", s, on_third});
}

static void test_added_within_a_wake(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s, add_third);
    subscriptions_mark(&s.all, 3);
    subscriptions_wake(&s.all);
    subscriptions_wake(&s.all);
    assert_string_equal(s.woken, "123"); /* once, though it has not taken */
    assert_true(subscription_pending(s.third));
    subscriptions_free(&s.all);
}

/* As an order does that is given by who is woken. */
static void order(struct scene *s)
{
    s->act = NULL;
    subscriptions_mark(&s->all, 7);
    subscriptions_wake(&s->all);
}

static void test_flush_within_a_wake(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s, order);
    subscriptions_mark(&s.all, 3);
    subscriptions_wake(&s.all);
    assert_string_equal(s.woken, "112"); /* the second takes both at once, and is not woken again */
    assert_false(subscription_pending(s.first) || subscription_pending(s.second));
    subscriptions_free(&s.all);
}

/* Who takes before the flush has what the flush would tell. */
static void test_taken_before_the_flush(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s, NULL);
    subscriptions_mark(&s.all, 3);
    struct changes changes = subscription_take(s.first);
    assert_int_equal(changes.n, 1);
    assert_int_equal(changes.endpoints[0], 3);
    subscriptions_wake(&s.all);
    assert_string_equal(s.woken, "2");
    subscriptions_free(&s.all);
}

/* Who is never woken takes when asked; who never takes is no burden. */
static void test_without_wake(void **state)
{
    struct subscriptions all = {0};
    (void)state;
    subscriptions_reset(&all, 100000);
    struct subscription *s = subscriptions_add(&all, &(struct subscriber){.name = "reader"});
    (void)subscription_take(s);
    for (unsigned round = 0; round < 100; round++) {
        for (uint32_t e = 0; e < 100000; e += 1000)
            subscriptions_mark(&all, e);
        subscriptions_wake(&all);
    }
    assert_int_equal(subscription_take(s).n, 100);
    subscriptions_free(&all);
}

struct woken {
    unsigned n, n_pending;
};

static void count_wake(void *ctx, struct subscription *s)
{
    struct woken *woken = ctx;
    woken->n++;
    woken->n_pending += subscription_pending(s);
}

/* Orders wake who asked for them, with nothing to take; nobody else. */
static void test_orders_alone(void **state)
{
    (void)state;
    struct subscriptions all = {0};
    struct woken asked = {0}, other = {0};
    subscriptions_reset(&all, 3);
    struct subscription *a = subscriptions_add(
        &all, &(struct subscriber){.name = "a", .ctx = &asked, .wake = count_wake});
    subscription_follow_orders(a);
    struct subscription *b = subscriptions_add(
        &all, &(struct subscriber){.name = "b", .ctx = &other, .wake = count_wake});
    (void)subscription_take(a);
    (void)subscription_take(b);
    subscriptions_mark_orders(&all);
    subscriptions_wake(&all);
    subscriptions_wake(&all);
    assert_int_equal(asked.n, 1);
    assert_int_equal(asked.n_pending, 0);
    assert_int_equal(other.n, 0);
    subscriptions_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_slow_model),   cmocka_unit_test(test_ended_within_a_wake),
        cmocka_unit_test(test_added_within_a_wake),    cmocka_unit_test(test_flush_within_a_wake),
        cmocka_unit_test(test_taken_before_the_flush), cmocka_unit_test(test_without_wake),
        cmocka_unit_test(test_orders_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
