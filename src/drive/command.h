/* SPDX-License-Identifier: Apache-2.0
 * Commands on a drive's loop: with input, a time limit, and bounded output. A command is a group of
 * processes that ends as a whole (process.h). */
#pragma once

#include "base/slice.h"
#include "drive/drive.h"
#include "drive/first_line.h"

#define COMMAND_LINE_MAX 256 /* kept of the first line of its output, NUL included */
#define COMMAND_TEXT_MAX (COMMAND_LINE_MAX + 64)

struct command_spec {
    const char *const *argv; /* ends with NULL; copied */
    const char *const *env;  /* NAME=VALUE, beside PATH, HOME and LANG of ours; ends with NULL.
                                NULL: none */
    const void *input;       /* on its standard input; copied. It need not read it. NULL: it reads
                                /dev/null */
    size_t n_input;
    uint32_t timeout_ms;
    line_rank_fn *rank; /* which line of its output tells most; NULL: the first */
    size_t max_output;  /* bytes of its standard output, which is kept whole and shown to `done`; a
                           command that writes more is killed. 0: it is not kept */
};

struct command_result {
    int error;      /* errno: it could not be started; ECANCELED: by drive_stop(); else 0 */
    bool timed_out; /* and was killed */
    int status;     /* of its exit; -1 when a signal ended it */
    int signal;
    uint32_t timeout_ms;
    char line[COMMAND_LINE_MAX]; /* the first line that is not empty of what it wrote to stderr,
                                    else to stdout, or the one of the highest rank; escaped for logs
                                    (base/escape.h); "" */
    bool too_much;               /* it wrote more than max_output, and was killed */
    struct slice output;         /* all that it wrote to stdout, as it came; during `done` */
};

struct command;

/** Starts it; `done` runs on the loop, once, also when it could not be started, and not before this
 *  returns. */
struct command *command_run(struct drive *drive, const struct command_spec *spec,
                            void (*done)(void *ctx, const struct command_result *result), void *ctx)
    __attribute__((nonnull(1, 2, 3))) ATTR_RETURNS_NONNULL;

/** Kills it; `done` is not called. Not after `done`. */
void command_cancel(struct command *command) ATTR_NONNULL;

/** Whether it went well. */
static inline bool command_ok(const struct command_result *result)
{
    return !result->error && !result->timed_out && !result->too_much && result->status == 0;
}

/** What went wrong in one line: "exited with 1: LINE", "took longer than 5 s, and was killed". */
const char *command_text(char out[COMMAND_TEXT_MAX],
                         const struct command_result *result) ATTR_NONNULL;
