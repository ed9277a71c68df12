/* SPDX-License-Identifier: Apache-2.0
 * Published probes -> states of endpoints.
 *
 * An endpoint's probes say together: down if one is, else unknown if one is, else up. What a probe
 * says is what doubt.c lets through. */
#include "health/internal.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
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
    derived_update(c);
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

void endpoints_event_by(struct checker *c, uint32_t endpoint, const char *from, const char *to,
                        const char *reason, const char *by)
{
    const struct health_event event = {clock_wall_ms(), endpoint, from, to, reason, by};
    if (c->callbacks.event)
        c->callbacks.event(c->callbacks.ctx, &event);
}

void endpoints_event(struct checker *c, uint32_t endpoint, const char *from, const char *to,
                     const char *reason)
{
    endpoints_event_by(c, endpoint, from, to, reason, "");
}

/* ---- what the probes of one endpoint say together ---- */

struct summary {
    enum health health;
    const struct probe
        *decisive; /* the first that is down, else the first unknown, else one that
                      is doubted, else the last that gave a result; NULL: no probes */
    uint32_t flip_s;
    bool stale;
};

/* What is held back may be let through at any time: the shortest TTL. */
static uint32_t probe_flip_s(const struct probe *p)
{
    struct fsm_limits limits = probe_limits(p);
    if (p->doubted)
        return 1;
    return probe_is_derived(p) ? p->derived_flip_s : fsm_flip_s(&p->fsm, &limits);
}

static bool tells_more(const struct probe *p, const struct probe *than)
{
    return p->doubted != than->doubted ? p->doubted : p->last_ms > than->last_ms;
}

/* Up flips with the first probe that fails; down needs the last of those that are down. */
static void add_probe(struct summary *s, const struct probe *p)
{
    static const uint8_t rank[] = {[HEALTH_UP] = 0, [HEALTH_UNKNOWN] = 1, [HEALTH_DOWN] = 2};
    uint32_t flip_s = probe_flip_s(p);
    s->stale |= p->stale;
    if (!s->decisive || rank[p->told] > rank[s->health]) {
        s->health = p->told;
        s->decisive = p;
        s->flip_s = flip_s;
    } else if (p->told != s->health) {
        return;
    } else if (s->health == HEALTH_DOWN) {
        s->flip_s = flip_s > s->flip_s ? flip_s : s->flip_s;
    } else {
        s->flip_s = flip_s < s->flip_s ? flip_s : s->flip_s;
        if (tells_more(p, s->decisive))
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

static const char *doubt_text(const struct checker *c, const struct probe *p)
{
    if (!p->doubted)
        return "";
    return c->plan->guard.panic ? "frozen by the panic guard; "
                                : "not counted before others are asked; ";
}

static void set_reason(struct checker *c, struct endpoint_state *state, const struct summary *s)
{
    const struct probe *p = s->decisive;
    if (!p)
        snprintf(state->reason, sizeof state->reason, "not checked");
    else if (!p->reason)
        snprintf(state->reason, sizeof state->reason, "%s: %s", p->check->def.name,
                 p->untried ? p->untried : "not probed yet");
    else
        snprintf(state->reason, sizeof state->reason, "%s%s: %s%s%s", doubt_text(c, p),
                 p->check->def.name, p->untried ? p->untried : p->reason,
                 p->untried ? "; before: " : "", p->untried ? p->reason : "");
}

static void set_flip(struct checker *c, uint32_t endpoint, uint32_t flip_s)
{
    if (flip_s == c->states[endpoint].flip_s)
        return;
    c->states[endpoint].flip_s = flip_s;
    endpoints_mark_changed(c, endpoint);
    endpoints_touched(c, endpoint);
}

/* Returns whether that changed. */
static bool set_frozen(struct checker *c, struct endpoint_state *state)
{
    bool before = state->frozen;
    state->frozen = state->checked && c->plan->guard.panic;
    c->plan->n_frozen += (uint32_t)state->frozen - (uint32_t)before;
    return state->frozen != before;
}

/* ---- publishing ---- */

static void set_health(struct checker *c, struct endpoint_state *state, enum health health)
{
    c->plan->n_health[state->health]--;
    c->plan->n_health[health]++;
    state->health = (uint8_t)health;
}

/* Without a reason it is no news, and no event. */
static void publish(struct checker *c, uint32_t endpoint, enum health health, int64_t since_ms,
                    const char *reason)
{
    struct endpoint_state *state = &c->states[endpoint];
    char before[16];
    bool served = endpoint_serves(state);
    snprintf(before, sizeof before, "%s", endpoint_state_text(state));
    if (health == HEALTH_DOWN)
        c->standings[endpoint].since_before_ms = state->since_ms;
    set_health(c, state, health);
    state->since_ms = since_ms;
    c->unsaved = true;
    endpoints_mark_changed(c, endpoint);
    if (reason)
        endpoints_event(c, endpoint, before, endpoint_state_text(state), reason);
    if (endpoint_serves(state) != served)
        endpoints_touched(c, endpoint);
}

/* Puts everything right but the health, and returns what that should be. */
static enum health refresh(struct checker *c, uint32_t endpoint)
{
    struct endpoint_state *state = &c->states[endpoint];
    struct summary s = summarise(c, endpoint);
    state->stale = s.stale;
    if (s.decisive)
        state->latency_us = s.decisive->latency_us;
    if (set_frozen(c, state))
        endpoints_mark_changed(c, endpoint);
    set_reason(c, state, &s);
    set_flip(c, endpoint, s.flip_s);
    return s.health;
}

static void move_to(struct checker *c, uint32_t endpoint, enum health health)
{
    const struct endpoint_state *state = &c->states[endpoint];
    const struct standing *standing = &c->standings[endpoint];
    if (health == state->health)
        return;
    if (state->health == HEALTH_UNKNOWN && health == standing->known)
        publish(c, endpoint, health, standing->known_since_ms, NULL); /* as before the restart */
    else
        publish(c, endpoint, health, clock_wall_ms(), state->reason);
}

void endpoints_follow(struct checker *c, const struct probe *probe)
{
    for (uint32_t i = 0; i < probe->n_users; i++)
        move_to(c, probe->users[i], refresh(c, probe->users[i]));
}

void endpoints_align(struct checker *c, uint32_t endpoint)
{
    enum health health = refresh(c, endpoint);
    if (c->plan->guard.panic && health != c->states[endpoint].health)
        publish(c, endpoint, health, c->standings[endpoint].since_before_ms,
                "panic guard: back to what it was before the fall");
    else
        move_to(c, endpoint, health);
}

void checker_give_load(struct checker *c, uint32_t endpoint, uint8_t sixteenths)
{
    assert(sixteenths >= 1 && sixteenths <= SHARE_FULL);
    if (c->states[endpoint].load == sixteenths)
        return;
    c->states[endpoint].load = sixteenths;
    endpoints_mark_changed(c, endpoint);
}

/* ---- a new plan ---- */

void endpoints_init_one(struct checker *c, uint32_t endpoint)
{
    struct endpoint_state *state = &c->states[endpoint];
    struct summary s = summarise(c, endpoint);
    state->checked = s.decisive != NULL;
    state->flip_s = s.flip_s;
    state->latency_us = s.decisive ? s.decisive->latency_us : 0;
    state->stale = state->checked && s.stale;
    set_frozen(c, state);
    if (s.health != state->health) {
        set_health(c, state, s.health);
        state->since_ms =
            s.decisive && s.decisive->since_ms ? s.decisive->since_ms : clock_wall_ms();
    }
    set_reason(c, state, &s);
}

void endpoints_init(struct checker *c)
{
    for (uint32_t e = 0; e < c->model->n_endpoints; e++)
        endpoints_init_one(c, e);
    /* Pools that watch pools settle within as many rounds as there are pools. */
    for (uint32_t round = 0; round < c->model->n_pools && derived_update_all(c); round++)
        ;
}
