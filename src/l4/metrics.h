/* SPDX-License-Identifier: Apache-2.0
 * The forwarder's metrics in Prometheus' text format. */
#pragma once

#include "base/buf.h"
#include "l4/plan.h"

struct metrics_facts {
    const struct registry *registry;
    const struct plan *plan; /* NULL: not yet */
    const char *version;
    int64_t now_ms, started_wall_ms; /* monotonic; wall clock */
    uint64_t n_reloads, n_reloads_failed, n_log_dropped;
};

void metrics_write(struct buf *out, const struct metrics_facts *facts) ATTR_NONNULL;
