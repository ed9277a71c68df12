/* SPDX-License-Identifier: Apache-2.0
 * A clock that a test sets: it stands still until it is moved.
 *
 * It takes the place of clock_gettime(2) in the program that is linked with it, for base/clock and
 * for libuv's timers alike, and costs what is tested nothing. What blocks in the kernel (usleep,
 * poll, SO_RCVTIMEO) goes by real time as ever, and so do certificates (time(2)). */
#pragma once

#include <stdint.h>

/** Moves both clocks on. They begin at real time. */
void settable_clock_advance_ms(int64_t ms);
void settable_clock_advance_us(int64_t us);
/** Sets the monotonic clock, as if the machine had been booted just so long ago. */
void settable_clock_set_mono_ms(int64_t ms);
/** Moves the wall clock alone, either way. */
void settable_clock_step_wall_ms(int64_t ms);
/** The real monotonic clock, for limits on what a test waits for. */
int64_t settable_clock_real_ms(void);
