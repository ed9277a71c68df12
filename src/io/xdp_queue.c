/* SPDX-License-Identifier: Apache-2.0
 * The AF_XDP loop (kernel Documentation/networking/af_xdp.rst): descriptors in, answer_batch(),
 * descriptors out.
 *
 * Memory is cut into slots of a page. A query arrives in the first half of a slot, its answer is
 * made in the second half of the same and sent from there: nothing is copied, and whoever has the
 * slot has both. A slot is in one place at a time:
 *
 *     fill ring ─▶ kernel ─▶ rx ring ─▶ here ─▶ tx ring ─▶ kernel ─▶ completion ring ─▶ fill ring
 *                                         └────────── no answer ──────────────────────────▲
 *
 *     slot   | headroom 256 | query ...        | headers | answer ...                |
 *            0                               2048      + 128, and up to 7 lines      4096
 */
#include "io/xdp_queue.h"

#include "base/clock.h"
#include "base/count.h"
#include "io/counters.h"
#include "io/ethernet.h"
#include "io/stall.h"
#include "io/thread.h"
#include "io/xdp_filter.h"
#include "snapshot/publish.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xdp/xsk.h>

#define SLOT 4096
#define SLOT_HEADROOM 256 /* the kernel's: XDP_PACKET_HEADROOM */
#define SLOT_ANSWER (2048 + 128)
#define SLOTS 2048 /* all of them in the fill ring: what may arrive while the thread is away */
#define RING 2048
static_assert(SLOTS <= RING, "a slot always finds a place, in whichever ring it goes to");
static_assert(SLOT_HEADROOM + XDP_FILTER_FRAME_MAX <= 2048, "a query does not reach the answer");
static_assert(SLOT_ANSWER - 2048 >= ETHERNET_HEADERS_MAX, "headers fit before the answer");

/* Answers begin at different lines in the pages of different slots, lest all of them fall into the
 * same sets of the caches. */
#define SLOT_SKEWS 8
static_assert(SLOT_ANSWER + (SLOT_SKEWS - 1) * 64 + ANSWER_UDP_MAX <= SLOT, "an answer fits");

/* Batches answered at most after a stop was asked for: what can be in the ring. */
#define DRAIN_BATCHES (RING / ANSWER_BATCH)

struct xdp_queue {
    atomic_bool stop;
    int wake_fd; /* an eventfd that interrupts the wait */
    bool started;
    pthread_t thread;
    struct xsk_socket *socket;
    struct xsk_umem *umem;
    uint8_t *slots; /* SLOTS * SLOT bytes */
    struct xsk_ring_prod fill, tx;
    struct xsk_ring_cons rx, completed;
    struct stall stall; /* the control thread's */
    /* The thread's own, as all below; `answer` in these is not used. */
    ATTR_CACHELINE struct io_stats stats;
    uint32_t in_flight; /* slots between tx and completion */
    struct answer_ctx answer;
    struct answer_packet packet[ANSWER_BATCH];
    struct ethernet_query frame[ANSWER_BATCH];
    uint64_t at[ANSWER_BATCH]; /* of the query frame of packet[i] */
    struct xdp_desc arrived[ANSWER_BATCH];
};

/* Slots. */

static inline uint8_t *answer_place(const struct xdp_queue *q, uint64_t at)
{
    uint64_t slot = at / SLOT;
    return q->slots + slot * SLOT + SLOT_ANSWER + slot % SLOT_SKEWS * 64;
}

/** Puts a slot into the fill ring. xsk_ring_prod__submit() publishes it. */
static inline void give_back(struct xdp_queue *q, uint64_t at)
{
    uint32_t i = 0;
    xsk_ring_prod__reserve(&q->fill, 1, &i);
    *xsk_ring_prod__fill_addr(&q->fill, i) = at & ~(uint64_t)(SLOT - 1);
}

/** Gives slots whose answers have left back to the kernel. */
static void reclaim(struct xdp_queue *q)
{
    uint32_t i = 0, n = xsk_ring_cons__peek(&q->completed, RING, &i);
    if (n == 0)
        return;
    for (uint32_t k = 0; k < n; k++)
        give_back(q, *xsk_ring_cons__comp_addr(&q->completed, i + k));
    xsk_ring_cons__release(&q->completed, n);
    xsk_ring_prod__submit(&q->fill, n);
    q->in_flight -= n;
}

/* A batch. */

/** Takes descriptors off the ring, their frames being on the way from memory. */
static unsigned take(struct xdp_queue *q)
{
    uint32_t i = 0, n = xsk_ring_cons__peek(&q->rx, ANSWER_BATCH, &i);
    for (uint32_t k = 0; k < n; k++) {
        q->arrived[k] = *xsk_ring_cons__rx_desc(&q->rx, i + k);
        const uint8_t *query = q->slots + q->arrived[k].addr;
        const uint8_t *answer = answer_place(q, q->arrived[k].addr);
        __builtin_prefetch(query);
        __builtin_prefetch(query + 64);
        __builtin_prefetch(answer - 64, 1);
        __builtin_prefetch(answer, 1);
    }
    if (n > 0)
        xsk_ring_cons__release(&q->rx, n);
    return n;
}

/** Makes packets of the frames that hold queries; returns how many. */
static unsigned prepare(struct xdp_queue *q, unsigned n)
{
    unsigned n_packets = 0;
    for (unsigned k = 0; k < n; k++) {
        uint64_t at = q->arrived[k].addr;
        const uint8_t *bytes = q->slots + at;
        struct ethernet_query *f = &q->frame[n_packets];
        if (UNLIKELY(!ethernet_parse(f, bytes, q->arrived[k].len))) {
            count_add(&q->stats.xdp_invalid, 1);
            give_back(q, at);
            continue;
        }
        struct answer_packet *p = &q->packet[n_packets];
        p->query = bytes + f->message_at;
        p->query_len = f->message_len;
        p->source = f->source;
        p->response = answer_place(q, at);
        q->at[n_packets++] = at;
    }
    return n_packets;
}

/** Queues what has an answer, from place `tx` of the ring on. Returns how many. */
static unsigned queue_answers(struct xdp_queue *q, unsigned n, uint32_t tx)
{
    unsigned sent = 0;
    for (unsigned k = 0; k < n; k++) {
        const struct answer_packet *p = &q->packet[k];
        if (UNLIKELY(p->response_len == 0)) {
            give_back(q, q->at[k]);
            continue;
        }
        struct xdp_desc *d = xsk_ring_prod__tx_desc(&q->tx, tx + sent++);
        d->len = ethernet_reply(&q->frame[k], q->slots + q->at[k], p->response, p->response_len);
        d->addr = (uint64_t)(p->response - q->frame[k].message_at - q->slots);
        d->options = 0;
    }
    return sent;
}

static void kick(const struct xdp_queue *q)
{
    /* EAGAIN, EBUSY, ENOBUFS: what could not leave now leaves with the next. */
    if (xsk_ring_prod__needs_wakeup(&q->tx))
        (void)!sendto(xsk_socket__fd(q->socket), NULL, 0, MSG_DONTWAIT, NULL, 0);
}

/** Answers n frames, and lets go of the snapshot. */
static void serve(struct xdp_queue *q, unsigned n)
{
    unsigned n_packets = prepare(q, n);
    uint32_t tx = 0;
    answer_set_time(&q->answer, clock_wall_ms());
    answer_batch(&q->answer, publish_current(), q->packet, n_packets);
    xsk_ring_prod__reserve(&q->tx, n_packets, &tx);
    unsigned sent = queue_answers(q, n_packets, tx);
    q->tx.cached_prod -= n_packets - sent; /* reserved, and not used */
    xsk_ring_prod__submit(&q->tx, sent);
    xsk_ring_prod__submit(&q->fill, n - sent);
    q->in_flight += sent;
    count_add(&q->stats.xdp_received, n);
    count_add(&q->stats.xdp_sent, sent);
    if (LIKELY(sent > 0))
        kick(q);
    publish_quiesce();
    reclaim(q);
}

/** Waits for frames outside RCU, so that no grace period waits for us. False: the socket is dead,
 *  as its interface is gone. */
static bool wait_for_frames(struct xdp_queue *q)
{
    struct pollfd p[2] = {{.fd = xsk_socket__fd(q->socket), .events = POLLIN},
                          {.fd = q->wake_fd, .events = POLLIN}};
    if (q->in_flight > 0) {
        kick(q);
        reclaim(q);
    }
    publish_offline();
    poll(p, 2, -1);
    publish_online();
    return !(p[0].revents & (POLLERR | POLLHUP | POLLNVAL));
}

static void *xdp_run(void *arg)
{
    struct xdp_queue *q = arg;
    publish_thread_register();
    rng_init(&q->answer.rng);
    q->answer.limit.draw = rng_next(&q->answer.rng);
    bool alive = true;
    while (alive && !atomic_load_explicit(&q->stop, memory_order_relaxed)) {
        unsigned n = take(q);
        if (n > 0)
            serve(q, n);
        else
            alive = wait_for_frames(q);
    }
    for (unsigned i = 0; i < DRAIN_BATCHES; i++) {
        unsigned n = take(q);
        if (n == 0)
            break;
        serve(q, n);
    }
    publish_thread_unregister();
    return NULL;
}

/* Opening and closing. */

static int map_slots(struct xdp_queue *q)
{
    size_t n = (size_t)SLOTS * SLOT;
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return E_SYSTEM;
    madvise(p, n, MADV_HUGEPAGE); /* a wish: fewer misses of the translation cache */
    q->slots = p;
    return 0;
}

static int open_rings(struct xdp_queue *q, const char *interface, uint32_t number, bool zero_copy)
{
    const struct xsk_umem_config umem = {
        .fill_size = RING, .comp_size = RING, .frame_size = SLOT, .frame_headroom = 0};
    const struct xsk_socket_config socket = {
        .rx_size = RING,
        .tx_size = RING,
        .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
        .bind_flags = (uint16_t)(XDP_USE_NEED_WAKEUP | (zero_copy ? XDP_ZEROCOPY : XDP_COPY)),
    };
    int code = xsk_umem__create(&q->umem, q->slots, (uint64_t)SLOTS * SLOT, &q->fill, &q->completed,
                                &umem);
    if (code == 0)
        code = xsk_socket__create(&q->socket, interface, number, q->umem, &q->rx, &q->tx, &socket);
    if (code == 0)
        return 0;
    errno = -code;
    return E_SYSTEM;
}

static void init_batch(struct xdp_queue *q)
{
    for (unsigned i = 0; i < ANSWER_BATCH; i++)
        q->packet[i] = (struct answer_packet){.response_max = ANSWER_UDP_MAX};
    for (uint64_t i = 0; i < SLOTS; i++)
        give_back(q, i * SLOT);
    xsk_ring_prod__submit(&q->fill, SLOTS);
}

int xdp_queue_open(struct xdp_queue **queue, const char *interface, uint32_t number, bool zero_copy)
{
    struct xdp_queue *q = aligned_alloc(64, (sizeof *q + 63) / 64 * 64);
    if (!q) {
        errno = ENOMEM;
        return E_SYSTEM;
    }
    memset(q, 0, sizeof *q);
    q->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->wake_fd < 0 || map_slots(q) != 0 || open_rings(q, interface, number, zero_copy) != 0) {
        int error = errno;
        struct io_stats none = {0};
        xdp_queue_close(q, &none);
        errno = error;
        return E_SYSTEM;
    }
    init_batch(q);
    *queue = q;
    return 0;
}

int xdp_queue_fd(const struct xdp_queue *q)
{
    return xsk_socket__fd(q->socket);
}

int xdp_queue_start(struct xdp_queue *q, struct limiter *limiter, unsigned number, int cpu)
{
    q->answer.limit.limiter = limiter;
    if (thread_start(&q->thread, xdp_run, q, "xdp", number, cpu) != 0)
        return E_SYSTEM;
    q->started = true;
    return 0;
}

void xdp_queue_request_stop(struct xdp_queue *q)
{
    const uint64_t one = 1;
    atomic_store_explicit(&q->stop, true, memory_order_relaxed);
    (void)!write(q->wake_fd, &one, sizeof one);
}

/** Both ends of the ring lie in memory that the kernel shares. */
bool xdp_queue_stalled(struct xdp_queue *q, int64_t now_ms)
{
    uint32_t producer = __atomic_load_n(q->rx.producer, __ATOMIC_RELAXED);
    uint32_t consumer = __atomic_load_n(q->rx.consumer, __ATOMIC_RELAXED);
    return stall_look(&q->stall, count_read(&q->stats.xdp_received),
                      q->started && producer != consumer, now_ms);
}

void xdp_queue_stats(const struct xdp_queue *q, struct io_stats *sum)
{
    COUNTERS_ADD(sum, &q->stats);
    COUNTERS_ADD(&sum->answer, &q->answer.stats);
    struct xdp_statistics s;
    socklen_t n = sizeof s;
    if (getsockopt(xsk_socket__fd(q->socket), SOL_XDP, XDP_STATISTICS, &s, &n) == 0)
        sum->xdp_kernel_drops += s.rx_dropped + s.rx_ring_full;
}

void xdp_queue_close(struct xdp_queue *q, struct io_stats *sum)
{
    if (!q)
        return;
    if (q->started) {
        xdp_queue_request_stop(q);
        pthread_join(q->thread, NULL);
    }
    if (q->socket) {
        xdp_queue_stats(q, sum);
        xsk_socket__delete(q->socket);
    }
    if (q->umem)
        xsk_umem__delete(q->umem);
    if (q->slots)
        munmap(q->slots, (size_t)SLOTS * SLOT);
    if (q->wake_fd >= 0)
        close(q->wake_fd);
    free(q);
}
