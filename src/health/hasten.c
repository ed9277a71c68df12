/* SPDX-License-Identifier: Apache-2.0
 * Probes before their time, as somebody met a failure of what they look at. */
#include "health/internal.h"

#include "base/clock.h"

#include <stdio.h>

#define APART_MS 1000 /* between those of one probe, besides the ones of its interval */
#define TOLD_MS 60000 /* between events that tell of it */

/* A word that comes while it cannot be heeded at once may be of something that the latest probe
 * did not see: it is heeded a moment later. */
static void put_off(struct checker *c, struct probe *p, int64_t at_ms)
{
    if (p->due.at_ms <= at_ms)
        return; /* its interval, or a word before, brings one sooner */
    p->hastened_ms = at_ms;
    wheel_start(&c->plan->due, &p->due, at_ms);
}

/* Returns whether that is worth an event. */
static bool hasten(struct checker *c, struct probe *p, int64_t now_ms)
{
    int64_t at_ms = p->hastened_ms + APART_MS;
    if (probe_is_derived(p) || p->queued)
        return false;
    p->in_question = true;
    if (p->trial || at_ms > now_ms) {
        put_off(c, p, at_ms > now_ms ? at_ms : now_ms + APART_MS);
        return false;
    }
    p->hastened_ms = now_ms;
    starts_ask(c, p);
    bool is_news = !p->hasten_told_ms || now_ms - p->hasten_told_ms >= TOLD_MS;
    if (is_news)
        p->hasten_told_ms = now_ms;
    return is_news;
}

static void tell(struct checker *c, uint32_t endpoint, const char *who)
{
    char text[REASON_MAX];
    const char *state = endpoint_state_text(&c->states[endpoint]);
    snprintf(text, sizeof text, "%s met a failure: it is probed now", who);
    endpoints_event(c, endpoint, state, state, text);
}

void checker_hasten(struct checker *c, uint32_t endpoint, const char *who)
{
    const struct plan *plan = c->plan;
    int64_t now_ms = clock_mono_ms();
    bool is_news = false;
    if (c->stopping || endpoint >= c->model->n_endpoints)
        return;
    for (uint32_t i = plan->first[endpoint]; i < plan->first[endpoint + 1]; i++)
        is_news |= hasten(c, &plan->probes[plan->of_endpoint[i]], now_ms);
    if (is_news)
        tell(c, endpoint, who);
    starts_pump(c);
}

void hasten_result(struct checker *c, struct probe *p, enum trial_outcome outcome)
{
    if (!p->in_question)
        return;
    p->in_question = outcome != TRIAL_UP && p->fsm.health == HEALTH_UP;
    if (!p->in_question)
        return;
    int64_t at_ms = p->hastened_ms + APART_MS, now_ms = clock_mono_ms();
    put_off(c, p, at_ms > now_ms ? at_ms : now_ms);
    schedule_arm(c);
}
