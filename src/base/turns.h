/* SPDX-License-Identifier: Apache-2.0
 * How long the turns of an event loop take: whatever becomes due in one waits for its end.
 *
 * Each thread counts its own, in one record of the thread, so that whoever does much at once can
 * say so wherever it is (turns_part()). Counting is all there is in here: whose loop it is, and
 * when a turn begins and ends, is the caller's. Times are microseconds; nothing fails. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

#define TURN_BOUNDS 9
extern const uint32_t turn_bound_ms[TURN_BOUNDS];

struct turns {
    /** n[i]: turns of more than the bound before and at most turn_bound_ms[i]; the last: of more
     *  than all bounds. */
    uint64_t n[TURN_BOUNDS + 1], sum_us;
    int64_t worst_us, worst_minute_us; /* since the start; of those that ended within 60 s */
    /** The same of the time that this thread ran: without what others took from it. */
    uint64_t n_cpu[TURN_BOUNDS + 1], sum_cpu_us;
    int64_t worst_cpu_us;
};

/** One turn has ended, at `now_ms` (monotonic): it took `us`, of which this thread ran `cpu_us`. */
void turns_add(int64_t now_ms, int64_t us, int64_t cpu_us);

/** The figures of this thread as of `now_ms`. */
void turns_look(struct turns *out, int64_t now_ms) ATTR_NONNULL;

/** Says that something of this turn, which began at `began_us` (clock_mono_us()), has ended. `what`
 *  is kept: a literal. */
void turns_part(const char *what, int64_t began_us) ATTR_NONNULL;

/** What took longest of what was said since the last call; NULL: nothing was said. */
const char *turns_longest_part(int64_t *us) ATTR_NONNULL;
