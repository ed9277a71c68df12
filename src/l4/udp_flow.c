/* SPDX-License-Identifier: Apache-2.0
 * A flow's life: which member it has, refusals and silence, its end. */
#include "l4/udp.h"

#include "base/clock.h"

#include <errno.h>
#include <stddef.h>

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

/** Of the host: what connect() says when the range is used up (UDP: the former). */
static bool is_out_of_ports(int error)
{
    return error == EAGAIN || error == EADDRNOTAVAIL;
}

static bool is_used_up(int error)
{
    return is_out_of_ports(error) || error == EMFILE || error == ENFILE;
}

static enum service_result result_of(int error)
{
    return is_out_of_ports(error) ? SERVICE_NO_PORT : SERVICE_NO_ROOM;
}

static bool has_no_room(const struct udp *udp)
{
    return udp->no_room_until_ms > udp->worker->now_ms;
}

/** A socket towards the member, or what is wrong. One that has had no port left is not tried again
 *  for a while: that costs a search. */
static int try_member(struct udp *udp, struct udp_flow *flow, struct udp_peer *peer)
{
    int64_t now_ms = udp->worker->now_ms;
    if (peer->no_port_until_ms > now_ms)
        return UDP_NO_PORT;
    int error = udp_socket_open(udp, flow, peer);
    if (error == UDP_NO_PORT) {
        peer->no_port_until_ms = now_ms + UDP_NO_ROOM_MS;
    } else if (is_used_up(error)) {
        udp->no_room_until_ms = now_ms + UDP_NO_ROOM_MS;
        udp->no_room_result = result_of(error);
    }
    return error;
}

static void enter_peer(struct udp *udp, struct udp_flow *flow, struct udp_peer *peer)
{
    struct udp_peer *before = flow->peer;
    flow->peer = peer;
    peer->n_flows++;
    member_enter(peer->member);
    if (before)
        peer_leave(udp, before);
}

static bool is_unreachable(int error)
{
    return error == ENETUNREACH || error == EHOSTUNREACH || error == ECONNREFUSED;
}

/** Connects the flow to a member that is picked. One that has no route is a member that fails, one
 *  towards which there is no local port left is passed over; anything else is for want of something
 *  of ours. */
static enum service_result connect_some(struct udp *udp, struct udp_flow *flow,
                                        struct balance_flow *choice)
{
    uint32_t nth = listener_of(udp, flow)->service->config->set;
    const struct plan_set *set = &udp->worker->plan->sets[nth];
    struct balance_cursor *cursor = &udp->worker->cursors[set->cursor];
    enum service_result result = SERVICE_NO_MEMBER;
    while (choice->n_tried < BALANCE_TRIES_MAX) {
        uint32_t i = balance_pick(set->balance, cursor, choice);
        if (i == BALANCE_NONE)
            break;
        struct udp_peer *peer = udp->sets[nth].peers[i];
        int error = try_member(udp, flow, peer);
        if (error == 0) {
            enter_peer(udp, flow, peer);
            return SERVICE_OK;
        }
        if (error == UDP_NO_PORT)
            result = SERVICE_NO_PORT;
        else if (is_unreachable(error))
            member_failure(udp, peer, false);
        else
            return result_of(error);
        choice->tried[choice->n_tried++] = i;
    }
    return result;
}

/** To the member that it `had` in another process, else to one that is picked. */
static enum service_result connect_first(struct udp *udp, struct udp_flow *flow,
                                         struct udp_peer *had)
{
    struct balance_flow choice = choice_of(udp, flow);
    if (had && try_member(udp, flow, had) == 0) {
        enter_peer(udp, flow, had);
        return SERVICE_OK;
    }
    if (had)
        udp_peer_drop(udp, had);
    return connect_some(udp, flow, &choice);
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

/** Counts one more in, which `had` a member in another process. false: refused. Limits come first:
 * whether answers reach the client may take system calls to find out. */
static bool admit(const struct udp *udp, struct udp_listener *listener, const struct udp_key *key,
                  const struct ip *client, const struct udp_peer *had)
{
    if (UNLIKELY(has_no_room(udp))) {
        count_result(listener, udp->no_room_result);
        return false;
    }
    struct limits *limits = listener->run->limits;
    int64_t now_ms = udp->worker->now_ms;
    enum limits_verdict verdict =
        had ? limits_resume(limits, client, now_ms) : limits_enter(limits, client, now_ms);
    if (verdict != LIMITS_OK) {
        count_result(listener, limit_result(verdict));
        return false;
    }
    if (udp_is_answerable(udp, listener, key))
        return true;
    limits_leave(limits, client);
    return false;
}

/** Without a member yet. NULL: there is no room, which is counted. */
static struct udp_flow *flow_new(struct udp *udp, struct udp_listener *listener,
                                 const struct udp_key *key, uint32_t hash)
{
    struct udp_flow *flow = udp_table_add(udp, key, hash);
    if (!flow) {
        count_result(listener, SERVICE_NO_ROOM);
        return NULL;
    }
    flow->fd = -1;
    flow->port = UDP_NONE;
    flow->source.ready = udp_flow_ready;
    flow->first = UDP_BATCH;
    return flow;
}

struct udp_flow *udp_flow_begin(struct udp *udp, struct udp_listener *listener,
                                const struct udp_key *key, uint32_t hash)
{
    struct worker *worker = udp->worker;
    struct ip client = {.family = listener->v6 ? IP_V6 : IP_V4};
    memcpy(client.b, key->client, sizeof client.b);
    struct udp_peer *had = worker->plan->bound ? udp_resume(udp, listener, key) : NULL;
    if (udp->draining || !admit(udp, listener, key, &client, had))
        return NULL;
    struct udp_flow *flow = flow_new(udp, listener, key, hash);
    if (!flow) {
        limits_leave(listener->run->limits, &client);
        return NULL;
    }
    enum service_result result = connect_first(udp, flow, had);
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
    udp_socket_close(udp, flow);
    udp_table_remove(udp, flow);
    limits_leave(listener->run->limits, &client);
    peer_leave(udp, peer);
    service_leave(listener->run);
}
