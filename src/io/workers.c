/* SPDX-License-Identifier: Apache-2.0
 * The workers' threads: a row of sockets per address (listener.c), a column per worker.
 *
 * Everything here runs on the control thread. */
#include "io/workers.h"

#include "io/listener.h"
#include "io/netif.h"
#include "io/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct tcp_limits tcp_limits(const struct server_config *server, uint32_t max_connections)
{
    return (struct tcp_limits){
        .max_connections = max_connections,
        .max_per_client = server->tcp.max_per_client,
        .idle_timeout_ms = server->tcp.idle_timeout_ms,
    };
}

int workers_bind(struct workers **out, const struct server_config *server, uint32_t max_connections,
                 struct diags *diags)
{
    struct workers *w = xcalloc(1, sizeof *w);
    w->n_workers = server->workers;
    w->watch_fd = -1;
    w->cpu = xcalloc(w->n_workers, sizeof *w->cpu);
    w->gone_by_worker = xcalloc(w->n_workers, sizeof *w->gone_by_worker);
    for (unsigned i = 0; i < w->n_workers; i++)
        w->cpu[i] = thread_cpu(i, w->n_workers);
    w->clients = clients_new();
    w->tcp = xcalloc(w->n_workers, sizeof(struct tcp_server *));
    w->limiter = limiter_new();
    if (!w->limiter) {
        diag_error(diags, (struct span){0}, "no memory for the table of client networks");
        workers_stop(w);
        return E_SYSTEM;
    }
    for (unsigned i = 0; i < w->n_workers; i++)
        if (tcp_open(&w->tcp[i], w->clients, tcp_limits(server, max_connections)) != 0) {
            diag_error(diags, (struct span){0}, "cannot set up TCP: %s", strerror(errno));
            workers_stop(w);
            return E_SYSTEM;
        }
    if (listeners_open_new(w, server, diags) != 0) {
        workers_stop(w);
        return E_SYSTEM;
    }
    listeners_set_dispatch(w, server, diags);
    if (server->xdp.n_interfaces > 0)
        w->xdp = xdp_open(server, diags);
    w->watch_fd = netif_watch();
    *out = w;
    return 0;
}

int workers_start(struct workers *w, struct diags *diags)
{
    for (unsigned i = 0; i < w->n_workers; i++)
        if (tcp_start(w->tcp[i], i, w->cpu[i]) != 0)
            return workers_no_thread(diags);
    if (listeners_start(w, 0, diags) != 0)
        return E_SYSTEM;
    return w->xdp && xdp_start(w->xdp, w->limiter) != 0 ? workers_no_thread(diags) : 0;
}

int workers_reload(struct workers *w, const struct server_config *server, uint32_t max_connections,
                   struct diags *diags)
{
    size_t n_before = w->listeners.n;
    if (listeners_open_new(w, server, diags) != 0)
        return E_SYSTEM;
    if (listeners_start(w, n_before, diags) != 0) {
        listeners_truncate(w, n_before);
        return E_SYSTEM;
    }
    if (server->workers != w->n_workers)
        diag_warning(diags, (struct span){0},
                     "server.workers: %u now, and %u after the next restart", w->n_workers,
                     server->workers);
    listeners_set_dispatch(w, server, diags);
    workers_follow_host(w, server);
    listeners_drop_unwanted(w);
    for (unsigned i = 0; i < w->n_workers; i++)
        tcp_set_limits(w->tcp[i], tcp_limits(server, max_connections));
    return 0;
}

void workers_stop(struct workers *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < w->n_workers; i++)
        if (w->tcp[i])
            tcp_request_stop(w->tcp[i]);
    xdp_close(w->xdp, &w->gone);
    listeners_truncate(w, 0);
    for (unsigned i = 0; i < w->n_workers; i++)
        tcp_close(w->tcp[i]);
    if (w->watch_fd >= 0)
        close(w->watch_fd);
    vec_free(&w->listeners);
    free(w->tcp);
    free(w->cpu);
    free(w->gone_by_worker);
    free(w->clients);
    limiter_free(w->limiter);
    free(w);
}

void workers_stats(const struct workers *w, struct io_stats *out)
{
    *out = w->gone;
    for (size_t i = 0; i < w->listeners.n; i++)
        for (unsigned k = 0; k < w->n_workers; k++)
            udp_stats(w->listeners.v[i]->udp[k], out);
    for (unsigned i = 0; i < w->n_workers; i++)
        tcp_stats(w->tcp[i], out);
    if (w->xdp)
        xdp_stats(w->xdp, out);
}

bool workers_stalled(struct workers *w, int64_t now_ms)
{
    bool stalled = false;
    for (size_t i = 0; i < w->listeners.n; i++)
        for (unsigned k = 0; k < w->n_workers; k++)
            stalled |= udp_stalled(w->listeners.v[i]->udp[k], now_ms);
    return (w->xdp && xdp_stalled(w->xdp, now_ms)) || stalled;
}

void workers_shares(const struct workers *w, struct io_shares *out)
{
    *out = (struct io_shares){.n_workers = w->n_workers, .n_listeners = (uint32_t)w->listeners.n};
    out->workers = xcalloc(w->n_workers, sizeof *out->workers);
    out->listeners = xcalloc(w->listeners.n, sizeof *out->listeners);
    memcpy(out->workers, w->gone_by_worker, w->n_workers * sizeof *out->workers);
    for (size_t i = 0; i < w->listeners.n; i++) {
        const struct listener *l = w->listeners.v[i];
        out->listeners[i].addr = l->addr;
        out->listeners[i].port = l->port;
        out->listeners[i].absent = l->absent;
        for (unsigned k = 0; k < w->n_workers; k++) {
            struct io_stats one = {0};
            udp_stats(l->udp[k], &one);
            io_share_add(&out->listeners[i], &one);
            io_share_add(&out->workers[k], &one);
        }
    }
}

void io_shares_free(struct io_shares *shares)
{
    free(shares->workers);
    free(shares->listeners);
    *shares = (struct io_shares){0};
}

const struct limiter *workers_limiter(const struct workers *w)
{
    return w->limiter;
}

bool workers_xdp(const struct workers *w, uint32_t i, struct xdp_info *out)
{
    return w->xdp && xdp_interface(w->xdp, i, out);
}

int workers_watch_fd(const struct workers *w)
{
    return w->watch_fd;
}

void workers_follow_host(struct workers *w, const struct server_config *server)
{
    if (w->watch_fd >= 0)
        netif_watched(w->watch_fd);
    listeners_follow_host(w);
    if (w->xdp)
        xdp_update(w->xdp, server);
}
