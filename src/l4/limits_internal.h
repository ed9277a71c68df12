/* SPDX-License-Identifier: Apache-2.0
 * Inside of limits*.c: how sources are counted.
 *
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
 *    a way: then it is pure, and e alone is n.
 *  - A new way takes over the time of `shared`, which it looks at once it is the client's: who has
 *    counted in `shared` and finds the way unfinished marks it, and has its maker look again.
 *
 * A state is changed by CAS from what was read while the way was the client's. It cannot have
 * become another's meanwhile with the same word: times of a way only rise, and one whose maker was
 * refused is 0, and nobody's, as it was before the first. */
#pragma once

#include "l4/limits.h"

#include <stdalign.h>
#include <stdatomic.h>

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
#define TAKEN \
    (UINT64_C(0xffffff) << (TIME_BITS + 1)) /* the way is being made; and the marks on it */

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
    void *memory; /* of the buckets */
};

/* What an entry is judged by; loaded once. */
struct rule {
    uint64_t now, every, most;
    uint32_t open;
};

/* ---- states ---- */

static inline uint32_t open_of(uint64_t state)
{
    return (uint32_t)(state >> (TIME_BITS + 1));
}

static inline bool is_taken(uint64_t state)
{
    return state >= TAKEN;
}

/* The time of a state that is made now. */
static inline uint64_t time_at(int64_t now_ms)
{
    return ((uint64_t)now_ms * SECOND / 1000) & TIME_MASK;
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

/* ---- ways ---- */

/** The client's way and its state, or NULL. */
struct way *limits_find_way(struct bucket *bucket, uint64_t client, uint64_t *state);
/** One that is nobody's, TAKEN now; NULL: all are somebody's. */
struct way *limits_take_blank(struct bucket *bucket, uint64_t now);
/** One of the client's is over. */
void limits_leave_bucket(struct bucket *bucket, uint64_t client);
struct bucket *limits_bucket_of(const struct limits *limits, uint64_t client);
