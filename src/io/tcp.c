/* SPDX-License-Identifier: Apache-2.0
 * The TCP loop: accepting within limits, waiting, timing out.
 *
 * Connections are in one list in the order of their last activity, so that its head is both the
 * next to time out and the one to give up when there are too many. Activity is whole queries
 * answered, never bytes: trickling a query in, or reading answers slowly, gains no time. */
#include "io/tcp.h"

#include "base/clock.h"
#include "base/vec.h"
#include "io/counters.h"
#include "io/tcp_conn.h"
#include "io/thread.h"
#include "snapshot/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TCP_EVENTS 64
#define TCP_ACCEPTS 64      /* at once, so that floods of connections do not starve queries */
#define TCP_STALL_MS 1000   /* a query or an answer under way may be cut off after this */
#define TCP_DRAIN_MS 1000   /* for answers under way at the end */
#define TCP_DRAIN_READS 16  /* of a connection at the end, so that a flood does not hold us up */
#define TCP_NO_FILES_MS 100 /* pause in accepting when the process has no descriptor left */

struct tcp_order {
    enum { TCP_LISTEN, TCP_UNLISTEN, TCP_LIMITS, TCP_STOP } kind;
    int fd;
    struct tcp_limits limits;
};

struct tcp_server {
    int epoll_fd;
    int orders[2]; /* pipe of struct tcp_order: read end, write end */
    bool started;
    pthread_t thread;
    /* The thread's own. */
    struct tcp_source order_source;
    VEC(struct tcp_source *) listeners;
    struct tcp_conn *oldest, *newest;
    struct tcp_conn *dead; /* by next: freed after the events at hand, which may point to them */
    uint32_t n_conns;
    struct clients *clients;
    struct tcp_limits limits;
    int64_t now_ms, drain_until_ms, accept_again_ms; /* 0: not stopping; 0: accepting */
    /* Counters have cache lines of their own; `answer` in these is not used. */
    ATTR_CACHELINE struct io_stats stats;
    struct tcp_scratch scratch;
};

/* The list of connections. */

static void list_remove(struct tcp_server *s, struct tcp_conn *c)
{
    *(c->prev ? &c->prev->next : &s->oldest) = c->next;
    *(c->next ? &c->next->prev : &s->newest) = c->prev;
}

static void list_append(struct tcp_server *s, struct tcp_conn *c)
{
    c->active_ms = s->now_ms;
    c->prev = s->newest;
    c->next = NULL;
    *(s->newest ? &s->newest->next : &s->oldest) = c;
    s->newest = c;
}

static void conn_close(struct tcp_server *s, struct tcp_conn *c)
{
    list_remove(s, c);
    s->n_conns--;
    clients_leave(s->clients, &c->client);
    close(c->source.fd);
    c->source.fd = -1;
    free(c->in);
    free(c->out);
    c->next = s->dead;
    s->dead = c;
}

static void free_dead(struct tcp_server *s)
{
    for (struct tcp_conn *c; (c = s->dead);) {
        s->dead = c->next;
        free(c);
    }
}

static int watch(struct tcp_server *s, int op, struct tcp_source *source, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = source};
    return epoll_ctl(s->epoll_fd, op, source->fd, &e);
}

/* Accepting. */

/** Room for one more connection, if need be by closing the one that has been idle for longest. */
static bool make_room(struct tcp_server *s)
{
    if (s->n_conns < s->limits.max_connections)
        return true;
    struct tcp_conn *c = s->oldest;
    if (!c || (!tcp_conn_is_idle(c) && s->now_ms - c->active_ms < TCP_STALL_MS))
        return false;
    conn_close(s, c);
    s->stats.tcp_idle_closed++;
    return true;
}

/** Takes over an accepted socket, or closes it. */
static void conn_open(struct tcp_server *s, int fd, const struct ip *client)
{
    struct tcp_conn *c = NULL;
    bool counted = clients_enter(s->clients, client, s->limits.max_per_client);
    if (counted && make_room(s) && (c = calloc(1, sizeof *c))) {
        c->source = (struct tcp_source){TCP_CONN, fd};
        c->client = *client;
        if (watch(s, EPOLL_CTL_ADD, &c->source, EPOLLIN) == 0) {
            list_append(s, c);
            s->n_conns++;
            s->stats.tcp_accepted++;
            return;
        }
        free(c);
    }
    if (counted)
        clients_leave(s->clients, client);
    close(fd);
    s->stats.tcp_limited++;
}

static void watch_listeners(struct tcp_server *s, uint32_t events)
{
    for (size_t i = 0; i < s->listeners.n; i++)
        watch(s, EPOLL_CTL_MOD, s->listeners.v[i], events);
}

/** Out of descriptors or memory: gives an idle connection up, and stops accepting for a moment, as
 *  the pending connection would wake us again at once. */
static void no_files(struct tcp_server *s)
{
    s->stats.tcp_limited++;
    if (s->oldest && tcp_conn_is_idle(s->oldest)) {
        conn_close(s, s->oldest);
        s->stats.tcp_idle_closed++;
    }
    watch_listeners(s, 0);
    s->accept_again_ms = s->now_ms + TCP_NO_FILES_MS;
}

static void accept_some(struct tcp_server *s, const struct tcp_source *listener)
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
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else that one connection is gone already (accept(2), "Error handling") */
    }
}

/* Serving. */

static void conn_event(struct tcp_server *s, struct tcp_conn *c, uint32_t events)
{
    if (c->source.fd < 0) /* closed by an earlier event of this batch */
        return;
    bool open = c->out ? !(events & EPOLLERR) && tcp_conn_write(c, &s->scratch)
                       : tcp_conn_read(c, &s->scratch);
    bool writing = c->out;
    if (open && writing != c->writing) {
        c->writing = writing;
        open = watch(s, EPOLL_CTL_MOD, &c->source, writing ? EPOLLOUT : EPOLLIN) == 0;
    }
    if (!open) {
        conn_close(s, c);
    } else if (c->progress && !c->out) {
        c->progress = false;
        list_remove(s, c);
        list_append(s, c);
    }
}

static void close_timed_out(struct tcp_server *s)
{
    while (s->oldest && s->now_ms - s->oldest->active_ms >= s->limits.idle_timeout_ms) {
        conn_close(s, s->oldest);
        s->stats.tcp_idle_closed++;
    }
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
            /* Closing would reset the connections that wait to be accepted. */
            accept_some(s, s->listeners.v[i]);
            /* Freed at the end, as events at hand may point to it: a process drops few addresses.
             */
            close(fd);
            s->listeners.v[i]->fd = -1;
        }
}

static bool has_input(const struct tcp_conn *c)
{
    uint8_t byte;
    return recv(c->source.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/** Takes in what the kernel has accepted, answers what has arrived, closes what is idle then. */
static void begin_stop(struct tcp_server *s)
{
    s->drain_until_ms = s->now_ms + TCP_DRAIN_MS;
    for (size_t i = 0; i < s->listeners.n; i++) {
        if (s->listeners.v[i]->fd >= 0)
            accept_some(s, s->listeners.v[i]);
        listener_remove(s, s->listeners.v[i]->fd);
    }
    struct tcp_conn *c = s->oldest, *next;
    for (uint32_t left = s->n_conns; left > 0; left--, c = next) {
        next = c->next; /* those that are answered move to the end of the list */
        for (unsigned i = 0; i < TCP_DRAIN_READS && c->source.fd >= 0 && !c->out && has_input(c);
             i++)
            conn_event(s, c, 0);
        if (c->source.fd >= 0 && tcp_conn_is_idle(c))
            conn_close(s, c);
    }
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
    if (s->oldest)
        earlier(&next, s->oldest->active_ms + s->limits.idle_timeout_ms);
    if (s->accept_again_ms)
        earlier(&next, s->accept_again_ms);
    if (s->drain_until_ms)
        earlier(&next, s->drain_until_ms);
    if (next < 0)
        return -1;
    int64_t left = next - clock_mono_ms();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void handle(struct tcp_server *s, const struct epoll_event *e)
{
    struct tcp_source *source = e->data.ptr;
    if (source->kind == TCP_CONN)
        conn_event(s, (void *)source, e->events); /* its first member */
    else if (source->kind == TCP_LISTENER && source->fd >= 0)
        accept_some(s, source);
    else if (source->kind == TCP_ORDERS)
        take_orders(s);
}

static void after_events(struct tcp_server *s)
{
    if (s->accept_again_ms && s->now_ms >= s->accept_again_ms) {
        s->accept_again_ms = 0;
        watch_listeners(s, EPOLLIN);
    }
    close_timed_out(s);
    free_dead(s);
    s->stats.tcp_open = s->n_conns;
}

static void *tcp_run(void *arg)
{
    struct tcp_server *s = arg;
    struct epoll_event events[TCP_EVENTS];
    publish_thread_register();
    rng_init(&s->scratch.answer.rng);
    while (!s->drain_until_ms || (s->n_conns > 0 && s->now_ms < s->drain_until_ms)) {
        publish_offline();
        int n = epoll_wait(s->epoll_fd, events, TCP_EVENTS, wait_ms(s));
        publish_online();
        s->now_ms = clock_mono_ms();
        s->scratch.answer.now_s = clock_wall_s();
        for (int i = 0; i < n; i++)
            handle(s, &events[i]);
        after_events(s);
    }
    publish_thread_unregister();
    return NULL;
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
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0 || pipe2(s->orders, O_CLOEXEC) != 0 ||
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
    while (s->oldest)
        conn_close(s, s->oldest);
    free_dead(s);
    for (size_t i = 0; i < s->listeners.n; i++) {
        close_fd(s->listeners.v[i]->fd);
        free(s->listeners.v[i]);
    }
    vec_free(&s->listeners);
    close_fd(s->orders[0]);
    close_fd(s->orders[1]);
    close_fd(s->epoll_fd);
    free(s);
}

void tcp_stats(const struct tcp_server *s, struct io_stats *sum)
{
    COUNTERS_ADD(sum, &s->stats);
    COUNTERS_ADD(&sum->answer, &s->scratch.answer.stats);
}
