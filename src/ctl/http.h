/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the HTTP listener, on the control thread's loop. */
#pragma once

#include "ctl/http_conn.h"
#include "ctl/page_thread.h"

struct http;

/** Listens where the model says; *http stays NULL when it says nothing. `pages` is where its pages
 *  come from. Returns 0, or a negative code with the reason in `diags`: the address, or a token
 * file that is missing, empty or readable by others. */
int http_open(struct http **http, const struct run_service *service, struct pages *pages,
              uv_loop_t *loop, const struct model *model, struct diags *diags) ATTR_MUST_USE;

/** The port it listens on, for tests that leave the choice to the kernel. */
uint16_t http_port(const struct http *http) ATTR_NONNULL;

/** The token in force. */
const struct token *http_token(const struct http *http) ATTR_NONNULL;

/** For tests: other deadlines. */
void http_set_times(struct http *http, const struct http_times *times) ATTR_NONNULL;

/** Whether a listener for this model would be another one. */
bool http_moves(const struct http *http, const struct model *model) ATTR_NONNULL;

/** Follows a model at the same address. The token is read again: on failure nothing changes. */
int http_follow(struct http *http, const struct model *model,
                struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Stops listening; closes when what is being answered has been, a second later at most. */
void http_close(struct http *http, void (*done)(void *arg), void *arg);
