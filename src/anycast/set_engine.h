/* SPDX-License-Identifier: Apache-2.0
 * One prefix set at work: the announcer, fed with what is known, and what has to be done around
 * each of its changes.
 *
 *   to announce   on_announce runs; then the carrier goes up and the speaker is told
 *   to withdraw   the speaker is told and the carrier goes down at once; then on_withdraw runs
 *
 *     quiet ──▶ announcing (its hook runs) ──▶ told ──▶ withdrawing (its hook runs) ──▶ quiet
 *
 * All of it on a drive's thread; nothing blocks. */
#pragma once

#include "anycast/hold.h"
#include "anycast/set_inputs.h"
#include "anycast/view.h"

#define SET_ENGINE_SETTLE_MS 5000 /* at most, from a withdrawal to the end of a set that goes */

struct set_engine;

struct set_engine_host {
    struct drive *drive;
    struct holds *holds;
    void *ctx;
    /** set_engine_announcement() has changed; to be answered by set_engine_told(). */
    void (*tell)(void *ctx, struct set_engine *engine);
    /** What others are to see of it from now on; given. */
    void (*publish)(void *ctx, struct set_engine *engine, struct anycast_view *view);
    /** A set that leaves has nothing to do any more; to be closed. */
    void (*ended)(void *ctx, struct set_engine *engine);
    bool (*overflows)(void *ctx); /* as of self_probe_host */
};

/** Begins: down, and holds its addresses. `set` is held. `line` is its speaker's. */
struct set_engine *set_engine_open(const struct set_engine_host *host, struct anycast_set *set,
                                   const struct anycast_spec *spec, struct speaker_line *line)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Another specification of the same set; what is announced goes on. One that was leaving stays. */
void set_engine_respecify(struct set_engine *engine, struct anycast_set *set,
                          const struct anycast_spec *spec) ATTR_NONNULL;
/** Whether it has a prefix of that specification. */
bool set_engine_shares(const struct set_engine *engine,
                       const struct anycast_spec *spec) ATTR_NONNULL ATTR_PURE;
/** One that leaves gives up those prefixes, as another one has them now; without a word to hooks.
 */
void set_engine_give_up(struct set_engine *engine, const struct anycast_spec *spec) ATTR_NONNULL;
/** It is to go on for another one, and takes what the speaker has from that: what is there is not
 *  its own to adopt. */
void set_engine_await(struct set_engine *engine) ATTR_NONNULL;
/** It goes on where another one is that leaves: as announced as that is, for as long; that one
 * gives up what both have. */
void set_engine_inherit(struct set_engine *engine, struct set_engine *from) ATTR_NONNULL;

/** What the control thread knows of it; copied. */
void set_engine_inputs(struct set_engine *engine, const struct inputs_batch *batch,
                       uint32_t nth) ATTR_NONNULL;
/** The server answers: `self` is asked from now on. */
void set_engine_serving(struct set_engine *engine) ATTR_NONNULL;
/** The checker gives no sign of life, or does again. */
void set_engine_stalled(struct set_engine *engine, bool stalled) ATTR_NONNULL;
/** What its speaker has, or its hold, may have changed; steps. */
void set_engine_look(struct set_engine *engine) ATTR_NONNULL;
/** The speaker's line knows of the latest announcement. */
void set_engine_told(struct set_engine *engine) ATTR_NONNULL;

/** Drains as it is configured, for good; goes on answering what it is. */
void set_engine_drain(struct set_engine *engine) ATTR_NONNULL;
/** Is not announced from now on, for good. */
void set_engine_withdraw(struct set_engine *engine) ATTR_NONNULL;
/** It is not configured any more: drains, then ended(). */
void set_engine_leave(struct set_engine *engine) ATTR_NONNULL;
/** Nothing of it is announced any more as far as it goes, and no hook runs. */
bool set_engine_is_quiet(const struct set_engine *engine) ATTR_NONNULL;
bool set_engine_is_leaving(const struct set_engine *engine) ATTR_NONNULL;
/** Its addresses are held, or will not be: an inheritance need not wait for it. */
bool set_engine_is_held(const struct set_engine *engine) ATTR_NONNULL;

/** As the speaker is to have it. The attributes are borrowed until the next call. */
void set_engine_announcement(const struct set_engine *engine,
                             struct announcement *out) ATTR_NONNULL;
const struct anycast_spec *set_engine_spec(const struct set_engine *engine) ATTR_NONNULL;
struct anycast_set *set_engine_set(const struct set_engine *engine) ATTR_NONNULL;
struct speaker_line *set_engine_line(const struct set_engine *engine) ATTR_NONNULL;

/** At once, whatever is under way; handles are closed when the loop has run. `keep`: addresses of
 *  the host stay. */
void set_engine_close(struct set_engine *engine, bool keep) ATTR_NONNULL;
