/* SPDX-License-Identifier: Apache-2.0
 * What follows from the views of the tiers: whose endpoints members are, how many sessions each
 * has, how far drains have come. Pure, on any thread. */
#pragma once

#include "out/facts.h"

/** Gives up all views and the set. */
void tier_facts_free(struct tier_facts *tiers) ATTR_NONNULL;

/** The view of a tier; NULL: there is none of that name. */
const struct tier_view *tier_facts_find(const struct tier_facts *tiers,
                                        const char *name) ATTR_NONNULL ATTR_PURE;

/** What rises with each change of that tier, or with "" of any, and with each
 *  reload. */
uint64_t tier_facts_version(const struct facts *facts, const char *name) ATTR_NONNULL ATTR_PURE;

/** The endpoint of a row in the model of the facts; MODEL_NONE: it has left the configuration, or
 *  the view is of another one. */
uint32_t tier_row_endpoint(const struct tier_facts *tiers, const struct tier_view *view,
                           const struct tier_row *row) ATTR_NONNULL ATTR_PURE;

/** Sessions of an endpoint in all tiers that can tell: those of the members that it is, and of all
 *  members of the tiers whose front it is. */
struct sessions {
    int64_t n;
    bool known;   /* some tier can tell */
    bool at_most; /* others' connections may be among them */
};

/** Fills out[n_endpoints]. */
void sessions_count(struct sessions *out, const struct facts *facts) ATTR_NONNULL;

/** Sessions of a row now, as far as is known; -1: not. Of what is not there: 0. */
int64_t tier_row_sessions(const struct tier_row *row) ATTR_NONNULL ATTR_PURE;

/** Whether a member that is to drain has nothing left to wait for. */
bool tier_row_is_drained(const struct tier_view *view,
                         const struct tier_row *row) ATTR_NONNULL ATTR_PURE;

/** Whether a drain's time is over and sessions are still there. */
bool tier_row_is_overdue(const struct tier_row *row) ATTR_NONNULL ATTR_PURE;

/** When the drain of a row is over at the latest, wall clock; 0: it does not drain. */
int64_t tier_row_drain_end_ms(const struct tier_view *view,
                              const struct tier_row *row) ATTR_NONNULL ATTR_PURE;

/** Whether a view tells how the tier is now. */
static inline bool tier_view_is_current(const struct tier_view *view)
{
    return view->state == TIER_OK || view->state == TIER_APPLYING;
}
