/* SPDX-License-Identifier: Apache-2.0
 * Bytes of a stream cut into lines, of which the longest is known. Whatever the pieces, the lines
 * are the same. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct line_split {
    char *text; /* room for max + 2 bytes, the owner's: a line, its CR, and the NUL */
    size_t n;   /* of a line whose end has not come */
    size_t max;
    bool skips;      /* a line that is too long or has a NUL is left out; else it ends all */
    bool in_skipped; /* and its end has not come */
};

enum line_split_end {
    LINE_SPLIT_MORE,   /* all bytes are taken */
    LINE_SPLIT_ENOUGH, /* `line` said so; what follows is lost */
    LINE_SPLIT_LONG,   /* a line is longer than `max`; not if it skips */
    LINE_SPLIT_NUL     /* a line has a NUL; not if it skips */
};

/** Gives each whole line to `line`, without its LF or CRLF, NUL-terminated; it returns false when
 *  it has enough. After another end than LINE_SPLIT_MORE nothing may be fed any more. */
enum line_split_end line_split_feed(struct line_split *split, const char *p, size_t n,
                                    bool (*line)(void *ctx, char *line, size_t n), void *ctx)
    __attribute__((nonnull(1, 4)));
