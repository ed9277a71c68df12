/* SPDX-License-Identifier: Apache-2.0
 * Inside of elders.c and inherited.c. */
#pragma once

#include "base/vec.h"
#include "l4/elders.h"

struct inherited {
    int link;      /* to the old process; -1: elders.c has it */
    json_t *state; /* as it said */
    VEC(int) fds;  /* state.descriptors say what of; -1: taken */
};

/** The first descriptor from number *from on that is of that kind, with what is said of it: the
 *  caller's, and *from behind it. -1: there is none. */
int inherited_claim(struct inherited *inherited, const char *what, size_t *from,
                    const json_t **facts) ATTR_NONNULL ATTR_MUST_USE;
