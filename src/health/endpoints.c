/* SPDX-License-Identifier: Apache-2.0
 * Results of probes -> published states.
 *
 * An endpoint's probes say together: down if one is, else unknown if one is, else up. That is
 * published at once, unless the guard panics: then published states stay as they were before the
 * fall until panic ends. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Changes wait this long for more, as a pool's view is compiled once for all of them. With 10,000
 * flips a second in 100 pools 20 ms take 0.03 of a core more than 50, and 18 ms off the median
 * wait.
 */
enum { FLUSH_MS = 20 };

/* ---- changes, coalesced ---- */

const uint32_t checker_delay_ms[CHECKER_DELAYS] = {1, 5, 10, 25, 50, 75, 100, 250, 1000};

/** Counts how long each of the n changes that were just told had waited. */
static void note_delays(struct checker *c, uint32_t n)
{
    int64_t now_us = clock_mono_us();
    for (uint32_t i = 0; i < n; i++) {
        int64_t us = now_us - c->standings[c->changed[i]].changed_us;
        unsigned k = 0;
        while (k < CHECKER_DELAYS && us > (int64_t)checker_delay_ms[k] * 1000)
            k++;
        c->delays.n[k]++;
        c->delays.sum_us += (uint64_t)us;
    }
}

void endpoints_flush(struct checker *c)
{
    uv_timer_stop(&c->flush);
    c->flushed_ms = clock_mono_ms();
    for (uint32_t i = 0; i < c->n_changed; i++)
        c->standings[c->changed[i]].changed = false;
    uint32_t n = c->n_changed;
    c->n_changed = 0;
    subscriptions_wake(&c->subscriptions);
    note_delays(c, n);
}

void endpoints_flush_if_late(struct checker *c)
{
    if (c->n_changed > 0 &&
        clock_mono_us() - c->standings[c->changed[0]].changed_us >= FLUSH_MS * 1000)
        endpoints_flush(c);
}

static void on_flush(uv_timer_t *timer)
{
    endpoints_flush(timer->data);
}

void endpoints_flush_soon(struct checker *c)
{
    if (!c->stopping)
        uv_timer_start(&c->flush, on_flush, 0, 0);
}

/* The first change is told in the next turn of the loop, more at most once in FLUSH_MS. */
void endpoints_mark_changed(struct checker *c, uint32_t endpoint)
{
    succession_note_endpoint(c, endpoint);
    subscriptions_mark(&c->subscriptions, endpoint); /* who has taken within this flush, again */
    if (c->standings[endpoint].changed || c->stopping)
        return;
    c->standings[endpoint].changed = true;
    c->standings[endpoint].changed_us = clock_mono_us();
    c->changed[c->n_changed++] = endpoint;
    if (uv_is_active((uv_handle_t *)&c->flush))
        return;
    int64_t ago_ms = clock_mono_ms() - c->flushed_ms;
    uv_timer_start(&c->flush, on_flush, ago_ms < FLUSH_MS ? (uint64_t)(FLUSH_MS - ago_ms) : 0, 0);
}

void endpoints_event(struct checker *c, uint32_t endpoint, const char *from, const char *to,
                     const char *reason)
{
    const struct health_event event = {clock_wall_ms(), endpoint, from, to, reason};
    if (c->callbacks.event)
        c->callbacks.event(c->callbacks.ctx, &event);
}

/* ---- what the probes of one endpoint say together ---- */

struct summary {
    enum health health;
    const struct probe *decisive; /* the first that is down, else the first unknown, else the last
                                     that gave a result; NULL: no probes */
    uint32_t flip_s;
    bool failing, stale;
};

static uint32_t probe_flip_s(const struct probe *p)
{
    struct fsm_limits limits = probe_limits(p);
    return probe_is_derived(p) ? p->derived_flip_s : fsm_flip_s(&p->fsm, &limits);
}

/* Up flips with the first probe that fails; down needs the last of those that are down. */
static void add_probe(struct summary *s, const struct probe *p)
{
    static const uint8_t rank[] = {[HEALTH_UP] = 0, [HEALTH_UNKNOWN] = 1, [HEALTH_DOWN] = 2};
    uint32_t flip_s = probe_flip_s(p);
    /* What follows from other endpoints does not count twice. */
    s->failing |= fsm_failing(&p->fsm) && !probe_is_derived(p);
    s->stale |= p->stale;
    if (!s->decisive || rank[p->fsm.health] > rank[s->health]) {
        s->health = p->fsm.health;
        s->decisive = p;
        s->flip_s = flip_s;
    } else if (p->fsm.health != s->health) {
        return;
    } else if (s->health == HEALTH_DOWN) {
        s->flip_s = flip_s > s->flip_s ? flip_s : s->flip_s;
    } else {
        s->flip_s = flip_s < s->flip_s ? flip_s : s->flip_s;
        if (p->last_ms > s->decisive->last_ms)
            s->decisive = p;
    }
}

static struct summary summarise(const struct checker *c, uint32_t endpoint)
{
    const struct plan *plan = c->plan;
    struct summary s = {.health = HEALTH_UP, .flip_s = FLIP_NEVER};
    for (uint32_t i = plan->first[endpoint]; i < plan->first[endpoint + 1]; i++)
        add_probe(&s, &plan->probes[plan->of_endpoint[i]]);
    return s;
}

static void set_reason(struct checker *c, struct endpoint_state *state, const struct summary *s)
{
    const struct probe *p = s->decisive;
    const char *frozen =
        c->guard.panic && s->health != state->health ? "frozen by the panic guard; " : "";
    if (!p)
        snprintf(state->reason, sizeof state->reason, "not checked");
    else if (!p->reason)
        snprintf(state->reason, sizeof state->reason, "%s: %s", p->check->def.name,
                 p->untried ? p->untried : "not probed yet");
    else
        snprintf(state->reason, sizeof state->reason, "%s%s: %s%s%s", frozen, p->check->def.name,
                 p->untried ? p->untried : p->reason, p->untried ? "; before: " : "",
                 p->untried ? p->reason : "");
}

/* A frozen state that the probes contradict may change whenever panic ends: the shortest TTL. */
static void set_flip(struct checker *c, uint32_t endpoint, const struct summary *s)
{
    struct endpoint_state *state = &c->states[endpoint];
    bool frozen = c->guard.panic && s->health != state->health;
    uint32_t flip_s = frozen ? 1 : s->flip_s;
    if (flip_s == state->flip_s)
        return;
    state->flip_s = flip_s;
    endpoints_mark_changed(c, endpoint);
    endpoints_touched(c, endpoint);
}

/* ---- publishing ---- */

/* Without a reason it is no news, and no event. */
static void publish(struct checker *c, uint32_t endpoint, enum health health, int64_t since_ms,
                    const char *reason)
{
    struct endpoint_state *state = &c->states[endpoint];
    char before[16];
    bool served = endpoint_serves(state);
    snprintf(before, sizeof before, "%s", endpoint_state_text(state));
    state->health = (uint8_t)health;
    state->since_ms = since_ms;
    c->unsaved = true;
    endpoints_mark_changed(c, endpoint);
    if (reason)
        endpoints_event(c, endpoint, before, endpoint_state_text(state), reason);
    if (endpoint_serves(state) != served)
        endpoints_touched(c, endpoint);
}

/* Whether going down now would be a fall: from what was known to be up, not from the unknown. */
static bool was_up(const struct checker *c, uint32_t endpoint)
{
    uint8_t health = c->states[endpoint].health;
    return health == HEALTH_UP ||
           (health == HEALTH_UNKNOWN && c->standings[endpoint].known == HEALTH_UP);
}

static void set_frozen(struct checker *c)
{
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        struct summary s = summarise(c, e);
        c->states[e].stale = c->states[e].checked && (c->guard.panic || s.stale);
        set_reason(c, &c->states[e], &s);
        set_flip(c, e, &s);
    }
}

static void enter_panic(struct checker *c)
{
    struct guard *g = &c->guard;
    char text[REASON_MAX], window[UNITS_TEXT_MAX];
    snprintf(text, sizeof text,
             "panic guard: %u of %u checked endpoint%s in %u site%s fail within %s; the checker "
             "suspects itself and freezes all states",
             g->n_counted, g->n_checked, units_plural(g->n_checked), g->n_sites_counted,
             units_plural(g->n_sites_counted), units_age_text(window, g->limits.window_ms));
    log_error("health: %s", text);
    guard_enter(g);
    c->n_panics++;
    endpoints_event(c, MODEL_NONE, "ok", "panic", text);
    for (uint32_t e; (e = guard_take_fall(g)) != MODEL_NONE;) {
        struct standing *standing = &c->standings[e];
        publish(c, e, standing->health_before, standing->since_before_ms,
                "panic guard: back to what it was before the fall");
        guard_note(g, e, g->endpoints[e].failing, false);
    }
    set_frozen(c);
}

static void leave_panic(struct checker *c)
{
    static const char text[] = "panic guard: no longer failing as one; states follow the probes";
    guard_leave(&c->guard);
    log_notice("health: %s", text);
    endpoints_event(c, MODEL_NONE, "panic", "ok", text);
    set_frozen(c);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++) {
        struct summary s = summarise(c, e);
        if (s.decisive && s.health != c->states[e].health)
            publish(c, e, s.health, clock_wall_ms(), c->states[e].reason);
        guard_note(&c->guard, e, s.failing, c->states[e].health == HEALTH_DOWN);
    }
}

void endpoints_review_panic(struct checker *c)
{
    if (c->guard.panic && guard_calm(&c->guard, clock_mono_ms()))
        leave_panic(c);
}

/* Publishes a change of `raw`, unless the guard objects. */
static void propose(struct checker *c, uint32_t endpoint, const struct summary *s)
{
    struct endpoint_state *state = &c->states[endpoint];
    struct standing *standing = &c->standings[endpoint];
    bool falls = s->health == HEALTH_DOWN && was_up(c, endpoint);
    if (falls && guard_alarmed(&c->guard, clock_mono_ms())) {
        enter_panic(c);
        return;
    }
    guard_note(&c->guard, endpoint, s->failing, s->health == HEALTH_DOWN);
    if (falls) {
        standing->health_before = state->health;
        standing->since_before_ms = state->since_ms;
        guard_fell(&c->guard, endpoint, clock_mono_ms());
    }
    /* Last, because what depends on it may follow at once, and may start the panic. */
    if (state->health == HEALTH_UNKNOWN && s->health == standing->known)
        publish(c, endpoint, s->health, standing->known_since_ms, NULL); /* as before the restart */
    else
        publish(c, endpoint, s->health, clock_wall_ms(), state->reason);
}

static void refresh(struct checker *c, uint32_t endpoint)
{
    struct endpoint_state *state = &c->states[endpoint];
    struct summary s = summarise(c, endpoint);
    state->stale = c->guard.panic || s.stale;
    if (s.decisive)
        state->latency_us = s.decisive->latency_us;
    set_reason(c, state, &s);
    guard_note(&c->guard, endpoint, s.failing, state->health == HEALTH_DOWN);
    if (s.health != state->health && !c->guard.panic)
        propose(c, endpoint, &s);
    set_flip(c, endpoint, &s);
}

void endpoints_follow(struct checker *c, const struct probe *probe)
{
    for (uint32_t i = 0; i < probe->n_users; i++)
        refresh(c, probe->users[i]);
}

/* ---- checks of type pool ---- */

static uint32_t pool_flip_s(const struct checker *c, const struct pool *pool)
{
    uint32_t soonest = FLIP_NEVER;
    for (uint32_t i = 0; i < pool->n_sites; i++)
        for (uint32_t j = 0; j < pool->sites[i].n_endpoints; j++) {
            uint32_t flip_s = c->states[pool->sites[i].first_endpoint + j].flip_s;
            soonest = flip_s < soonest ? flip_s : soonest;
        }
    return soonest;
}

/* Works a probe of type pool out from the states. Returns whether it changed. */
bool endpoints_derive(struct checker *c, struct probe *p, const struct pool *pool)
{
    char reason[REASON_MAX];
    enum health health = pool_is_up(c->model, pool, c->states) ? HEALTH_UP : HEALTH_DOWN;
    uint32_t flip_s = p->derived_flip_s;
    p->derived_flip_s = pool_flip_s(c, pool);
    p->last_ms = clock_wall_ms();
    if (p->fsm.health == health)
        return p->derived_flip_s != flip_s;
    snprintf(reason, sizeof reason,
             health == HEALTH_UP ? "pool %s is up" : "no site of pool %s is up", pool->name);
    free(p->reason);
    p->reason = xstrdup(reason);
    p->fsm.health = (uint8_t)health;
    p->since_ms = p->last_ms;
    return true;
}

void endpoints_touched(struct checker *c, uint32_t endpoint)
{
    uint32_t pool = c->model->endpoints[endpoint].pool;
    for (uint32_t i = c->plan->watchers[pool]; i != MODEL_NONE;
         i = c->plan->probes[i].next_derived) {
        struct probe *p = &c->plan->probes[i];
        if (endpoints_derive(c, p, &c->model->pools[pool]))
            endpoints_follow(c, p);
    }
}

/* ---- a new plan ---- */

void endpoints_init_guard(struct checker *c)
{
    const struct guard_limits limits = {
        .share = c->model->server.panic.share,
        .endpoints = c->model->server.panic.endpoints,
        .sites = c->model->server.panic.sites,
        .window_ms = c->plan->window_ms,
    };
    bool panic = c->guard.panic;
    guard_init(&c->guard, c->plan->arena, &limits, c->plan->site_of, c->model->n_endpoints,
               c->model->n_sites, c->plan->n_checked);
    c->guard.panic = panic;
}

void endpoints_init_one(struct checker *c, uint32_t endpoint)
{
    struct endpoint_state *state = &c->states[endpoint];
    struct summary s = summarise(c, endpoint);
    state->checked = s.decisive != NULL;
    state->flip_s = s.flip_s;
    state->latency_us = s.decisive ? s.decisive->latency_us : 0;
    state->stale = state->checked && (c->guard.panic || s.stale);
    if (s.health != state->health && !(c->guard.panic && state->health != HEALTH_UNKNOWN)) {
        state->health = (uint8_t)s.health;
        state->since_ms =
            s.decisive && s.decisive->since_ms ? s.decisive->since_ms : clock_wall_ms();
    }
    set_reason(c, state, &s);
    guard_note(&c->guard, endpoint, s.failing, state->health == HEALTH_DOWN);
}

/* Works all pool checks out once. Returns whether anything changed. */
static bool derive_all(struct checker *c)
{
    bool any = false;
    for (uint32_t pool = 0; pool < c->model->n_pools; pool++)
        for (uint32_t i = c->plan->watchers[pool]; i != MODEL_NONE;
             i = c->plan->probes[i].next_derived) {
            struct probe *p = &c->plan->probes[i];
            if (!endpoints_derive(c, p, &c->model->pools[pool]))
                continue;
            any = true;
            for (uint32_t j = 0; j < p->n_users; j++)
                endpoints_init_one(c, p->users[j]);
        }
    return any;
}

void endpoints_init(struct checker *c)
{
    endpoints_init_guard(c);
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        endpoints_init_one(c, e);
    /* Pools that watch pools settle within as many rounds as there are pools. */
    for (uint32_t round = 0; round < c->model->n_pools && derive_all(c); round++)
        ;
}
