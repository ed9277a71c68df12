/* SPDX-License-Identifier: Apache-2.0
 * The connections of a worker as a whole: plans, orders, and members that are to be left.
 *
 * A connection that has a member goes by nothing of the plan: it has what it needs. So a new plan
 * costs as much as there are members and connections without one, not as there are connections. All
 * of them are gone through only when the time comes that was set for a member (close_at_ms: it is
 * drained, removed, or down where that resets). It is set before the plan that it goes with is
 * given. */
#include "l4/tcp_internal.h"

#include "base/arena.h"

#include <stdlib.h>

/* ---- members that are left ---- */

/* When a connection is to be closed for its member's sake. One from before a reset is, though the
 * member may be up again. */
static int64_t end_of(const struct tcp_conn *c)
{
    if (!c->member)
        return MEMBER_NEVER;
    int64_t reset_ms = atomic_load_explicit(&c->member->reset_at_ms, memory_order_relaxed);
    return c->connect_begun_us / 1000 <= reset_ms
               ? reset_ms
               : atomic_load_explicit(&c->member->close_at_ms, memory_order_relaxed);
}

/* Ends those whose time has come; the time of the next one is noted. */
static void leave(struct tcp *tcp, struct tcp_conn *c)
{
    int64_t now_ms = tcp->worker->now_ms, at_ms = end_of(c);
    if (tcp->drain_at_ms <= now_ms)
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_CLIENT, "drained");
    else if (at_ms > now_ms)
        tcp->leave_at_ms = at_ms < tcp->leave_at_ms ? at_ms : tcp->leave_at_ms;
    else if (c->state == TCP_CONNECTING)
        tcp_connect_leave(tcp, c);
    else
        tcp_end(tcp, c, TCP_END_RESET, SERVICE_OK, "its member is left");
}

static bool is_open(const struct tcp_conn *c)
{
    return c->state != TCP_FREE && c->state != TCP_DEAD;
}

static void leave_later(struct tcp *tcp)
{
    int64_t at_ms = tcp->leave_at_ms < tcp->drain_at_ms ? tcp->leave_at_ms : tcp->drain_at_ms;
    if (at_ms != MEMBER_NEVER)
        wheel_start(&tcp->worker->wheel, &tcp->leave.entry, at_ms);
    else
        wheel_stop(&tcp->leave.entry);
}

static void leave_now(struct worker *worker, struct worker_timer *timer)
{
    (void)timer;
    struct tcp *tcp = worker->tcp;
    struct tcp_conn *c;
    tcp->leave_at_ms = MEMBER_NEVER;
    for (uint32_t i = 0; (c = tcp_conn_at(tcp, i)); i++)
        if (is_open(c))
            leave(tcp, c);
    if (tcp->drain_at_ms <= worker->now_ms)
        tcp->drain_at_ms = MEMBER_NEVER;
    leave_later(tcp);
}

static void note_member(struct tcp *tcp, const struct member *member, int64_t at_ms)
{
    if (at_ms < tcp->leave_at_ms && atomic_load_explicit(&member->active, memory_order_relaxed) > 0)
        tcp->leave_at_ms = at_ms;
}

/* Those that are gone from the plan have their time in the member alone; of the others the plan
 * says what it was when it was made, as the next one may have taken it back already. */
static void note_members(struct tcp *tcp, const struct plan *plan)
{
    for (uint32_t s = 0; s < plan->config->n_sets; s++)
        for (uint32_t i = 0; i < plan->sets[s].n_members; i++) {
            const struct plan_member *m = &plan->sets[s].members[i];
            note_member(tcp, m->member,
                        atomic_load_explicit(&m->member->close_at_ms, memory_order_relaxed));
            note_member(tcp, m->member, m->close_at_ms);
        }
}

/* ---- plans and orders ---- */

void tcp_follow(struct tcp *tcp, struct plan *before)
{
    struct tcp_conn *next;
    for (struct tcp_conn *c = tcp->opening.next; c != &tcp->opening; c = next) {
        next = c->next;
        tcp_connect_follow(tcp, c, before);
    }
    tcp_pipes_share(tcp, tcp->worker->plan->n_workers);
    if (!tcp->draining)
        tcp_listeners_follow(tcp);
    if (before)
        note_members(tcp, before);
    note_members(tcp, tcp->worker->plan);
    leave_later(tcp);
}

void tcp_drain(struct tcp *tcp, int64_t close_at_ms, bool passed)
{
    tcp->draining = true;
    tcp->drain_at_ms = close_at_ms;
    if (!passed)
        tcp_listeners_refuse(tcp);
    tcp_listeners_stop(tcp);
    leave_later(tcp);
}

void tcp_undrain(struct tcp *tcp)
{
    tcp->draining = false;
    tcp->drain_at_ms = MEMBER_NEVER;
    if (tcp->worker->plan)
        tcp_listeners_follow(tcp);
}

/* ---- what is shown ---- */

bool tcp_flows(struct tcp *tcp, struct flow_look *look, uint32_t *at)
{
    for (; look->n < look->max && look->left > 0; ++*at, look->left--) {
        struct tcp_conn *c = tcp_conn_at(tcp, *at);
        if (!c)
            return false;
        if (!is_open(c))
            continue;
        if (c->in_kernel)
            tcp_kernel_count(tcp, c);
        tcp_find_server(c);
        tcp_record(tcp, c, &look->out[look->n]);
        look->out[look->n++].end = "";
    }
    return true;
}

/* ---- begin and end ---- */

struct tcp *tcp_new(struct worker *worker)
{
    struct tcp *tcp = xcalloc(1, sizeof *tcp);
    tcp->worker = worker;
    tcp->opening.next = tcp->opening.prev = &tcp->opening;
    tcp->pause.fire = tcp_pause_ended;
    tcp->trim.fire = tcp_pipes_trim;
    tcp->leave.fire = leave_now;
    tcp->trim_spares.fire = tcp_spares_trim;
    tcp->leave_at_ms = tcp->drain_at_ms = MEMBER_NEVER;
    tcp->pipes_allowed = tcp_pipes_allowed();
    tcp_room_init(&tcp->room);
    tcp_kernel_open(tcp, worker->host ? worker->host->sockhash : NULL);
    return tcp;
}

/* The loop has ended: tasks and timers will not run any more; those of others are still there. */
void tcp_free(struct tcp *tcp)
{
    struct worker_timer *const timers[] = {&tcp->pause, &tcp->trim, &tcp->leave, &tcp->trim_spares};
    struct tcp_conn *c;
    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        wheel_stop(&timers[i]->entry);
    for (uint32_t i = 0; (c = tcp_conn_at(tcp, i)); i++) {
        if (is_open(c))
            tcp_end(tcp, c, TCP_END_RESET, SERVICE_CLIENT, "stopped");
        tcp_spare_close(tcp, c);
    }
    for (size_t i = 0; i < tcp->listeners.n; i++)
        free(tcp->listeners.v[i]);
    vec_free(&tcp->listeners);
    tcp_kernel_close(tcp);
    tcp_pool_free(tcp);
    free(tcp);
}
