/* SPDX-License-Identifier: Apache-2.0
 * GET /metrics over HTTP/1: one request a connection, few connections, each for seconds at most:
 * one more ends the oldest. The text is made once a second at most, and shared by all who ask. */
#pragma once

#include "base/buf.h"
#include "model/l4.h"

#include <uv.h>

struct metrics_server;

/** Adds the text. */
typedef void metrics_write_fn(void *ctx, struct buf *out);

/** Listens where the configuration says; *server stays NULL when it says nothing. `fd`: a socket
 *  that is bound there, of another process, which is taken over; -1: none. `before` is to be closed
 *  at once when this goes well, as it may not listen any more; NULL: there is none. Returns 0, or
 *  E_SYSTEM with the reason in `diags`: `before` goes on then. */
int metrics_server_open(struct metrics_server **server, uv_loop_t *loop,
                        const struct l4_config *config, int fd, const struct metrics_server *before,
                        metrics_write_fn *write, void *ctx, struct diags *diags)
    __attribute__((nonnull(1, 2, 3, 6, 8))) ATTR_MUST_USE;
/** The socket that it listens on, to be handed on. */
int metrics_server_fd(const struct metrics_server *server) ATTR_NONNULL;
/** Whether it listens where this configuration says. `server` may be NULL. */
bool metrics_server_fits(const struct metrics_server *server, const struct l4_config *config)
    __attribute__((nonnull(2)));
/** Closes all at once; freed on the loop. NULL is allowed. */
void metrics_server_close(struct metrics_server *server);
