/* SPDX-License-Identifier: Apache-2.0
 * TUNs of the guard: interfaces that carry the addresses of a prefix set, and whose carrier is its
 * announcement. Not persistent: the kernel takes them away with the process. Calls wait for the
 * kernel, for some 20 ms where an interface goes. */
#pragma once

#include "base/ip.h"
#include "base/vec.h"

#include <net/if.h>

#define TUN_ERROR_MAX 256

struct tun {
    char ifname[IFNAMSIZ];
    int fd;
    int index;
    bool carrier;
    VEC(struct ip) addresses; /* that are on it */
};

struct tuns {
    VEC(struct tun) v;
    int netlink, inet; /* sockets; -1: there is none, and nothing works */
    uint32_t sequence;
    char error[TUN_ERROR_MAX]; /* of the last call that failed, with what to do */
};

void tuns_open(struct tuns *tuns) ATTR_NONNULL;

struct tun *tuns_find(struct tuns *tuns, const char *ifname) ATTR_NONNULL;

/** Makes the interface, with its carrier down, or gives it other addresses. One that cannot be made
 *  whole is not there. Returns 0 or E_SYSTEM. */
int tuns_set(struct tuns *tuns, const char *ifname, const struct ip *addresses,
             uint32_t n) ATTR_NONNULL ATTR_MUST_USE;
/** Returns 0, also when it is not there. */
int tuns_drop(struct tuns *tuns, const char *ifname) ATTR_NONNULL;
/** Whoever watches the link is told at once. Returns 0 or E_SYSTEM. */
int tuns_carrier(struct tuns *tuns, const char *ifname, bool up) ATTR_NONNULL ATTR_MUST_USE;
/** All carriers down. With `links`, the interfaces as well, which takes their addresses: for the
 *  end, as it is faster than taking them away, and told as fast by any kernel. */
void tuns_down(struct tuns *tuns, bool links) ATTR_NONNULL;
/** Takes all away. */
void tuns_close(struct tuns *tuns) ATTR_NONNULL;
