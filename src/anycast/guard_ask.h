/* SPDX-License-Identifier: Apache-2.0
 * How lines get to the guard: for guard_ask.c, which words them, and guard_client.c, which sends
 * them. */
#pragma once

#include "anycast/guard.h"

/** Sends it as soon as the guard reads; one of the same verb and name that waits is replaced. Takes
 *  the line. */
void guard_ask(struct guard *guard, const char *verb, const char *name,
               struct buf *line) ATTR_NONNULL;
