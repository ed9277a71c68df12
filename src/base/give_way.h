/* SPDX-License-Identifier: Apache-2.0
 * Who runs first on a core that is short of time: threads that can wait give way to those that
 * answer, in pieces; one goes before them. */
#pragma once

#include "base/attr.h"

#include <stddef.h>
#include <stdint.h>

/** Lets the calling thread, and those that it starts from now on, give way to threads of usual
 *  priority on their cores: for good, as it takes rights to undo it. They get all that the others
 *  leave, and about a tenth when these leave nothing, so that no one starves. */
void give_way(void);

/** Lets the calling thread go before threads of usual priority on its core; those that it starts,
 * and processes, are of usual priority again. For one with little to do that others wait for.
 * Without the right (CAP_SYS_NICE or RLIMIT_NICE) nothing changes. */
void go_first(void);

/** Runs work(arg) on a thread that gives way, and waits for its end: for threads that are to keep
 *  their usual priority, like those of libuv's pool. */
void give_way_run(void (*work)(void *arg), void *arg) __attribute__((nonnull(1)));

extern _Thread_local uint32_t give_way_calls;
void give_way_pause(void) ATTR_COLD;

/** To be called in every turn of a loop of many that takes under a microsecond each. A thread that
 *  gives way then sleeps for a moment after each third of a millisecond: a kernel that does not
 *  preempt on its own, as those of servers, would let the others wait for its next tick, 4 ms with
 *  250 of them a second. To other threads it does nothing. */
static inline void give_way_often(void)
{
    if (UNLIKELY((++give_way_calls & 255) == 0))
        give_way_pause();
}

/** As free() of `n` bytes from malloc(), giving way in between: the kernel takes some 0.1 ms a
 *  megabyte to take pages back, and does not stop for others. */
void give_way_free(void *p, size_t n);

/** As memcpy(), giving way in between: for megabytes. */
void give_way_copy(void *to, const void *from, size_t n) ATTR_NONNULL;
