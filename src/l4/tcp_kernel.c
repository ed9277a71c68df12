/* SPDX-License-Identifier: Apache-2.0
 * Connections whose bytes the kernel hands on (sockhash.h): those that go back and forth.
 *
 *   copied ─▶ in the kernel ─▶ copied again, for good
 *          │                └─ a segment had no room there, an end, a reset
 *          └─ TCP_KERNEL_AFTER reads in a row that filled no buffer; nothing held, nothing waits
 *
 * The kernel says of each segment that there is something to read, be it handed on or not, so sides
 * are not watched for that meanwhile: it would be a wake-up for each. They are in an epoll of their
 * own, `quiet`, which nobody waits for (not by another epoll either: that wakes as often) and which
 * is looked at every TICK_MS: what is readable there is what the kernel did not hand on.
 *
 * Once it is user space's turn, what the kernel has taken may still be on its way into the send
 * buffer of the other side (`behind`): nothing is sent, and no end passed on, before it is there.
 * An end is not believed either before all has been read that the program left to us: the kernel
 * tells of it before. Both take no longer than a thread of the kernel; until then is looked every
 * RETRY_MS. */
#include "l4/tcp_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_MS 4
#define RETRY_MS 2
#define QUIET_EVENTS 64

/* ---- there ---- */

void tcp_kernel_count(struct tcp *tcp, struct tcp_conn *c)
{
    for (unsigned i = 0; i < 2; i++) {
        struct tcp_way *way = &c->ways[i];
        uint64_t bytes = way->before + sockhash_way_of(tcp->sockhash, c->keys[i]).redirected;
        if (bytes != way->bytes)
            c->active_ms = tcp->worker->now_ms;
        way->bytes = bytes;
    }
}

static void look_for_passed(struct tcp *tcp)
{
    struct epoll_event events[QUIET_EVENTS];
    int n;
    do {
        n = epoll_wait(tcp->quiet, events, QUIET_EVENTS, 0);
        for (int i = 0; i < n; i++) {
            struct tcp_conn *c = events[i].data.ptr;
            if (c->in_kernel)
                tcp_kernel_leave(tcp, c);
        }
    } while (n == QUIET_EVENTS);
}

static void on_tick(struct worker *worker, struct worker_timer *timer)
{
    look_for_passed(worker->tcp);
    if (worker->tcp->n_in_kernel > 0)
        worker_after(worker, timer, TICK_MS);
}

static void count_in(struct tcp *tcp, struct tcp_conn *c)
{
    c->in_kernel = true;
    service_enter_kernel(c->run);
    tcp->n_in_kernel++;
    if (!wheel_started(&tcp->tick.entry))
        worker_after(tcp->worker, &tcp->tick, TICK_MS);
}

static void count_out(struct tcp *tcp, struct tcp_conn *c)
{
    c->in_kernel = false;
    service_leave_kernel(c->run);
    tcp->n_in_kernel--;
}

/* ---- into the kernel ---- */

static bool is_calm(const struct tcp_conn *c, unsigned nth)
{
    const struct tcp_side *side = &c->sides[nth];
    const struct tcp_way *way = &c->ways[nth];
    return side->watched && side->writable && !side->readable && !side->read_on && !side->broken &&
           !way->ended && !way->buffer && !way->pipe;
}

static bool prepare(struct tcp *tcp, struct tcp_conn *c, unsigned nth)
{
    struct tcp_side *side = &c->sides[nth];
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = c};
    if (!sockhash_prepare(side->fd) || epoll_ctl(tcp->quiet, EPOLL_CTL_ADD, side->fd, &event) != 0)
        return false;
    side->wrote = true;
    tcp_side_writes(side); /* the kernel's go at once as well */
    c->keys[nth] = sockhash_key(side->fd);
    c->written[nth] = sockhash_written(side->fd);
    c->ways[nth].before = c->ways[nth].bytes;
    return true;
}

/* Whatever comes of it, it is tried once. */
static void enter(struct tcp *tcp, struct tcp_conn *c)
{
    const int fds[2] = {c->sides[TCP_CLIENT].fd, c->sides[TCP_MEMBER].fd};
    c->hashed = true;
    if (!prepare(tcp, c, TCP_CLIENT) || !prepare(tcp, c, TCP_MEMBER)) {
        for (unsigned i = 0; i < 2; i++) {
            epoll_ctl(tcp->quiet, EPOLL_CTL_DEL, fds[i], NULL);
            c->keys[i] = 0;
        }
        return;
    }
    count_in(tcp, c);
    for (unsigned i = 0; i < 2; i++)
        worker_rewatch(tcp->worker, fds[i], EPOLLRDHUP | EPOLLET, &c->sides[i].source);
    if (sockhash_join(tcp->sockhash, fds, c->keys) != 0)
        tcp_kernel_leave(tcp, c);
}

void tcp_kernel_try(struct tcp *tcp, struct tcp_conn *c)
{
    if (tcp->sockhash && c->relay == L4_RELAY_SOCKHASH && !c->hashed && is_calm(c, TCP_CLIENT) &&
        is_calm(c, TCP_MEMBER))
        enter(tcp, c);
}

/* ---- out of it ---- */

/* The order of the calls: nothing is handed on any more; then it is known how much was. */
void tcp_kernel_leave(struct tcp *tcp, struct tcp_conn *c)
{
    count_out(tcp, c);
    for (unsigned i = 0; i < 2; i++)
        sockhash_stop(tcp->sockhash, c->sides[i].fd, c->keys[i]);
    tcp_kernel_count(tcp, c);
    for (unsigned i = 0; i < 2; i++) {
        struct tcp_side *side = &c->sides[i];
        epoll_ctl(tcp->quiet, EPOLL_CTL_DEL, side->fd, NULL);
        tcp_side_rewatch(tcp, side);
        side->readable = true;
        c->ways[i].behind = true;
    }
    worker_defer(tcp->worker, &c->task);
}

static void wait(struct tcp *tcp, struct tcp_conn *c)
{
    c->waits = true;
    worker_after(tcp->worker, &c->timer, RETRY_MS);
}

bool tcp_kernel_is_done(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_way *way = &c->ways[from];
    if (!way->behind)
        return true;
    uint64_t written = sockhash_written(c->sides[!from].fd) - c->written[!from];
    way->behind = written < way->bytes - way->before;
    if (way->behind)
        wait(tcp, c);
    return !way->behind;
}

bool tcp_kernel_has_ended(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    if (!tcp_kernel_is_done(tcp, c, from))
        return false;
    if (c->ways[from].reread >= sockhash_way_of(tcp->sockhash, c->keys[from]).passed)
        return true;
    wait(tcp, c);
    return false;
}

void tcp_kernel_retry(struct tcp *tcp, struct tcp_conn *c)
{
    c->waits = false;
    for (unsigned i = 0; i < 2 && c->state == TCP_RELAYING; i++)
        tcp_relay(tcp, c, i);
    if (c->state == TCP_RELAYING && (!c->waits || tcp->worker->now_ms - c->active_ms >= c->idle_ms))
        tcp_look(tcp, c);
}

void tcp_kernel_end(struct tcp *tcp, struct tcp_conn *c)
{
    if (c->in_kernel) {
        count_out(tcp, c);
        tcp_kernel_count(tcp, c);
    }
    for (unsigned i = 0; i < 2; i++)
        if (c->keys[i] != 0)
            sockhash_forget(tcp->sockhash, c->keys[i]);
}

/* ---- begin and end ---- */

void tcp_kernel_open(struct tcp *tcp, const struct sockhash *sockhash)
{
    tcp->quiet = sockhash ? epoll_create1(EPOLL_CLOEXEC) : -1;
    tcp->tick.fire = on_tick;
    if (tcp->quiet >= 0)
        tcp->sockhash = sockhash;
}

void tcp_kernel_close(struct tcp *tcp)
{
    wheel_stop(&tcp->tick.entry);
    if (tcp->quiet >= 0)
        close(tcp->quiet);
}
