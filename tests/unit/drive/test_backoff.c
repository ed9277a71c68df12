/* SPDX-License-Identifier: Apache-2.0
 * Waits: doubled, bounded, drawn from their upper quarter. */
#include "drive/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_wait(uint32_t wait, uint32_t most)
{
    assert_true(wait <= most);
    assert_true(wait >= most - most / 4);
}

static void waits_double_up_to_the_last(void **state)
{
    (void)state;
    struct backoff b = {.first_ms = 1000, .last_ms = 30000, .draw = 7};
    static const uint32_t most[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    for (unsigned i = 0; i < ARRAY_LEN(most); i++)
        check_wait(backoff_failed(&b), most[i]);
    backoff_succeeded(&b);
    check_wait(backoff_failed(&b), 1000);
}

static void the_ends_of_the_range_hold(void **state)
{
    (void)state;
    struct backoff b = {.first_ms = UINT32_MAX, .last_ms = UINT32_MAX, .n_failed = UINT32_MAX};
    check_wait(backoff_failed(&b), UINT32_MAX);
    assert_int_equal(b.n_failed, UINT32_MAX);
    struct backoff zero = {0};
    assert_int_equal(backoff_failed(&zero), 0);
}

/* Many that fail together are spread over the whole quarter. */
static void draws_spread(void **state)
{
    (void)state;
    unsigned buckets[4] = {0};
    for (uint32_t i = 0; i < 4000; i++) {
        struct backoff b = {.first_ms = 4000, .last_ms = 4000, .draw = i};
        uint32_t wait = backoff_failed(&b);
        check_wait(wait, 4000);
        buckets[wait == 4000 ? 3 : (wait - 3000) / 250]++;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(buckets[i], 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_last),
        cmocka_unit_test(the_ends_of_the_range_hold),
        cmocka_unit_test(draws_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
