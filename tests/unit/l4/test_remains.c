/* SPDX-License-Identifier: Apache-2.0
 * Limits on their way from process to process: what is listed of them, what counts in the next one,
 * and what is said of connections that have ended. */
#include "l4/remains.h"

#include "control/json.h"
#include "l4/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW 5000000
#define MANY 3000

static struct ip nth(uint32_t i)
{
    return (struct ip){.family = IP_V4, .b = {10, 1, (uint8_t)(i >> 8), (uint8_t)i}};
}

static struct limits *made(uint32_t sources, const struct l4_service *service)
{
    struct limits *limits = limits_new(sources);
    limits_set(limits, service);
    return limits;
}

static uint32_t enter_many(struct limits *limits, uint32_t client, uint32_t n, int64_t now_ms)
{
    struct ip ip = nth(client);
    uint32_t in = 0;
    for (uint32_t i = 0; i < n; i++)
        in += limits_enter(limits, &ip, now_ms) == LIMITS_OK;
    return in;
}

struct to {
    struct limits *limits;
    int64_t now_ms;
    uint32_t n, open;
};

static void adopt(void *arg, const struct limits_source *source)
{
    struct to *to = arg;
    to->n++;
    to->open += limits_adopt(to->limits, source, to->now_ms);
}

static struct limits *next_of(const struct limits *limits, uint32_t sources,
                              const struct l4_service *service, int64_t now_ms, struct to *to)
{
    *to = (struct to){.limits = made(sources, service), .now_ms = now_ms};
    limits_each(limits, now_ms, adopt, to);
    limits_set_time(to->limits, limits_time(limits), now_ms);
    return to->limits;
}

static void counts_and_tokens_go_on(void **state)
{
    (void)state;
    const struct l4_service service = {
        .limits = {
            .connections = 1000, .per_source = 4, .new_per_second = 20, .per_source_new = 3}};
    struct to to;
    struct limits *old = made(64, &service);
    assert_int_equal(enter_many(old, 1, 5, NOW), 3);
    assert_int_equal(enter_many(old, 2, 2, NOW), 2);
    struct ip two = nth(2);
    limits_leave(old, &two);
    limits_leave(old, &two);
    struct limits *new = next_of(old, 64, &service, NOW, &to);
    assert_int_equal(to.n, 2);
    assert_int_equal(to.open, 3);
    assert_int_equal(enter_many(new, 1, 5, NOW), 0);
    assert_int_equal(enter_many(new, 2, 5, NOW), 1); /* the tokens that it has left */
    assert_int_equal(enter_many(new, 1, 5, NOW + 1000), 1);
    assert_int_equal(limits_open(new), 2);
    limits_free(new);
    new = next_of(old, 64, &service, NOW + 2000, &to); /* of those without connections nothing */
    assert_int_equal(to.n, 1);
    limits_free(old);
    limits_free(new);
}

static void tokens_of_the_service(void **state)
{
    (void)state;
    const struct l4_service service = {.limits = {.connections = 1000, .new_per_second = 20}};
    struct to to;
    struct limits *old = made(64, &service);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(enter_many(old, i, 1, NOW), 1);
    struct limits *new = next_of(old, 64, &service, NOW + 100, &to);
    assert_int_equal(enter_many(new, 99, 20, NOW + 100), 2);
    limits_set_time(new, INT64_MAX, NOW + 100); /* no longer than a second's */
    assert_int_equal(enter_many(new, 99, 1, NOW + 1200), 1);
    limits_free(old);
    limits_free(new);
}

/* Where there is no room for each, a limit is shared, and what is released comes back. */
static void more_than_there_is_room_for(void **state)
{
    (void)state;
    const struct l4_service service = {.limits = {.connections = 1000000, .per_source = 2}};
    struct to to;
    struct limits *old = made(MANY, &service);
    for (uint32_t i = 0; i < MANY; i++)
        enter_many(old, i, 1, NOW);
    struct limits *new = next_of(old, 16, &service, NOW, &to);
    assert_int_equal(to.open, to.n);
    for (uint32_t i = 0; i < MANY; i++)
        assert_true(enter_many(new, i, 2, NOW) <= 1);
    limits_free(new);
    new = next_of(old, 16, &service, NOW, &to);
    for (uint32_t i = 0; i < MANY; i++) {
        struct ip ip = nth(i);
        limits_release(new, client_number(&ip), 1);
    }
    struct to none = {.limits = made(1, &service), .now_ms = NOW};
    limits_each(new, NOW, adopt, &none);
    assert_int_equal(none.n, 0);
    assert_int_equal(enter_many(new, 5, 3, NOW), 2);
    limits_free(none.limits);
    limits_free(old);
    limits_free(new);
}

static void one_that_goes_on(void **state)
{
    (void)state;
    const struct l4_service service = {
        .limits = {.connections = 2, .per_source = 1, .new_per_second = 1, .per_source_new = 1}};
    struct limits *limits = made(64, &service);
    struct ip one = nth(1);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(limits_resume(limits, &one, NOW), LIMITS_OK);
    assert_int_equal(limits_open(limits), 3);
    assert_int_equal(limits_enter(limits, &one, NOW), LIMITS_SERVICE);
    for (uint32_t i = 0; i < 3; i++)
        limits_leave(limits, &one);
    assert_int_equal(limits_enter(limits, &one, NOW), LIMITS_OK); /* none took a token */
    assert_int_equal(limits_open(limits), 1);
    limits_free(limits);
}

static int64_t said(const json_t *fewer, const char *service, uint32_t client)
{
    struct ip ip = nth(client);
    const json_t *list = json_object_get(fewer, service);
    for (size_t i = 0; i < json_array_size(list); i += 2)
        if (json_integer_value(json_array_get(list, i)) == (json_int_t)client_number(&ip))
            return json_integer_value(json_array_get(list, i + 1));
    return -1;
}

static void what_has_ended(void **state)
{
    (void)state;
    const struct l4_service service = {.name = "web", .limits = {.connections = 100}};
    struct remains remains = {0};
    struct registry *registry = registry_new();
    struct service_run *run = registry_service(registry, "web");
    registry_service(registry, "none"); /* has no limits yet */
    run->limits = made(64, &service);
    for (uint32_t i = 1; i <= 5; i++)
        enter_many(run->limits, i, i, NOW);
    remains_take(&remains, registry, NOW);
    assert_int_equal(remains.v.n, 1);
    assert_null(remains_look(&remains, registry, NOW));
    struct ip one = nth(1), four = nth(4);
    limits_leave(run->limits, &one);
    limits_leave(run->limits, &four);
    json_t *fewer = remains_look(&remains, registry, NOW);
    assert_int_equal(json_array_size(json_object_get(fewer, "web")), 4);
    assert_int_equal(said(fewer, "web", 1), 0);
    assert_int_equal(said(fewer, "web", 4), 3);
    json_decref(fewer);
    assert_null(remains_look(&remains, registry, NOW));
    registry_drop_service(registry, run); /* it is gone as a whole */
    registry_collect(registry);
    fewer = remains_look(&remains, registry, NOW);
    assert_int_equal(json_array_size(json_object_get(fewer, "web")), 8);
    assert_int_equal(said(fewer, "web", 4), 0);
    json_decref(fewer);
    remains_free(&remains);
    registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_tokens_go_on),
        cmocka_unit_test(tokens_of_the_service),
        cmocka_unit_test(more_than_there_is_room_for),
        cmocka_unit_test(one_that_goes_on),
        cmocka_unit_test(what_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
