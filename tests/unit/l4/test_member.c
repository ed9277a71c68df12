/* SPDX-License-Identifier: Apache-2.0
 * The registry, and what takes a member out. */
#include "l4/member.h"

#include "members.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct ip ip(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

static uint32_t n_members(const struct registry *r)
{
    uint32_t n;
    registry_members(r, &n);
    return n;
}

static void a_member_is_found_again(void **state)
{
    (void)state;
    struct registry *r = registry_new();
    struct ip a = ip("192.0.2.1"), b = ip("2001:db8::1");
    struct member *m = registry_member(r, "web", "p/s/l", &a, 80);
    assert_string_equal(m->set, "web");
    assert_string_equal(m->key, "p/s/l");
    assert_true(m->close_at_ms == MEMBER_NEVER);
    assert_ptr_equal(registry_member(r, "web", "p/s/l", &a, 80), m);
    assert_int_equal(m->n_plans, 2);
    assert_ptr_not_equal(registry_member(r, "dns", "p/s/l", &a, 80), m);
    assert_ptr_not_equal(registry_member(r, "web", "p/s/k", &a, 80), m);
    assert_ptr_not_equal(registry_member(r, "web", "p/s/l", &b, 80), m);
    assert_ptr_not_equal(registry_member(r, "web", "p/s/l", &a, 81), m);
    assert_int_equal(n_members(r), 5);
    assert_int_equal((uintptr_t)m % 64, 0);
    registry_free(r);
    registry_free(NULL);
}

static void a_member_stays_while_it_is_used(void **state)
{
    (void)state;
    struct registry *r = registry_new();
    struct ip a = ip("192.0.2.1"), b = ip("192.0.2.2");
    struct member *m = registry_member(r, "web", "a", &a, 80);
    struct member *other = registry_member(r, "web", "b", &b, 80);
    member_enter(m);
    registry_drop_member(r, m);
    registry_drop_member(r, other);
    registry_collect(r);
    assert_int_equal(n_members(r), 1);
    assert_ptr_equal(registry_member(r, "web", "a", &a, 80), m);
    assert_int_equal(m->total, 1);
    member_leave(m);
    registry_collect(r);
    assert_int_equal(n_members(r), 1);
    registry_drop_member(r, m);
    registry_collect(r);
    assert_int_equal(n_members(r), 0);
    registry_free(r);
}

/* A pool's members are those of each service that has it. */
static void sets_have_members_of_their_own(void **state)
{
    (void)state;
    struct registry *r = registry_new();
    struct ip a = ip("192.0.2.1");
    for (unsigned i = 0; i < 1000; i++) {
        char set[20];
        snprintf(set, sizeof set, "set%u", i);
        struct member *m = registry_member(r, set, "a", &a, 80);
        assert_string_equal(m->set, set);
        assert_int_equal(m->n_plans, 1);
    }
    registry_free(r);
}

/* Thousands, of which some go and some come back: each is found, none twice. */
static void many_come_and_go(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct members m;
    members_make(&m, N);
    for (uint32_t i = 0; i < N; i++)
        if (i % 3 != 0)
            registry_drop_member(m.registry, m.v[i].member);
    registry_collect(m.registry);
    assert_int_equal(n_members(m.registry), (N + 2) / 3);
    for (uint32_t i = 0; i < N; i += 3) {
        struct member *x = m.v[i].member;
        assert_ptr_equal(registry_member(m.registry, x->set, x->key, &x->addr, x->port), x);
    }
    uint32_t n;
    struct member *const *all = registry_members(m.registry, &n);
    for (uint32_t i = 0; i < n; i++)
        assert_ptr_equal(all[i], m.v[i * 3].member);
    members_free(&m);
}

static void a_service_stays_while_it_is_used(void **state)
{
    (void)state;
    struct registry *r = registry_new();
    struct service_run *web = registry_service(r, "web"), *dns = registry_service(r, "dns");
    assert_ptr_not_equal(web, dns);
    assert_ptr_equal(registry_service(r, "web"), web);
    service_enter(web);
    registry_drop_service(r, web);
    registry_drop_service(r, web);
    registry_drop_service(r, dns);
    registry_collect(r);
    uint32_t n;
    assert_ptr_equal(registry_services(r, &n)[0], web);
    assert_int_equal(n, 1);
    service_leave(web);
    registry_collect(r);
    registry_services(r, &n);
    assert_int_equal(n, 0);
    registry_free(r);
}

static void results_have_words(void **state)
{
    (void)state;
    for (int i = 0; i < SERVICE_RESULTS; i++)
        assert_true(strlen(service_result_text((enum service_result)i)) > 0);
}

/* ---- what takes a member out ---- */

static void three_in_a_row_take_it_out(void **state)
{
    (void)state;
    struct member m = {0};
    assert_false(member_failed(&m, 1000, false));
    assert_false(member_failed(&m, 1001, true));
    assert_false(member_is_ejected(&m, 1001));
    assert_true(member_failed(&m, 1002, false));
    assert_true(member_is_ejected(&m, 1002));
    assert_true(member_is_ejected(&m, 1002 + MEMBER_EJECT_MS - 1));
    assert_false(member_is_ejected(&m, 1002 + MEMBER_EJECT_MS));
    assert_int_equal(m.refused, 2);
    assert_int_equal(m.timeouts, 1);
}

static void it_takes_three_each_time(void **state)
{
    (void)state;
    struct member m = {0};
    for (int64_t now = 1; now < 10 * MEMBER_EJECT_MS; now += MEMBER_EJECT_MS) {
        assert_false(member_failed(&m, now, false));
        assert_false(member_failed(&m, now, false));
        assert_true(member_failed(&m, now, false));
    }
}

static void one_that_went_well_begins_anew(void **state)
{
    (void)state;
    struct member m = {0};
    for (unsigned i = 0; i < 10; i++) {
        assert_false(member_failed(&m, 1, false));
        assert_false(member_failed(&m, 1, false));
        member_connected(&m, 500);
    }
    assert_false(member_is_ejected(&m, 1));
    assert_in_range(quantiles_at(&m.connect_us, 0.5), 470, 530);
}

/* Those that were under way neither lengthen the time, nor count when it is over. */
static void failures_of_one_that_is_out_are_not_counted(void **state)
{
    (void)state;
    struct member m = {0};
    for (unsigned i = 0; i < 3; i++)
        member_failed(&m, 1000, true);
    for (unsigned i = 0; i < 100; i++)
        assert_false(member_failed(&m, 3000, true));
    member_connected(&m, 1);
    assert_true(member_is_ejected(&m, 1000 + MEMBER_EJECT_MS - 1));
    int64_t after = 1000 + MEMBER_EJECT_MS;
    assert_false(member_is_ejected(&m, after));
    assert_false(member_failed(&m, after, true));
    assert_false(member_failed(&m, after, true));
    assert_true(member_failed(&m, after, true));
    assert_int_equal(m.timeouts, 106);
}

#define THREADS 4
#define ROUNDS 20000

struct hammer {
    struct member *member;
    pthread_barrier_t *together;
    _Atomic uint32_t *ejections;
};

/* Each round is at a time when the last ejection is over. */
static void *fail_together(void *arg)
{
    struct hammer *h = arg;
    for (int64_t i = 1; i <= ROUNDS; i++) {
        member_enter(h->member);
        if (i % 64 == 0)
            pthread_barrier_wait(h->together);
        if (member_failed(h->member, i / 64 * MEMBER_EJECT_MS, i % 2 == 0))
            atomic_fetch_add(h->ejections, 1);
        member_leave(h->member);
    }
    return NULL;
}

static void many_workers_take_it_out_once(void **state)
{
    (void)state;
    struct members m;
    members_make(&m, 1);
    _Atomic uint32_t ejections = 0;
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, THREADS);
    struct hammer h = {m.v[0].member, &together, &ejections};
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fail_together, &h), 0);
    registry_drop_member(m.registry, h.member);
    uint64_t all = (uint64_t)THREADS * ROUNDS;
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(h.member->active, 0);
    assert_int_equal(h.member->total, all);
    assert_int_equal(h.member->refused + h.member->timeouts, all);
    assert_int_equal(ejections, 1 + ROUNDS / 64);
    members_free(&m);
}

/* A flow ends on a worker while the main thread looks whether it may free the member. */
static void *leave(void *arg)
{
    struct member *m = arg;
    for (unsigned i = 0; i < 1000; i++)
        quantiles_add(&m->rtt_us, i);
    member_leave(m);
    return NULL;
}

static void the_last_flow_frees_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct members m;
        pthread_t thread;
        members_make(&m, 1);
        member_enter(m.v[0].member);
        registry_drop_member(m.registry, m.v[0].member);
        assert_int_equal(pthread_create(&thread, NULL, leave, m.v[0].member), 0);
        while (n_members(m.registry) > 0)
            registry_collect(m.registry);
        pthread_join(thread, NULL);
        members_free(&m);
    }
}

static void failures_are_told_once_a_second(void **state)
{
    (void)state;
    struct registry *r = registry_new();
    struct ip a = ip("192.0.2.1");
    struct member *m = registry_member(r, "web", "a", &a, 80);
    struct member *other = registry_member(r, "web", "b", &a, 80);
    assert_true(member_tells_failure(m, 5));
    assert_true(member_tells_failure(other, 5));
    assert_false(member_tells_failure(m, 5));
    assert_false(member_tells_failure(m, 5 + MEMBER_TELL_MS - 1));
    assert_true(member_tells_failure(m, 5 + MEMBER_TELL_MS));
    assert_false(member_tells_failure(m, 6 + MEMBER_TELL_MS));
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_are_told_once_a_second),
        cmocka_unit_test(a_member_is_found_again),
        cmocka_unit_test(a_member_stays_while_it_is_used),
        cmocka_unit_test(sets_have_members_of_their_own),
        cmocka_unit_test(many_come_and_go),
        cmocka_unit_test(a_service_stays_while_it_is_used),
        cmocka_unit_test(results_have_words),
        cmocka_unit_test(three_in_a_row_take_it_out),
        cmocka_unit_test(it_takes_three_each_time),
        cmocka_unit_test(one_that_went_well_begins_anew),
        cmocka_unit_test(failures_of_one_that_is_out_are_not_counted),
        cmocka_unit_test(many_workers_take_it_out_once),
        cmocka_unit_test(the_last_flow_frees_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
