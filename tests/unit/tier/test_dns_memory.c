/* SPDX-License-Identifier: Apache-2.0
 * How long answers are remembered: by pool, across configurations. */
#include "tier/dns_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { POOLS = 3 };

struct small {
    struct pool pools[POOLS];
    uint32_t ttls[POOLS];
    struct model model;
};

static void small_init(struct small *s, const char *a, uint32_t a_s, const char *b, uint32_t b_s)
{
    memset(s, 0, sizeof *s);
    s->pools[0].name = a;
    s->pools[1].name = b;
    s->pools[2].name = "quiet";
    s->ttls[0] = a_s;
    s->ttls[1] = b_s;
    s->model = (struct model){.pools = s->pools, .n_pools = POOLS, .answer_ttls = s->ttls};
}

static const int64_t t0 = INT64_C(1800000000000);

static void test_what_is_answered_now(void **state)
{
    struct dns_memory memory = {0};
    struct small a;
    (void)state;
    small_init(&a, "web", 300, "api", 20);
    dns_memory_switch(&memory, NULL, &a.model, t0);
    assert_int_equal(dns_memory_wait_s(&memory, &a.model, 0, t0, t0), 305);
    assert_int_equal(dns_memory_wait_s(&memory, &a.model, 1, t0, t0), 25);
    assert_int_equal(dns_memory_wait_s(&memory, &a.model, 2, t0, t0), 0); /* no name uses it */
    a.model.answer_ttls = NULL;
    assert_int_equal(dns_memory_wait_s(&memory, &a.model, 0, t0, t0), 0);
    dns_memory_free(&memory);
}

static void test_what_was_answered_before(void **state)
{
    struct dns_memory memory = {0};
    struct small a, b;
    (void)state;
    small_init(&a, "web", 300, "api", 20);
    small_init(&b, "web", 30, "api", 600);
    dns_memory_switch(&memory, NULL, &a.model, t0);
    dns_memory_switch(&memory, &a.model, &b.model, t0);
    /* Ordered before the reload, or with it: answers of then live 300 s. */
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 0, t0 - 9000, t0), 305);
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 0, t0, t0), 305);
    /* Ordered later: what is left of them. */
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 0, t0 + 200000, t0 + 200000), 105);
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 0, t0 + 280000, t0 + 280000), 35);
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 0, t0 + 299500, t0 + 299500), 35);
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 0, t0 + 301000, t0 + 301000), 35);
    /* What grew needs no memory. */
    assert_int_equal(memory.past.n, 1);
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 1, t0, t0), 605);
    dns_memory_free(&memory);
}

static void test_by_name(void **state)
{
    struct dns_memory memory = {0};
    struct small a, b, none;
    (void)state;
    small_init(&a, "web", 300, "api", 200);
    small_init(&b, "api", 10, "web", 10); /* in another order */
    small_init(&none, "api", 0, "web", 0);
    dns_memory_switch(&memory, NULL, &a.model, t0);
    dns_memory_switch(&memory, &a.model, &b.model, t0);
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 0, t0, t0), 205);
    assert_int_equal(dns_memory_wait_s(&memory, &b.model, 1, t0, t0), 305);
    /* No name uses them any more, but answers are about. */
    dns_memory_switch(&memory, &b.model, &none.model, t0 + 1000);
    assert_int_equal(dns_memory_wait_s(&memory, &none.model, 0, t0 + 1000, t0 + 1000), 204);
    assert_int_equal(dns_memory_wait_s(&memory, &none.model, 1, t0 + 1000, t0 + 1000), 304);
    assert_int_equal(dns_memory_wait_s(&memory, &none.model, 0, t0 + 400000, t0 + 400000), 0);
    dns_memory_free(&memory);
}

static void test_many_reloads(void **state)
{
    struct dns_memory memory = {0};
    struct small long_, short_;
    int64_t now_ms = t0;
    (void)state;
    small_init(&long_, "web", 300, "api", 20);
    small_init(&short_, "web", 30, "api", 20);
    dns_memory_switch(&memory, NULL, &long_.model, now_ms);
    for (int i = 0; i < 1000; i++, now_ms += 200) {
        dns_memory_switch(&memory, &long_.model, &short_.model, now_ms);
        assert_int_equal(dns_memory_wait_s(&memory, &short_.model, 0, now_ms, now_ms), 305);
        dns_memory_switch(&memory, &short_.model, &long_.model, now_ms + 100);
    }
    assert_int_equal(memory.past.n, 1);
    dns_memory_switch(&memory, &long_.model, &short_.model, now_ms);
    dns_memory_switch(&memory, &short_.model, &short_.model, now_ms + 400000);
    assert_int_equal(memory.past.n, 0);
    assert_int_equal(dns_memory_wait_s(&memory, &short_.model, 0, now_ms, now_ms + 400000), 35);
    dns_memory_free(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_answered_now),
        cmocka_unit_test(test_what_was_answered_before),
        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_many_reloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
