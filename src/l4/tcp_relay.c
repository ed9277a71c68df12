/* SPDX-License-Identifier: Apache-2.0
 * Bytes from one side to the other. The two ways know nothing of each other, but that the
 * connection is over when both have ended. */
#include "l4/tcp_internal.h"

#include <errno.h>
#include <netinet/tcp.h>

#define READ_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)

/* ---- sides ---- */

bool tcp_side_watch(struct tcp *tcp, struct tcp_side *side, uint32_t more_events)
{
    bool was_watched = side->watched;
    if (was_watched && (side->watched_out || !(more_events & EPOLLOUT)))
        return true;
    side->watched = true;
    side->watched_out = more_events & EPOLLOUT;
    return (was_watched ? worker_rewatch : worker_watch)(
               tcp->worker, side->fd, READ_EVENTS | more_events, &side->source) == 0;
}

void tcp_side_rewatch(struct tcp *tcp, struct tcp_side *side)
{
    worker_rewatch(tcp->worker, side->fd, READ_EVENTS | (side->watched_out ? EPOLLOUT : 0),
                   &side->source);
}

static void side_events(struct tcp_side *side, uint32_t events)
{
    if (events & ~(uint32_t)EPOLLOUT)
        side->readable = true;
    if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        side->read_on = true;
    if (events & EPOLLPRI)
        side->urgent = true;
    if (events & EPOLLRDHUP)
        side->fin_came = true;
    if (events & EPOLLERR)
        side->broken = true;
    if (events & EPOLLOUT)
        side->writable = true;
}

/* It did not take all. */
static void side_full(struct tcp *tcp, struct tcp_side *side)
{
    side->writable = false;
    if (side->watched_out)
        return;
    side->watched_out = true;
    if (side->watched)
        tcp_side_rewatch(tcp, side);
}

/* The first write of a socket goes at once whatever TCP_NODELAY says, and is often the only one. */
void tcp_side_writes(struct tcp_side *side)
{
    static const int on = 1;
    if (side->wrote && !side->no_delay) {
        side->no_delay = true;
        setsockopt(side->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    side->wrote = true;
}

/* ---- one way ---- */

/* Less than there was room for is all there is, until the next edge. Where the end was seen to have
 * come, of which there is no other edge, that is next. Urgent data is another matter, as reads stop
 * at it (tcp(7)). */
enum tcp_move tcp_copy_fill(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_side *side = &c->sides[from];
    struct tcp_way *way = &c->ways[from];
    uint8_t *buffer = tcp_buffer_take(tcp);
    ssize_t n = recv(side->fd, buffer, TCP_BUFFER, 0);
    if (n <= 0) {
        int error = errno;
        tcp_buffer_put(tcp, buffer);
        errno = error;
        if (n == 0)
            return TCP_ENDED;
        if (error != EAGAIN)
            return TCP_FAILED;
        side->readable = false;
        return TCP_WAITS;
    }
    way->buffer = buffer;
    way->begin = 0;
    way->end = (uint32_t)n;
    if (n < TCP_BUFFER && !side->read_on)
        side->readable = false;
    side->all_read =
        n < TCP_BUFFER && side->fin_came && !side->urgent && !side->broken && !c->hashed;
    tcp_note_read(way, n == TCP_BUFFER);
    c->small = n == TCP_BUFFER ? 0 : c->small < UINT8_MAX ? c->small + 1 : UINT8_MAX;
    if (c->hashed)
        way->reread += (uint64_t)n;
    return TCP_MOVED;
}

static enum tcp_move copy_flush(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_side *to = &c->sides[!from];
    struct tcp_way *way = &c->ways[from];
    /* With an end known to be behind it, it leaves together with that. A reset waits for nothing.
     */
    const struct tcp_side *side = &c->sides[from];
    int more = side->fin_came && !side->broken ? MSG_MORE : 0;
    ssize_t n = send(to->fd, way->buffer + way->begin, way->end - way->begin, MSG_NOSIGNAL | more);
    if (n < 0)
        return errno == EAGAIN ? TCP_WAITS : TCP_FAILED;
    way->begin += (uint32_t)n;
    way->bytes += (uint64_t)n;
    if (tcp_way_holds(way))
        return TCP_WAITS;
    tcp_buffer_put(tcp, way->buffer);
    way->buffer = NULL;
    way->begin = way->end = 0;
    return TCP_MOVED;
}

static enum tcp_move flush(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_side *to = &c->sides[!from];
    if (!to->writable || !tcp_kernel_is_done(tcp, c, from))
        return TCP_WAITS;
    tcp_side_writes(to);
    enum tcp_move move =
        c->ways[from].pipe ? tcp_splice_flush(tcp, c, from) : copy_flush(tcp, c, from);
    if (move == TCP_WAITS)
        side_full(tcp, to);
    return move;
}

static enum tcp_move fill(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    if (!c->sides[from].readable)
        return TCP_WAITS;
    if (c->sides[from].all_read)
        return TCP_ENDED;
    return tcp_splice_wanted(tcp, c, &c->ways[from]) ? tcp_splice_fill(tcp, c, from)
                                                     : tcp_copy_fill(tcp, c, from);
}

enum tcp_move tcp_move_all(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_way *way = &c->ways[from];
    uint64_t until = way->bytes + TCP_TURN;
    enum tcp_move move;
    do {
        move = tcp_way_holds(way) ? flush(tcp, c, from) : fill(tcp, c, from);
        if (move == TCP_MOVED)
            c->active_ms = tcp->worker->now_ms;
    } while (move == TCP_MOVED && way->bytes < until);
    return move;
}

/* ---- ends ---- */

static void pass_end(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    if (c->hashed && !tcp_kernel_has_ended(tcp, c, from))
        return;
    c->ways[from].ended = true;
    if (c->ways[!from].ended)
        tcp_end(tcp, c, TCP_END_CLOSE, SERVICE_OK,
                from == TCP_CLIENT ? "closed by member" : "closed by client");
    else
        shutdown(c->sides[!from].fd, SHUT_WR);
}

/* A call that failed for want of memory says nothing of a side. */
static void broken(struct tcp *tcp, struct tcp_conn *c, unsigned side)
{
    bool timed_out = errno == ETIMEDOUT;
    if (errno == ENOMEM || errno == ENOBUFS) {
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_OK, "no memory");
        return;
    }
    side_events(&c->sides[side], EPOLLERR); /* a failed write is there before the event */
    tcp_rest_begin(tcp, c, side,
                   timed_out ? (side == TCP_CLIENT ? "client is silent" : "member is silent")
                   : side == TCP_CLIENT ? "reset by client"
                                        : "reset by member");
}

void tcp_relay(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_way *way = &c->ways[from];
    if (way->ended || c->in_kernel)
        return;
    switch (tcp_move_all(tcp, c, from)) {
    case TCP_MOVED:
        worker_go_on(tcp->worker, &c->task);
        break;
    case TCP_WAITS:
        if (c->small >= TCP_KERNEL_AFTER)
            tcp_kernel_try(tcp, c);
        break;
    case TCP_ENDED:
        pass_end(tcp, c, from);
        break;
    case TCP_FAILED:
        broken(tcp, c, tcp_way_holds(way) ? !from : from);
        break;
    }
    if (way->bytes - way->told >= TCP_TELL && c->state == TCP_RELAYING) {
        tcp_tell(c);
        tcp_room_look(tcp, c, from);
    }
}

/* Bulk takes turns with other bulk, behind what is small, which then waits for none of it. */
static void relay_or_go_on(struct tcp *tcp, struct tcp_conn *c, unsigned from, uint32_t events)
{
    if (tcp_is_bulk(&c->ways[from]) && !(events & EPOLLERR))
        worker_go_on(tcp->worker, &c->task);
    else
        tcp_relay(tcp, c, from);
}

static void relay_event(struct tcp *tcp, struct tcp_conn *c, unsigned nth, uint32_t events)
{
    if (c->in_kernel && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
        c->sides[nth].readable = false; /* it is from before */
        return;
    }
    if (c->in_kernel)
        tcp_kernel_leave(tcp, c);
    if (events & ~(uint32_t)EPOLLOUT)
        relay_or_go_on(tcp, c, nth, events);
    if (c->state == TCP_RELAYING && (events & EPOLLOUT) && tcp_way_holds(&c->ways[!nth]))
        relay_or_go_on(tcp, c, !nth, events);
    if (c->state == TCP_RELAYING && (events & EPOLLERR)) {
        /* Not read yet, for want of room on the other side. */
        errno = 0;
        broken(tcp, c, nth);
    }
}

/* Sides are watched after what is there was moved: so the watch does not tell of it again. */
void tcp_relay_begin(struct tcp *tcp, struct tcp_conn *c)
{
    worker_after(tcp->worker, &c->timer, c->idle_ms < TCP_LOOK_MS ? c->idle_ms : TCP_LOOK_MS);
    tcp_relay(tcp, c, TCP_CLIENT);
    for (unsigned i = 0; i < 2 && c->state == TCP_RELAYING; i++) {
        struct tcp_side *side = &c->sides[i];
        if (!side->watched && !tcp_side_watch(tcp, side, side->watched_out ? EPOLLOUT : 0))
            tcp_end(tcp, c, TCP_END_RESET, SERVICE_OK, "no room to watch it");
    }
    if (c->state == TCP_RELAYING && c->sides[TCP_MEMBER].readable)
        tcp_relay(tcp, c, TCP_MEMBER);
}

/* ---- what the loop calls ---- */

void tcp_client_ready(struct worker *worker, struct worker_source *source, uint32_t events)
{
    struct tcp_conn *c = (void *)((char *)source - offsetof(struct tcp_conn, sides[TCP_CLIENT]));
    side_events(&c->sides[TCP_CLIENT], events);
    if (c->state == TCP_RELAYING)
        relay_event(worker->tcp, c, TCP_CLIENT, events);
    else if (c->state == TCP_HEADER || c->state == TCP_HELLO)
        tcp_front_read(worker->tcp, c);
    else if (c->state == TCP_REST)
        tcp_rest_event(worker->tcp, c, TCP_CLIENT, events);
    else if (c->state == TCP_CONNECTING && (events & EPOLLERR))
        tcp_end(worker->tcp, c, TCP_END_RESET, SERVICE_CLIENT, "reset by client");
}

void tcp_member_ready(struct worker *worker, struct worker_source *source, uint32_t events)
{
    struct tcp_conn *c = (void *)((char *)source - offsetof(struct tcp_conn, sides[TCP_MEMBER]));
    /* Of the connection before, by the same socket. */
    if (c->opened_turn == worker->turn)
        return;
    side_events(&c->sides[TCP_MEMBER], events);
    if (c->state == TCP_RELAYING)
        relay_event(worker->tcp, c, TCP_MEMBER, events);
    else if (c->state == TCP_CONNECTING)
        tcp_connect_event(worker->tcp, c, events);
    else if (c->state == TCP_REST)
        tcp_rest_event(worker->tcp, c, TCP_MEMBER, events);
}

void tcp_timer_fired(struct worker *worker, struct worker_timer *timer)
{
    struct tcp_conn *c = (struct tcp_conn *)timer;
    if (c->state == TCP_RELAYING && c->waits)
        tcp_kernel_retry(worker->tcp, c);
    else if (c->state == TCP_RELAYING)
        tcp_look(worker->tcp, c);
    else if (c->state == TCP_CONNECTING)
        tcp_connect_late(worker->tcp, c);
    else if (c->state == TCP_REST)
        tcp_rest_late(worker->tcp, c);
    else
        tcp_end(worker->tcp, c, TCP_END_RESET, SERVICE_BAD_HEADER, "header or hello too slow");
}

void tcp_go_on(struct worker *worker, struct worker_task *task)
{
    struct tcp_conn *c = (void *)((char *)task - offsetof(struct tcp_conn, task));
    if (c->state == TCP_DEAD) {
        tcp_conn_put(worker->tcp, c);
        return;
    }
    if (c->state == TCP_REST) {
        tcp_rest_go(worker->tcp, c);
        return;
    }
    tcp_relay(worker->tcp, c, TCP_CLIENT);
    if (c->state == TCP_RELAYING)
        tcp_relay(worker->tcp, c, TCP_MEMBER);
}
