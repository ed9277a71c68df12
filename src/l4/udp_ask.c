/* SPDX-License-Identifier: Apache-2.0
 * From clients to members: one recvmmsg on the listener, then one call for each flow that had
 * something in it. The order within a flow is kept. */
#include "l4/udp.h"

#include <errno.h>
#include <stddef.h>

/** The flows of a batch, in the order of their first message. */
struct batch {
    struct udp_flow *flows[UDP_BATCH];
    uint32_t n;
};

/** The address of ours that message *in was sent to, which is where the answer can come from: of a
 *  broadcast, that of the interface (ip(7)); zero when there is none (multicast) or it does not
 * say.
 */
static void read_local(uint8_t local[16], bool is_v6, struct mmsghdr *in)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&in->msg_hdr); c; c = CMSG_NXTHDR(&in->msg_hdr, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            memcpy(local, CMSG_DATA(c) + offsetof(struct in_pktinfo, ipi_spec_dst), 4);
        else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            memcpy(local, CMSG_DATA(c) + offsetof(struct in6_pktinfo, ipi6_addr), 16);
    }
    if (is_v6 && local[0] == 0xff)
        memset(local, 0, 16);
}

static struct udp_key read_key(const struct udp_listener *listener, struct mmsghdr *in)
{
    const union udp_name *name = in->msg_hdr.msg_name;
    struct udp_key key = {.listener = listener->index};
    if (listener->v6) {
        memcpy(key.client, &name->v6.sin6_addr, 16);
        key.port_be = name->v6.sin6_port;
        key.scope = name->v6.sin6_scope_id;
    } else {
        memcpy(key.client, &name->v4.sin_addr, 4);
        key.port_be = name->v4.sin_port;
    }
    if (listener->wildcard)
        read_local(key.local, listener->v6, in);
    return key;
}

/** Puts message i behind those of its flow. */
static void batch_add(struct udp_lane *lane, struct batch *batch, struct udp_flow *flow, uint8_t i)
{
    if (flow->first == UDP_BATCH) {
        flow->first = i;
        batch->flows[batch->n++] = flow;
    } else {
        lane->next[flow->last] = i;
    }
    flow->last = i;
    lane->next[i] = UDP_BATCH;
}

/** Finds or begins the flow of message i, and puts it there. */
static void sort_in(struct udp *udp, struct udp_listener *listener, struct batch *batch, uint8_t i)
{
    struct udp_lane *lane = &udp->asks;
    struct udp_key key = read_key(listener, &lane->in[i]);
    uint16_t segment = udp->bursts ? udp_segment_got(&lane->in[i]) : 0;
    uint32_t n = udp_datagrams(lane->in[i].msg_len, segment);
    uint32_t hash = udp_key_hash(udp, &key);
    struct udp_flow *flow = udp_table_find(udp, &key, hash);
    if (UNLIKELY(!flow)) {
        flow = udp_flow_begin(udp, listener, &key, hash);
        if (!flow) {
            udp_count_listener(udp, listener, 0, 0, n);
            return;
        }
    }
    if (flow->first == UDP_BATCH && UNLIKELY(!udp_flow_asked(udp, flow))) {
        udp_count_listener(udp, listener, 0, 0, n);
        return;
    }
    lane->segment[i] = segment;
    batch_add(lane, batch, flow, i);
}

/** Sends n messages towards the flow's member; if it refuses, what is left goes to the one that the
 *  flow has then. Refused twice: it is dropped. */
static void send_to_member(struct udp *udp, struct udp_listener *listener, struct udp_flow *flow,
                           struct mmsghdr *out, uint32_t n)
{
    uint32_t dropped = 0;
    uint32_t done = udp_send(flow->fd, out, n, &dropped);
    if (UNLIKELY(done < n)) {
        udp_flow_refused(udp, flow);
        udp_flow_move(udp, flow);
        flow->refused = false;
        done += udp_send(flow->fd, out + done, n - done, &dropped);
        if (done < n) {
            udp_flow_refused(udp, flow);
            dropped += udp_count_datagrams(out + done, n - done);
        }
    }
    if (dropped)
        udp_count_listener(udp, listener, 0, 0, dropped);
}

static void flow_send(struct udp *udp, struct udp_listener *listener, struct udp_flow *flow)
{
    struct udp_lane *lane = &udp->asks;
    uint32_t n = 0;
    uint64_t bytes = 0;
    for (uint32_t i = flow->first; i != UDP_BATCH; i = lane->next[i], n++) {
        lane->out_iov[n] = (struct iovec){lane->in_iov[i].iov_base, lane->in[i].msg_len};
        udp_segment_put(lane, n, lane->segment[i]);
        bytes += lane->in[i].msg_len;
    }
    flow->first = UDP_BATCH;
    flow->bytes_in += bytes;
    udp_count_listener(udp, listener, bytes, 0, 0);
    udp_count_peer(udp, flow->peer, bytes, 0);
    send_to_member(udp, listener, flow, lane->out, n);
}

/** Makes room for names and control data again, which the kernel has cut to what it gave. */
static void lane_reset(struct udp_lane *lane)
{
    for (uint32_t i = 0; i < lane->n_stale; i++) {
        struct msghdr *h = &lane->in[i].msg_hdr;
        h->msg_name = &lane->name[i];
        h->msg_namelen = sizeof lane->name[i];
        h->msg_control = &lane->in_control[i];
        h->msg_controllen = sizeof lane->in_control[i];
    }
}

ATTR_HOT void udp_listener_ready(struct worker *worker, struct worker_source *source,
                                 uint32_t events)
{
    struct udp *udp = worker->udp;
    struct udp_listener *listener = (struct udp_listener *)source;
    struct batch batch = {.n = 0};
    (void)events;
    if (listener->fd < 0)
        return;
    lane_reset(&udp->asks);
    int n = recvmmsg(listener->fd, udp->asks.in, UDP_BATCH, MSG_DONTWAIT, NULL);
    udp->asks.n_stale = n > 0 ? (uint32_t)n : 0;
    for (int i = 0; i < n; i++)
        sort_in(udp, listener, &batch, (uint8_t)i);
    for (uint32_t i = 0; i < batch.n; i++)
        flow_send(udp, listener, batch.flows[i]);
}
