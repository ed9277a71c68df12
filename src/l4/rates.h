/* SPDX-License-Identifier: Apache-2.0
 * How much services do in a second, from their counters as they are looked at once a second. */
#pragma once

#include "base/vec.h"
#include "l4/member.h"

struct rate {
    const struct service_run *run;         /* compared, never looked into */
    uint64_t results, bytes_in, bytes_out; /* as they were then */
    double results_per_s, bytes_in_per_s, bytes_out_per_s;
};

struct rates {
    VEC(struct rate) v;
    int64_t at_ms; /* monotonic; 0: not yet */
};

void rates_look(struct rates *rates, const struct registry *registry, int64_t now_ms) ATTR_NONNULL;
/** As of the last look; all zero for one that was not there then. */
struct rate rates_of(const struct rates *rates, const struct service_run *run) ATTR_NONNULL;
void rates_free(struct rates *rates) ATTR_NONNULL;
