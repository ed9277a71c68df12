/* SPDX-License-Identifier: Apache-2.0
 * Arguments of commands, out of untrusted JSON. Pure. */
#pragma once

#include "base/attr.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_ERROR_MAX 256
#define COMMAND_TEXT_MAX 1024 /* of a text, with NUL */

enum command_arg_kind {
    ARG_TEXT,     /* char[COMMAND_TEXT_MAX]; not empty */
    ARG_NUMBER,   /* uint64_t, at most `max` */
    ARG_FLAG,     /* bool */
    ARG_DURATION, /* int64_t: milliseconds, 1 s .. 366 d */
    ARG_WEIGHT,   /* int64_t: 0..WEIGHT_MAX, or COMMAND_WEIGHT_AUTO of "auto" */
};
#define COMMAND_WEIGHT_AUTO (-1)

struct command_arg {
    const char *key; /* NULL ends a list */
    enum command_arg_kind kind;
    void *to; /* left as it is when it is not given */
    bool is_required;
    uint64_t max;
};

/** Reads an object, whose "command" is known. Returns 0; or E_SYNTAX, E_RANGE or E_INVALID with
 *  what is wrong, and what was expected, in `error`. */
int command_args_read(const json_t *object, const struct command_arg *args,
                      char error[COMMAND_ERROR_MAX]) ATTR_NONNULL ATTR_MUST_USE;

#define COMMAND_PAGE_MAX 10000

/** Reads those of a page: *limit, 1..COMMAND_PAGE_MAX, and `after`; each is left as it is when it
 *  is not given. Otherwise as command_args_read(). */
int command_page_read(const json_t *object, uint64_t *limit, char after[COMMAND_TEXT_MAX],
                      char error[COMMAND_ERROR_MAX]) ATTR_NONNULL ATTR_MUST_USE;
