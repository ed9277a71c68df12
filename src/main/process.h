/* SPDX-License-Identifier: Apache-2.0
 * What the process asks of the system: descriptors, identity. */
#pragma once

#include "base/attr.h"
#include "base/diag.h"
#include "model/model.h"

/** Raises the limit of open files to what the system allows: probes and TCP need many. */
void process_raise_file_limit(void);

/** Warns when the limit of open files does not allow the TCP connections that are configured, after
 *  trying to raise it. */
void process_check_files(const struct server_config *server, struct diags *diags) ATTR_NONNULL;

/** Gives what reading the zones has allocated and freed back to the system: malloc keeps it, 13 bytes
 *  for each of a million names. */
void process_trim_heap(void);

/** Becomes `user` for good, with its groups. Nothing to do when we are that user already. Errors go
 *  to `diags`. */
int process_become(const char *user, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
