/* SPDX-License-Identifier: Apache-2.0
 * Counts of sources lie in buckets of four cache lines:
 *
 *     | shared | inserting | client, state | client, state | .. 15 ways |
 *
 * and a state is one word, so that a connection is counted and its token taken by one CAS:
 *
 *     | open: 24 | pure: 1 | time: 39 |
 *
 * `time` is when the tokens that were taken will have come again (the theoretical arrival time of
 * GCRA, ITU-T I.371): nothing is refilled, so nothing is lost in rounding. A way without open
 * connections whose time is past says nothing of its client, and is free for another one.
 *
 * When no way is free, or another worker is just taking one, `shared` counts. What makes a limit
 * strict all the same, with n the connections of a client, e those in its way, s in `shared`:
 *
 *  - n = e + its part of s. Who leaves lowers e if that is not 0, else s; whichever of the two
 *    it was counted in, the sum is right.
 *  - A client has one way at most: `inserting` lets one worker at a time make one, and it looks
 *    again before it does. The others do not wait for long, they have `shared`.
 *  - Who has counted in `shared` looks again whether the client has a way, and if so counts there
 *    instead; who has made a way looks at s afterwards. Both are in one order (seq_cst), so one of
 *    them sees the other: what may be in s was there before the way, and only falls.
 *  - So e + s, of all clients, is compared with the limit, until s has been 0 once while there was
 *    a way: then it is pure, and e alone is n. A new way takes over the time of `shared`, too.
 *
 * A state is changed by CAS from what was read while the way was the client's. It cannot have
 * become another's meanwhile with the same word: times of a way only rise. */
#include "l4/limits.h"

#include "base/hash.h"
#include "l4/client.h"
#include "l4/lines.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WAYS 15
/* Ways for each source there is to be room for: half of them are taken then, and of buckets that
 * hold 7.5 on average one in 250 is full. */
#define ROOM 2

/* How often a worker looks whether another has made its way: some ten times as long as that takes.
 * One that was preempted meanwhile is not waited for. */
#define INSERT_TRIES 256

#define TIME_BITS 39
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)
#define SECOND (UINT64_C(1) << 22)
/* No time lies a second ahead, but for workers whose clocks are a turn of the loop apart. What is
 * farther is old, and has gone round (36 h). */
#define AHEAD_MAX (4 * SECOND)
#define PURE (UINT64_C(1) << TIME_BITS)
#define ONE (UINT64_C(1) << (TIME_BITS + 1))
#define OPEN_MAX 0xfffffe
#define TAKEN UINT64_MAX /* a state: the way is about to be another client's */

struct way {
    _Atomic uint64_t client, state;
};

struct bucket {
    alignas(64) _Atomic uint64_t shared;
    _Atomic uint64_t inserting;
    struct way ways[WAYS];
};
_Static_assert(sizeof(struct bucket) == 256, "four cache lines");

struct limits {
    alignas(64) _Atomic uint32_t open; /* here, and .. */
    _Atomic uint32_t elsewhere;
    _Atomic int64_t time_ns; /* as above, of the service */
    /* As configured; time for one token, and for as many as there are at most. 0: no limit. */
    alignas(64) _Atomic uint32_t connections;
    _Atomic uint32_t per_source;
    _Atomic int64_t every_ns, most_ns;
    _Atomic uint64_t source_every, source_most;
    uint64_t seed;
    uint32_t n_buckets;
    struct bucket *buckets;
};

/* What an entry is judged by; loaded once. */
struct rule {
    uint64_t now, every, most;
    uint32_t open;
};

struct limits *limits_new(uint32_t sources)
{
    struct limits *l = lines_new(sizeof *l);
    l->seed = hash_mix(hash_seed(), HASH_K0);
    l->n_buckets = (uint32_t)(((uint64_t)sources * ROOM + WAYS - 1) / WAYS);
    if (l->n_buckets == 0)
        l->n_buckets = 1;
    l->buckets = lines_new((size_t)l->n_buckets * sizeof *l->buckets);
    return l;
}

void limits_free(struct limits *limits)
{
    if (limits)
        free(limits->buckets);
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

static inline uint32_t open_of(uint64_t state)
{
    return (uint32_t)(state >> (TIME_BITS + 1));
}

/* How far the state's time is ahead. */
static inline uint64_t ahead(uint64_t state, uint64_t now)
{
    uint64_t d = (state - now) & TIME_MASK;
    return d <= AHEAD_MAX ? d : 0;
}

static inline bool is_blank(uint64_t state, uint64_t now)
{
    return open_of(state) == 0 && ((state ^ now) & TIME_MASK) != 0 && ahead(state, now) == 0;
}

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

/* The client's way and its state, or NULL. */
static struct way *find(struct bucket *bucket, uint64_t client, uint64_t *state)
{
    for (struct way *way = bucket->ways; way < bucket->ways + WAYS; way++) {
        if (atomic_load(&way->client) != client)
            continue;
        *state = atomic_load(&way->state);
        if (*state != TAKEN && atomic_load(&way->client) == client)
            return way;
    }
    return NULL;
}

static struct way *take_blank(struct bucket *bucket, uint64_t now)
{
    for (struct way *way = bucket->ways; way < bucket->ways + WAYS; way++) {
        uint64_t state = atomic_load(&way->state);
        bool never = state == 0 && atomic_load(&way->client) == 0;
        if (state != TAKEN && (never || is_blank(state, now)) &&
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

static void leave_bucket(struct bucket *bucket, uint64_t client)
{
    uint64_t state;
    struct way *way;
    while ((way = find(bucket, client, &state)) && open_of(state) > 0)
        if (atomic_compare_exchange_strong(&way->state, &state, state - ONE))
            return;
    take_one(&bucket->shared);
}

/* With `inserting` held: nobody else makes ways in this bucket. Whether it
 * has too many in `shared` is seen when the way is made, not before, as others may come there. */
static enum outcome make_way(struct bucket *bucket, uint64_t client, const struct rule *rule)
{
    uint64_t state;
    if (find(bucket, client, &state))
        return AGAIN;
    state = (rule->now + ahead(atomic_load(&bucket->shared), rule->now)) & TIME_MASK;
    if (!add_one(&state, rule, 0))
        return REFUSED;
    struct way *way = take_blank(bucket, rule->now);
    if (!way)
        return NO_WAY;
    atomic_store(&way->client, client);
    atomic_store(&way->state, state);
    if (rule->open == 0 || open_of(atomic_load(&bucket->shared)) < rule->open)
        return COUNTED;
    leave_bucket(bucket, client);
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
    if (!find(bucket, client, &state))
        return COUNTED;
    take_one(&bucket->shared);
    return AGAIN;
}

static struct bucket *bucket_of(const struct limits *limits, uint64_t client)
{
    uint64_t h = hash_mix(hash_mix(client ^ HASH_K1, limits->seed), HASH_K0);
    return &limits->buckets[(h >> 32) * limits->n_buckets >> 32];
}

static bool enter_source(const struct limits *limits, uint64_t client, int64_t now_ms)
{
    struct bucket *bucket = bucket_of(limits, client);
    uint64_t each = atomic_load_explicit(&limits->source_every, memory_order_acquire);
    const struct rule rule = {
        .now = ((uint64_t)now_ms * SECOND / 1000) & TIME_MASK,
        .every = each,
        .most = atomic_load_explicit(&limits->source_most, memory_order_relaxed),
        .open = atomic_load_explicit(&limits->per_source, memory_order_relaxed),
    };
    enum outcome outcome;
    do {
        uint64_t state;
        struct way *way = find(bucket, client, &state);
        if (way)
            outcome = count_in_way(bucket, way, state, &rule);
        else
            outcome = try_to_make_way(bucket, client, &rule);
        if (outcome == NO_WAY)
            outcome = count_in_shared(bucket, client, &rule);
    } while (outcome == AGAIN);
    return outcome == COUNTED;
}

static void leave_source(const struct limits *limits, uint64_t client)
{
    leave_bucket(bucket_of(limits, client), client);
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
