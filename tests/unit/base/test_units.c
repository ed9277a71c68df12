/* SPDX-License-Identifier: Apache-2.0
 * Durations, sizes, shares; time as text. */
#include "base/units.h"

#include "base/clock.h"
#include "base/diag.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        int64_t ms;
    } cases[] = {
        {"250ms", 0, 250},
        {"5s", 0, 5000},
        {"10m", 0, 600000},
        {"1h", 0, 3600000},
        {"2d", 0, 172800000},
        {"1w", 0, 604800000},
        {"30", 0, 30000},
        {"0", 0, 0},
        {"36525d", 0, INT64_C(3155760000000)},
        {"36526d", E_RANGE, 0},
        {"99999999999999999999", E_RANGE, 0},
        {"9223372036854775807w", E_RANGE, 0},
        {"", E_SYNTAX, 0},
        {"s", E_SYNTAX, 0},
        {"-5s", E_SYNTAX, 0},
        {"5 s", E_SYNTAX, 0},
        {"5S", E_SYNTAX, 0},
        {"1.5h", E_SYNTAX, 0},
        {"5sec", E_SYNTAX, 0},
        {"+5s", E_SYNTAX, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        assert_int_equal(units_duration_ms(&ms, cases[i].text), cases[i].result);
        assert_int_equal(ms, cases[i].result ? -1 : cases[i].ms);
    }
}

/* The product of any number of up to 20 digits and any unit is exact, or refused and not written:
 * none wraps into what looks like a duration or a size. */
static void products_never_wrap(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"w", 604800000}, {"d", 86400000}, {"h", 3600000}, {"m", 60000},
                 {"s", 1000},      {"ms", 1},       {"", 1000}};
    static const struct {
        const char *name;
        uint64_t bytes;
    } sizes[] = {{"", 1}, {"k", 1 << 10}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};
    uint64_t x = 1;
    for (unsigned round = 0; round < 20000; round++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t number = x >> (round % 64);
        char text[40];
        for (size_t i = 0; i < ARRAY_LEN(units); i++) {
            int64_t ms = -7;
            bool fits = number <= UINT64_C(3155760000000) / units[i].ms;
            snprintf(text, sizeof text, "%llu%s", (unsigned long long)number, units[i].name);
            assert_int_equal(units_duration_ms(&ms, text), fits ? 0 : E_RANGE);
            assert_int_equal(ms, fits ? (int64_t)(number * units[i].ms) : -7);
        }
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            uint64_t bytes = 7;
            bool fits = number <= (uint64_t)INT64_MAX / sizes[i].bytes;
            snprintf(text, sizeof text, "%llu%s", (unsigned long long)number, sizes[i].name);
            assert_int_equal(units_size(&bytes, text), fits ? 0 : E_RANGE);
            assert_int_equal(bytes, fits ? number * sizes[i].bytes : 7);
        }
    }
}

static void duration_text_is_exact(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0s"},      {1, "1ms"},       {1500, "1500ms"},  {300000, "5m"},
                 {90000, "90s"}, {86400000, "1d"}, {604800000, "1w"}, {691200000, "8d"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[UNITS_TEXT_MAX];
        int64_t back;
        assert_string_equal(units_duration_text(out, cases[i].ms), cases[i].text);
        assert_int_equal(units_duration_ms(&back, out), 0);
        assert_int_equal(back, cases[i].ms);
    }
}

static void age_text(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0ms"},         {250, "250ms"},       {1000, "1s"},        {5999, "5s"},
                 {725000, "12m 5s"}, {720000, "12m"},      {3600000, "1h"},     {3660000, "1h 1m"},
                 {3605000, "1h"},    {273600000, "3d 4h"}, {8640000000, "100d"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[UNITS_TEXT_MAX];
        assert_string_equal(units_age_text(out, cases[i].ms), cases[i].text);
    }
}

static void sizes(void **state)
{
    (void)state;
    uint64_t n = 0;
    assert_int_equal(units_size(&n, "512"), 0);
    assert_int_equal(n, 512);
    assert_int_equal(units_size(&n, "64k"), 0);
    assert_int_equal(n, 65536);
    assert_int_equal(units_size(&n, "8M"), 0);
    assert_int_equal(n, 8 << 20);
    assert_int_equal(units_size(&n, "3G"), 0);
    assert_int_equal(n, UINT64_C(3) << 30);
    assert_int_equal(units_size(&n, "8589934592G"), E_RANGE);
    assert_int_equal(units_size(&n, "k"), E_SYNTAX);
    assert_int_equal(units_size(&n, "5m"), E_SYNTAX);
    assert_int_equal(units_size(&n, "5kB"), E_SYNTAX);
}

/* However many digits there are: no infinity, no NaN, and what was there stays. */
static void shares_of_many_digits(void **state)
{
    static const char *const before[] = {"", "0.", "0.", ""}, *const after[] = {"", "", "%", "%"};
    char digits[1001], text[1100];
    (void)state;
    memset(digits, '1', sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(before); i++)
        for (int n = 1; n <= 1000; n++) {
            double x = 7;
            snprintf(text, sizeof text, "%s%.*s%s", before[i], n, digits, after[i]);
            int e = units_share(&x, text);
            assert_true(e == 0 ? x >= 0 && x <= 1 : e == E_RANGE && x == 7);
        }
}

static void shares(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        double share;
    } cases[] = {
        {"50%", 0, 0.5},      {"0.5", 0, 0.5},      {"33.5%", 0, 0.335},  {"100%", 0, 1},
        {"1", 0, 1},          {"0%", 0, 0},         {".25", 0, 0.25},     {"101%", E_RANGE, 0},
        {"1.01", E_RANGE, 0}, {"%", E_SYNTAX, 0},   {".", E_SYNTAX, 0},   {"", E_SYNTAX, 0},
        {"-1%", E_SYNTAX, 0}, {"nan", E_SYNTAX, 0}, {"0x1", E_SYNTAX, 0}, {"50%%", E_SYNTAX, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double x = -1;
        assert_int_equal(units_share(&x, cases[i].text), cases[i].result);
        if (!cases[i].result)
            assert_true(x > cases[i].share - 1e-12 && x < cases[i].share + 1e-12);
    }
}

static void time_text(void **state)
{
    (void)state;
    char out[CLOCK_TEXT_MAX];
    assert_string_equal(clock_text(out, 0), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_text(out, INT64_C(1769903999123)), "2026-01-31T23:59:59.123Z");
    assert_string_equal(clock_text(out, -1), "1969-12-31T23:59:59.999Z");
    clock_text(out, INT64_MAX); /* no year that fits: must not overrun */
    assert_true(strlen(out) < CLOCK_TEXT_MAX);
}

static void clocks_advance(void **state)
{
    (void)state;
    int64_t us = clock_mono_us(), ms = clock_mono_ms();
    assert_true(ms >= us / 1000 && clock_mono_us() >= us);
    int64_t wall = clock_wall_s();
    assert_true(clock_wall_ms() / 1000 - wall <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(products_never_wrap),
        cmocka_unit_test(duration_text_is_exact),
        cmocka_unit_test(age_text),
        cmocka_unit_test(sizes),
        cmocka_unit_test(shares),
        cmocka_unit_test(shares_of_many_digits),
        cmocka_unit_test(time_text),
        cmocka_unit_test(clocks_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
