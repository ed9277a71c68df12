/* SPDX-License-Identifier: Apache-2.0
 * From server names to sets. */
#include "l4/plan.h"

#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct l4_route routes[] = {
    {"*.b.example", 1}, {"*.example", 2}, {"a.example", 3}, {"a.example.com", 4}, {"example", 5},
};

static uint32_t route(uint32_t otherwise, const char *name)
{
    struct l4_service service = {
        .set = otherwise, .routes = routes, .n_routes = sizeof routes / sizeof *routes};
    return plan_route(&service, name, (uint32_t)strlen(name));
}

static void names_lead_to_their_sets(void **state)
{
    (void)state;
    assert_int_equal(route(9, "a.example"), 3);
    assert_int_equal(route(9, "a.example.com"), 4);
    assert_int_equal(route(9, "example"), 5);
    assert_int_equal(route(9, "a.exampl"), 9);
    assert_int_equal(route(9, "a.example.co"), 9);
    assert_int_equal(route(9, "com"), 9);
    assert_int_equal(route(9, ""), 9);
    assert_int_equal(route(MODEL_NONE, "other.test"), MODEL_NONE);
}

static void wildcards_stand_for_one_label(void **state)
{
    (void)state;
    assert_int_equal(route(9, "x.b.example"), 1);
    assert_int_equal(route(9, "b.example"), 2);
    assert_int_equal(route(9, "x.y.b.example"), 9);
    assert_int_equal(route(9, ".b.example"), 9);
    assert_int_equal(route(9, "x."), 9);
}

static void long_names_are_no_names(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'a', sizeof name);
    strcpy(name + sizeof name - 9, ".example");
    assert_int_equal(route(9, name), 9);
    assert_int_equal(route(9, name + sizeof name - 1 - 255), 2);
    assert_int_equal(route(9, name + sizeof name - 1 - 256), 9);
}

/* The name is as long as is said, whatever follows it. */
static void names_end_where_they_are_said_to(void **state)
{
    (void)state;
    struct l4_service service = {.set = 9, .routes = routes, .n_routes = 5};
    assert_int_equal(plan_route(&service, "a.example.com", 9), 3);
    assert_int_equal(plan_route(&service, "q.example.com", 9), 2);
    assert_int_equal(plan_route(&service, NULL, 0), 9);
}

static void a_service_without_names_has_its_set(void **state)
{
    (void)state;
    struct l4_service service = {.set = 4};
    assert_int_equal(plan_route(&service, "a.example", 9), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_their_sets),
        cmocka_unit_test(wildcards_stand_for_one_label),
        cmocka_unit_test(long_names_are_no_names),
        cmocka_unit_test(names_end_where_they_are_said_to),
        cmocka_unit_test(a_service_without_names_has_its_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
