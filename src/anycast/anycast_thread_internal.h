/* SPDX-License-Identifier: Apache-2.0
 * The thread that announces, from inside:
 *
 *   anycast_thread.c       its start, what it is asked, what it gives back
 *   anycast_thread_sets.c  sets that come into force: which engine goes on, begins, leaves
 *   anycast_thread_lines.c speakers: what they are to have, their last wills
 *   anycast_thread_stop.c  draining, and the end */
#pragma once

#include "anycast/anycast_thread.h"
#include "base/vec.h"

struct line_seat;

/** An engine in its place. */
struct set_seat {
    struct anycast_thread *thread;
    struct set_engine *engine;
    struct line_seat *line;
    uint32_t nth;    /* of the set in force; MODEL_NONE: it leaves */
    bool waits;      /* others that leave announce its prefixes until it holds its addresses; the
                        speaker is not told of it before */
    int64_t heir_ms; /* monotonic, till when that is waited for */
    bool has_ended;  /* to be closed when its line does not know of it any more */
};

/** A speaker in its place. */
struct line_seat {
    struct anycast_thread *thread;
    struct speaker_line *line;
    struct anycast_set *set; /* held: that `config` is of */
    const struct speaker *config;
    uint32_t number;  /* of its will */
    bool leaving;     /* it is not configured any more */
    bool is_dirty;    /* what is wanted of it has changed */
    bool is_changed;  /* a view of it is to be given */
    int64_t quiet_ms; /* since when it has no set and leaves; 0: it does not */
    char *will;       /* that the guard knows of; NULL: none */
};

struct anycast_thread {
    struct drive *drive;
    struct anycast_thread_host host;
    char node[128];
    int guard_fd;
    struct holds *holds;
    struct anycast_set *set; /* held; NULL: none */
    VEC(struct set_seat *) seats;
    VEC(struct line_seat *) lines;
    VEC(struct anycast_view *) views; /* to be given */
    uint64_t n_views;

    uv_timer_t out, flush, beats, end; /* gives views; tells lines; the control thread's life; the
                                          longest that a drain, or the stop, may take */
    int64_t out_ms;
    uint32_t n_missed; /* heartbeats, in a row */
    bool has_beaten, is_stalled, serving;
    bool drains, keeps, stopping, closing, drained;
    bool unseen; /* not seen to be withdrawn at the stop: it is left to the guard */
};

/* anycast_thread.c */
struct set_engine_host anycast_thread_engine_host(struct set_seat *seat) ATTR_NONNULL;
/** Something is to be given soon. */
void anycast_thread_give_soon(struct anycast_thread *thread) ATTR_NONNULL;
/** Now. */
void anycast_thread_give(struct anycast_thread *thread) ATTR_NONNULL;
void anycast_thread_give_end(struct anycast_thread *thread, void (*say)(void *ctx)) ATTR_NONNULL;

/* anycast_thread_sets.c */
void anycast_thread_take_set(struct anycast_thread *thread, struct anycast_set *set)
    __attribute__((nonnull(1)));
/** Sets that leave give to those that come, where the latter hold their addresses. */
void anycast_thread_hand_over(struct anycast_thread *thread) ATTR_NONNULL;
/** Closes sets that have ended. */
void anycast_thread_close_ended(struct anycast_thread *thread) ATTR_NONNULL;

/* anycast_thread_lines.c */
struct line_seat *anycast_thread_find_line(struct anycast_thread *thread,
                                           const struct speaker *config) ATTR_NONNULL;
/** Opens those that are new, marks those that are gone. */
void anycast_thread_take_speakers(struct anycast_thread *thread, struct anycast_set *set)
    __attribute__((nonnull(1)));
void anycast_thread_dirty(struct line_seat *line) ATTR_NONNULL;
/** Tells all that are dirty what they are to have. */
void anycast_thread_flush(struct anycast_thread *thread) ATTR_NONNULL;
/** Closes those that are gone, once they have withdrawn what was there, or for all their time have
 *  not. */
void anycast_thread_close_lines(struct anycast_thread *thread) ATTR_NONNULL;
void anycast_thread_close_line(struct line_seat *line) ATTR_NONNULL;
/** A view of a speaker as it is now. */
struct speaker_view *anycast_thread_view_line(struct line_seat *line) ATTR_NONNULL;

/* anycast_thread_stop.c */
void anycast_thread_begin_drain(struct anycast_thread *thread, bool keep) ATTR_NONNULL;
void anycast_thread_begin_stop(struct anycast_thread *thread) ATTR_NONNULL;
/** Goes on with the end, where there is one under way; to be called when anything has changed. */
void anycast_thread_look_for_the_end(struct anycast_thread *thread) ATTR_NONNULL;
