/* SPDX-License-Identifier: Apache-2.0
 * The line of a file that a message is about, with a caret under the column: for terminals. */
#pragma once

#include "base/diag.h"

/** Writes the line of `at` and a caret line with `note` ("" for none) below it. Nothing when the
 * file cannot be read, or has no such line. Long lines are cut around the column. */
void excerpt_print(FILE *out, struct span at, const char *note) ATTR_NONNULL;
