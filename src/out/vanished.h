/* SPDX-License-Identifier: Apache-2.0
 * Zones that this process has served and that a reload took away: remembered until they are served
 * again. */
#pragma once

#include "base/vec.h"
#include "model/model.h"

struct vanished {
    VEC(char *) names; /* as text, malloc()ed */
    uint32_t n;
    char *text; /* of vanished_text(); NULL: "" */
};

/** Compares two configurations, of which the second comes into force now; what changed is written
 *  as events. */
void vanished_note(struct vanished *vanished, const struct model *before,
                   const struct model *after) ATTR_NONNULL;

/** The names, one a line, the first VANISHED_NAMED of them; "" when there are none. Holds until
 *  the next vanished_note(). */
const char *vanished_text(const struct vanished *vanished) ATTR_NONNULL;
#define VANISHED_NAMED 20

void vanished_free(struct vanished *vanished) ATTR_NONNULL;
