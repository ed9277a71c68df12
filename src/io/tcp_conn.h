/* SPDX-License-Identifier: Apache-2.0
 * One TCP connection: bytes in, answers, bytes out. Knows nothing of epoll, lists and limits.
 *
 * An idle connection owns no buffer. Reading goes to a buffer that all connections of the thread
 * share, and answers are made in another; only what is left over is kept: the start of a message
 * (`in`), and what the socket did not take (`out`). While `out` is kept nothing more is read, so
 * that a peer that does not read its answers costs at most TCP_IN_MAX + TCP_TX bytes. */
#pragma once

#include "answer/answer.h"
#include "io/framing.h"

#define TCP_READ 16384         /* bytes read at once: hundreds of pipelined queries */
#define TCP_TX (2 * FRAME_MAX) /* so that there is always room for another longest answer */
#define TCP_IN_MAX (FRAME_MAX + TCP_READ)

/** What an epoll event points to. */
struct tcp_source {
    enum { TCP_ORDERS, TCP_LISTENER, TCP_CONN } kind;
    int fd;
};

struct tcp_conn {
    struct tcp_source source;
    struct tcp_conn *prev, *next; /* in the order of active_ms */
    int64_t active_ms;            /* when it was accepted, or last had whole queries answered */
    struct ip client;
    uint8_t *in, *out; /* malloc'd; NULL when there is nothing to keep */
    uint32_t in_len, in_size;
    uint32_t out_len, out_sent;
    bool progress; /* whole queries were answered, not yet noted in active_ms */
    bool writing;  /* what epoll waits for: room to write, else queries */
};

/** What the connections of a thread share. */
struct tcp_scratch {
    struct answer_ctx answer;
    uint8_t rx[TCP_READ];
    uint8_t tx[TCP_TX];
};

/** Reads once and answers; false when the connection is to be closed. */
bool tcp_conn_read(struct tcp_conn *conn, struct tcp_scratch *scratch) ATTR_NONNULL ATTR_MUST_USE;

/** Writes on, and answers what waited for that; false when the connection is to be closed. */
bool tcp_conn_write(struct tcp_conn *conn, struct tcp_scratch *scratch) ATTR_NONNULL ATTR_MUST_USE;

/** Nothing begun in either direction. */
static inline bool tcp_conn_is_idle(const struct tcp_conn *conn)
{
    return !conn->in && !conn->out;
}
