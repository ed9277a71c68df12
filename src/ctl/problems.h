/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: what is wrong now, in sentences. */
#pragma once

#include "base/arena.h"
#include "out/facts.h"

#include <jansson.h>

/** Adds {severity, text} of each to `list`: errors first. What keeps several pools from being up is
 *  one of them, with {site, pools, pools_down}; what concerns one pool has {pool}, what
 *  concerns one tier {tier}, one prefix set {set}. */
void problems_list(json_t *list, const struct facts *facts) ATTR_NONNULL;

/** Tells one: `of` is the name of whose it is, NULL: of several. */
typedef void problem_fn(void *ctx, const char *severity, const char *of, const char *text);

/** ", for 3m 5s", in `arena`; "" where `since_ms` is not known (0). */
const char *problem_age(struct arena *arena, const struct facts *facts,
                        int64_t since_ms) ATTR_NONNULL;

/** What is wrong with tiers. Texts live in `arena`. */
void problems_of_tiers(const struct facts *facts, struct arena *arena, problem_fn *add, void *ctx)
    __attribute__((nonnull(1, 2, 3)));

/** What is wrong with prefix sets and speakers. Texts live in `arena`. */
void problems_of_anycast(const struct facts *facts, struct arena *arena, problem_fn *add, void *ctx)
    __attribute__((nonnull(1, 2, 3)));
