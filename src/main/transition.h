/* SPDX-License-Identifier: Apache-2.0
 * What a reload does: the steps of reload.h, from files to what is in force. */
#pragma once

#include "anycast/spec.h"
#include "drive/reload.h"
#include "health/succession.h"
#include "out/facts.h"
#include "tier/tiers.h"

struct daemon;

struct transition {
    struct daemon *daemon;
    struct present *present;       /* what there was when it began; until it is loaded */
    struct generation *next;       /* loaded, and not in force yet */
    struct succession *succession; /* the checker's; after the switch what was before */
    struct tier_set *tiers;        /* of `next`; NULL: it has none */
    bool tiers_prepared;
    struct anycast_set *anycast; /* likewise */
    struct reload_info info;
    char *errors; /* info.errors, when not "" */
};

extern const struct reload_steps transition_steps; /* of a struct transition */

void transition_init(struct transition *transition, struct daemon *daemon) ATTR_NONNULL;
void transition_free(struct transition *transition) ATTR_NONNULL;
