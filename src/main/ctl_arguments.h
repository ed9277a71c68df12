/* SPDX-License-Identifier: Apache-2.0
 * loadstarctl's command line, as a request. */
#pragma once

#include "ctl/request.h"
#include "main/ctl_commands.h"

struct arguments {
    const char *socket; /* NULL: not named */
    bool json, help, version;
    const struct command *command; /* NULL: none was given */
    json_t *request;               /* owned */
    json_t *own;                   /* owned: what is for loadstarctl itself */
    unsigned n_positional;
};

/** Reads the command line into *args, whose `request` and `own` are objects. Returns an exit code;
 * has said what is wrong where it is not EXIT_DONE. */
int arguments_read(struct arguments *args, int argc, char **argv) ATTR_NONNULL ATTR_MUST_USE;

/** Whether there is a command, with all that it needs: what the daemon would refuse as malformed is
 *  wrong usage here. Fills *request. Returns an exit code, as arguments_read(). */
int arguments_check(const struct arguments *args,
                    struct ctl_request *request) ATTR_NONNULL ATTR_MUST_USE;
