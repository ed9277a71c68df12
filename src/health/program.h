/* SPDX-License-Identifier: Apache-2.0
 * Programs of exec checks, of tiers and of anycast: whether they can run. */
#pragma once

#include "model/model.h"

/** Refuses commands that cannot run: a program that is missing, a directory, empty or not
 *  executable, or whose `#!` line names an interpreter that is. Root judges as `server.user` sees
 *  them. Each is one error, where it is first named. Returns 0 or E_INVALID. */
int programs_check(const struct model *model, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
