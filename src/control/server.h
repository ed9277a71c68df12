/* SPDX-License-Identifier: Apache-2.0
 * The server of the control protocol: a Unix socket, many clients, none of which can make another
 * wait: all reads and writes are asynchronous, and a client has one request under way at a time.
 * Knows no command: requests go to a handler, which answers now or later. */
#pragma once

#include "base/diag.h"
#include "control/call.h"

#include <uv.h>

struct control_server;

/** Listens on `path` (mode 0660, for `user` and its group if given). A stale file of a daemon that
 * is gone is replaced; a live one is refused. Returns 0, or E_EXISTS, E_INVALID or E_SYSTEM with
 * the reason in `diags`. */
int control_server_open(struct control_server **server, const struct control_handler *handler,
                        uv_loop_t *loop, const char *path, const char *user, struct diags *diags)
    __attribute__((nonnull(1, 2, 3, 4, 6))) ATTR_MUST_USE;

/** The same with a socket that another process listens on at `path`, and hands to this one. Takes
 *  over `fd`; returns 0, or E_SYSTEM with the reason in `diags` and `fd` closed. */
int control_server_adopt(struct control_server **server, const struct control_handler *handler,
                         uv_loop_t *loop, const char *path, int fd,
                         struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** The socket that it listens on, to be handed on. */
int control_server_fd(const struct control_server *server) ATTR_NONNULL;

/** How many clients are expected to stay, beside the 64 that there may be. */
void control_server_expect(struct control_server *server, unsigned n) ATTR_NONNULL;

/** For tests: another time after which a client that says or takes nothing is dropped. */
void control_server_set_idle(struct control_server *server, int64_t idle_ms) ATTR_NONNULL;

/** Stops listening, removes the file, lets replies under way go out for at most 1 s, closes. `done`
 *  (NULL: nobody waits) runs on the loop afterwards. */
void control_server_close(struct control_server *server, void (*done)(void *arg), void *arg)
    __attribute__((nonnull(1)));

/** The same, but that the file stays, as another process listens on the socket now. */
void control_server_leave(struct control_server *server) ATTR_NONNULL;

const char *control_server_path(const struct control_server *server) ATTR_NONNULL;
