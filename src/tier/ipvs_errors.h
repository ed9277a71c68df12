/* SPDX-License-Identifier: Apache-2.0
 * What errors of IPVS mean to an operator, and what to do. Pure. */
#pragma once

#include "tier/driver.h"

struct ipvs_error {
    enum tier_error reason;
    char text[256];
};

/** `error`: a negative errno of a request. `said`: what the kernel says beside it, or "". `what`
 *  was asked: "add 10.0.0.1:80". */
void ipvs_explain(struct ipvs_error *out, int error, const char *said,
                  const char *what) ATTR_NONNULL;
/** The family is not there. */
void ipvs_explain_absent(struct ipvs_error *out) ATTR_NONNULL;
/** A service with this scheduler was answered with ENOENT. */
void ipvs_explain_scheduler(struct ipvs_error *out, const char *scheduler) ATTR_NONNULL;
