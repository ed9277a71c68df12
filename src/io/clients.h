/* SPDX-License-Identifier: Apache-2.0
 * How many TCP connections each client has, over all workers.
 *
 * A count-min sketch of two rows: a client's number is the lesser of its two counters. It never
 * counts too few; too many only when both counters are shared with busy clients, and the seed keeps
 * that from being arranged. Fixed memory, no lock. A client is an IPv4 address or an IPv6 /64. */
#pragma once

#include "base/ip.h"

#include <stdatomic.h>

#define CLIENTS_ROW 8192

struct clients {
    uint64_t seed;
    _Atomic(uint16_t) row[2][CLIENTS_ROW];
};

struct clients *clients_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Counts one more connection; false, and counts nothing, when the client has `max` already. */
bool clients_enter(struct clients *clients, const struct ip *client, uint32_t max) ATTR_NONNULL;

void clients_leave(struct clients *clients, const struct ip *client) ATTR_NONNULL;
