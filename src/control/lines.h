/* SPDX-License-Identifier: Apache-2.0
 * Inside src/control: requests of the control socket, one a line, out of bytes that come in pieces.
 */
#pragma once

#include "base/attr.h"

#include <loadstar/control.h>

#include <stdbool.h>
#include <stdint.h>

/** bytes[at .. n) has come and is not taken yet. All zero at the start, but for `max`. */
struct lines {
    uint32_t at, n, cap;
    uint32_t max; /* bytes of a line, with its line feed; 0: LOADSTAR_CONTROL_LINE_MAX */
    char *bytes;  /* owned; what more than that takes is given back when it has been taken */
};

/** Takes the next line that is not blank: its bytes without the line feed, which hold until
 *  lines_room(). With `ended`, what follows the last line feed is a line, too. Returns NULL when no
 *  line is whole. */
const char *lines_take(struct lines *lines, bool ended, uint32_t *n) ATTR_NONNULL ATTR_MUST_USE;

/** Where more bytes go, `*n` at most (> 0); NULL when a line is too long to ever become whole. */
char *lines_room(struct lines *lines, uint32_t *n) ATTR_NONNULL ATTR_MUST_USE;

static inline uint32_t lines_max(const struct lines *lines)
{
    return lines->max ? lines->max : LOADSTAR_CONTROL_LINE_MAX;
}

void lines_free(struct lines *lines) ATTR_NONNULL;
