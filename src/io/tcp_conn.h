/* SPDX-License-Identifier: Apache-2.0
 * One TCP connection: bytes in, answers, bytes out. Knows nothing of epoll, lists and limits.
 *
 * An idle connection owns no buffer. Reading, answering and sending use buffers that all
 * connections of the thread share; only what is left over is kept: the start of a message (`in`),
 * and what the socket did not take (`out`). While `out` is kept nothing more is read.
 *
 *   rx  | in of before | what recv() gave |   whole messages are split off, up to 32 at a time
 *   slots  32 places, each with room for the longest response: answer_batch() fills them
 *   tx     the responses one behind the other, with their lengths: what send() gets
 */
#pragma once

#include "answer/answer.h"
#include "io/framing.h"

#define TCP_READ 16384          /* bytes read at once: hundreds of pipelined queries */
#define TCP_TX (2 * FRAMED_MAX) /* responses collected for one send() */
#define TCP_SLOT (1025 * 64)    /* an odd number of cache lines: slots start in different sets */
static_assert(TCP_SLOT >= FRAMED_MAX, "a response fits its slot");

/** What an epoll event points to. */
struct tcp_source {
    enum { TCP_ORDERS, TCP_LISTENER, TCP_CONN } kind;
    int fd;
};

/** What it waits for, see tcp_lists.h. */
enum tcp_place { TCP_NEW, TCP_IDLE, TCP_BUSY, TCP_PLACES };

struct tcp_conn {
    struct tcp_source source;
    struct tcp_conn *prev, *next; /* in its list, in the order of since_ms */
    int64_t since_ms;             /* what its time-out counts from */
    uint8_t *in, *out;            /* malloc'd; NULL when there is nothing to keep */
    uint32_t in_len;
    uint32_t out_len, out_sent;
    struct ip client;
    uint8_t place; /* enum tcp_place: the list that it is in */
    bool progress; /* whole queries were answered, not yet noted in since_ms */
    bool writing;  /* what epoll waits for: room to write, else queries */
    bool last;     /* what is in `out` is the last: the peer has sent what is no DNS */
};

/** What the connections of a thread share. Only the head of it and what was used of the buffers is
 *  ever resident: it must come from fresh pages (mmap). */
struct tcp_scratch {
    struct answer_ctx answer;
    size_t kept; /* bytes in `in` and `out` of all connections */
    uint32_t tx_len;
    struct slice query[ANSWER_BATCH];
    struct answer_packet packet[ANSWER_BATCH];
    ATTR_CACHELINE uint8_t rx[FRAMED_MAX + TCP_READ];
    ATTR_CACHELINE uint8_t tx[TCP_TX];
    ATTR_CACHELINE uint8_t slots[ANSWER_BATCH][TCP_SLOT];
};

/** Wires a zeroed one together. */
void tcp_scratch_init(struct tcp_scratch *scratch) ATTR_NONNULL;

/** Reads once and answers; false when the connection is to be closed. */
bool tcp_conn_read(struct tcp_conn *conn, struct tcp_scratch *scratch) ATTR_NONNULL ATTR_MUST_USE;

/** Writes on, and answers what waited for that; false when the connection is to be closed. */
bool tcp_conn_write(struct tcp_conn *conn, struct tcp_scratch *scratch) ATTR_NONNULL ATTR_MUST_USE;

/** Frees its buffers. */
void tcp_conn_forget(struct tcp_conn *conn, struct tcp_scratch *scratch) ATTR_NONNULL;

/** Nothing begun in either direction. */
static inline bool tcp_conn_is_idle(const struct tcp_conn *conn)
{
    return !conn->in && !conn->out;
}
