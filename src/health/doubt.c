/* SPDX-License-Identifier: Apache-2.0
 * Results of probes -> what is published of them, by what the guard says (contrib/adr/0028).
 *
 * A probe has the health that its results make (`fsm`) and the one that endpoints follow (`told`).
 * They differ while a fall is held, until others have been asked, and while panic freezes. In panic
 * silence is no evidence: it is not counted towards a fall, and the falls that it made before are
 * undone, so that what is left of the difference is the targets' own word.
 *
 * Panic changes every endpoint, in slices of a turn each: at once only `guard.panic` changes, which
 * is what results go by. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SLICE = 1024,     /* endpoints brought in line with panic a turn: about 2 ms */
    INQUIRY_MS = 250, /* between inquiries, at least */
    SLACK_MS = 1000,  /* beyond the timeouts of whom an inquiry asks: for a slot */
};

static uint32_t index_of(const struct checker *c, const struct probe *p)
{
    return (uint32_t)(p - c->plan->probes);
}

static bool is_up(const struct checker *c, const struct probe *p)
{
    if (p->told != HEALTH_UNKNOWN)
        return p->told == HEALTH_UP;
    for (uint32_t i = 0; i < p->n_users; i++)
        if (c->states[p->users[i]].assumed_up)
            return true;
    return false;
}

/* Whatever else of it has changed: the next model, if there is one, must know. */
static void set_doubted(struct checker *c, struct probe *p)
{
    succession_note_probe(c, p);
    p->doubted = p->told != p->fsm.health || (c->plan->guard.panic && p->silent);
}

/* Endpoints are to follow. */
static void tell(struct checker *c, struct probe *p)
{
    uint32_t i = index_of(c, p);
    if (p->fsm.health == HEALTH_DOWN && c->plan->guard.probes[i].is_up) {
        p->told_before = p->told;
        p->fell_ms = clock_mono_ms();
        guard_fell(&c->plan->guard, i, p->fell_ms);
    }
    p->told = p->fsm.health;
    guard_told(&c->plan->guard, i, is_up(c, p));
    set_doubted(c, p);
}

/* ---- panic ---- */

/* Brings a probe in line with panic, or with its end. */
static void align(struct checker *c, struct probe *p)
{
    if (probe_is_derived(p))
        return;
    if (!c->plan->guard.panic) {
        if (p->told != p->fsm.health)
            tell(c, p);
    } else if (p->fell_silent && p->told != HEALTH_DOWN) {
        uint16_t run = (uint16_t)(probe_limits(p).fall - 1);
        p->fsm = (struct fsm){.health = p->told, .run = p->told == HEALTH_UP ? run : 0};
        p->since_ms = p->since_before_ms;
        p->fell_silent = false;
    }
    set_doubted(c, p);
}

static void on_slice(uv_timer_t *timer)
{
    struct checker *c = timer->data;
    const struct plan *plan = c->plan;
    uint32_t n = 0;
    for (uint32_t i; n < SLICE && (i = guard_take_fall(&c->plan->guard)) != MODEL_NONE; n++) {
        plan->probes[i].told = plan->probes[i].told_before;
        guard_told(&c->plan->guard, i, is_up(c, &plan->probes[i]));
    }
    for (; n < SLICE && c->doubt.next < c->model->n_endpoints; n++, c->doubt.next++) {
        uint32_t e = c->doubt.next;
        for (uint32_t i = plan->first[e]; i < plan->first[e + 1]; i++)
            align(c, &plan->probes[plan->of_endpoint[i]]);
        endpoints_align(c, e);
    }
    if (c->doubt.next < c->model->n_endpoints)
        uv_timer_start(&c->doubt.slice, on_slice, 0, 0);
}

static void start_aligning(struct checker *c)
{
    c->doubt.next = 0;
    on_slice(&c->doubt.slice);
}

static void drop_held(struct checker *c)
{
    for (uint32_t i = 0; i < c->plan->n_held; i++)
        c->plan->probes[c->plan->held[i]].held = false;
    c->plan->n_held = 0;
}

static void enter_panic(struct checker *c)
{
    const struct guard *g = &c->plan->guard;
    char text[REASON_MAX];
    snprintf(text, sizeof text,
             "panic guard: no word from the targets of %u of %u probes that were up, in %u site%s; "
             "the checker suspects itself and freezes all states",
             g->n_silent, g->n_up, g->n_sites_silent, units_plural(g->n_sites_silent));
    log_error("health: %s", text);
    drop_held(c);
    guard_enter(&c->plan->guard);
    c->n_panics++;
    endpoints_event(c, MODEL_NONE, "ok", "panic", text);
    start_aligning(c);
}

static void leave_panic(struct checker *c)
{
    static const char text[] = "panic guard: targets answer again; states follow the probes";
    guard_leave(&c->plan->guard);
    log_notice("health: %s", text);
    endpoints_event(c, MODEL_NONE, "panic", "ok", text);
    start_aligning(c);
}

/* ---- falls that are held ---- */

static void hold(struct checker *c, struct probe *p)
{
    if (p->held)
        return;
    p->held = true;
    c->plan->held[c->plan->n_held++] = index_of(c, p);
}

/* They were no fault of ours. */
static void release_held(struct checker *c)
{
    uint32_t n = c->plan->n_held;
    drop_held(c);
    for (uint32_t i = 0; i < n; i++) {
        struct probe *p = &c->plan->probes[c->plan->held[i]];
        if (p->told == p->fsm.health)
            continue;
        tell(c, p);
        endpoints_follow(c, p);
    }
}

static void conclude(struct checker *c, enum guard_verdict verdict)
{
    if (verdict == GUARD_PANIC)
        enter_panic(c);
    else if (verdict == GUARD_FALL)
        release_held(c);
}

static void start_inquiry(struct checker *c, struct probe *p)
{
    struct guard *g = &c->plan->guard;
    int64_t now_ms = clock_mono_ms();
    uint32_t timeout_ms = 0;
    c->doubt.inquired_ms = now_ms;
    guard_inquire(g, index_of(c, p));
    for (uint32_t i = 0; i < g->n_sample; i++) {
        struct probe *other = &c->plan->probes[g->sample[i]];
        uint32_t ms = other->check->def.timeout_ms;
        timeout_ms = ms > timeout_ms ? ms : timeout_ms;
        starts_ask(c, other);
    }
    g->inquiry.until_ms = now_ms + timeout_ms + SLACK_MS;
    starts_pump(c);
    conclude(c, guard_decide(g, now_ms));
}

/* Publishes what its results have made of a probe, unless the guard objects. */
static void settle(struct checker *c, struct probe *p)
{
    if (p->told == p->fsm.health || c->plan->guard.panic)
        return;
    uint32_t i = index_of(c, p);
    bool falls = p->fsm.health == HEALTH_DOWN && p->silent && c->plan->guard.probes[i].is_up;
    enum guard_verdict verdict =
        falls ? guard_judge(&c->plan->guard, i, clock_mono_ms()) : GUARD_FALL;
    if (verdict == GUARD_FALL)
        tell(c, p);
    else if (verdict == GUARD_ASK)
        hold(c, p);
    else
        enter_panic(c);
}

/* Asks, or asks again, on behalf of those that are held. */
static void review_held(struct checker *c)
{
    int64_t now_ms = clock_mono_ms();
    if (c->plan->guard.inquiry.open) {
        conclude(c, guard_decide(&c->plan->guard, now_ms));
        return;
    }
    if (c->plan->n_held == 0 ||
        (c->doubt.inquired_ms && now_ms - c->doubt.inquired_ms < INQUIRY_MS))
        return;
    struct probe *p = &c->plan->probes[c->plan->held[c->plan->n_held - 1]];
    if (p->told != p->fsm.health) {
        start_inquiry(c, p);
        return;
    }
    p->held = false; /* it has come back meanwhile */
    c->plan->n_held--;
}

/* ---- what others tell and ask ---- */

void doubt_asked(struct checker *c, const struct probe *p)
{
    guard_asked(&c->plan->guard, index_of(c, p));
}

void doubt_untried(struct checker *c, struct probe *p)
{
    guard_untried(&c->plan->guard, index_of(c, p));
    endpoints_follow(c, p);
    review_held(c);
}

void doubt_result(struct checker *c, struct probe *p, enum trial_outcome outcome)
{
    struct fsm_limits limits = probe_limits(p);
    p->silent = outcome == TRIAL_SILENT;
    guard_heard(&c->plan->guard, index_of(c, p), p->silent ? GUARD_SILENT : GUARD_REACHED);
    if (!p->silent)
        p->fell_silent = false;
    if (!(c->plan->guard.panic && p->silent) && fsm_result(&p->fsm, outcome == TRIAL_UP, &limits)) {
        p->since_before_ms = p->since_ms;
        p->since_ms = clock_wall_ms();
        p->fell_silent = p->silent;
    }
    settle(c, p);
    set_doubted(c, p);
    endpoints_follow(c, p);
    review_held(c);
}

void doubt_review(struct checker *c)
{
    if (!c->plan->guard.panic)
        review_held(c);
    else if (guard_calm(&c->plan->guard, clock_mono_ms()))
        leave_panic(c);
}

/* ---- another model ---- */

void doubt_carry(struct checker *c, struct probe *p)
{
    struct guard *g = &c->plan->guard;
    uint32_t i = index_of(c, p);
    if (g->panic)
        align(c, p);
    guard_restore(g, i, is_up(c, p), p->silent, p->untried);
    if (p->fell_ms && p->told == HEALTH_DOWN && g->probes[i].fell_ms != p->fell_ms)
        guard_fell(g, i, p->fell_ms);
    if (p->told != p->fsm.health && !g->panic)
        hold(c, p);
    set_doubted(c, p);
}

void doubt_init(struct checker *c)
{
    for (uint32_t i = 0; i < c->plan->n_probes; i++)
        if (!probe_is_derived(&c->plan->probes[i]))
            doubt_carry(c, &c->plan->probes[i]);
    c->doubt.next = c->model->n_endpoints;
}

void doubt_switched(struct checker *c)
{
    bool is_aligning = uv_is_active((uv_handle_t *)&c->doubt.slice);
    uv_timer_stop(&c->doubt.slice);
    c->doubt.next = c->model->n_endpoints;
    if (c->plan->guard.panic && c->plan->guard.limits.off)
        leave_panic(c);
    else if (is_aligning)
        start_aligning(c);
}
