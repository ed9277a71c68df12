/* SPDX-License-Identifier: Apache-2.0
 * Sets of WAYS networks; a new one takes the place of the one in its set that was seen least
 * lately.
 *
 * The worker writes, and the main thread reads an entry again if it was being written: `turn` is
 * odd then. Fields are stored with release and loaded with acquire in the place of fences: who
 * sees a new value of one sees that `turn` has changed. */
#include "l4/sources.h"

#include "base/arena.h"
#include "base/hash.h"
#include "l4/client.h"
#include "l4/lines.h"

#include <stdalign.h>
#include <stdatomic.h>

#define WAYS 8
/* The least is of this window and the one before it. */
#define WINDOW_MS 150000
#define RTT_MAX (UINT32_MAX / 8)
#define READ_TRIES 1000

struct entry {
    alignas(64) _Atomic uint32_t turn;
    _Atomic uint32_t rtt8; /* smoothed, eighths */
    _Atomic uint32_t min, min_before;
    _Atomic uint32_t n;
    _Atomic uint64_t network; /* as number_of() has it; 0: free */
    _Atomic int64_t seen_ms, window_ms;
};
_Static_assert(sizeof(struct entry) == 64, "a cache line");

struct rtt_sources {
    uint32_t n, set_mask;
    uint64_t seed;
    struct entry *entries;
};

struct rtt_sources *rtt_sources_new(uint32_t n)
{
    struct rtt_sources *s = xcalloc(1, sizeof *s);
    s->n = WAYS;
    while (s->n < n && s->n < UINT32_C(1) << 31)
        s->n *= 2;
    s->set_mask = s->n / WAYS - 1;
    s->seed = hash_seed();
    s->entries = lines_new((size_t)s->n * sizeof *s->entries);
    return s;
}

void rtt_sources_free(struct rtt_sources *sources)
{
    if (sources)
        free(sources->entries);
    free(sources);
}

/* ---- networks as numbers ---- */

#define V4 1 /* upper half of the number of an IPv4 client */

/* 0: of no network that one could be near to (::/48 has the loopback address). */
static uint64_t number_of(const struct ip *client)
{
    uint64_t number = client_number(client);
    if (number >> 32 == V4)
        return number & ~UINT64_C(0xff);
    return number >> 32 == 2 ? 0 : number & ~UINT64_C(0xffff);
}

static struct ip_prefix prefix_of(uint64_t number)
{
    struct ip_prefix p = {.addr = {.family = IP_V6}, .len = 48};
    uint64_t be = htobe64(number);
    if (number >> 32 == V4) {
        p = (struct ip_prefix){.addr = {.family = IP_V4}, .len = 24};
        be = htobe64(number << 32);
    }
    memcpy(p.addr.b, &be, p.len == 24 ? 4 : 8);
    return p;
}

/* ---- the writer ---- */

#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_release)

static struct entry *entry_for(const struct rtt_sources *s, uint64_t network)
{
    uint64_t h = hash_mix(hash_mix(network ^ HASH_K1, s->seed), HASH_K0);
    struct entry *set = &s->entries[(h & s->set_mask) * WAYS], *oldest = set;
    for (struct entry *e = set; e < set + WAYS; e++) {
        uint64_t is = GET(e->network);
        if (is == network || is == 0)
            return e;
        if (GET(e->seen_ms) < GET(oldest->seen_ms))
            oldest = e;
    }
    return oldest;
}

static void begin(struct entry *e, uint64_t network, uint32_t rtt_us, int64_t now_ms)
{
    PUT(e->network, network);
    PUT(e->rtt8, rtt_us * 8);
    PUT(e->min, rtt_us);
    PUT(e->min_before, UINT32_MAX);
    PUT(e->window_ms, now_ms);
    PUT(e->n, 0);
}

static void follow(struct entry *e, uint32_t rtt_us, int64_t now_ms)
{
    uint32_t rtt8 = GET(e->rtt8);
    int64_t age = now_ms - GET(e->window_ms);
    PUT(e->rtt8, rtt8 - rtt8 / 8 + rtt_us);
    if (age >= WINDOW_MS) {
        PUT(e->min_before, age < 2 * WINDOW_MS ? GET(e->min) : UINT32_MAX);
        PUT(e->min, rtt_us);
        PUT(e->window_ms, now_ms);
    } else if (rtt_us < GET(e->min)) {
        PUT(e->min, rtt_us);
    }
}

void rtt_sources_add(struct rtt_sources *sources, const struct ip *client, uint32_t rtt_us,
                     int64_t now_ms)
{
    uint64_t network = number_of(client);
    if (network == 0)
        return;
    struct entry *e = entry_for(sources, network);
    if (rtt_us > RTT_MAX)
        rtt_us = RTT_MAX;
    uint32_t turn = GET(e->turn);
    PUT(e->turn, turn + 1);
    if (GET(e->network) == network)
        follow(e, rtt_us, now_ms);
    else
        begin(e, network, rtt_us, now_ms);
    if (GET(e->n) < UINT32_MAX)
        PUT(e->n, GET(e->n) + 1);
    PUT(e->seen_ms, now_ms);
    PUT(e->turn, turn + 2);
}

/* ---- the reader ---- */

#define SEE(field) atomic_load_explicit(&(field), memory_order_acquire)

static bool copy(struct rtt_source *out, const struct entry *e)
{
    uint32_t turn = SEE(e->turn), min = SEE(e->min), before = SEE(e->min_before);
    *out = (struct rtt_source){
        .network = prefix_of(SEE(e->network)),
        .rtt_us = SEE(e->rtt8) / 8,
        .min_us = min < before ? min : before,
        .n = SEE(e->n),
        .seen_ms = SEE(e->seen_ms),
    };
    return turn % 2 == 0 && GET(e->turn) == turn;
}

/* One that is always being written is left out for this time. */
static bool read_entry(struct rtt_source *out, const struct entry *e)
{
    for (uint32_t i = 0; i < READ_TRIES; i++)
        if (copy(out, e))
            return out->n > 0;
    return false;
}

uint32_t rtt_sources_read(const struct rtt_sources *sources, struct rtt_source *out, uint32_t max,
                          uint32_t *at)
{
    uint32_t n = 0;
    while (n < max && *at < sources->n)
        n += read_entry(&out[n], &sources->entries[(*at)++]);
    if (*at >= sources->n)
        *at = 0;
    return n;
}
