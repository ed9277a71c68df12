/* SPDX-License-Identifier: Apache-2.0
 * The clock of health's tests as it is: for tests with threads, which wait in the kernel. */
#include "../health/settable_clock.h"

#include "base/clock.h"

#include <unistd.h>

void settable_clock_advance_us(int64_t us)
{
    usleep((useconds_t)us);
}

void settable_clock_advance_ms(int64_t ms)
{
    settable_clock_advance_us(ms * 1000);
}

int64_t settable_clock_real_ms(void)
{
    return clock_mono_ms();
}
