/* SPDX-License-Identifier: Apache-2.0
 * How many connections this host has to given addresses and ports: what any proxy here has open
 * towards its back ends, without asking it (sock_diag(7), inet_diag). What the counts are:
 *
 *  - connections of all programs in our network namespace, so at most what one proxy has, and
 *    nothing of one that runs in another namespace. Our own (probes) are left out, but for one that
 *    ends within the moment of counting, and those of commands that we run;
 *  - established ones, idle ones in a proxy's store included, and those that one side has closed
 *    already while a process still holds them;
 *  - with `udp`, connected UDP sockets as well.
 *
 * Needs no right but to open netlink sockets. */
#pragma once

#include "base/buf.h"
#include "base/ip.h"
#include "drive/drive.h"

struct sock_dest {
    struct ip addr;
    uint16_t port;
};

struct sock_diag;

/** NULL with errno. */
struct sock_diag *sock_diag_open(struct drive *drive) ATTR_NONNULL ATTR_MUST_USE;

/** counts: of each destination, in order; borrowed. error: 0, or a negative errno, then there are
 *  none. */
typedef void sock_diag_fn(void *ctx, int error, const uint32_t *counts);

/** One at a time. `of` is copied. `done` runs on the loop, not before this returns. */
void sock_diag_count(struct sock_diag *diag, const struct sock_dest *of, uint32_t n, bool udp,
                     sock_diag_fn *done, void *ctx) __attribute__((nonnull(1, 5)));

/** `done` of what is under way is not called. */
void sock_diag_close(struct sock_diag *diag) ATTR_NONNULL;

/** Adds a program by which the kernel sorts out most of what is of no interest (inet_diag_bc_op):
 *  by addresses and ports where they are few, by ports where these are. Nothing: it takes all.
 *  Pure. */
void sock_diag_filter(struct buf *out, const struct sock_dest *of, uint32_t n)
    __attribute__((nonnull(1)));
