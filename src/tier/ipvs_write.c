/* SPDX-License-Identifier: Apache-2.0
 * Messages for IPVS, from what is configured. */
#include "tier/ipvs_message.h"

#include "base/arena.h"

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- as configured ---- */

static uint16_t protocol_of(enum tier_protocol protocol)
{
    switch (protocol) {
    case TIER_UDP:
        return IPPROTO_UDP;
    case TIER_SCTP:
        return IPPROTO_SCTP;
    case TIER_TCP:
        break;
    }
    return IPPROTO_TCP;
}

/* What the kernel has for a prefix length (ip_vs_service.netmask). */
static uint32_t mask_of(uint8_t family, unsigned len)
{
    if (family == IP_V6)
        return len;
    return len == 0 ? 0 : htonl(UINT32_MAX << (32 - len));
}

struct ipvs_service ipvs_service_of(const struct tier *config)
{
    struct ipvs_service s = {
        .addr = config->service.addr,
        .port = config->service.port,
        .fwmark = config->service.fwmark,
        .family = config->service.family,
        .protocol = config->service.fwmark ? 0 : protocol_of(config->service.protocol),
        .flags = config->service.persistence_s ? IP_VS_SVC_F_PERSISTENT : 0,
        .timeout_s = config->service.persistence_s,
    };
    unsigned whole = s.family == IP_V6 ? 128 : 32;
    s.mask_be =
        mask_of(s.family, config->service.persistence_s ? config->service.persistence_len : whole);
    snprintf(s.scheduler, sizeof s.scheduler, "%s", config->service.scheduler);
    return s;
}

struct ipvs_dest ipvs_dest_of(const struct tier_member *member)
{
    static const uint8_t forwards[] = {[TIER_FORWARD_NAT] = IP_VS_CONN_F_MASQ,
                                       [TIER_FORWARD_DR] = IP_VS_CONN_F_DROUTE,
                                       [TIER_FORWARD_TUNNEL] = IP_VS_CONN_F_TUNNEL};
    static const uint8_t tunnels[] = {[TIER_TUNNEL_IPIP] = IP_VS_CONN_F_TUNNEL_TYPE_IPIP,
                                      [TIER_TUNNEL_GUE] = IP_VS_CONN_F_TUNNEL_TYPE_GUE,
                                      [TIER_TUNNEL_GRE] = IP_VS_CONN_F_TUNNEL_TYPE_GRE};
    const struct tier_path *path = &member->path;
    struct ipvs_dest d = {
        .addr = member->addr,
        .port = member->port,
        .forward = forwards[path->forward],
        .upper = path->upper,
        .lower = path->lower,
    };
    if (path->forward == TIER_FORWARD_TUNNEL) {
        d.tunnel = tunnels[path->tunnel];
        d.tunnel_port = path->tunnel_port;
    }
    return d;
}

bool ipvs_service_differs(const struct ipvs_service *wanted, const struct ipvs_service *seen)
{
    if (strcmp(wanted->scheduler, seen->scheduler) != 0 ||
        ((wanted->flags ^ seen->flags) & IP_VS_SVC_F_PERSISTENT))
        return true;
    return (wanted->flags & IP_VS_SVC_F_PERSISTENT) &&
           (wanted->timeout_s != seen->timeout_s || wanted->mask_be != seen->mask_be);
}

bool ipvs_dest_differs(const struct ipvs_dest *wanted, const struct ipvs_dest *seen)
{
    if (wanted->forward != seen->forward || wanted->upper != seen->upper ||
        wanted->lower != seen->lower)
        return true;
    return wanted->forward == IP_VS_CONN_F_TUNNEL &&
           (wanted->tunnel != seen->tunnel || (wanted->tunnel == IP_VS_CONN_F_TUNNEL_TYPE_GUE &&
                                               wanted->tunnel_port != seen->tunnel_port));
}

/* ---- messages ---- */

/* Memory is all that can fail below: what is put has a bound that fits. */
static void must(bool ok)
{
    if (!ok)
        abort();
}

static void put(struct nl_msg *msg, int attr, const void *p, size_t n)
{
    must(nla_put(msg, attr, (int)n, p) == 0);
}

static void put_u16(struct nl_msg *msg, int attr, uint16_t value)
{
    put(msg, attr, &value, sizeof value);
}

static void put_u32(struct nl_msg *msg, int attr, uint32_t value)
{
    put(msg, attr, &value, sizeof value);
}

static struct nl_msg *start(uint16_t family, int flags, uint8_t command, uint8_t version)
{
    struct nl_msg *msg = nlmsg_alloc();
    must(msg && genlmsg_put(msg, 0, 0, family, 0, flags, command, version));
    return msg;
}

struct nl_msg *ipvs_ask_family(void)
{
    struct nl_msg *msg = start(GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, 1);
    put(msg, CTRL_ATTR_FAMILY_NAME, IPVS_GENL_NAME, sizeof IPVS_GENL_NAME);
    return msg;
}

static uint16_t af_of(uint8_t family)
{
    return family == IP_V6 ? AF_INET6 : AF_INET;
}

static void put_service(struct nl_msg *msg, const struct ipvs_service *s, bool whole)
{
    struct nlattr *nest = nla_nest_start(msg, IPVS_CMD_ATTR_SERVICE);
    must(nest != NULL);
    put_u16(msg, IPVS_SVC_ATTR_AF, af_of(s->family));
    if (s->fwmark) {
        put_u32(msg, IPVS_SVC_ATTR_FWMARK, s->fwmark);
    } else {
        put_u16(msg, IPVS_SVC_ATTR_PROTOCOL, s->protocol);
        put(msg, IPVS_SVC_ATTR_ADDR, s->addr.b, sizeof s->addr.b);
        put_u16(msg, IPVS_SVC_ATTR_PORT, htons(s->port));
    }
    if (whole) {
        /* Other flags (schedulers have some of their own) are not ours to change. */
        const struct ip_vs_flags flags = {.flags = s->flags & IP_VS_SVC_F_PERSISTENT,
                                          .mask = IP_VS_SVC_F_PERSISTENT};
        put(msg, IPVS_SVC_ATTR_SCHED_NAME, s->scheduler, strlen(s->scheduler) + 1);
        put(msg, IPVS_SVC_ATTR_FLAGS, &flags, sizeof flags);
        put_u32(msg, IPVS_SVC_ATTR_TIMEOUT, s->timeout_s);
        put_u32(msg, IPVS_SVC_ATTR_NETMASK, s->mask_be);
        if (s->engine[0])
            put(msg, IPVS_SVC_ATTR_PE_NAME, s->engine, strlen(s->engine) + 1);
    }
    nla_nest_end(msg, nest);
}

static void put_dest(struct nl_msg *msg, const struct ipvs_dest *d, bool whole)
{
    struct nlattr *nest = nla_nest_start(msg, IPVS_CMD_ATTR_DEST);
    must(nest != NULL);
    put_u16(msg, IPVS_DEST_ATTR_ADDR_FAMILY, af_of(d->addr.family));
    put(msg, IPVS_DEST_ATTR_ADDR, d->addr.b, sizeof d->addr.b);
    put_u16(msg, IPVS_DEST_ATTR_PORT, htons(d->port));
    if (whole) {
        put_u32(msg, IPVS_DEST_ATTR_FWD_METHOD, d->forward);
        put_u32(msg, IPVS_DEST_ATTR_WEIGHT, d->weight);
        put_u32(msg, IPVS_DEST_ATTR_U_THRESH, d->upper);
        put_u32(msg, IPVS_DEST_ATTR_L_THRESH, d->lower);
        put(msg, IPVS_DEST_ATTR_TUN_TYPE, &d->tunnel, sizeof d->tunnel);
        put_u16(msg, IPVS_DEST_ATTR_TUN_PORT, htons(d->tunnel_port));
        put_u16(msg, IPVS_DEST_ATTR_TUN_FLAGS, d->tunnel_flags);
    }
    nla_nest_end(msg, nest);
}

struct nl_msg *ipvs_ask(uint16_t family, uint8_t command, bool dump,
                        const struct ipvs_service *service, const struct ipvs_dest *dest)
{
    struct nl_msg *msg = start(family, dump ? NLM_F_DUMP : 0, command, IPVS_GENL_VERSION);
    if (service)
        put_service(msg, service,
                    command == IPVS_CMD_NEW_SERVICE || command == IPVS_CMD_SET_SERVICE);
    if (dest)
        put_dest(msg, dest, command == IPVS_CMD_NEW_DEST || command == IPVS_CMD_SET_DEST);
    return msg;
}
