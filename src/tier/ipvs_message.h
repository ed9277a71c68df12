/* SPDX-License-Identifier: Apache-2.0
 * Services and destinations of IPVS as plain values, from and to messages of its generic netlink
 * family (linux/ip_vs.h, "IPVS Generic Netlink interface definitions"). Reading is pure: of bytes
 * whose outer length was checked, and nothing else of them. */
#pragma once

#include "base/ip.h"
#include "tier/spec.h"

#include <linux/ip_vs.h>
#include <linux/netlink.h>

struct nl_msg;

struct ipvs_counters { /* since it was made; the kernel brings them up to date each 2 s */
    uint64_t connections, packets_in, packets_out, bytes_in, bytes_out;
};

struct ipvs_service {
    struct ip addr; /* IP_NONE: by fwmark */
    uint16_t port;
    uint16_t protocol; /* IPPROTO_*; 0 with a fwmark */
    uint32_t fwmark;
    uint8_t family; /* enum ip_family */
    char scheduler[IP_VS_SCHEDNAME_MAXLEN];
    char engine[IP_VS_PENAME_MAXLEN]; /* of persistence ("sip"); "" */
    uint32_t flags;                   /* IP_VS_SVC_F_* */
    uint32_t timeout_s;               /* of persistence; means nothing without */
    uint32_t mask_be; /* of persistence: a netmask, or for IPv6 a prefix length (not turned) */
    struct ipvs_counters counters;
};

struct ipvs_dest {
    struct ip addr;
    uint16_t port;
    uint8_t forward; /* IP_VS_CONN_F_MASQ, _TUNNEL, _DROUTE, ... */
    uint8_t tunnel;  /* IP_VS_CONN_F_TUNNEL_TYPE_* */
    uint16_t tunnel_port, tunnel_flags;
    bool knows_tunnels; /* the kernel says a tunnel's type (Linux 5.2 on) */
    uint32_t weight;
    uint32_t upper, lower;
    uint32_t active, inactive, persistent; /* connections now */
    struct ipvs_counters counters;
};

struct ipvs_info {
    uint32_t version; /* 0x010201 */
    uint32_t table_size;
};

/* Each returns whether the message is what it is taken for; *out is undefined if not. */

/** CTRL_CMD_GETFAMILY's answer: the number of the family, 0 for none. */
uint16_t ipvs_read_family(const struct nlmsghdr *message) ATTR_NONNULL;
bool ipvs_read_service(struct ipvs_service *out, const struct nlmsghdr *message) ATTR_NONNULL;
/** `family`: of the service; kernels before 3.18 do not say the destination's. */
bool ipvs_read_dest(struct ipvs_dest *out, const struct nlmsghdr *message,
                    uint8_t family) ATTR_NONNULL;
bool ipvs_read_info(struct ipvs_info *out, const struct nlmsghdr *message) ATTR_NONNULL;

/** As configured. */
struct ipvs_service ipvs_service_of(const struct tier *config) ATTR_NONNULL;
struct ipvs_dest ipvs_dest_of(const struct tier_member *member) ATTR_NONNULL;
/** Whether scheduler and persistence are what is wanted. */
bool ipvs_service_differs(const struct ipvs_service *wanted,
                          const struct ipvs_service *seen) ATTR_NONNULL ATTR_PURE;
/** Whether the way there is (not the weight). */
bool ipvs_dest_differs(const struct ipvs_dest *wanted,
                       const struct ipvs_dest *seen) ATTR_NONNULL ATTR_PURE;

/** A request for the number of the family. For nlmsg_free(), as the next. */
struct nl_msg *ipvs_ask_family(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** IPVS_CMD_*, with what names a service and (NULL: none) a destination; all of both where the
 *  command makes or changes them. dump: all that there are. */
struct nl_msg *ipvs_ask(uint16_t family, uint8_t command, bool dump,
                        const struct ipvs_service *service,
                        const struct ipvs_dest *dest) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
