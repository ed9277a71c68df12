/* SPDX-License-Identifier: Apache-2.0
 * To a member; to another one while none has been reached, as long as the service allows. Nothing
 * has been sent to a member until the connection with it stands: so each try is as good as the
 * first. */
#include "base/clock.h"
#include "l4/proxy_header.h"
#include "l4/tcp_internal.h"
#include "model/model.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define NO_PORT_MS 100

/* ---- choosing ---- */

static bool pick(struct tcp *tcp, struct tcp_conn *c)
{
    struct worker *worker = tcp->worker;
    const struct plan_set *set = &worker->plan->sets[c->set];
    enum l4_balance kind = tcp_service(tcp, c)->balance;
    struct balance_flow flow = {
        .hash = balance_hash(kind, worker->plan->seed, &c->client, c->client_port),
        .now_ms = worker->now_ms,
        .n_tried = c->n_tried,
    };
    memcpy(flow.tried, c->tried, c->n_tried * sizeof c->tried[0]);
    uint32_t i = balance_pick(set->balance, &worker->cursors[set->cursor], &flow);
    if (i == BALANCE_NONE)
        return false;
    c->tried[c->n_tried++] = i;
    c->tries++;
    c->member = set->members[i].member;
    member_enter(c->member);
    return true;
}

/* What comes of a failed try says something of the member, or only of us: no route, no address or
 * port to leave from, no right to. */
static bool is_members_fault(int error)
{
    return error == ECONNREFUSED || error == ETIMEDOUT || error == EHOSTUNREACH ||
           error == ECONNRESET || error == EHOSTDOWN;
}

static bool is_want_of_ours(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void let_go(struct tcp_conn *c)
{
    if (c->sides[TCP_MEMBER].fd >= 0)
        close(c->sides[TCP_MEMBER].fd);
    c->sides[TCP_MEMBER].fd = -1;
    c->sides[TCP_MEMBER].watched = false;
    member_leave(c->member);
    c->member = NULL;
}

static void blame(struct tcp *tcp, struct member *member, bool timed_out)
{
    member_failed(member, tcp->worker->now_ms, timed_out);
    if (tcp->worker->host->failed)
        tcp->worker->host->failed(tcp->worker->host->ctx, member, timed_out);
}

static void end_without(struct tcp *tcp, struct tcp_conn *c)
{
    if (c->no_port)
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_NO_PORT, "no local port towards a member");
    else
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_NO_MEMBER,
                c->tries ? "no member could be reached" : "no member");
}

/* The try came to nothing. False when that was the last one: the connection has ended. */
static bool may_try_another(struct tcp *tcp, struct tcp_conn *c, int error)
{
    if (is_members_fault(error))
        blame(tcp, c->member, error == ETIMEDOUT);
    let_go(c);
    if (is_want_of_ours(error)) {
        tcp_pause(tcp);
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_NO_ROOM, "no room for a connection to a member");
        return false;
    }
    c->no_port = error == EADDRNOTAVAIL;
    if (c->no_port) /* nobody was asked: it is none of those that the service allows */
        c->tries--;
    if (c->tries > tcp_service(tcp, c)->connect_retries || c->n_tried == BALANCE_TRIES_MAX) {
        end_without(tcp, c);
        return false;
    }
    return true;
}

/* ---- connecting ---- */

/* From the client's address (ip(7), IP_TRANSPARENT), with a port of the kernel's choice that it
 * takes when the other end is known. A member of the other family is reached from ours. */
static int bind_as_client(int fd, struct tcp_conn *c)
{
    struct sockaddr_storage from;
    bool v6 = c->client.family == IP_V6;
    if (c->client.family != c->member->addr.family)
        return 0;
    if (setsockopt(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &(int){1},
                   sizeof(int)) != 0 ||
        setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)) != 0)
        return errno;
    socklen_t n = ip_to_sockaddr(&from, &c->client, 0);
    c->bound = true;
    return bind(fd, (struct sockaddr *)&from, n) == 0 ? 0 : errno;
}

/* Without a port to leave from, of which the kernel has looked at all (1-2 ms) before it says so:
 * for a moment it is not asked again. With a client's address it is that client's ports only. */
static void note_no_port(const struct tcp *tcp, struct tcp_conn *c)
{
    if (!tcp_service(tcp, c)->transparent)
        atomic_store_explicit(&c->member->no_port_until_ms, tcp->worker->now_ms + NO_PORT_MS,
                              memory_order_relaxed);
}

static bool has_no_port(const struct tcp *tcp, const struct tcp_conn *c)
{
    return !tcp_service(tcp, c)->transparent &&
           atomic_load_explicit(&c->member->no_port_until_ms, memory_order_relaxed) >
               tcp->worker->now_ms;
}

/* Returns 0 when the connection stands (to a member on this machine it may at once), EINPROGRESS,
 * or what is wrong. */
static int open_member(struct tcp *tcp, struct tcp_conn *c)
{
    struct sockaddr_storage to;
    if (has_no_port(tcp, c))
        return EADDRNOTAVAIL;
    socklen_t n = ip_to_sockaddr(&to, &c->member->addr, c->member->port);
    int error = tcp_spare_open(tcp, c, to.ss_family);
    if (error != 0)
        return error;
    int fd = c->sides[TCP_MEMBER].fd;
    c->connect_begun_us = clock_mono_us();
    /* The handshake's last acknowledgement goes with what is to be sent, where there is something:
     * 18 segments for a connection with one request and answer, in place of 20 (tcp(7)). A member
     * that is to speak first would have to wait for it. */
    if (tcp_way_holds(&c->ways[TCP_CLIENT]))
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){0}, sizeof(int));
    error = tcp_service(tcp, c)->transparent ? bind_as_client(fd, c) : 0;
    if (error == 0 && connect(fd, (struct sockaddr *)&to, n) != 0)
        error = errno;
    if (error == EADDRNOTAVAIL)
        note_no_port(tcp, c);
    return error;
}

/* The header, if the service wants one, is the first that the member gets; a new socket takes it
 * whole. */
static bool send_header(const struct l4_service *service, struct tcp_conn *c)
{
    uint8_t out[PROXY_WRITE_MAX];
    if (service->proxy_send == L4_PROXY_NONE)
        return true;
    tcp_find_server(c);
    const struct proxy_header header = {
        .local = c->local,
        .client = c->client,
        .client_port = c->client_port,
        .server = c->server,
        .server_port = c->server_port,
    };
    uint32_t n = proxy_header_write(out, service->proxy_send, &header);
    int more = tcp_way_holds(&c->ways[TCP_CLIENT]) ? MSG_MORE : 0;
    tcp_side_writes(&c->sides[TCP_MEMBER]);
    return send(c->sides[TCP_MEMBER].fd, out, n, MSG_NOSIGNAL | more) == (ssize_t)n;
}

static void connected(struct tcp *tcp, struct tcp_conn *c)
{
    const struct l4_service *service = tcp_service(tcp, c);
    int64_t us = clock_mono_us() - c->connect_begun_us;
    c->connect_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    member_connected(c->member, c->connect_us);
    atomic_fetch_add_explicit(&c->run->results[SERVICE_OK], 1, memory_order_relaxed);
    c->prev->next = c->next;
    c->next->prev = c->prev;
    c->state = TCP_RELAYING;
    c->active_ms = tcp->worker->now_ms;
    c->idle_ms = service->idle_timeout_ms;
    c->relay = (uint8_t)service->relay;
    c->sides[TCP_MEMBER].writable = true;
    if (send_header(service, c))
        tcp_relay_begin(tcp, c);
    else
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_OK, "the member did not take the PROXY header");
}

static void await(struct tcp *tcp, struct tcp_conn *c)
{
    c->state = TCP_CONNECTING;
    worker_after(tcp->worker, &c->timer, tcp_service(tcp, c)->connect_timeout_ms);
    /* The client first: so its events, if both have some, come before relaying begins. */
    if ((!c->sides[TCP_CLIENT].watched && !tcp_side_watch(tcp, &c->sides[TCP_CLIENT], 0)) ||
        !tcp_side_watch(tcp, &c->sides[TCP_MEMBER], EPOLLOUT))
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_NO_ROOM, "no room to watch it");
}

void tcp_connect(struct tcp *tcp, struct tcp_conn *c)
{
    int error;
    c->state = TCP_CONNECTING;
    do {
        if (!pick(tcp, c)) {
            end_without(tcp, c);
            return;
        }
        error = open_member(tcp, c);
    } while (error != 0 && error != EINPROGRESS && may_try_another(tcp, c, error));
    if (c->state == TCP_DEAD)
        return;
    if (error == 0)
        connected(tcp, c);
    else
        await(tcp, c);
}

static void failed(struct tcp *tcp, struct tcp_conn *c, int error)
{
    if (may_try_another(tcp, c, error))
        tcp_connect(tcp, c);
}

void tcp_connect_event(struct tcp *tcp, struct tcp_conn *c, uint32_t events)
{
    int error = 0;
    socklen_t n = sizeof error;
    struct tcp_side *member = &c->sides[TCP_MEMBER];
    if (events & (EPOLLERR | EPOLLHUP))
        getsockopt(member->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error != 0)
        failed(tcp, c, error);
    else if (events & EPOLLOUT)
        connected(tcp, c);
}

void tcp_connect_late(struct tcp *tcp, struct tcp_conn *c)
{
    failed(tcp, c, ETIMEDOUT);
}

void tcp_connect_leave(struct tcp *tcp, struct tcp_conn *c)
{
    let_go(c);
    c->tries--;
    if (c->n_tried < BALANCE_TRIES_MAX)
        tcp_connect(tcp, c);
    else
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_NO_MEMBER, "no member could be reached");
}

/* ---- another plan ---- */

static uint32_t service_of(const struct plan *plan, const struct service_run *run)
{
    for (uint32_t i = 0; i < plan->config->n_services; i++)
        if (plan->services[i].run == run)
            return i;
    return MODEL_NONE;
}

static bool has_set(const struct l4_service *service, uint32_t set)
{
    bool has = service->set == set;
    for (uint32_t i = 0; !has && i < service->n_routes; i++)
        has = service->routes[i].set == set;
    return has;
}

/* The set of that name, if the service still has it. */
static uint32_t set_of(const struct plan *plan, uint32_t service, const char *name)
{
    const struct l4_config *config = plan->config;
    if (service == MODEL_NONE)
        return MODEL_NONE;
    for (uint32_t i = 0; i < config->n_sets; i++)
        if (strcmp(config->sets[i].name, name) == 0)
            return has_set(plan->services[service].config, i) ? i : MODEL_NONE;
    return MODEL_NONE;
}

static uint32_t index_of(const struct plan_set *set, const struct member *member)
{
    for (uint32_t i = 0; i < set->n_members; i++)
        if (set->members[i].member == member)
            return i;
    return BALANCE_NONE;
}

/* Members that were tried have other indices, or none. */
static void follow_tried(struct tcp_conn *c, const struct plan_set *from, const struct plan_set *to)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < c->n_tried; i++) {
        uint32_t index = index_of(to, from->members[c->tried[i]].member);
        if (index != BALANCE_NONE)
            c->tried[kept++] = index;
    }
    c->n_tried = kept;
}

void tcp_connect_follow(struct tcp *tcp, struct tcp_conn *c, const struct plan *before)
{
    const struct plan *plan = tcp->worker->plan;
    c->service = service_of(plan, c->run);
    uint32_t set = c->state == TCP_CONNECTING
                       ? set_of(plan, c->service, before->config->sets[c->set].name)
                       : 0;
    if (c->service == MODEL_NONE || set == MODEL_NONE) {
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_NO_MEMBER, "the service was removed");
        return;
    }
    if (c->state == TCP_CONNECTING)
        follow_tried(c, &before->sets[c->set], &plan->sets[set]);
    c->set = set;
}
