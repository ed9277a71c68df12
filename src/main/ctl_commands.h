/* SPDX-License-Identifier: Apache-2.0
 * What loadstarctl can do: its commands with their arguments and help. The completion scripts
 * (contrib/completion) and the manual (contrib/man/loadstarctl.8) list the same. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum option_kind {
    OPTION_VALUE,    /* --NAME VALUE, --NAME=VALUE: sets the member to it */
    OPTION_FLAG,     /* --NAME: to true */
    OPTION_OPTIONAL, /* --NAME: to true, --NAME=VALUE: to it */
    OPTION_OWN,      /* as OPTION_VALUE, not of the request: for loadstarctl itself */
    OPTION_OWN_FLAG  /* likewise */
};

struct option {
    const char *name, *key; /* what it sets, of the request or of `own` */
    enum option_kind kind;
};

struct command {
    const char *name, *usage, *what;
    const char *positional[2]; /* members of the request, in order; the first `required` must be */
    unsigned required;
    const struct option *options; /* the last one has no name */
    const char *help;
    const char *list; /* the member of the result that comes page by page; NULL: none */
};

/** NULL: there is no such command. */
const struct command *command_find(const char *name);

/** The name of the command that was meant by one that there is not; NULL: none is near. */
const char *command_nearest(const char *name);
/** Likewise, the option of a command. */
const char *option_nearest(const struct command *command, const char *name);

/** All commands, a line each. */
void commands_print(FILE *out);

/** How one is called, what it does, and examples. */
void command_print(FILE *out, const struct command *command);
