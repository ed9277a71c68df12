/* SPDX-License-Identifier: Apache-2.0
 * What both ways of a datagram need: batches, segments, counters.
 *
 * A message that the kernel gave as a burst of equal datagrams (UDP_GRO) goes out as one burst
 * (UDP_SEGMENT). Where the kernel or the way out does not take that (no such option, segments above
 * the MTU, a device without checksums), its datagrams go out one by one. */
#include "l4/udp.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* An odd number of cache lines apart, so that the beginnings of the buffers, which is all that
 * small datagrams touch, fall into different sets of the caches. */
#define STRIDE (UDP_MESSAGE_MAX + 64)

void udp_lane_init(struct udp_lane *lane)
{
    lane->buffers = xmalloc((size_t)UDP_BATCH * STRIDE);
    lane->n_stale = UDP_BATCH;
    for (uint32_t i = 0; i < UDP_BATCH; i++) {
        uint8_t *buffer = lane->buffers + (size_t)i * STRIDE;
        lane->in_iov[i] = (struct iovec){buffer, UDP_MESSAGE_MAX};
        lane->out_iov[i] = (struct iovec){buffer, 0};
        lane->in[i].msg_hdr = (struct msghdr){.msg_iov = &lane->in_iov[i], .msg_iovlen = 1};
        lane->out[i].msg_hdr = (struct msghdr){.msg_iov = &lane->out_iov[i], .msg_iovlen = 1};
    }
}

void udp_lane_free(struct udp_lane *lane)
{
    free(lane->buffers);
}

void udp_look(struct udp *udp)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int off = 0, on = 1;
    udp->bursts = setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &off, sizeof off) == 0 &&
                  setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0;
    if (fd >= 0)
        close(fd);
}

void udp_segment_put(struct udp_lane *lane, uint32_t i, uint16_t segment)
{
    struct msghdr *h = &lane->out[i].msg_hdr;
    h->msg_control = NULL;
    h->msg_controllen = 0;
    if (!segment)
        return;
    struct cmsghdr *c = &lane->out_control[i].align;
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(c), &segment, sizeof segment);
    h->msg_control = c;
    h->msg_controllen = CMSG_SPACE(sizeof segment);
}

ATTR_HOT uint16_t udp_segment_got(struct mmsghdr *in)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&in->msg_hdr); c; c = CMSG_NXTHDR(&in->msg_hdr, c)) {
        int size;
        if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
            continue;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        return size > 0 && (uint32_t)size < in->msg_len ? (uint16_t)size : 0;
    }
    return 0;
}

/** The segment size of a message that goes out, 0: it is one datagram. It is the first of the
 *  control data. */
static uint16_t segment_of(const struct msghdr *h)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(h);
    uint16_t segment = 0;
    if (c && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT)
        memcpy(&segment, CMSG_DATA(c), sizeof segment);
    return segment;
}

bool udp_is_refusal(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == ENOPROTOOPT || error == EACCES;
}

uint32_t udp_datagrams(size_t n, uint16_t segment)
{
    return segment ? (uint32_t)((n + segment - 1) / segment) : 1;
}

static uint32_t count_datagrams(const struct msghdr *h)
{
    return udp_datagrams(h->msg_iov->iov_len, segment_of(h));
}

uint32_t udp_count_datagrams(const struct mmsghdr *out, uint32_t n)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += count_datagrams(&out[i].msg_hdr);
    return sum;
}

/** The datagrams of a burst, one by one. false: refused; the message is then what is left. */
static bool send_pieces(int fd, struct msghdr *h, uint32_t *dropped)
{
    uint8_t *p = h->msg_iov->iov_base;
    size_t left = h->msg_iov->iov_len, segment = segment_of(h);
    size_t skip = CMSG_SPACE(sizeof(uint16_t));
    struct msghdr piece = *h;
    struct iovec iov;
    piece.msg_iov = &iov;
    piece.msg_control = (uint8_t *)h->msg_control + skip;
    piece.msg_controllen = h->msg_controllen - skip;
    for (; left; p += iov.iov_len, left -= iov.iov_len) {
        iov = (struct iovec){p, left < segment ? left : segment};
        if (sendmsg(fd, &piece, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            continue;
        if (udp_is_refusal(errno)) {
            *h->msg_iov = (struct iovec){p, left};
            return false;
        }
        ++*dropped;
    }
    return true;
}

static bool is_for_want_of_segments(int error)
{
    return error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP;
}

/** Message *h could not be sent at the first try. false: refused. What ICMP says of the way is told
 *  in place of sending the next message, which then goes in fragments. */
static bool send_otherwise(int fd, struct msghdr *h, int error, uint32_t *dropped)
{
    if (udp_is_refusal(error))
        return false;
    if (segment_of(h) && is_for_want_of_segments(error))
        return send_pieces(fd, h, dropped);
    if (error == EMSGSIZE && sendmsg(fd, h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true; /* it was of one before: a link on the way is narrower (ICMP) */
    *dropped += count_datagrams(h);
    return true;
}

/** As sendmmsg(), which takes 4 to 6 % of such a datagram's CPU time more. */
static int send_messages(int fd, struct mmsghdr *out, uint32_t n)
{
    const struct msghdr *h = &out->msg_hdr;
    if (n > 1 || h->msg_controllen || h->msg_name)
        return sendmmsg(fd, out, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    ssize_t sent = send(fd, h->msg_iov->iov_base, h->msg_iov->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -1 : 1;
}

ATTR_HOT uint32_t udp_send(int fd, struct mmsghdr *out, uint32_t n, uint32_t *dropped)
{
    uint32_t done = 0;
    while (done < n) {
        int sent = send_messages(fd, out + done, n - done), error = errno;
        if (LIKELY(sent > 0)) {
            done += (uint32_t)sent;
            continue;
        }
        if (!send_otherwise(fd, &out[done].msg_hdr, error, dropped))
            return done;
        for (done++; error == EAGAIN && done < n;
             done++) /* the buffer is full for the others, too */
            *dropped += count_datagrams(&out[done].msg_hdr);
    }
    return done;
}

void udp_count_listener(struct udp *udp, struct udp_listener *listener, uint64_t in, uint64_t out,
                        uint64_t dropped)
{
    listener->bytes.in += in;
    listener->bytes.out += out;
    listener->bytes.dropped += dropped;
    if (listener->dirty)
        return;
    listener->dirty = true;
    listener->next_dirty = udp->dirty_listeners;
    udp->dirty_listeners = listener;
    if (!wheel_started(&udp->publish.entry))
        worker_after(udp->worker, &udp->publish, UDP_PUBLISH_MS);
}

void udp_count_peer(struct udp *udp, struct udp_peer *peer, uint64_t in, uint64_t out)
{
    peer->bytes.in += in;
    peer->bytes.out += out;
    if (peer->dirty)
        return;
    peer->dirty = true;
    peer->next_dirty = udp->dirty_peers;
    udp->dirty_peers = peer;
    if (!wheel_started(&udp->publish.entry))
        worker_after(udp->worker, &udp->publish, UDP_PUBLISH_MS);
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
    if (n)
        atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

void udp_publish(struct udp *udp)
{
    for (struct udp_peer *p = udp->dirty_peers; p; p = p->next_dirty) {
        add(&p->member->bytes_in, p->bytes.in);
        add(&p->member->bytes_out, p->bytes.out);
        p->bytes = (struct udp_bytes){0};
        p->dirty = false;
    }
    for (struct udp_listener *l = udp->dirty_listeners; l; l = l->next_dirty) {
        add(&l->run->bytes_in, l->bytes.in);
        add(&l->run->bytes_out, l->bytes.out);
        add(&l->run->dropped, l->bytes.dropped);
        l->bytes = (struct udp_bytes){0};
        l->dirty = false;
    }
    udp->dirty_peers = NULL;
    udp->dirty_listeners = NULL;
}
