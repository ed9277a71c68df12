/* SPDX-License-Identifier: Apache-2.0
 * `defaults` of a file of pools: what its pools and checks take where they do not say it.
 *
 * They are laid under a definition as YAML, key by key, so that all that is said of a value has the
 * place where it stands. They hold for the file that they stand in: what a file means does not
 * depend on those beside it. */
#pragma once

#include "config/parts.h"

struct defaults {
    const struct yaml_node *pool, *check; /* mappings; NULL: none */
};

extern const struct schema defaults_schema;

/** A definition with its defaults: its own mapping, and those of their pairs whose keys it lacks.
 */
const struct yaml_node *defaults_apply(struct load *load, const struct definition *d) ATTR_NONNULL;

/** Whether a key of a definition has its value from its defaults. */
bool defaults_decide(const struct definition *d, const char *key) ATTR_NONNULL ATTR_PURE;

/** Judge them by themselves: of a pool once names are known. False after reporting: then they are
 *  not to be applied, as each pool or check would repeat it. */
bool pool_defaults_judge(struct load *load, const struct yaml_node *node) ATTR_NONNULL;
bool check_defaults_judge(struct load *load, const struct yaml_node *node) ATTR_NONNULL;
