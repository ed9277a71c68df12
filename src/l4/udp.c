/* SPDX-License-Identifier: Apache-2.0
 * Flows of datagrams of one worker: begin, drain, end, and what is shown of them. */
#include "l4/udp.h"

#include "base/arena.h"
#include "base/hash.h"

#include <stdlib.h>

static void on_publish(struct worker *worker, struct worker_timer *timer)
{
    (void)timer;
    udp_publish(worker->udp);
}

static void on_flush(struct worker *worker, struct worker_task *task)
{
    (void)task;
    udp_flush(worker->udp);
}

static bool is_past(const struct udp *udp, const struct udp_flow *flow)
{
    int64_t at_ms = atomic_load_explicit(&flow->peer->member->close_at_ms, memory_order_relaxed);
    return (at_ms < udp->close_at_ms ? at_ms : udp->close_at_ms) <= udp->worker->now_ms;
}

/** Ends the flows that are past their time. */
static void on_closing(struct worker *worker, struct worker_timer *timer)
{
    struct udp *udp = worker->udp;
    (void)timer;
    for (uint32_t i = 0; i < udp->n_made; i++) {
        struct udp_flow *flow = udp_flow_at(udp, i);
        if (flow->peer && is_past(udp, flow))
            udp_flow_end(udp, flow, "drained");
    }
    udp_closing_start(udp);
}

struct udp *udp_new(struct worker *worker)
{
    struct udp *udp = xcalloc(1, sizeof *udp);
    udp->worker = worker;
    udp->seed = hash_seed();
    rng_init(&udp->rng);
    udp->free = UDP_NONE;
    udp->flush.run = on_flush;
    udp->close_at_ms = MEMBER_NEVER;
    udp->publish.fire = on_publish;
    udp->closing.fire = on_closing;
    udp_lane_init(&udp->asks);
    udp_lane_init(&udp->answers);
    udp_look(udp);
    return udp;
}

void udp_drain(struct udp *udp, int64_t close_at_ms, bool passed)
{
    udp->draining = true;
    udp->close_at_ms = close_at_ms;
    for (uint32_t i = 0; passed && i < udp->n_listeners; i++) {
        if (udp->listeners[i]->fd >= 0)
            worker_unwatch(udp->worker, udp->listeners[i]->fd);
    }
    udp_closing_start(udp);
}

void udp_undrain(struct udp *udp)
{
    udp->draining = false;
    udp->close_at_ms = MEMBER_NEVER;
    for (uint32_t i = 0; i < udp->n_listeners; i++) {
        struct udp_listener *l = udp->listeners[i];
        if (l->fd >= 0 && worker_watch(udp->worker, l->fd, EPOLLIN, &l->source) != 0)
            udp_listener_remove(udp, l);
    }
    if (udp->worker->plan)
        udp_follow(udp, udp->worker->plan);
}

bool udp_flows(struct udp *udp, struct flow_look *look, uint32_t *at)
{
    for (; look->n < look->max && look->left > 0; ++*at, look->left--) {
        if (*at >= udp->n_made)
            return false;
        const struct udp_flow *flow = udp_flow_at(udp, *at);
        if (flow->peer)
            udp_flow_record(udp, flow, &look->out[look->n++]);
    }
    return true;
}

uint32_t udp_n_flows(const struct udp *udp)
{
    return udp->n_flows;
}

void udp_free(struct udp *udp)
{
    udp_flush(udp);
    for (uint32_t i = 0; i < udp->n_listeners; i++) {
        if (udp->listeners[i]->fd >= 0)
            udp_listener_remove(udp, udp->listeners[i]);
        free(udp->listeners[i]);
    }
    udp_publish(udp);
    wheel_stop(&udp->publish.entry);
    wheel_stop(&udp->closing.entry);
    for (uint32_t i = 0; i < udp->n_sets; i++)
        free(udp->sets[i].peers);
    free(udp->sets);
    for (uint32_t i = 0; i < udp->n_peers; i++)
        free(udp->peers[i]);
    free(udp->peers);
    free(udp->listeners);
    udp_table_free(udp);
    udp_ports_free(udp);
    udp_lane_free(&udp->asks);
    udp_lane_free(&udp->answers);
    free(udp);
}
