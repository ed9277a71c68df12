/* SPDX-License-Identifier: Apache-2.0
 * The interfaces with AF_XDP: opening them in the best mode to be had, and what the XDP program
 * knows of this host's addresses. */
#include "io/xdp.h"

#include "base/log.h"
#include "base/vec.h"
#include "io/netif.h"
#include "io/socket.h"
#include "io/thread.h"
#include "io/xdp_program.h"
#include "io/xdp_queue.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define BUSY_TRIES 25 /* half a second: seen are 10 to 30 ms */
#define BUSY_WAIT_MS 20
#define MTU_MIN 1280 /* the longest answer with its headers: RFC 8200 5 */

typedef VEC(struct xdp_listen) listen_vec;

struct interface {
    char *name;
    struct netif netif;
    struct xdp_program program;
    struct xdp_queue **queues;
    uint32_t n_queues;
    bool zero_copy;
    bool strips_vlan;  /* to be switched on again at the end */
    listen_vec listen; /* what the program's map holds */
};

struct xdp {
    VEC(struct interface *) interfaces;
};

/* Opening. */

static void close_queues(struct interface *f, struct io_stats *sum)
{
    for (uint32_t i = 0; i < f->n_queues; i++)
        xdp_queue_request_stop(f->queues[i]);
    for (uint32_t i = 0; i < f->n_queues; i++)
        xdp_queue_close(f->queues[i], sum);
    free(f->queues);
    f->queues = NULL;
    f->n_queues = 0;
}

static int open_queues(struct interface *f, bool zero_copy)
{
    struct io_stats none = {0};
    f->zero_copy = zero_copy;
    f->queues = xcalloc(f->netif.queues, sizeof(struct xdp_queue *));
    while (f->n_queues < f->netif.queues) {
        if (xdp_queue_open(&f->queues[f->n_queues], f->name, f->n_queues, zero_copy) != 0) {
            int error = errno;
            close_queues(f, &none);
            errno = error;
            return E_SYSTEM;
        }
        f->n_queues++;
    }
    return 0;
}

/** Zero-copy where the driver can, unless `mode` says otherwise. */
static int open_in_mode(struct interface *f, enum xdp_mode mode)
{
    bool zero_copy = !f->program.generic && (mode == XDP_MODE_AUTO || mode == XDP_MODE_ZERO_COPY);
    if (zero_copy && open_queues(f, true) == 0)
        return 0;
    return zero_copy && mode == XDP_MODE_ZERO_COPY ? E_SYSTEM : open_queues(f, false);
}

static const char *reason(int error)
{
    switch (error) {
    case EPERM:
    case EACCES:
        return "not permitted (it takes root, or CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF)";
    case ENODEV:
        return "there is no such interface";
    case EBUSY:
        return "another XDP program or AF_XDP socket is on it";
    case EOPNOTSUPP:
    case EINVAL:
        return "the driver, or its settings, cannot do that";
    case ENOMEM:
    case ENOBUFS:
        return "out of memory that may be locked (RLIMIT_MEMLOCK)";
    default:
        return strerror(error);
    }
}

static void interface_info(const struct interface *f, struct xdp_info *out)
{
    *out = (struct xdp_info){
        .name = f->name,
        .mode = f->zero_copy         ? "zero-copy"
                : f->program.generic ? "generic"
                                     : "copy",
        .queues = f->n_queues,
    };
}

/** The step that failed, or NULL; errno says why. */
static const char *open_steps(struct interface *f, enum xdp_mode mode)
{
    if (netif_read(&f->netif, f->name) != 0)
        return "cannot look at it";
    if (f->netif.queues > XDP_FILTER_QUEUES || f->netif.mtu < MTU_MIN) {
        errno = ENOTSUP;
        return f->netif.mtu < MTU_MIN ? "its MTU is below 1280" : "it has more than 256 queues";
    }
    if (f->netif.vlan_stripped && netif_strip_vlan(f->name, false) == 0)
        f->strips_vlan = true;
    else if (f->netif.vlan_stripped && f->netif.has_vlans)
        return "VLAN tags cannot be left in its frames";
    bool native_only = mode == XDP_MODE_ZERO_COPY || mode == XDP_MODE_COPY;
    if (xdp_program_attach(&f->program, f->netif.index, native_only, mode == XDP_MODE_GENERIC) != 0)
        return "cannot attach to it";
    return open_in_mode(f, mode) != 0 ? "cannot open its queues" : NULL;
}

static void interface_close(struct interface *f, struct io_stats *sum)
{
    xdp_program_detach(&f->program);
    close_queues(f, sum);
    if (f->strips_vlan)
        (void)!netif_strip_vlan(f->name, true);
    f->strips_vlan = false;
}

/** The step that failed for good, or NULL. The kernel takes a moment to let go of the sockets of a
 *  process that has just ended, such as the loadstard before this one. */
static const char *interface_open(struct interface *f, enum xdp_mode mode)
{
    struct io_stats none = {0};
    for (unsigned tries = 1;; tries++) {
        const char *failed = open_steps(f, mode);
        int error = errno;
        if (!failed)
            return NULL;
        interface_close(f, &none);
        errno = error;
        if (error != EBUSY || tries == BUSY_TRIES)
            return failed;
        poll(NULL, 0, BUSY_WAIT_MS);
    }
}

static void interface_free(struct interface *f, struct io_stats *sum)
{
    interface_close(f, sum);
    vec_free(&f->listen);
    free(f->name);
    free(f);
}

/* Addresses. */

static bool has_listen(const listen_vec *v, const struct xdp_listen *wanted)
{
    for (size_t i = 0; i < v->n; i++)
        if (memcmp(&v->v[i], wanted, sizeof *wanted) == 0)
            return true;
    return false;
}

static void add_listen(listen_vec *v, const struct ip *addr, uint16_t port)
{
    struct xdp_listen l = {.port_be = htons(port), .family = addr->family};
    memcpy(l.addr, addr->b, sizeof l.addr);
    if (v->n < XDP_FILTER_LISTEN && !has_listen(v, &l))
        *vec_push(v) = l;
}

/** Where queries to the listen addresses may arrive from outside: of a wildcard, on each address of
 *  this host; of another, on it if this host has it now. */
static listen_vec find_listen(const struct server_config *server)
{
    listen_vec v = {0};
    struct ip *local;
    size_t n = netif_addresses(&local);
    for (uint32_t k = 0; k < server->n_listen; k++)
        for (size_t i = 0; i < n; i++) {
            const struct listen_addr *l = &server->listen[k];
            bool covers = local[i].family == l->addr.family && socket_is_wildcard(&l->addr);
            if (covers || ip_equal(&local[i], &l->addr))
                add_listen(&v, &local[i], l->port);
        }
    free(local);
    return v;
}

/** Makes the program's map hold what is wanted. What fails is tried again the next time. */
static int follow_listen(struct interface *f, const listen_vec *wanted)
{
    int code = 0;
    listen_vec now = {0};
    for (size_t i = 0; i < f->listen.n; i++) {
        const struct xdp_listen *l = &f->listen.v[i];
        if (!has_listen(wanted, l) && xdp_program_unlisten(&f->program, l) == 0)
            continue;
        code |= has_listen(wanted, l) ? 0 : E_SYSTEM;
        *vec_push(&now) = *l;
    }
    for (size_t i = 0; i < wanted->n; i++) {
        const struct xdp_listen *l = &wanted->v[i];
        if (has_listen(&now, l))
            continue;
        if (xdp_program_listen(&f->program, l) == 0)
            *vec_push(&now) = *l;
        else
            code = E_SYSTEM;
    }
    vec_free(&f->listen);
    f->listen = now;
    return code;
}

static void interface_follow(struct interface *f, const listen_vec *wanted)
{
    struct netif now;
    struct xdp_settings settings = {0};
    if (netif_read(&now, f->name) == 0) /* else it is gone, and nothing arrives there */
        f->netif = now;
    memcpy(settings.mac, f->netif.mac, sizeof settings.mac);
    memcpy(settings.vlan, f->netif.vlan, sizeof settings.vlan);
    if (follow_listen(f, wanted) != 0 || xdp_program_set(&f->program, &settings) != 0)
        log_warning("AF_XDP on %s: cannot follow a change of addresses: %s", f->name,
                    strerror(errno));
}

void xdp_update(struct xdp *x, const struct server_config *server)
{
    listen_vec wanted = find_listen(server);
    for (size_t i = 0; i < x->interfaces.n; i++)
        interface_follow(x->interfaces.v[i], &wanted);
    vec_free(&wanted);
}

struct xdp *xdp_open(const struct server_config *server, struct diags *diags)
{
    struct xdp *x = xcalloc(1, sizeof *x);
    struct io_stats none = {0};
    for (uint32_t i = 0; i < server->xdp.n_interfaces; i++) {
        const struct xdp_interface *wanted = &server->xdp.interfaces[i];
        struct interface *f = xcalloc(1, sizeof *f);
        *f = (struct interface){.name = xstrdup(wanted->name), .program.link_fd = -1};
        const char *failed = interface_open(f, server->xdp.mode);
        if (!failed) {
            *vec_push(&x->interfaces) = f;
            continue;
        }
        diag_warning(diags, wanted->span,
                     "no AF_XDP on %s: %s: %s; its queries go to kernel sockets", f->name, failed,
                     reason(errno));
        interface_free(f, &none);
    }
    if (x->interfaces.n == 0) {
        xdp_close(x, &none);
        return NULL;
    }
    xdp_update(x, server);
    return x;
}

/* Serving. */

static int interface_start(struct interface *f, struct limiter *limiter)
{
    struct xdp_info info;
    for (uint32_t i = 0; i < f->n_queues; i++)
        if (xdp_queue_start(f->queues[i], limiter, i, thread_cpu(i, f->n_queues)) != 0 ||
            xdp_program_set_socket(&f->program, i, xdp_queue_fd(f->queues[i])) != 0)
            return E_SYSTEM;
    interface_info(f, &info);
    log_notice("AF_XDP on %s: %s, %u queue%s", info.name, info.mode, info.queues,
               info.queues == 1 ? "" : "s");
    return 0;
}

int xdp_start(struct xdp *x, struct limiter *limiter)
{
    for (size_t i = 0; i < x->interfaces.n; i++)
        if (interface_start(x->interfaces.v[i], limiter) != 0)
            return E_SYSTEM;
    return 0;
}

void xdp_close(struct xdp *x, struct io_stats *sum)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->interfaces.n; i++)
        interface_free(x->interfaces.v[i], sum);
    vec_free(&x->interfaces);
    free(x);
}

void xdp_stats(const struct xdp *x, struct io_stats *sum)
{
    for (size_t i = 0; i < x->interfaces.n; i++)
        for (uint32_t k = 0; k < x->interfaces.v[i]->n_queues; k++)
            xdp_queue_stats(x->interfaces.v[i]->queues[k], sum);
}

bool xdp_stalled(const struct xdp *x, int64_t now_ms)
{
    bool stalled = false;
    for (size_t i = 0; i < x->interfaces.n; i++)
        for (uint32_t k = 0; k < x->interfaces.v[i]->n_queues; k++)
            stalled |= xdp_queue_stalled(x->interfaces.v[i]->queues[k], now_ms);
    return stalled;
}

bool xdp_interface(const struct xdp *x, uint32_t i, struct xdp_info *out)
{
    if (i >= x->interfaces.n)
        return false;
    interface_info(x->interfaces.v[i], out);
    return true;
}
