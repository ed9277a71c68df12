/* SPDX-License-Identifier: Apache-2.0
 * Digits, and numbers of nothing but digits: no sign, no blank, no locale. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

static inline bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}

/** The value of a hexadecimal digit of either case; -1: it is none. */
static inline int hex_digit(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** The whole of a text as a decimal number of at most `max`; otherwise false, and *out stays. */
static inline bool decimal_parse(struct slice text, uint64_t max, uint64_t *out)
{
    uint64_t x = 0;
    for (uint32_t i = 0; i < text.n; i++) {
        if (!is_digit(text.p[i]) || __builtin_mul_overflow(x, 10, &x) ||
            __builtin_add_overflow(x, (uint64_t)(text.p[i] - '0'), &x) || x > max)
            return false;
    }
    if (text.n > 0)
        *out = x;
    return text.n > 0;
}
