/* SPDX-License-Identifier: Apache-2.0
 * The server of the control protocol: a Unix socket, many clients, none of which can make another
 * wait: all reads and writes are asynchronous, and a client has one request under way at a time.
 * Knows no command: requests go to a handler, which answers now or later. */
#pragma once

#include "base/actor.h"
#include "base/diag.h"
#include "control/reply.h"

#include <uv.h>

struct control_server;

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

/** Listens on `path` (mode 0660, for `user` and its group if given). A stale file of a daemon that
 * is gone is replaced; a live one is refused. Returns 0, or E_EXISTS, E_INVALID or E_SYSTEM with
 * the reason in `diags`. */
int control_server_open(struct control_server **server, const struct control_handler *handler,
                        uv_loop_t *loop, const char *path, const char *user, struct diags *diags)
    __attribute__((nonnull(1, 2, 3, 4, 6))) ATTR_MUST_USE;

/** For tests: another time after which a client that says or takes nothing is dropped. */
void control_server_set_idle(struct control_server *server, int64_t idle_ms) ATTR_NONNULL;

/** Stops listening, removes the file, lets replies under way go out for at most 1 s, closes. `done`
 *  (NULL: nobody waits) runs on the loop afterwards. */
void control_server_close(struct control_server *server, void (*done)(void *arg), void *arg)
    __attribute__((nonnull(1)));

const char *control_server_path(const struct control_server *server) ATTR_NONNULL;
