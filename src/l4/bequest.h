/* SPDX-License-Identifier: Apache-2.0
 * What is large of what a process hands on to the one that takes over: flows of datagrams with
 * their members, and what clients have of limits. A sealed file in memory (memfd_create(2)) of
 * records of fixed sizes, which is mapped, not read:
 *
 *     | head | services | members | flows | sources |
 *
 * Both run on one machine, so numbers are as it has them, and times those of its monotonic clock.
 * A version that has other records has another head, and is not understood. */
#pragma once

#include "l4/member.h"
#include "model/l4.h"

/** What tells a flow of datagrams from others, whichever socket it comes by. Byte by byte: has no
 *  padding. */
struct bound_key {
    uint8_t client[16], local[16]; /* local: zero where the system did not say (multicast) */
    uint32_t scope;                /* of a link-local client (RFC 4007) */
    uint16_t client_port_be, port;
    uint32_t is_v6;
};
_Static_assert(sizeof(struct bound_key) == 44, "compared and hashed as bytes");

struct bequest_service {
    char name[L4_NAME_MAX];
    int64_t time_ns; /* limits_time() */
};

struct bequest_member {
    char set[L4_NAME_MAX], key[MEMBER_KEY_MAX];
    uint8_t addr[16];
    int64_t close_at_ms;
    uint16_t port;
    uint8_t family; /* enum ip_family */
    uint8_t pad[5];
};

struct bequest_flow {
    struct bound_key key;
    uint32_t member;
    int64_t seen_ms; /* a datagram of either side, last */
};

/** struct limits_source, of a service. */
struct bequest_source {
    uint64_t client, time;
    uint32_t open, service;
    uint32_t holder; /* the process that has them open, of those before; 0: all of them together */
    uint32_t pad;
};

struct bequest {
    const struct bequest_service *services;
    const struct bequest_member *members;
    const struct bequest_flow *flows;
    const struct bequest_source *sources;
    uint32_t n_services, n_members, n_flows, n_sources;
    void *map; /* of bequest_open() */
    size_t size;
};

/** Judges n bytes, which are aligned to 8, and points into them. Returns 0; or E_SYNTAX: every
 *  index is in range, texts end, members have addresses and ports. */
int bequest_read(struct bequest *bequest, const void *bytes, size_t n) ATTR_NONNULL ATTR_MUST_USE;

/** Maps a file that bequest_write() has made, until bequest_close(); closes `fd`. Returns 0,
 *  E_SYNTAX, or E_SYSTEM (errno). */
int bequest_open(struct bequest *bequest, int fd) ATTR_NONNULL ATTR_MUST_USE;
void bequest_close(struct bequest *bequest) ATTR_NONNULL;

/** A file of these records. Returns its descriptor, or -1 (errno). */
int bequest_write(const struct bequest *bequest) ATTR_NONNULL ATTR_MUST_USE;
