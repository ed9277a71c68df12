/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times of several workers: one list, and the newest of it. */
#include "l4/rtt_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void add(struct rtt_sources *s, const char *text, uint32_t rtt_us, int64_t now_ms)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    rtt_sources_add(s, &ip, rtt_us, now_ms);
}

static void assert_network(const struct rtt_list *list, size_t i, const char *network)
{
    char text[IP_PREFIX_TEXT_MAX];
    assert_true(i < list->all.n);
    assert_string_equal(ip_prefix_text(text, &list->all.v[i].network), network);
}

static void test_of_several_workers(void **state)
{
    struct rtt_sources *a = rtt_sources_new(1024), *b = rtt_sources_new(8);
    struct rtt_list list = {0};
    char text[32];
    (void)state;
    add(a, "192.0.2.1", 1000, 5);
    add(b, "192.0.2.9", 4000, 9);
    add(b, "192.0.2.9", 4000, 7);
    add(b, "2001:db8::1", 3000, 9);
    for (int i = 0; i < 200; i++) { /* more than are read at once */
        snprintf(text, sizeof text, "10.0.%d.1", i);
        add(a, text, 50, 1);
    }
    rtt_list_add(&list, a);
    rtt_list_add(&list, b);
    rtt_list_merge(&list);
    assert_true(list.all.n > 190); /* a set of theirs may have had too many */
    for (size_t i = 1; i < list.all.n; i++)
        assert_true(rtt_list_compare(&list.all.v[i - 1], &list.all.v[i]) < 0);
    assert_network(&list, list.all.n - 1, "2001:db8::/48");
    assert_network(&list, list.all.n - 2, "192.0.2.0/24");
    const struct rtt_source *both = &list.all.v[list.all.n - 2];
    assert_int_equal(both->n, 3);
    assert_int_equal(both->rtt_us, 3000);
    assert_int_equal(both->min_us, 1000);
    assert_int_equal(both->seen_ms, 7);
    rtt_list_free(&list);
    rtt_sources_free(a);
    rtt_sources_free(b);
}

static void test_newest(void **state)
{
    struct rtt_list list = {0};
    (void)state;
    for (uint8_t i = 0; i < 6; i++)
        *vec_push(&list.all) =
            (struct rtt_source){.network = {.addr = {.b = {10, 0, i}, .family = IP_V4}, .len = 24},
                                .n = 1,
                                .seen_ms = 100 + i % 3};
    rtt_list_newest(&list, 101, 10);
    assert_int_equal(list.all.n, 4);
    assert_network(&list, 0, "10.0.2.0/24");
    assert_network(&list, 1, "10.0.5.0/24");
    assert_network(&list, 2, "10.0.1.0/24");
    assert_network(&list, 3, "10.0.4.0/24");
    rtt_list_newest(&list, 0, 3);
    assert_int_equal(list.all.n, 3);
    assert_network(&list, 2, "10.0.1.0/24");
    rtt_list_newest(&list, 103, 3);
    assert_int_equal(list.all.n, 0);
    rtt_list_free(&list);
}

static void test_document(void **state)
{
    struct rtt_source s = {.rtt_us = 12345, .min_us = 999, .n = 7, .seen_ms = 10000};
    (void)state;
    assert_int_equal(ip_prefix_parse(&s.network, "2001:db8::/48"), 0);
    json_t *d = rtt_source_document(&s, 12999),
           *expected = json_loads("{\"network\": \"2001:db8::/48\", \"rtt_ms\": 12.345, "
                                  "\"min_ms\": 0.999, \"samples\": 7, "
                                  "\"age_s\": 2}",
                                  0, NULL);
    assert_true(json_equal(d, expected));
    json_decref(d);
    d = rtt_source_document(&s, 9000); /* a worker was ahead of us */
    assert_int_equal(json_integer_value(json_object_get(d, "age_s")), 0);
    json_decref(d);
    json_decref(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_several_workers),
        cmocka_unit_test(test_newest),
        cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
