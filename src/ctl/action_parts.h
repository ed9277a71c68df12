/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the parts of an order on its way. */
#pragma once

#include "ctl/action.h"

/** What the reply is made of, on any thread. */
struct action_facts {
    const struct ctl_request *request;
    const struct generation *generation; /* NULL: not the checker's: no effects are told */
    const struct model *model;
    const struct order_result *order;
    const struct endpoint_state *before; /* right for `pools` and those that they fall back to */
    const uint32_t *pools;               /* that have matched endpoints, ascending */
    uint32_t n_pools;
    int64_t now_ms;
};

/** The reply, which the caller owns. */
json_t *action_reply(const struct action_facts *facts) ATTR_NONNULL ATTR_MUST_USE;

/** Why a target matches nothing, and what may have been meant. */
void action_explain_target(char error[CTL_TEXT_MAX], const struct model *model,
                           const char *target) ATTR_NONNULL;
