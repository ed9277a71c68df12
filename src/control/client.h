/* SPDX-License-Identifier: Apache-2.0
 * The client's end of the control socket. */
#pragma once

#include "base/attr.h"

#include <jansson.h>

#define CLIENT_ERROR_MAX 512

struct client;

/** Connects. Returns NULL with what went wrong, and what to do about it, in `error`.
 *  `timeout_ms` is how long to wait for the connection, and for the reply to a request, or for its
 *  next line of progress. */
struct client *client_open(const char *path, unsigned timeout_ms,
                           char error[CLIENT_ERROR_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** Takes what a request that takes long is doing: any JSON value. */
typedef void client_progress_fn(void *arg, const json_t *progress);

/** Sends one request and waits for its reply. Lines of progress, which the request must ask for, go
 *  to `progress`; NULL: nowhere. Returns the reply, which the caller owns; or NULL with what went
 *  wrong in `error`: then nothing more can be asked. */
json_t *client_ask(struct client *client, const json_t *request, client_progress_fn *progress,
                   void *arg, char error[CLIENT_ERROR_MAX])
    __attribute__((nonnull(1, 2, 5))) ATTR_MUST_USE;

void client_close(struct client *client) ATTR_NONNULL;
