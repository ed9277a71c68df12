/* SPDX-License-Identifier: Apache-2.0
 * What the process asks of the system: descriptors, identity. */
#pragma once

#include "base/attr.h"
#include "base/diag.h"
#include "base/rights.h"

/** Raises the limit of open files to what the system allows: probes and TCP need many. */
void process_raise_file_limit(void);

/** Lets malloc give every large block that is freed back to the system. By itself it raises its
 *  thresholds with the sizes it sees: what reading zones takes for a moment then stays for good,
 * and large arrays are copied when they grow instead of moved. */
void process_set_up_heap(void);

/** Becomes `user` for good, with its groups, an empty bounding set and process_confine(). Nobody
 * but root can; one who is that user already is confined only, and root stays as it is when told to
 * be root. Errors go to `diags`. Before there are threads. */
int process_become(const char *user, rights_set keep,
                   struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Keeps no capability but `keep`, as rights_confine(). Errors go to `diags`. */
int process_confine(rights_set keep, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
