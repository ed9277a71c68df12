/* SPDX-License-Identifier: Apache-2.0
 * What the XDP program and the process that loads it agree on. Included by both, so it uses the
 * types of linux/types.h only. */
#pragma once

#include <linux/types.h>

#define XDP_FILTER_QUEUES 256   /* receive queues of an interface that can have a socket */
#define XDP_FILTER_LISTEN 16384 /* (address, port) pairs */
#define XDP_FILTER_FRAME_MAX                                            \
    1600 /* longer frames go to the stack: the largest that fits a slot \
          */

/** Key of the map `listen`: where queries are taken from the wire. */
struct xdp_listen {
    __u8 addr[16]; /* IPv4: the first four, then zeros */
    __u16 port_be;
    __u16 family; /* 4 or 6 */
};

/** The value of the map `settings`. */
struct xdp_settings {
    __u8 mac[6]; /* of the interface: frames for others are not ours */
    __u8 pad[2];
    __u8 vlan[4096 / 8]; /* bit set: this host is in the VLAN */
};
