/* SPDX-License-Identifier: Apache-2.0
 * What loadstarctl prints of replies: text for people, or JSON. */
#pragma once

#include "ctl/request.h"

enum {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,
    EXIT_USAGE = 2,
    EXIT_CHANGES = 3, /* tiers --diff */
    EXIT_UNKNOWN = 3  /* healthy */
};

/** Prints a reply, which it may change. Returns an exit code. */
int output_reply(enum ctl_command command, json_t *reply, bool as_json) ATTR_NONNULL ATTR_MUST_USE;

/** Prints a result: text for people, or JSON. Returns an exit code. */
int output_result(enum ctl_command command, json_t *result,
                  bool as_json) ATTR_NONNULL ATTR_MUST_USE;

/** An error of our own, on standard error; it may quote what was typed. */
void output_error(const char *text) ATTR_NONNULL;

/** A line of what is going on, on standard error. */
void output_line(const char *text) ATTR_NONNULL;

/** Whether somebody watches what takes long. */
bool output_is_watched(void);
/** Shows what is being done, in one line of the terminal that watches; NULL: nothing any more. */
void output_step(const char *step);
