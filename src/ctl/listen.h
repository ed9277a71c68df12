/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: taking over the path of a Unix socket. */
#pragma once

#include "base/diag.h"

/** Binds a Unix stream socket to `path` with mode 0660, and gives it to `user` and its group when
 *  that is given and the process may. Returns the descriptor, or a negative E_* code with the
 *  reason in `diags`. */
int listen_unix(const char *path, const char *user, struct diags *diags) ATTR_MUST_USE;
