/* SPDX-License-Identifier: Apache-2.0
 * A talk with BIRD over its control socket: one command at a time (it closes on one that sends
 * ahead), and the lines of each answer. */
#pragma once

#include "anycast/bird_reply.h"

struct bird_talk;

struct bird_talk_events {
    void *ctx;
    /** The next command, without the end of its line; false: that was all. */
    bool (*ask)(void *ctx, struct buf *command);
    /** A line of the answer to it. An error is one of its lines: BIRD_ERRORS and above. */
    void (*line)(void *ctx, const struct bird_line *line);
    /** Once, at the end, from the loop. SPEAKER_ERROR_NONE, or why it broke off and what to do. */
    void (*end)(void *ctx, enum speaker_error error, const char *text);
};

struct bird_talk *bird_talk_start(struct drive *drive, const struct speaker *config,
                                  const struct bird_talk_events *events) ATTR_NONNULL;
/** `end` is not called. Not after `end`. */
void bird_talk_cancel(struct bird_talk *talk) ATTR_NONNULL;
