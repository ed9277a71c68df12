/* SPDX-License-Identifier: Apache-2.0
 * The reason in a command's output: its first line that is not empty, cut to what a reason holds.
 */
#pragma once

#include "health/state.h"

struct exec_line {
    char text[REASON_MAX]; /* as it came, NUL-terminated */
    uint32_t n;
    bool complete; /* its end has come: nothing after it counts */
};

/** Takes the next `n` bytes of the output. */
static inline void exec_line_feed(struct exec_line *line, const char *p, size_t n)
{
    for (size_t i = 0; i < n && !line->complete; i++) {
        if (p[i] == '\n' && line->n > 0)
            line->complete = true;
        else if (p[i] != '\n' && line->n < sizeof line->text - 1)
            line->text[line->n++] = p[i];
    }
    line->text[line->n] = '\0';
}
