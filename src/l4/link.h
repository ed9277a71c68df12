/* SPDX-License-Identifier: Apache-2.0
 * Between two processes of a replacement: packets over a socketpair (SOCK_SEQPACKET), each a JSON
 * object with descriptors (unix(7), SCM_RIGHTS). The object travels in a file in memory, so that
 * the largest set of members is one packet, and sending one waits for nobody. */
#pragma once

#include "base/attr.h"

#include <jansson.h>
#include <uv.h>

#define LINK_FDS_MAX 200 /* of a packet; the kernel takes 253 */

/** Sends `object`, borrowed, and copies of n descriptors. Returns 0; or E_SYSTEM (errno): EAGAIN
 *  when so much waits to be read that the other one must have been hanging. */
int link_send(int fd, const json_t *object, const int *fds, uint32_t n)
    __attribute__((nonnull(2))) ATTR_MUST_USE;

struct link_packet {
    json_t *object;
    int fds[LINK_FDS_MAX];
    uint32_t n;
};
/** Takes the next packet; what is in it is the caller's. Returns 0; E_NOTFOUND when the other one
 *  has ended; E_SYSTEM (errno; EAGAIN: there is none now); E_SYNTAX when it is no such packet. */
int link_receive(int fd, struct link_packet *packet) ATTR_NONNULL ATTR_MUST_USE;

/** One that a loop listens to. */
struct link;

struct link_events {
    /** `object` is borrowed; `fd` is the callee's, the first descriptor that came with it, -1:
     *  none did. May close the link. */
    void (*got)(void *arg, const json_t *object, int fd);
    /** The other one has ended, or is not to be understood; the link is to be closed. */
    void (*ended)(void *arg);
    void *arg;
};

/** Takes over `fd`. Returns NULL (errno), with `fd` closed, when the loop cannot listen to it. */
struct link *link_open(uv_loop_t *loop, int fd, const struct link_events *events) ATTR_NONNULL;
int link_fd(const struct link *link) ATTR_NONNULL;
/** Freed on the loop. No event comes any more. */
void link_close(struct link *link) ATTR_NONNULL;
