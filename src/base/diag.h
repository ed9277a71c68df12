/* SPDX-License-Identifier: Apache-2.0
 * Errors with their positions. Everything that reads files reports into one `struct diags`, so that
 * all errors of a file are listed, not the first.
 *
 * Functions that can fail return 0 or a negative E_* code; a count is never mixed with a code. */
#pragma once

#include "base/arena.h"

#include <stdio.h>

enum {
    E_SYNTAX = -1,   /* bytes that are not of the format */
    E_RANGE = -2,    /* well-formed, but out of bounds */
    E_NOTFOUND = -3, /* names something that does not exist */
    E_EXISTS = -4,   /* defined twice */
    E_SPACE = -5,    /* the output does not fit */
    E_SYSTEM = -6,   /* a system call failed; errno says why */
    E_INVALID = -7,  /* consistent in itself, but not allowed here */
};

/** A place in a file; lines and columns count from 1, 0 means unknown. `file` lives in an arena. */
struct span {
    const char *file;
    uint32_t line, column;
};

enum diag_severity { DIAG_WARNING, DIAG_ERROR };

struct diag {
    enum diag_severity severity;
    struct span span;
    const char *text; /* what is wrong, what was expected; escaped (base/escape.h) */
    struct span also; /* a second place that it is about; no line: there is none */
    const char *also_text;
};

/** Growing list of diagnostics. Texts live in the list's own arena. */
struct diags {
    struct arena *arena;
    struct diag *v;
    size_t n, cap;
    unsigned n_errors, n_warnings;
};

void diags_init(struct diags *diags) ATTR_NONNULL;
void diags_free(struct diags *diags) ATTR_NONNULL;

/** Adds copies of all that `from` has. */
void diags_append(struct diags *to, const struct diags *from) ATTR_NONNULL;

void diag_error(struct diags *diags, struct span span, const char *fmt, ...) ATTR_NONNULL ATTR_COLD
    ATTR_PRINTF(3, 4);
void diag_warning(struct diags *diags, struct span span, const char *fmt,
                  ...) ATTR_NONNULL ATTR_COLD ATTR_PRINTF(3, 4);

/** Says what the diagnostic just added has to do with a second place; shown where lines of the file
 *  are (base/excerpt.h): the text of the diagnostic names the place by itself. */
void diag_also(struct diags *diags, struct span span, const char *text) ATTR_NONNULL ATTR_COLD;

/** Renders `FILE:LINE:COLUMN: [warning: ]text` (parts that are unknown left out) into `arena`. */
const char *diag_text(struct arena *arena, const struct diag *diag) ATTR_NONNULL;

/** Prints every diagnostic, one a line, in the order of file position where they share a file. */
void diags_print(const struct diags *diags, FILE *out) ATTR_NONNULL;

/** The same for a terminal: below each its line of the file, and a caret under the column. */
void diags_show(const struct diags *diags, FILE *out) ATTR_NONNULL;

/** Logs every diagnostic, each on its own line. */
void diags_log(const struct diags *diags) ATTR_NONNULL;
