/* SPDX-License-Identifier: Apache-2.0
 * A temporary directory that a test works in. */
#pragma once

#include <stddef.h>

/** Makes a directory and goes there. */
void files_enter(void);

/** Writes a file; makes the directory that its path names. */
void files_write(const char *path, const void *data, size_t n);
void files_write_text(const char *path, const char *text);

/** Goes back and removes the directory. */
void files_leave(void);
