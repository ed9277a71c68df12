/* SPDX-License-Identifier: Apache-2.0
 * Messages of IPVS, read. */
#include "tier/ipvs_message.h"

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <string.h>

/* Attributes of a length that is ours to know: shorter ones are refused, what is longer is read as
 * far as we know it. */
#define U16             \
    {                   \
        .type = NLA_U16 \
    }
#define U32             \
    {                   \
        .type = NLA_U32 \
    }
#define BYTES(n)      \
    {                 \
        .minlen = (n) \
    }

static const struct nla_policy command_policy[IPVS_CMD_ATTR_MAX + 1] = {
    [IPVS_CMD_ATTR_SERVICE] = {.type = NLA_NESTED},
    [IPVS_CMD_ATTR_DEST] = {.type = NLA_NESTED},
};
static const struct nla_policy service_policy[IPVS_SVC_ATTR_MAX + 1] = {
    [IPVS_SVC_ATTR_AF] = U16,
    [IPVS_SVC_ATTR_PROTOCOL] = U16,
    [IPVS_SVC_ATTR_ADDR] = BYTES(sizeof(struct in_addr)),
    [IPVS_SVC_ATTR_PORT] = U16,
    [IPVS_SVC_ATTR_FWMARK] = U32,
    [IPVS_SVC_ATTR_FLAGS] = BYTES(sizeof(struct ip_vs_flags)),
    [IPVS_SVC_ATTR_TIMEOUT] = U32,
    [IPVS_SVC_ATTR_NETMASK] = U32,
    [IPVS_SVC_ATTR_STATS] = {.type = NLA_NESTED},
    [IPVS_SVC_ATTR_STATS64] = {.type = NLA_NESTED},
};
static const struct nla_policy dest_policy[IPVS_DEST_ATTR_MAX + 1] = {
    [IPVS_DEST_ATTR_ADDR] = BYTES(sizeof(struct in_addr)),
    [IPVS_DEST_ATTR_PORT] = U16,
    [IPVS_DEST_ATTR_FWD_METHOD] = U32,
    [IPVS_DEST_ATTR_WEIGHT] = U32,
    [IPVS_DEST_ATTR_U_THRESH] = U32,
    [IPVS_DEST_ATTR_L_THRESH] = U32,
    [IPVS_DEST_ATTR_ACTIVE_CONNS] = U32,
    [IPVS_DEST_ATTR_INACT_CONNS] = U32,
    [IPVS_DEST_ATTR_PERSIST_CONNS] = U32,
    [IPVS_DEST_ATTR_STATS] = {.type = NLA_NESTED},
    [IPVS_DEST_ATTR_STATS64] = {.type = NLA_NESTED},
    [IPVS_DEST_ATTR_ADDR_FAMILY] = U16,
    [IPVS_DEST_ATTR_TUN_TYPE] = {.type = NLA_U8},
    [IPVS_DEST_ATTR_TUN_PORT] = U16,
    [IPVS_DEST_ATTR_TUN_FLAGS] = U16,
};

/* ---- attributes ---- */

/* Those of a message, or of one that is nested in it. */
static bool parse(struct nlattr **tb, int max, const struct nlmsghdr *message,
                  const struct nla_policy *policy)
{
    if (nlmsg_datalen(message) < (int)GENL_HDRLEN)
        return false;
    const struct genlmsghdr *header = nlmsg_data(message);
    return nla_parse(tb, max, genlmsg_attrdata(header, 0),
                     nlmsg_datalen(message) - (int)GENL_HDRLEN, policy) == 0;
}

static uint16_t get_u16(struct nlattr *attr)
{
    return attr ? nla_get_u16(attr) : 0;
}

static uint32_t get_u32(struct nlattr *attr)
{
    return attr ? nla_get_u32(attr) : 0;
}

static uint8_t family_of(uint16_t af)
{
    return af == AF_INET ? IP_V4 : af == AF_INET6 ? IP_V6 : IP_NONE;
}

/* The kernel gives 16 bytes for either family. */
static bool get_addr(struct ip *out, const struct nlattr *attr, uint8_t family)
{
    size_t n = family == IP_V4 ? 4 : 16;
    if (!attr || family == IP_NONE || nla_len(attr) < (int)n)
        return false;
    *out = (struct ip){.family = family};
    memcpy(out->b, nla_data(attr), n);
    return true;
}

/* Names are the kernel's modules', and end with a NUL or with the attribute; what is not printable
 * becomes '?', as they are shown. */
static void get_name(char *out, size_t size, const struct nlattr *attr)
{
    size_t n = attr ? (size_t)nla_len(attr) : 0, kept = 0;
    const char *p = attr ? nla_data(attr) : NULL;
    for (size_t i = 0; i < n && p[i] && kept < size - 1; i++)
        out[kept++] = p[i] > ' ' && p[i] < 127 ? p[i] : '?';
    out[kept] = '\0';
}

static uint64_t get_count(struct nlattr *attr)
{
    if (!attr)
        return 0;
    return nla_len(attr) >= (int)sizeof(uint64_t) ? nla_get_u64(attr) : nla_get_u32(attr);
}

/* In 64 bits since Linux 4.1; before, packets and connections have 32. */
static bool get_counters(struct ipvs_counters *out, struct nlattr *wide, struct nlattr *narrow)
{
    static const struct nla_policy policy[IPVS_STATS_ATTR_MAX + 1] = {
        [IPVS_STATS_ATTR_CONNS] = U32,
        [IPVS_STATS_ATTR_INPKTS] = U32,
        [IPVS_STATS_ATTR_OUTPKTS] = U32,
        [IPVS_STATS_ATTR_INBYTES] = {.type = NLA_U64},
        [IPVS_STATS_ATTR_OUTBYTES] = {.type = NLA_U64},
    };
    *out = (struct ipvs_counters){0};
    struct nlattr *nest = wide ? wide : narrow, *tb[IPVS_STATS_ATTR_MAX + 1];
    if (!nest)
        return true;
    if (nla_parse_nested(tb, IPVS_STATS_ATTR_MAX, nest, policy) != 0)
        return false;
    *out = (struct ipvs_counters){
        .connections = get_count(tb[IPVS_STATS_ATTR_CONNS]),
        .packets_in = get_count(tb[IPVS_STATS_ATTR_INPKTS]),
        .packets_out = get_count(tb[IPVS_STATS_ATTR_OUTPKTS]),
        .bytes_in = get_count(tb[IPVS_STATS_ATTR_INBYTES]),
        .bytes_out = get_count(tb[IPVS_STATS_ATTR_OUTBYTES]),
    };
    return true;
}

static bool parse_command(struct nlattr **out, int attr, const struct nlmsghdr *message)
{
    struct nlattr *tb[IPVS_CMD_ATTR_MAX + 1];
    if (!parse(tb, IPVS_CMD_ATTR_MAX, message, command_policy))
        return false;
    *out = tb[attr];
    return *out != NULL;
}

/* ---- what they say ---- */

uint16_t ipvs_read_family(const struct nlmsghdr *message)
{
    static const struct nla_policy policy[CTRL_ATTR_MAX + 1] = {[CTRL_ATTR_FAMILY_ID] = U16};
    struct nlattr *tb[CTRL_ATTR_MAX + 1];
    if (message->nlmsg_type != GENL_ID_CTRL || !parse(tb, CTRL_ATTR_MAX, message, policy))
        return 0;
    return get_u16(tb[CTRL_ATTR_FAMILY_ID]);
}

bool ipvs_read_service(struct ipvs_service *out, const struct nlmsghdr *message)
{
    struct nlattr *nest, *tb[IPVS_SVC_ATTR_MAX + 1];
    if (!parse_command(&nest, IPVS_CMD_ATTR_SERVICE, message) ||
        nla_parse_nested(tb, IPVS_SVC_ATTR_MAX, nest, service_policy) != 0)
        return false;
    *out = (struct ipvs_service){
        .family = family_of(get_u16(tb[IPVS_SVC_ATTR_AF])),
        .fwmark = get_u32(tb[IPVS_SVC_ATTR_FWMARK]),
        .timeout_s = get_u32(tb[IPVS_SVC_ATTR_TIMEOUT]),
        .mask_be = get_u32(tb[IPVS_SVC_ATTR_NETMASK]),
    };
    get_name(out->scheduler, sizeof out->scheduler, tb[IPVS_SVC_ATTR_SCHED_NAME]);
    get_name(out->engine, sizeof out->engine, tb[IPVS_SVC_ATTR_PE_NAME]);
    if (tb[IPVS_SVC_ATTR_FLAGS]) {
        struct ip_vs_flags flags;
        memcpy(&flags, nla_data(tb[IPVS_SVC_ATTR_FLAGS]), sizeof flags);
        out->flags = flags.flags;
    }
    if (out->family == IP_NONE ||
        !get_counters(&out->counters, tb[IPVS_SVC_ATTR_STATS64], tb[IPVS_SVC_ATTR_STATS]))
        return false;
    if (out->fwmark)
        return true;
    out->protocol = get_u16(tb[IPVS_SVC_ATTR_PROTOCOL]);
    out->port = ntohs(get_u16(tb[IPVS_SVC_ATTR_PORT]));
    return out->protocol && get_addr(&out->addr, tb[IPVS_SVC_ATTR_ADDR], out->family);
}

bool ipvs_read_dest(struct ipvs_dest *out, const struct nlmsghdr *message, uint8_t family)
{
    struct nlattr *nest, *tb[IPVS_DEST_ATTR_MAX + 1];
    if (!parse_command(&nest, IPVS_CMD_ATTR_DEST, message) ||
        nla_parse_nested(tb, IPVS_DEST_ATTR_MAX, nest, dest_policy) != 0 ||
        !tb[IPVS_DEST_ATTR_PORT] || !tb[IPVS_DEST_ATTR_FWD_METHOD] || !tb[IPVS_DEST_ATTR_WEIGHT])
        return false;
    *out = (struct ipvs_dest){
        .port = ntohs(get_u16(tb[IPVS_DEST_ATTR_PORT])),
        .forward = (uint8_t)(get_u32(tb[IPVS_DEST_ATTR_FWD_METHOD]) & IP_VS_CONN_F_FWD_MASK),
        .tunnel = tb[IPVS_DEST_ATTR_TUN_TYPE] ? nla_get_u8(tb[IPVS_DEST_ATTR_TUN_TYPE]) : 0,
        .tunnel_port = ntohs(get_u16(tb[IPVS_DEST_ATTR_TUN_PORT])),
        .tunnel_flags = get_u16(tb[IPVS_DEST_ATTR_TUN_FLAGS]),
        .knows_tunnels = tb[IPVS_DEST_ATTR_TUN_TYPE] != NULL,
        .weight = get_u32(tb[IPVS_DEST_ATTR_WEIGHT]),
        .upper = get_u32(tb[IPVS_DEST_ATTR_U_THRESH]),
        .lower = get_u32(tb[IPVS_DEST_ATTR_L_THRESH]),
        .active = get_u32(tb[IPVS_DEST_ATTR_ACTIVE_CONNS]),
        .inactive = get_u32(tb[IPVS_DEST_ATTR_INACT_CONNS]),
        .persistent = get_u32(tb[IPVS_DEST_ATTR_PERSIST_CONNS]),
    };
    if (tb[IPVS_DEST_ATTR_ADDR_FAMILY])
        family = family_of(get_u16(tb[IPVS_DEST_ATTR_ADDR_FAMILY]));
    return get_addr(&out->addr, tb[IPVS_DEST_ATTR_ADDR], family) &&
           get_counters(&out->counters, tb[IPVS_DEST_ATTR_STATS64], tb[IPVS_DEST_ATTR_STATS]);
}

bool ipvs_read_info(struct ipvs_info *out, const struct nlmsghdr *message)
{
    static const struct nla_policy policy[IPVS_INFO_ATTR_MAX + 1] = {
        [IPVS_INFO_ATTR_VERSION] = U32,
        [IPVS_INFO_ATTR_CONN_TAB_SIZE] = U32,
    };
    struct nlattr *tb[IPVS_INFO_ATTR_MAX + 1];
    if (!parse(tb, IPVS_INFO_ATTR_MAX, message, policy))
        return false;
    *out = (struct ipvs_info){.version = get_u32(tb[IPVS_INFO_ATTR_VERSION]),
                              .table_size = get_u32(tb[IPVS_INFO_ATTR_CONN_TAB_SIZE])};
    return tb[IPVS_INFO_ATTR_VERSION] != NULL;
}
