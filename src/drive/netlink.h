/* SPDX-License-Identifier: Apache-2.0
 * Requests to the kernel over a netlink socket, asynchronous, each with a time limit. Messages are
 * put together and taken apart by libnl (nlmsg_*, nla_*); the socket is ours.
 *
 * Requests are answered in the order in which they were sent. A few are under way at once, so that
 * thousands of them need not wait for each other's answers, but a dump has the socket for itself:
 * the kernel works on one dump per socket. Whatever makes an answer doubtful (ENOBUFS, a cut
 * message, a time limit) fails all requests under way and renews the socket, so that no late answer
 * is taken for another one. The caller answers such errors by asking again. */
#pragma once

#include "drive/drive.h"

#include <linux/netlink.h>

#define NETLINK_WINDOW 64    /* requests under way: their answers fit any receive buffer */
#define NETLINK_TEXT_MAX 128 /* of what the kernel says beside an error, NUL included */

struct netlink;

/** For requests of `protocol` (NETLINK_GENERIC, NETLINK_SOCK_DIAG). Never NULL: where no socket is
 *  to be had, requests fail. */
struct netlink *netlink_open(struct drive *drive, int protocol) ATTR_NONNULL ATTR_MUST_USE;
/** Requests that are under way or wait end without a word. May be called from their functions. */
void netlink_close(struct netlink *netlink) ATTR_NONNULL;

struct netlink_events {
    void *ctx;
    /** One message of the answer, whole: its header and what its length says are there. NULL: of no
     *  interest. */
    void (*message)(void *ctx, const struct nlmsghdr *message);
    /** Once, for each message that was sent, in their order: 0, or a negative errno of the kernel's
     *  or ours: -ETIMEDOUT, -ENOBUFS (answers were lost), -EINTR (a dump that has to be begun
     *  again, as what is dumped has changed), -EMSGSIZE, -EPROTO, or why there is no socket.
     *  `text` is what the kernel says beside it (extended ack), "" for nothing; borrowed. */
    void (*done)(void *ctx, int error, const char *text);
};

/** Sends one message, which is copied, with a sequence number and flags of ours (NLM_F_REQUEST; an
 *  ack where it is no dump); `done` runs on the loop, not before this returns. The time counts from
 *  when it goes out, which may be later: others are under way, or a dump. */
void netlink_send(struct netlink *netlink, const struct nlmsghdr *message, uint32_t timeout_ms,
                  const struct netlink_events *events) ATTR_NONNULL;

/** What a message means for the request that it answers. */
enum netlink_kind {
    NETLINK_KIND_DATA, /* a part of the answer */
    NETLINK_KIND_END,  /* the end of it */
    NETLINK_KIND_NONE, /* nothing (NLMSG_NOOP) */
    NETLINK_KIND_LOST, /* answers were lost (NLMSG_OVERRUN) */
};
struct netlink_end {
    int error; /* 0, or negative */
    char text[NETLINK_TEXT_MAX];
};
/** Of a message whose length was checked (nlmsg_ok()); fills *end for NETLINK_KIND_END. Pure. */
enum netlink_kind netlink_judge(const struct nlmsghdr *message,
                                struct netlink_end *end) ATTR_NONNULL;
