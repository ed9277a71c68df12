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

/** Lets malloc give every large block that is freed back to the system. By itself it raises its
 *  thresholds with the sizes it sees: what reading zones takes for a moment then stays for good,
 * and large arrays are copied when they grow instead of moved. */
void process_set_up_heap(void);

/** Becomes `user` for good, with its groups. Nothing to do when we are that user already. Errors go
 *  to `diags`. */
int process_become(const char *user, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
