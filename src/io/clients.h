/* SPDX-License-Identifier: Apache-2.0
 * How many TCP connections there are, in all and of each client, over all workers.
 *
 * A count-min sketch of four rows: a client's number is the least of its four counters. It never
 * counts too few; too many only when all four are shared with busy clients, and the seed keeps that
 * from being arranged. With 50,000 clients of one connection each, one new client in 300,000 counts
 * as having three. Fixed memory (1 MB, of which is resident what is used), no lock. A client is an
 * IPv4 address or an IPv6 /64. */
#pragma once

#include "base/ip.h"

#include <stdatomic.h>

#define CLIENTS_ROWS 4
#define CLIENTS_ROW_BITS 16

struct clients {
    uint64_t seed;
    _Atomic(uint32_t) total;
    _Atomic(uint32_t) row[CLIENTS_ROWS][1 << CLIENTS_ROW_BITS];
};

struct clients *clients_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Counts one more connection; false, and counts nothing, when the client has `max` already. */
bool clients_enter(struct clients *clients, const struct ip *client, uint32_t max) ATTR_NONNULL;

void clients_leave(struct clients *clients, const struct ip *client) ATTR_NONNULL;

/** While there are more than `max` in all, takes one off their number; false when there are not.
 *  The caller then closes one and calls clients_leave_claimed(), or clients_unclaim(): of workers
 *  that see the same excess at once, each closes its share of it and no more. */
bool clients_claim(struct clients *clients, uint32_t max) ATTR_NONNULL ATTR_MUST_USE;

void clients_unclaim(struct clients *clients) ATTR_NONNULL;

void clients_leave_claimed(struct clients *clients, const struct ip *client) ATTR_NONNULL;

/** Connections of all clients. */
static inline uint32_t clients_total(const struct clients *clients)
{
    return atomic_load_explicit(&clients->total, memory_order_relaxed);
}
