/* SPDX-License-Identifier: Apache-2.0
 * How many TCP connections the limit of open files allows. */
#pragma once

#include "model/model.h"

/** How many TCP connections the limit of open files allows, after trying to raise it: those that
 * are configured, or what is left beside all else, with a warning. */
uint32_t connections_max(const struct model *model, struct diags *diags) ATTR_NONNULL;
