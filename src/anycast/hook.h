/* SPDX-License-Identifier: Apache-2.0
 * The commands that run around a change: on_announce before the prefixes are told, on_withdraw
 * after. One of a set at a time. They are told what of in their environment, never by arguments:
 *
 *   LOADSTAR_SET       the set's name
 *   LOADSTAR_CHANGE    "announce" or "withdraw"
 *   LOADSTAR_PREFIXES  with blanks between
 *   LOADSTAR_SITE      "" when it has none */
#pragma once

#include "anycast/spec.h"
#include "drive/command.h"

struct hook;

/** Runs the one or the other, which must have a command. `done` runs on the loop, once: with what
 *  went wrong, "" for nothing. */
struct hook *hook_run(struct drive *drive, const struct anycast_spec *spec, bool announce,
                      void (*done)(void *ctx, const char *error), void *ctx)
    __attribute__((nonnull(1, 2, 4))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Kills it; `done` is not called. Not after `done`. */
void hook_cancel(struct hook *hook) ATTR_NONNULL;
