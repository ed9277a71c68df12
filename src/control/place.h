/* SPDX-License-Identifier: Apache-2.0
 * What --check, a start and a reload say of the path of a control socket before it is taken. */
#pragma once

#include "base/diag.h"

/** Whether listen_unix() can have `path`, as far as that is seen without taking it: its length,
 * what is there, and its directory, by the real user, who makes the socket at a start. Whether
 * another process listens there is not looked at. Returns 0; E_RANGE or E_INVALID after an error at
 * `at`. */
int place_judge(const char *path, struct span at, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
