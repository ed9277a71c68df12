/* SPDX-License-Identifier: Apache-2.0
 * AF_XDP: queries taken from an interface before the kernel's network stack sees them.
 *
 * It stands beside the kernel sockets, not in their place: they are open all the same, and get
 * whatever the XDP program passes. So an interface on which AF_XDP cannot be had costs speed, and
 * nothing else. Everything here runs on the control thread. */
#pragma once

#include "io/stats.h"
#include "model/model.h"

struct xdp;

/** Opens AF_XDP on the configured interfaces, without taking anything yet. For each that cannot be
 *  had there is a warning. NULL: there is none. */
struct xdp *xdp_open(const struct server_config *server, struct diags *diags) ATTR_NONNULL;

/** Starts the threads, and takes queries to the listen addresses off the wire. Returns 0, or
 *  E_SYSTEM (errno). */
int xdp_start(struct xdp *xdp, struct limiter *limiter) ATTR_NONNULL ATTR_MUST_USE;

/** Follows a configuration's listen addresses, or those of this host. */
void xdp_update(struct xdp *xdp, const struct server_config *server) ATTR_NONNULL;

/** Lets the kernel sockets have the queries, answers what has arrived, joins the threads, adds
 *  their counters to `sum`, frees. NULL is allowed for xdp. */
void xdp_close(struct xdp *xdp, struct io_stats *sum);

/** Adds the counters of all queues. */
void xdp_stats(const struct xdp *xdp, struct io_stats *sum) ATTR_NONNULL;

/** Whether one of its queues is stalled (io/stall.h). */
bool xdp_stalled(const struct xdp *xdp, int64_t now_ms) ATTR_NONNULL;

/** Interface number i, i = 0..; false: there are no more. */
bool xdp_interface(const struct xdp *xdp, uint32_t i, struct xdp_info *out) ATTR_NONNULL;
