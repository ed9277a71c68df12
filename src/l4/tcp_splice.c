/* SPDX-License-Identifier: Apache-2.0
 * Bulk moves through a pipe (splice(2)): the kernel hands on the pages that it has received. A way
 * takes a pipe when it reads and gives it back when that is written, as it does with buffers: what
 * it held is the only reason to keep one. */
#include "l4/tcp_internal.h"

#include <errno.h>
#include <fcntl.h>

#define SPLICE_MAX 262144 /* what a pipe has room for, at best */

/* What the kernel's relay has left to us does not come by splice(2). */
bool tcp_splice_wanted(struct tcp *tcp, const struct tcp_conn *c, struct tcp_way *way)
{
    if (!tcp_is_bulk(way) || c->relay == L4_RELAY_COPY || c->keys[TCP_CLIENT] != 0)
        return false;
    way->pipe = tcp_pipe_take(tcp);
    return way->pipe != NULL;
}

static void give_back(struct tcp *tcp, struct tcp_way *way)
{
    int error = errno;
    tcp_pipe_put(tcp, way->pipe);
    way->pipe = NULL;
    way->begin = way->end = 0;
    errno = error;
}

/* That there was less than asked for does not say that there is no more: the pipe may be full
 * before, with pages that are not. Nor does it say much that there was nothing: splice(2) does not
 * get past the urgent mark, where it gives 0 if an end has come, be it behind more bytes. */
enum tcp_move tcp_splice_fill(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_side *side = &c->sides[from];
    struct tcp_way *way = &c->ways[from];
    ssize_t n = splice(side->fd, NULL, way->pipe->ends[1], NULL, SPLICE_MAX,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n <= 0) {
        give_back(tcp, way);
        if (n == 0 || (errno == EAGAIN && side->read_on))
            return tcp_copy_fill(tcp, c, from);
        if (errno != EAGAIN)
            return TCP_FAILED;
        side->readable = false;
        return TCP_WAITS;
    }
    way->begin = 0;
    way->end = (uint32_t)n;
    tcp_note_read(way, n >= TCP_BUFFER);
    return TCP_MOVED;
}

enum tcp_move tcp_splice_flush(struct tcp *tcp, struct tcp_conn *c, unsigned from)
{
    struct tcp_side *to = &c->sides[!from];
    struct tcp_way *way = &c->ways[from];
    ssize_t n = splice(way->pipe->ends[0], NULL, to->fd, NULL, way->end - way->begin,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0)
        return errno == EAGAIN ? TCP_WAITS : TCP_FAILED;
    way->begin += (uint32_t)n;
    way->bytes += (uint64_t)n;
    if (way->begin == way->end)
        give_back(tcp, way);
    return TCP_MOVED;
}
