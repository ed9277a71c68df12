/* SPDX-License-Identifier: Apache-2.0
 * Looks at connections that go on, and what is told of them at the end.
 *
 * Counters of members and services are shared by all workers: a connection adds to them when it
 * ends, at looks, and for each TCP_TELL bytes, not for each write. */
#include "base/clock.h"
#include "l4/limits.h"
#include "l4/tcp_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* ---- what is told ---- */

static void tell_way(struct tcp_way *way, _Atomic uint64_t *member, _Atomic uint64_t *service)
{
    uint64_t news = way->bytes - way->told;
    if (news == 0)
        return;
    atomic_fetch_add_explicit(member, news, memory_order_relaxed);
    atomic_fetch_add_explicit(service, news, memory_order_relaxed);
    way->told = way->bytes;
}

void tcp_tell(struct tcp_conn *c)
{
    if (!c->member)
        return;
    tell_way(&c->ways[TCP_CLIENT], &c->member->bytes_in, &c->run->bytes_in);
    tell_way(&c->ways[TCP_MEMBER], &c->member->bytes_out, &c->run->bytes_out);
}

/* Smoothed round-trip time as the kernel has it (tcp(7), TCP_INFO); 0: not known. */
static uint32_t rtt_us(int fd)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_rtt : 0;
}

static void sample(struct tcp *tcp, struct tcp_conn *c)
{
    const struct worker_host *host = tcp->worker->host;
    uint32_t client_us = rtt_us(c->sides[TCP_CLIENT].fd);
    uint32_t member_us = rtt_us(c->sides[TCP_MEMBER].fd);
    if (member_us > 0)
        quantiles_add(&c->member->rtt_us, member_us);
    if (client_us > 0 && host->client_rtt && !c->proxied)
        host->client_rtt(host->ctx, &c->client, client_us);
    c->rtt_us = client_us;
}

void tcp_record(const struct tcp *tcp, const struct tcp_conn *c, struct flow_record *out)
{
    *out = (struct flow_record){
        .service = c->run->name,
        .key = c->member ? c->member->key : "",
        .client = c->client,
        .local = c->server,
        .client_port = c->client_port,
        .local_port = c->server_port,
        .begun_ms = clock_wall_ms() - (tcp->worker->now_ms - c->begun_ms),
        .duration_ms = (uint32_t)(tcp->worker->now_ms - c->begun_ms),
        .connect_us = c->connect_us,
        .rtt_us = c->rtt_us,
        .bytes_in = c->ways[TCP_CLIENT].bytes,
        .bytes_out = c->ways[TCP_MEMBER].bytes,
        .tries = c->tries,
        .relay = c->in_kernel                                           ? "sockhash"
                 : c->ways[TCP_CLIENT].pipe || c->ways[TCP_MEMBER].pipe ? "splice"
                                                                        : "copy",
    };
    if (c->member) {
        out->member = c->member->addr;
        out->member_port = c->member->port;
    }
}

static void tell_host(struct tcp *tcp, struct tcp_conn *c, enum service_result result,
                      const char *why)
{
    struct flow_record record;
    const struct worker_host *host = tcp->worker->host;
    if (!host->ended)
        return;
    tcp_find_server(c);
    tcp_record(tcp, c, &record);
    record.result = result;
    record.end = why;
    host->ended(host->ctx, &record);
}

/* ---- the end ---- */

static void shut(struct tcp_side *side, enum tcp_end end)
{
    static const struct linger none = {.l_onoff = 1, .l_linger = 0};
    if (side->fd < 0)
        return;
    if (end == TCP_END_RESET)
        setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(side->fd);
    side->fd = -1;
}

static void drop_held(struct tcp *tcp, struct tcp_way *way)
{
    if (way->buffer)
        tcp_buffer_put(tcp, way->buffer);
    if (way->pipe)
        tcp_pipe_drop(tcp, way->pipe);
    way->buffer = NULL;
    way->pipe = NULL;
}

/* The counts of what is open fall last: then the main thread may free member and service. */
static void leave(struct tcp *tcp, struct tcp_conn *c)
{
    if (c->entered)
        limits_leave(c->run->limits, &c->client);
    if (c->member)
        member_leave(c->member);
    c->member = NULL;
    service_leave(c->run);
    tcp->n_conns--;
}

void tcp_end(struct tcp *tcp, struct tcp_conn *c, enum tcp_end end, enum service_result result,
             const char *why)
{
    bool relayed = c->state == TCP_RELAYING || c->state == TCP_REST;
    int64_t now_ms = tcp->worker->now_ms;
    /* Two calls for each that ends are felt where thousands do in a second: one a millisecond. */
    if (relayed && now_ms != tcp->sampled_at_ms) {
        tcp->sampled_at_ms = now_ms;
        sample(tcp, c);
    }
    if (c->hashed)
        tcp_kernel_end(tcp, c);
    tcp_tell(c);
    if (!relayed) {
        atomic_fetch_add_explicit(&c->run->results[result], 1, memory_order_relaxed);
        c->prev->next = c->next;
        c->next->prev = c->prev;
    }
    tell_host(tcp, c, result, why);
    wheel_stop(&c->timer.entry);
    if (end == TCP_END_CLOSE && c->ways[TCP_CLIENT].ended && c->ways[TCP_MEMBER].ended)
        tcp_spare_keep(tcp, c);
    for (unsigned i = 0; i < 2; i++) {
        shut(&c->sides[i], end);
        drop_held(tcp, &c->ways[i]);
    }
    leave(tcp, c);
    c->state = TCP_DEAD;
    worker_defer(tcp->worker, &c->task);
}

/* ---- looks ---- */

void tcp_look(struct tcp *tcp, struct tcp_conn *c)
{
    if (c->in_kernel)
        tcp_kernel_count(tcp, c);
    int64_t idle_at_ms = c->active_ms + c->idle_ms, now_ms = tcp->worker->now_ms;
    if (idle_at_ms <= now_ms) {
        /* What one side has not taken in all that time is not left to the kernel. */
        bool stuck = tcp_way_holds(&c->ways[TCP_CLIENT]) || tcp_way_holds(&c->ways[TCP_MEMBER]);
        tcp_end(tcp, c, stuck ? TCP_END_RESET : TCP_END_CLOSE, SERVICE_OK, "idle");
        return;
    }
    uint64_t bytes = c->ways[TCP_CLIENT].bytes + c->ways[TCP_MEMBER].bytes;
    tcp_keep_alive(c, bytes == c->looked_bytes);
    if (bytes != c->looked_bytes)
        sample(tcp, c);
    c->looked_bytes = bytes;
    tcp_tell(c);
    int64_t left_ms = idle_at_ms - now_ms;
    worker_after(tcp->worker, &c->timer, left_ms < TCP_LOOK_MS ? left_ms : TCP_LOOK_MS);
}
