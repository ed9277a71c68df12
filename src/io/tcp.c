/* SPDX-License-Identifier: Apache-2.0
 * The TCP thread: its loop, and the orders it takes. */
#include "io/tcp_server.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/give_way.h"
#include "io/counters.h"
#include "io/thread.h"
#include "snapshot/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define TCP_EVENTS 64
#define TCP_DRAIN_MS 1000 /* for answers under way at the end */

struct tcp_order {
    enum { TCP_LISTEN, TCP_UNLISTEN, TCP_LIMITS, TCP_SYNC, TCP_STOP } kind;
    int fd;
    struct tcp_limits limits;
};

static void listener_add(struct tcp_server *s, int fd)
{
    struct tcp_source *source = xmalloc(sizeof *source);
    *source = (struct tcp_source){TCP_LISTENER, fd};
    *vec_push(&s->listeners) = source;
    tcp_watch(s, EPOLL_CTL_ADD, source, s->accept_again_ms ? 0 : EPOLLIN);
}

static void listener_remove(struct tcp_server *s, int fd)
{
    for (size_t i = 0; i < s->listeners.n; i++)
        if (s->listeners.v[i]->fd == fd) {
            tcp_accept_rest(s, s->listeners.v[i]);
            /* Freed at the end, as events at hand may point to it: a process drops few addresses.
             */
            close(fd);
            s->listeners.v[i]->fd = -1;
        }
}

/** Takes in what the kernel has accepted; what has arrived is answered in the rounds that follow.
 */
static void begin_stop(struct tcp_server *s)
{
    s->drain_until_ms = s->now_ms + TCP_DRAIN_MS;
    for (size_t i = 0; i < s->listeners.n; i++)
        if (s->listeners.v[i]->fd >= 0)
            listener_remove(s, s->listeners.v[i]->fd);
    tcp_lists_stop(&s->lists, s->now_ms);
}

static void take_orders(struct tcp_server *s)
{
    struct tcp_order order;
    while (read(s->orders[0], &order, sizeof order) == sizeof order) {
        switch (order.kind) {
        case TCP_LISTEN:
            listener_add(s, order.fd);
            break;
        case TCP_UNLISTEN:
            listener_remove(s, order.fd);
            break;
        case TCP_LIMITS:
            s->limits = order.limits;
            tcp_make_room(s);
            break;
        case TCP_SYNC:
            sem_post(&s->synced);
            break;
        case TCP_STOP:
            begin_stop(s);
            break;
        }
    }
}

static void give_order(struct tcp_server *s, struct tcp_order order)
{
    /* Whole or not at all, as it is shorter than PIPE_BUF; the write end blocks. */
    while (write(s->orders[1], &order, sizeof order) < 0 && errno == EINTR)
        ;
}

void tcp_listen(struct tcp_server *s, int fd)
{
    give_order(s, (struct tcp_order){.kind = TCP_LISTEN, .fd = fd});
}

void tcp_unlisten(struct tcp_server *s, int fd)
{
    give_order(s, (struct tcp_order){.kind = TCP_UNLISTEN, .fd = fd});
}

void tcp_set_limits(struct tcp_server *s, struct tcp_limits limits)
{
    give_order(s, (struct tcp_order){.kind = TCP_LIMITS, .limits = limits});
}

void tcp_sync(struct tcp_server *s)
{
    give_order(s, (struct tcp_order){.kind = TCP_SYNC});
    while (sem_wait(&s->synced) != 0 && errno == EINTR)
        ;
}

void tcp_request_stop(struct tcp_server *s)
{
    give_order(s, (struct tcp_order){.kind = TCP_STOP});
}

/* The thread. */

static void earlier(int64_t *next_ms, int64_t at_ms)
{
    if (*next_ms < 0 || at_ms < *next_ms)
        *next_ms = at_ms;
}

/** Milliseconds until something is due; -1: nothing is. */
static int wait_ms(const struct tcp_server *s)
{
    int64_t next = -1;
    const struct tcp_conn *oldest = tcp_lists_oldest(&s->lists);
    if (s->drain_until_ms && tcp_lists_unbegun(&s->lists)) /* unless there is something to read */
        return 0;
    if (oldest)
        earlier(&next, oldest->since_ms + tcp_timeout_ms(s));
    if (s->accept_again_ms)
        earlier(&next, s->accept_again_ms);
    if (s->drain_until_ms)
        earlier(&next, s->drain_until_ms);
    if (next < 0)
        return -1;
    int64_t wait = next - clock_mono_ms();
    return wait < 0 ? 0 : wait > 60000 ? 60000 : (int)wait;
}

/** Connections first: a query that has arrived is answered before those who come may push out the
 *  connection it came by. */
static void handle(struct tcp_server *s, const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct tcp_source *source = events[i].data.ptr;
        if (source->kind == TCP_CONN)
            tcp_conn_event(s, (void *)source, events[i].events); /* its first member */
    }
    for (int i = 0; i < n; i++) {
        const struct tcp_source *source = events[i].data.ptr;
        if (source->kind == TCP_LISTENER && source->fd >= 0)
            tcp_accept_some(s, source);
        else if (source->kind == TCP_ORDERS)
            take_orders(s);
    }
}

static void after_events(struct tcp_server *s)
{
    if (s->accept_again_ms && s->now_ms >= s->accept_again_ms) {
        s->accept_again_ms = 0;
        tcp_watch_listeners(s, EPOLLIN);
    }
    tcp_close_timed_out(s);
    tcp_free_dead(s);
    count_set(&s->stats.tcp_open, s->n_conns);
}

static void *tcp_run(void *arg)
{
    struct tcp_server *s = arg;
    struct epoll_event events[TCP_EVENTS];
    give_way(); /* to the UDP thread of this core */
    publish_thread_register();
    rng_init(&s->scratch->answer.rng);
    while (!s->drain_until_ms || (s->n_conns > 0 && s->now_ms < s->drain_until_ms)) {
        publish_offline();
        int n = epoll_wait(s->epoll_fd, events, TCP_EVENTS, wait_ms(s));
        publish_online();
        s->now_ms = clock_mono_ms();
        answer_set_time(&s->scratch->answer, clock_wall_ms());
        s->scratch->answer.keepalive_100ms = tcp_keepalive_100ms(s);
        handle(s, events, n);
        while (n == 0 && s->drain_until_ms && tcp_lists_unbegun(&s->lists))
            tcp_conn_close(s, tcp_lists_unbegun(&s->lists));
        after_events(s);
    }
    publish_thread_unregister();
    return NULL;
}

/** Mapped, so that of the slots only the pages that responses touch become resident. */
static struct tcp_scratch *scratch_new(void)
{
    void *p = mmap(NULL, sizeof(struct tcp_scratch), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, sizeof(struct tcp_scratch), MADV_NOHUGEPAGE);
    tcp_scratch_init(p);
    return p;
}

int tcp_open(struct tcp_server **server, struct clients *clients, struct tcp_limits limits)
{
    struct tcp_server *s = aligned_alloc(64, sizeof *s);
    if (!s) {
        errno = ENOMEM;
        return E_SYSTEM;
    }
    memset(s, 0, sizeof *s);
    s->clients = clients;
    s->limits = limits;
    s->now_ms = clock_mono_ms();
    s->orders[0] = s->orders[1] = -1;
    sem_init(&s->synced, 0, 0);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->scratch = scratch_new();
    if (!s->scratch || s->epoll_fd < 0 || pipe2(s->orders, O_CLOEXEC) != 0 ||
        fcntl(s->orders[0], F_SETFL, O_NONBLOCK) != 0)
        goto fail;
    s->order_source = (struct tcp_source){TCP_ORDERS, s->orders[0]};
    if (tcp_watch(s, EPOLL_CTL_ADD, &s->order_source, EPOLLIN) != 0)
        goto fail;
    *server = s;
    return 0;
fail:;
    int error = errno;
    tcp_close(s);
    errno = error;
    return E_SYSTEM;
}

int tcp_start(struct tcp_server *s, unsigned worker, int cpu)
{
    if (thread_start(&s->thread, tcp_run, s, "tcp", worker, cpu) != 0)
        return E_SYSTEM;
    s->started = true;
    return 0;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void tcp_close(struct tcp_server *s)
{
    if (!s)
        return;
    if (s->started) {
        tcp_request_stop(s);
        pthread_join(s->thread, NULL);
    } else {
        take_orders(s); /* sockets given to a thread that never ran */
    }
    for (struct tcp_conn *c; (c = tcp_lists_oldest(&s->lists));)
        tcp_conn_close(s, c);
    tcp_free_dead(s);
    for (size_t i = 0; i < s->listeners.n; i++) {
        close_fd(s->listeners.v[i]->fd);
        free(s->listeners.v[i]);
    }
    vec_free(&s->listeners);
    close_fd(s->orders[0]);
    close_fd(s->orders[1]);
    close_fd(s->epoll_fd);
    sem_destroy(&s->synced);
    if (s->scratch)
        munmap(s->scratch, sizeof *s->scratch);
    free(s);
}

void tcp_stats(const struct tcp_server *s, struct io_stats *sum)
{
    COUNTERS_ADD(sum, &s->stats);
    COUNTERS_ADD(&sum->answer, &s->scratch->answer.stats);
}
