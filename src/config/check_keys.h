/* SPDX-License-Identifier: Apache-2.0
 * Keys of a check that only some types have. */
#pragma once

#include "config/parts.h"

#define CHECK(member) offsetof(struct check, member)

extern const struct schema check_expect_schema, check_tls_schema;

/** Readers of values, into the member that the key names. */
void check_path_read(struct load *load, const struct yaml_node *node, void *field);
void check_host_read(struct load *load, const struct yaml_node *node, void *field);
void check_method_read(struct load *load, const struct yaml_node *node, void *field);
