/* SPDX-License-Identifier: Apache-2.0
 * The rest of a side that was reset or fell silent: what it had sent before goes to the other side,
 * which is reset then.
 *
 * Who is connected directly has what was on its way before the reset. Here that may be as much as
 * the buffers in between hold, which a reset of the other side would throw away: an answer whose
 * sender was told that all of it had arrived would be cut. So the reset waits until the other
 * side's kernel has it all, for as long as it takes some. That is seen by looking now and then
 * (tcp(7), SIOCOUTQ), as no event says so. What the other side sends is not read meanwhile: nobody
 * is there to take it. */
#include "l4/tcp_internal.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#define REST_LOOK_MS 50
#define REST_MS 5000 /* in which nothing was taken: it is given up */

static void end(struct tcp *tcp, struct tcp_conn *c)
{
    tcp_end(tcp, c, TCP_END_RESET, SERVICE_OK, c->why);
}

static uint64_t unacknowledged(int fd)
{
    int n = 0;
    return ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

/* Ends, or looks again later. */
static void look(struct tcp *tcp, struct tcp_conn *c)
{
    const struct tcp_way *way = &c->ways[c->broken];
    uint64_t left = unacknowledged(c->sides[!c->broken].fd), taken = way->bytes - left;
    int64_t now_ms = tcp->worker->now_ms;
    if (taken != c->looked_bytes)
        c->active_ms = now_ms;
    c->looked_bytes = taken;
    bool is_all = left == 0 && !tcp_way_holds(way) && tcp_kernel_is_done(tcp, c, c->broken);
    if (is_all || now_ms - c->active_ms >= REST_MS)
        end(tcp, c);
    else
        worker_after(tcp->worker, &c->timer, REST_LOOK_MS);
}

void tcp_rest_go(struct tcp *tcp, struct tcp_conn *c)
{
    const struct tcp_way *way = &c->ways[c->broken];
    enum tcp_move move = way->ended ? TCP_ENDED : tcp_move_all(tcp, c, c->broken);
    if (move == TCP_FAILED && tcp_way_holds(way)) /* the other side, too */
        end(tcp, c);
    else if (move == TCP_MOVED)
        worker_go_on(tcp->worker, &c->task);
    else
        look(tcp, c);
}

void tcp_rest_begin(struct tcp *tcp, struct tcp_conn *c, unsigned side, const char *why)
{
    c->state = TCP_REST;
    c->broken = (uint8_t)side;
    c->why = why;
    c->looked_bytes = UINT64_MAX;
    tcp_rest_go(tcp, c);
}

void tcp_rest_event(struct tcp *tcp, struct tcp_conn *c, unsigned nth, uint32_t events)
{
    if (nth == c->broken)
        return;
    if (events & EPOLLERR)
        end(tcp, c);
    else if (events & EPOLLOUT)
        tcp_rest_go(tcp, c);
}

/* Also where its sides could not be watched any more: what is held is tried again. */
void tcp_rest_late(struct tcp *tcp, struct tcp_conn *c)
{
    c->sides[!c->broken].writable = true;
    tcp_rest_go(tcp, c);
}
