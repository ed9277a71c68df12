/* SPDX-License-Identifier: Apache-2.0
 * Sockets of members that are connected anew, in place of one closed and one opened.
 *
 * A socket that both sides have closed may be another connection's (connect(2), AF_UNSPEC): to make
 * a file, to watch it and to take it down again is a tenth of what the machine does for a
 * connection with one request (ADR 0057). Its record keeps it, watched as it is, and so the events
 * of both connections come to the same source: those that may still be the first one's, of the turn
 * in which the second was begun, are passed over.
 *
 * It is taken when the member has acknowledged all, the end as well: then the kernel has nothing
 * left to do for the connection before. One that the member keeps waiting for that is closed, which
 * leaves it to the kernel. Sockets that were bound to a client's address are closed, those whose
 * buffers may have grown and those that are in the sockhash as well. */
#include "l4/tcp_internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Twice as many as may be accepted in a turn. All of them count for limits of files
 * (l4_config_descriptors()). */
#define SPARES_MAX 64
#define SPARE_BYTES 65536 /* of a way: no buffer has grown for so little (tcp(7), tcp_rmem) */
#define SPARE_MS 5000

static bool may_be_kept(const struct tcp *tcp, const struct tcp_conn *c)
{
    const struct tcp_side *side = &c->sides[TCP_MEMBER];
    return tcp->n_spares < SPARES_MAX && !tcp->paused && !c->bound && !c->hashed && side->watched &&
           !side->broken && c->ways[TCP_CLIENT].bytes <= SPARE_BYTES &&
           c->ways[TCP_MEMBER].bytes <= SPARE_BYTES;
}

void tcp_spare_keep(struct tcp *tcp, struct tcp_conn *c)
{
    struct tcp_side *side = &c->sides[TCP_MEMBER];
    struct sockaddr_storage of;
    ip_to_sockaddr(&of, &c->member->addr, 0);
    if (!may_be_kept(tcp, c) || c->spare.fd >= 0)
        return;
    shutdown(side->fd, SHUT_WR); /* fails where that was before: it has gone */
    c->spare = (struct tcp_spare){
        .fd = side->fd,
        .family = of.ss_family,
        .watched_out = side->watched_out,
        .no_delay = side->no_delay,
        .since_ms = tcp->worker->now_ms,
    };
    side->fd = -1;
    tcp->n_spares++;
    if (!wheel_started(&tcp->trim_spares.entry))
        worker_after(tcp->worker, &tcp->trim_spares, SPARE_MS);
}

void tcp_spare_close(struct tcp *tcp, struct tcp_conn *c)
{
    if (c->spare.fd < 0)
        return;
    close(c->spare.fd);
    c->spare.fd = -1;
    tcp->n_spares--;
}

/* All was acknowledged, and the connection is undone. */
static bool is_free(int fd)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int unacknowledged = 1;
    return ioctl(fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0 &&
           connect(fd, &nobody, sizeof nobody) == 0;
}

int tcp_spare_open(struct tcp *tcp, struct tcp_conn *c, sa_family_t family)
{
    struct tcp_spare *spare = &c->spare;
    struct tcp_side *side = &c->sides[TCP_MEMBER];
    *side = (struct tcp_side){.source.ready = tcp_member_ready, .fd = -1};
    c->opened_turn = tcp->worker->turn;
    if (spare->fd >= 0 && spare->family == family && is_free(spare->fd)) {
        side->fd = spare->fd;
        side->watched = true;
        side->watched_out = spare->watched_out;
        side->no_delay = spare->no_delay;
        spare->fd = -1;
        tcp->n_spares--;
        return 0;
    }
    tcp_spare_close(tcp, c);
    side->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return side->fd >= 0 ? 0 : errno;
}

/* Of the records that no connection has: those whose spare is from before then are without. */
static void close_older(struct tcp *tcp, int64_t since_ms)
{
    struct tcp_conn *c = tcp->free_spares, *next;
    tcp->free_spares = NULL;
    for (; c; c = next) {
        next = c->next;
        if (c->spare.since_ms <= since_ms)
            tcp_spare_close(tcp, c);
        tcp_conn_put(tcp, c);
    }
}

void tcp_spares_close(struct tcp *tcp)
{
    close_older(tcp, tcp->worker->now_ms);
}

void tcp_spares_trim(struct worker *worker, struct worker_timer *timer)
{
    close_older(worker->tcp, worker->now_ms - SPARE_MS);
    if (worker->tcp->n_spares > 0)
        worker_after(worker, timer, SPARE_MS);
}
