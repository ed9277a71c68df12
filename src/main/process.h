/* SPDX-License-Identifier: Apache-2.0
 * What the process asks of the system: descriptors, identity. */
#pragma once

#include "base/attr.h"
#include "base/diag.h"

/** Raises the limit of open files to what the system allows: probes and TCP need many. */
void process_raise_file_limit(void);

/** Becomes `user` for good, with its groups. Nothing to do when we are that user already. Errors go
 *  to `diags`. */
int process_become(const char *user, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
