/* SPDX-License-Identifier: Apache-2.0
 * From members to clients: each flow that is readable is read, and what a turn of the loop has
 * brought leaves by one sendmmsg a listener.
 *
 * A flow is read by recv(), one datagram a turn, which is what a question and its answer need; one
 * that is readable turn after turn is read in batches and with UDP_GRO from then on. */
#include "l4/udp.h"

#include "base/clock.h"

#include <errno.h>

/** Flows that are readable in so many turns one after the other have bursts. */
#define BULK_TURNS 4

/** The first answer: how long it took is the flow's connect time. */
static void first_answer(struct udp_flow *flow)
{
    int64_t us = clock_mono_us() - flow->begun_us;
    flow->connect_us = us > UINT32_MAX ? UINT32_MAX : us < 1 ? 1 : (uint32_t)us;
    member_connected(flow->peer->member, flow->connect_us);
}

static void flow_answered(struct udp *udp, struct udp_flow *flow, struct udp_listener *listener,
                          uint64_t bytes)
{
    int64_t now_ms = udp->worker->now_ms;
    if (UNLIKELY(!flow->connect_us))
        first_answer(flow);
    flow->seen_ms = now_ms;
    flow->n_asked = 0;
    flow->silent = false;
    flow->bytes_out += bytes;
    flow->peer->answered_ms = now_ms;
    member_answered(flow->peer->member, now_ms);
    listener->answered_ms = now_ms;
    udp_count_peer(udp, flow->peer, 0, bytes);
    udp_count_listener(udp, listener, 0, bytes, 0);
}

/** Adds control data that has the answer sent from `local`. */
static void put_local(struct udp_lane *lane, uint32_t i, const struct udp_listener *listener,
                      const struct udp_key *key)
{
    struct msghdr *h = &lane->out[i].msg_hdr;
    struct cmsghdr *c = (void *)(lane->out_control[i].b + h->msg_controllen);
    h->msg_control = &lane->out_control[i];
    if (listener->v6) {
        struct in6_pktinfo info = {.ipi6_ifindex = key->scope};
        memcpy(&info.ipi6_addr, key->local, 16);
        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        h->msg_controllen += CMSG_SPACE(sizeof info);
    } else {
        struct in_pktinfo info = {.ipi_ifindex = 0};
        memcpy(&info.ipi_spec_dst, key->local, 4);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        h->msg_controllen += CMSG_SPACE(sizeof info);
    }
}

static void put_name(struct udp_lane *lane, uint32_t i, const struct udp_listener *listener,
                     const struct udp_key *key)
{
    struct msghdr *h = &lane->out[i].msg_hdr;
    union udp_name *name = &lane->name[i];
    h->msg_name = name;
    if (listener->v6) {
        name->v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = key->port_be, .sin6_scope_id = key->scope};
        memcpy(&name->v6.sin6_addr, key->client, 16);
        h->msg_namelen = sizeof name->v6;
    } else {
        name->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = key->port_be};
        memcpy(&name->v4.sin_addr, key->client, 4);
        h->msg_namelen = sizeof name->v4;
    }
}

/** The message of n bytes that was received into entry i goes to the flow's client. */
static void put_answer(struct udp *udp, struct udp_flow *flow, struct udp_listener *listener,
                       uint32_t i, uint32_t n, uint16_t segment)
{
    struct udp_lane *lane = &udp->answers;
    lane->listener[i] = listener;
    lane->out_iov[i] = (struct iovec){lane->in_iov[i].iov_base, n};
    udp_segment_put(lane, i, segment);
    put_name(lane, i, listener, &flow->key);
    if (listener->wildcard)
        put_local(lane, i, listener, &flow->key);
    flow_answered(udp, flow, listener, n);
}

/** Sends the waiting messages of one listener, *unsent of them being left. */
static void flush_listener(struct udp *udp, struct udp_listener *listener, uint32_t *unsent)
{
    struct udp_lane *lane = &udp->answers;
    struct mmsghdr out[UDP_BATCH];
    uint32_t n = 0, dropped = 0;
    for (uint32_t i = 0; i < udp->n_out; i++) {
        if (lane->listener[i] != listener)
            continue;
        out[n++] = lane->out[i];
        lane->listener[i] = NULL;
    }
    *unsent -= n;
    for (uint32_t done = 0; done < n && listener->fd >= 0; done++) {
        done += udp_send(listener->fd, out + done, n - done, &dropped);
        if (done < n) /* an error of the socket's, or no way to this one */
            dropped += udp_count_datagrams(out + done, 1);
    }
    if (dropped)
        udp_count_listener(udp, listener, 0, 0, dropped);
}

ATTR_HOT void udp_flush(struct udp *udp)
{
    uint32_t unsent = udp->n_out;
    for (uint32_t i = 0; unsent; i++) {
        if (udp->answers.listener[i])
            flush_listener(udp, udp->answers.listener[i], &unsent);
    }
    udp->n_out = 0;
}

/** One datagram. */
static void read_one(struct udp *udp, struct udp_flow *flow, struct udp_listener *listener)
{
    uint32_t i = udp->n_out;
    void *buffer = udp->answers.in_iov[i].iov_base;
    ssize_t n = recv(flow->fd, buffer, UDP_MESSAGE_MAX, MSG_DONTWAIT);
    if (UNLIKELY(n < 0)) {
        if (udp_is_refusal(errno))
            udp_flow_refused(udp, flow);
        return;
    }
    put_answer(udp, flow, listener, i, (uint32_t)n, 0);
    udp->n_out++;
}

/** As many messages as there is room for, each of which may be a burst. */
static void read_many(struct udp *udp, struct udp_flow *flow, struct udp_listener *listener)
{
    struct udp_lane *lane = &udp->answers;
    uint32_t first = udp->n_out, room = UDP_BATCH - first;
    for (uint32_t i = first; i < UDP_BATCH; i++) {
        lane->in[i].msg_hdr.msg_control = &lane->in_control[i];
        lane->in[i].msg_hdr.msg_controllen = sizeof lane->in_control[i];
    }
    int n = recvmmsg(flow->fd, lane->in + first, room < UDP_TURN_MAX ? room : UDP_TURN_MAX,
                     MSG_DONTWAIT, NULL);
    if (n < 0 && udp_is_refusal(errno))
        udp_flow_refused(udp, flow);
    for (int i = 0; i < n; i++, udp->n_out++) {
        struct mmsghdr *in = &lane->in[udp->n_out];
        put_answer(udp, flow, listener, udp->n_out, in->msg_len, udp_segment_got(in));
    }
}

/** Whether it is read in batches from now on. */
static bool is_bulk(const struct udp *udp, struct udp_flow *flow)
{
    uint32_t turn = (uint32_t)udp->worker->turn;
    int on = 1;
    if (flow->bulk)
        return true;
    flow->n_turns = flow->turn + 1 == turn ? (uint8_t)(flow->n_turns + 1) : 0;
    flow->turn = turn;
    if (flow->n_turns < BULK_TURNS)
        return false;
    if (udp->bursts)
        setsockopt(flow->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    flow->bulk = true;
    return true;
}

ATTR_HOT void udp_flow_ready(struct worker *worker, struct worker_source *source, uint32_t events)
{
    struct udp *udp = worker->udp;
    struct udp_flow *flow = (struct udp_flow *)source;
    (void)events;
    if (UNLIKELY(!flow->peer))
        return; /* ended in this turn */
    struct udp_listener *listener = udp->listeners[flow->key.listener];
    if (is_bulk(udp, flow))
        read_many(udp, flow, listener);
    else
        read_one(udp, flow, listener);
    if (udp->n_out == UDP_BATCH)
        udp_flush(udp);
    else
        worker_defer(worker, &udp->flush);
}
