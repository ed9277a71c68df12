/* SPDX-License-Identifier: Apache-2.0
 * The listen addresses, a row each: sockets for every worker. */
#include "io/listener.h"

#include "base/log.h"
#include "io/counters.h"
#include "io/host.h"
#include "io/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void report(struct diags *diags, const struct listen_addr *l, int error)
{
    char where[IP_PORT_TEXT_MAX], why[256];
    diag_error(diags, l->span, "%s: %s", ip_port_text(where, &l->addr, l->port),
               socket_error_text(why, sizeof why, error, l->port));
}

int workers_no_thread(struct diags *diags)
{
    diag_error(diags, (struct span){0}, "cannot start a worker's thread: %s", strerror(errno));
    return E_SYSTEM;
}

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

void io_share_add(struct io_share *share, const struct io_stats *stats)
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
    io_share_add(&w->gone_by_worker[i], &last);
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
int listeners_start(struct workers *w, size_t first, struct diags *diags)
{
    for (size_t k = first; k < w->listeners.n; k++) {
        struct listener *l = w->listeners.v[k];
        for (unsigned i = 0; i < w->n_workers; i++) {
            if (udp_start(l->udp[i], w->limiter, i, w->cpu[i]) != 0)
                return workers_no_thread(diags);
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
void listeners_truncate(struct workers *w, size_t first)
{
    while (w->listeners.n > first)
        listener_free(w, w->listeners.v[--w->listeners.n]);
}

/** Opens what is new, appending it, and marks what is wanted; on failure all is as before. */
int listeners_open_new(struct workers *w, const struct server_config *server, struct diags *diags)
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
        listeners_truncate(w, n_before);
    return result;
}

/** Decides anew which worker gets which packets, and lets every listener follow. */
void listeners_set_dispatch(struct workers *w, const struct server_config *server,
                            struct diags *diags)
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

void listeners_drop_unwanted(struct workers *w)
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

void listeners_follow_host(struct workers *w)
{
    for (size_t i = 0; i < w->listeners.n; i++)
        follow_address(w->listeners.v[i]);
}
