/* SPDX-License-Identifier: Apache-2.0
 * Endpoints: addresses or CNAME targets of one pool in one site. */
#pragma once

#include "config/schema.h"

extern const struct schema endpoint_schema;

/** Settles endpoint.key of those from `first` on, which are one pool's. */
void endpoints_key(struct load *load, uint32_t first) ATTR_NONNULL;

/** Reads the endpoints of one site of a pool to the end of load->endpoints; returns how many. */
uint32_t endpoints_read(struct load *load, const struct yaml_node *node, uint32_t pool,
                        uint32_t site) ATTR_NONNULL;
