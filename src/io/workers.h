/* SPDX-License-Identifier: Apache-2.0
 * The query side's threads. Each worker owns one SO_REUSEPORT UDP socket per listen address, read
 * by a thread that blocks in recvmmsg, and one TCP loop for all addresses; it shares nothing with
 * the others but the published snapshot. Where AF_XDP is configured, each receive queue of an
 * interface has a thread of its own. */
#pragma once

#include "io/stats.h"
#include "model/model.h"

struct workers;

/** Binds all sockets (so that privileges can be dropped) without answering yet, after host_check().
 *  Errors go to `diags` with the span of the listen entry: "127.0.0.1:53: address already in use".
 */
int workers_bind(struct workers **workers, const struct server_config *server,
                 uint32_t max_connections, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Starts answering from publish_current(), which must be set. Fails when no more threads can be
 * had; then workers_stop() is all that is left to do. */
int workers_start(struct workers *workers, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Binds the addresses of a reloaded configuration that are new, drops those that are gone, changes
 *  the TCP limits; the others never stop. On failure nothing changes. */
int workers_reload(struct workers *workers, const struct server_config *server,
                   uint32_t max_connections, struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Stops accepting, finishes what is being answered, joins the threads, closes the sockets. */
void workers_stop(struct workers *workers);

/** Sums the counters of all workers; they lag by at most one batch. */
void workers_stats(const struct workers *workers, struct io_stats *out) ATTR_NONNULL;

/** Whether a worker has had queries queued for a second without taking any (io/stall.h): one that
 *  hangs, or that gets no time. To be asked at least each half second. */
bool workers_stalled(struct workers *workers, int64_t now_ms) ATTR_NONNULL;

/** Reads them; to be freed. */
void workers_shares(const struct workers *workers, struct io_shares *out) ATTR_NONNULL;

/** What is known of client networks. */
const struct limiter *workers_limiter(const struct workers *workers) ATTR_NONNULL;

/** Interface number i with AF_XDP, i = 0..; false: there are no more. */
bool workers_xdp(const struct workers *workers, uint32_t i, struct xdp_info *out) ATTR_NONNULL;

/** A file descriptor that becomes readable when addresses of this host change; then
 *  workers_follow_host() is to be called. -1: the kernel tells us no news; then it is to be called
 *  every now and then. */
int workers_watch_fd(const struct workers *workers) ATTR_NONNULL;
void workers_follow_host(struct workers *workers, const struct server_config *server) ATTR_NONNULL;
