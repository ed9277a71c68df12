/* SPDX-License-Identifier: Apache-2.0
 * What a plan is to this worker: which listeners it reads, which members there are. Runs when a
 * plan comes, not for datagrams; the plan before is still held, so that its listeners are open. */
#include "l4/udp.h"

#include "base/arena.h"
#include "l4/listeners.h"

#include <stdlib.h>

/* ---- members ---- */

static int by_member(const void *a, const void *b)
{
    const struct udp_peer *const *x = a, *const *y = b;
    uintptr_t m = (uintptr_t)(*x)->member, n = (uintptr_t)(*y)->member;
    return (m > n) - (m < n);
}

/** Among the first n, which are in order. */
static struct udp_peer *peer_find(const struct udp *udp, uint32_t n, struct member *member)
{
    struct udp_peer key = {.member = member}, *p = &key;
    struct udp_peer **found =
        n ? bsearch(&p, udp->peers, n, sizeof(struct udp_peer *), by_member) : NULL;
    return found ? *found : NULL;
}

static struct udp_peer *peer_new(struct udp *udp, struct member *member)
{
    struct udp_peer *peer = xcalloc(1, sizeof *peer);
    struct sockaddr_storage name;
    peer->member = member;
    peer->name_len = ip_to_sockaddr(&name, &member->addr, member->port);
    memcpy(&peer->name, &name, sizeof peer->name);
    udp->peers = xrealloc(udp->peers, (udp->n_peers + 1) * sizeof(struct udp_peer *));
    udp->peers[udp->n_peers++] = peer;
    return peer;
}

static void sort_peers(struct udp *udp)
{
    if (udp->n_peers)
        qsort(udp->peers, udp->n_peers, sizeof(struct udp_peer *), by_member);
}

struct udp_peer *udp_peer_of(struct udp *udp, struct member *member)
{
    struct udp_peer *peer = peer_find(udp, udp->n_peers, member);
    if (peer)
        return peer;
    peer = peer_new(udp, member);
    peer->index = UDP_NONE;
    sort_peers(udp);
    return peer;
}

static bool peer_is_unused(const struct udp_peer *peer)
{
    return peer->index == UDP_NONE && peer->n_flows == 0;
}

void udp_peer_drop(struct udp *udp, struct udp_peer *peer)
{
    uint32_t i = 0;
    if (!peer_is_unused(peer))
        return;
    udp_publish(udp);
    while (udp->peers[i] != peer)
        i++;
    memmove(&udp->peers[i], &udp->peers[i + 1], (--udp->n_peers - i) * sizeof(struct udp_peer *));
    free(peer);
}

/** Frees all that nothing has. */
static void drop_unused(struct udp *udp)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < udp->n_peers; i++) {
        if (peer_is_unused(udp->peers[i]))
            free(udp->peers[i]);
        else
            udp->peers[n++] = udp->peers[i];
    }
    udp->n_peers = n;
}

static void follow_set(struct udp *udp, struct udp_set *mine, const struct plan_set *set,
                       uint32_t n_known)
{
    mine->peers = xcalloc(set->n_members + 1, sizeof(struct udp_peer *));
    for (uint32_t i = 0; i < set->n_members; i++) {
        struct udp_peer *peer = peer_find(udp, n_known, set->members[i].member);
        if (!peer)
            peer = peer_new(udp, set->members[i].member);
        peer->index = i;
        peer->down = set->members[i].state == MEMBER_DOWN;
        mine->peers[i] = peer;
    }
}

static void free_sets(struct udp *udp)
{
    for (uint32_t i = 0; i < udp->n_sets; i++)
        free(udp->sets[i].peers);
    free(udp->sets);
    udp->sets = NULL;
    udp->n_sets = 0;
}

static void follow_members(struct udp *udp, const struct plan *plan)
{
    udp_publish(udp);
    free_sets(udp);
    for (uint32_t i = 0; i < udp->n_peers; i++) {
        udp->peers[i]->index = UDP_NONE;
        udp->peers[i]->down = false;
    }
    udp->n_sets = plan->config->n_sets;
    udp->sets = xcalloc(udp->n_sets + 1, sizeof *udp->sets);
    uint32_t n_known = udp->n_peers;
    for (uint32_t i = 0; i < plan->config->n_services; i++) {
        const struct l4_service *service = plan->services[i].config;
        if (service->udp && !udp->sets[service->set].peers)
            follow_set(udp, &udp->sets[service->set], &plan->sets[service->set], n_known);
    }
    drop_unused(udp);
    sort_peers(udp);
}

/** Of the flows that are past it now, or the first one to come. */
static int64_t next_close(const struct udp *udp)
{
    int64_t next_ms = udp->close_at_ms;
    for (uint32_t i = 0; i < udp->n_peers; i++) {
        const struct udp_peer *peer = udp->peers[i];
        int64_t at_ms = atomic_load_explicit(&peer->member->close_at_ms, memory_order_relaxed);
        if (peer->n_flows && at_ms < next_ms)
            next_ms = at_ms;
    }
    return next_ms;
}

void udp_closing_start(struct udp *udp)
{
    int64_t next_ms = next_close(udp);
    wheel_stop(&udp->closing.entry);
    if (next_ms != MEMBER_NEVER)
        wheel_start(&udp->worker->wheel, &udp->closing.entry, next_ms);
}

/* ---- listeners ---- */

void udp_listener_remove(struct udp *udp, struct udp_listener *listener)
{
    for (uint32_t i = 0; i < udp->n_made; i++) {
        struct udp_flow *flow = udp_flow_at(udp, i);
        if (flow->peer && flow->key.listener == listener->index)
            udp_flow_end(udp, flow, "closed");
    }
    udp_publish(udp);
    /* Whoever else has the socket (a new process) keeps it open, so that closing ours would not
     * end this. */
    worker_unwatch(udp->worker, listener->fd);
    listener->fd = -1;
}

/** A plan that is followed. */
struct following {
    struct udp *udp;
    struct udp_listener **known; /* that are open, ascending by their descriptors */
    uint32_t n_known;
    uint32_t first_free; /* no entry before it is */
};

static int by_fd(const void *a, const void *b)
{
    const struct udp_listener *x = *(struct udp_listener *const *)a;
    const struct udp_listener *y = *(struct udp_listener *const *)b;
    return (x->fd > y->fd) - (x->fd < y->fd);
}

/** Looks at those that are open now. */
static void know(struct following *f)
{
    f->n_known = 0;
    for (uint32_t i = 0; i < f->udp->n_listeners; i++)
        if (f->udp->listeners[i]->fd >= 0)
            f->known[f->n_known++] = f->udp->listeners[i];
    if (f->n_known)
        qsort(f->known, f->n_known, sizeof(struct udp_listener *), by_fd);
}

static struct udp_listener *listener_find(const struct following *f, int fd,
                                          const struct service_run *run)
{
    const struct udp_listener key = {.fd = fd}, *p = &key;
    struct udp_listener **found =
        f->n_known ? bsearch(&p, f->known, f->n_known, sizeof(struct udp_listener *), by_fd) : NULL;
    return found && (*found)->run == run ? *found : NULL;
}

/** An entry that is free; entries do not go away, as events of this turn may name them. */
static struct udp_listener *listener_entry(struct following *f)
{
    struct udp *udp = f->udp;
    for (; f->first_free < udp->n_listeners; f->first_free++) {
        if (udp->listeners[f->first_free]->fd < 0)
            return udp->listeners[f->first_free];
    }
    if (udp->n_listeners > UINT16_MAX)
        return NULL;
    udp->listeners =
        xrealloc(udp->listeners, (udp->n_listeners + 1) * sizeof(struct udp_listener *));
    struct udp_listener *listener = xcalloc(1, sizeof *listener);
    listener->index = (uint16_t)udp->n_listeners;
    udp->listeners[udp->n_listeners++] = listener;
    return listener;
}

static void listener_set(struct udp_listener *listener, const struct plan_service *service,
                         const struct l4_listen *listen)
{
    listener->service = service;
    listener->addr = &listen->addr;
    listener->port = listen->port;
    listener->wanted = true;
}

static void listener_add(struct following *f, const struct plan_service *service,
                         const struct l4_listen *listen, int fd)
{
    int on = 1;
    struct udp *udp = f->udp;
    struct udp_listener *listener = listener_entry(f);
    if (!listener)
        return;
    *listener = (struct udp_listener){
        .source = {udp_listener_ready},
        .fd = fd,
        .index = listener->index,
        .v6 = listen->addr.family == IP_V6,
        .wildcard = listeners_is_wildcard(&listen->addr),
        .run = service->run,
        .answered_ms = -UDP_ANSWERS_MS, /* never */
    };
    listener_set(listener, service, listen);
    if (udp->bursts)
        setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    if (worker_watch(udp->worker, fd, EPOLLIN, &listener->source) != 0)
        listener->fd = -1;
}

/** Calls fn for each listener of this worker that the plan has. */
static void each_listener(struct following *f, const struct plan *plan,
                          void (*fn)(struct following *f, const struct plan_service *service,
                                     const struct l4_listen *listen, int fd))
{
    const struct udp *udp = f->udp;
    if (udp->worker->nth >= plan->n_workers)
        return;
    for (uint32_t i = 0; i < plan->config->n_services; i++) {
        const struct plan_service *service = &plan->services[i];
        for (uint32_t j = 0; service->config->udp && j < service->config->n_listens; j++)
            for (uint32_t k = udp->worker->nth; k < plan->n_sockets; k += plan->n_workers)
                fn(f, service, &service->config->listens[j],
                   service->listeners[(size_t)j * plan->n_sockets + k]);
    }
}

static void keep(struct following *f, const struct plan_service *service,
                 const struct l4_listen *listen, int fd)
{
    struct udp_listener *listener = listener_find(f, fd, service->run);
    if (fd >= 0 && listener)
        listener_set(listener, service, listen);
}

static void add_new(struct following *f, const struct plan_service *service,
                    const struct l4_listen *listen, int fd)
{
    if (fd >= 0 && !f->udp->draining && !listener_find(f, fd, service->run))
        listener_add(f, service, listen, fd);
}

static void follow_listeners(struct udp *udp, const struct plan *plan)
{
    struct following f = {.udp = udp,
                          .known = xcalloc(udp->n_listeners + 1, sizeof(struct udp_listener *))};
    for (uint32_t i = 0; i < udp->n_listeners; i++)
        udp->listeners[i]->wanted = false;
    know(&f);
    each_listener(&f, plan, keep);
    for (uint32_t i = 0; i < udp->n_listeners; i++) {
        if (udp->listeners[i]->fd >= 0 && !udp->listeners[i]->wanted)
            udp_listener_remove(udp, udp->listeners[i]);
    }
    know(&f);
    each_listener(&f, plan, add_new);
    free(f.known);
}

/** How many flows the services of a plan may have. */
static uint32_t flows_max(const struct plan *plan)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < plan->config->n_services; i++) {
        const struct l4_service *service = plan->services[i].config;
        n += service->udp ? service->limits.connections : 0;
    }
    return n > UINT32_C(1) << 30 ? UINT32_C(1) << 30 : (uint32_t)n;
}

void udp_follow(struct udp *udp, struct plan *before)
{
    const struct plan *plan = udp->worker->plan;
    (void)before;
    udp_flush(udp); /* by the listeners that they are for: their entries may become others' */
    udp_table_reserve(udp, flows_max(plan));
    udp_ports_reserve(udp, plan->n_ports);
    follow_listeners(udp, plan);
    follow_members(udp, plan);
    udp_closing_start(udp);
}
