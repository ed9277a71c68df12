/* SPDX-License-Identifier: Apache-2.0
 * The thread that drives all tiers: its start and end, what it is asked and what it gives back. */
#include "tier/thread_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "tier/agent.h"
#include "tier/nginx_gate.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUT_MS 20 /* views are given at most so often, and at once if none were for as long */

/* ---- what is given back ---- */

struct given_views {
    struct tiers_thread_host host;
    struct tier_view **v;
    uint32_t n;
};

static void deliver_views(void *arg)
{
    struct given_views *g = arg;
    g->host.views(g->host.ctx, g->v, g->n);
    free(g);
}

static void give_views(struct tiers_thread *t)
{
    struct given_views *g = xcalloc(1, sizeof *g);
    *g =
        (struct given_views){.host = t->host, .v = xcalloc(t->seats.n, sizeof(struct tier_view *))};
    uv_timer_stop(&t->out);
    t->out_ms = clock_mono_ms();
    for (size_t i = 0; i < t->seats.n; i++) {
        if (t->seats.v[i]->view)
            g->v[g->n++] = t->seats.v[i]->view;
        t->seats.v[i]->view = NULL;
    }
    mailbox_post(t->host.mailbox, deliver_views, g);
}

static void on_out(uv_timer_t *timer)
{
    give_views(timer->data);
}

struct given_share {
    struct tiers_thread_host host;
    struct tier_set *set; /* held */
    uint32_t slot;
    uint8_t share;
};

static void deliver_share(void *arg)
{
    struct given_share *g = arg;
    g->host.share(g->host.ctx, g->set, g->slot, g->share);
    tier_set_release(g->set);
    free(g);
}

void thread_give_share(struct tiers_thread *t, uint32_t slot, uint8_t share)
{
    struct given_share *g = xcalloc(1, sizeof *g);
    *g = (struct given_share){t->host, tier_set_hold(t->states->set), slot, share};
    mailbox_post(t->host.mailbox, deliver_share, g);
}

struct given_failure {
    struct tiers_thread_host host;
    struct tier_set *set; /* held */
    const char *tier;     /* of the set */
    uint32_t slot;
};

/** Of a set that is not in force any more it is of no use: the control thread sees to that. */
static void deliver_failure(void *arg)
{
    struct given_failure *g = arg;
    g->host.met_failure(g->host.ctx, g->set, g->tier, g->slot);
    tier_set_release(g->set);
    free(g);
}

static void on_met_failure(void *ctx, struct engine *engine, uint32_t slot)
{
    struct seat *seat = ctx;
    struct given_failure *g = xcalloc(1, sizeof *g);
    *g = (struct given_failure){seat->thread->host, tier_set_hold(engine_set(engine)),
                                engine_spec(engine)->name, slot};
    mailbox_post(seat->thread->host.mailbox, deliver_failure, g);
}

struct given_end {
    struct tiers_thread_host host;
    void *ticket; /* of a look; NULL: all has stopped */
};

static void deliver_end(void *arg)
{
    struct given_end *g = arg;
    if (g->ticket)
        g->host.looked(g->host.ctx, g->ticket);
    else
        g->host.stopped(g->host.ctx);
    free(g);
}

static void give_end(struct tiers_thread *t, void *ticket)
{
    struct given_end *g = xcalloc(1, sizeof *g);
    *g = (struct given_end){t->host, ticket};
    mailbox_post(t->host.mailbox, deliver_end, g);
}

/* ---- what engines say ---- */

static void on_view(void *ctx, struct engine *engine, struct tier_view *view)
{
    struct seat *seat = ctx;
    struct tiers_thread *t = seat->thread;
    (void)engine;
    view->version = ++t->n_views;
    tier_view_release(seat->view);
    seat->view = view;
    int64_t wait_ms = t->out_ms + OUT_MS - clock_mono_ms();
    if (!uv_is_active((uv_handle_t *)&t->out))
        uv_timer_start(&t->out, on_out, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

static void on_looked(void *ctx, struct engine *engine)
{
    struct seat *seat = ctx;
    (void)engine;
    thread_step_shares(seat->thread, seat);
    if (seat->thread->retired.n > 0)
        thread_close_retired(seat->thread);
}

void thread_end_look(struct tiers_thread *t, struct look_ticket *ticket)
{
    if (--ticket->n_left > 0)
        return;
    give_views(t);
    give_end(t, ticket->ticket);
    free(ticket);
}

static void on_look_ended(void *ctx, void *ticket)
{
    thread_end_look(((struct seat *)ctx)->thread, ticket);
}

static void on_sweep(uv_timer_t *timer);

static void on_ended(void *ctx, struct engine *engine)
{
    struct seat *seat = ctx;
    (void)engine;
    seat->has_ended = true;
    uv_timer_start(&seat->thread->sweep, on_sweep, 0, 0);
}

static int on_descriptor(void *ctx, const struct engine *engine, const char *name)
{
    const struct tiers_thread *t = ((const struct seat *)ctx)->thread;
    char of[80];
    (void)name; /* a tier has one at most */
    agent_listener_name(of, engine_spec(engine)->config);
    for (size_t i = 0; i < t->listeners.n; i++)
        if (strcmp(t->listeners.v[i].name, of) == 0)
            return t->listeners.v[i].fd;
    return -1;
}

struct engine_host thread_engine_host(struct seat *seat)
{
    struct tiers_thread *t = seat->thread;
    return (struct engine_host){
        .drive = t->drive,
        .node = t->node,
        .keeper = t->keeper,
        .agents = t->agents,
        .nginx_gates = t->nginx_gates,
        .ctx = seat,
        .publish = on_view,
        .looked = on_looked,
        .met_failure = on_met_failure,
        .look_ended = on_look_ended,
        .ended = on_ended,
        .descriptor = on_descriptor,
    };
}

const char *agent_listener_name(char out[80], const struct tier *tier)
{
    char where[IP_PORT_TEXT_MAX];
    snprintf(out, 80, "agent %s",
             ip_port_text(where, &tier->haproxy.agent.addr, tier->haproxy.agent.port));
    return out;
}

/* ---- the end ---- */

static void on_keeper_closed(void *ctx)
{
    struct tiers_thread *t = ctx;
    for (size_t i = 0; i < t->listeners.n; i++)
        close(t->listeners.v[i].fd);
    thread_close_retired(t);
    set_states_release(t->next);
    thread_free_feedbacks(t->states ? t->states->set : NULL, t->feedbacks);
    set_states_release(t->states);
    t->states = t->next = NULL;
    t->feedbacks = NULL;
    uv_close((uv_handle_t *)&t->out, NULL);
    uv_close((uv_handle_t *)&t->stop, NULL);
    uv_close((uv_handle_t *)&t->sweep, NULL);
    give_end(t, NULL);
}

static void end_if_empty(struct tiers_thread *t)
{
    if (!t->stopping || t->seats.n > 0 || !t->keeper)
        return;
    struct keeper *keeper = t->keeper;
    t->keeper = NULL;
    uv_timer_stop(&t->stop);
    uv_timer_stop(&t->out);
    agents_free(t->agents);
    nginx_gates_free(t->nginx_gates);
    keeper_close(keeper, on_keeper_closed, t);
}

static void close_seat(struct seat *seat)
{
    engine_close(seat->engine);
    tier_view_release(seat->view);
    free(seat);
}

/** What has ended, or all. Looks that are closed with their tier end, and views are given then: of
 *  those that stay. */
static void close_seats(struct tiers_thread *t, bool all)
{
    VEC(struct seat *) closing = {0};
    size_t n = 0;
    for (size_t i = 0; i < t->seats.n; i++) {
        struct seat *seat = t->seats.v[i];
        if (all || seat->has_ended)
            *vec_push(&closing) = seat;
        else
            t->seats.v[n++] = seat;
    }
    t->seats.n = n;
    for (size_t i = 0; i < closing.n; i++)
        close_seat(closing.v[i]);
    vec_free(&closing);
    thread_close_retired(t);
    end_if_empty(t);
}

static void on_sweep(uv_timer_t *timer)
{
    close_seats(timer->data, false);
}

static void on_stop(uv_timer_t *timer)
{
    struct tiers_thread *t = timer->data;
    log_warning("%zu tier%s could not be left in time as configured: stopped without", t->seats.n,
                t->seats.n == 1 ? "" : "s");
    close_seats(t, true);
}

void thread_stop(struct tiers_thread *t)
{
    t->stopping = true;
    uv_timer_start(&t->stop, on_stop, TIERS_STOP_MS, 0);
    for (size_t i = 0; i < t->seats.n; i++) {
        struct seat *seat = t->seats.v[i];
        bool drains = engine_spec(seat->engine)->config->on_exit == TIER_LEAVE_DRAIN;
        if (drains && !engine_is_leaving(seat->engine))
            engine_leave(seat->engine, LEAVING_EXIT);
        else
            seat->has_ended = true; /* it stays as it is */
    }
    close_seats(t, false);
}

/* ---- the beginning ---- */

static void do_start(void *arg)
{
    struct tiers_thread *t = arg;
    uv_loop_t *loop = drive_loop(t->drive);
    uv_timer_init(loop, &t->out);
    uv_timer_init(loop, &t->stop);
    uv_timer_init(loop, &t->sweep);
    t->out.data = t->stop.data = t->sweep.data = t;
    t->keeper = keeper_open(t->drive);
    t->agents = agents_new(t->drive);
    t->nginx_gates = nginx_gates_new(t->drive);
}

int tiers_thread_start(struct tiers_thread **thread, const struct tiers_thread_host *host)
{
    struct tiers_thread *t = xcalloc(1, sizeof *t);
    t->host = *host;
    int code = drive_start(&t->drive, "tiers");
    if (code != 0) {
        free(t);
        return code;
    }
    drive_post(t->drive, do_start, t);
    *thread = t;
    return 0;
}

void tiers_thread_join(struct tiers_thread *t)
{
    drive_stop(t->drive);
    vec_free(&t->seats);
    vec_free(&t->listeners);
    vec_free(&t->retired);
    free(t->by_tier);
    free(t->reach.first);
    free(t->reach.tiers);
    free(t);
}
