/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the parts of an order on its way. */
#pragma once

#include "ctl/action.h"

/** A prefix set that an order is about, as it was before. */
struct action_set {
    const char *name, *site;
    enum announcer_state state;
    bool seen;          /* there is a view of it: `state` and `silent` are known */
    const char *silent; /* why nothing answers at its addresses; NULL: something does, or nobody
                           knows */
};

/** What the reply is made of, on any thread. */
struct action_facts {
    const struct ctl_request *request;
    const struct generation *generation; /* NULL: not the checker's: no effects are told */
    const struct model *model;
    const struct order_result *order;
    const struct endpoint_state *before; /* right for `pools` and those that they fall back to */
    const uint32_t *pools;               /* that have matched endpoints, ascending */
    uint32_t n_pools;
    const struct action_set *sets; /* matched */
    uint32_t n_sets;
    int64_t now_ms;
};

/** Notes the prefix sets that the target is about; texts in `arena`. */
const struct action_set *action_note_sets(struct arena *arena, const struct facts *facts,
                                          const struct target *target,
                                          uint32_t *n) ATTR_NONNULL ATTR_RETURNS_NONNULL;
/** Adds what the order does to them: "prefix_sets", effects and warnings. */
void action_tell_sets(json_t *reply, json_t *warnings,
                      const struct action_facts *facts) ATTR_NONNULL;

/** The reply, which the caller owns. */
json_t *action_reply(const struct action_facts *facts) ATTR_NONNULL ATTR_MUST_USE;

/** That there is no prefix set of a name, and which may have been meant. */
void action_explain_set(char error[CTL_TEXT_MAX], const struct model *model,
                        const char *name) ATTR_NONNULL;

/** Why a target matches nothing, and what may have been meant. */
void action_explain_target(char error[CTL_TEXT_MAX], const struct model *model,
                           const char *target) ATTR_NONNULL;
