/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times by network: smoothing, the least, which ones are kept, and reading meanwhile. */
#include "l4/sources.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void add(struct rtt_sources *s, const char *text, uint32_t rtt_us, int64_t now_ms)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    rtt_sources_add(s, &ip, rtt_us, now_ms);
}

/* The entry of a network that is there once. */
static struct rtt_source get(const struct rtt_sources *s, const char *prefix)
{
    struct rtt_source v[64], found = {.n = 0};
    uint32_t at = 0, seen = 0, n = rtt_sources_read(s, v, 64, &at);
    assert_int_equal(at, 0);
    for (uint32_t i = 0; i < n; i++) {
        char text[IP_PREFIX_TEXT_MAX];
        if (strcmp(ip_prefix_text(text, &v[i].network), prefix) != 0)
            continue;
        found = v[i];
        seen++;
    }
    assert_true(seen <= 1);
    return found;
}

static void networks_are_those_of_24_and_48_bits(void **state)
{
    (void)state;
    struct rtt_sources *s = rtt_sources_new(32);
    add(s, "192.0.2.1", 100, 1);
    add(s, "192.0.2.255", 100, 2);
    add(s, "::ffff:192.0.2.7", 100, 3);
    add(s, "192.0.3.1", 100, 4);
    add(s, "2001:db8:1:2::3", 200, 5);
    add(s, "2001:db8:1:ffff::", 200, 6);
    add(s, "2001:db8:2::", 200, 7);
    add(s, "::1", 5, 8);
    assert_int_equal(get(s, "192.0.2.0/24").n, 3);
    assert_int_equal(get(s, "192.0.2.0/24").seen_ms, 3);
    assert_int_equal(get(s, "192.0.3.0/24").n, 1);
    assert_int_equal(get(s, "2001:db8:1::/48").n, 2);
    assert_int_equal(get(s, "2001:db8:2::/48").seen_ms, 7);
    struct rtt_source v[64];
    uint32_t at = 0;
    assert_int_equal(rtt_sources_read(s, v, 64, &at), 4);
    rtt_sources_free(s);
    rtt_sources_free(NULL);
}

static void times_are_smoothed_by_an_eighth(void **state)
{
    (void)state;
    struct rtt_sources *s = rtt_sources_new(1);
    double want = 8000;
    add(s, "192.0.2.1", 8000, 1);
    assert_int_equal(get(s, "192.0.2.0/24").rtt_us, 8000);
    for (unsigned i = 0; i < 50; i++) {
        uint32_t rtt = 1000 + i * 131 % 9000;
        add(s, "192.0.2.1", rtt, 2);
        want += (rtt - want) / 8;
        double got = get(s, "192.0.2.0/24").rtt_us;
        assert_true(got >= want - 2 && got <= want + 2);
    }
    add(s, "192.0.3.1", UINT32_MAX, 1);
    add(s, "192.0.3.1", UINT32_MAX, 1);
    uint32_t most = get(s, "192.0.3.0/24").rtt_us;
    assert_true(most > UINT32_MAX / 8 - 10 && most <= UINT32_MAX / 8);
    rtt_sources_free(s);
}

static void the_least_is_of_the_last_minutes(void **state)
{
    (void)state;
    struct rtt_sources *s = rtt_sources_new(8);
    add(s, "192.0.2.1", 500, 1000);
    add(s, "192.0.2.1", 100, 2000);
    add(s, "192.0.2.1", 900, 3000);
    assert_int_equal(get(s, "192.0.2.0/24").min_us, 100);
    add(s, "192.0.2.1", 700, 200000);
    add(s, "192.0.2.1", 800, 201000);
    assert_int_equal(get(s, "192.0.2.0/24").min_us, 100);
    add(s, "192.0.2.1", 850, 360000);
    assert_int_equal(get(s, "192.0.2.0/24").min_us, 700);
    add(s, "192.0.2.1", 870, 900000);
    assert_int_equal(get(s, "192.0.2.0/24").min_us, 870);
    rtt_sources_free(s);
}

static void add_nth(struct rtt_sources *s, uint32_t i, int64_t now_ms)
{
    struct ip a = {.family = IP_V4, .b = {10, (uint8_t)(i >> 8), (uint8_t)i, 1}};
    rtt_sources_add(s, &a, 10 + i, now_ms);
}

/* Of many that come once the last are there, with those that come all the time. */
static void those_seen_last_stay(void **state)
{
    (void)state;
    enum { ROOM = 1024 };
    struct rtt_sources *s = rtt_sources_new(ROOM - 1);
    static struct rtt_source v[ROOM];
    for (uint32_t i = 0; i < 60000; i++) {
        add_nth(s, 100 + i, i);
        add_nth(s, i % 100, i);
    }
    uint32_t at = 0, stay = 0, late = 0, n = 0, more;
    do {
        more = rtt_sources_read(s, v + n, 100, &at);
        n += more;
    } while (at != 0 && n + 100 <= ROOM + 100);
    assert_int_equal(n, ROOM);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t nth = (uint32_t)v[i].network.addr.b[1] << 8 | v[i].network.addr.b[2];
        assert_int_equal(v[i].rtt_us, 10 + nth);
        stay += nth < 100;
        late += v[i].seen_ms > 60000 - 4 * ROOM;
    }
    assert_int_equal(stay, 100);
    assert_int_equal(late, ROOM);
    rtt_sources_free(s);
}

struct shared {
    struct rtt_sources *sources;
    _Atomic bool done;
};

static void *write_on(void *arg)
{
    struct shared *shared = arg;
    for (uint32_t i = 0; i < 1000000; i++)
        add_nth(shared->sources, i % 5000, i);
    atomic_store(&shared->done, true);
    return NULL;
}

/* What is read belongs together: each network has its own time. */
static void what_is_read_meanwhile_is_whole(void **state)
{
    (void)state;
    struct shared shared = {.sources = rtt_sources_new(64)};
    struct rtt_source v[64];
    pthread_t writer;
    uint32_t at = 0;
    assert_int_equal(pthread_create(&writer, NULL, write_on, &shared), 0);
    while (!atomic_load(&shared.done)) {
        uint32_t n = rtt_sources_read(shared.sources, v, 10, &at);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t nth = (uint32_t)v[i].network.addr.b[1] << 8 | v[i].network.addr.b[2];
            assert_int_equal(v[i].rtt_us, 10 + nth);
            assert_int_equal(v[i].min_us, 10 + nth);
            assert_int_equal(v[i].seen_ms % 5000, nth);
        }
    }
    pthread_join(writer, NULL);
    rtt_sources_free(shared.sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_those_of_24_and_48_bits),
        cmocka_unit_test(times_are_smoothed_by_an_eighth),
        cmocka_unit_test(the_least_is_of_the_last_minutes),
        cmocka_unit_test(those_seen_last_stay),
        cmocka_unit_test(what_is_read_meanwhile_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
