/* SPDX-License-Identifier: Apache-2.0
 * The command line of a daemon, and what it does before it reads anything. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct daemon_args {
    const char *path; /* -c */
    bool check;       /* --check: load, tell, and exit */
    bool done;        /* all that was asked for has been said .. */
    int status;       /* .. or what is wrong: exit with this */
};

/** Reads `-c FILE`, --check, --version and --help of `program`, and answers the latter. */
struct daemon_args daemon_args_read(int argc, char **argv, const char *program,
                                    const char *usage) ATTR_NONNULL;

/** Log, rights that nothing executed is to inherit, the service manager, heap and files. */
void daemon_set_up(void);
