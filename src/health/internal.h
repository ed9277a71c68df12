/* SPDX-License-Identifier: Apache-2.0
 * The checker from inside. Five parts share this struct, each in a file of its own:
 *
 *   schedule.c   when which probe runs: wheels, queue, limits, stalls
 *   endpoints.c  results of probes -> published states, panic, events, coalesced changes
 *   operator.c   overrides and weights, their expiry, their file
 *   persist.c    the health file
 *   checker.c    start, reload, stop, and what others may read
 *
 * What is told of changes is in subscription.h.
 *
 * All run on one loop, and results come only from it, so nothing here is locked. */
#pragma once

#include "health/checker.h"
#include "health/guard.h"
#include "health/plan.h"
#include "health/process.h"
#include "health/store.h"
#include "health/trial.h"

/** What is known of an endpoint beside its published state. */
struct standing {
    uint8_t health_before; /* what was published before the latest fall, to take it back */
    bool changed;          /* waits in `changed` */
    uint8_t known;         /* enum health: before the restart or the reload; unknown: nothing */
    int64_t since_before_ms, known_since_ms;
    int64_t changed_us; /* since when it waits, monotonic */
};

/** Probes that are due but have no slot yet, first in, first out. Those of type exec wait in the
 *  lanes of the plan. */
struct queue {
    struct probe *first, **last;
    uint32_t n_in_flight, max_in_flight;
};

struct checker {
    uv_loop_t *loop;
    struct checker_callbacks callbacks;
    const struct model *model;
    struct plan *plan;
    struct endpoint_state *states;
    struct standing *standings;
    struct guard guard;
    uint64_t n_panics;

    /* schedule.c */
    uv_timer_t tick;
    int64_t tick_at_ms;   /* when the tick should fire */
    int64_t last_turn_ms; /* when the loop was last seen to run */
    int64_t searched_ms;  /* when probes without results were last looked for */
    int64_t untried_ms;   /* when a lack of ours was last logged */
    struct wheel due, deadlines;
    struct queue network;
    struct {
        uint32_t n_in_flight; /* trials that are not freed yet */
        uint32_t n_waiting;   /* probes in the queues of lanes */
        uint32_t turn;        /* the lane that may start next */
        bool more;            /* there was more to start than a turn of the loop takes */
    } exec;
    struct processes processes;
    struct trial_host trials;
    struct trial *in_flight; /* all trials with no result yet */
    uint32_t n_in_flight;
    uint32_t n_trials; /* not freed yet, in flight or closing */
    uint32_t n_stale,
        n_untried;      /* probes: without a result in time; whose latest try failed of us */
    uint32_t n_awaited; /* probes whose first results readiness waits for */
    bool ticking;

    /* endpoints.c */
    uv_timer_t flush;
    int64_t flushed_ms;
    struct checker_delays delays;
    uint32_t *changed; /* since the last flush */
    uint32_t n_changed;
    struct subscriptions subscriptions;

    /* operator.c */
    struct rules rules;
    char *rules_path; /* NULL: no state directory */
    char *problem;    /* what is wrong with the file since the start; else NULL */

    /* persist.c */
    uv_work_t save;
    char *health_path, *saving_path; /* the latter not NULL: `save` is on its way */
    struct buf saving;
    int64_t saved_mono_ms;
    int save_error; /* errno */
    bool unsaved, save_failed;

    /* checker.c */
    uv_timer_t chores;
    int64_t started_ms;
    unsigned n_handles;
    bool stopping, reported_stale;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

#define CHORES_MS 250

/* checker.c */
/** After checker_stop(): ends it once nothing is open any more. */
void checker_release(struct checker *c) ATTR_NONNULL;

/* schedule.c */
void schedule_init(struct checker *c) ATTR_NONNULL;
/** Probes without a result start as soon as there is a slot, the others at their time. */
void schedule_plan(struct checker *c) ATTR_NONNULL;
/** Takes a plan's probes off the wheel and the queues, and cancels its trials. */
void schedule_drop(struct checker *c, struct plan *plan) ATTR_NONNULL;
/** To be called whenever the loop runs again: notices that it did not for too long. */
void schedule_turn(struct checker *c) ATTR_NONNULL;
/** Starts what waits and may start: commands that were killed may be gone by now. */
void schedule_pump(struct checker *c) ATTR_NONNULL;
/** Marks probes stale that got no turn for long. */
void schedule_find_starved(struct checker *c) ATTR_NONNULL;

/* endpoints.c */
/** Works every state out for a new plan, silently. The caller has put into each state what is
 *  carried over or was saved: health, assumed_up, since, overrides. */
void endpoints_init(struct checker *c) ATTR_NONNULL;
/** A probe's fsm, reason or staleness changed: works its endpoints out anew. */
void endpoints_follow(struct checker *c, const struct probe *probe) ATTR_NONNULL;
/** Whether an endpoint serves, its weight or flip time changed: works out what depends on its pool.
 */
void endpoints_touched(struct checker *c, uint32_t endpoint) ATTR_NONNULL;
void endpoints_mark_changed(struct checker *c, uint32_t endpoint) ATTR_NONNULL;
/** Tells of the changes that wait, in the next turn of the loop. */
void endpoints_flush_soon(struct checker *c) ATTR_NONNULL;
/** Does so now. */
void endpoints_flush(struct checker *c) ATTR_NONNULL;
/** Does so if they have waited for long: in a busy turn of the loop the timer comes late. */
void endpoints_flush_if_late(struct checker *c) ATTR_NONNULL;
/** Ends panic when it may end. */
void endpoints_review_panic(struct checker *c) ATTR_NONNULL;
void endpoints_event(struct checker *c, uint32_t endpoint, const char *from, const char *to,
                     const char *reason);

/* operator.c */
/** Names the files of the model's state directory. */
void operator_set_paths(struct checker *c) ATTR_NONNULL;
/** Makes the state directory if it is missing, and reads the rules, at the start. Returns 0, or a
 *  negative code when there must be no start without what could not be read. */
int operator_load(struct checker *c, struct diags *diags)
    __attribute__((nonnull(1), warn_unused_result));
/** Puts the rules in force on fresh states, silently. */
void operator_apply(struct checker *c) ATTR_NONNULL;
void operator_expire(struct checker *c) ATTR_NONNULL;

/* persist.c */
/** Reads what is assumed of endpoints until their first results. */
void persist_load(struct checker *c) ATTR_NONNULL;
void persist_chores(struct checker *c) ATTR_NONNULL;
/** Writes at once, unless a write is on its way: its end calls this again when stopping. */
void persist_save_now(struct checker *c) ATTR_NONNULL;
