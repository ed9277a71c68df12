/* SPDX-License-Identifier: Apache-2.0
 * What is kept of a command's output: its first line that is not empty, or the one that tells most,
 * cut to what is shown. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FIRST_LINE_MAX 256 /* with the NUL */

/** How much a line tells; the first of those that tell most is kept. */
typedef unsigned line_rank_fn(const char *line);

struct first_line {
    char text[FIRST_LINE_MAX]; /* as it came, NUL-terminated */
    uint32_t n;
    bool complete; /* its end has come: nothing after it counts */
    /* For lines that are ranked: `text` is the best so far, and never complete. */
    line_rank_fn *rank; /* NULL: the first line is kept */
    char next[FIRST_LINE_MAX];
    uint32_t n_next;
    unsigned best; /* 1 + the rank of `text`; 0: there is none */
};

/** The end of a line, or of the output. */
static inline void first_line_end(struct first_line *line)
{
    if (!line->rank || line->n_next == 0)
        return;
    line->next[line->n_next] = '\0';
    unsigned rank = 1 + line->rank(line->next);
    if (rank > line->best) {
        memcpy(line->text, line->next, line->n_next + 1);
        line->n = line->n_next;
        line->best = rank;
    }
    line->n_next = 0;
}

/** Takes the next `n` bytes of the output. */
static inline void first_line_feed(struct first_line *line, const char *p, size_t n)
{
    char *text = line->rank ? line->next : line->text;
    uint32_t *length = line->rank ? &line->n_next : &line->n;
    for (size_t i = 0; i < n && !line->complete; i++) {
        if (p[i] == '\n' && line->rank)
            first_line_end(line);
        else if (p[i] == '\n' && *length > 0)
            line->complete = true;
        else if (p[i] != '\n' && *length < FIRST_LINE_MAX - 1)
            text[(*length)++] = p[i];
    }
    text[*length] = '\0';
}
