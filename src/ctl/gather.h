/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: gathering the facts of the moment, for the control thread or to take along. */
#pragma once

#include "ctl/host.h"

struct gather;

struct gather *gather_new(uv_loop_t *loop, const struct ctl_host *host)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** What it gathers from. */
const struct ctl_host *gather_host(const struct gather *gather) ATTR_NONNULL;

/** Stops sampling; `done` runs on the loop, and then it may be freed. */
void gather_stop(struct gather *gather, void (*done)(void *arg), void *arg);
void gather_free(struct gather *gather) ATTR_NONNULL;

/** How much of the facts is wanted. */
enum gather_depth {
    GATHER_SUMMARY, /* no rules, or counters of workers, or tiers, or prefix sets */
    GATHER_ORDERS,  /* the rules, the tiers and the prefix sets as well */
    GATHER_ALL,
};

/** The facts of the moment, but for `disk` and the probes (copies.h). They hold until control
 * returns to the loop, or the next call. */
void gather_facts(struct gather *gather, enum gather_depth depth, struct facts *facts) ATTR_NONNULL;

/** Hands what the facts lend of the control side over to them, texts copied into `arena`: they hold
 *  then until gather_release() and the end of the arena, but for the generation and the states. */
void gather_give(struct gather *gather, struct facts *facts, struct arena *arena) ATTR_NONNULL;

/** Frees what was handed over, on any thread. */
void gather_release(struct facts *facts) ATTR_NONNULL;

/** What an entity tag tells of the state that operators change: the generation and the orders. Of
 *  facts with rules. */
uint64_t gather_state_tag(const struct facts *facts) ATTR_NONNULL;
