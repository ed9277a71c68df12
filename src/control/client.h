/* SPDX-License-Identifier: Apache-2.0
 * The client's end of the control socket. */
#pragma once

#include "base/attr.h"

#include <jansson.h>

#define CLIENT_ERROR_MAX 512

/** Sends one request and waits for its reply, `timeout_s` at most. Returns the reply, which the
 *  caller owns; or NULL with what went wrong, and what to do about it, in `error`. */
json_t *client_ask(const char *path, const json_t *request, unsigned timeout_s,
                   char error[CLIENT_ERROR_MAX]) ATTR_NONNULL ATTR_MUST_USE;
