/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: what is wrong now, in sentences. */
#pragma once

#include "out/facts.h"

#include <jansson.h>

/** Adds {severity, text} of each to `list`: errors first. What keeps several pools from being up is
 *  one of them, with {site, pools, pools_down}; what concerns one pool has {pool}. */
void problems_list(json_t *list, const struct facts *facts) ATTR_NONNULL;
