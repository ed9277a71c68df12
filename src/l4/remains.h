/* SPDX-License-Identifier: Apache-2.0
 * Which clients a process that has been replaced still has connections of: as it told the other one
 * when that took over, and what of it has ended since. Looked at by the main thread; workers only
 * let go of them. */
#pragma once

#include "base/vec.h"
#include "l4/limits.h"
#include "l4/member.h"

#include <jansson.h>

struct remain {
    char service[L4_NAME_MAX];
    uint32_t open;                     /* of the service, when it was looked at */
    VEC(struct limits_source) sources; /* ascending by client */
};

struct remains {
    VEC(struct remain) v;
};

/** What there is of all services with limits. */
void remains_take(struct remains *remains, const struct registry *registry,
                  int64_t now_ms) ATTR_NONNULL;
/** {service: [client, open, client, open ..]} of those that have fewer open than it was looked at
 *  last; NULL: nobody has. */
json_t *remains_look(struct remains *remains, const struct registry *registry,
                     int64_t now_ms) ATTR_NONNULL;
void remains_free(struct remains *remains) ATTR_NONNULL;
