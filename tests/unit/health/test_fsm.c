/* SPDX-License-Identifier: Apache-2.0
 * Health of a probe from its results: tables. */
#include "health/fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Results: + and -. Healths after each: U(p) D(own). */
static const struct {
    uint16_t rise, fall;
    const char *results, *healths;
} sequences[] = {
    {2, 3, "+", "U"},
    {2, 3, "-", "D"},
    {2, 3, "+---", "UUUD"},
    {2, 3, "+--+--+---", "UUUUUUUUUD"},
    {2, 3, "-+", "DU"},     /* provisional: the first success lifts it */
    {2, 3, "--+", "DDU"},   /* still provisional */
    {2, 3, "---+", "DDDD"}, /* confirmed: `rise` successes are needed */
    {2, 3, "---++", "DDDDU"},
    {2, 3, "---+-+-++", "DDDDDDDDU"},
    {2, 3, "+---+-++", "UUUDDDDU"},
    {1, 1, "+-+-", "UDUD"},
    {1, 1, "-+", "DU"},
    {3, 1, "-++", "DDD"}, /* one failure confirms when fall is 1 */
    {3, 1, "-+++", "DDDU"},
    {5, 2, "--++++", "DDDDDD"},
};

static void test_sequences(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sequences); i++) {
        struct fsm fsm = {0};
        struct fsm_limits limits = {sequences[i].rise, sequences[i].fall, 1000};
        for (size_t j = 0; j < strlen(sequences[i].results); j++) {
            uint8_t before = fsm.health;
            bool changed = fsm_result(&fsm, sequences[i].results[j] == '+', &limits);
            enum health expected = sequences[i].healths[j] == 'U' ? HEALTH_UP : HEALTH_DOWN;
            if (fsm.health != expected)
                fail_msg("%s: after %zu results %s", sequences[i].results, j + 1,
                         health_text(fsm.health));
            assert_int_equal(changed, before != fsm.health);
        }
    }
}

static const struct {
    const char *results;
    uint32_t interval_ms, needed, flip_s;
    bool failing;
} flips[] = {
    {"", 5000, 1, 5, false},     {"+", 5000, 3, 15, false},    {"+-", 5000, 2, 10, true},
    {"+--", 5000, 1, 5, true},   {"+--+", 5000, 3, 15, false}, {"+---", 5000, 2, 10, true},
    {"+---+", 5000, 1, 5, true}, {"-", 5000, 1, 5, true},      {"---", 5000, 2, 10, true},
    {"+", 100, 3, 1, false},     {"+", 500, 3, 1, false},      {"+", 900, 3, 2, false},
};

static void test_flip_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(flips); i++) {
        struct fsm fsm = {0};
        struct fsm_limits limits = {2, 3, flips[i].interval_ms};
        for (const char *r = flips[i].results; *r; r++)
            fsm_result(&fsm, *r == '+', &limits);
        assert_int_equal(fsm_needed(&fsm, &limits), flips[i].needed);
        assert_int_equal(fsm_flip_s(&fsm, &limits), flips[i].flip_s);
        assert_int_equal(fsm_failing(&fsm), flips[i].failing);
    }
}

/* What fsm_needed() says is exactly what it takes, from any state. */
static void test_needed_is_exact(void **state)
{
    (void)state;
    for (uint16_t rise = 1; rise <= 4; rise++)
        for (uint16_t fall = 1; fall <= 4; fall++)
            for (unsigned bits = 0; bits < 256; bits++)
                for (unsigned n = 0; n <= 8; n++) {
                    struct fsm fsm = {0};
                    struct fsm_limits limits = {rise, fall, 1000};
                    for (unsigned i = 0; i < n; i++)
                        fsm_result(&fsm, bits >> i & 1, &limits);
                    uint32_t needed = fsm_needed(&fsm, &limits), took = 1;
                    bool contrary = fsm.health == HEALTH_DOWN;
                    while (!fsm_result(&fsm, contrary, &limits))
                        took++;
                    assert_int_equal(took, needed);
                }
}

/* A reload may lower the limits under a run that was carried over. */
static void test_lowered_limits(void **state)
{
    (void)state;
    struct fsm fsm = {.health = HEALTH_UP, .run = 8};
    struct fsm_limits limits = {2, 3, 1000};
    assert_int_equal(fsm_needed(&fsm, &limits), 1);
    assert_true(fsm_result(&fsm, false, &limits));
    assert_int_equal(fsm.health, HEALTH_DOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_flip_time),
        cmocka_unit_test(test_needed_is_exact),
        cmocka_unit_test(test_lowered_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
