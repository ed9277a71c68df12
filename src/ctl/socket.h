/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the control socket. Many clients, none of which can make another wait: all reads
 * and writes are asynchronous, and a client has one request under way at a time. */
#pragma once

#include "ctl/run.h"

struct control_socket;

/** Listens on `path` (mode 0660, for `user` and its group if given). A stale file of a daemon that
 * is gone is replaced; a live one is refused. Returns 0, or E_EXISTS, E_INVALID or E_SYSTEM with
 * the reason in `diags`. */
int control_socket_open(struct control_socket **socket, const struct run_service *service,
                        uv_loop_t *loop, const char *path, const char *user,
                        struct diags *diags) ATTR_MUST_USE;

/** For tests: another time after which a client that says or takes nothing is dropped. */
void control_socket_set_idle(struct control_socket *socket, int64_t idle_ms) ATTR_NONNULL;

/** Stops listening, removes the file, lets replies under way go out for at most 1 s, closes. `done`
 *  (NULL: nobody waits) runs on the loop afterwards. */
void control_socket_close(struct control_socket *socket, void (*done)(void *arg), void *arg);

const char *control_socket_path(const struct control_socket *socket) ATTR_NONNULL;
