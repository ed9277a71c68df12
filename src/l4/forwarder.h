/* SPDX-License-Identifier: Apache-2.0
 * The forwarder: what is in force, and the main thread's loop that changes it.
 *
 *     load -> control -> listen -> give up rights -> workers, checker -> first members -> forward
 *
 * Members change (a probe, loadstard, an order, a reload): the sets are brought up to date, and a
 * few milliseconds later a plan is made of all of them and given to the workers. Everything in here
 * is the main thread's; workers see plans and what member.h says. */
#pragma once

#include "drive/drive.h"
#include "drive/reload.h"
#include "drive/turn_watch.h"
#include "health/checker.h"
#include "health/succession.h"
#include "l4/flow_log.h"
#include "l4/followers.h"
#include "l4/metrics_server.h"
#include "l4/plan_build.h"
#include "l4/rates.h"
#include "l4/rtt_list.h"
#include "l4/saved_sets.h"
#include "l4/sockhash.h"
#include "l4/worker.h"

#include <jansson.h>

struct forwarder;

/** A worker as the main thread has it. */
struct hand {
    struct worker *worker;
    struct forwarder *forwarder;
    struct rtt_sources *rtt;
    struct flow_log_ring *log;
    struct worker_host host;
};

/** Endpoints of our own pools by their keys, POOL/SITE/LABEL. */
struct endpoint_index {
    uint64_t setup; /* number of the one that it is of; 0: of none */
    struct arena *arena;
    struct strmap places;
};

struct forwarder {
    const char *path; /* of the configuration */
    char **argv;      /* of this program */
    char *program;    /* its path, as it was started */
    uv_loop_t loop;
    uv_signal_t signals[3];
    struct turn_watch turns;
    uv_timer_t ready_timer;    /* until the first members are known */
    uv_timer_t plan_timer;     /* something has changed */
    uv_timer_t order_timer;    /* an order of a list's member ends */
    uv_timer_t second_timer;   /* rates, sessions */
    uv_timer_t watchdog_timer; /* tells the service manager that the loop goes on */
    uv_timer_t stop_timer;     /* looks whether flows are left */
    struct mailbox *mailbox;   /* from workers */

    struct setup *setup; /* in force */
    struct listeners *listeners;
    struct set_table sets;
    struct registry *registry;
    struct plan *plan; /* NULL: not yet */
    uint64_t n_plans, n_setups, seed;
    struct hand *hands;
    uint32_t n_workers;

    struct checker *checker;
    struct subscription *changes; /* of its endpoints */
    struct endpoint_index endpoints;
    struct control_server *control;
    struct metrics_server *metrics;
    struct flow_log *log;
    struct saved_sets *saved;
    struct followers followers;
    struct rates rates;
    struct flows_job *flows_jobs; /* pages of `flows`: the first is being made, others wait */

    struct reload reload;
    struct {
        struct present *present;
        struct setup *setup;
        struct succession *succession;
        struct listeners *listeners;
    } next;               /* while one is being loaded */
    char *reload_errors;  /* of the last one; NULL: it went well */
    int64_t reload_at_ms; /* wall clock */
    uint64_t n_reloads, n_reloads_failed;

    int64_t started_wall_ms, started_mono_ms;
    int64_t drain_until_ms;  /* monotonic */
    bool can_be_transparent; /* workers may send from clients' addresses */
    struct sockhash sockhash;
    bool has_sockhash; /* else: */
    char sockhash_why[SOCKHASH_WHY_MAX];
    bool ready, draining, ending;

    /* Replacement: heir.h, elders.h. */
    struct heir *heir;           /* is to take over, or has; NULL: there is none */
    struct inherited *inherited; /* from the process that we take over from, until we forward */
    struct elder *elders;        /* have been taken over from, and have flows left */
    bool retired;                /* the heir forwards, our flows end */
    struct passing *passing;     /* forwarder_pass.h; NULL: workers do as they always do */
    struct bound *bound;    /* flows that another process had; NULL: none is awaited any more */
    int64_t bound_until_ms; /* monotonic */
    bool told_to_stop;      /* retired: once */
    int exit_code;
};

/** Each set that is to be told may have a client of its own on the control socket. */
void forwarder_expect_tellers(struct forwarder *f) ATTR_NONNULL;

/** Runs until it is told to stop. Returns the exit code. */
int forwarder_run(const char *path, char **argv) ATTR_NONNULL;

/** Whether workers may do what the configuration takes. Returns 0, or E_INVALID after an error. */
int forwarder_judge_rights(const struct forwarder *f, const struct l4_config *config,
                           struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/* forwarder_kernel.c: the maps of `relay: sockhash`. */
/** Once, before rights are given up. Warns of services that have to do without. */
void forwarder_open_sockhash(struct forwarder *f, struct diags *diags) ATTR_NONNULL;
void forwarder_warn_of_sockhash(const struct forwarder *f, const struct l4_config *config,
                                struct diags *diags) ATTR_NONNULL;
/** Calls fn with each one and what it is, which fn takes over: for a process that is to take over.
 */
void forwarder_each_map(const struct forwarder *f, void (*fn)(void *arg, int fd, json_t *facts),
                        void *arg) __attribute__((nonnull(1, 2)));
/** When no worker is left. */
void forwarder_close_sockhash(struct forwarder *f) ATTR_NONNULL;

/* forwarder_plan.c: from changes to plans. */
/** Soon a plan is made of all that has changed until then. */
void forwarder_replan(struct forwarder *f) ATTR_NONNULL;
/** At once. */
void forwarder_plan_now(struct forwarder *f) ATTR_NONNULL;
/** What another process had of flows has gone on, or is too old. */
void forwarder_forget_bound(struct forwarder *f) ATTR_NONNULL;
/** Brings the sets whose members are of our own pools up to date. */
void forwarder_look_at_checker(struct forwarder *f) ATTR_NONNULL;
/** Whether every set is known, as far as somebody is to tell it. */
bool forwarder_has_sets(const struct forwarder *f) ATTR_NONNULL;

/* forwarder_checks.c */
/** A connect to a member failed: where it is an endpoint of our own pools, it is probed now. */
void forwarder_hasten(struct forwarder *f, const char *set, const char *key) ATTR_NONNULL;
void endpoint_index_free(struct endpoint_index *index) ATTR_NONNULL;

/* forwarder_hands.c: workers, and what they tell. */
int forwarder_start_workers(struct forwarder *f, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
void forwarder_stop_workers(struct forwarder *f) ATTR_NONNULL;
uint32_t forwarder_n_flows(const struct forwarder *f) ATTR_NONNULL;
/** What workers measured of clients, merged; for rtt_list_free(). */
void forwarder_client_rtts(const struct forwarder *f, struct rtt_list *list) ATTR_NONNULL;

/** Opens *server where the configuration says, if it says so; `fd`: a socket there, taken over; -1:
 *  none. */
int forwarder_open_metrics(struct forwarder *f, struct metrics_server **server,
                           const struct l4_config *config, int fd,
                           struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/* forwarder_reload.c */
extern const struct reload_steps forwarder_reload_steps; /* of a struct forwarder */

/** Members and configuration are known: makes the first plan, and forwards. */
void forwarder_begin(struct forwarder *f) ATTR_NONNULL;
/** The loop ends, as nothing can be begun. */
void forwarder_give_up(struct forwarder *f) ATTR_NONNULL;

/* forwarder_stop.c */
/** Another process forwards from now on, and workers have passed on what they listened to:
 *  everything but flows is left to it. */
void forwarder_retire(struct forwarder *f) ATTR_NONNULL;
/** No new flows: those that are left may end in their time. The second time, or with `now`, at
 *  once. */
void forwarder_stop(struct forwarder *f, bool now) ATTR_NONNULL;
/** Of all services. */
uint32_t forwarder_longest_drain_ms(const struct forwarder *f) ATTR_NONNULL;
/** What init has opened is closed: the loop ends. */
void forwarder_close_handles(struct forwarder *f) ATTR_NONNULL;

/* commands.c: the control socket. */
struct control_handler forwarder_commands(struct forwarder *f) ATTR_NONNULL;
