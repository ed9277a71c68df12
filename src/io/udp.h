/* SPDX-License-Identifier: Apache-2.0
 * The UDP back end on kernel sockets: one socket and one thread for a worker and a listen address.
 *
 * Another back end (AF_XDP) is a sibling of udp.c with these same functions: its thread receives a
 * batch, calls answer_batch(), sends, and passes a quiescent state; workers.c calls one or the
 * other. */
#pragma once

#include "io/stats.h"
#include "model/model.h"

struct udp_server;

/** Opens and binds; no thread yet. Returns 0, or E_SYSTEM (errno). */
int udp_open(struct udp_server **server, const struct ip *addr,
             uint16_t port) ATTR_NONNULL ATTR_MUST_USE;

/** Dispatches the packets of the address, over all of its servers, as dispatch_apply() does: they
 * were opened in the order of the workers. Returns 0, or E_SYSTEM (errno). */
int udp_dispatch(const struct udp_server *server, enum dispatch dispatch, const int *cpu,
                 unsigned n_workers) ATTR_NONNULL ATTR_MUST_USE;

/** Starts the thread; cpu -1: on any core. `limiter`: see struct limit. Returns 0, or E_SYSTEM
 *  (errno). */
int udp_start(struct udp_server *server, struct limiter *limiter, unsigned worker,
              int cpu) ATTR_MUST_USE;

/** Makes the thread answer what is queued and end. Does not wait. */
void udp_request_stop(struct udp_server *server) ATTR_NONNULL;

/** Waits for the thread, adds the last of its counters to `sum`, closes the socket, frees. NULL is
 *  allowed for the server. */
void udp_close(struct udp_server *server, struct io_stats *sum);

/** Whether its thread runs, and does not take what is queued (io/stall.h). On the control thread,
 *  every now and then. */
bool udp_stalled(struct udp_server *server, int64_t now_ms) ATTR_NONNULL;

/** Adds this server's counters. */
void udp_stats(const struct udp_server *server, struct io_stats *sum) ATTR_NONNULL;
