/* SPDX-License-Identifier: Apache-2.0
 * Opening the server's sockets: options, binding, and why it did not work, in words. */
#pragma once

#include "base/ip.h"

#include <stddef.h>

/** A bound UDP socket that blocks, with SO_REUSEPORT so that each worker has its own. The address
 *  need not be one of this host (yet), here as below. On a wildcard
 *  address it reports where each packet was sent to (IP_PKTINFO). Returns 0, or E_SYSTEM (errno).
 */
int socket_open_udp(int *fd, const struct ip *addr, uint16_t port) ATTR_NONNULL ATTR_MUST_USE;

/** A listening TCP socket that does not block, with SO_REUSEPORT. Returns 0 or E_SYSTEM. */
int socket_open_tcp(int *fd, const struct ip *addr, uint16_t port) ATTR_NONNULL ATTR_MUST_USE;

/** Whether the address is free. SO_REUSEPORT alone would let two daemons of one user share it
 *  silently, each answering half of the queries. Returns 0, or E_SYSTEM (errno). */
int socket_probe(const struct ip *addr, uint16_t port) ATTR_NONNULL ATTR_MUST_USE;

/** What an errno of the functions above means to an operator. */
const char *socket_error_text(char *out, size_t n, int error, uint16_t port) ATTR_NONNULL;

/** Whether the address is 0.0.0.0 or ::. */
bool socket_is_wildcard(const struct ip *addr) ATTR_NONNULL ATTR_PURE;

/** Datagrams the kernel has dropped because this socket's receive buffer was full. */
uint32_t socket_drops(int fd);
