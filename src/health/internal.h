/* SPDX-License-Identifier: Apache-2.0
 * The checker from inside. Twelve parts share this struct, each in a file of its own:
 *
 *   schedule.c   when which probe is due: wheels, the timer
 *   starts.c     which of those start: queues, slots
 *   hasten.c     what others say they met -> probes before their time
 *   results.c    results of trials -> what is known of probes; stalls
 *   doubt.c      what is known of probes -> what is published of them, or held, or frozen by panic
 *   endpoints.c  published probes -> states of endpoints, events, coalesced changes
 *   derived.c    states of endpoints -> checks of type pool
 *   operator.c   the operator's orders: their file, what another model does to them
 *   order_*.c    orders on their way to the disk, and into force
 *   persist.c    the health file
 *   checker.c    start, stop, and what others may read
 *   succession.c the move to another model
 *
 * What is told of changes is in subscription.h.
 *
 * All run on one loop, and results come only from it, so nothing here is locked. */
#pragma once

#include "base/buf.h"
#include "drive/process.h"
#include "health/checker.h"
#include "health/orders.h"
#include "health/plan.h"
#include "health/ramp.h"
#include "health/store.h"
#include "health/trial.h"

/** What is known of an endpoint beside its published state. */
struct standing {
    bool changed;            /* waits in `changed` */
    uint8_t known;           /* enum health: before the restart or the reload; unknown: nothing */
    int64_t since_before_ms; /* of what was published before the latest fall, to take it back */
    int64_t known_since_ms;
    int64_t changed_us;    /* since when it waits, monotonic */
    int64_t ramp_began_ms; /* monotonic */
    uint8_t ramp_seen;     /* enum ramp_seen: what it was when last looked at */
};

#define EXCHANGE(a, b)             \
    do {                           \
        __typeof__(a) kept_ = (a); \
        (a) = (b);                 \
        (b) = kept_;               \
    } while (0)

struct checker {
    uv_loop_t *loop;
    struct checker_callbacks callbacks;
    const struct model *model;
    struct plan *plan;
    struct endpoint_state *states;
    struct standing *standings;

    /* schedule.c */
    uv_timer_t tick;
    int64_t tick_at_ms;     /* when the tick should fire */
    int64_t last_turn_ms;   /* when the loop was last seen to run */
    struct wheel deadlines; /* of trials */

    /* starts.c */
    struct {
        uint32_t n_in_flight, max_in_flight; /* trials that are not freed yet */
    } network;
    struct {
        uint32_t n_in_flight; /* likewise */
        uint32_t turn;        /* the lane that may start next */
        bool more;            /* there was more to start than a turn of the loop takes */
    } exec;
    struct processes processes;
    struct trial_host trials;
    struct trial *in_flight; /* all trials with no result yet */
    uint32_t n_in_flight;
    bool ticking;

    /* results.c */
    int64_t searched_ms; /* when the search for probes without results began */
    uint32_t n_starved;  /* found by it */
    int64_t untried_ms;  /* when a lack of ours was last logged */

    /* doubt.c */
    uint64_t n_panics;
    struct {
        int64_t inquired_ms; /* when an inquiry was last opened, monotonic; 0: never */
        uint32_t next;       /* endpoints from here on are not yet in line with panic */
        uv_timer_t slice;    /* goes on with them */
    } doubt;

    /* endpoints.c */
    uv_timer_t flush;
    int64_t flushed_ms;
    struct checker_delays delays;
    uint32_t *changed; /* since the last flush */
    uint32_t n_changed;
    struct subscriptions subscriptions;
    struct ramp ramp;

    /* operator.c */
    struct orders orders;
    uint32_t orders_version; /* counts their changes */
    char *rules_path;        /* NULL: no state directory */
    char *problem;           /* what is wrong with the file since the start; else NULL */
    struct buf followed;     /* what the latest reload did to orders, one a line */
    uint32_t n_followed;

    /* order_queue.c, order_apply.c */
    struct order_job *jobs;
    bool orders_unsaved; /* the file is behind the list */
    struct order_apply *apply;
    uv_timer_t apply_timer;

    /* state_disk.c */
    struct {
        int error;             /* errno of the latest write; 0: it went well */
        int64_t since_ms;      /* wall clock */
        int64_t tried_mono_ms; /* the latest */
    } disk;

    /* persist.c */
    uv_work_t save;
    char *health_path, *saving_path; /* the latter not NULL: `save` is on its way */
    struct {
        struct saved_health *v;
        uint32_t n;
        int64_t at_ms;
        struct plan *plan; /* held: whose keys they have */
    } saving;
    int64_t saved_mono_ms;
    int save_error; /* errno */
    bool unsaved;

    /* succession.c */
    struct succession *next; /* of the model that is being moved to; else NULL */

    /* checker.c */
    uv_timer_t chores;
    int64_t started_ms;
    unsigned n_open;                   /* handles, trials and works that are not over yet */
    void (*closed)(struct checker *c); /* stopping, and nothing is open any more */
    bool stopping, reported_stale;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/** What the checker has at one moment, for other threads. */
struct present {
    struct plan *plan; /* held */
    struct orders orders;
    uint32_t orders_version;
};

#define CHORES_MS 250

/** Something that was open (n_open) is not any more. */
static inline void checker_closed(struct checker *c)
{
    if (--c->n_open == 0 && c->stopping)
        c->closed(c);
}

/* checker.c */
/** Of an endpoint of which nothing is known. */
struct endpoint_state checker_fresh_state(void);

/* schedule.c */
void schedule_init(struct checker *c) ATTR_NONNULL;
/** Probes without a result start as soon as there is a slot, the others at their time. */
void schedule_plan(struct checker *c) ATTR_NONNULL;
/** Does so for one probe of the plan that is not of type pool, and counts it; nothing starts yet.
 *  `is_busy`: it is in flight, or will be. */
void schedule_probe(struct checker *c, struct probe *probe, bool is_busy) ATTR_NONNULL;
/** Undoes schedule_probe(). */
void schedule_forget(struct checker *c, struct probe *probe) ATTR_NONNULL;
/** When the probe is due after `now_ms`, monotonic. */
int64_t schedule_next_ms(const struct probe *probe, int64_t now_ms) ATTR_NONNULL;
/** Sets the timer to the next thing that may be due. */
void schedule_arm(struct checker *c) ATTR_NONNULL;

/* starts.c */
/** Lets a probe wait for a slot, unless it does or is in flight. */
void starts_queue(struct checker *c, struct probe *probe) ATTR_NONNULL;
/** Lets it wait before all others. */
void starts_ask(struct checker *c, struct probe *probe) ATTR_NONNULL;
void starts_unqueue(struct checker *c, struct probe *probe) ATTR_NONNULL;
/** Starts what waits and may start, as much as one turn of the loop takes. */
void starts_pump(struct checker *c) ATTR_NONNULL;
/** Does so if a command waits: some that were killed may be gone by now. */
void starts_pump_exec(struct checker *c) ATTR_NONNULL;
/** Whether there is more to start at once. */
bool starts_more(const struct checker *c) ATTR_NONNULL;
/** A trial has its result: its probe is free for the next. */
void starts_end(struct checker *c, struct trial *trial) ATTR_NONNULL;
/** Cancels all that is in flight. */
void starts_cancel(struct checker *c) ATTR_NONNULL;
void starts_freed(struct trial_host *host, const struct prepared_check *check) ATTR_NONNULL;

/* hasten.c */
/** A result of a probe came, but for TRIAL_UNTRIED, and is taken in. */
void hasten_result(struct checker *c, struct probe *p, enum trial_outcome outcome) ATTR_NONNULL;

/* results.c */
void results_take(struct trial_host *host, struct trial *trial,
                  const struct trial_result *result) ATTR_NONNULL;
/** To be called whenever the loop runs again: notices that it did not for too long. */
void results_notice_stall(struct checker *c) ATTR_NONNULL;
/** Marks probes stale that got no turn for long: some of all, in one call. */
void results_find_starved(struct checker *c) ATTR_NONNULL;

/* doubt.c */
/** Begins to count, with what is known of each endpoint: before endpoints_init(). */
void doubt_init(struct checker *c) ATTR_NONNULL;
/** A probe is started. */
void doubt_asked(struct checker *c, const struct probe *p) ATTR_NONNULL;
/** Its result came, but for TRIAL_UNTRIED: takes it in, and publishes what follows. */
void doubt_result(struct checker *c, struct probe *p, enum trial_outcome outcome) ATTR_NONNULL;
/** It could not be tried: its state stays. */
void doubt_untried(struct checker *c, struct probe *p) ATTR_NONNULL;
/** Ends panic when it may end, and what has been asked for too long. */
void doubt_review(struct checker *c) ATTR_NONNULL;
/** Counts a probe of the next model as what it carries over, again if need be. */
void doubt_carry(struct checker *c, struct probe *p) ATTR_NONNULL;
/** The checker has moved to that. */
void doubt_switched(struct checker *c) ATTR_NONNULL;

/* derived.c */
/** Works out what depends on the pools that changed. */
void derived_update(struct checker *c) ATTR_NONNULL;
/** Works all checks of type pool out once, silently. Returns whether anything changed. */
bool derived_update_all(struct checker *c) ATTR_NONNULL;
/** Works one out from the states; returns whether that changed it. */
bool derived_work_out(struct checker *c, struct probe *p, const struct pool *pool) ATTR_NONNULL;

/* endpoints.c */
/** Works every state out for a new plan, silently. The caller has put into each state what is
 *  carried over or was saved: health, assumed_up, since, overrides. */
void endpoints_init(struct checker *c) ATTR_NONNULL;
/** Works one out, silently. */
void endpoints_init_one(struct checker *c, uint32_t endpoint) ATTR_NONNULL;
/** A probe's health as told, reason or staleness changed: works its endpoints out anew. */
void endpoints_follow(struct checker *c, const struct probe *probe) ATTR_NONNULL;
/** Works one out anew at the beginning or the end of panic. */
void endpoints_align(struct checker *c, uint32_t endpoint) ATTR_NONNULL;
/** Whether an endpoint serves, its weight or flip time changed: what depends on its pool is worked
 *  out before the change is told. */
void endpoints_touched(struct checker *c, uint32_t endpoint) ATTR_NONNULL;
void endpoints_mark_changed(struct checker *c, uint32_t endpoint) ATTR_NONNULL;
/** Tells of the changes that wait, in the next turn of the loop. */
void endpoints_flush_soon(struct checker *c) ATTR_NONNULL;
/** Does so now. */
void endpoints_flush(struct checker *c) ATTR_NONNULL;
/** Does so if they have waited for long: in a busy turn of the loop the timer comes late. */
void endpoints_flush_if_late(struct checker *c) ATTR_NONNULL;
void endpoints_event(struct checker *c, uint32_t endpoint, const char *from, const char *to,
                     const char *reason);
/** As endpoints_event(), of what somebody caused. */
void endpoints_event_by(struct checker *c, uint32_t endpoint, const char *from, const char *to,
                        const char *reason, const char *by);

/* operator.c */
/** Names the files of the model's state directory. */
void operator_set_paths(struct checker *c) ATTR_NONNULL;
/** Makes the state directory if it is missing, and reads the orders, at the start. Returns 0, or a
 *  negative code when there must be no start without what could not be read. */
int operator_load(struct checker *c, struct diags *diags)
    __attribute__((nonnull(1), warn_unused_result));
/** The orders with the model that is being moved to: fitted to it when this is made. On any
 *  thread. */
struct order_move *order_move_new(const struct orders *orders, const struct model *m) ATTR_NONNULL;
/** Puts what decides an endpoint of that model into its state. */
void order_move_apply(struct order_move *move, uint32_t endpoint,
                      struct endpoint_state *state) ATTR_NONNULL;
/** At the switch, when the checker has the model. Then, or instead: order_move_free(). */
void order_move_finish(struct checker *c, struct order_move *move) ATTR_NONNULL;
void order_move_free(struct order_move *move);

/* order_queue.c */
/** Saves the list soon: it has changed of itself. */
void order_queue_save(struct checker *c) ATTR_NONNULL;
/** The list is in force, or its endpoints are others. */
void order_queue_applied(struct checker *c) ATTR_NONNULL;
/** Ends what is over, retries what could not be saved. */
void order_queue_chores(struct checker *c) ATTR_NONNULL;
/** Carries out what waits, at once, but for a save that is on its way. */
void order_queue_stop(struct checker *c) ATTR_NONNULL;

/* order_apply.c */
/** Takes over another list, and puts it in force in turns; `why`, and who did it (""), are told
 * with each change. */
void order_apply_change(struct checker *c, struct orders *next, const char *why,
                        const char *by) ATTR_NONNULL;
/** The next turn's share; when stopping, all. */
void order_apply_run(struct checker *c) ATTR_NONNULL;
/** Forgets what is not in force yet: the model is another. */
void order_apply_drop(struct checker *c) ATTR_NONNULL;

/* state_disk.c */
/** How a write into the state directory went: 0, or its errno. */
void disk_note(struct checker *c, int error) ATTR_NONNULL;
/** Whether a write that failed is worth another try. */
bool disk_may_retry(const struct checker *c) ATTR_NONNULL;

/* succession.c */
/** While another model is being moved to: what is known of this has changed, and must be carried
 *  over again. */
void succession_note_probe(struct checker *c, const struct probe *probe) ATTR_NONNULL;
void succession_note_endpoint(struct checker *c, uint32_t endpoint) ATTR_NONNULL;
/** Likewise, of orders: all endpoints of that model must be looked at again. */
void succession_note_orders(struct checker *c) ATTR_NONNULL;

/* persist.c */
/** Reads what is assumed of endpoints until their first results. */
void persist_load(struct checker *c) ATTR_NONNULL;
void persist_chores(struct checker *c) ATTR_NONNULL;
/** Writes at once, unless a write is on its way: its end calls this again when stopping. */
void persist_save_now(struct checker *c) ATTR_NONNULL;
