/* SPDX-License-Identifier: Apache-2.0
 * Showing what is waited for: a line that changes on a terminal, elsewhere a line for each stage;
 * and what ^C means while a drain is waited for. */
#pragma once

#include "ctl/request.h"

/** From now on ^C says that the order for `target` stays in force, and ends the program with 130.
 */
void wait_begin_drain(const char *target) ATTR_NONNULL;

/** Takes lines of progress, for client_ask(). */
void wait_progress(void *arg, const json_t *progress);
