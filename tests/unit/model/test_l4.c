/* SPDX-License-Identifier: Apache-2.0
 * How many descriptors a configuration of loadstar-l4 takes. */
#include "model/l4.h"

#include "base/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint64_t needed(uint32_t workers, const struct l4_service *services, uint32_t n)
{
    struct l4_config config = {.workers = workers, .services = services, .n_services = n};
    return l4_config_descriptors(&config);
}

static void test_each_service_counts(void **state)
{
    (void)state;
    struct l4_service v[2] = {{.n_listens = 1, .limits.connections = 100000},
                              {.n_listens = 2, .limits.connections = 5000, .udp = true}};
    uint64_t none = needed(2, v, 0), tcp = needed(2, v, 1), both = needed(2, v, 2);
    assert_true(none > 0);
    assert_int_equal(tcp - none, 2 * 100000 + 2 * 1 * 2);
    assert_int_equal(both - tcp, 5000 + 2 * 2 * 2);
}

static void test_workers_count(void **state)
{
    (void)state;
    struct l4_service v = {.n_listens = 3, .limits.connections = 10};
    assert_true(needed(4, &v, 1) > needed(2, &v, 1));
    assert_int_equal(needed(0, &v, 1), needed(usable_cores(), &v, 1));
}

static void test_many_do_not_wrap(void **state)
{
    (void)state;
    struct l4_service v = {.n_listens = 1, .limits.connections = UINT32_MAX};
    assert_true(needed(1, &v, 1) > UINT64_C(2) * UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_service_counts),
        cmocka_unit_test(test_workers_count),
        cmocka_unit_test(test_many_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
