/* SPDX-License-Identifier: Apache-2.0
 * One AF_XDP socket on one receive queue of an interface, and the thread that serves it. */
#pragma once

#include "io/stats.h"
#include "model/model.h"

struct xdp_queue;

/** Opens a socket on a queue, `zero_copy` or not; no thread yet. Returns 0, or E_SYSTEM (errno). */
int xdp_queue_open(struct xdp_queue **queue, const char *interface, uint32_t number,
                   bool zero_copy) ATTR_NONNULL ATTR_MUST_USE;

/** The socket, for the map of the XDP program. */
int xdp_queue_fd(const struct xdp_queue *queue) ATTR_NONNULL;

/** Starts the thread; cpu -1: on any core. Returns 0, or E_SYSTEM (errno). */
int xdp_queue_start(struct xdp_queue *queue, struct limiter *limiter, unsigned number,
                    int cpu) ATTR_MUST_USE;

/** Makes the thread answer what has arrived and end. Does not wait. */
void xdp_queue_request_stop(struct xdp_queue *queue) ATTR_NONNULL;

/** Waits for the thread, adds the last of its counters to `sum`, closes, frees. NULL is allowed for
 *  the queue. */
void xdp_queue_close(struct xdp_queue *queue, struct io_stats *sum);

/** As udp_stalled(), of what is in the receive ring. */
bool xdp_queue_stalled(struct xdp_queue *queue, int64_t now_ms) ATTR_NONNULL;

/** Adds this queue's counters. */
void xdp_queue_stats(const struct xdp_queue *queue, struct io_stats *sum) ATTR_NONNULL;
