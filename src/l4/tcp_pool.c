/* SPDX-License-Identifier: Apache-2.0
 * Records, buffers and pipes. The one that was put back last is taken first: it is in the cache.
 *
 * Records grow in blocks and stay. Of buffers a few are kept, of pipes those that were used in the
 * last seconds. */
#include "l4/tcp_internal.h"

#include "base/arena.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Held at once by flows that are not stuck: a turn of the loop needs one. */
#define BUFFERS_KEPT 64

#define PIPE_BYTES 262144 /* room of a pipe; the kernel counts pages */
#define PIPE_PAGES (PIPE_BYTES / 4096)
#define PIPES_MAX 256 /* of a worker, where the kernel would give more */
#define PIPES_TRIM_MS 5000
#define PIPES_RETRY_MS 1000 /* after one was refused: asking costs more than copying a buffer */

/* ---- records ---- */

static void grow(struct tcp *tcp)
{
    struct tcp_conn *block = xcalloc(TCP_BLOCK, sizeof *block);
    *vec_push(&tcp->blocks) = block;
    for (unsigned i = TCP_BLOCK; i-- > 0;) {
        block[i].spare.fd = -1;
        block[i].next = tcp->free;
        tcp->free = &block[i];
    }
}

struct tcp_conn *tcp_conn_new(struct tcp *tcp)
{
    if (!tcp->free_spares && !tcp->free)
        grow(tcp);
    struct tcp_conn **from = tcp->free_spares ? &tcp->free_spares : &tcp->free, *c = *from;
    *from = c->next;
    memset(c, 0, offsetof(struct tcp_conn, tried));
    c->sides[TCP_CLIENT].fd = c->sides[TCP_MEMBER].fd = -1;
    c->sides[TCP_MEMBER].source.ready = tcp_member_ready; /* a spare may have events */
    tcp->n_conns++;
    return c;
}

void tcp_conn_put(struct tcp *tcp, struct tcp_conn *c)
{
    struct tcp_conn **to = c->spare.fd >= 0 ? &tcp->free_spares : &tcp->free;
    c->state = TCP_FREE;
    c->next = *to;
    *to = c;
}

struct tcp_conn *tcp_conn_at(const struct tcp *tcp, uint32_t i)
{
    return i / TCP_BLOCK < tcp->blocks.n ? &tcp->blocks.v[i / TCP_BLOCK][i % TCP_BLOCK] : NULL;
}

/* ---- buffers ---- */

uint8_t *tcp_buffer_take(struct tcp *tcp)
{
    void *buffer = tcp->free_buffers;
    if (!buffer) {
        tcp->n_buffers++;
        return xmalloc(TCP_BUFFER);
    }
    memcpy(&tcp->free_buffers, buffer, sizeof tcp->free_buffers);
    tcp->n_free_buffers--;
    return buffer;
}

void tcp_buffer_put(struct tcp *tcp, uint8_t *buffer)
{
    if (tcp->n_free_buffers == BUFFERS_KEPT) {
        tcp->n_buffers--;
        free(buffer);
        return;
    }
    memcpy(buffer, &tcp->free_buffers, sizeof tcp->free_buffers);
    tcp->free_buffers = buffer;
    tcp->n_free_buffers++;
}

/* ---- pipes ---- */

uint32_t tcp_pipes_allowed(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/sys/fs/pipe-user-pages-soft", "re");
    if (file) {
        if (fscanf(file, "%lu", &pages) != 1)
            pages = 0;
        fclose(file);
    }
    return pages == 0 ? UINT32_MAX : (uint32_t)(pages / PIPE_PAGES); /* 0: not limited */
}

void tcp_pipes_share(struct tcp *tcp, uint32_t n_workers)
{
    uint32_t share = tcp->pipes_allowed / (n_workers > 0 ? n_workers : 1);
    tcp->max_pipes = share < PIPES_MAX ? share : PIPES_MAX;
}

void tcp_pipe_drop(struct tcp *tcp, struct tcp_pipe *pipe)
{
    close(pipe->ends[0]);
    close(pipe->ends[1]);
    free(pipe);
    tcp->n_pipes--;
}

static struct tcp_pipe *no_pipe(struct tcp *tcp)
{
    tcp->no_pipe_ms = tcp->worker->now_ms + PIPES_RETRY_MS;
    return NULL;
}

/* Past the limits of a user the kernel makes pipes of a page or two, or refuses to make them
 * longer: these are worse than copying. */
static struct tcp_pipe *pipe_new(struct tcp *tcp)
{
    int ends[2];
    if (tcp->n_pipes >= tcp->max_pipes || tcp->worker->now_ms < tcp->no_pipe_ms)
        return NULL;
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return no_pipe(tcp);
    struct tcp_pipe *pipe = xmalloc(sizeof *pipe);
    *pipe = (struct tcp_pipe){.ends = {ends[0], ends[1]}};
    tcp->n_pipes++;
    if (fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) < PIPE_BYTES) {
        tcp_pipe_drop(tcp, pipe);
        return no_pipe(tcp);
    }
    return pipe;
}

struct tcp_pipe *tcp_pipe_take(struct tcp *tcp)
{
    struct tcp_pipe *pipe = tcp->free_pipes;
    if (!pipe)
        return pipe_new(tcp);
    tcp->free_pipes = pipe->next;
    return pipe;
}

void tcp_pipe_put(struct tcp *tcp, struct tcp_pipe *pipe)
{
    pipe->next = tcp->free_pipes;
    tcp->free_pipes = pipe;
    tcp->pipe_put_ms = tcp->worker->now_ms;
    if (!wheel_started(&tcp->trim.entry))
        worker_after(tcp->worker, &tcp->trim, PIPES_TRIM_MS);
}

static void drop_free_pipes(struct tcp *tcp)
{
    for (struct tcp_pipe *pipe = tcp->free_pipes, *next; pipe; pipe = next) {
        next = pipe->next;
        tcp_pipe_drop(tcp, pipe);
    }
    tcp->free_pipes = NULL;
}

void tcp_pipes_trim(struct worker *worker, struct worker_timer *timer)
{
    int64_t unused_ms = worker->now_ms - worker->tcp->pipe_put_ms;
    if (unused_ms < PIPES_TRIM_MS)
        worker_after(worker, timer, PIPES_TRIM_MS - unused_ms);
    else
        drop_free_pipes(worker->tcp);
}

void tcp_pool_free(struct tcp *tcp)
{
    drop_free_pipes(tcp);
    while (tcp->free_buffers)
        free(tcp_buffer_take(tcp));
    for (size_t i = 0; i < tcp->blocks.n; i++)
        free(tcp->blocks.v[i]);
    vec_free(&tcp->blocks);
}
