/* SPDX-License-Identifier: Apache-2.0
 * The TCP loop: accepting within limits, waiting, timing out.
 *
 * Who waits for what, and who makes room, is kept in tcp_lists.h. */
#include "io/tcp.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/give_way.h"
#include "base/vec.h"
#include "io/counters.h"
#include "io/tcp_lists.h"
#include "io/thread.h"
#include "snapshot/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define TCP_EVENTS 64
#define TCP_ACCEPTS 64       /* at once, so that floods of connections do not starve queries */
#define TCP_DRAIN_MS 1000    /* for answers under way at the end */
#define TCP_DRAIN_ACCEPTS 64 /* times TCP_ACCEPTS: what a listener's queue can hold */
#define TCP_NO_FILES_MS 100  /* pause in accepting when the process has no descriptor left */

/* What a worker keeps at most for connections that have begun something: so many stalled ones of
 * 64 kB each that no honest crowd comes near, and little enough beside the zones. */
#define TCP_KEPT_MAX (64 << 20)

/* When fewer than a quarter of the connections are left the idle time-out shrinks with what is
 * left, down to an eighth (RFC 7766 6.2.3). With less than a sixteenth left, clients that ask are
 * told to close when they have their answers (RFC 7828 3.3.2). */
#define TCP_SHRINK_BELOW 4
#define TCP_SHRINK_TO 8
#define TCP_PRESSED_BELOW 16

struct tcp_order {
    enum { TCP_LISTEN, TCP_UNLISTEN, TCP_LIMITS, TCP_SYNC, TCP_STOP } kind;
    int fd;
    struct tcp_limits limits;
};

struct tcp_server {
    int epoll_fd;
    int orders[2]; /* pipe of struct tcp_order: read end, write end */
    sem_t synced;  /* posted for each TCP_SYNC */
    bool started;
    pthread_t thread;
    /* The thread's own. */
    struct tcp_source order_source;
    VEC(struct tcp_source *) listeners;
    struct tcp_lists lists;
    struct tcp_conn *dead; /* by next: freed after the events at hand, which may point to them */
    uint32_t n_conns;
    struct clients *clients;
    struct tcp_limits limits;
    int64_t now_ms, drain_until_ms, accept_again_ms; /* 0: not stopping; 0: accepting */
    /* Counters have cache lines of their own; `answer` in these is not used. */
    ATTR_CACHELINE struct io_stats stats;
    struct tcp_scratch *scratch;
};

static int watch(struct tcp_server *s, int op, struct tcp_source *source, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = source};
    return epoll_ctl(s->epoll_fd, op, source->fd, &e);
}

/** Closes a connection that is no longer counted. */
static void conn_end(struct tcp_server *s, struct tcp_conn *c)
{
    tcp_lists_remove(&s->lists, c);
    s->n_conns--;
    /* Closing is not enough while a child that was just forked still has the socket, too. */
    watch(s, EPOLL_CTL_DEL, &c->source, 0);
    close(c->source.fd);
    c->source.fd = -1;
    tcp_conn_forget(c, s->scratch);
    c->next = s->dead;
    s->dead = c;
}

static void conn_close(struct tcp_server *s, struct tcp_conn *c)
{
    clients_leave(s->clients, &c->client);
    conn_end(s, c);
}

/** Before one is closed that may have answers to take and does not: what the kernel still has of
 *  them goes, too. */
static void conn_give_up(struct tcp_server *s, struct tcp_conn *c)
{
    struct linger now = {.l_onoff = 1};
    if (c->out)
        setsockopt(c->source.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    count_add(&s->stats.tcp_idle_closed, 1);
}

static void conn_abort(struct tcp_server *s, struct tcp_conn *c)
{
    conn_give_up(s, c);
    conn_close(s, c);
}

static void free_dead(struct tcp_server *s)
{
    for (struct tcp_conn *c; (c = s->dead);) {
        s->dead = c->next;
        free(c);
    }
}

/* Limits. */

static uint32_t left(const struct tcp_server *s)
{
    uint32_t total = clients_total(s->clients), max = s->limits.max_connections;
    return total < max ? max - total : 0;
}

/** The idle time-out now in force. */
static int64_t timeout_ms(const struct tcp_server *s)
{
    uint64_t full = s->limits.idle_timeout_ms, max = s->limits.max_connections;
    uint64_t some = (uint64_t)left(s) * TCP_SHRINK_BELOW;
    if (some >= max)
        return (int64_t)full;
    uint64_t shrunk = full * some / max;
    return (int64_t)(shrunk > full / TCP_SHRINK_TO ? shrunk : full / TCP_SHRINK_TO);
}

/** The same for clients that ask. */
static uint16_t keepalive_100ms(const struct tcp_server *s)
{
    if ((uint64_t)left(s) * TCP_PRESSED_BELOW < s->limits.max_connections)
        return 0;
    int64_t keepalive = timeout_ms(s) / 100;
    return keepalive < UINT16_MAX ? (uint16_t)keepalive : UINT16_MAX;
}

/** Closes connections while all workers have more than allowed; false if none may go yet. Each
 *  worker closes its own, and may have one even so, as others may have taken all in its stead. */
static bool make_room(struct tcp_server *s)
{
    while (clients_claim(s->clients, s->limits.max_connections)) {
        struct tcp_conn *c = tcp_lists_least_missed(&s->lists, s->now_ms);
        if (!c) {
            clients_unclaim(s->clients);
            return s->n_conns == 0;
        }
        clients_leave_claimed(s->clients, &c->client);
        conn_give_up(s, c);
        conn_end(s, c);
    }
    return true;
}

/* Accepting. */

/** Takes over an accepted socket, or closes it. */
static void conn_open(struct tcp_server *s, int fd, const struct ip *client)
{
    struct tcp_conn *c = NULL;
    bool counted = clients_enter(s->clients, client, s->limits.max_per_client);
    if (counted && make_room(s) && (c = calloc(1, sizeof *c))) {
        c->source = (struct tcp_source){TCP_CONN, fd};
        c->client = *client;
        if (watch(s, EPOLL_CTL_ADD, &c->source, EPOLLIN) == 0) {
            tcp_lists_add(&s->lists, c, s->now_ms);
            s->n_conns++;
            count_add(&s->stats.tcp_accepted, 1);
            return;
        }
        free(c);
    }
    if (counted)
        clients_leave(s->clients, client);
    close(fd);
    count_add(&s->stats.tcp_limited, 1);
}

static void watch_listeners(struct tcp_server *s, uint32_t events)
{
    for (size_t i = 0; i < s->listeners.n; i++)
        watch(s, EPOLL_CTL_MOD, s->listeners.v[i], events);
}

/** Out of descriptors or memory: gives a connection up, and stops accepting for a moment, as
 *  the pending connection would wake us again at once. */
static void no_files(struct tcp_server *s)
{
    count_add(&s->stats.tcp_limited, 1);
    struct tcp_conn *c = tcp_lists_least_missed(&s->lists, s->now_ms);
    if (c)
        conn_abort(s, c);
    watch_listeners(s, 0);
    s->accept_again_ms = s->now_ms + TCP_NO_FILES_MS;
}

/** Accepts what waits, TCP_ACCEPTS at most; true: there may be more. */
static bool accept_some(struct tcp_server *s, const struct tcp_source *listener)
{
    for (unsigned i = 0; i < TCP_ACCEPTS; i++) {
        struct sockaddr_storage sa;
        socklen_t n = sizeof sa;
        int fd = accept4(listener->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            struct ip client = ip_from_sockaddr((const struct sockaddr *)&sa, &(uint16_t){0});
            conn_open(s, fd, &client);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            no_files(s);
            return false;
        } else if (errno == EAGAIN) {
            return false;
        } /* else that one connection is gone already (accept(2), "Error handling") */
    }
    return true;
}

/** Accepts all that waits, as closing the listener would reset it. */
static void accept_rest(struct tcp_server *s, const struct tcp_source *listener)
{
    for (unsigned i = 0; i < TCP_DRAIN_ACCEPTS && accept_some(s, listener); i++)
        ;
}

/* Serving. */

static void conn_event(struct tcp_server *s, struct tcp_conn *c, uint32_t events)
{
    if (c->source.fd < 0) /* closed by an earlier event of this batch */
        return;
    bool open = c->out ? !(events & EPOLLERR) && tcp_conn_write(c, s->scratch)
                       : tcp_conn_read(c, s->scratch);
    bool writing = c->out;
    if (open && writing != c->writing) {
        c->writing = writing;
        open = watch(s, EPOLL_CTL_MOD, &c->source, writing ? EPOLLOUT : EPOLLIN) == 0;
    }
    if (open)
        tcp_lists_follow(&s->lists, c, s->now_ms);
    else
        conn_close(s, c);
    for (c = NULL; s->scratch->kept > TCP_KEPT_MAX && (c = tcp_lists_first_keeper(&s->lists));)
        conn_abort(s, c);
}

static void close_timed_out(struct tcp_server *s)
{
    int64_t since_ms = s->now_ms - timeout_ms(s);
    struct tcp_conn *c;
    while ((c = tcp_lists_oldest(&s->lists)) && c->since_ms <= since_ms)
        conn_abort(s, c);
}

/* Orders. */

static void listener_add(struct tcp_server *s, int fd)
{
    struct tcp_source *source = xmalloc(sizeof *source);
    *source = (struct tcp_source){TCP_LISTENER, fd};
    *vec_push(&s->listeners) = source;
    watch(s, EPOLL_CTL_ADD, source, s->accept_again_ms ? 0 : EPOLLIN);
}

static void listener_remove(struct tcp_server *s, int fd)
{
    for (size_t i = 0; i < s->listeners.n; i++)
        if (s->listeners.v[i]->fd == fd) {
            accept_rest(s, s->listeners.v[i]);
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
            make_room(s);
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
        earlier(&next, oldest->since_ms + timeout_ms(s));
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
            conn_event(s, (void *)source, events[i].events); /* its first member */
    }
    for (int i = 0; i < n; i++) {
        const struct tcp_source *source = events[i].data.ptr;
        if (source->kind == TCP_LISTENER && source->fd >= 0)
            accept_some(s, source);
        else if (source->kind == TCP_ORDERS)
            take_orders(s);
    }
}

static void after_events(struct tcp_server *s)
{
    if (s->accept_again_ms && s->now_ms >= s->accept_again_ms) {
        s->accept_again_ms = 0;
        watch_listeners(s, EPOLLIN);
    }
    close_timed_out(s);
    free_dead(s);
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
        s->scratch->answer.keepalive_100ms = keepalive_100ms(s);
        handle(s, events, n);
        while (n == 0 && s->drain_until_ms && tcp_lists_unbegun(&s->lists))
            conn_close(s, tcp_lists_unbegun(&s->lists));
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
    if (watch(s, EPOLL_CTL_ADD, &s->order_source, EPOLLIN) != 0)
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
        conn_close(s, c);
    free_dead(s);
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
