/* SPDX-License-Identifier: Apache-2.0
 * The connection to loadstar-l4 that stays: lines both ways, for as long as both live. Bounded,
 * whatever comes: a line's length, the time to an answer, and what is read in a second. */
#pragma once

#include "base/buf.h"
#include "drive/drive.h"
#include "tier/driver.h"

#define FORWARDER_ANSWER_MS 5000       /* to connect, and to have an answer */
#define FORWARDER_READ_MAX (32u << 20) /* bytes and .. */
#define FORWARDER_LINES_MAX 4000       /* .. lines in a second; what is more waits */

struct forwarder_link;

struct forwarder_link_events {
    void *ctx;
    /** A line, NUL-terminated; without NULs. May close the link. */
    void (*line)(void *ctx, char *line, size_t n);
    /** Once, from the loop, with one line of what went wrong; the link is over. */
    void (*ended)(void *ctx, enum tier_error reason, const char *text);
};

/** Connects; what is said meanwhile follows. `path` is copied, and fits into a socket's address. */
struct forwarder_link *forwarder_link_open(struct drive *drive, const char *path, size_t max_line,
                                           const struct forwarder_link_events *events)
    ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Says a line that is to be answered in time; takes over the text. */
void forwarder_link_ask(struct forwarder_link *link, struct buf *text) ATTR_NONNULL;
/** The answer is there. */
void forwarder_link_answered(struct forwarder_link *link) ATTR_NONNULL;
/** `ended` is not called. */
void forwarder_link_close(struct forwarder_link *link) ATTR_NONNULL;
