/* SPDX-License-Identifier: Apache-2.0
 * How many local ports flows of datagrams may take of this host (udp_socket.c). */
#pragma once

#include "base/attr.h"

#include <stdint.h>

#define LOCAL_PORTS_FILE "/proc/sys/net/ipv4/ip_local_port_range"
#define RESERVED_PORTS_FILE "/proc/sys/net/ipv4/ip_local_reserved_ports"

/** 7 of 8 of those in the range ("FIRST LAST", both in it), which is of IPv6, too, that are not
 *  reserved ("80,1024-1030"): others on this host need some, and the kernel searches long for the
 *  last ones. Where a file cannot be read (no /proc/sys) or is not understood, of the range as it
 *  is delivered, and none is reserved. */
uint32_t local_ports_allowed(const char *range_path, const char *reserved_path) ATTR_NONNULL;
