/* SPDX-License-Identifier: Apache-2.0
 * The timer wheel against a model: a plain array of times. */
#include "base/wheel.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { N = 200 };

struct timer {
    struct wheel_entry entry; /* first: fire() gets this */
    int64_t at_ms;            /* what the model says; INT64_MAX: not started */
    bool again;               /* restarts itself when it fires */
};

struct world {
    struct wheel wheel;
    struct timer timers[N];
    struct rng rng;
    int64_t until_ms, last_ms; /* of this advance; time of the last fired in it */
    unsigned n_fired;
};

static int64_t some_delay(struct rng *rng)
{
    /* Every level, its edges, and the past. */
    unsigned bits = rng_below(rng, 40);
    int64_t delay = (int64_t)(rng_next(rng) & ((UINT64_C(1) << bits) - 1));
    return rng_below(rng, 8) == 0 ? (INT64_C(1) << bits) : delay - (int64_t)rng_below(rng, 3);
}

static void start(struct world *w, struct timer *t, int64_t at_ms)
{
    wheel_start(&w->wheel, &t->entry, at_ms);
    t->at_ms = at_ms;
    assert_true(wheel_started(&t->entry));
}

static void stop(struct timer *t)
{
    wheel_stop(&t->entry);
    t->at_ms = INT64_MAX;
    assert_false(wheel_started(&t->entry));
}

static void on_fire(void *ctx, struct wheel_entry *entry)
{
    struct world *w = ctx;
    struct timer *t = (struct timer *)entry;
    assert_int_not_equal(t->at_ms, INT64_MAX);
    assert_true(t->at_ms <= w->until_ms);
    assert_false(wheel_started(entry));
    if (t->at_ms > w->last_ms)
        w->last_ms = t->at_ms;
    t->at_ms = INT64_MAX;
    w->n_fired++;
    if (t->again)
        start(w, t, w->until_ms + 3 + some_delay(&w->rng));
    if (rng_below(&w->rng, 4) == 0)
        stop(&w->timers[rng_below(&w->rng, N)]);
    if (rng_below(&w->rng, 4) == 0)
        start(w, &w->timers[rng_below(&w->rng, N)],
              w->until_ms + 1 + (int64_t)rng_below(&w->rng, 100));
}

static int64_t earliest(const struct world *w)
{
    int64_t at_ms = INT64_MAX;
    for (int i = 0; i < N; i++)
        at_ms = w->timers[i].at_ms < at_ms ? w->timers[i].at_ms : at_ms;
    return at_ms;
}

/* The hint is never later than the truth, and -1 just when nothing is started. */
static void check_next(struct world *w)
{
    int64_t next = wheel_next_ms(&w->wheel), truth = earliest(w);
    if (truth == INT64_MAX) {
        assert_int_equal(next, -1);
        return;
    }
    assert_true(next >= 0);
    if (truth > w->wheel.now_ms)
        assert_true(w->wheel.now_ms + next <= truth);
    else
        assert_int_equal(next, 0);
}

static void advance(struct world *w, int64_t to_ms)
{
    w->until_ms = to_ms;
    w->last_ms = INT64_MIN;
    wheel_advance(&w->wheel, to_ms, on_fire, w);
    assert_int_equal(w->wheel.now_ms, to_ms);
    assert_true(earliest(w) > to_ms);
}

static void run_against_model(uint64_t seed)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    w.rng.state = seed;
    for (int i = 0; i < N; i++) {
        w.timers[i].at_ms = INT64_MAX;
        w.timers[i].again = i % 3 == 0;
    }
    wheel_init(&w.wheel, (int64_t)(rng_next(&w.rng) >> 24));
    for (int step = 0; step < 2000; step++) {
        struct timer *t = &w.timers[rng_below(&w.rng, N)];
        switch (rng_below(&w.rng, 4)) {
        case 0:
        case 1:
            start(&w, t, w.wheel.now_ms + some_delay(&w.rng));
            break;
        case 2:
            stop(t);
            break;
        default:
            advance(&w, w.wheel.now_ms + some_delay(&w.rng) / (step % 5 ? 1000 : 1) + 2);
        }
        check_next(&w);
    }
    assert_true(w.n_fired > 100);
}

static void test_against_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++)
        run_against_model(seed);
}

struct order {
    int64_t times[8];
    unsigned n;
};

static void note_time(void *ctx, struct wheel_entry *entry)
{
    struct order *order = ctx;
    order->times[order->n++] = entry->at_ms;
}

static void test_fires_in_order_of_time(void **state)
{
    (void)state;
    struct wheel wheel;
    struct wheel_entry entries[5] = {0};
    const int64_t at[5] = {70000, 5, 64, 4096, 65};
    struct order order = {.n = 0};
    wheel_init(&wheel, 0);
    for (int i = 0; i < 5; i++)
        wheel_start(&wheel, &entries[i], at[i]);
    wheel_advance(&wheel, 100000, note_time, &order);
    const int64_t expected[5] = {5, 64, 65, 4096, 70000};
    assert_int_equal(order.n, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(order.times[i], expected[i]);
}

static void test_never_early(void **state)
{
    (void)state;
    for (int64_t at = 1; at < 5000; at += 7) {
        struct wheel wheel;
        struct wheel_entry entry = {0};
        struct order order = {.n = 0};
        wheel_init(&wheel, 1000);
        wheel_start(&wheel, &entry, 1000 + at);
        wheel_advance(&wheel, 1000 + at - 1, note_time, &order);
        assert_int_equal(order.n, 0);
        wheel_advance(&wheel, 1000 + at, note_time, &order);
        assert_int_equal(order.n, 1);
    }
}

static void restart_in_past(void *ctx, struct wheel_entry *entry)
{
    struct world *w = ctx;
    w->n_fired++;
    wheel_start(&w->wheel, entry, 0);
}

static void test_past_fires_at_next_advance(void **state)
{
    (void)state;
    static struct world w;
    struct wheel_entry entry = {0};
    memset(&w, 0, sizeof w);
    wheel_init(&w.wheel, 1000);
    wheel_start(&w.wheel, &entry, 10);
    assert_int_equal(wheel_next_ms(&w.wheel), 0);
    for (unsigned i = 1; i <= 3; i++) {
        wheel_advance(&w.wheel, 1000, restart_in_past, &w);
        assert_int_equal(w.n_fired, i);
    }
    wheel_stop(&entry);
    assert_int_equal(wheel_next_ms(&w.wheel), -1);
}

static void test_beyond_the_last_level(void **state)
{
    (void)state;
    const int64_t year_ms = INT64_C(365) * 86400 * 1000;
    struct wheel wheel;
    struct wheel_entry entry = {0};
    struct order order = {.n = 0};
    wheel_init(&wheel, 12345);
    wheel_start(&wheel, &entry, 12345 + 20 * year_ms);
    for (int year = 1; year <= 19; year++)
        wheel_advance(&wheel, 12345 + year * year_ms, note_time, &order);
    assert_int_equal(order.n, 0);
    wheel_advance(&wheel, 12345 + 20 * year_ms, note_time, &order);
    assert_int_equal(order.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_fires_in_order_of_time),
        cmocka_unit_test(test_never_early),
        cmocka_unit_test(test_past_fires_at_next_advance),
        cmocka_unit_test(test_beyond_the_last_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
