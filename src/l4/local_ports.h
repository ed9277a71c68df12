/* SPDX-License-Identifier: Apache-2.0
 * How many local ports flows of datagrams may take of this host (udp_socket.c). */
#pragma once

#include "base/attr.h"

#include <stdint.h>

#define LOCAL_PORTS_FILE "/proc/sys/net/ipv4/ip_local_port_range"

/** 7 of 8 of those in the range ("FIRST LAST", both in it), which is of IPv6, too: others on this
 *  host need some, and the kernel searches long for the last ones. Where the file cannot be read
 *  (no /proc/sys) or is not understood, of the range as Linux delivers it. */
uint32_t local_ports_allowed(const char *path) ATTR_NONNULL;
