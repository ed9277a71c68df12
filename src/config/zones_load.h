/* SPDX-License-Identifier: Apache-2.0
 * Zones are read by several threads at once, one zone by one thread. */
#pragma once

#include "config/load.h"

struct zone_source {
    const char *path;
    struct span named; /* where */
};

/** Reads `n` zones into out[]. Errors and files are in the order of the zones, whichever thread was
 *  first. */
void zones_load(struct load *load, const struct zone_source *sources, size_t n, struct zone *out);
