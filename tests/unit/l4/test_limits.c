/* SPDX-License-Identifier: Apache-2.0
 * Limits: exact counts and rates, shared ones where there is no room, floods, and many workers. */
#include "l4/limits_internal.h"

#include "base/rng.h"
#include "l4/client.h"

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 1000000000

static struct ip ip(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

/* Address number i, of 10.0.0.0/8 and on. */
static struct ip nth(uint32_t i)
{
    uint32_t a = UINT32_C(0x0a000000) + i;
    return (
        struct ip){.family = IP_V4,
                   .b = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a}};
}

/* Bytes that this process has in memory. */
static size_t resident(void)
{
    size_t total, pages;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &total, &pages), 2);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A host may have hundreds of services, most of them with few clients. */
static void a_table_takes_memory_as_clients_come(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    print_message("ThreadSanitizer writes to what calloc() gives\n");
    skip();
#endif
    enum { SERVICES = 100, SOURCES = 65536, TABLE = SOURCES * 2 / 15 * 256 };
    struct limits *v[SERVICES];
    size_t before = resident();
    for (int i = 0; i < SERVICES; i++)
        v[i] = limits_new(SOURCES);
    assert_in_range(resident() - before, 0, (size_t)SERVICES * TABLE / 4);
    for (int i = 0; i < SERVICES; i++)
        limits_free(v[i]);
}

static void set(struct limits *l, uint32_t connections, uint32_t per_source,
                uint32_t new_per_second, uint32_t per_source_new)
{
    struct l4_service service = {.limits = {.connections = connections,
                                            .per_source = per_source,
                                            .new_per_second = new_per_second,
                                            .per_source_new = per_source_new}};
    limits_set(l, &service);
}

/* With the same seed each time: by some of all seeds, one in 700, a bucket gets more sources than
 * it has ways although there is room, and counts are shared where they are to be exact. */
static struct limits *made(uint32_t sources, uint32_t connections, uint32_t per_source,
                           uint32_t new_per_second, uint32_t per_source_new)
{
    struct limits *l = limits_new(sources);
    l->seed = 1;
    set(l, connections, per_source, new_per_second, per_source_new);
    return l;
}

/* How many of `n` that come at once get in. */
static uint32_t enter_many(struct limits *l, const struct ip *client, uint32_t n, int64_t now_ms)
{
    uint32_t in = 0;
    for (uint32_t i = 0; i < n; i++)
        in += limits_enter(l, client, now_ms) == LIMITS_OK;
    return in;
}

static void leave_many(struct limits *l, const struct ip *client, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        limits_leave(l, client);
}

/* ---- at once ---- */

static void nobody_is_let_in_before_limits_are_set(void **state)
{
    (void)state;
    struct limits *l = limits_new(0);
    struct ip a = nth(1);
    assert_int_equal(limits_enter(l, &a, 5), LIMITS_SERVICE);
    limits_free(l);
    limits_free(NULL);
}

static void a_service_has_its_connections(void **state)
{
    (void)state;
    struct limits *l = made(1000, 5, 3, 0, 0);
    struct ip a = nth(1), b = nth(2), c = nth(3);
    assert_int_equal(enter_many(l, &a, 3, 5), 3);
    assert_int_equal(limits_enter(l, &a, 5), LIMITS_SOURCE);
    assert_int_equal(enter_many(l, &b, 3, 5), 2);
    assert_int_equal(limits_enter(l, &c, 5), LIMITS_SERVICE);
    assert_int_equal(limits_open(l), 5);
    limits_leave(l, &a);
    assert_int_equal(limits_open(l), 4);
    limits_elsewhere(l, 1);
    assert_int_equal(limits_enter(l, &c, 5), LIMITS_SERVICE);
    limits_elsewhere(l, 0);
    assert_int_equal(limits_enter(l, &c, 5), LIMITS_OK);
    limits_free(l);
}

static void sources_are_addresses_and_networks_of_64(void **state)
{
    (void)state;
    struct limits *l = made(1000, MANY, 1, 0, 0);
    static const char *const one[] = {"192.0.2.1", "192.0.2.2", "2001:db8:0:1::1",
                                      "2001:db8:0:2::1", "::1"};
    static const char *const same[] = {"::ffff:192.0.2.1", "192.0.2.2",
                                       "2001:db8:0:1:ffff::", "2001:db8:0:2::", "::2"};
    for (unsigned i = 0; i < 5; i++) {
        struct ip a = ip(one[i]), b = ip(same[i]);
        assert_int_equal(limits_enter(l, &a, 5), LIMITS_OK);
        assert_int_equal(limits_enter(l, &b, 5), LIMITS_SOURCE);
    }
    limits_free(l);
}

/* As many sources as there is room for, against counts of each. */
static void counts_are_exact_while_there_is_room(void **state)
{
    (void)state;
    enum { N = 3000, MOST = 5 };
    static uint32_t open[N];
    struct rng rng = {4};
    struct limits *l = made(N * 2, MANY, MOST, 0, 0);
    memset(open, 0, sizeof open);
    for (uint32_t i = 0; i < 400000; i++) {
        uint32_t k = rng_below(&rng, N);
        struct ip a = nth(k * 7);
        if (rng_below(&rng, 5) < 2) {
            if (open[k] > 0)
                limits_leave(l, &a);
            open[k] -= open[k] > 0;
            continue;
        }
        enum limits_verdict want = open[k] < MOST ? LIMITS_OK : LIMITS_SOURCE;
        assert_int_equal(limits_enter(l, &a, i / 1000), want);
        open[k] += want == LIMITS_OK;
    }
    limits_free(l);
}

/* With far too little room: no source ever has more than its limit, whatever comes and goes; and
 * when all have gone each has its limit again. */
static void shared_counts_are_never_too_few(void **state)
{
    (void)state;
    enum { N = 200, MOST = 20 };
    uint32_t open[N] = {0}, in = 0;
    struct rng rng = {8};
    struct limits *l = made(10, MANY, MOST, 0, 0);
    for (uint32_t i = 0; i < 1000000; i++) {
        uint32_t k = rng_below(&rng, N / 2) + (i >> 14) % 3 * (N / 4);
        struct ip a = nth(k * 3);
        if (rng_below(&rng, 100) < 40 + (i >> 12) % 3 * 10) {
            if (open[k] > 0)
                limits_leave(l, &a), open[k]--;
        } else if (limits_enter(l, &a, i / 50) == LIMITS_OK) {
            assert_true(++open[k] <= MOST);
            in++;
        }
    }
    assert_true(in > 100000);
    for (uint32_t k = 0; k < N; k++) {
        struct ip a = nth(k * 3);
        leave_many(l, &a, open[k]);
    }
    assert_int_equal(limits_open(l), 0);
    for (uint32_t k = 0; k < N; k++) {
        struct ip a = nth(k * 3);
        assert_int_equal(enter_many(l, &a, MOST + 5, 10000000 + k), MOST);
        leave_many(l, &a, MOST);
    }
    limits_free(l);
}

/* One that was counted in what is shared and then got a way of its own has no more than before. */
static void a_way_of_its_own_gives_no_more(void **state)
{
    (void)state;
    enum { MOST = 10 };
    struct limits *l = made(1, MANY, MOST, 0, 0);
    struct ip late = nth(100);
    for (uint32_t i = 0; i < WAYS; i++) {
        struct ip a = nth(i);
        assert_int_equal(limits_enter(l, &a, 1), LIMITS_OK);
    }
    assert_int_equal(enter_many(l, &late, 6, 1), 6);
    struct ip first = nth(0);
    limits_leave(l, &first);
    assert_int_equal(enter_many(l, &late, 10, 5), 4);
    leave_many(l, &late, 9);
    assert_int_equal(enter_many(l, &late, 20, 5), 9);
    leave_many(l, &late, 10);
    assert_int_equal(enter_many(l, &late, 20, 9), MOST);
    struct ip other = nth(1);
    assert_int_equal(enter_many(l, &other, 20, 9), MOST - 1);
    limits_free(l);
}

static void limits_are_changed_by_a_reload(void **state)
{
    (void)state;
    struct limits *l = made(100, MANY, 5, 0, 0);
    struct ip a = nth(1);
    assert_int_equal(enter_many(l, &a, 10, 1), 5);
    set(l, MANY, 8, 0, 0);
    assert_int_equal(enter_many(l, &a, 10, 1), 3);
    set(l, MANY, 3, 0, 0);
    leave_many(l, &a, 5);
    assert_int_equal(limits_enter(l, &a, 1), LIMITS_SOURCE);
    limits_leave(l, &a);
    assert_int_equal(enter_many(l, &a, 10, 1), 1);
    set(l, 2, 0, 0, 0);
    assert_int_equal(limits_enter(l, &a, 1), LIMITS_SERVICE);
    set(l, MANY, 0, 0, 0);
    assert_int_equal(enter_many(l, &a, 1000, 1), 1000);
    set(l, MANY, 0, 7, 0);
    assert_int_equal(enter_many(l, &a, 1000, 1), 7);
    set(l, MANY, 0, 0, 4);
    assert_int_equal(enter_many(l, &a, 1000, 5000), 4);
    limits_free(l);
}

/* ---- a second ---- */

/* Over a minute of a source that always wants more: what comes in is the rate, to one in 10,000,
 * and a second's more at the beginning. */
static void check_rate(uint32_t rate, bool of_source, uint32_t step_ms)
{
    struct limits *l = made(10, MANY, 0, of_source ? 0 : rate, of_source ? rate : 0);
    struct ip a = nth(1);
    uint64_t in = 0;
    int64_t begin = 123456789;
    for (int64_t ms = 0; ms < 60000; ms += step_ms) {
        uint32_t n = enter_many(l, &a, 2 * rate, begin + ms);
        in += n;
        assert_true(n <= rate);
        leave_many(l, &a, n);
    }
    double want = rate + rate * (59999 / step_ms * step_ms / 1000.0);
    assert_true((double)in <= want * 1.0001 + 1 && (double)in >= want * 0.9999 - 1);
    limits_free(l);
}

static void tokens_come_without_drift(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 3, 7, 50, 333, 1000};
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        check_rate(rates[i], false, 7);
        check_rate(rates[i], true, 7);
        check_rate(rates[i], true, rates[i] == 1 ? 1 : 299);
        check_rate(rates[i], false, 1);
    }
}

static void a_second_is_saved_up_and_no_more(void **state)
{
    (void)state;
    struct limits *l = made(10, MANY, 0, 0, 10);
    struct ip a = nth(1);
    assert_int_equal(enter_many(l, &a, 100, 1000), 10);
    assert_int_equal(limits_enter(l, &a, 1099), LIMITS_SOURCE);
    assert_int_equal(enter_many(l, &a, 100, 1101), 1);
    assert_int_equal(enter_many(l, &a, 100, 1601), 5);
    assert_int_equal(enter_many(l, &a, 100, 1000000), 10);
    leave_many(l, &a, 26);
    /* Times have 39 bits and go round in 36 hours, once at which the one of `a` seems to be ahead.
     */
    for (int64_t hours = 1; hours < 100; hours++)
        assert_int_equal(enter_many(l, &a, 100, 1000000 + hours * 3600000), 10);
    limits_free(l);
}

/* What one of two limits refuses costs nothing at the other. */
static void refusals_take_no_tokens(void **state)
{
    (void)state;
    struct limits *l = made(10, MANY, 0, 20, 5);
    struct ip a = nth(1), b = nth(2), c = nth(3), d = nth(4);
    assert_int_equal(enter_many(l, &a, 1000, 1), 5);
    assert_int_equal(enter_many(l, &b, 1000, 1), 5);
    assert_int_equal(enter_many(l, &c, 1000, 1), 5);
    assert_int_equal(enter_many(l, &d, 1000, 1), 5);
    struct ip e = nth(5);
    assert_int_equal(enter_many(l, &e, 1000, 1), 0);
    assert_int_equal(limits_open(l), 20);
    set(l, MANY, 0, 0, 5);
    assert_int_equal(enter_many(l, &e, 1000, 1), 5);
    limits_free(l);
}

/* A source whose tokens are gone does not get them back by being forgotten. */
static void a_flood_gives_no_tokens_back(void **state)
{
    (void)state;
    struct limits *l = made(100, MANY, 0, 0, 10);
    struct ip a = nth(0);
    uint32_t in = enter_many(l, &a, 10, 1000);
    leave_many(l, &a, in);
    for (uint32_t i = 1; i < 100000; i++) {
        struct ip x = nth(i);
        int64_t now = 1000 + i / 200;
        if (limits_enter(l, &x, now) == LIMITS_OK)
            limits_leave(l, &x);
        if (i % 200 == 0 && limits_enter(l, &a, now) == LIMITS_OK) {
            limits_leave(l, &a);
            in++;
        }
    }
    assert_int_equal(in, 10 + 4);
    limits_free(l);
}

/* One whose tokens were taken from the shared ones has not got a new second with its own way. */
static void a_way_of_its_own_gives_no_tokens(void **state)
{
    (void)state;
    struct limits *l = made(1, MANY, 0, 0, 5);
    struct ip first = nth(0), late = nth(100);
    for (uint32_t i = 0; i < 15; i++) {
        struct ip a = nth(i);
        assert_int_equal(limits_enter(l, &a, 1000), LIMITS_OK);
    }
    assert_int_equal(enter_many(l, &late, 10, 1000), 5);
    limits_leave(l, &first);
    assert_int_equal(enter_many(l, &late, 10, 1300), 1);
    assert_int_equal(enter_many(l, &late, 10, 1500), 1);
    limits_free(l);
}

/* ---- floods ---- */

/* Ten million addresses come and go: those that have connections keep their limits exactly, new
 * ones find room again at once afterwards, and no memory is taken. */
static void a_flood_of_addresses_changes_nothing(void **state)
{
    (void)state;
    enum { KEPT = 500, MOST = 4 };
    struct limits *l = made(4096, MANY, MOST, 0, 50);
    for (uint32_t i = 0; i < KEPT; i++) {
        struct ip a = nth(0x01000000 + i);
        assert_int_equal(enter_many(l, &a, MOST - 1, 1), MOST - 1);
    }
    size_t before = mallinfo2().uordblks;
    for (uint32_t i = 0; i < 10000000; i++) {
        struct ip x = nth(i);
        if (limits_enter(l, &x, 2 + i / 1000) == LIMITS_OK)
            limits_leave(l, &x);
    }
    assert_int_equal(mallinfo2().uordblks, before);
    for (uint32_t i = 0; i < KEPT; i++) {
        struct ip a = nth(0x01000000 + i), b = nth(0x02000000 + i);
        assert_int_equal(enter_many(l, &a, 3, 20002), 1);
        assert_int_equal(enter_many(l, &b, 9, 20002), MOST);
    }
    assert_int_equal(limits_open(l), 2 * KEPT * MOST);
    limits_free(l);
}

/* The same of connections that stay: those of before keep theirs, and when they go others do. */
static void open_connections_beyond_the_room_are_bounded(void **state)
{
    (void)state;
    enum { MOST = 4, CAME = 200000 };
    static bool in[CAME];
    struct limits *l = made(1000, MANY, MOST, 0, 0);
    struct ip a = nth(CAME);
    uint32_t n = 0;
    assert_int_equal(enter_many(l, &a, 2, 1), 2);
    for (uint32_t i = 0; i < CAME; i++) {
        struct ip x = nth(i);
        n += in[i] = limits_enter(l, &x, 2) == LIMITS_OK;
    }
    assert_true(n >= 2000 && n < 2000 + 15 * 2 + 140 * MOST);
    assert_int_equal(enter_many(l, &a, 9, 3), 2);
    for (uint32_t i = 0; i < CAME; i++) {
        struct ip x = nth(i);
        if (in[i])
            limits_leave(l, &x);
    }
    assert_int_equal(limits_open(l), 4);
    for (uint32_t i = 0; i < 500; i++) {
        struct ip x = nth(i);
        assert_int_equal(enter_many(l, &x, 9, 4), MOST);
    }
    limits_free(l);
}

/* ---- handed on ---- */

static void add_source(void *arg, const struct limits_source *source)
{
    *(uint64_t *)arg += source->open;
}

/* A worker may stand still in the middle of making a client's way. */
static void a_way_that_is_being_made_says_nothing(void **state)
{
    (void)state;
    struct limits *l = made(1, 100, 3, 0, 0);
    struct ip a = nth(1);
    uint64_t now = time_at(1000), open = 0;
    struct way *way = limits_take_blank(&l->buckets[0], now), *other;
    atomic_store(&way->client, client_number(&a));
    limits_each(l, 1000, add_source, &open);
    assert_int_equal(open, 0);
    assert_ptr_not_equal(other = limits_take_blank(&l->buckets[0], now), way);
    assert_non_null(other);
    atomic_store(&way->state, 2 * ONE | now);
    limits_each(l, 1000, add_source, &open);
    assert_int_equal(open, 2);
    assert_int_equal(enter_many(l, &a, 9, 1000), 1);
    limits_free(l);
}

/* ---- many workers ---- */

#define THREADS 4
#define SOURCES 64

struct crowd {
    struct limits *limits;
    uint32_t sources, most, steps;
    _Atomic int32_t open[SOURCES]; /* as seen by those who have it: at most what is in */
    _Atomic uint32_t too_many, in;
    _Atomic uint64_t next_seed;
    _Atomic int64_t clock; /* as fast as makes ways free soon */
};

static void *come_and_go(void *arg)
{
    struct crowd *c = arg;
    struct rng rng = {atomic_fetch_add(&c->next_seed, 977)};
    uint32_t mine[SOURCES] = {0};
    for (uint32_t i = 0; i < c->steps; i++) {
        uint32_t k = rng_below(&rng, c->sources);
        struct ip a = nth(k);
        int64_t now = atomic_fetch_add(&c->clock, 1) / 4;
        if (mine[k] > 0 && rng_below(&rng, 4)) {
            atomic_fetch_sub(&c->open[k], 1);
            limits_leave(c->limits, &a);
            mine[k]--;
        } else if (limits_enter(c->limits, &a, now) == LIMITS_OK) {
            atomic_fetch_add(&c->too_many, atomic_fetch_add(&c->open[k], 1) >= (int32_t)c->most);
            atomic_fetch_add(&c->in, 1);
            mine[k]++;
        }
    }
    for (uint32_t k = 0; k < c->sources; k++) {
        struct ip a = nth(k);
        atomic_fetch_sub(&c->open[k], mine[k]);
        leave_many(c->limits, &a, mine[k]);
    }
    return NULL;
}

/* With room for `room`: nobody has too many at any time, and nothing is left over. A `rate` of the
 * service of 1,000 is a token for four steps: workers are refused where they had seen one. */
static void check_crowd(uint32_t room, uint32_t sources, uint32_t most, uint32_t rate)
{
    struct crowd c = {.limits = made(room, MANY, most, rate, 0),
                      .sources = sources,
                      .most = most,
                      .steps = 150000,
                      .next_seed = room + sources,
                      .clock = 1000};
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &c), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(c.too_many, 0);
    assert_true(c.in > 1000);
    assert_int_equal(limits_open(c.limits), 0);
    set(c.limits, MANY, most, 0, 0);
    for (uint32_t k = 0; k < sources; k++) {
        struct ip a = nth(k);
        assert_int_equal(enter_many(c.limits, &a, most + 5, c.clock + k), most);
        leave_many(c.limits, &a, most);
    }
    limits_free(c.limits);
}

static void many_workers_keep_the_limits(void **state)
{
    (void)state;
    check_crowd(1, SOURCES, 3, 0);
    check_crowd(1, 16, 1, 0);
    check_crowd(1, 24, 2, 0);
    check_crowd(30, SOURCES, 1, 0);
    check_crowd(1000, SOURCES, 3, 0);
    check_crowd(1000, SOURCES, 200, 1000);
}

#define RUSHED 2000

struct rush {
    struct limits *limits;
    pthread_barrier_t *together;
    _Atomic uint32_t in, of[RUSHED];
};

static void *rush_in(void *arg)
{
    struct rush *r = arg;
    for (uint32_t i = 0; i < RUSHED; i++) {
        struct ip a = nth(i);
        if (i % 20 == 0)
            pthread_barrier_wait(r->together);
        uint32_t in = enter_many(r->limits, &a, 4, 1000);
        atomic_fetch_add(&r->in, in);
        atomic_fetch_add(&r->of[i], in);
    }
    return NULL;
}

/* When they have gone nothing of them is left. */
static void check_empty(struct rush *r)
{
    assert_int_equal(limits_open(r->limits), r->in);
    for (uint32_t i = 0; i < RUSHED; i++) {
        struct ip a = nth(i);
        leave_many(r->limits, &a, r->of[i]);
    }
    set(r->limits, MANY, 1, 0, 0);
    for (uint32_t i = 0; i < RUSHED; i++) {
        struct ip a = nth(i);
        assert_int_equal(enter_many(r->limits, &a, 2, 5000), 1);
    }
}

#define RUSHES 50

/* Returns whether most of those whom the limit has room for were let in: one that finds another at
 * it for too long is judged by what its bucket shares, which refuses some more. */
static bool rush(unsigned kind, pthread_barrier_t *together)
{
    static const uint32_t want[] = {1000, RUSHED * 3, 777, RUSHED * 3};
    struct rush r = {.limits = made(8000, kind == 0 ? 1000 : MANY, kind == 1 ? 3 : 0,
                                    kind == 2 ? 777 : 0, kind == 3 ? 3 : 0),
                     .together = together};
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rush_in, &r), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(r.in <= want[kind]);
    for (uint32_t i = 0; i < RUSHED && kind % 2; i++)
        assert_true(r.of[i] <= 3);
    bool most = r.in >= want[kind] * (kind % 2 ? 3 : 4) / 4;
    check_empty(&r);
    limits_free(r.limits);
    return most;
}

/* All begin with the same new sources at once: never more get in than tokens, counts and the
 * service allow. How many less depends on who was preempted while it made a way, which on a busy
 * machine may be somebody in each of some rushes, but not in all. */
static void workers_that_rush_share_tokens(void **state)
{
    (void)state;
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, THREADS);
    for (unsigned kind = 0; kind < 4; kind++) {
        unsigned n = 1;
        while (!rush(kind, &together))
            assert_true(++n <= RUSHES);
    }
    pthread_barrier_destroy(&together);
}

/* Of those who count where all share and those who make the client's own way at the same time, each
 * sees the other: seldom do they meet. */
static void nobody_has_more_in_a_rush(void **state)
{
    (void)state;
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, THREADS);
    for (unsigned n = 0; n < 2 * RUSHES; n++)
        rush(n % 4 ? 3 : 1, &together);
    pthread_barrier_destroy(&together);
}

struct switching {
    struct limits *limits;
    _Atomic bool over;
};

static void *switch_rates(void *arg)
{
    struct switching *s = arg;
    for (uint32_t i = 0; !s->over; i++)
        set(s->limits, 1000000, 0, i % 2 * 1000000, i % 2 * 1000000);
    return NULL;
}

/* A rate that is switched on or off refuses nobody whom it would not refuse as it is. */
static void rates_are_switched_under_load(void **state)
{
    (void)state;
    struct ip client = {.family = IP_V4, .b = {192, 0, 2, 1}};
    struct switching s = {.limits = made(64, 1000000, 0, 0, 0)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, switch_rates, &s), 0);
    for (uint32_t i = 0; i < 500000; i++) {
        assert_int_equal(limits_enter(s.limits, &client, 1000), LIMITS_OK);
        limits_leave(s.limits, &client);
    }
    s.over = true;
    pthread_join(thread, NULL);
    limits_free(s.limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_takes_memory_as_clients_come),
        cmocka_unit_test(nobody_is_let_in_before_limits_are_set),
        cmocka_unit_test(a_service_has_its_connections),
        cmocka_unit_test(sources_are_addresses_and_networks_of_64),
        cmocka_unit_test(counts_are_exact_while_there_is_room),
        cmocka_unit_test(shared_counts_are_never_too_few),
        cmocka_unit_test(a_way_of_its_own_gives_no_more),
        cmocka_unit_test(limits_are_changed_by_a_reload),
        cmocka_unit_test(tokens_come_without_drift),
        cmocka_unit_test(a_second_is_saved_up_and_no_more),
        cmocka_unit_test(refusals_take_no_tokens),
        cmocka_unit_test(a_flood_gives_no_tokens_back),
        cmocka_unit_test(a_way_of_its_own_gives_no_tokens),
        cmocka_unit_test(a_flood_of_addresses_changes_nothing),
        cmocka_unit_test(open_connections_beyond_the_room_are_bounded),
        cmocka_unit_test(a_way_that_is_being_made_says_nothing),
        cmocka_unit_test(many_workers_keep_the_limits),
        cmocka_unit_test(workers_that_rush_share_tokens),
        cmocka_unit_test(nobody_has_more_in_a_rush),
        cmocka_unit_test(rates_are_switched_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
