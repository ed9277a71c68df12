/* SPDX-License-Identifier: Apache-2.0
 * Verdicts: policy and health applied, for each pool and class. Pure functions of (model, steering,
 * states): called for every pool at load, and for the touched pools when something changes.
 *
 * An endpoint is a candidate if its weight is not 0 and it serves (health/state.h). For each family
 * the candidates of one site are answered, the first of the class
 *   1. that is up (site_is_up(), over both families) and has a candidate of the family; else
 *   2. that has a candidate of the family.
 * So a site without the family is passed over for this family only. If no site of the class has a
 * candidate, on_all_down decides, again for this family only:
 *   serve_all   the first site of the class with endpoints of the family that the operator has not
 *               put down or drained and whose weight is not 0: all of those, whatever their health.
 *               Orders always win: when all are down or drained by order, the answer is NODATA.
 *   nodata, servfail
 *   fallback    the other pool decides; if it is not configured for this family, serve_all, so that
 *               health never takes a type away.
 * A family that no site of the class is configured to have is taken from the pool's other sites, in
 * the order of the file. NODATA by configuration only if no site of the pool has it.
 *
 * `all` treats the endpoints of all sites as those of one site, whatever min_up. `split` draws by
 * weight among the sites that are up; if none with a weight is, among those of weight 0 that are,
 * each as often; if none is, the first with a candidate serves; if there is none at all, it draws
 * by weight among all of them.
 *
 * For dynamic names that ask for one site alone it is as if the pool had no other: what that site
 * has and lacks decides, without `min_up`, and on_all_down is about it.
 *
 * A verdict's inputs are the endpoints of weight other than 0 in every site that was looked at to
 * decide: flip_s and expires_s are the soonest of theirs. An endpoint under order flips only when
 * the order ends. */
#pragma once

#include "compile/steer.h"
#include "health/state.h"
#include "snapshot/view.h"

/** Builds a pool's view, in an arena of its own. The caller publishes it (publish_view()). */
const struct pool_view *verdict_compile(const struct model *model, const struct steering *steering,
                                        uint32_t pool, const struct endpoint_state *states)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** How a site of a pool stands, as verdict_compile() sees it. */
struct site_standing {
    uint32_t site;
    bool up;
    uint64_t up_weight, total_weight;
    uint32_t n_up, n;
    const char *reason; /* "2 of 3 endpoints up", "none of 3 endpoints up; web1 down: connect
                         * refused", ... */
};
void verdict_site_standing(struct site_standing *out, struct arena *arena,
                           const struct model *model, uint32_t pool, uint32_t pool_site,
                           const struct endpoint_state *states) ATTR_NONNULL;
