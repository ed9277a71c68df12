/* SPDX-License-Identifier: Apache-2.0
 * Zone lint: what is wrong with the zones' data, told with the place of the record.
 *
 * Errors are what has no right answer (CNAME beside other data, no SOA, a pool beside an address);
 * warnings are what is served but hardly meant (an NS without an address, data hidden below a cut).
 */
#pragma once

#include "compile/steer.h"
#include "compile/tree.h"
#include "geo/geo.h"

/** Marks glue (NAME_GLUE) and reports into `diags`. */
void lint_zones(struct tree *tree, struct diags *diags) ATTR_NONNULL;

/** Reports what is odd about pools, checks and maps, whichever zones name them: TTLs longer than
 * the checks, what nothing uses; answers that fit no message are errors. */
void lint_pools(const struct model *model, struct diags *diags) ATTR_NONNULL;

/** Warns of keys of maps that no client can match, by what `geo` has read, and of countries that do
 *  not exist. */
void lint_geo(const struct model *model, const struct geo *geo, struct diags *diags) ATTR_NONNULL;

/** Warns of `nearest` where `geo` has read only countries: to two sites of one country, or to a
 *  dozen. */
void lint_coarse(const struct model *model, const struct geo *geo,
                 struct diags *diags) ATTR_NONNULL;

/** Warns when the tables of clients together take a GB or more. */
void lint_steer(const struct model *model, const struct steerings *steerings,
                struct diags *diags) ATTR_NONNULL;
