/* SPDX-License-Identifier: Apache-2.0
 * What the kernel knows of network interfaces and local addresses, and news of it. */
#pragma once

#include "base/ip.h"

#include <stddef.h>

struct netif {
    unsigned index;
    uint32_t queues; /* that receive */
    uint32_t mtu;
    uint8_t mac[6];
    bool vlan_stripped;     /* the device takes tags off before anyone sees the frame */
    bool has_vlans;         /* any bit of: */
    uint8_t vlan[4096 / 8]; /* a VLAN interface of this ID stands on it */
};

/** Returns 0, or E_SYSTEM (errno; ENODEV: there is no such interface). */
int netif_read(struct netif *netif, const char *name) ATTR_NONNULL ATTR_MUST_USE;

/** Has the device take VLAN tags off or leave them in the frame. Returns 0 or E_SYSTEM (errno). */
int netif_strip_vlan(const char *name, bool strip) ATTR_NONNULL ATTR_MUST_USE;

/** The addresses of this host that others can send to, whatever interface has them: all but
 *  loopback and link-local ones. Returns their number, and the array, to be freed, in *out. */
size_t netif_addresses(struct ip **out) ATTR_NONNULL;

/** A socket that becomes readable when an address or an interface changes; -1: none to be had
 *  (errno). */
int netif_watch(void);

/** Reads the news away. */
void netif_watched(int fd);
