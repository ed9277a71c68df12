/* SPDX-License-Identifier: Apache-2.0
 * Whether a thread that is to take what is queued for it does: looked at every now and then, by
 * another thread, from what it counts anyway. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STALL_MS 1000 /* with something queued, and no turn */

/** What was seen so far; zeroed. The one's who looks. */
struct stall {
    uint64_t turns;
    int64_t since_ms; /* of the first look that found something queued after these turns; 0: none */
};

/** `turns` rises with each turn of the thread. Returns whether it is stalled. */
static inline bool stall_look(struct stall *stall, uint64_t turns, bool queued, int64_t now_ms)
{
    bool goes_on = !queued || turns != stall->turns;
    stall->turns = turns;
    if (goes_on || !stall->since_ms)
        stall->since_ms = queued ? now_ms : 0;
    return queued && now_ms - stall->since_ms >= STALL_MS;
}
