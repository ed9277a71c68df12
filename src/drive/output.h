/* SPDX-License-Identifier: Apache-2.0
 * What a command writes: read for as long as it runs, so that it is never kept waiting, and of
 * which its first line is kept, or all of it up to a limit. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "drive/first_line.h"

#include <stdbool.h>
#include <uv.h>

#define OUTPUT_READ_MAX 65536 /* what is read at once, as much as the kernel keeps of a pipe */

struct output {
    uv_pipe_t pipe; /* first; `data` is the owner's */
    struct first_line line;
    size_t max;      /* bytes of all of it that are kept; 0: none */
    struct buf kept; /* the owner's to free */
    /** From the loop, with `max`: there is more than that. The owner closes it. */
    void (*overflow)(struct output *output);
    char *buffer;  /* of OUTPUT_READ_MAX, which others may use in between */
    bool had_turn; /* of reading, in this turn of the loop */
    bool open;     /* to be closed by the owner: uv_close() of `pipe` */
};

/** Opens a pipe, whose other end the command gets: for close() here once it has been started.
 *  Zeroed before. Returns 0 or a negative errno; `open` says whether there is something to close,
 *  `*theirs` is -1 or to be closed, in either case. */
int output_open(struct output *output, uv_loop_t *loop, char *buffer,
                int *theirs) ATTR_NONNULL ATTR_MUST_USE;

/** Reads what is there at the command's exit, without waiting for the end, which a process that was
 *  left behind could hold off. Does not call overflow(): false when there is more than `max`. */
bool output_drain(struct output *output) ATTR_NONNULL;
