/* SPDX-License-Identifier: Apache-2.0
 * The socket of a flow, and the local port that it takes.
 *
 * A port that the kernel chooses is nobody else's, and there are only so many of these for the
 * whole host (net.ipv4.ip_local_port_range). So a worker takes a share of them (plan.n_ports), one
 * a flow; once it has that, another flow goes beside one of a member that has another address or
 * port: the kernel tells connected sockets apart by both ends. That one member may so have as many
 * flows as there are ports, and all together that many times members.
 *
 * SO_REUSEADDR is what lets sockets share a port, and it is set behind the kernel's choice, as one
 * that has it is given ports that others have. Who else sets it, on this host, could get into a
 * port all the same: not by chance, as no port is chosen that is in use. */
#include "l4/udp.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/** Ports that are looked at for one to share. With 7 of 8 taken at the member, one in 5,000 finds
 *  none of those that are left. */
#define SHARE_TRIES 64

void udp_ports_reserve(struct udp *udp, uint32_t max)
{
    struct udp_ports *ports = &udp->ports;
    if (max > ports->room) {
        ports->first = xrealloc(ports->first, max * sizeof *ports->first);
        ports->room = max;
    }
    ports->max = max;
}

void udp_ports_free(struct udp *udp)
{
    free(udp->ports.first);
}

static bool is_alone(const struct udp *udp, const struct udp_flow *flow)
{
    return udp->ports.first[flow->port] == flow->at && flow->beside == UDP_NONE;
}

/* ---- which flows have which port ---- */

static void port_put(struct udp *udp, struct udp_flow *flow, uint32_t port, uint32_t beside)
{
    flow->port = port;
    flow->beside = beside;
    udp->ports.first[port] = flow->at;
}

/** The last port takes the place of one that nobody has any more. */
static void port_close(struct udp *udp, uint32_t port)
{
    struct udp_ports *ports = &udp->ports;
    ports->first[port] = ports->first[--ports->n];
    for (uint32_t at = ports->first[port]; port < ports->n && at != UDP_NONE;) {
        struct udp_flow *flow = udp_flow_at(udp, at);
        flow->port = port;
        at = flow->beside;
    }
}

static void port_leave(struct udp *udp, struct udp_flow *flow)
{
    uint32_t port = flow->port;
    if (port == UDP_NONE)
        return;
    uint32_t *at = &udp->ports.first[port];
    while (*at != flow->at)
        at = &udp_flow_at(udp, *at)->beside;
    *at = flow->beside;
    flow->port = UDP_NONE;
    if (udp->ports.first[port] == UDP_NONE)
        port_close(udp, port);
}

/** Beside `mate`; NULL: a port of its own. */
static void port_enter(struct udp *udp, struct udp_flow *flow, const struct udp_flow *mate)
{
    if (mate)
        port_put(udp, flow, mate->port, udp->ports.first[mate->port]);
    else
        port_put(udp, flow, udp->ports.n++, UDP_NONE);
}

/* ---- ports that are shared ---- */

static bool is_same_place(const struct udp_peer *a, const struct udp_peer *b)
{
    return a->name_len == b->name_len && memcmp(&a->name, &b->name, a->name_len) == 0;
}

/** A flow that has the port, if one towards that member may have it, too; but the one that moves.
 */
static const struct udp_flow *mate_at(const struct udp *udp, uint32_t port,
                                      const struct udp_flow *moves, const struct udp_peer *peer)
{
    const struct udp_flow *mate = NULL, *flow;
    for (uint32_t at = udp->ports.first[port]; at != UDP_NONE; at = flow->beside) {
        flow = udp_flow_at(udp, at);
        if (flow == moves)
            continue;
        if (is_same_place(flow->peer, peer))
            return NULL;
        mate = flow;
    }
    return mate;
}

/** A flow whose port can be shared. NULL: none was found. */
static const struct udp_flow *find_mate(struct udp *udp, const struct udp_flow *moves,
                                        const struct udp_peer *peer)
{
    const struct udp_flow *mate = NULL;
    uint32_t n = udp->ports.n;
    for (uint32_t i = 0; !mate && i < n && i < SHARE_TRIES; i++)
        mate = mate_at(udp, n > SHARE_TRIES ? rng_below(&udp->rng, n) : i, moves, peer);
    return mate;
}

static bool share(int fd)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
}

static uint16_t *port_of(union udp_name *name)
{
    return name->any.sa_family == AF_INET6 ? &name->v6.sin6_port : &name->v4.sin_port;
}

/** Binds to the port of `mate`. */
static int bind_beside(int fd, sa_family_t family, const struct udp_flow *mate)
{
    union udp_name taken, name = {.v6.sin6_family = family};
    socklen_t n = sizeof taken;
    if (getsockname(mate->fd, &taken.any, &n) != 0 || !share(mate->fd) || !share(fd))
        return -1;
    *port_of(&name) = *port_of(&taken);
    return bind(fd, &name.any, family == AF_INET6 ? sizeof name.v6 : sizeof name.v4);
}

/** Drops what came from anybody before the socket was connected. */
static void drop_strangers(int fd)
{
    while (recv(fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0)
        ;
}

/* ---- the socket ---- */

/** Members are to see the client's own address. */
static int bind_as_client(int fd, const struct udp *udp, const struct udp_flow *flow)
{
    struct ip client = udp_flow_client(udp, flow);
    struct sockaddr_storage name;
    socklen_t n = ip_to_sockaddr(&name, &client, ntohs(flow->key.port_be));
    int on = 1, level = client.family == IP_V6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int option = client.family == IP_V6 ? IPV6_TRANSPARENT : IP_TRANSPARENT;
    if (setsockopt(fd, level, option, &on, sizeof on) != 0 || !share(fd))
        return -1;
    return bind(fd, (const struct sockaddr *)&name, n);
}

static int failed(int fd)
{
    int error = errno;
    close(fd);
    return error;
}

static bool is_as_client(const struct udp *udp, const struct udp_flow *flow,
                         const struct udp_peer *peer)
{
    const struct udp_listener *listener = udp->listeners[flow->key.listener];
    return listener->service->config->transparent &&
           (peer->name.any.sa_family == AF_INET6) == listener->v6;
}

/** Whether it may have a port of its own; one that moves gives up what it has. */
static bool may_have_port(const struct udp *udp, const struct udp_flow *flow)
{
    return udp->ports.n < udp->ports.max || (flow->port != UDP_NONE && is_alone(udp, flow));
}

int udp_socket_open(struct udp *udp, struct udp_flow *flow, const struct udp_peer *peer)
{
    bool as_client = is_as_client(udp, flow, peer);
    const struct udp_flow *mate = NULL;
    if (!as_client && !may_have_port(udp, flow) && !(mate = find_mate(udp, flow, peer)))
        return UDP_NO_PORT;
    sa_family_t family = peer->name.any.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if ((as_client && bind_as_client(fd, udp, flow) != 0) ||
        (mate && bind_beside(fd, family, mate) != 0) ||
        connect(fd, &peer->name.any, peer->name_len) != 0)
        return failed(fd);
    if (mate)
        drop_strangers(fd);
    if (worker_watch(udp->worker, fd, EPOLLIN, &flow->source) != 0)
        return failed(fd);
    udp_socket_close(udp, flow);
    if (!as_client)
        port_enter(udp, flow, mate);
    flow->fd = fd;
    flow->bulk = false;
    return 0;
}

void udp_socket_close(struct udp *udp, struct udp_flow *flow)
{
    port_leave(udp, flow);
    if (flow->fd >= 0)
        close(flow->fd); /* which also takes it out of epoll */
    flow->fd = -1;
}
