/* SPDX-License-Identifier: Apache-2.0
 * Inside src/control: requests of the control socket, one a line, out of bytes that come in pieces.
 */
#pragma once

#include "base/attr.h"

#include <loadstar/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the room of many for lines takes, each beyond LOADSTAR_CONTROL_LINE_MAX. */
struct lines_budget {
    size_t kept_b, max_b;
};

/** bytes[at .. n) has come and is not taken yet. All zero at the start, but for `max`, `budget`. */
struct lines {
    uint32_t at, n, cap;
    uint32_t seen; /* bytes[at .. seen) are known to end no line, if it is beyond `at` */
    uint32_t max;  /* bytes of a line, with its line feed; 0: LOADSTAR_CONTROL_LINE_MAX */
    struct lines_budget *budget; /* NULL: none */
    char *bytes; /* owned; what more than that takes is given back when it has been taken */
};

/** Takes the next line that is not blank: its bytes without the line feed, which hold until
 *  lines_room(). With `ended`, what follows the last line feed is a line, too. Returns NULL when no
 *  line is whole. */
const char *lines_take(struct lines *lines, bool ended, uint32_t *n) ATTR_NONNULL ATTR_MUST_USE;

/** Where more bytes go, `*n` at most (> 0); NULL when a line is too long to ever become whole, or
 *  the budget does not allow the room. */
char *lines_room(struct lines *lines, uint32_t *n) ATTR_NONNULL ATTR_MUST_USE;

/** Gives back the room of lines that are all taken, and not looked at any more. */
void lines_trim(struct lines *lines) ATTR_NONNULL;

static inline uint32_t lines_max(const struct lines *lines)
{
    return lines->max ? lines->max : LOADSTAR_CONTROL_LINE_MAX;
}

/** Whether a line of the longest has come, and has no end. */
static inline bool lines_are_too_long(const struct lines *lines)
{
    return lines->n - lines->at == lines_max(lines);
}

/** Whether a part of a line waits for the rest. */
static inline bool lines_are_partial(const struct lines *lines)
{
    return lines->at < lines->n;
}

void lines_free(struct lines *lines) ATTR_NONNULL;
