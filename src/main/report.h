/* SPDX-License-Identifier: Apache-2.0
 * What the daemon says of a load and of a generation: in the log, to the service manager, to who
 * asks. */
#pragma once

#include "compile/compile.h"

/** `generation 3: 2 zones, 4 dynamic names, 12 pools, 40 endpoints`. Returns out. */
const char *report_summary(char *out, size_t n, const struct generation *generation) ATTR_NONNULL;

/** What follows a noun behind that number: "s", or nothing. */
const char *report_plural(uint32_t n) ATTR_PURE;
