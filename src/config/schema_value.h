/* SPDX-License-Identifier: Apache-2.0
 * What schema_read_value() does with keys whose value is text: used by schema.c. */
#pragma once

#include "config/schema.h"

/** Reads a scalar of the key's kind into the field; reports what is wrong. */
void schema_read_scalar(struct load *load, const struct schema_key *key,
                        const struct yaml_node *node, void *field) ATTR_NONNULL;

/** A list of texts, or of paths that exist (where one path alone will do). */
void schema_read_list(struct load *load, const struct schema_key *key, const struct yaml_node *node,
                      struct str_list *out) ATTR_NONNULL;
