/* SPDX-License-Identifier: Apache-2.0
 * The state directory before anything relies on it: what a load says of `server.state_dir`. */
#pragma once

#include "base/diag.h"
#include "model/model.h"

#define STATE_RULES "overrides.json"
#define STATE_HEALTH "health.json"
#define STATE_NODE "node" /* the name of this one, drawn once */

/** Whether the directory is one, or can be made; whether it can be written; and whether what is in
 *  it can be read, as whoever runs this sees it. Leaves nothing behind, makes nothing, follows no
 *  link in the directory. Returns 0, or E_INVALID after an error at the key's place. A disk that is
 *  full is a warning: it may have room again when the first order comes, and answers need none. */
int state_dir_check(const struct model *model, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Makes the directory if it is missing. Returns 0, or E_SYSTEM (errno) when there is none then. */
int state_dir_make(const char *path) ATTR_NONNULL ATTR_MUST_USE;

/** Tries to write there, and leaves nothing behind. Returns 0, or an errno. */
int state_dir_try(const char *path) ATTR_NONNULL;
