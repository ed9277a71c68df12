/* SPDX-License-Identifier: Apache-2.0
 * The limits of the configuration in the form that workers use. */
#pragma once

#include "base/arena.h"
#include "model/model.h"
#include "snapshot/limits.h"

/** Fills *out; tables lie in `arena`. */
void limits_compile(struct limits *out, struct arena *arena,
                    const struct server_config *server) ATTR_NONNULL;
