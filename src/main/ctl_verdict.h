/* SPDX-License-Identifier: Apache-2.0
 * What loadstarctl's exit code says of an answer, beyond whether there was one. */
#pragma once

#include "ctl/request.h"

/** Of a result that was given: 0, or as the manual has it for `tiers --diff` and `set --wait`. */
int verdict_of(const struct ctl_request *request, const json_t *result) ATTR_NONNULL ATTR_MUST_USE;

/** Of `healthy`: by the reply, or NULL where there was none in time; `unknown` is "up", "down" or
 *  NULL. */
int verdict_of_health(const json_t *reply, const char *unknown) ATTR_MUST_USE;
