/* SPDX-License-Identifier: Apache-2.0
 * The event ring: ids without gaps, the newest kept, pages that meet. */
#include "out/events.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct event out[EVENTS_KEPT + 1];

static void add(int n)
{
    for (int i = 0; i < n; i++)
        events_add(&(struct event){.id = 999, .target = "www/ams/e", .from = "up", .to = "down"});
}

static void test_ring(void **state)
{
    (void)state;
    assert_int_equal(events_since(0, out, 10), 0);
    add(3);
    assert_int_equal(events_last_id(), 3);
    assert_int_equal(events_since(0, out, 10), 3);
    assert_int_equal(out[0].id, 1);
    assert_int_equal(events_since(1, out, 1), 1);
    assert_int_equal(out[0].id, 2);
    assert_int_equal(events_since(3, out, 10), 0);
    assert_int_equal(events_since(UINT64_MAX, out, 10), 0);

    add(EVENTS_KEPT);
    assert_int_equal(events_last_id(), EVENTS_KEPT + 3);
    assert_int_equal(events_since(0, out, EVENTS_KEPT + 1), EVENTS_KEPT);
    for (uint32_t i = 0; i < EVENTS_KEPT; i++)
        assert_int_equal(out[i].id, 4 + i);
    assert_int_equal(events_since(EVENTS_KEPT, out, 10), 3);
    assert_int_equal(out[0].id, EVENTS_KEPT + 1);
}

/* All are kept, but a flood of them is not logged line by line. */
static void test_pace(void **state)
{
    (void)state;
    events_tell_unlogged();
    uint64_t before = events_last_id();
    add(4 * EVENTS_LOGGED_PER_S);
    assert_int_equal(events_last_id(), before + 4 * EVENTS_LOGGED_PER_S);
    /* Three seconds' shares at the most, should the clock tick meanwhile. */
    assert_true(events_unlogged() >= EVENTS_LOGGED_PER_S);
    events_tell_unlogged();
    assert_int_equal(events_unlogged(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ring), cmocka_unit_test(test_pace)};
    log_init(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
