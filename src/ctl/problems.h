/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: what is wrong now, in sentences. */
#pragma once

#include "out/facts.h"

#include <jansson.h>

/** Adds {severity, text} of each to `list`: errors first. */
void problems_list(json_t *list, const struct facts *facts) ATTR_NONNULL;
