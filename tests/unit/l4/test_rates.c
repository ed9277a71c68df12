/* SPDX-License-Identifier: Apache-2.0
 * Rates of services from their counters. */
#include "l4/rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void per_second(void **state)
{
    (void)state;
    struct registry *registry = registry_new();
    struct service_run *a = registry_service(registry, "a"), *b;
    struct rates rates = {0};
    atomic_store(&a->results[SERVICE_OK], 1000);
    rates_look(&rates, registry, 5000);
    assert_true(rates_of(&rates, a).results_per_s == 0); /* since when is not known */
    atomic_fetch_add(&a->results[SERVICE_OK], 30);
    atomic_fetch_add(&a->results[SERVICE_NO_MEMBER], 10);
    atomic_fetch_add(&a->bytes_in, 500);
    atomic_fetch_add(&a->bytes_out, 4000);
    b = registry_service(registry, "b");
    atomic_fetch_add(&b->results[SERVICE_OK], 7);
    rates_look(&rates, registry, 5000); /* no time has gone by */
    assert_true(rates_of(&rates, a).results_per_s == 0);
    rates_look(&rates, registry, 7000);
    assert_true(rates_of(&rates, a).results_per_s == 20);
    assert_true(rates_of(&rates, a).bytes_in_per_s == 250);
    assert_true(rates_of(&rates, a).bytes_out_per_s == 2000);
    assert_true(rates_of(&rates, b).results_per_s == 0);
    rates_look(&rates, registry, 8000);
    assert_true(rates_of(&rates, a).results_per_s == 0);
    atomic_store(&a->results[SERVICE_OK], 1); /* another one in its place */
    rates_look(&rates, registry, 9000);
    assert_true(rates_of(&rates, a).results_per_s == 0);
    rates_free(&rates);
    registry_free(registry);
}

static void of_many(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct registry *registry = registry_new();
    struct service_run *runs[MANY];
    struct rates rates = {0};
    char name[16];
    for (unsigned i = 0; i < MANY; i++) {
        unsigned nth = i * 7 % MANY; /* as they come, they are in no order */
        snprintf(name, sizeof name, "s%u", nth);
        runs[nth] = registry_service(registry, name);
    }
    rates_look(&rates, registry, 5000);
    for (unsigned i = 0; i < MANY; i++)
        atomic_fetch_add(&runs[i]->results[SERVICE_OK], 10 * i);
    rates_look(&rates, registry, 6000);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(rates_of(&rates, runs[i]).results_per_s == 10 * i);
    rates_free(&rates);
    registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(per_second), cmocka_unit_test(of_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
