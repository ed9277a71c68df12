/* SPDX-License-Identifier: Apache-2.0
 * How pools and sites stand as wholes: up, degraded, down.
 *
 *  - A pool's site is down below min_up, when nothing is sent there by choice; degraded above it,
 *    when an endpoint is missing that has a weight.
 *  - A pool is down when no endpoint serves; degraded when a site of it is down.
 *  - A site is down when it is for every pool that has it; degraded when it is for some.
 *
 * Kept from the checker's changes, so that a flush costs what has changed and a reader nothing.
 * These are levels: what is announced, drained or answered follows them at once. Who tells people
 * waits whether they last (out/transitions.h). */
#pragma once

#include "health/checker.h"

enum level {
    LEVEL_UNUSED, /* a site that no pool has */
    LEVEL_DOWN,
    LEVEL_DEGRADED,
    LEVEL_UP
};

const char *level_text(enum level level); /* "unused" "down" "degraded" "up" */

/** One site of one pool. */
struct place_level {
    uint64_t up_weight, total_weight; /* as min_up counts them */
    int64_t since_ms;                 /* wall clock, of the level; 0: not known */
    uint32_t site;
    uint32_t n_up, n; /* endpoints */
    uint8_t level;
};

struct pool_level {
    int64_t since_ms;
    uint32_t first_place, n_sites; /* places[first_place + i] is pool->sites[i] */
    uint32_t n_sites_up;           /* those that are not down */
    uint32_t n_up, n;              /* endpoints */
    uint8_t level;
};

struct site_level {
    int64_t since_ms;
    uint32_t n_pools,
        n_pools_up;   /* that have it, without pool.of_anycast; for which it is not down */
    uint32_t n_up, n; /* endpoints */
    uint8_t level;
};

/** Plain data, numbered as the model. */
struct level_table {
    uint32_t n_pools, n_sites, n_places;
    struct pool_level *pools;
    struct site_level *sites;
    struct place_level *places;
};

/** Works all of it out, with no memory of before. For free() by level_table_free(). */
struct level_table *level_table_new(const struct model *model, const struct endpoint_state *states)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** For other threads. */
struct level_table *
level_table_copy(const struct level_table *table) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void level_table_free(struct level_table *table);

enum level_kind { LEVEL_OF_POOL, LEVEL_OF_SITE };

/** Who is told when a level moves, from within the flush, or the call that looked before it; must
 *  not look itself then. */
struct level_watcher {
    void *ctx;
    void (*moved)(void *ctx, enum level_kind kind, uint32_t index, enum level from);
    /** Another model, or the first: for each of its pools and sites the number it had before, or
     *  MODEL_NONE. What has moved with the model is not told by moved(). */
    void (*renumbered)(void *ctx, const struct level_table *now, const uint32_t *pools,
                       const uint32_t *sites);
};

struct levels;

/** A consumer of the checker. `watcher` may be NULL. To be freed before checker_stop(). */
struct levels *levels_new(struct checker *checker, const struct level_watcher *watcher)
    __attribute__((nonnull(1))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void levels_free(struct levels *levels);

/** As of now, of checker_model(). Holds until control returns to the loop, or the next call. */
const struct level_table *levels_now(struct levels *levels) ATTR_NONNULL ATTR_RETURNS_NONNULL;
