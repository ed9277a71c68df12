/* SPDX-License-Identifier: Apache-2.0
 * The XDP program: hands UDP queries to the AF_XDP socket of their queue, everything else to the
 * stack.
 *
 * A frame is taken only if the stack would have delivered it to one of our UDP sockets and nothing
 * about it is unusual. When in doubt it is passed: the same answer then comes by way of a socket.
 * So fragments, IP options and extension headers, double tags, frames for other MAC addresses,
 * sources that no one may have and IPv6 datagrams without checksum are the stack's.
 *
 * Pointers are compared, never subtracted, and none is computed from what two branches leave: a
 * verifier without CAP_PERFMON refuses that, and loadstard shall need no more than CAP_BPF. */
#include "xdp_filter.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DNS_HEADER_LEN 12
#define V4_DONT_FRAGMENT 0x4000
#define VLAN_ID 0x0fff

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, XDP_FILTER_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, XDP_FILTER_LISTEN);
    __type(key, struct xdp_listen);
    __type(value, __u8);
} listen SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct xdp_settings);
} settings SEC(".maps");

struct vlan_tag {
    __be16 tci, type;
};

static __always_inline int mac_is_ours(const struct ethhdr *eth, const struct xdp_settings *s)
{
    const __u16 *a = (const __u16 *)eth->h_dest, *b = (const __u16 *)s->mac;
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

/* linux/net/ipv4/route.c, ip_route_input_slow(): the martians, and 0.0.0.0/8. */
static __always_inline int v4_source_valid(__u32 source)
{
    __u32 first = source >> 24;
    return first != 0 && first != 127 && first < 224;
}

static __always_inline int udp_is_query(const struct udphdr *udp, const void *end, __u32 room)
{
    if ((const void *)(udp + 1) > end)
        return 0;
    __u32 len = bpf_ntohs(udp->len);
    return len >= sizeof *udp + DNS_HEADER_LEN && len <= room && udp->source != 0;
}

/* Both say whether it is ours, as far as one can without looking into the map, and where it goes.
 */

static __always_inline int parse_v4(const struct iphdr *ip, const void *end, struct xdp_listen *to)
{
    const struct udphdr *udp = (const void *)(ip + 1);
    if ((const void *)udp > end || *(const __u8 *)ip != 0x45 || ip->protocol != IPPROTO_UDP ||
        ip->frag_off & bpf_htons((__u16)~V4_DONT_FRAGMENT) ||
        !v4_source_valid(bpf_ntohl(ip->saddr)))
        return 0;
    __u32 total = bpf_ntohs(ip->tot_len);
    if (total < sizeof *ip || !udp_is_query(udp, end, total - sizeof *ip))
        return 0;
    __builtin_memcpy(to->addr, &ip->daddr, 4);
    to->port_be = udp->dest;
    barrier(); /* keeps the compiler from making one load of this and of IPv6's */
    to->family = 4;
    return 1;
}

static __always_inline int parse_v6(const struct ipv6hdr *ip, const void *end,
                                    struct xdp_listen *to)
{
    const struct udphdr *udp = (const void *)(ip + 1);
    if ((const void *)udp > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP ||
        ip->saddr.s6_addr[0] == 0xff || !udp_is_query(udp, end, bpf_ntohs(ip->payload_len)) ||
        udp->check == 0)
        return 0;
    __builtin_memcpy(to->addr, &ip->daddr, 16);
    to->port_be = udp->dest;
    to->family = 6;
    return 1;
}

SEC("xdp") int loadstar(struct xdp_md *ctx)
{
    const void *p = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
    const struct ethhdr *eth = p;
    __u32 zero = 0;
    const struct xdp_settings *s = bpf_map_lookup_elem(&settings, &zero);
    if (!s || (const void *)(eth + 1) > end || p + XDP_FILTER_FRAME_MAX < end ||
        !mac_is_ours(eth, s))
        return XDP_PASS;
    const void *ip = eth + 1;
    __be16 type = eth->h_proto;
    if (type == bpf_htons(ETH_P_8021Q)) {
        const struct vlan_tag *tag = ip;
        if ((const void *)(tag + 1) > end)
            return XDP_PASS;
        __u32 id = bpf_ntohs(tag->tci) & VLAN_ID;
        if (!(s->vlan[id / 8] & 1 << id % 8))
            return XDP_PASS;
        type = tag->type;
        ip = tag + 1;
    }
    struct xdp_listen to = {};
    if (!(type == bpf_htons(ETH_P_IP) && parse_v4(ip, end, &to)) &&
        !(type == bpf_htons(ETH_P_IPV6) && parse_v6(ip, end, &to)))
        return XDP_PASS;
    if (!bpf_map_lookup_elem(&listen, &to))
        return XDP_PASS;
    return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
}

/* No helper that is used here asks for a licence that is compatible with the GPL. */
char loadstar_licence[] SEC("license") = "Apache-2.0";
