/* SPDX-License-Identifier: Apache-2.0
 * Inside src/control: a connection, and the calls that come over it. */
#pragma once

#include "control/lines.h"
#include "control/outbox.h"
#include "control/peer.h"
#include "control/protocol.h"

struct control_call {
    struct peer *peer;
    struct protocol_request request;
};

struct control_stream {
    struct outbox events;
    void (*ended)(void *arg);
    void *arg;
};

struct peer {
    uv_pipe_t handle; /* first: a peer is its handle */
    struct peer *prev, *next;
    struct peers *peers;
    uv_write_t write;
    bool writing; /* `reply`, and `page` */
    struct page *page;
    char *reply;
    struct outbox progress;
    struct control_stream *stream; /* NULL: none was asked for */
    int64_t active_ms;
    int64_t since_ms; /* the request that is not whole began, or got its latest PROGRESS_B */
    uint32_t fresh_b; /* bytes that have come since */
    struct control_call call;
    bool naming, waiting; /* for its user's name; for the answer to a call */
    bool reading;         /* nothing is under way: more bytes are waited for */
    bool eof, closing, handle_closed;
    struct control_client client;
    struct actor actor;
    struct lines lines;
};

/** Sends the answer to a request; the peer goes on when it has been taken. */
void peer_send(struct peer *peer, const char *id, const struct control_reply *reply)
    __attribute__((nonnull(1, 3)));
void peer_close(struct peer *peer) ATTR_NONNULL;
/** The same, of an outbox. */
void peer_failed(void *arg) ATTR_NONNULL;
/** Frees it if it is closed and nobody calls it back any more. */
void peer_release(struct peer *peer) ATTR_NONNULL;
