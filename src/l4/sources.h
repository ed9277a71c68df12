/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times of clients by their network (IPv4 /24, IPv6 /48), in bounded memory: the
 * networks that were seen last. A writer a worker (its own table), read by the main thread, which
 * may see a value of the moment before. */
#pragma once

#include "base/ip.h"

struct rtt_sources;

/** Room for `n` networks (rounded up to a power of two), at 64 bytes each. */
struct rtt_sources *rtt_sources_new(uint32_t n);
void rtt_sources_free(struct rtt_sources *sources);
void rtt_sources_add(struct rtt_sources *sources, const struct ip *client, uint32_t rtt_us,
                     int64_t now_ms);

struct rtt_source {
    struct ip_prefix network;
    uint32_t rtt_us, min_us; /* smoothed (1/8, RFC 6298 2); the least of the last minutes */
    uint32_t n;              /* samples */
    int64_t seen_ms;
};
/** Copies the networks from entry number *at on, up to max, and returns how many; *at is moved on,
 *  to 0 at the end. */
uint32_t rtt_sources_read(const struct rtt_sources *sources, struct rtt_source *out, uint32_t max,
                          uint32_t *at);
