/* SPDX-License-Identifier: Apache-2.0
 * All tiers: the control thread's side. A consumer of the checker, which packs what has changed and
 * gives it to the thread that drives the tiers; views and sessions come back. No tier, however
 * dead, is waited for. */
#pragma once

#include "drive/descriptors.h"
#include "health/checker.h"
#include "tier/view.h"

struct tiers;

struct tiers_host {
    void *ctx;
    /** On the loop, at most each 50 ms: views have changed. */
    void (*changed)(void *ctx);
};

/** Starts the thread, with no tiers yet. It has the rights that it is to have: those of the caller.
 *  Returns 0, or E_SYSTEM with the reason in `diags`. */
int tiers_start(struct tiers **tiers, uv_loop_t *loop, const struct tiers_host *host,
                struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Follows a checker from now on, until tiers_stop(); before the first tiers_switch(). */
void tiers_follow(struct tiers *tiers, struct checker *checker) ATTR_NONNULL;

/** What can fail of a new set of tiers (listeners of agents, rights), and changes nothing in force.
 *  `set` may be NULL: none. Then tiers_switch(), or tiers_unprepare(). Returns 0, or a code with
 * the reason in `diags`. */
int tiers_prepare(struct tiers *tiers, struct tier_set *set, struct diags *diags)
    __attribute__((nonnull(1, 3))) ATTR_MUST_USE;
void tiers_unprepare(struct tiers *tiers) ATTR_NONNULL;
/** In force from now on, with the checker's model, which is the one that the set was made of, and
 *  stays until the next one. Keeps a hold of the set. */
void tiers_switch(struct tiers *tiers, struct tier_set *set, const struct model *model)
    __attribute__((nonnull(1, 3)));

/** The set in force; NULL: none. */
struct tier_set *tiers_set(const struct tiers *tiers) ATTR_NONNULL;

/** The latest view of each tier of the set in force, in order, each held; for free() and
 *  tier_view_release(). Never NULL entries. */
struct tier_view **tiers_views(struct tiers *tiers, uint32_t *n) ATTR_NONNULL ATTR_MUST_USE;

/** Looks at all tiers (or that one; MODEL_NONE: all) anew and changes nothing; `done` runs on the
 *  loop when their views say what it found, or after 5 s. */
void tiers_look(struct tiers *tiers, uint32_t tier, void (*done)(void *arg), void *arg)
    __attribute__((nonnull(1, 3)));

/** What IPVS of this host has, as one line of JSON (ipvs_list.h), also where no tier is of that
 *  type. `done` runs on the loop: with 0 and the text, which is the caller's to free(); or with
 *  E_SYSTEM, and why in words (not NUL-terminated). */
void tiers_ipvs(struct tiers *tiers, void (*done)(void *arg, int code, char *text, size_t n),
                void *arg) __attribute__((nonnull(1, 2)));

/** How long answers with this endpoint may live from now on, after an order at `since_ms` (wall
 *  clock) took it out; 0: none can. */
int64_t tiers_dns_left_ms(const struct tiers *tiers, uint32_t endpoint, int64_t since_ms,
                          int64_t now_ms) ATTR_NONNULL;

/** Ends: members as their `on_exit` says, then the thread, within 5 s. The checker still goes on.
 *  `done` runs on the loop. */
void tiers_stop(struct tiers *tiers, void (*done)(void *ctx), void *ctx)
    __attribute__((nonnull(1, 2)));
