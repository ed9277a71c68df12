/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times of a tier's clients by their network, as the tier tells them: the latest of each
 * network, for an hour, of so many networks. Immutable, held; on any thread. */
#pragma once

#include "base/ip.h"

#include <stdatomic.h>

#define CLIENT_RTTS_MAX 4096                         /* networks: about 200 KB; the oldest go */
#define CLIENT_RTTS_FORGET_MS (INT64_C(3600) * 1000) /* without news */

struct client_rtt {
    struct ip_prefix network; /* IPv4 /24, IPv6 /48 */
    uint32_t rtt_us, min_us;  /* smoothed; the least of the last minutes */
    uint32_t n;               /* samples */
    int64_t seen_ms;          /* the last one; wall clock */
};

struct client_rtts {
    atomic_uint n_holds;
    uint32_t n;
    struct client_rtt v[]; /* ascending by client_rtt_order(), each network once */
};

/** Orders networks; of two struct client_rtt. */
int client_rtt_order(const void *a, const void *b) ATTR_NONNULL ATTR_PURE;

/** What was known (NULL: nothing) with `n` news, in any order, which are put in order; what was
 *  seen later than now was seen now. */
struct client_rtts *client_rtts_with(const struct client_rtts *before, struct client_rtt *news,
                                     uint32_t n, int64_t now_ms)
    __attribute__((nonnull(2))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Whether it was not forgotten by now. */
bool client_rtt_is_fresh(const struct client_rtt *rtt, int64_t now_ms) ATTR_NONNULL ATTR_PURE;

struct client_rtts *client_rtts_hold(struct client_rtts *rtts); /* NULL: NULL */
void client_rtts_release(struct client_rtts *rtts);
