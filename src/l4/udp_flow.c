/* SPDX-License-Identifier: Apache-2.0
 * A flow's life: which member it has, the socket towards it, refusals and silence, its end. */
#include "l4/udp.h"

#include "base/clock.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static struct udp_listener *listener_of(const struct udp *udp, const struct udp_flow *flow)
{
    return udp->listeners[flow->key.listener];
}

struct ip udp_flow_client(const struct udp *udp, const struct udp_flow *flow)
{
    struct ip ip = {.family = listener_of(udp, flow)->v6 ? IP_V6 : IP_V4};
    memcpy(ip.b, flow->key.client, sizeof ip.b);
    return ip;
}

static void count_up(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void peer_leave(struct udp *udp, struct udp_peer *peer)
{
    struct member *member = peer->member;
    peer->n_flows--;
    udp_peer_drop(udp, peer);
    member_leave(member);
}

static void close_socket(struct udp_flow *flow)
{
    if (flow->fd >= 0)
        close(flow->fd); /* which also takes it out of epoll */
    flow->fd = -1;
}

/** Members are to see the client's own address. */
static int bind_as_client(int fd, const struct udp *udp, const struct udp_flow *flow)
{
    struct ip client = udp_flow_client(udp, flow);
    struct sockaddr_storage name;
    socklen_t n = ip_to_sockaddr(&name, &client, ntohs(flow->key.port_be));
    int on = 1, level = client.family == IP_V6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int option = client.family == IP_V6 ? IPV6_TRANSPARENT : IP_TRANSPARENT;
    if (setsockopt(fd, level, option, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return -1;
    return bind(fd, (const struct sockaddr *)&name, n);
}

/** A new socket towards a member. Returns 0, or -1 (errno). */
static int open_socket(struct udp *udp, struct udp_flow *flow, const struct udp_peer *peer)
{
    const struct udp_listener *listener = listener_of(udp, flow);
    int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(peer->name.any.sa_family, type, 0);
    if (fd < 0)
        return -1;
    bool as_client = listener->service->config->transparent &&
                     (peer->name.any.sa_family == AF_INET6) == listener->v6;
    if ((as_client && bind_as_client(fd, udp, flow) != 0) ||
        connect(fd, &peer->name.any, peer->name_len) != 0 ||
        worker_watch(udp->worker, fd, EPOLLIN, &flow->source) != 0) {
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    close_socket(flow);
    flow->fd = fd;
    flow->bulk = false;
    return 0;
}

/** Tells of a failure: counted each time, reported once a second. */
static void member_failure(struct udp *udp, struct udp_peer *peer, bool timed_out)
{
    struct worker *worker = udp->worker;
    member_failed(peer->member, worker->now_ms, timed_out);
    if (peer->reported_ms && worker->now_ms - peer->reported_ms < 1000)
        return;
    peer->reported_ms = worker->now_ms;
    worker->host->failed(worker->host->ctx, peer->member, timed_out);
}

static struct balance_flow choice_of(const struct udp *udp, const struct udp_flow *flow)
{
    const struct udp_listener *listener = listener_of(udp, flow);
    struct ip client = udp_flow_client(udp, flow);
    return (struct balance_flow){
        .hash = balance_hash(listener->service->config->balance, udp->worker->plan->seed, &client,
                             ntohs(flow->key.port_be)),
        .now_ms = udp->worker->now_ms,
    };
}

static bool is_used_up(int error)
{
    return error == EAGAIN || error == EADDRNOTAVAIL || error == EMFILE || error == ENFILE;
}

static bool has_no_room(const struct udp *udp)
{
    return udp->no_room_until_ms > udp->worker->now_ms;
}

static bool is_unreachable(int error)
{
    return error == ENETUNREACH || error == EHOSTUNREACH || error == ECONNREFUSED;
}

/** Connects the flow to a member that is picked. One that has no route is a member that fails;
 *  anything else is for want of something of ours. */
static enum service_result connect_some(struct udp *udp, struct udp_flow *flow,
                                        struct balance_flow *choice)
{
    uint32_t nth = listener_of(udp, flow)->service->config->set;
    const struct plan_set *set = &udp->worker->plan->sets[nth];
    struct balance_cursor *cursor = &udp->worker->cursors[set->cursor];
    while (choice->n_tried < BALANCE_TRIES_MAX) {
        uint32_t i = balance_pick(set->balance, cursor, choice);
        if (i == BALANCE_NONE)
            return SERVICE_NO_MEMBER;
        struct udp_peer *peer = udp->sets[nth].peers[i];
        if (open_socket(udp, flow, peer) == 0) {
            struct udp_peer *before = flow->peer;
            flow->peer = peer;
            peer->n_flows++;
            member_enter(peer->member);
            if (before)
                peer_leave(udp, before);
            return SERVICE_OK;
        }
        if (is_used_up(errno))
            udp->no_room_until_ms = udp->worker->now_ms + UDP_NO_ROOM_MS;
        if (!is_unreachable(errno))
            return SERVICE_NO_ROOM;
        member_failure(udp, peer, false);
        choice->tried[choice->n_tried++] = i;
    }
    return SERVICE_NO_MEMBER;
}

static void on_timer(struct worker *worker, struct worker_timer *timer)
{
    struct udp_flow *flow = (void *)((char *)timer - offsetof(struct udp_flow, timer));
    struct udp_listener *listener = worker->udp->listeners[flow->key.listener];
    int64_t idle_ms = listener->service->config->idle_timeout_ms;
    int64_t left_ms = flow->seen_ms + idle_ms - worker->now_ms;
    if (left_ms > 0)
        worker_after(worker, timer, left_ms);
    else
        udp_flow_end(worker->udp, flow, "idle");
}

static void count_result(struct udp_listener *listener, enum service_result result)
{
    count_up(&listener->run->results[result]);
}

static struct udp_flow *refuse(struct udp *udp, struct udp_listener *listener,
                               struct udp_flow *flow, enum service_result result)
{
    struct ip client = udp_flow_client(udp, flow);
    limits_leave(listener->run->limits, &client);
    udp_table_remove(udp, flow);
    count_result(listener, result);
    return NULL;
}

static enum service_result limit_result(enum limits_verdict verdict)
{
    return verdict == LIMITS_SOURCE ? SERVICE_SOURCE : SERVICE_LIMITED;
}

struct udp_flow *udp_flow_begin(struct udp *udp, struct udp_listener *listener,
                                const struct udp_key *key, uint32_t hash)
{
    struct worker *worker = udp->worker;
    struct ip client = {.family = listener->v6 ? IP_V6 : IP_V4};
    memcpy(client.b, key->client, sizeof client.b);
    if (UNLIKELY(udp->draining || !udp_is_answerable(udp, listener, key)))
        return NULL;
    if (UNLIKELY(has_no_room(udp))) {
        count_result(listener, SERVICE_NO_ROOM);
        return NULL;
    }
    enum limits_verdict verdict = limits_enter(listener->run->limits, &client, worker->now_ms);
    if (verdict != LIMITS_OK) {
        count_result(listener, limit_result(verdict));
        return NULL;
    }
    struct udp_flow *flow = udp_table_add(udp, key, hash);
    if (!flow) {
        limits_leave(listener->run->limits, &client);
        count_result(listener, SERVICE_NO_ROOM);
        return NULL;
    }
    flow->fd = -1;
    flow->source.ready = udp_flow_ready;
    flow->first = UDP_BATCH;
    struct balance_flow choice = choice_of(udp, flow);
    enum service_result result = connect_some(udp, flow, &choice);
    if (result != SERVICE_OK)
        return refuse(udp, listener, flow, result);
    count_result(listener, SERVICE_OK);
    service_enter(listener->run);
    flow->seen_ms = worker->now_ms;
    flow->begun_us = clock_mono_us();
    flow->timer.fire = on_timer;
    worker_after(worker, &flow->timer, listener->service->config->idle_timeout_ms);
    return flow;
}

bool udp_flow_move(struct udp *udp, struct udp_flow *flow)
{
    if (has_no_room(udp))
        return false;
    struct balance_flow choice = choice_of(udp, flow);
    if (flow->peer->index != UDP_NONE)
        choice.tried[choice.n_tried++] = flow->peer->index;
    if (connect_some(udp, flow, &choice) != SERVICE_OK)
        return false;
    flow->refused = flow->silent = false;
    flow->n_asked = 0;
    return true;
}

void udp_flow_refused(struct udp *udp, struct udp_flow *flow)
{
    flow->refused = true;
    flow->n_asked = 0; /* it was not silent */
    member_failure(udp, flow->peer, false);
}

/** Whether a flow of that member was answered lately, by whichever worker. */
static bool is_answering(const struct udp_peer *peer, int64_t now_ms)
{
    int64_t any_ms = atomic_load_explicit(&peer->member->answered_ms, memory_order_relaxed);
    return now_ms - peer->answered_ms < UDP_SILENT_MS ||
           now_ms - any_ms < UDP_SILENT_MS + MEMBER_ANSWERED_MS;
}

/** The rule of udp.h, for a datagram that comes now. */
static void look_for_silence(struct udp *udp, struct udp_flow *flow)
{
    struct udp_peer *peer = flow->peer;
    int64_t now_ms = udp->worker->now_ms;
    const struct udp_listener *listener = listener_of(udp, flow);
    if (now_ms - flow->asked_ms < UDP_SILENT_MS || is_answering(peer, now_ms) ||
        now_ms - listener->answered_ms > UDP_ANSWERS_MS)
        return;
    flow->silent = true;
    flow->n_asked = 0;
    if (peer->silence_ms && now_ms - peer->silence_ms < 1000)
        return;
    peer->silence_ms = now_ms;
    member_failure(udp, peer, true);
}

static bool is_closed(const struct udp_peer *peer, int64_t now_ms)
{
    return atomic_load_explicit(&peer->member->close_at_ms, memory_order_relaxed) <= now_ms;
}

ATTR_HOT bool udp_flow_asked(struct udp *udp, struct udp_flow *flow)
{
    int64_t now_ms = udp->worker->now_ms;
    struct udp_peer *peer = flow->peer;
    flow->seen_ms = now_ms;
    if (flow->n_asked >= UDP_SILENT_DATAGRAMS)
        look_for_silence(udp, flow);
    if (UNLIKELY(peer->down || is_closed(peer, now_ms))) {
        if (!udp_flow_move(udp, flow))
            return false;
    } else if (UNLIKELY(flow->refused)) {
        udp_flow_move(udp, flow);
        flow->refused = false;
    } else if (UNLIKELY(flow->silent && member_is_ejected(peer->member, now_ms))) {
        udp_flow_move(udp, flow);
    }
    if (flow->n_asked++ == 0)
        flow->asked_ms = now_ms;
    return true;
}

void udp_flow_record(const struct udp *udp, const struct udp_flow *flow, struct flow_record *out)
{
    const struct udp_listener *listener = listener_of(udp, flow);
    int64_t age_ms = (clock_mono_us() - flow->begun_us) / 1000;
    *out = (struct flow_record){
        .service = listener->run->name,
        .key = flow->peer->member->key,
        .client = udp_flow_client(udp, flow),
        .local = *listener->addr,
        .member = flow->peer->member->addr,
        .client_port = ntohs(flow->key.port_be),
        .local_port = listener->port,
        .member_port = flow->peer->member->port,
        .begun_ms = clock_wall_ms() - age_ms,
        .duration_ms = age_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)age_ms,
        .connect_us = flow->connect_us,
        .bytes_in = flow->bytes_in,
        .bytes_out = flow->bytes_out,
        .result = SERVICE_OK,
        .tries = 1,
        .udp = true,
    };
    if (listener->wildcard)
        memcpy(out->local.b, flow->key.local, sizeof out->local.b);
}

void udp_flow_end(struct udp *udp, struct udp_flow *flow, const char *why)
{
    struct worker *worker = udp->worker;
    struct udp_listener *listener = listener_of(udp, flow);
    struct udp_peer *peer = flow->peer;
    if (worker->host->ended) {
        struct flow_record record;
        udp_flow_record(udp, flow, &record);
        record.end = why;
        worker->host->ended(worker->host->ctx, &record);
    }
    struct ip client = udp_flow_client(udp, flow);
    wheel_stop(&flow->timer.entry);
    close_socket(flow);
    udp_table_remove(udp, flow);
    limits_leave(listener->run->limits, &client);
    peer_leave(udp, peer);
    service_leave(listener->run);
}
