/* SPDX-License-Identifier: Apache-2.0
 * How many descriptors a configuration of loadstar-l4 takes. */
#include "model/l4.h"

#include "base/parallel.h"
#include "model/model.h"

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

/* Who tells a set may stay connected for it; a list and a pool of the file's own have nobody. */
static void test_tellers_count(void **state)
{
    (void)state;
    struct l4_listed listed = {.port = 1};
    struct l4_set sets[] = {{.pool = MODEL_NONE},
                            {.pool = MODEL_NONE, .listed = &listed, .n_listed = 1},
                            {.pool = 0},
                            {.pool = MODEL_NONE}};
    struct l4_config config = {.workers = 1, .sets = sets};
    uint64_t none = l4_config_descriptors(&config);
    config.n_sets = 4;
    assert_int_equal(l4_config_told(&config), 2);
    assert_int_equal(l4_config_descriptors(&config) - none, 2);
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
        cmocka_unit_test(test_tellers_count),
        cmocka_unit_test(test_workers_count),
        cmocka_unit_test(test_many_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
