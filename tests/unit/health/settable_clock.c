/* SPDX-License-Identifier: Apache-2.0
 * A clock that a test sets. */
#include "settable_clock.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t mono_us, wall_us;

static int64_t real_us(clockid_t id)
{
    struct timespec t = {0};
    syscall(SYS_clock_gettime, id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

__attribute__((constructor)) static void begin(void)
{
    mono_us = real_us(CLOCK_MONOTONIC);
    wall_us = real_us(CLOCK_REALTIME);
}

/* Exported, so that libuv finds this one, too. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *t)
{
    int64_t us;
    if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_MONOTONIC_RAW)
        us = mono_us;
    else if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
        us = wall_us;
    else
        return (int)syscall(SYS_clock_gettime, id, t);
    t->tv_sec = us / 1000000;
    t->tv_nsec = us % 1000000 * 1000;
    return 0;
}

void settable_clock_advance_us(int64_t us)
{
    mono_us += us;
    wall_us += us;
}

void settable_clock_advance_ms(int64_t ms)
{
    settable_clock_advance_us(ms * 1000);
}

void settable_clock_set_mono_ms(int64_t ms)
{
    mono_us = ms * 1000;
}

void settable_clock_step_wall_ms(int64_t ms)
{
    wall_us += ms * 1000;
}

int64_t settable_clock_real_ms(void)
{
    return real_us(CLOCK_MONOTONIC) / 1000;
}
