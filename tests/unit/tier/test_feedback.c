/* SPDX-License-Identifier: Apache-2.0
 * Shares by sessions: what an average leads to, in which steps, and what happens in the dark. */
#include "tier/feedback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

static const struct weight_from from = {
    .target_sessions = 100, .min = 0.1, .low = 0.8, .high = 1.0};

/* Reads `sessions` each second for so long; returns how often the share changed. */
static unsigned run(struct feedback *f, int64_t *now_ms, int64_t sessions, unsigned seconds)
{
    unsigned n = 0;
    for (unsigned i = 0; i < seconds; i++, *now_ms += 1000)
        n += feedback_step(f, &from, sessions, *now_ms);
    return n;
}

/* Where a load that stays leads to, from either side. */
static void test_shares(void **state)
{
    static const struct {
        int64_t sessions;
        uint8_t from_full, from_least;
    } cases[] = {
        {0, 16, 16},   {1, 16, 16},     {79, 16, 16},      {80, 16, 2}, {100, 16, 2},
        {101, 16, 16}, {107, 15, 15},   {133, 12, 12},     {200, 8, 8}, {400, 4, 4},
        {1000, 2, 2},  {1000000, 2, 2}, {INT64_MAX, 2, 2},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int least = 0; least < 2; least++) {
            struct feedback f;
            int64_t now_ms = 1000;
            feedback_init(&f);
            f.share = least ? 2 : 16;
            run(&f, &now_ms, cases[i].sessions, 120);
            uint8_t expected = least ? cases[i].from_least : cases[i].from_full;
            if (f.share != expected)
                fail_msg("%lld sessions, from %d: %u", (long long)cases[i].sessions, least ? 2 : 16,
                         f.share);
        }
}

/* One sixteenth at a time, and five seconds from one to the next. */
static void test_steps(void **state)
{
    struct feedback f;
    int64_t now_ms = 0, last_ms = -5000;
    (void)state;
    feedback_init(&f);
    for (uint8_t before = f.share; now_ms < 100000; now_ms += 100) {
        bool changed = feedback_step(&f, &from, 400, now_ms);
        assert_int_equal(changed, f.share != before);
        if (!changed)
            continue;
        assert_int_equal(f.share, before - 1);
        assert_int_equal(now_ms, last_ms + 5000);
        last_ms = now_ms;
        before = f.share;
    }
    assert_int_equal(f.share, 4);
}

/* After 30 s of another load 1 - 1/e of the way is gone, however often and when it was looked at.
 */
static void test_average(void **state)
{
    static const int64_t looks_ms[][6] = {
        {30000}, {1, 30000}, {10000, 20000, 30000}, {29999, 30000}, {100, 7000, 7001, 12345, 30000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(looks_ms); i++) {
        struct feedback f;
        feedback_init(&f);
        feedback_step(&f, &from, 100, 0);
        for (size_t k = 0; k < 6 && looks_ms[i][k]; k++)
            feedback_step(&f, &from, 0, looks_ms[i][k]);
        assert_true(fabs(f.average - 100 / M_E) < 1e-9);
    }
}

/* A reading at the same time, or a clock that stands, changes nothing. */
static void test_same_time(void **state)
{
    struct feedback f;
    (void)state;
    feedback_init(&f);
    feedback_step(&f, &from, 90, 1000);
    feedback_step(&f, &from, 1000000, 1000);
    assert_true(f.average == 90);
}

/* Between the marks it stays, whatever it is: no hunting around the target. */
static void test_between(void **state)
{
    struct feedback f;
    int64_t now_ms = 0;
    (void)state;
    feedback_init(&f);
    run(&f, &now_ms, 200, 300);
    assert_int_equal(f.share, 8);
    f.average = 90;
    assert_int_equal(run(&f, &now_ms, 90, 300), 0);
    run(&f, &now_ms, 70, 300);
    assert_int_equal(f.share, 16);
}

/* An endpoint that gets clients by its share, and keeps each for a minute: what the share makes of
 * the load comes late, so that it goes to and fro around where it rests, by a few sixteenths. */
static void test_stays_around(void **state)
{
    struct feedback f;
    double sessions = 0;
    uint8_t least = 16, most = 0;
    (void)state;
    feedback_init(&f);
    for (int64_t s = 0; s < 7200; s++) {
        sessions += (300.0 * f.share / 16 - sessions) / 60;
        feedback_step(&f, &from, (int64_t)sessions, s * 1000);
        if (s < 1800)
            continue;
        least = f.share < least ? f.share : least;
        most = f.share > most ? f.share : most;
    }
    /* That is sqrt(target / load) of all, 9.2 of 16, as the share makes the load that makes it. */
    assert_in_range(least, 7, 9);
    assert_in_range(most, 9, 11);
}

static void test_dark(void **state)
{
    struct feedback f;
    int64_t now_ms = 0;
    (void)state;
    feedback_init(&f);
    assert_int_equal(run(&f, &now_ms, -1, 300), 0); /* never seen: all of it */
    assert_int_equal(f.share, 16);
    run(&f, &now_ms, 400, 120);
    assert_int_equal(f.share, 4);
    now_ms -= 1000; /* when it was seen last */
    assert_false(feedback_step(&f, &from, -1, now_ms + 59999));
    assert_int_equal(f.share, 4);
    assert_true(feedback_step(&f, &from, -1, now_ms + 60000));
    assert_int_equal(f.share, 16);
    assert_false(feedback_step(&f, &from, -1, now_ms + 90000));
    /* What comes then is judged by itself. */
    assert_true(feedback_step(&f, &from, 300, now_ms + 91000));
    assert_true(f.average == 300);
    assert_int_equal(f.share, 15);
    assert_false(feedback_step(&f, &from, -1, now_ms + 92000)); /* for a moment */
    assert_int_equal(f.share, 15);
}

/* What was never initialised has all; `min` may be nothing, and the share is not. */
static void test_bounds(void **state)
{
    struct weight_from none = from;
    struct feedback f = {.average = -1, .stepped_ms = INT64_MIN};
    (void)state;
    none.min = 0;
    assert_false(feedback_step(&f, &from, 90, 0));
    feedback_init(&f);
    for (int64_t s = 0; s < 200; s++)
        feedback_step(&f, &none, INT64_MAX, s * 1000);
    assert_int_equal(f.share, 1);
    none.min = 1;
    for (int64_t s = 200; s < 400; s++)
        feedback_step(&f, &none, INT64_MAX, s * 1000);
    assert_int_equal(f.share, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),  cmocka_unit_test(test_steps),
        cmocka_unit_test(test_average), cmocka_unit_test(test_same_time),
        cmocka_unit_test(test_between), cmocka_unit_test(test_stays_around),
        cmocka_unit_test(test_dark),    cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
