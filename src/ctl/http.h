/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the HTTP listener. libmicrohttpd without threads: its epoll descriptor is watched
 * by the uv loop, so that requests see the same state as everything else on the control thread. */
#pragma once

#include "ctl/run.h"

struct http;

/** Listens where the model says; *http stays NULL when it says nothing. Returns 0, or a negative
 * code with the reason in `diags`: the address, or a token file that is missing, empty or readable
 * by others. */
int http_open(struct http **http, struct ctl *ctl, uv_loop_t *loop, const struct model *model,
              struct diags *diags) ATTR_MUST_USE;

/** Follows another model: a new address is listened on before the old one is given up; the token is
 *  read again. On failure nothing changes. */
int http_reload(struct http **http, struct ctl *ctl, uv_loop_t *loop, const struct model *model,
                struct diags *diags) ATTR_MUST_USE;

void http_close(struct http *http, void (*done)(void *arg), void *arg);
