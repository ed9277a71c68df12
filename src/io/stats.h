/* SPDX-License-Identifier: Apache-2.0
 * What the query side has counted, as plain data: for those who show it and know no worker. */
#pragma once

#include "answer/answer.h"
#include "base/ip.h"

/** Sums over all workers, since the start. */
struct io_stats {
    struct answer_stats answer; /* summed over workers */
    uint64_t udp_received, udp_sent, udp_send_errors, udp_kernel_drops;
    uint64_t xdp_received, xdp_sent, xdp_invalid, xdp_kernel_drops;
    uint64_t tcp_accepted, tcp_open, tcp_idle_closed, tcp_limited;
};

/** What kernel sockets of one listen address, or of one worker, have received. */
struct io_share {
    struct ip addr; /* of a listen address */
    uint16_t port;
    bool absent; /* no interface of this host has it now */
    uint64_t udp_received, udp_kernel_drops;
};

struct io_shares {
    struct io_share *listeners, *workers; /* owned; workers by number, all their addresses together,
                                             those that are gone included */
    uint32_t n_listeners, n_workers;
};

void io_shares_free(struct io_shares *shares) ATTR_NONNULL;

/** An interface with AF_XDP. */
struct xdp_info {
    const char *name;
    const char *mode; /* in the words of the configuration: zero-copy, copy or generic */
    uint32_t queues;
};
