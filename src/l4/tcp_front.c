/* SPDX-License-Identifier: Apache-2.0
 * What comes before a member: who the client is (PROXY header), whether it may come in (limits),
 * where it wants to go (ClientHello). What of this a service does not want is passed over at once.
 *
 * Bytes are read into the buffer of the way to the member: what follows the header stays there, the
 * hello as well, and is what the member gets first. */
#include "l4/client_hello.h"
#include "l4/limits.h"
#include "l4/proxy_header.h"
#include "l4/tcp_internal.h"
#include "model/model.h"

#include <errno.h>
#include <string.h>

static_assert(TCP_BUFFER >= CLIENT_HELLO_MAX && TCP_BUFFER >= PROXY_HEADER_MAX, "fits a buffer");

#define EARLY_BUFFERS 1024          /* 16 MiB */
#define ALERT_UNRECOGNIZED_NAME 112 /* RFC 8446 6 */

/* ---- who it is ---- */

/* A dual-stack listener gives IPv4 clients as ::ffff:a.b.c.d. */
static struct ip address_of(const struct sockaddr_storage *from, uint16_t *port)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct ip ip = ip_from_sockaddr((const struct sockaddr *)from, port);
    if (ip.family != IP_V6 || memcmp(ip.b, mapped, sizeof mapped) != 0)
        return ip;
    struct ip v4 = {.family = IP_V4};
    memcpy(v4.b, ip.b + 12, 4);
    return v4;
}

void tcp_find_server(struct tcp_conn *c)
{
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    if (c->server.family == IP_NONE &&
        getsockname(c->sides[TCP_CLIENT].fd, (struct sockaddr *)&at, &n) == 0)
        c->server = address_of(&at, &c->server_port);
}

static bool is_trusted(const struct l4_service *service, const struct ip *client)
{
    for (uint32_t i = 0; i < service->n_proxy_trusted; i++)
        if (ip_in_prefix(client, &service->proxy_trusted[i]))
            return true;
    return false;
}

/* ---- from state to state ---- */

static void await(struct tcp *tcp, struct tcp_conn *c, enum tcp_state state)
{
    uint32_t idle_ms = tcp_service(tcp, c)->idle_timeout_ms;
    c->state = (uint8_t)state;
    if (!wheel_started(&c->timer.entry))
        worker_after(tcp->worker, &c->timer, idle_ms < TCP_FRONT_MS ? idle_ms : TCP_FRONT_MS);
    if (!c->sides[TCP_CLIENT].watched && !tcp_side_watch(tcp, &c->sides[TCP_CLIENT], 0))
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_NO_ROOM, "no room to watch it");
}

/* Clients that speak first have mostly done so when they are accepted. What they said is read now,
 * as it says how to connect best; but not without bound while members are slow to connect to. */
static bool read_early(struct tcp *tcp, struct tcp_conn *c)
{
    if (tcp->n_buffers - tcp->n_free_buffers >= EARLY_BUFFERS)
        return true;
    if (tcp_copy_fill(tcp, c, TCP_CLIENT) != TCP_FAILED)
        return true;
    tcp_end(tcp, c, TCP_END_RESET, SERVICE_CLIENT, "reset by client");
    return false;
}

static void go_to_member(struct tcp *tcp, struct tcp_conn *c, uint32_t set)
{
    struct tcp_way *way = &c->ways[TCP_CLIENT];
    if (way->buffer && !tcp_way_holds(way)) { /* all of it was header */
        tcp_buffer_put(tcp, way->buffer);
        way->buffer = NULL;
    }
    c->set = set;
    if (way->buffer || read_early(tcp, c))
        tcp_connect(tcp, c);
}

static void read_hello(struct tcp *tcp, struct tcp_conn *c);

/* It is known who the client is. */
static void enter(struct tcp *tcp, struct tcp_conn *c)
{
    const struct l4_service *service = tcp_service(tcp, c);
    switch (limits_enter(c->run->limits, &c->client, tcp->worker->now_ms)) {
    case LIMITS_OK:
        c->entered = true;
        break;
    case LIMITS_SERVICE:
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_LIMITED, "limit of the service");
        return;
    case LIMITS_SOURCE:
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_SOURCE, "limit of the client's address");
        return;
    }
    if (service->n_routes == 0) {
        go_to_member(tcp, c, service->set);
        return;
    }
    await(tcp, c, TCP_HELLO);
    if (c->state == TCP_HELLO && tcp_way_holds(&c->ways[TCP_CLIENT]))
        read_hello(tcp, c);
}

void tcp_begin(struct tcp *tcp, uint32_t service, int fd, const struct sockaddr_storage *from)
{
    struct tcp_conn *c = tcp_conn_new(tcp);
    struct tcp_side *client = &c->sides[TCP_CLIENT];
    *client = (struct tcp_side){
        .source.ready = tcp_client_ready,
        .fd = fd,
        .readable = true,
        .writable = true,
        .no_delay = true, /* its listener's */
    };
    c->timer.fire = tcp_timer_fired;
    c->task.run = tcp_go_on;
    c->client = address_of(from, &c->client_port);
    c->begun_ms = c->active_ms = tcp->worker->now_ms;
    c->service = service;
    c->run = tcp->worker->plan->services[service].run;
    c->next = tcp->opening.next;
    c->prev = &tcp->opening;
    c->next->prev = c->prev->next = c;
    c->state = TCP_HEADER;
    service_enter(c->run);
    const struct l4_service *config = tcp_service(tcp, c);
    if (!config->proxy_accept)
        enter(tcp, c);
    else if (is_trusted(config, &c->client))
        await(tcp, c, TCP_HEADER);
    else
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_BAD_HEADER, "not from a trusted proxy");
}

/* ---- what it sends ---- */

static struct slice held(const struct tcp_way *way)
{
    return slice_of(way->buffer + way->begin, way->end - way->begin);
}

static void read_header(struct tcp *tcp, struct tcp_conn *c)
{
    struct tcp_way *way = &c->ways[TCP_CLIENT];
    struct proxy_header header;
    const char *why = NULL;
    uint32_t n = 0;
    switch (proxy_header_read(&header, held(way), &n, &why)) {
    case PROXY_MORE:
        return;
    case PROXY_BAD:
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_BAD_HEADER, why);
        return;
    case PROXY_DONE:
        break;
    }
    way->begin += n;
    c->proxied = true;
    c->local = header.local;
    if (!header.local) {
        c->client = header.client;
        c->client_port = header.client_port;
        c->server = header.server;
        c->server_port = header.server_port;
    }
    enter(tcp, c);
}

/* A fatal alert in a record of its own (RFC 8446 5.1, 6.2). */
static void alert(struct tcp *tcp, struct tcp_conn *c, uint8_t description, const char *why)
{
    const uint8_t record[] = {21, 3, 1, 0, 2, 2, description};
    (void)!send(c->sides[TCP_CLIENT].fd, record, sizeof record, MSG_NOSIGNAL);
    tcp_end(tcp, c, TCP_END_CLOSE, SERVICE_BAD_HEADER, why);
}

static void read_hello(struct tcp *tcp, struct tcp_conn *c)
{
    char name[CLIENT_HELLO_NAME_MAX];
    uint32_t n = 0;
    const char *why = NULL;
    uint8_t description = 0;
    switch (client_hello_read(name, &n, held(&c->ways[TCP_CLIENT]), &why, &description)) {
    case CLIENT_HELLO_MORE:
        return;
    case CLIENT_HELLO_BAD:
        alert(tcp, c, description, why);
        return;
    case CLIENT_HELLO_DONE:
        break;
    }
    uint32_t set = plan_route(tcp_service(tcp, c), name, n);
    if (set == MODEL_NONE)
        alert(tcp, c, ALERT_UNRECOGNIZED_NAME, "no such server name");
    else
        go_to_member(tcp, c, set);
}

/* Room behind what is held; none when it is as long as a buffer. */
static uint32_t make_room(struct tcp *tcp, struct tcp_way *way)
{
    if (!way->buffer) {
        way->buffer = tcp_buffer_take(tcp);
        way->begin = way->end = 0;
    }
    if (way->end == TCP_BUFFER && way->begin > 0) {
        memmove(way->buffer, way->buffer + way->begin, way->end - way->begin);
        way->end -= way->begin;
        way->begin = 0;
    }
    return TCP_BUFFER - way->end;
}

void tcp_front_read(struct tcp *tcp, struct tcp_conn *c)
{
    struct tcp_side *client = &c->sides[TCP_CLIENT];
    struct tcp_way *way = &c->ways[TCP_CLIENT];
    while (c->state == TCP_HEADER || c->state == TCP_HELLO) {
        uint32_t room = make_room(tcp, way);
        ssize_t n = room > 0 ? recv(client->fd, way->buffer + way->end, room, 0) : -1;
        if (n < 0 && room > 0 && errno == EAGAIN) {
            client->readable = false;
            return;
        }
        if (n <= 0) {
            bool full = room == 0;
            tcp_end(tcp, c, TCP_END_RESET, full ? SERVICE_BAD_HEADER : SERVICE_CLIENT,
                    full    ? "no hello in what fits"
                    : n < 0 ? "reset by client"
                            : "closed by client");
            return;
        }
        way->end += (uint32_t)n;
        if (c->state == TCP_HEADER)
            read_header(tcp, c);
        else
            read_hello(tcp, c);
    }
}
