/* SPDX-License-Identifier: Apache-2.0
 * The listen addresses and their sockets and threads: a row per address, a column per worker.
 *
 * Everything here runs on the control thread. */
#include "io/workers.h"

#include "base/log.h"
#include "base/vec.h"
#include "io/counters.h"
#include "io/dispatch.h"
#include "io/host.h"
#include "io/netif.h"
#include "io/socket.h"
#include "io/tcp.h"
#include "io/thread.h"
#include "io/udp.h"
#include "io/xdp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct listener {
    struct ip addr;
    uint16_t port;
    bool wanted;             /* by the configuration being loaded */
    bool absent;             /* no interface has the address now */
    struct udp_server **udp; /* n_workers */
    int *tcp_fd;             /* n_workers; the first n_started are the TCP threads' to close */
    unsigned n_started;      /* workers that answer on it */
    enum dispatch dispatch;  /* in force */
};

struct workers {
    unsigned n_workers;
    int *cpu; /* n_workers; -1: on any core */
    VEC(struct listener *) listeners;
    struct tcp_server **tcp; /* n_workers */
    struct clients *clients;
    struct limiter *limiter;
    struct xdp *xdp;                 /* NULL: none */
    int watch_fd;                    /* news of this host's addresses; -1: not needed */
    struct io_stats gone;            /* counters of listeners that were dropped */
    struct io_share *gone_by_worker; /* n_workers */
};

static struct tcp_limits tcp_limits(const struct server_config *server, uint32_t max_connections)
{
    return (struct tcp_limits){
        .max_connections = max_connections,
        .max_per_client = server->tcp.max_per_client,
        .idle_timeout_ms = server->tcp.idle_timeout_ms,
    };
}

static void report(struct diags *diags, const struct listen_addr *l, int error)
{
    char where[IP_PORT_TEXT_MAX], why[256];
    diag_error(diags, l->span, "%s: %s", ip_port_text(where, &l->addr, l->port),
               socket_error_text(why, sizeof why, error, l->port));
}

static int no_thread(struct diags *diags)
{
    diag_error(diags, (struct span){0}, "cannot start a worker's thread: %s", strerror(errno));
    return E_SYSTEM;
}

/* Listeners. */

static struct listener *listener_new(const struct workers *w, const struct listen_addr *l)
{
    struct listener *listener = xcalloc(1, sizeof *listener);
    listener->addr = l->addr;
    listener->port = l->port;
    listener->dispatch = DISPATCH_HASH;
    listener->udp = xcalloc(w->n_workers, sizeof(struct udp_server *));
    listener->tcp_fd = xcalloc(w->n_workers, sizeof(int));
    for (unsigned i = 0; i < w->n_workers; i++)
        listener->tcp_fd[i] = -1;
    return listener;
}

static void share_add(struct io_share *share, const struct io_stats *stats)
{
    share->udp_received += stats->udp_received;
    share->udp_kernel_drops += stats->udp_kernel_drops;
}

/** Closes worker i's socket and keeps its counters. NULL is allowed for the server. */
static void close_udp(struct workers *w, struct udp_server *s, unsigned i)
{
    struct io_stats last = {0};
    udp_close(s, &last);
    COUNTERS_ADD(&w->gone, &last);
    share_add(&w->gone_by_worker[i], &last);
}

/** Stops answering on it, after what is queued, and frees it. */
static void listener_free(struct workers *w, struct listener *l)
{
    for (unsigned i = 0; i < w->n_workers; i++) {
        if (l->udp[i])
            udp_request_stop(l->udp[i]);
        if (i < l->n_started)
            tcp_unlisten(w->tcp[i], l->tcp_fd[i]);
        else if (l->tcp_fd[i] >= 0)
            close(l->tcp_fd[i]);
    }
    for (unsigned i = 0; i < w->n_workers; i++)
        close_udp(w, l->udp[i], i);
    free(l->udp);
    free(l->tcp_fd);
    free(l);
}

/** Opens the sockets of one address. Returns NULL with the reason in diags. */
static struct listener *listener_open(struct workers *w, const struct listen_addr *config,
                                      struct diags *diags)
{
    struct listener *l = listener_new(w, config);
    for (unsigned i = 0; i < w->n_workers; i++)
        if (udp_open(&l->udp[i], &l->addr, l->port) != 0 ||
            socket_open_tcp(&l->tcp_fd[i], &l->addr, l->port) != 0) {
            report(diags, config, errno);
            listener_free(w, l);
            return NULL;
        }
    l->absent = !host_has_address(&l->addr);
    return l;
}

/** Lets the threads answer on those from `first` on. */
static int start_listeners(struct workers *w, size_t first, struct diags *diags)
{
    for (size_t k = first; k < w->listeners.n; k++) {
        struct listener *l = w->listeners.v[k];
        for (unsigned i = 0; i < w->n_workers; i++) {
            if (udp_start(l->udp[i], w->limiter, i, w->cpu[i]) != 0)
                return no_thread(diags);
            tcp_listen(w->tcp[i], l->tcp_fd[i]);
            l->n_started++;
        }
    }
    return 0;
}

static struct listener *find(const struct workers *w, const struct listen_addr *config)
{
    for (size_t i = 0; i < w->listeners.n; i++) {
        struct listener *l = w->listeners.v[i];
        if (l->port == config->port && ip_equal(&l->addr, &config->addr))
            return l;
    }
    return NULL;
}

static bool port_is_ours(const struct workers *w, uint16_t port)
{
    for (size_t i = 0; i < w->listeners.n; i++)
        if (w->listeners.v[i]->port == port)
            return true;
    return false;
}

/** Checks that no other process has the addresses that are new. A port of which we have sockets
 *  already is not probed: they would be in the way (a wildcard beside an address). */
static int probe_new(const struct workers *w, const struct server_config *server,
                     struct diags *diags)
{
    int result = 0;
    for (uint32_t i = 0; i < server->n_listen; i++) {
        const struct listen_addr *l = &server->listen[i];
        if (host_has_family(&l->addr) && !port_is_ours(w, l->port) &&
            socket_probe(&l->addr, l->port) != 0) {
            report(diags, l, errno);
            result = E_SYSTEM;
        }
    }
    return result;
}

/** Frees the listeners from `first` on. */
static void truncate_listeners(struct workers *w, size_t first)
{
    while (w->listeners.n > first)
        listener_free(w, w->listeners.v[--w->listeners.n]);
}

/** Opens what is new, appending it, and marks what is wanted; on failure all is as before. */
static int open_new(struct workers *w, const struct server_config *server, struct diags *diags)
{
    if (probe_new(w, server, diags) != 0)
        return E_SYSTEM;
    size_t n_before = w->listeners.n;
    int result = 0;
    for (size_t i = 0; i < n_before; i++)
        w->listeners.v[i]->wanted = false;
    for (uint32_t i = 0; i < server->n_listen; i++) {
        struct listener *l = find(w, &server->listen[i]);
        if (!l && !host_has_family(&server->listen[i].addr)) {
            if (!server->listen[i].span.file) /* of the others host_check() has told */
                log_notice("the kernel of this machine has no IPv6: IPv4 alone is served");
            continue;
        }
        if (!l) {
            l = listener_open(w, &server->listen[i], diags);
            if (l)
                *vec_push(&w->listeners) = l;
            else
                result = E_SYSTEM; /* goes on, to list every address that cannot be had */
        }
        if (l)
            l->wanted = true;
    }
    if (result != 0)
        truncate_listeners(w, n_before);
    return result;
}

/** Decides anew which worker gets which packets, and lets every listener follow. */
static void set_dispatch(struct workers *w, const struct server_config *server, struct diags *diags)
{
    enum dispatch dispatch =
        dispatch_decide(server->dispatch,
                        dispatch_interfaces_spread(DISPATCH_SYS_NET, w->n_workers), w->cpu,
                        w->n_workers);
    if (server->dispatch == DISPATCH_CPU && dispatch != DISPATCH_CPU)
        diag_warning(diags, (struct span){0},
                     "server.dispatch: cpu has no effect: it needs more than one worker, and one "
                     "for each core that the process may use");
    bool changed = false;
    for (size_t i = 0; i < w->listeners.n; i++) {
        struct listener *l = w->listeners.v[i];
        if (l->dispatch == dispatch)
            continue;
        if (udp_dispatch(l->udp[0], dispatch, w->cpu, w->n_workers) == 0) {
            l->dispatch = dispatch;
            changed = true;
            continue;
        }
        char where[IP_PORT_TEXT_MAX];
        diag_warning(diags, (struct span){0}, "server.dispatch: %s stays as it is: %s",
                     ip_port_text(where, &l->addr, l->port), strerror(errno));
    }
    if (changed)
        log_notice("UDP queries go to workers %s",
                   dispatch == DISPATCH_CPU ? "by the core that takes them in" : "by hash");
}

/* The whole. */

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
    if (open_new(w, server, diags) != 0) {
        workers_stop(w);
        return E_SYSTEM;
    }
    set_dispatch(w, server, diags);
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
            return no_thread(diags);
    if (start_listeners(w, 0, diags) != 0)
        return E_SYSTEM;
    return w->xdp && xdp_start(w->xdp, w->limiter) != 0 ? no_thread(diags) : 0;
}

static void drop_unwanted(struct workers *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->listeners.n; i++) {
        if (w->listeners.v[i]->wanted)
            w->listeners.v[kept++] = w->listeners.v[i];
        else
            listener_free(w, w->listeners.v[i]);
    }
    if (kept == w->listeners.n)
        return;
    w->listeners.n = kept;
    for (unsigned i = 0; i < w->n_workers; i++)
        tcp_sync(w->tcp[i]);
}

int workers_reload(struct workers *w, const struct server_config *server, uint32_t max_connections,
                   struct diags *diags)
{
    size_t n_before = w->listeners.n;
    if (open_new(w, server, diags) != 0)
        return E_SYSTEM;
    if (start_listeners(w, n_before, diags) != 0) {
        truncate_listeners(w, n_before);
        return E_SYSTEM;
    }
    if (server->workers != w->n_workers)
        diag_warning(diags, (struct span){0},
                     "server.workers: %u now, and %u after the next restart", w->n_workers,
                     server->workers);
    set_dispatch(w, server, diags);
    workers_follow_host(w, server);
    drop_unwanted(w);
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
    truncate_listeners(w, 0);
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
            share_add(&out->listeners[i], &one);
            share_add(&out->workers[k], &one);
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

static void follow_address(struct listener *l)
{
    char where[IP_PORT_TEXT_MAX];
    bool absent = !host_has_address(&l->addr);
    if (absent == l->absent)
        return;
    l->absent = absent;
    ip_port_text(where, &l->addr, l->port);
    if (absent)
        log_warning("%s: no interface of this machine has this address any more", where);
    else
        log_notice("%s: this machine has the address now", where);
}

void workers_follow_host(struct workers *w, const struct server_config *server)
{
    if (w->watch_fd >= 0)
        netif_watched(w->watch_fd);
    for (size_t i = 0; i < w->listeners.n; i++)
        follow_address(w->listeners.v[i]);
    if (w->xdp)
        xdp_update(w->xdp, server);
}
