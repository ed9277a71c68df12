/* SPDX-License-Identifier: Apache-2.0
 * The connections of a TCP thread in three lists, and which of them is missed least.
 *
 *   TCP_NEW    no query of it was answered yet: since it was accepted
 *   TCP_IDLE   it has its answers, and asks nothing: since they were taken
 *   TCP_BUSY   part of a later query has come, or part of an answer is to be taken: since that
 * began
 *
 * Each list is in the order of when its connections came there, so the heads time out first and
 * make room first. Only whole queries answered and taken renew a place, never bytes: trickling a
 * query in, or reading answers slowly, gains no time. The oldest head makes room whatever it waits
 * for, but one that waits for us, or for a query that may be on its way, has TCP_GRACE_MS first.
 * When there is none to close the newcomer is refused: those who are in come to their end then,
 * rather than that all are cut off by the next. */
#pragma once

#include "io/tcp_conn.h"

/* A round trip between any two places on earth. */
#define TCP_GRACE_MS 250

struct tcp_list {
    struct tcp_conn *head, *tail;
};

struct tcp_lists {
    struct tcp_list list[TCP_PLACES];
    bool stopping; /* then TCP_NEW has only those of whom nothing has come */
};

/** Appends a connection that was just accepted. */
void tcp_lists_add(struct tcp_lists *lists, struct tcp_conn *conn, int64_t now_ms) ATTR_NONNULL;

void tcp_lists_remove(struct tcp_lists *lists, struct tcp_conn *conn) ATTR_NONNULL;

/** Puts a connection where it belongs after something happened to it. */
void tcp_lists_follow(struct tcp_lists *lists, struct tcp_conn *conn, int64_t now_ms) ATTR_NONNULL;

/** The one to close when one has to go; NULL: none may. */
struct tcp_conn *tcp_lists_least_missed(const struct tcp_lists *lists, int64_t now_ms) ATTR_NONNULL;

/** The next to time out; NULL: there is none. */
struct tcp_conn *tcp_lists_oldest(const struct tcp_lists *lists) ATTR_NONNULL ATTR_PURE;

/** The next to close when too much is kept for connections; NULL: nothing is kept for any. */
struct tcp_conn *tcp_lists_first_keeper(const struct tcp_lists *lists) ATTR_NONNULL ATTR_PURE;

/** From now on those who have begun nothing can be told from the others. */
void tcp_lists_stop(struct tcp_lists *lists, int64_t now_ms) ATTR_NONNULL;

/** One that has begun nothing, while stopping; NULL: all have. */
struct tcp_conn *tcp_lists_unbegun(const struct tcp_lists *lists) ATTR_NONNULL ATTR_PURE;
