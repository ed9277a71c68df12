/* SPDX-License-Identifier: Apache-2.0
 * Flows on their way from one process to the next: those that there are, to be handed on, and those
 * that another one had, when their clients go on here. */
#include "l4/bound.h"
#include "l4/udp.h"

static struct bound_key bound_key_of(const struct udp_listener *listener, const struct udp_key *key)
{
    struct bound_key bound = {.scope = key->scope,
                              .client_port_be = key->port_be,
                              .port = listener->port,
                              .is_v6 = listener->v6};
    memcpy(bound.client, key->client, sizeof bound.client);
    memcpy(bound.local, listener->wildcard ? key->local : listener->addr->b, sizeof bound.local);
    return bound;
}

uint32_t udp_hand_on(const struct udp *udp, struct udp_handed *out, uint32_t max, uint32_t *at)
{
    uint32_t n = 0;
    for (; *at < udp->n_made && n < max; ++*at) {
        const struct udp_flow *flow = udp_flow_at(udp, *at);
        if (flow->peer)
            out[n++] =
                (struct udp_handed){bound_key_of(udp->listeners[flow->key.listener], &flow->key),
                                    flow->peer->member, flow->seen_ms};
    }
    if (*at >= udp->n_made)
        *at = UDP_NONE;
    return n;
}

/** Whether flows of that service may go to it: it need not be in the set any more. */
static bool is_usable(const struct udp_peer *peer, const struct plan_set *set, int64_t now_ms)
{
    const struct member *member = peer->member;
    return strcmp(member->set, set->config->name) == 0 && !peer->down &&
           atomic_load_explicit(&member->close_at_ms, memory_order_relaxed) > now_ms;
}

struct udp_peer *udp_resume(struct udp *udp, const struct udp_listener *listener,
                            const struct udp_key *key)
{
    const struct plan *plan = udp->worker->plan;
    const struct l4_service *service = listener->service->config;
    int64_t now_ms = udp->worker->now_ms;
    const struct bound_key bound = bound_key_of(listener, key);
    struct member *member = bound_find(plan->bound, &bound, now_ms, service->idle_timeout_ms);
    if (!member)
        return NULL;
    struct udp_peer *peer = udp_peer_of(udp, member);
    if (is_usable(peer, &plan->sets[service->set], now_ms))
        return peer;
    udp_peer_drop(udp, peer);
    return NULL;
}
