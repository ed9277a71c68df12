/* SPDX-License-Identifier: Apache-2.0
 * What keeps the server from being a reflector, as configured: the allowance of a client network
 * and the secrets of DNS cookies. Compiled with a snapshot, read by workers; what is known of
 * clients lies beside it, in answer/limiter.h, and outlives reloads. */
#pragma once

#include "base/lpm.h"
#include "base/siphash.h"

#include <assert.h>
#include <stdbool.h>

#define COOKIE_SECRET_LEN 16 /* RFC 9018 4.4: SipHash-2-4 has keys of 128 bits */

/* A network's level is measured in parts of what it may run up at once (`burst`), so that it keeps
 * its meaning when that changes. */
#define LEVEL_FULL (1u << 20) /* the burst */
#define LEVEL_MAX                                                                  \
    (2 * LEVEL_FULL - 1u) /* levels end here: a flood is forgotten 0.7 spans later \
                           */
#define LEVEL_TICKS 32    /* a span, in which a level falls to 1/e, has so many */

struct rate_policy {
    bool on, log_only;
    uint32_t slip;               /* of so many answers kept back one goes out truncated; 0: none */
    uint32_t grain;              /* bytes, a power of two: what costs less is drawn for */
    uint32_t bytes_per_s, burst; /* as configured: what may be amplified, for a network */
    uint32_t span_ms;            /* burst / bytes_per_s, at least 1 */
    uint64_t ticks_per_ms;       /* 32.32 fixed point */
    uint64_t levels_per_byte;    /* 44.20 fixed point */
    uint64_t ceiling_bytes;      /* of one worker's level of all networks together */
    const struct lpm *exempt;    /* value 1: never limited */
};

/** Keys that cookies are checked with, in this order; the first makes new ones. */
struct cookie_policy {
    bool on;
    uint32_t n;
    struct siphash_key key[3];
};

struct limits {
    struct rate_policy rate;
    struct cookie_policy cookies;
};
