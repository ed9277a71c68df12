/* SPDX-License-Identifier: Apache-2.0
 * Durations (`250ms 5s 10m 1h 2d 1w`, bare integers are seconds), sizes (`64k 8M 1G`), shares
 * (`50%`). */
#pragma once

#include "base/attr.h"

#include <stdint.h>

/* What cannot be read leaves the result as it was. */

/** Parses a duration into milliseconds. Returns 0, E_SYNTAX, or E_RANGE past 100 years. */
int units_duration_ms(int64_t *ms, const char *text) ATTR_NONNULL ATTR_MUST_USE;

/** Parses a size in bytes; k, M, G are powers of 1024. */
int units_size(uint64_t *bytes, const char *text) ATTR_NONNULL ATTR_MUST_USE;

/** Parses `50%` or `0.5` into 0.0..1.0. */
int units_share(double *share, const char *text) ATTR_NONNULL ATTR_MUST_USE;

#define UNITS_TEXT_MAX 32
/** The shortest exact form: 1500 -> "1500ms", 300000 -> "5m". */
const char *units_duration_text(char out[UNITS_TEXT_MAX], int64_t ms) ATTR_NONNULL;
/** For people, two largest units: "3d 4h", "12m 5s", "250ms". */
const char *units_age_text(char out[UNITS_TEXT_MAX], int64_t ms) ATTR_NONNULL;

/** What a noun ends in after a number: "1 zone", "2 zones". */
static inline const char *units_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}
