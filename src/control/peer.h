/* SPDX-License-Identifier: Apache-2.0
 * Inside src/control: connections of the control server. */
#pragma once

#include "control/call.h"
#include "control/lines.h"
#include "control/names.h"

#define PEERS_MAX 64 /* beside those that are expected to stay */
#define PEERS_REQUESTS_B \
    (32u << 20) /* of requests that are not whole yet; 64 KiB of each are free */

struct peer;

struct peers {
    uv_loop_t *loop;
    struct control_handler handler;
    struct names *names;
    struct page_budget lines;     /* of progress: counted, and bounded by each outbox */
    struct lines_budget requests; /* that are not whole, or not answered */
    struct peer *first;
    unsigned n;
    unsigned n_staying; /* expected to */
    bool closing;
    void (*released)(void *arg); /* once closing: another one is gone, `n` are left */
    void *arg;
};

/** Takes a connection from a listening stream; one too many is told so, and closed. */
void peers_accept(struct peers *peers, uv_stream_t *listener) ATTR_NONNULL;

/** Ends those that have said or taken nothing for so long, and wait for no answer of ours. */
void peers_end_idle(struct peers *peers, int64_t idle_ms) ATTR_NONNULL;

/** Ends those that have nothing under way at once, the others when they are answered. */
void peers_close(struct peers *peers) ATTR_NONNULL;
/** Ends the others as well. */
void peers_end(struct peers *peers) ATTR_NONNULL;
