/* SPDX-License-Identifier: Apache-2.0
 * Programs of exec checks: where they are, and whether they can run. */
#pragma once

#include "model/model.h"

#define PROGRAM_PATH_MAX 4096

/** PATH of ours, or the usual one without. */
const char *program_search_path(void) ATTR_RETURNS_NONNULL;

/** Finds what a command names as execvp(3) does: a name without a slash in the directories of
 *  `path`. Returns 0 or a negative errno: -ENOENT; -EACCES when what was found may not be executed
 *  by us, or is none; -ENAMETOOLONG. */
int program_find(char out[PROGRAM_PATH_MAX], const char *name, const char *path) ATTR_NONNULL;

/** Refuses commands that cannot run: a program that is missing, a directory, empty or not
 *  executable, or whose `#!` line names an interpreter that is. Root judges as `server.user` sees
 *  them. Each is one error, where it is first named. Returns 0 or E_INVALID. */
int programs_check(const struct model *model, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
