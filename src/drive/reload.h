/* SPDX-License-Identifier: Apache-2.0
 * When what of a reload happens: one at a time, as a transaction.
 *
 *     begin   the loop   what is in force is noted
 *     load    a thread   the next is read and made; may fail
 *     move    the loop   slice by slice: it becomes what is in force, which goes on and changes
 *     bind    the loop   what else may fail, and undoes itself then
 *     move    the loop   what has changed in between
 *     switch  the loop   in the same turn: it is in force
 *     clear   the loop   slice by slice: what only the one before had open ends
 *     release the loop   what is left of the one that is not in force, by then or for ever
 *
 * Until the switch nothing has changed for anyone, and a failure or a stop leaves all as it was.
 * What each step does is the caller's (transition.h). */
#pragma once

#include "base/diag.h"
#include "base/vec.h"

#include <stdatomic.h>
#include <uv.h>

typedef void reload_done_fn(void *arg, int code, const struct diags *diags);

/** Of each a single call at a time; steps with `until_us` (clock_mono_us()) return whether they are
 *  done. */
struct reload_steps {
    void (*begin)(void *ctx);
    int (*load)(void *ctx, bool force, struct diags *diags);
    bool (*move)(void *ctx, int64_t until_us);
    int (*bind)(void *ctx, struct diags *diags);
    void (*put_in_force)(void *ctx, struct diags *diags);
    bool (*clear)(void *ctx, int64_t until_us);
    void (*release)(void *ctx);
    /** After the switch, or a failure: tells of it; not when it was the stop that ended it. */
    void (*conclude)(void *ctx, int code, const struct diags *diags);
};

enum reload_phase { RELOAD_IDLE, RELOAD_LOADING, RELOAD_MOVING, RELOAD_BOUND, RELOAD_CLEARING };

/** Someone who waits for the end of a reload. */
struct reload_waiter {
    reload_done_fn *done;
    /** What is being done now, in a few words: on the loop, what is over by then left out. NULL: of
     *  no interest. */
    void (*step)(void *arg, const char *step);
    void *arg;
};

struct reload {
    uv_loop_t *loop;
    const struct reload_steps *steps;
    void *ctx;
    uv_work_t work;
    uv_timer_t slice;
    uv_async_t stepped;
    _Atomic(const char *) step; /* of the load; NULL: it has been told */
    enum reload_phase phase;
    int code; /* of the load */
    struct diags diags;
    VEC(struct reload_waiter) now, next; /* of the one that runs, and of the one after it */
    bool allowed, stopping;
    bool again;
    bool force, force_next; /* insisted on: the one that runs, the one after it */
};

void reload_init(struct reload *reload, uv_loop_t *loop, const struct reload_steps *steps,
                 void *ctx) ATTR_NONNULL;

/** Before, reloads that are asked for wait. */
void reload_allow(struct reload *reload) ATTR_NONNULL;

/** Starts a reload; during one, marks that another shall follow, however many ask, as the one that
 *  runs may have read a file already that has changed since; it insists when one of them does.
 *  `waiter`: NULL: nobody waits. Refused once stopping. */
void reload_ask(struct reload *reload, bool force, const struct reload_waiter *waiter)
    __attribute__((nonnull(1)));

/** Tells those who wait what the load begins with; a text for good. On the loading thread. */
void reload_step(struct reload *reload, const char *step) ATTR_NONNULL;

/** No reload goes into force from now on, and those who wait are told so; a load that runs is
 * waited for by the loop. */
void reload_stop(struct reload *reload) ATTR_NONNULL;

/** After the loop has ended. */
void reload_free(struct reload *reload) ATTR_NONNULL;
