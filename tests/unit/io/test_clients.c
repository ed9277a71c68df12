/* SPDX-License-Identifier: Apache-2.0
 * The sketch of connections per client: exact for few clients, never too low. */
#include "io/clients.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct ip client(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

static void counts_up_to_the_limit(void **state)
{
    (void)state;
    struct clients *c = clients_new();
    struct ip a = client("192.0.2.1"), b = client("192.0.2.2");
    for (int i = 0; i < 3; i++)
        assert_true(clients_enter(c, &a, 3));
    assert_false(clients_enter(c, &a, 3));
    assert_false(clients_enter(c, &a, 3)); /* a refusal is not counted */
    assert_true(clients_enter(c, &b, 3));
    clients_leave(c, &a);
    assert_true(clients_enter(c, &a, 3));
    assert_false(clients_enter(c, &a, 3));
    assert_false(clients_enter(c, &b, 0));
    free(c);
}

static void a_v6_client_is_a_64(void **state)
{
    (void)state;
    struct clients *c = clients_new();
    struct ip a = client("2001:db8::1"), same = client("2001:db8::ffff:1"),
              other = client("2001:db8:0:1::1");
    assert_true(clients_enter(c, &a, 1));
    assert_false(clients_enter(c, &same, 1));
    assert_true(clients_enter(c, &other, 1));
    free(c);
}

enum { ACCEPTERS = 4, ACCEPTS = 50000, MAX_IN_ALL = 100 };

/** A worker: accepts, and closes one of its own for each that it finds too many. */
static void *accept_at_the_limit(void *clients)
{
    struct ip ip = client("192.0.2.1");
    for (unsigned i = 0; i < ACCEPTS; i++) {
        assert_true(clients_enter(clients, &ip, UINT32_MAX));
        while (clients_claim(clients, MAX_IN_ALL))
            clients_leave_claimed(clients, &ip);
    }
    return NULL;
}

static void workers_at_the_limit_close_no_more_than_the_excess(void **state)
{
    (void)state;
    struct clients *c = clients_new();
    pthread_t threads[ACCEPTERS];
    for (unsigned i = 0; i < ACCEPTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, accept_at_the_limit, c), 0);
    for (unsigned i = 0; i < ACCEPTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(clients_total(c), MAX_IN_ALL);
    assert_false(clients_claim(c, MAX_IN_ALL));
    assert_true(clients_claim(c, MAX_IN_ALL - 1));
    clients_unclaim(c); /* none could be closed */
    assert_int_equal(clients_total(c), MAX_IN_ALL);
    struct ip ip = client("192.0.2.1");
    assert_false(clients_enter(c, &ip, MAX_IN_ALL)); /* each client's number was kept, too */
    assert_true(clients_enter(c, &ip, MAX_IN_ALL + 1));
    free(c);
}

/** With 1,000 clients of 10 connections each, as many as are accepted by default, hardly any other
 *  client is taken for one of them. */
static void few_false_limits(void **state)
{
    (void)state;
    struct clients *c = clients_new();
    for (unsigned i = 0; i < 10000; i++) {
        struct ip ip = {.family = IP_V4,
                        .b = {10, 0, (uint8_t)(i % 1000 >> 8), (uint8_t)(i % 1000)}};
        assert_true(clients_enter(c, &ip, UINT16_MAX));
    }
    unsigned refused = 0;
    for (unsigned i = 0; i < 10000; i++) {
        struct ip ip = {.family = IP_V4, .b = {11, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        if (!clients_enter(c, &ip, 10))
            refused++;
        else
            clients_leave(c, &ip);
    }
    assert_in_range(refused, 0, 400); /* expected: (1000 / 8192)^2 of 10,000, about 130 */
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_up_to_the_limit),
        cmocka_unit_test(a_v6_client_is_a_64),
        cmocka_unit_test(workers_at_the_limit_close_no_more_than_the_excess),
        cmocka_unit_test(few_false_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
