/* SPDX-License-Identifier: Apache-2.0
 * What client networks have been sent beyond what they asked with: one table for all workers.
 *
 * A network (IPv4 /24, IPv6 /56) has a level: the bytes by which answers to it are longer than the
 * queries that seem to come from there, answers that were kept back included. It falls to 1/e in
 * each span (burst / bytes_per_second), so that a steady flow of `bytes_per_second` comes to
 * `burst` and stays there: a network above that is limited, until the demand itself subsides. As
 * what falls by a share is the same whether it is added up before or after, one table is right
 * however a network's queries are spread over the workers; and as levels are shares of the burst,
 * for any configuration.
 *
 *     bucket   | tag 20 | tick 22 | level 22 |     one word, so that it is read and written whole
 *
 * A network has two buckets that it may be in. One that is in neither takes the lower of them, and
 * none that is nearly full unless it brings more: who fills the table with networks does not push
 * out the one that is flooded. The hash is keyed by the process.
 *
 * Words are loaded and stored relaxed, without read-modify-write: of two workers that charge one
 * network in the same instant one may be forgotten, which only delays the limit of a network that
 * is being flooded. Small charges are drawn for (see rate_policy.grain), so that ordinary answers
 * rarely touch the table, and one core rarely takes a line from another. */
#pragma once

#include "base/hash.h"
#include "base/ip.h"
#include "snapshot/limits.h"

#include <stdatomic.h>

#define LIMITER_BUCKETS (1u << 16)
#define LIMITER_ACTING 16 /* networks that are told apart when they are limited */

/** A network that was limited, and about how many answers to it were kept back since. */
struct limiter_acting {
    _Atomic uint64_t network; /* as limiter_network() */
    _Atomic uint64_t n;
};

struct limiter {
    uint64_t seed;
    ATTR_CACHELINE _Atomic int64_t pressed_until_ms; /* while a network may be over its allowance */
    ATTR_CACHELINE struct limiter_acting acting[LIMITER_ACTING];
    ATTR_CACHELINE _Atomic uint64_t bucket[LIMITER_BUCKETS];
};

/** An empty one, or NULL: no memory. Freed with limiter_free(), when no worker uses it any more. */
struct limiter *limiter_new(void) ATTR_MUST_USE;
void limiter_free(struct limiter *limiter);

/** The network of an address as a number; never 0. */
static inline uint64_t limiter_network(const struct ip *ip)
{
    uint64_t x = hash_load64(ip->b);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    x &= ip->family == IP_V4 ? 0xffffff : UINT64_C(0xffffffffffffff);
    return x | (uint64_t)ip->family << 56;
}

/** And back. */
struct ip_prefix limiter_prefix(uint64_t network);

/** The number of the tick that `now_ms` (wall clock) lies in. */
static inline uint32_t limiter_tick(const struct rate_policy *policy, int64_t now_ms)
{
    __extension__ unsigned __int128 ticks = (unsigned __int128)(uint64_t)now_ms;
    return (uint32_t)(ticks * policy->ticks_per_ms >> 32);
}

/** A value that `ticks` have passed over. */
uint64_t limiter_decay(uint64_t value, uint32_t ticks) ATTR_HOT;

/** Fetches what limiter_charge() will look at. Returns the network's hash. */
uint64_t limiter_prefetch(const struct limiter *limiter, uint64_t network) ATTR_NONNULL ATTR_HOT;

/** Adds to the level of the network that has the hash, in the given tick. Returns the level. */
uint32_t limiter_charge(struct limiter *limiter, const struct rate_policy *policy, uint64_t hash,
                        uint32_t bytes, uint32_t tick) ATTR_NONNULL ATTR_HOT;

/** To be told when a charge leaves a level at LEVEL_FULL or above. */
void limiter_press(struct limiter *limiter, const struct rate_policy *policy, uint64_t network,
                   int64_t now_ms) ATTR_NONNULL ATTR_COLD;

/** A network's level: from LEVEL_FULL on it is limited. */
uint32_t limiter_level(const struct limiter *limiter, uint64_t network,
                       uint32_t tick) ATTR_NONNULL ATTR_HOT;

/** False: no network is limited now. */
static inline bool limiter_is_pressed(const struct limiter *limiter, int64_t now_ms)
{
    return atomic_load_explicit(&limiter->pressed_until_ms, memory_order_relaxed) > now_ms;
}

/** Notes for limiter.acting that an answer to a network was kept back; `draw` is a random number.
 */
void limiter_note(struct limiter *limiter, uint64_t network, uint64_t draw) ATTR_NONNULL ATTR_COLD;

/** Whether an address is never limited, whatever its network's level. */
static inline bool limiter_is_exempt(const struct rate_policy *policy, const struct ip *ip)
{
    return policy->exempt && lpm_lookup(policy->exempt, ip).value != 0;
}
