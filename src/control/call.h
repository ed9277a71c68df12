/* SPDX-License-Identifier: Apache-2.0
 * Requests of the control protocol as whoever carries them out sees them. */
#pragma once

#include "base/actor.h"
#include "control/reply.h"

#include <stdint.h>

/** One request that waits for its answer. It is there until it has been answered, even when its
 *  client has gone. */
struct control_call;

struct control_handler {
    void *ctx;
    /** `object` is the request without what the protocol has for itself (loadstar/control.h),
     *  borrowed during the call. Answers `call` once: before returning, or later on the loop. */
    void (*request)(void *ctx, struct control_call *call, json_t *object);
    uint32_t line_max; /* bytes of a request, newline included; 0: LOADSTAR_CONTROL_LINE_MAX */
};

/** Who asks. Holds until the answer. */
const struct actor *
control_call_actor(const struct control_call *call) ATTR_NONNULL ATTR_RETURNS_NONNULL;

/** Whose call it is, as the kernel says. */
struct control_client {
    const void
        *connection; /* the same for each of its calls, and no other one's while it is open */
    uid_t uid;
    pid_t pid; /* 0: of another namespace */
};
struct control_client control_call_client(const struct control_call *call) ATTR_NONNULL;

/** Whether the client is known to have gone. Nobody looks for it while a call is under way: a line
 * of progress that cannot be sent tells. */
bool control_call_is_gone(const struct control_call *call) ATTR_NONNULL;

/** Whether lines of progress were asked for. */
bool control_call_wants_progress(const struct control_call *call) ATTR_NONNULL;
/** Sends one, any JSON value; borrowed. Nothing happens where none are wanted. While one is on its
 *  way, the newest follows it and those between are left out: progress is for now. */
void control_call_progress(struct control_call *call, const json_t *progress) ATTR_NONNULL;

/* Lines that nobody asked for, between replies: {"event": ...}. Of a client that takes them too
 * slowly the oldest that wait are left out; one that takes nothing at all is dropped. */
struct control_stream;

/** Lets such lines be sent over the connection of the call, until it closes: then `ended` runs,
 *  once, and the stream is not there any more. NULL: it is closing, or has a stream. */
struct control_stream *control_call_stream(struct control_call *call, void (*ended)(void *arg),
                                           void *arg) __attribute__((nonnull(1, 2))) ATTR_MUST_USE;
/** An object as a line, to be sent to one or many; borrowed. The caller holds it once. */
struct page *control_event(struct page_budget *budget,
                           const json_t *event) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Sends it. Where that cannot be done the stream ends, before this returns. */
void control_stream_send(struct control_stream *stream, struct page *event) ATTR_NONNULL;
/** Closes the connection: `ended` has run when this returns. */
void control_stream_close(struct control_stream *stream) ATTR_NONNULL;

/* The answer: one of them ends the call. */

void control_call_reply(struct control_call *call, const struct control_reply *reply) ATTR_NONNULL;
/** Takes over `result`. */
void control_call_answer(struct control_call *call, json_t *result) ATTR_NONNULL;
void control_call_fail(struct control_call *call, int code, const char *error) ATTR_NONNULL;
/** A document that is one line, as it is; held for as long as it is sent. */
void control_call_page(struct control_call *call, struct page *page) ATTR_NONNULL;
