/* SPDX-License-Identifier: Apache-2.0
 * Limits on their way from one process to the next: what has been counted and taken there, and
 * still counts here. */
#include "l4/limits_internal.h"

void limits_each(const struct limits *limits, int64_t now_ms,
                 void (*fn)(void *arg, const struct limits_source *source), void *arg)
{
    uint64_t now = time_at(now_ms);
    for (uint32_t i = 0; i < limits->n_buckets * WAYS; i++) {
        const struct way *way = &limits->buckets[i / WAYS].ways[i % WAYS];
        uint64_t client = atomic_load(&way->client), state = atomic_load(&way->state);
        bool is_its = client != 0 && !is_taken(state) && atomic_load(&way->client) == client;
        if (is_its && (open_of(state) > 0 || ahead(state, now) > 0))
            fn(arg, &(struct limits_source){client, state & TIME_MASK, open_of(state)});
    }
}

/** For one that has no way of its own. */
static uint32_t adopt_shared(struct bucket *bucket, uint64_t time, uint32_t open, uint64_t now)
{
    uint64_t state = atomic_load(&bucket->shared);
    if (open > OPEN_MAX - open_of(state))
        open = OPEN_MAX - open_of(state);
    if (ahead(time, now) > ahead(state, now))
        state = (state & ~TIME_MASK) | time;
    atomic_store(&bucket->shared, state + open * ONE);
    return open;
}

uint32_t limits_adopt(struct limits *limits, const struct limits_source *source, int64_t now_ms)
{
    uint64_t state, time = source->time & TIME_MASK, now = time_at(now_ms);
    struct bucket *bucket = limits_bucket_of(limits, source->client);
    if (source->client == 0 || limits_find_way(bucket, source->client, &state))
        return 0;
    uint32_t open = source->open < OPEN_MAX ? source->open : OPEN_MAX;
    struct way *way = limits_take_blank(bucket, now);
    if (!way)
        return adopt_shared(bucket, time, open, now);
    atomic_store(&way->client, source->client);
    atomic_store(&way->state, open * ONE | time);
    return open;
}

static void release_shared(_Atomic uint64_t *shared, uint32_t n)
{
    uint64_t state = atomic_load(shared);
    uint32_t part;
    do
        part = open_of(state) < n ? open_of(state) : n;
    while (!atomic_compare_exchange_weak(shared, &state, state - part * ONE));
}

/* As limits_leave_bucket(), many at once: a state that has become another's is not changed. */
void limits_release(struct limits *limits, uint64_t client, uint32_t n)
{
    uint64_t state;
    struct way *way;
    struct bucket *bucket = limits_bucket_of(limits, client);
    while (n > 0 && (way = limits_find_way(bucket, client, &state)) && open_of(state) > 0) {
        uint32_t part = open_of(state) < n ? open_of(state) : n;
        if (atomic_compare_exchange_strong(&way->state, &state, state - part * ONE))
            n -= part;
    }
    if (n > 0)
        release_shared(&bucket->shared, n);
}

int64_t limits_time(const struct limits *limits)
{
    return atomic_load_explicit(&limits->time_ns, memory_order_relaxed);
}

/* Tokens of a second are the most that can have been taken. */
void limits_set_time(struct limits *limits, int64_t time_ns, int64_t now_ms)
{
    int64_t most_ns = (now_ms + 1000) * 1000000;
    atomic_store_explicit(&limits->time_ns, time_ns < most_ns ? time_ns : most_ns,
                          memory_order_relaxed);
}
