/* SPDX-License-Identifier: Apache-2.0
 * The daemon: what is in force, and the control thread's loop that changes it.
 *
 *     load -> control -> bind -> drop privileges -> checker -> first results -> publish -> answer
 *
 * Everything in here belongs to the control thread; workers see only what is published. */
#pragma once

#include "anycast/anycast.h"
#include "base/vec.h"
#include "compile/compile.h"
#include "ctl/ctl.h"
#include "drive/turn_watch.h"
#include "health/checker.h"
#include "io/workers.h"
#include "main/rights.h"
#include "main/transition.h"
#include "out/event_file.h"
#include "out/events.h"
#include "out/transitions.h"
#include "out/vanished.h"

#include <stdatomic.h>
#include <uv.h>

/** An event whose effect on the answers is not known before the views are refreshed. */
struct pending_event {
    struct event event;
    uint32_t pool;
};

struct daemon {
    const char *path; /* of the main configuration file */
    uv_loop_t loop;
    uv_signal_t signals[3];
    struct turn_watch turns;
    uv_timer_t ready_timer;    /* until the first results are in */
    uv_timer_t event_timer;    /* for events that no refresh follows */
    uv_timer_t level_timer;    /* for levels that have moved */
    uv_timer_t tier_timer;     /* for tiers that have */
    uv_timer_t watchdog_timer; /* tells the service manager that the loop goes on */
    uv_timer_t stop_timer;     /* tells the service manager that the stop goes on */
    uv_timer_t host_timer;     /* instead of host_watch, where there is no news */
    uv_poll_t host_watch;      /* this host's addresses, where `watching` */

    struct generation *generation; /* in force */
    struct checker *checker;
    struct subscription *views; /* what has changed since the views were compiled */
    struct workers *workers;
    struct ctl *ctl;
    struct tiers *tiers;                  /* NULL: not yet, or not any more */
    struct tier_news *tier_news;          /* how they were told to be */
    struct tier_set *first_tiers;         /* of the start, until they are in force */
    rights_set tier_rights;               /* of the tiers' thread, for good */
    struct anycast *anycast;              /* NULL: not yet, or not any more */
    struct anycast_set *first_anycast;    /* of the start, until they are in force */
    struct anycast_rights anycast_rights; /* for good */
    struct {
        uv_timer_t timer;
        int fd; /* until anycast has it; -1: there is no guard */
        atomic_bool workers_stalled;
        _Atomic int64_t looked_ms;  /* when they were last looked at; 0: not yet */
        uint64_t n_drops;           /* of queries, by the kernel, as seen then */
        _Atomic int64_t dropped_ms; /* when that last rose; 0: never */
    } guard;                        /* guard.c */
    struct levels *levels;
    struct transitions *transitions; /* of these */
    uint64_t n_generations;
    int64_t started_wall_ms, started_mono_ms;
    uint32_t n_filled; /* views, at the start */
    bool serving;      /* the first snapshot is published */
    bool switching;    /* the checker is ahead of `generation` */
    bool draining;     /* a stop was asked for */
    bool stopping;     /* what is announced has been drained, or is not to be */
    bool ending;       /* nothing is answered any more */
    char stop_text[512];
    bool watching;
    int exit_code;

    VEC(struct pending_event) events;
    struct event_file *event_file;   /* NULL: it has not come so far */
    struct actor reload_by, stop_by; /* who asked for the last one; "": nobody */
    struct vanished vanished;

    struct reload reload;
    struct transition transition;
};

/** Runs until it is told to stop. Returns the exit code. */
int daemon_run(const char *path) ATTR_NONNULL;

/** Closes what init_handles() has opened: the loop ends. */
void daemon_close_handles(struct daemon *daemon) ATTR_NONNULL;

/** Numbers a generation that goes into force. */
static inline void daemon_number(struct daemon *daemon, struct generation *generation)
{
    generation->number = ++daemon->n_generations;
    generation->snapshot->generation = generation->number;
}

/* lent.c */
struct ctl_host daemon_lend(struct daemon *daemon) ATTR_NONNULL;

/* changes.c: from the checker's news to views and events. */
struct checker_callbacks daemon_checker_callbacks(struct daemon *daemon) ATTR_NONNULL;
/** Subscribes the views to the checker. */
void daemon_follow_checker(struct daemon *daemon) ATTR_NONNULL;
/** The views of what is about to come into force have been filled. What changes from now on is kept
 *  for daemon_refresh_views(). */
void daemon_views_are_filled(struct daemon *daemon) ATTR_NONNULL;
/** Brings the views in force up to date; to be called when they have come into force. */
void daemon_refresh_views(struct daemon *daemon) ATTR_NONNULL;
void daemon_flush_events(struct daemon *daemon) ATTR_NONNULL;

/* life.c: starts and stops as events. */
/** Opens the event log on disk, and tells of the start. */
void daemon_tell_start(struct daemon *daemon) ATTR_NONNULL;
/** After the loop has ended: tells of the stop, writes it, closes the log. */
void daemon_tell_stop(struct daemon *daemon) ATTR_NONNULL;

/* levels.c: levels of pools and sites, and their events. */
void daemon_follow_levels(struct daemon *daemon) ATTR_NONNULL;
/** Before checker_stop(). */
void daemon_leave_levels(struct daemon *daemon) ATTR_NONNULL;

/* stop.c */
/** Drains what is announced or withdraws it, answers what is being answered, saves, closes; the
 * loop ends. */
void daemon_stop(struct daemon *daemon, enum ctl_stop how) ATTR_NONNULL;
/** Why it cannot stop so, until the next call; NULL: it can. */
const char *daemon_stop_problem(struct daemon *daemon, enum ctl_stop how) ATTR_NONNULL;

/* guard.c: the guard of announcements. */
void daemon_init_guard(struct daemon *daemon) ATTR_NONNULL;
/** Looks for what prefix sets need, and starts it when there are any: before rights are given up.
 */
int daemon_start_guard(struct daemon *daemon, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
/** Its socket, which is the caller's from now on; -1: there is none. */
int daemon_take_guard(struct daemon *daemon) ATTR_NONNULL;
/** From now on workers that hang are found. */
void daemon_watch_workers(struct daemon *daemon) ATTR_NONNULL;
/** Whether a worker, or the control loop, has not turned for a second. From any thread. */
bool daemon_is_stalled(struct daemon *daemon) ATTR_NONNULL;
bool daemon_overflows(struct daemon *daemon) ATTR_NONNULL;
void daemon_close_guard(struct daemon *daemon) ATTR_NONNULL;

/* drives.c: the threads of tiers and anycast. */
/** Starts both, each with the rights that it needs alone. */
int daemon_start_drives(struct daemon *daemon, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/* tiers.c: local balancers. */
/** Starts their thread. */
int daemon_start_tiers(struct daemon *daemon, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
/** Has all that may fail of them. */
int daemon_prepare_tiers(struct daemon *daemon, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
/** They follow the checker. */
void daemon_follow_tiers(struct daemon *daemon) ATTR_NONNULL;
/** Nothing is told of them any more. */
void daemon_leave_tiers(struct daemon *daemon) ATTR_NONNULL;
/** After a start that failed. */
void daemon_give_up_tiers(struct daemon *daemon) ATTR_NONNULL;

/* anycast.c: prefix sets. */
/** Starts their thread, which has the guard from now on. */
int daemon_start_anycast(struct daemon *daemon, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;
/** They follow the checker; after daemon_follow_levels(). */
void daemon_follow_anycast(struct daemon *daemon) ATTR_NONNULL;
/** After a start that failed. */
void daemon_give_up_anycast(struct daemon *daemon) ATTR_NONNULL;
