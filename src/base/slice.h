/* SPDX-License-Identifier: Apache-2.0
 * A borrowed run of bytes. Never NUL-terminated by contract; whoever made it owns the bytes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p;
    uint32_t n;
};

static inline struct slice slice_of(const void *p, size_t n)
{
    return (struct slice){p, (uint32_t)n};
}

static inline struct slice slice_str(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/** Whether `in` begins with `text`, which is then taken off. */
static inline bool slice_take(struct slice *in, const char *text)
{
    uint32_t n = (uint32_t)strlen(text);
    if (in->n < n || (n > 0 && memcmp(in->p, text, n) != 0))
        return false;
    in->p += n;
    in->n -= n;
    return true;
}
