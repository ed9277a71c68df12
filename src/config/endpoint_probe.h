/* SPDX-License-Identifier: Apache-2.0
 * `probe` of an endpoint, and which addresses are hardly meant. */
#pragma once

#include "config/parts.h"

extern const struct schema probe_schema;

/** Judges `probe` of an endpoint that was read from `node`, a mapping. */
void probe_judge(struct load *load, const struct yaml_node *node,
                 const struct endpoint *e) ATTR_NONNULL;

/** Warns of an address of a kind that no server has; `what` it is of: "endpoint". */
void address_warn_unreachable(struct load *load, const struct yaml_node *node, const struct ip *ip,
                              const char *what) ATTR_NONNULL;
