/* SPDX-License-Identifier: Apache-2.0
 * Requests of the control protocol as whoever carries them out sees them. */
#pragma once

#include "base/actor.h"
#include "control/reply.h"

/** One request that waits for its answer. It is there until it has been answered, even when its
 *  client has gone. */
struct control_call;

struct control_handler {
    void *ctx;
    /** `object` is the request without what the protocol has for itself (loadstar/control.h),
     *  borrowed during the call. Answers `call` once: before returning, or later on the loop. */
    void (*request)(void *ctx, struct control_call *call, json_t *object);
};

/** Who asks. Holds until the answer. */
const struct actor *
control_call_actor(const struct control_call *call) ATTR_NONNULL ATTR_RETURNS_NONNULL;
uid_t control_call_uid(const struct control_call *call) ATTR_NONNULL;

/** Whether lines of progress were asked for. */
bool control_call_wants_progress(const struct control_call *call) ATTR_NONNULL;
/** Sends one, any JSON value; borrowed. Nothing happens where none are wanted. While one is on its
 *  way, the newest follows it and those between are left out: progress is for now. */
void control_call_progress(struct control_call *call, const json_t *progress) ATTR_NONNULL;

/* The answer: one of them ends the call. */

void control_call_reply(struct control_call *call, const struct control_reply *reply) ATTR_NONNULL;
/** Takes over `result`. */
void control_call_answer(struct control_call *call, json_t *result) ATTR_NONNULL;
void control_call_fail(struct control_call *call, int code, const char *error) ATTR_NONNULL;
/** A document that is one line, as it is; held for as long as it is sent. */
void control_call_page(struct control_call *call, struct page *page) ATTR_NONNULL;
