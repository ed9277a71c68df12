/* SPDX-License-Identifier: Apache-2.0
 * What happens to connections: accepting within limits, serving, timing out.
 *
 * Who waits for what, and who makes room, is kept in tcp_lists.h. */
#include "io/tcp_server.h"

#include "base/count.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TCP_ACCEPTS 64       /* at once, so that floods of connections do not starve queries */
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

int tcp_watch(struct tcp_server *s, int op, struct tcp_source *source, uint32_t events)
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
    tcp_watch(s, EPOLL_CTL_DEL, &c->source, 0);
    close(c->source.fd);
    c->source.fd = -1;
    tcp_conn_forget(c, s->scratch);
    c->next = s->dead;
    s->dead = c;
}

void tcp_conn_close(struct tcp_server *s, struct tcp_conn *c)
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
    tcp_conn_close(s, c);
}

void tcp_free_dead(struct tcp_server *s)
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

int64_t tcp_timeout_ms(const struct tcp_server *s)
{
    uint64_t full = s->limits.idle_timeout_ms, max = s->limits.max_connections;
    uint64_t some = (uint64_t)left(s) * TCP_SHRINK_BELOW;
    if (some >= max)
        return (int64_t)full;
    uint64_t shrunk = full * some / max;
    return (int64_t)(shrunk > full / TCP_SHRINK_TO ? shrunk : full / TCP_SHRINK_TO);
}

uint16_t tcp_keepalive_100ms(const struct tcp_server *s)
{
    if ((uint64_t)left(s) * TCP_PRESSED_BELOW < s->limits.max_connections)
        return 0;
    int64_t keepalive = tcp_timeout_ms(s) / 100;
    return keepalive < UINT16_MAX ? (uint16_t)keepalive : UINT16_MAX;
}

bool tcp_make_room(struct tcp_server *s)
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
    if (counted && tcp_make_room(s) && (c = calloc(1, sizeof *c))) {
        c->source = (struct tcp_source){TCP_CONN, fd};
        c->client = *client;
        if (tcp_watch(s, EPOLL_CTL_ADD, &c->source, EPOLLIN) == 0) {
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

void tcp_watch_listeners(struct tcp_server *s, uint32_t events)
{
    for (size_t i = 0; i < s->listeners.n; i++)
        tcp_watch(s, EPOLL_CTL_MOD, s->listeners.v[i], events);
}

/** Out of descriptors or memory: gives a connection up, and stops accepting for a moment, as
 *  the pending connection would wake us again at once. */
static void no_files(struct tcp_server *s)
{
    count_add(&s->stats.tcp_limited, 1);
    struct tcp_conn *c = tcp_lists_least_missed(&s->lists, s->now_ms);
    if (c)
        conn_abort(s, c);
    tcp_watch_listeners(s, 0);
    s->accept_again_ms = s->now_ms + TCP_NO_FILES_MS;
}

bool tcp_accept_some(struct tcp_server *s, const struct tcp_source *listener)
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

void tcp_accept_rest(struct tcp_server *s, const struct tcp_source *listener)
{
    for (unsigned i = 0; i < TCP_DRAIN_ACCEPTS && tcp_accept_some(s, listener); i++)
        ;
}

/* Serving. */

void tcp_conn_event(struct tcp_server *s, struct tcp_conn *c, uint32_t events)
{
    if (c->source.fd < 0) /* closed by an earlier event of this batch */
        return;
    bool open = c->out ? !(events & EPOLLERR) && tcp_conn_write(c, s->scratch)
                       : tcp_conn_read(c, s->scratch);
    bool writing = c->out;
    if (open && writing != c->writing) {
        c->writing = writing;
        open = tcp_watch(s, EPOLL_CTL_MOD, &c->source, writing ? EPOLLOUT : EPOLLIN) == 0;
    }
    if (open)
        tcp_lists_follow(&s->lists, c, s->now_ms);
    else
        tcp_conn_close(s, c);
    for (c = NULL; s->scratch->kept > TCP_KEPT_MAX && (c = tcp_lists_first_keeper(&s->lists));)
        conn_abort(s, c);
}

void tcp_close_timed_out(struct tcp_server *s)
{
    int64_t since_ms = s->now_ms - tcp_timeout_ms(s);
    struct tcp_conn *c;
    while ((c = tcp_lists_oldest(&s->lists)) && c->since_ms <= since_ms)
        conn_abort(s, c);
}
