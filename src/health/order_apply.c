/* SPDX-License-Identifier: Apache-2.0
 * Putting orders in force, pool by pool: as much at once as the loop can spare, the rest in later
 * turns. What is told of an order is its own line, and one for each endpoint that it changed. */
#include "health/internal.h"

#include "base/actor.h"
#include "base/clock.h"
#include "health/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLICE_US = 2000,         /* of a turn of the loop, with all that consumers do of it */
    SLICE_ENDPOINTS = 20000, /* looked at: the bound where the clock is not ours */
    EVENTS_MAX = 100,        /* per change; one of more endpoints ends with a line for the rest */
};

struct order_apply {
    bool *pools; /* that are to be looked at, by pool */
    uint32_t next;
    struct decider *decider;
    struct decision *decisions; /* of one site */
    char why[REASON_MAX];
    char by[ACTOR_TEXT_MAX];
    uint32_t n_reported, n_silent;
};

/* ---- one endpoint ---- */

/* One line of the event log about an endpoint whose orders changed, if that shows. */
static bool report(struct checker *c, uint32_t endpoint, const struct endpoint_state *before)
{
    const struct endpoint_state *now = &c->states[endpoint];
    const struct endpoint *e = &c->model->endpoints[endpoint];
    const char *why = c->apply->why;
    char text[2 * REASON_MAX + 8];
    uint32_t from = endpoint_weight(e, before), to = endpoint_weight(e, now);
    if (from == to && before->override == now->override)
        return false;
    if (from != to)
        snprintf(text, sizeof text, "%s: weight %u, was %u", why, to, from);
    else if (*now->override_reason)
        snprintf(text, sizeof text, "%s: %s", why, now->override_reason);
    else
        snprintf(text, sizeof text, "%s", why);
    endpoints_event_by(c, endpoint, endpoint_state_text(before), endpoint_state_text(now), text,
                       c->apply->by);
    return true;
}

/* Returns whether the endpoint's state changed. */
static bool apply_one(struct checker *c, uint32_t endpoint, const struct decision *decision)
{
    struct endpoint_state *state = &c->states[endpoint], before = *state;
    decision_apply(state, &c->orders, decision);
    if (before.state_order == state->state_order && before.weight_order == state->weight_order)
        return false;
    endpoints_mark_changed(c, endpoint);
    if (c->apply->n_reported < EVENTS_MAX)
        c->apply->n_reported += report(c, endpoint, &before);
    else
        c->apply->n_silent++;
    return true;
}

/* Returns how many endpoints were looked at. */
static uint32_t apply_pool(struct checker *c, uint32_t pool)
{
    struct order_apply *a = c->apply;
    uint32_t n = 0, changed = MODEL_NONE;
    for (uint32_t i = 0; i < c->model->pools[pool].n_sites; i++) {
        const struct pool_site *site = &c->model->pools[pool].sites[i];
        decider_run(a->decider, pool, i, a->decisions);
        for (uint32_t k = 0; k < site->n_endpoints; k++)
            if (apply_one(c, site->first_endpoint + k, &a->decisions[k]))
                changed = site->first_endpoint + k;
        n += site->n_endpoints;
    }
    if (changed != MODEL_NONE)
        endpoints_touched(c, changed); /* all of it is about the pool */
    return n;
}

/* ---- slices ---- */

void order_apply_drop(struct checker *c)
{
    struct order_apply *a = c->apply;
    if (!a)
        return;
    if (a->decider)
        decider_free(a->decider);
    free(a->pools);
    free(a->decisions);
    free(a);
    c->apply = NULL;
}

static void finish(struct checker *c)
{
    char text[2 * REASON_MAX];
    if (c->apply->n_silent > 0) {
        snprintf(text, sizeof text, "%s: %u more endpoints", c->apply->why, c->apply->n_silent);
        endpoints_event_by(c, MODEL_NONE, "", "", text, c->apply->by);
    }
    order_apply_drop(c);
    order_queue_applied(c);
}

/* Returns whether all is done. */
static bool run_slice(struct checker *c)
{
    struct order_apply *a = c->apply;
    int64_t began_us = clock_mono_us();
    uint32_t n = 0;
    if (!a->decider)
        a->decider = decider_new(&c->orders, c->model);
    for (; a->next < c->model->n_pools; a->next++) {
        if (!a->pools[a->next])
            continue;
        if (n >= SLICE_ENDPOINTS || (n > 0 && clock_mono_us() - began_us >= SLICE_US))
            return false;
        a->pools[a->next] = false;
        n += apply_pool(c, a->next);
    }
    return true;
}

static void on_timer(uv_timer_t *timer)
{
    struct checker *c = timer->data;
    order_apply_run(c);
}

void order_apply_run(struct checker *c)
{
    if (!c->apply)
        return;
    bool done;
    do {
        done = run_slice(c);
        endpoints_flush(c);
    } while (!done && c->stopping);
    if (done)
        finish(c);
    else
        uv_timer_start(&c->apply_timer, on_timer, 0, 0);
}

/* ---- what there is to do ---- */

static uint32_t widest_site(const struct model *m)
{
    uint32_t most = 0;
    for (uint32_t p = 0; p < m->n_pools; p++)
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++)
            if (m->pools[p].sites[i].n_endpoints > most)
                most = m->pools[p].sites[i].n_endpoints;
    return most;
}

static void mark_pools(struct checker *c, const struct target *target)
{
    for (uint32_t p = 0; p < c->model->n_pools; p++)
        if (!c->apply->pools[p] && pattern_matches(&target->pool, c->model->pools[p].name))
            c->apply->pools[p] = true;
}

/* Both lists are in the same order: what is in one only is found side by side. */
static void mark_differences(struct checker *c, const struct orders *before,
                             const struct orders *now)
{
    uint32_t i = 0, k = 0;
    while (i < before->n || k < now->n) {
        int first = i == before->n ? 1 : k == now->n ? -1 : order_compare(before->v[i], now->v[k]);
        if (first == 0 && before->v[i]->serial == now->v[k]->serial) {
            i++, k++;
            continue;
        }
        if (first <= 0)
            mark_pools(c, &before->v[i++]->target);
        if (first >= 0)
            mark_pools(c, &now->v[k++]->target);
    }
}

void order_apply_change(struct checker *c, struct orders *next, const char *why, const char *by)
{
    struct orders before = c->orders;
    succession_note_orders(c);
    if (!c->apply) {
        c->apply = xcalloc(1, sizeof *c->apply);
        c->apply->pools = xcalloc(c->model->n_pools + 1u, sizeof(bool));
        c->apply->decisions = xcalloc(widest_site(c->model) + 1u, sizeof(struct decision));
    } else if (c->apply->decider) { /* of the list before */
        decider_free(c->apply->decider);
        c->apply->decider = NULL;
    }
    snprintf(c->apply->why, sizeof c->apply->why, "%s", why);
    snprintf(c->apply->by, sizeof c->apply->by, "%s", by);
    c->apply->next = 0;
    c->orders = *next;
    *next = (struct orders){0};
    c->orders_version++;
    mark_differences(c, &before, &c->orders);
    orders_free(&before);
    subscriptions_mark_orders(&c->subscriptions);
    order_apply_run(c);
}
