/* SPDX-License-Identifier: Apache-2.0
 * Events as lines of a file that stand for themselves (base/sealed.h):
 *
 *     SUM ID AT_MS SEVERITY TARGET FROM TO REASON EFFECT BY */
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "out/events.h"

#include <stdbool.h>

/** Adds the line, its line feed included. */
void event_line_add(struct buf *out, const struct event *event) ATTR_NONNULL;

/** Reads a line without its line feed. False: damaged, and *event is undefined. */
bool event_line_read(struct event *event, struct slice line) ATTR_NONNULL ATTR_MUST_USE;

/** What a file of lines holds. */
struct event_lines {
    struct event *v; /* the newest EVENTS_KEPT, ids ascending; for free() */
    uint32_t n;
    uint32_t n_lines; /* all that are sound */
    uint32_t
        n_damaged; /* left out: damaged, or with an id that is none or not above the one before */
    bool torn;     /* the last has no line feed */
};
void event_lines_read(struct event_lines *out, struct slice text) ATTR_NONNULL;
