/* SPDX-License-Identifier: Apache-2.0
 * How commands share slots: needs, what is dealt out, and who may start; by all kinds of lanes. */
#include "health/lanes.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { MAX = 12 };

/* Lanes of exec checks on as many pools, with probes, timeout and interval (seconds) each. */
struct wish {
    uint32_t n, timeout_s, interval_s;
};

static struct model model;
static struct check checks[MAX];
static struct pool pools[MAX];
static struct pool_site sites[MAX];
static struct endpoint endpoints[MAX * 200];
static uint32_t indices[MAX];
static const char *command[] = {"/bin/true", "{name}"};

static const struct model *make_model(const struct wish *wishes, uint32_t n, uint32_t n_slots)
{
    static const struct site site = {.name = "ams"};
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        indices[i] = i;
        checks[i] = (struct check){.name = "c",
                                   .type = CHECK_EXEC,
                                   .interval_ms = wishes[i].interval_s * 1000,
                                   .timeout_ms = wishes[i].timeout_s * 1000,
                                   .exec = {command, 2}};
        pools[i] = (struct pool){
            .name = "p", .checks = {&indices[i], 1}, .sites = &sites[i], .n_sites = 1};
        sites[i] = (struct pool_site){.first_endpoint = at, .n_endpoints = wishes[i].n};
        for (uint32_t j = 0; j < wishes[i].n; j++, at++) {
            static char labels[MAX * 200][8];
            snprintf(labels[at], sizeof labels[at], "%u", at);
            endpoints[at] = (struct endpoint){.pool = i, .addr.family = IP_V4, .label = labels[at]};
        }
    }
    model = (struct model){.checks = checks,
                           .n_checks = n,
                           .pools = pools,
                           .n_pools = n,
                           .sites = &site,
                           .n_sites = 1,
                           .endpoints = endpoints,
                           .n_endpoints = at};
    model.server.exec_concurrency = n_slots;
    return &model;
}

static const struct {
    uint32_t slots;
    struct wish wishes[4];
    uint32_t dealt[4];
    bool warned;
} cases[] = {
    {16, {{60, 4, 5}, {60, 4, 5}}, {8, 8}, true},
    {16, {{10, 1, 5}, {60, 4, 5}}, {2, 14}, true}, /* the modest one has all it needs */
    {16, {{10, 1, 5}, {10, 4, 5}}, {2, 8}, false},
    {16, {{1, 2, 5}}, {1}, false},
    {3, {{9, 5, 5}, {9, 5, 5}, {9, 5, 5}, {9, 5, 5}}, {1, 1, 1, 1}, true}, /* more than slots */
    {10, {{3, 5, 5}, {9, 5, 5}, {9, 5, 5}}, {3, 4, 3}, true},
    {8, {{8, 5, 5}}, {8}, false},
    {8, {{9, 5, 5}}, {8}, true},
    {1, {{1, 1, 86400}, {1, 1, 86400}}, {1, 1}, true},
};

static void test_deals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diags diags;
        uint32_t n = 0;
        while (n < 4 && cases[i].wishes[n].n)
            n++;
        diags_init(&diags);
        const struct model *m = make_model(cases[i].wishes, n, cases[i].slots);
        struct plan *plan = plan_new(m, NULL);
        assert_int_equal(plan->n_lanes, n);
        for (uint32_t j = 0; j < n; j++) {
            assert_int_equal(plan->lanes[j].n_probes, cases[i].wishes[j].n);
            assert_int_equal(plan->lanes[j].n_slots, cases[i].dealt[j]);
        }
        lanes_warn(m, &diags);
        assert_int_equal(diags.n_warnings, cases[i].warned);
        plan_free(plan);
        diags_free(&diags);
    }
}

static void test_warning(void **state)
{
    (void)state;
    static const struct wish wishes[] = {{10, 1, 5}, {120, 4, 5}};
    struct diags diags;
    diags_init(&diags);
    const struct model *m = make_model(wishes, 2, 16);
    checks[1].span = (struct span){"pools.yaml", 7, 3};
    lanes_warn(m, &diags);
    assert_int_equal(diags.n_warnings, 1);
    assert_int_equal(diags.v[0].span.line, 7);
    assert_string_equal(diags.v[0].text,
                        "commands that hang need 98 slots (this check, in pool p: 120 probes, 4s "
                        "of every 5s) and 'server.exec_concurrency' is 16: probes will come late; "
                        "raise it, or lower 'timeout'");
    diags_free(&diags);
}

/* By random starts and ends: never more than there are, and never so many beyond their own slots
 * that another lane could not have all of its own at once. */
static void test_own_slots_are_always_there(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rng rng = {.state = seed};
        struct wish wishes[MAX];
        uint32_t n = 1 + rng_below(&rng, MAX), n_slots = n + rng_below(&rng, 40), used = 0;
        for (uint32_t i = 0; i < n; i++)
            wishes[i] = (struct wish){1 + rng_below(&rng, 60), 1 + rng_below(&rng, 5), 5};
        struct plan *plan = plan_new(make_model(wishes, n, n_slots), NULL);
        for (int step = 0; step < 500; step++) {
            struct lane *lane = &plan->lanes[rng_below(&rng, n)];
            uint32_t reserved = lanes_reserved(plan, n_slots), owed = 0;
            if (rng_below(&rng, 3) == 0 && lane->n_in_flight > 0) {
                lane->n_in_flight--;
                used--;
            } else if (lane_may_start(lane, n_slots - used, reserved)) {
                lane->n_in_flight++;
                used++;
            } else {
                assert_true(lane->n_in_flight >= lane->n_slots); /* else it may */
            }
            for (uint32_t i = 0; i < n; i++)
                if (plan->lanes[i].n_in_flight < plan->lanes[i].n_slots)
                    owed += plan->lanes[i].n_slots - plan->lanes[i].n_in_flight;
            assert_true(used + owed <= n_slots);
        }
        plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deals),
        cmocka_unit_test(test_warning),
        cmocka_unit_test(test_own_slots_are_always_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
