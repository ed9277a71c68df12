/* SPDX-License-Identifier: Apache-2.0
 * A TCP thread's own state: for tcp.c, which has the thread and its orders, and tcp_serve.c, which
 * has what happens to connections. */
#pragma once

#include "base/vec.h"
#include "io/tcp.h"
#include "io/tcp_lists.h"

#include <pthread.h>
#include <semaphore.h>

struct tcp_server {
    int epoll_fd;
    int orders[2]; /* pipe of struct tcp_order: read end, write end */
    sem_t synced;  /* posted for each TCP_SYNC */
    bool started;
    pthread_t thread;
    /* The thread's own. */
    struct tcp_source order_source;
    VEC(struct tcp_source *) listeners;
    struct tcp_lists lists;
    struct tcp_conn *dead; /* by next: freed after the events at hand, which may point to them */
    uint32_t n_conns;
    struct clients *clients;
    struct tcp_limits limits;
    int64_t now_ms, drain_until_ms, accept_again_ms; /* 0: not stopping; 0: accepting */
    /* Counters have cache lines of their own; `answer` in these is not used. */
    ATTR_CACHELINE struct io_stats stats;
    struct tcp_scratch *scratch;
};

/** epoll_ctl() for a source. */
int tcp_watch(struct tcp_server *s, int op, struct tcp_source *source,
              uint32_t events) ATTR_NONNULL;

/** Closes a connection; it is freed by tcp_free_dead(). */
void tcp_conn_close(struct tcp_server *s, struct tcp_conn *c) ATTR_NONNULL;

/** Frees those that were closed: after the events at hand, which may point to them. */
void tcp_free_dead(struct tcp_server *s) ATTR_NONNULL;

/** The idle time-out now in force, and the same for clients that ask. */
int64_t tcp_timeout_ms(const struct tcp_server *s) ATTR_NONNULL;
uint16_t tcp_keepalive_100ms(const struct tcp_server *s) ATTR_NONNULL;

/** Closes connections while all workers have more than allowed; false if none may go yet. Each
 *  worker closes its own, and may have one even so, as others may have taken all in its stead. */
bool tcp_make_room(struct tcp_server *s) ATTR_NONNULL;

/** What epoll waits for at all listeners. */
void tcp_watch_listeners(struct tcp_server *s, uint32_t events) ATTR_NONNULL;

/** Accepts what waits, TCP_ACCEPTS at most; true: there may be more. */
bool tcp_accept_some(struct tcp_server *s, const struct tcp_source *listener) ATTR_NONNULL;

/** Accepts all that waits, as closing the listener would reset it. */
void tcp_accept_rest(struct tcp_server *s, const struct tcp_source *listener) ATTR_NONNULL;

/** Reads or writes, and does what follows from that. */
void tcp_conn_event(struct tcp_server *s, struct tcp_conn *c, uint32_t events) ATTR_NONNULL;

/** Closes those whose time is up at now_ms. */
void tcp_close_timed_out(struct tcp_server *s) ATTR_NONNULL;
