/* SPDX-License-Identifier: Apache-2.0
 * Moving to another model.
 *
 * A succession has all that the checker has of a model: the plan with its wheel and queue, states,
 * what the guard counts. Within a slice the two change places, and what works on the checker's
 * works on the next one's, silently; at the switch they do so for good. */
#include "health/succession.h"

#include "base/clock.h"
#include "base/give_way.h"
#include "base/strmap.h"
#include "base/worklist.h"
#include "health/internal.h"

#include <stdlib.h>

enum { LOOK_EVERY = 16 }; /* pieces between looks at the clock: 10 us each */

struct succession {
    const struct model *model;
    struct plan *plan;
    struct endpoint_state *states;
    struct standing *standings;
    uint32_t *changed, n_changed;

    uint32_t n_endpoints;                  /* of `model` at first */
    struct plan_match probes;              /* between the plans */
    uint32_t *endpoint_from, *endpoint_to; /* MODEL_NONE: none */

    /* What is left to do of the next model: of each, all at first. */
    struct worklist probes_left, endpoints_left, pools_left, views_left;
    struct order_move *orders; /* NULL: to be made from those in force */
    uint32_t orders_version;   /* of the checker's, that they were made from */
    int64_t began_ms;
    bool begun;
};

/* ---- on any thread ---- */

static void match_endpoints(struct succession *s, const struct model *before,
                            const struct plan *plan)
{
    struct strmap by_key = {0};
    s->endpoint_to = xcalloc(before->n_endpoints + 1u, sizeof *s->endpoint_to);
    s->endpoint_from = xcalloc(s->model->n_endpoints + 1u, sizeof *s->endpoint_from);
    for (uint32_t e = 0; e < before->n_endpoints; e++) {
        s->endpoint_to[e] = MODEL_NONE;
        strmap_add(&by_key, slice_str(plan->keys[e]), e);
        give_way_often();
    }
    for (uint32_t e = 0; e < s->model->n_endpoints; e++) {
        uint32_t from = strmap_get(&by_key, slice_str(s->plan->keys[e]));
        s->endpoint_from[e] = from;
        if (from != STRMAP_NONE)
            s->endpoint_to[from] = e;
        give_way_often();
    }
    strmap_free(&by_key);
}

struct succession *succession_new(const struct model *model, const struct credentials *credentials,
                                  const struct model *before, struct present *present)
{
    struct succession *s = xcalloc(1, sizeof *s);
    const struct plan *plan = present->plan;
    uint32_t n = model->n_endpoints;
    s->model = model;
    s->n_endpoints = n;
    s->plan = plan_new(model, credentials);
    s->states = xcalloc(n + 1u, sizeof *s->states);
    s->standings = xcalloc(n + 1u, sizeof *s->standings);
    s->changed = xcalloc(n + 1u, sizeof *s->changed);
    for (uint32_t e = 0; e < n; e++) { /* touches the memory, which takes longer than the rest */
        s->states[e] = checker_fresh_state();
        s->standings[e] = (struct standing){0};
        give_way_often();
    }
    plan_match(&s->probes, s->plan, model, plan, before);
    match_endpoints(s, before, plan);
    s->orders = order_move_new(&present->orders, model);
    s->orders_version = present->orders_version;
    present_free(present);
    worklist_init(&s->probes_left, s->plan->n_probes, true);
    worklist_init(&s->endpoints_left, n, true);
    worklist_init(&s->pools_left, model->n_pools, true);
    worklist_init(&s->views_left, model->n_pools, true);
    return s;
}

void succession_free(struct succession *s)
{
    if (!s)
        return;
    plan_free(s->plan);
    give_way_free(s->states, (s->n_endpoints + (size_t)1) * sizeof *s->states);
    order_move_free(s->orders);
    free(s->standings);
    free(s->changed);
    plan_match_free(&s->probes);
    free(s->endpoint_from);
    free(s->endpoint_to);
    worklist_free(&s->probes_left);
    worklist_free(&s->endpoints_left);
    worklist_free(&s->pools_left);
    worklist_free(&s->views_left);
    free(s);
}

/* ---- slices ---- */

/** What belongs to a model changes places. */
static void exchange(struct checker *c, struct succession *s)
{
    EXCHANGE(c->model, s->model);
    EXCHANGE(c->plan, s->plan);
    EXCHANGE(c->states, s->states);
    EXCHANGE(c->standings, s->standings);
    EXCHANGE(c->changed, s->changed);
    EXCHANGE(c->n_changed, s->n_changed);
}

/* From here to the end of the slice the checker is the next one, and the succession the present. */

static void carry_probe(struct checker *c, const struct succession *s, struct worklist *endpoints,
                        uint32_t i)
{
    struct probe *p = &c->plan->probes[i];
    uint32_t from = s->probes.from[i];
    if (probe_is_derived(p))
        return;
    schedule_forget(c, p);
    if (from != MODEL_NONE)
        plan_carry(p, &s->plan->probes[from]);
    doubt_carry(c, p);
    schedule_probe(c, p, from != MODEL_NONE && s->plan->probes[from].trial);
    for (uint32_t j = 0; j < p->n_users; j++)
        worklist_add(endpoints, p->users[j]);
}

/* What was published of an endpoint. Should its probes be new ones, it is what is known until their
 * first results. */
static void carry_state(struct endpoint_state *to, struct standing *standing,
                        const struct endpoint_state *from, const struct standing *from_standing)
{
    to->health = from->health;
    to->since_ms = from->since_ms;
    to->assumed_up = from->assumed_up;
    to->remembered = from->remembered;
    to->ramp = from->ramp;
    to->load = from->load;
    standing->ramp_began_ms = from_standing->ramp_began_ms;
    standing->ramp_seen = from_standing->ramp_seen;
    if (from->health == HEALTH_UNKNOWN) {
        standing->known = from_standing->known;
        standing->known_since_ms = from_standing->known_since_ms;
        return;
    }
    to->assumed_up = from->health == HEALTH_UP;
    to->remembered = from->checked;
    standing->known = from->checked ? from->health : HEALTH_UNKNOWN;
    standing->known_since_ms = from->since_ms;
}

static void carry_endpoint(struct checker *c, struct succession *s, uint32_t e)
{
    uint32_t from = s->endpoint_from[e], pool = c->model->endpoints[e].pool;
    c->plan->n_health[c->states[e].health]--;
    c->plan->n_frozen -= c->states[e].frozen;
    c->states[e] = checker_fresh_state();
    c->standings[e] = (struct standing){.ramp_seen = RAMP_NEW};
    if (from != MODEL_NONE)
        carry_state(&c->states[e], &c->standings[e], &s->states[from], &s->standings[from]);
    c->plan->n_health[c->states[e].health]++;
    order_move_apply(s->orders, e, &c->states[e]);
    endpoints_init_one(c, e);
    worklist_add(&s->pools_left, pool);
    worklist_add(&s->views_left, pool);
}

/* Pools that watch pools settle in as many rounds as they are deep. */
static void derive_pool(struct checker *c, struct succession *s, uint32_t pool)
{
    for (uint32_t i = c->plan->watchers[pool]; i != MODEL_NONE;
         i = c->plan->probes[i].next_derived) {
        struct probe *p = &c->plan->probes[i];
        if (!derived_work_out(c, p, &c->model->pools[pool]))
            continue;
        for (uint32_t j = 0; j < p->n_users; j++)
            worklist_add(&s->endpoints_left, p->users[j]);
    }
}

/** One piece: in this order, as each is made from those before. Returns whether there was one. */
static bool work(struct checker *c, struct succession *s)
{
    uint32_t i;
    if ((i = worklist_take(&s->probes_left)) != WORKLIST_NONE)
        carry_probe(c, s, &s->endpoints_left, i);
    else if ((i = worklist_take(&s->endpoints_left)) != WORKLIST_NONE)
        carry_endpoint(c, s, i);
    else if ((i = worklist_take(&s->pools_left)) != WORKLIST_NONE)
        derive_pool(c, s, i);
    return i != WORKLIST_NONE;
}

/** Whether the guard panics is of the checker, what it counts of the plan. */
static void follow_guard(struct checker *c, struct succession *s)
{
    if (s->plan->guard.panic == c->plan->guard.panic)
        return;
    s->plan->guard.panic = c->plan->guard.panic;
    for (uint32_t i = 0; i < s->plan->n_probes; i++)
        worklist_add(&s->probes_left, i);
    for (uint32_t e = 0; e < s->n_endpoints; e++)
        worklist_add(&s->endpoints_left, e);
}

/** Those of when it began, unless something was ordered since. */
static void follow_orders(const struct checker *c, struct succession *s)
{
    if (s->orders && s->orders_version == c->orders_version)
        return;
    order_move_free(s->orders);
    s->orders = order_move_new(&c->orders, s->model);
    s->orders_version = c->orders_version;
}

bool succession_step(struct checker *c, struct succession *s, int64_t until_us)
{
    bool more = true;
    if (!s->begun)
        s->began_ms = clock_mono_ms();
    s->begun = true;
    follow_orders(c, s);
    follow_guard(c, s);
    bool is_patient = clock_mono_ms() - s->began_ms < SUCCESSION_PATIENCE_MS;
    c->next = NULL;
    exchange(c, s);
    for (unsigned n = 1; (more = work(c, s)); n++)
        if (is_patient && n % LOOK_EVERY == 0 && clock_mono_us() >= until_us)
            break;
    exchange(c, s);
    c->next = s;
    return !more;
}

uint32_t succession_pool(struct succession *s)
{
    return worklist_take(&s->views_left);
}

const struct endpoint_state *succession_states(const struct succession *s)
{
    return s->states;
}

/* ---- between slices ---- */

void succession_note_probe(struct checker *c, const struct probe *p)
{
    struct succession *s = c->next;
    uint32_t to = s ? s->probes.to[p - c->plan->probes] : MODEL_NONE;
    if (to != MODEL_NONE)
        worklist_add(&s->probes_left, to);
}

void succession_note_endpoint(struct checker *c, uint32_t endpoint)
{
    struct succession *s = c->next;
    if (s && s->endpoint_to[endpoint] != MODEL_NONE)
        worklist_add(&s->endpoints_left, s->endpoint_to[endpoint]);
}

void succession_note_orders(struct checker *c)
{
    struct succession *s = c->next;
    if (!s)
        return;
    order_move_free(s->orders);
    s->orders = NULL;
    for (uint32_t e = 0; e < s->model->n_endpoints; e++)
        worklist_add(&s->endpoints_left, e);
}

/* ---- the switch ---- */

/** A trial goes on for the probe that asks the same, or for none. */
static void move_trial(struct checker *c, const struct succession *s, struct trial *trial)
{
    struct probe *from = trial->subject;
    if (!from) /* left over from the switch before */
        return;
    uint32_t to = s->probes.to[from - s->plan->probes];
    from->trial = NULL;
    trial->subject = NULL;
    if (to == MODEL_NONE)
        return;
    struct probe *p = &c->plan->probes[to];
    trial->subject = p;
    p->trial = trial;
    if (p->lane != MODEL_NONE)
        c->plan->lanes[p->lane].n_in_flight++;
}

void succession_finish(struct checker *c, struct succession *s)
{
    c->next = NULL;
    exchange(c, s);
    for (struct trial *t = c->in_flight; t; t = t->next)
        move_trial(c, s, t);
    order_move_finish(c, s->orders);
    c->unsaved = true; /* under other names, maybe */
    subscriptions_reset(&c->subscriptions, c->model->n_endpoints);
    endpoints_flush_soon(c);
    c->exec.more = c->plan->n_exec_waiting > 0;
    doubt_switched(c);
    schedule_arm(c);
    order_queue_applied(c);
}

bool succession_clear(struct checker *c, struct succession *s, int64_t until_us)
{
    (void)s;
    struct trial *next;
    for (struct trial *t = c->in_flight; t; t = next) {
        next = t->next;
        if (t->subject)
            continue;
        if (clock_mono_us() >= until_us)
            return false;
        starts_end(c, t);
        trial_cancel(t);
    }
    return true;
}

void succession_abandon(struct checker *c, struct succession *s)
{
    if (c->next == s)
        c->next = NULL;
}
