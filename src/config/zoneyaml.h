/* SPDX-License-Identifier: Apache-2.0
 * Zones as YAML. */
#pragma once

#include "config/zone_build.h"

/** Reads a YAML zone into `build`. Errors are reported. */
void zoneyaml_read(struct zone_build *build, const char *path, struct span named) ATTR_NONNULL;
