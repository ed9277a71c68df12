/* SPDX-License-Identifier: Apache-2.0
 * The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt), read and written. Pure. */
#pragma once

#include "base/ip.h"
#include "base/slice.h"
#include "model/l4.h"

#define PROXY_HEADER_MAX 536 /* v2: 16 bytes, addresses, and TLVs up to what we take; v1: 107 */
#define PROXY_WRITE_MAX 108

struct proxy_header {
    bool local; /* LOCAL or UNKNOWN: the connection's own addresses hold */
    struct ip client, server;
    uint16_t client_port, server_port;
};

enum proxy_read { PROXY_MORE, PROXY_DONE, PROXY_BAD };

/** Reads the header that `bytes` begin with. PROXY_MORE: it may become one; PROXY_DONE: *n bytes
 *  are it; PROXY_BAD: *why (constant) says why it is none. Stream headers only (TCP; Unix sockets
 *  are `local`). IPv4-mapped addresses become IPv4; TLVs are skipped. */
enum proxy_read proxy_header_read(struct proxy_header *header, struct slice bytes, uint32_t *n,
                                  const char **why);

/** Returns how many bytes were written. Families that differ are written as IPv6 (v4-mapped). */
uint32_t proxy_header_write(uint8_t out[PROXY_WRITE_MAX], enum l4_proxy version,
                            const struct proxy_header *header);
