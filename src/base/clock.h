/* SPDX-License-Identifier: Apache-2.0
 * Time. Monotonic for intervals; wall-clock seconds for what is shown, saved or shared. */
#pragma once

#include <stdint.h>

/** Milliseconds and microseconds since an arbitrary point; never go back. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/** Seconds and milliseconds since the epoch. */
int64_t clock_wall_s(void);
int64_t clock_wall_ms(void);

#define CLOCK_TEXT_MAX 32
/** Formats epoch milliseconds as RFC 3339 UTC with milliseconds: 2026-01-31T23:59:59.123Z. */
const char *clock_text(char out[CLOCK_TEXT_MAX], int64_t wall_ms);
