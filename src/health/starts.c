/* SPDX-License-Identifier: Apache-2.0
 * What starts: probes that are due wait in queues until there is a slot.
 *
 * Those of type exec wait in lanes (lanes.h), all others in one queue of the plan. A probe is in
 * one queue or in flight, never both. */
#include "health/internal.h"

#include "base/clock.h"
#include "health/lanes.h"

enum {
    EXEC_BATCH = 4, /* commands started per turn: each takes up to a millisecond */
    BATCH = 128,    /* other starts per turn of the loop: about 3 ms */
};

static struct lane *lane_of(struct checker *c, const struct probe *p)
{
    return p->lane == MODEL_NONE ? NULL : &c->plan->lanes[p->lane];
}

void starts_queue(struct checker *c, struct probe *p)
{
    struct lane *lane = lane_of(c, p);
    if (p->queued || p->trial)
        return;
    waiting_add(lane ? &lane->waiting : &c->plan->waiting, p);
    c->plan->n_exec_waiting += lane != NULL;
}

void starts_ask(struct checker *c, struct probe *p)
{
    struct lane *lane = lane_of(c, p);
    if (p->queued || p->trial)
        return;
    waiting_add_first(lane ? &lane->waiting : &c->plan->waiting, p);
    c->plan->n_exec_waiting += lane != NULL;
}

void starts_unqueue(struct checker *c, struct probe *p)
{
    struct lane *lane = lane_of(c, p);
    if (!p->queued)
        return;
    waiting_remove(lane ? &lane->waiting : &c->plan->waiting, p);
    c->plan->n_exec_waiting -= lane != NULL;
}

static void list_trial(struct checker *c, struct trial *trial)
{
    trial->prev = NULL;
    trial->next = c->in_flight;
    if (c->in_flight)
        c->in_flight->prev = trial;
    c->in_flight = trial;
    c->n_in_flight++;
    c->n_open++;
}

static void unlist_trial(struct checker *c, struct trial *trial)
{
    c->n_in_flight--;
    if (trial->prev)
        trial->prev->next = trial->next;
    else
        c->in_flight = trial->next;
    if (trial->next)
        trial->next->prev = trial->prev;
}

void starts_end(struct checker *c, struct trial *trial)
{
    struct probe *p = trial->subject;
    struct lane *lane = p ? lane_of(c, p) : NULL;
    unlist_trial(c, trial);
    if (p)
        p->trial = NULL;
    if (lane)
        lane->n_in_flight--;
}

static void start_probe(struct checker *c, struct probe *p)
{
    const struct endpoint *e = &c->model->endpoints[p->subject];
    struct trial_target target = {
        .addr = p->addr,
        .port = p->port,
        .host = p->addr.family == IP_NONE ? e->label : NULL,
        .pool = c->model->pools[e->pool].name,
        .site = c->model->sites[e->site].name,
        .label = e->label,
    };
    wheel_start(&c->plan->due, &p->due, schedule_next_ms(p, clock_mono_ms()));
    struct lane *lane = lane_of(c, p);
    if (lane) {
        lane->n_in_flight++;
        c->exec.n_in_flight++;
    } else {
        c->network.n_in_flight++;
    }
    doubt_asked(c, p);
    p->trial = trial_start(&c->trials, p->check, &target, p);
    list_trial(c, p->trial);
    succession_note_probe(c, p);
}

bool starts_more(const struct checker *c)
{
    return (c->plan->waiting.first && c->network.n_in_flight < c->network.max_in_flight) ||
           c->exec.more;
}

static void start_network(struct checker *c)
{
    for (unsigned n = 0; n < BATCH && c->network.n_in_flight < c->network.max_in_flight; n++) {
        struct probe *p = waiting_take(&c->plan->waiting);
        if (!p)
            return;
        start_probe(c, p);
    }
}

/* Slots that no command has, also none of those that are killed and not gone yet. */
static uint32_t free_slots(const struct checker *c)
{
    uint32_t used = c->exec.n_in_flight + processes_dying(&c->processes);
    uint32_t n = c->model->server.exec_concurrency;
    return used < n ? n - used : 0;
}

/* The next lane, in turns, that waits and may start; NULL: none. */
static struct lane *next_lane(struct checker *c)
{
    const struct plan *plan = c->plan;
    uint32_t n_free = free_slots(c);
    uint32_t n_reserved = lanes_reserved(plan, c->model->server.exec_concurrency);
    for (uint32_t i = 0; i < plan->n_lanes && n_free > 0; i++) {
        struct lane *lane = &plan->lanes[c->exec.turn++ % plan->n_lanes];
        if (lane->waiting.first && lane_may_start(lane, n_free, n_reserved))
            return lane;
    }
    return NULL;
}

static void start_exec(struct checker *c)
{
    unsigned n = 0;
    for (struct lane *lane; c->plan->n_exec_waiting > 0 && n < EXEC_BATCH; n++) {
        lane = next_lane(c);
        if (!lane)
            break;
        c->plan->n_exec_waiting--;
        start_probe(c, waiting_take(&lane->waiting));
    }
    c->exec.more = n == EXEC_BATCH && c->plan->n_exec_waiting > 0;
}

void starts_cancel(struct checker *c)
{
    while (c->in_flight) {
        struct trial *trial = c->in_flight;
        starts_end(c, trial);
        trial_cancel(trial);
    }
}

void starts_pump(struct checker *c)
{
    if (c->stopping)
        return;
    start_network(c);
    start_exec(c);
    schedule_arm(c);
}

void starts_pump_exec(struct checker *c)
{
    if (c->plan->n_exec_waiting > 0)
        starts_pump(c);
}

void starts_freed(struct trial_host *host, const struct prepared_check *check)
{
    struct checker *c = host->ctx;
    bool exec = check->def.type == CHECK_EXEC;
    if (exec)
        c->exec.n_in_flight--;
    else
        c->network.n_in_flight--;
    if (!c->stopping && (exec ? c->plan->n_exec_waiting > 0 : c->plan->waiting.first != NULL))
        starts_pump(c);
    checker_closed(c);
}
