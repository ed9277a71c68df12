/* SPDX-License-Identifier: Apache-2.0
 * Watches the turns of the control thread's loop (base/turns.h): from the end of one wait for
 * events to the beginning of the next. A turn of over 100 ms is logged with what took longest in
 * it, once a minute at most. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <uv.h>

#define TURN_SIGNALS 4 /* that may come */

struct turn_watch {
    uv_prepare_t prepare;
    uint64_t at_ns, waited_ns, cpu_ns;
    int64_t told_ms;
    uv_signal_t signals[TURN_SIGNALS];
    bool was_interrupted; /* by a signal, in this turn or in the wait before it */
};

/** Before the loop first runs. */
void turn_watch_start(struct turn_watch *watch, uv_loop_t *loop) ATTR_NONNULL;
void turn_watch_stop(struct turn_watch *watch) ATTR_NONNULL;
