/* SPDX-License-Identifier: Apache-2.0
 * The listen addresses of the workers, and the struct that both know: for listener.c and workers.c
 * alone. */
#pragma once

#include "base/vec.h"
#include "io/dispatch.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "io/workers.h"
#include "io/xdp.h"

struct listener {
    struct ip addr;
    uint16_t port;
    bool wanted;             /* by the configuration being loaded */
    bool absent;             /* no interface has the address now */
    struct udp_server **udp; /* n_workers */
    int *tcp_fd;             /* n_workers; the first n_started are the TCP threads' to close */
    unsigned n_started;      /* workers that answer on it */
    enum dispatch dispatch;  /* in force */
};

struct workers {
    unsigned n_workers;
    int *cpu; /* n_workers; -1: on any core */
    VEC(struct listener *) listeners;
    struct tcp_server **tcp; /* n_workers */
    struct clients *clients;
    struct limiter *limiter;
    struct xdp *xdp;                 /* NULL: none */
    int watch_fd;                    /* news of this host's addresses; -1: not needed */
    struct io_stats gone;            /* counters of listeners that were dropped */
    struct io_share *gone_by_worker; /* n_workers */
};

/** Opens what is new in the configuration, appending it, and marks what is wanted; on failure all
 *  is as before. */
int listeners_open_new(struct workers *workers, const struct server_config *server,
                       struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Lets the threads answer on those from `first` on. */
int listeners_start(struct workers *workers, size_t first,
                    struct diags *diags) ATTR_NONNULL ATTR_MUST_USE;

/** Stops answering on those from `first` on, after what is queued, and frees them. */
void listeners_truncate(struct workers *workers, size_t first) ATTR_NONNULL;

/** The same for those that are not wanted. */
void listeners_drop_unwanted(struct workers *workers) ATTR_NONNULL;

/** Decides anew which worker gets which packets, and lets every listener follow. */
void listeners_set_dispatch(struct workers *workers, const struct server_config *server,
                            struct diags *diags) ATTR_NONNULL;

/** Looks which addresses this host has now. */
void listeners_follow_host(struct workers *workers) ATTR_NONNULL;

/** Adds what a socket has received. */
void io_share_add(struct io_share *share, const struct io_stats *stats) ATTR_NONNULL;

/** Says that there is no thread; returns E_SYSTEM. */
int workers_no_thread(struct diags *diags) ATTR_NONNULL ATTR_COLD;
