/* SPDX-License-Identifier: Apache-2.0
 * The UDP loop: recvmmsg, answer_batch, sendmmsg.
 *
 * The thread blocks in recvmmsg on the one socket that it owns: measured against poll + recvmmsg,
 * that saves a system call a batch (2 %), and against recvmsg, batches of 32 save 15 %. Message i
 * of a batch uses slot i of every array for good, so that receiving and sending share names and
 * control data, and almost nothing is written per packet besides the packet. */
#include "io/udp.h"

#include "base/clock.h"
#include "base/count.h"
#include "io/counters.h"
#include "io/dispatch.h"
#include "io/socket.h"
#include "io/stall.h"
#include "io/thread.h"
#include "snapshot/publish.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* Strides are an odd number of cache lines, so that the first lines of the 32 slots, the only ones
 * that most packets touch, fall into different sets of the first-level cache. A longer query is cut
 * off here and gets FORMERR. */
#define UDP_QUERY_MAX (23 * 64)
#define UDP_RESPONSE_STRIDE (21 * 64)
static_assert(UDP_RESPONSE_STRIDE >= ANSWER_UDP_MAX, "a response fits its slot");

/* Batches answered at most after a stop was asked for: what can be queued in the receive buffer. */
#define UDP_DRAIN_BATCHES 1024

union udp_peer {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

union udp_control {
    struct cmsghdr align;
    uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp_batch {
    struct mmsghdr in[ANSWER_BATCH], out[ANSWER_BATCH];
    struct iovec in_iov[ANSWER_BATCH], out_iov[ANSWER_BATCH];
    union udp_peer peer[ANSWER_BATCH];
    union udp_control control[ANSWER_BATCH];
    struct answer_packet packet[ANSWER_BATCH];
    ATTR_CACHELINE uint8_t query[ANSWER_BATCH][UDP_QUERY_MAX];
    ATTR_CACHELINE uint8_t response[ANSWER_BATCH][UDP_RESPONSE_STRIDE];
};

struct udp_server {
    atomic_bool stop;
    int fd;
    bool v6, wildcard, started;
    pthread_t thread;
    struct stall stall; /* the control thread's */
    /* The thread's own, as all below; `answer` in these is not used. */
    ATTR_CACHELINE struct io_stats stats;
    struct answer_ctx answer;
    struct udp_batch batch;
};

/** Wires the slots of the batch together. */
static void batch_init(struct udp_server *s)
{
    struct udp_batch *b = &s->batch;
    for (unsigned i = 0; i < ANSWER_BATCH; i++) {
        b->in_iov[i] = (struct iovec){b->query[i], UDP_QUERY_MAX};
        b->out_iov[i] = (struct iovec){b->response[i], 0};
        b->in[i].msg_hdr = (struct msghdr){
            .msg_name = &b->peer[i],
            .msg_namelen = s->v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
            .msg_iov = &b->in_iov[i],
            .msg_iovlen = 1,
        };
        if (s->wildcard) {
            b->in[i].msg_hdr.msg_control = &b->control[i];
            b->in[i].msg_hdr.msg_controllen = sizeof b->control[i];
        }
        b->out[i].msg_hdr = b->in[i].msg_hdr;
        b->out[i].msg_hdr.msg_iov = &b->out_iov[i];
        b->packet[i] = (struct answer_packet){
            .query = b->query[i],
            .response = b->response[i],
            .response_max = ANSWER_UDP_MAX,
            .source.family = s->v6 ? IP_V6 : IP_V4,
        };
    }
}

/** Turns "it was sent to this address of ours" into "send it from there". The interface is left to
 *  routing, except for link-local addresses, which mean nothing without theirs. */
static void reply_from(struct msghdr *h)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    if (!c)
        return;
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        ((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_ifindex = 0;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo *info = (void *)CMSG_DATA(c);
        if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
            info->ipi6_ifindex = 0;
    }
}

/** Fills the packets of the batch from messages first..end-1. */
static void prepare(struct udp_server *s, unsigned first, unsigned end)
{
    struct udp_batch *b = &s->batch;
    for (unsigned i = first; i < end; i++) {
        struct msghdr *h = &b->in[i].msg_hdr;
        b->packet[i].query_len = b->in[i].msg_len;
        if (s->v6)
            memcpy(b->packet[i].source.b, &b->peer[i].v6.sin6_addr, 16);
        else
            memcpy(b->packet[i].source.b, &b->peer[i].v4.sin_addr, 4);
        h->msg_namelen = b->out[i].msg_hdr.msg_namelen;
        if (s->wildcard) {
            reply_from(h);
            b->out[i].msg_hdr.msg_controllen = h->msg_controllen;
            h->msg_controllen = sizeof b->control[i];
        }
    }
}

/** Sends messages first..end-1. One that cannot be sent (no route, a filter's EPERM, no buffers) is
 *  counted and passed over: its client asks again. */
static void send_run(struct udp_server *s, unsigned first, unsigned end)
{
    while (first < end) {
        int n = sendmmsg(s->fd, &s->batch.out[first], end - first, 0);
        if (n > 0) {
            first += (unsigned)n;
            count_add(&s->stats.udp_sent, (unsigned)n);
        } else if (n == 0 || errno != EINTR) {
            first++;
            count_add(&s->stats.udp_send_errors, 1);
        }
    }
}

/** Sends what has an answer, in runs between the packets that have none. */
static void send_answers(struct udp_server *s, unsigned first, unsigned n)
{
    struct udp_batch *b = &s->batch;
    for (unsigned i = first; i < n; i++) {
        b->out_iov[i].iov_len = b->packet[i].response_len;
        if (UNLIKELY(b->packet[i].response_len == 0)) {
            send_run(s, first, i);
            first = i + 1;
        }
    }
    send_run(s, first, n);
}

/** shutdown() ends a wait in recvmmsg as if an empty datagram had come, from nobody; real ones may
 *  follow it. Returns the slot of the first real one. */
static unsigned skip_end(struct udp_server *s)
{
    struct msghdr *h = &s->batch.in[0].msg_hdr;
    if (LIKELY(h->msg_namelen != 0))
        return 0;
    h->msg_namelen = s->batch.out[0].msg_hdr.msg_namelen;
    if (s->wildcard)
        h->msg_controllen = sizeof s->batch.control[0];
    return 1;
}

/** Answers n received messages, and lets go of the snapshot. */
static void serve(struct udp_server *s, unsigned n)
{
    unsigned first = skip_end(s);
    prepare(s, first, n);
    count_add(&s->stats.udp_received, n - first);
    answer_set_time(&s->answer, clock_wall_ms());
    answer_batch(&s->answer, publish_current(), s->batch.packet + first, n - first);
    send_answers(s, first, n);
    publish_quiesce();
}

/** Nothing came for a while: waits outside RCU, so that no grace period waits for us. */
static void idle(struct udp_server *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    publish_offline();
    poll(&p, 1, -1);
    publish_online();
}

static void *udp_run(void *arg)
{
    struct udp_server *s = arg;
    publish_thread_register();
    rng_init(&s->answer.rng);
    s->answer.limit.draw = rng_next(&s->answer.rng);
    while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        int n = recvmmsg(s->fd, s->batch.in, ANSWER_BATCH, MSG_WAITFORONE, NULL);
        if (n > 0)
            serve(s, (unsigned)n);
        else if (errno != EINTR)
            idle(s);
    }
    for (unsigned i = 0; i < UDP_DRAIN_BATCHES; i++) {
        int n = recvmmsg(s->fd, s->batch.in, ANSWER_BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0)
            break;
        serve(s, (unsigned)n);
    }
    publish_thread_unregister();
    return NULL;
}

int udp_open(struct udp_server **server, const struct ip *addr, uint16_t port)
{
    int fd;
    if (socket_open_udp(&fd, addr, port) != 0)
        return E_SYSTEM;
    struct udp_server *s = aligned_alloc(64, sizeof *s);
    if (!s) {
        close(fd);
        errno = ENOMEM;
        return E_SYSTEM;
    }
    memset(s, 0, sizeof *s);
    s->fd = fd;
    s->v6 = addr->family == IP_V6;
    s->wildcard = socket_is_wildcard(addr);
    batch_init(s);
    *server = s;
    return 0;
}

int udp_dispatch(const struct udp_server *s, enum dispatch dispatch, const int *cpu,
                 unsigned n_workers)
{
    return dispatch_apply(s->fd, dispatch, cpu, n_workers);
}

int udp_start(struct udp_server *s, struct limiter *limiter, unsigned worker, int cpu)
{
    s->answer.limit.limiter = limiter;
    if (thread_start(&s->thread, udp_run, s, "udp", worker, cpu) != 0)
        return E_SYSTEM;
    s->started = true;
    return 0;
}

void udp_request_stop(struct udp_server *s)
{
    atomic_store_explicit(&s->stop, true, memory_order_relaxed);
    /* Fails with ENOTCONN, and wakes a thread that blocks in recvmmsg or poll all the same. */
    shutdown(s->fd, SHUT_RD);
}

bool udp_stalled(struct udp_server *s, int64_t now_ms)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN}; /* FIONREAD is 0 for an empty datagram */
    bool queued = s->started && poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
    return stall_look(&s->stall, count_read(&s->stats.udp_received), queued, now_ms);
}

void udp_stats(const struct udp_server *s, struct io_stats *sum)
{
    COUNTERS_ADD(sum, &s->stats);
    COUNTERS_ADD(&sum->answer, &s->answer.stats);
    sum->udp_kernel_drops += socket_drops(s->fd);
}

void udp_close(struct udp_server *s, struct io_stats *sum)
{
    if (!s)
        return;
    if (s->started) {
        udp_request_stop(s);
        pthread_join(s->thread, NULL);
    }
    udp_stats(s, sum);
    close(s->fd);
    free(s);
}
