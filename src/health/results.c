/* SPDX-License-Identifier: Apache-2.0
 * What probes have found: results into what is known of each probe, and probes that give none. */
#include "health/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    STALL_MS = 5000,
    SEARCH_MS = 2000,
    SEARCH_BATCH = 8192, /* probes looked at in one turn: 1 ms */
    UNTRIED_MS = 60000,  /* between log lines */
};

static void count_stale(struct checker *c, struct probe *p, bool stale)
{
    if (p->stale == stale)
        return;
    p->stale = stale;
    c->plan->n_stale += stale ? 1u : -1u;
    succession_note_probe(c, p);
}

static void replace_text(char **text, const char *with)
{
    if (*text && with && strcmp(*text, with) == 0)
        return;
    free(*text);
    *text = with ? xstrdup(with) : NULL;
}

/* The state stays as it is; should this last, it becomes stale. */
static void take_untried(struct checker *c, struct probe *p, const char *why)
{
    int64_t now_ms = clock_mono_ms();
    c->plan->n_untried += !p->untried;
    c->plan->last_untried = (uint32_t)(p - c->plan->probes);
    replace_text(&p->untried, why);
    p->n_untried++;
    doubt_untried(c, p);
    if (c->untried_ms && now_ms - c->untried_ms < UNTRIED_MS)
        return;
    c->untried_ms = now_ms;
    log_warning("health: check %s: %s", p->check->def.name, why);
}

static void take_result(struct checker *c, struct probe *p, const struct trial_result *r)
{
    c->plan->n_awaited -= p->awaited;
    p->awaited = false;
    p->last_ms = clock_wall_ms();
    if (r->outcome == TRIAL_UNTRIED) {
        take_untried(c, p, r->reason);
        return;
    }
    c->plan->n_untried -= p->untried != NULL;
    replace_text(&p->untried, NULL);
    replace_text(&p->reason, r->reason);
    p->last_mono_ms = clock_mono_ms();
    p->latency_us = r->latency_us;
    p->n_ok += r->outcome == TRIAL_UP;
    p->n_failed += r->outcome != TRIAL_UP;
    count_stale(c, p, false);
    doubt_result(c, p, r->outcome);
    hasten_result(c, p, r->outcome);
}

void results_take(struct trial_host *host, struct trial *trial, const struct trial_result *result)
{
    struct checker *c = host->ctx;
    struct probe *p = trial->subject;
    starts_end(c, trial);
    if (!p) /* of a model that is no more */
        return;
    take_result(c, p, result);
    succession_note_probe(c, p);
    endpoints_flush_if_late(c);
}

/* Probes again at once, and says so until then. */
static void mark_stale(struct checker *c, struct probe *p)
{
    count_stale(c, p, true);
    endpoints_follow(c, p);
    starts_queue(c, p);
}

void results_notice_stall(struct checker *c)
{
    int64_t now_ms = clock_mono_ms(), gap_ms = now_ms - c->last_turn_ms;
    uint32_t n = 0;
    c->last_turn_ms = now_ms;
    if (gap_ms <= STALL_MS)
        return;
    for (uint32_t i = 0; i < c->plan->n_probes; i++) {
        struct probe *p = &c->plan->probes[i];
        if (probe_is_derived(p) || gap_ms <= p->check->def.interval_ms)
            continue;
        mark_stale(c, p);
        n++;
    }
    if (n == 0)
        return;
    char gap[UNITS_TEXT_MAX], text[REASON_MAX];
    snprintf(text, sizeof text,
             "the checker did not run for %s: %u probe%s stale and start%s again at once",
             units_age_text(gap, gap_ms), n, n == 1 ? " is" : "s are", n == 1 ? "s" : "");
    log_warning("health: %s", text);
    endpoints_event(c, MODEL_NONE, "ok", "stale", text);
    c->reported_stale = true;
}

static bool is_starved(const struct probe *p, int64_t now_ms)
{
    int64_t most_ms = 2 * (int64_t)p->check->def.interval_ms + p->check->def.timeout_ms;
    return !probe_is_derived(p) && !p->stale &&
           now_ms - p->last_mono_ms > (most_ms > STALL_MS ? most_ms : STALL_MS);
}

static void tell_starved(struct checker *c, uint32_t n)
{
    char text[REASON_MAX];
    if (n == 0 || c->reported_stale)
        return;
    snprintf(text, sizeof text, "%u probe%s no result in time, and %s stale", n,
             n == 1 ? " gets" : "s get", n == 1 ? "is" : "are");
    log_warning("health: %s", text);
    endpoints_event(c, MODEL_NONE, "ok", "stale", text);
    c->reported_stale = true;
}

/* A search goes on where the call before has left off, unless the plan has changed since. */
void results_find_starved(struct checker *c)
{
    struct plan *plan = c->plan;
    int64_t now_ms = clock_mono_ms();
    if (plan->n_searched == 0 && now_ms - c->searched_ms < SEARCH_MS)
        return;
    if (plan->n_searched == 0) {
        c->searched_ms = now_ms;
        c->n_starved = 0;
    }
    for (uint32_t n = 0; n < SEARCH_BATCH && plan->n_searched < plan->n_probes; n++) {
        struct probe *p = &plan->probes[plan->n_searched++];
        if (!is_starved(p, now_ms))
            continue;
        count_stale(c, p, true);
        endpoints_follow(c, p);
        c->n_starved++;
    }
    if (plan->n_searched < plan->n_probes)
        return;
    plan->n_searched = 0;
    tell_starved(c, c->n_starved);
}
