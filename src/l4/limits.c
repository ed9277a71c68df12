/* SPDX-License-Identifier: Apache-2.0
 * Counting connections and taking tokens: limits_internal.h has how. */
#include "l4/limits_internal.h"

#include "base/hash.h"
#include "l4/client.h"
#include "l4/lines.h"

#include <stdlib.h>

struct limits *limits_new(uint32_t sources)
{
    struct limits *l = lines_new(sizeof *l);
    l->seed = hash_mix(hash_seed(), HASH_K0);
    l->n_buckets = (uint32_t)(((uint64_t)sources * ROOM + WAYS - 1) / WAYS);
    if (l->n_buckets == 0)
        l->n_buckets = 1;
    /* Not written to: a service with few clients takes few of its pages, which are the kernel's
     * zeros until then. */
    size_t line = _Alignof(struct bucket);
    l->memory = xcalloc((size_t)l->n_buckets * sizeof *l->buckets + line, 1);
    l->buckets = (struct bucket *)(((uintptr_t)l->memory + line - 1) & ~(uintptr_t)(line - 1));
    return l;
}

void limits_free(struct limits *limits)
{
    if (limits)
        free(limits->memory);
    free(limits);
}

/* Between two of `rate` tokens a second. 0, no limit, also where no machine would reach it. */
static uint64_t every(uint64_t second, uint32_t rate)
{
    return rate > 0 ? (second + rate / 2) / rate : 0;
}

/* Who reads `every` first finds a `most` that goes with it: that is stored before, and stays when
 * the rate is switched off. */
void limits_set(struct limits *limits, const struct l4_service *service)
{
    uint32_t rate = service->limits.new_per_second, source = service->limits.per_source_new;
    limits->connections = service->limits.connections;
    limits->per_source = service->limits.per_source;
    int64_t every_ns = (int64_t)every(1000000000, rate);
    uint64_t source_every = every(SECOND, source);
    if (every_ns > 0)
        limits->most_ns = every_ns * rate;
    limits->every_ns = every_ns;
    if (source_every > 0)
        limits->source_most = source_every * source;
    limits->source_every = source_every;
}

/* ---- states ---- */

/* One more, if the open ones and the tokens allow it. `others` are open and may be its, too. */
static bool add_one(uint64_t *state, const struct rule *rule, uint32_t others)
{
    uint32_t open = open_of(*state);
    uint64_t time = ahead(*state, rule->now) + rule->every;
    if (open >= OPEN_MAX || (rule->open > 0 && (uint64_t)open + others >= rule->open))
        return false;
    if (rule->every > 0 && time > rule->most)
        return false;
    *state = ((*state & ~TIME_MASK) + ONE) | ((rule->now + time) & TIME_MASK);
    return true;
}

static void take_one(_Atomic uint64_t *state)
{
    uint64_t was = atomic_load(state);
    while (open_of(was) > 0 && !atomic_compare_exchange_weak(state, &was, was - ONE))
        ;
}

/* ---- ways ---- */

struct way *limits_find_way(struct bucket *bucket, uint64_t client, uint64_t *state)
{
    for (struct way *way = bucket->ways; way < bucket->ways + WAYS; way++) {
        if (atomic_load(&way->client) != client)
            continue;
        *state = atomic_load(&way->state);
        if (!is_taken(*state) && atomic_load(&way->client) == client)
            return way;
    }
    return NULL;
}

struct way *limits_take_blank(struct bucket *bucket, uint64_t now)
{
    for (struct way *way = bucket->ways; way < bucket->ways + WAYS; way++) {
        uint64_t state = atomic_load(&way->state);
        bool never = state == 0 && atomic_load(&way->client) == 0;
        if (!is_taken(state) && (never || is_blank(state, now)) &&
            atomic_compare_exchange_strong(&way->state, &state, TAKEN))
            return way;
    }
    return NULL;
}

enum outcome { COUNTED, REFUSED, AGAIN, NO_WAY };

static enum outcome count_in_way(struct bucket *bucket, struct way *way, uint64_t state,
                                 const struct rule *rule)
{
    uint64_t was = state;
    uint32_t others = state & PURE ? 0 : open_of(atomic_load(&bucket->shared));
    if (!add_one(&state, rule, others))
        return REFUSED;
    if (others == 0)
        state |= PURE;
    return atomic_compare_exchange_strong(&way->state, &was, state) ? COUNTED : AGAIN;
}

void limits_leave_bucket(struct bucket *bucket, uint64_t client)
{
    uint64_t state;
    struct way *way;
    while ((way = limits_find_way(bucket, client, &state)) && open_of(state) > 0)
        if (atomic_compare_exchange_strong(&way->state, &state, state - ONE))
            return;
    take_one(&bucket->shared);
}

/* As limits_find_way(), for one that has counted in `shared`. A way that is being made for the
 * client is marked: its maker looks at `shared` again. (It may be on its way from the client to
 * another one, to whose maker a mark does nothing.) */
static bool has_way(struct bucket *bucket, uint64_t client)
{
    for (struct way *way = bucket->ways; way < bucket->ways + WAYS; way++) {
        if (atomic_load(&way->client) != client)
            continue;
        uint64_t state = atomic_load(&way->state);
        while (is_taken(state) && !atomic_compare_exchange_weak(&way->state, &state, state + 1))
            ;
        if (!is_taken(state) && atomic_load(&way->client) == client)
            return true;
    }
    return false;
}

/* Its state is made of `shared` as that is once the way is the client's; false: it is refused. */
static bool finish_way(struct bucket *bucket, struct way *way, const struct rule *rule)
{
    uint64_t taken, state;
    do {
        taken = atomic_load(&way->state);
        state = (rule->now + ahead(atomic_load(&bucket->shared), rule->now)) & TIME_MASK;
        if (!add_one(&state, rule, 0))
            return false;
    } while (!atomic_compare_exchange_strong(&way->state, &taken, state));
    return true;
}

/* With `inserting` held: nobody else makes ways in this bucket. Whether it
 * has too many in `shared` is seen when the way is made, not before, as others may come there. */
static enum outcome make_way(struct bucket *bucket, uint64_t client, const struct rule *rule)
{
    uint64_t state;
    if (limits_find_way(bucket, client, &state))
        return AGAIN;
    struct way *way = limits_take_blank(bucket, rule->now);
    if (!way)
        return NO_WAY;
    atomic_store(&way->client, client);
    if (!finish_way(bucket, way, rule)) {
        atomic_store(&way->client, 0);
        atomic_store(&way->state, 0);
        return REFUSED;
    }
    if (rule->open == 0 || open_of(atomic_load(&bucket->shared)) < rule->open)
        return COUNTED;
    limits_leave_bucket(bucket, client);
    return REFUSED;
}

static enum outcome try_to_make_way(struct bucket *bucket, uint64_t client, const struct rule *rule)
{
    uint64_t nobody = 0;
    for (uint32_t i = 0; i < INSERT_TRIES; i++, nobody = 0)
        if (atomic_load(&bucket->inserting) == 0 &&
            atomic_compare_exchange_strong(&bucket->inserting, &nobody, 1)) {
            enum outcome outcome = make_way(bucket, client, rule);
            atomic_store(&bucket->inserting, 0);
            return outcome;
        }
    return NO_WAY;
}

static enum outcome count_in_shared(struct bucket *bucket, uint64_t client, const struct rule *rule)
{
    uint64_t was = atomic_load(&bucket->shared), state;
    do {
        state = was;
        if (!add_one(&state, rule, 0))
            return REFUSED;
    } while (!atomic_compare_exchange_weak(&bucket->shared, &was, state));
    if (!has_way(bucket, client))
        return COUNTED;
    take_one(&bucket->shared);
    return AGAIN;
}

struct bucket *limits_bucket_of(const struct limits *limits, uint64_t client)
{
    uint64_t h = hash_mix(hash_mix(client ^ HASH_K1, limits->seed), HASH_K0);
    return &limits->buckets[(h >> 32) * limits->n_buckets >> 32];
}

static bool count_source(const struct limits *limits, uint64_t client, const struct rule *rule)
{
    struct bucket *bucket = limits_bucket_of(limits, client);
    enum outcome outcome;
    do {
        uint64_t state;
        struct way *way = limits_find_way(bucket, client, &state);
        if (way)
            outcome = count_in_way(bucket, way, state, rule);
        else
            outcome = try_to_make_way(bucket, client, rule);
        if (outcome == NO_WAY)
            outcome = count_in_shared(bucket, client, rule);
    } while (outcome == AGAIN);
    return outcome == COUNTED;
}

static bool enter_source(const struct limits *limits, uint64_t client, int64_t now_ms)
{
    uint64_t each = atomic_load_explicit(&limits->source_every, memory_order_acquire);
    const struct rule rule = {
        .now = time_at(now_ms),
        .every = each,
        .most = atomic_load_explicit(&limits->source_most, memory_order_relaxed),
        .open = atomic_load_explicit(&limits->per_source, memory_order_relaxed),
    };
    return count_source(limits, client, &rule);
}

static void leave_source(const struct limits *limits, uint64_t client)
{
    limits_leave_bucket(limits_bucket_of(limits, client), client);
}

/* ---- the service ---- */

static bool enter_service(struct limits *limits)
{
    uint64_t most = atomic_load_explicit(&limits->connections, memory_order_relaxed);
    uint64_t others = atomic_load_explicit(&limits->elsewhere, memory_order_relaxed);
    uint32_t open = atomic_load_explicit(&limits->open, memory_order_relaxed);
    do
        if (open + others >= most)
            return false;
    while (!atomic_compare_exchange_weak_explicit(&limits->open, &open, open + 1,
                                                  memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* Whether there is a token; `take` takes it. */
static bool token(struct limits *limits, int64_t now_ns, bool take)
{
    int64_t each = atomic_load_explicit(&limits->every_ns, memory_order_acquire);
    int64_t most = atomic_load_explicit(&limits->most_ns, memory_order_relaxed);
    int64_t was = atomic_load_explicit(&limits->time_ns, memory_order_relaxed), next;
    if (each == 0)
        return true;
    do {
        next = (was > now_ns ? was : now_ns) + each;
        if (next - now_ns > most)
            return false;
    } while (take && !atomic_compare_exchange_weak_explicit(
                         &limits->time_ns, &was, next, memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* A source that is limited takes none of the service's tokens, and one that the service has no
 * token for none of its own, but for the moment between the two looks. */
static enum limits_verdict judge(struct limits *limits, const struct ip *client, int64_t now_ms)
{
    uint64_t number = client_number(client);
    int64_t now_ns = now_ms * 1000000;
    if (!token(limits, now_ns, false))
        return LIMITS_SERVICE;
    if (!enter_source(limits, number, now_ms))
        return LIMITS_SOURCE;
    if (token(limits, now_ns, true))
        return LIMITS_OK;
    leave_source(limits, number);
    return LIMITS_SERVICE;
}

enum limits_verdict limits_enter(struct limits *limits, const struct ip *client, int64_t now_ms)
{
    if (!enter_service(limits))
        return LIMITS_SERVICE;
    enum limits_verdict verdict = judge(limits, client, now_ms);
    if (verdict != LIMITS_OK)
        atomic_fetch_sub_explicit(&limits->open, 1, memory_order_relaxed);
    return verdict;
}

enum limits_verdict limits_resume(struct limits *limits, const struct ip *client, int64_t now_ms)
{
    const struct rule rule = {.now = time_at(now_ms)};
    if (!count_source(limits, client_number(client), &rule))
        return LIMITS_SOURCE;
    atomic_fetch_add_explicit(&limits->open, 1, memory_order_relaxed);
    return LIMITS_OK;
}

void limits_leave(struct limits *limits, const struct ip *client)
{
    leave_source(limits, client_number(client));
    atomic_fetch_sub_explicit(&limits->open, 1, memory_order_relaxed);
}

uint32_t limits_open(const struct limits *limits)
{
    return atomic_load_explicit(&limits->open, memory_order_relaxed);
}

void limits_elsewhere(struct limits *limits, uint32_t open)
{
    atomic_store_explicit(&limits->elsewhere, open, memory_order_relaxed);
}
