/* SPDX-License-Identifier: Apache-2.0
 * DNS over TCP (RFC 7766): one thread with one epoll set for a worker, for all listen addresses.
 *
 * The thread owns its connections and listening sockets; the control thread tells it what to do
 * through a pipe. TLS would be a second kind of connection around the same framing. */
#pragma once

#include "io/clients.h"
#include "io/stats.h"
#include "model/model.h"

struct tcp_limits {
    uint32_t max_connections; /* over all workers */
    uint32_t max_per_client;  /* over all workers */
    uint32_t idle_timeout_ms;
};

struct tcp_server;

/** `clients` is shared by all workers and outlives them. Returns 0, or E_SYSTEM (errno). */
int tcp_open(struct tcp_server **server, struct clients *clients,
             struct tcp_limits limits) ATTR_NONNULL ATTR_MUST_USE;

/** Starts the thread; cpu -1: on any core. Returns 0, or E_SYSTEM (errno). */
int tcp_start(struct tcp_server *server, unsigned worker, int cpu) ATTR_NONNULL ATTR_MUST_USE;

/* Orders to the thread, which takes them in order. A listening socket is the thread's from
 * tcp_listen() on: it closes it at tcp_unlisten() or at its end. */
void tcp_listen(struct tcp_server *server, int fd) ATTR_NONNULL;
void tcp_unlisten(struct tcp_server *server, int fd) ATTR_NONNULL;
void tcp_set_limits(struct tcp_server *server, struct tcp_limits limits) ATTR_NONNULL;
/** Waits until the thread, which runs and was not asked to stop, has taken the orders before. So an
 *  address that is dropped is free when that is said: a connection to one that comes back at once
 *  would still reach the old socket, and be reset with it. */
void tcp_sync(struct tcp_server *server) ATTR_NONNULL;
/** No new connections; what is being answered is finished, for at most a second. */
void tcp_request_stop(struct tcp_server *server) ATTR_NONNULL;

/** Asks it to stop, waits for the thread, closes all, frees. NULL is allowed. */
void tcp_close(struct tcp_server *server);

/** Adds this server's counters. */
void tcp_stats(const struct tcp_server *server, struct io_stats *sum) ATTR_NONNULL;
