/* SPDX-License-Identifier: Apache-2.0
 * The cycle of one tier: it is observed, what is wanted is worked out, the difference is applied,
 * and it is observed again until there is none.
 *
 *              changes, interval, drain, nudge, a look
 *     ┌──────┐ ─────────────────────────────▶ ┌──────────┐  a plan   ┌─────────┐
 *     │ idle │                                │ observes │ ────────▶ │ applies │
 *     └──────┘ ◀───────────────────────────── └──────────┘ ◀──────── └─────────┘
 *              as wanted; held; refused; failed          carried out
 *
 * Changes that come while the latest observation is good are planned by it at once, and read back
 * after; if that fails, the tier was changed meanwhile: it is observed and planned again before
 * anything is called a failure. Failures are tried again with a backoff, logged once, and so is
 * their end. A driver that does not answer for ENGINE_PATIENCE_MS is closed and opened again.
 *
 * All of it on a drive's thread. Nothing of it blocks, and no engine waits for another. */
#pragma once

#include "tier/driver.h"
#include "tier/keeper.h"
#include "tier/states.h"
#include "tier/view.h"

#define ENGINE_PATIENCE_MS 60000 /* besides what the configuration allows it */
#define ENGINE_SESSIONS_MS 5000  /* between looks of a tier whose sessions are wanted */
#define ENGINE_RETRY_FIRST_MS 500
#define ENGINE_RETRY_LAST_MS 30000
#define ENGINE_NUDGE_MS 50 /* from a nudge to the look, as it rarely comes alone */

struct engine;

/** What engines share, for as long as they live. */
struct engine_host {
    struct drive *drive;
    const char *node; /* for marks */
    struct keeper *keeper;
    struct agents *agents;
    struct nginx_gates *nginx_gates;
    void *ctx;
    /** What others are to see of it from now on; given. */
    void (*publish)(void *ctx, struct engine *engine, struct tier_view *view);
    /** It was looked at: the sessions in its rows are of now. Or it cannot be: they are not known.
     */
    void (*looked)(void *ctx, struct engine *engine);
    /** Clients met a failure of an endpoint, a slot of its set. */
    void (*met_failure)(void *ctx, struct engine *engine, uint32_t slot);
    /** The end of engine_look(). */
    void (*look_ended)(void *ctx, void *ticket);
    /** One that was left (engine_leave()) has nothing to do any more; to be closed. */
    void (*ended)(void *ctx, struct engine *engine);
    /** The listener of its agent, which stays the host's; -1. */
    int (*descriptor)(void *ctx, const struct engine *engine, const char *name);
};

/** Opens the tier; it begins as soon as the loop runs. `states` of the spec's set are held. */
struct engine *engine_open(const struct engine_host *host, const struct driver_type *type,
                           struct set_states *states, const struct tier_spec *spec)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** At once, whatever is under way; handles are closed when the loop has run. Tickets of looks end.
 */
void engine_close(struct engine *engine) ATTR_NONNULL;

/** Whether another specification is of the same tier in the same place, so that the engine of the
 *  one goes on with the other. */
bool engine_same_place(const struct tier_spec *a, const struct tier_spec *b) ATTR_NONNULL ATTR_PURE;

/** Goes on with another specification, of the same place: at once, or after what is under way. */
void engine_respecify(struct engine *engine, struct set_states *states,
                      const struct tier_spec *spec) ATTR_NONNULL;

/** States of its members or fronts have changed, at `arrived_us` (monotonic). */
void engine_changed(struct engine *engine, int64_t arrived_us) ATTR_NONNULL;

/** Its sessions are wanted each ENGINE_SESSIONS_MS, or not. */
void engine_want_sessions(struct engine *engine, bool wanted) ATTR_NONNULL;

/** Looks anew and changes nothing for it; then look_ended(ticket). */
void engine_look(struct engine *engine, void *ticket) ATTR_NONNULL;

/** Members are left as it is configured for that case; ended() when that is done, or can not be. */
void engine_leave(struct engine *engine, enum leaving why) ATTR_NONNULL;

/** What it has made is not recorded any more, as another one has its name now. */
void engine_disown(struct engine *engine) ATTR_NONNULL;

const struct tier_spec *engine_spec(const struct engine *engine) ATTR_NONNULL;
struct tier_set *engine_set(const struct engine *engine) ATTR_NONNULL;
bool engine_is_leaving(const struct engine *engine) ATTR_NONNULL;

/** Whether the latest look went well. */
bool engine_can_be_read(const struct engine *engine) ATTR_NONNULL;

/** Sessions of one member by the latest look; -1: not known. */
int64_t engine_sessions(const struct engine *engine, uint32_t member) ATTR_NONNULL;
