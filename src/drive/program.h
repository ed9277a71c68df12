/* SPDX-License-Identifier: Apache-2.0
 * Programs: where they are, and whether we may execute them. */
#pragma once

#include "base/attr.h"

#define PROGRAM_PATH_MAX 4096

/** PATH of ours, or the usual one without. */
const char *program_search_path(void) ATTR_RETURNS_NONNULL;

/** Whether we may execute the file of that path: 0, or -EISDIR, -EACCES (also what is no regular
 *  file), or why it cannot be looked at. */
int program_judge(const char *path) ATTR_NONNULL;

/** Finds what a command names as execvp(3) does: a name without a slash in the directories of
 *  `path`. Returns 0 or a negative errno: -ENOENT; -EACCES when what was found may not be executed
 *  by us, or is none; -ENAMETOOLONG. */
int program_find(char out[PROGRAM_PATH_MAX], const char *name, const char *path) ATTR_NONNULL;
