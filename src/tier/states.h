/* SPDX-License-Identifier: Apache-2.0
 * What is known of the endpoints of one set of tiers, on the thread that drives them: by slot,
 * shared by the engines of the set. One that is left holds on to the states that it had. */
#pragma once

#include "tier/spec.h"

struct set_states {
    unsigned n_holds; /* on one thread: engines, and who fills it */
    struct tier_set *set;
    struct member_state *v; /* n_endpoints */
    bool *known;            /* of each: it has come */
    uint32_t n_missing;     /* that have not */
};

/** None has come yet. Held once; keeps a hold of the set. */
struct set_states *
set_states_new(struct tier_set *set) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
struct set_states *set_states_hold(struct set_states *states) ATTR_NONNULL ATTR_RETURNS_NONNULL;
void set_states_release(struct set_states *states);

/** The latest of one endpoint. */
void set_states_put(struct set_states *states, uint32_t slot,
                    const struct member_state *state) ATTR_NONNULL;
