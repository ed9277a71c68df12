/* SPDX-License-Identifier: Apache-2.0
 * The event log on disk: events.log in the state directory, so that a restart does not end the
 * story.
 *
 * Lines (out/event_line.h) are appended on a thread of the loop's pool, those of a second in one
 * write, and synced. Once there are EVENT_FILE_LINES_MAX the newest EVENTS_KEPT are written anew. A
 * disk that is full, slow or gone costs events on disk, and nothing else: it is logged once, and
 * tried again with all that are kept in memory. */
#pragma once

#include "out/events.h"

#include <uv.h>

#define EVENT_FILE "events.log"
#define EVENT_FILE_LINES_MAX (2 * EVENTS_KEPT)

struct event_file;

/** How the process before ended, as far as the file tells. */
enum event_past {
    EVENT_PAST_NONE,    /* no file: the first start with this directory */
    EVENT_PAST_STOPPED, /* the last event is a stop (event_file_stopped()) */
    EVENT_PAST_UNCLEAN,
    EVENT_PAST_UNREADABLE
};

/** Gives what the file holds back to the log (events_restore()), and from now on keeps what is
 * added to it. What is damaged or cannot be read is logged. state_dir NULL: nothing is kept. */
struct event_file *event_file_open(uv_loop_t *loop, const char *state_dir, enum event_past *past)
    __attribute__((nonnull(1, 3))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;

/** Goes on in another state directory, with all that are kept; NULL: nowhere. A file that is there
 *  is put aside. */
void event_file_move(struct event_file *file, const char *state_dir) __attribute__((nonnull(1)));

/** Why events are not on disk; NULL: they are, or need not be. Until control returns to the loop.
 */
const char *event_file_problem(const struct event_file *file) ATTR_NONNULL;

/** Closes its timer. */
void event_file_stop(struct event_file *file) ATTR_NONNULL;
/** After the loop has ended: writes what is left, and frees. */
void event_file_free(struct event_file *file);
