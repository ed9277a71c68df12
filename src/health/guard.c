/* SPDX-License-Identifier: Apache-2.0
 * Panic guard. */
#include "health/guard.h"

#include <string.h>

enum {
    SAMPLE_MAX = 1024,
    DRAWS_MAX = 4096, /* probes looked at for one sample: 0.2 ms when none is in the cache */
};

void guard_init(struct guard *guard, struct arena *arena, const struct guard_limits *limits,
                const uint32_t *site_of, uint32_t n_probes, uint32_t n_sites)
{
    *guard = (struct guard){
        .limits = *limits,
        .site_of = site_of,
        .probes = arena_calloc(arena, n_probes, sizeof *guard->probes),
        .silent_at = arena_calloc(arena, n_sites, sizeof *guard->silent_at),
        .up_at = arena_calloc(arena, n_sites, sizeof *guard->up_at),
        .sampled_at = arena_calloc(arena, n_sites, sizeof *guard->sampled_at),
        .falls = arena_calloc(arena, n_probes, sizeof *guard->falls),
        .n_probes = n_probes,
        .n_sites = n_sites,
    };
    guard->sample = arena_calloc(arena, SAMPLE_MAX, sizeof *guard->sample);
    tally_init(&guard->reached, arena, n_probes);
}

/* ---- counting ---- */

static void count(uint32_t *n, uint32_t *at_site, uint32_t *n_sites, bool more)
{
    *n += more ? 1u : -1u;
    if (more)
        *n_sites += (*at_site)++ == 0;
    else
        *n_sites -= --*at_site == 0;
}

static bool is_silent(const struct guard_probe *p)
{
    return p->counted && p->said == GUARD_SILENT;
}

static bool is_closed(const struct guard_probe *p)
{
    return p->counted && p->untried && p->said != GUARD_SILENT;
}

/* Puts the sums right after a probe was `before`. */
static void recount(struct guard *g, uint32_t probe, struct guard_probe before)
{
    struct guard_probe *p = &g->probes[probe];
    uint32_t site = g->site_of[probe];
    p->counted = p->is_up || p->fell_ms;
    if (p->counted != before.counted)
        count(&g->n_up, &g->up_at[site], &g->n_sites_up, p->counted);
    if (is_silent(p) != is_silent(&before))
        count(&g->n_silent, &g->silent_at[site], &g->n_sites_silent, is_silent(p));
    g->n_closed += (uint32_t)is_closed(p) - (uint32_t)is_closed(&before);
    if (!p->counted || p->said != GUARD_REACHED || p->untried)
        tally_drop(&g->reached, probe);
}

void guard_restore(struct guard *guard, uint32_t probe, bool is_up, bool silent, bool untried)
{
    struct guard_probe *p = &guard->probes[probe], before = *p;
    p->is_up = is_up;
    p->said = silent ? GUARD_SILENT : GUARD_NOTHING;
    p->untried = untried;
    recount(guard, probe, before);
}

void guard_asked(struct guard *guard, uint32_t probe)
{
    guard->probes[probe].asked = tally_mark(&guard->reached);
}

static void answer(struct guard *g, struct guard_probe *p)
{
    g->inquiry.n_pending -= p->pending;
    p->pending = false;
}

void guard_heard(struct guard *guard, uint32_t probe, enum guard_said said)
{
    struct guard_probe *p = &guard->probes[probe], before = *p;
    answer(guard, p);
    p->said = (uint8_t)said;
    p->untried = false;
    p->fell_silent &= said == GUARD_SILENT;
    recount(guard, probe, before);
    if (p->counted && said == GUARD_REACHED)
        tally_say(&guard->reached, probe);
}

void guard_untried(struct guard *guard, uint32_t probe)
{
    struct guard_probe *p = &guard->probes[probe], before = *p;
    answer(guard, p);
    p->untried = true;
    recount(guard, probe, before);
}

void guard_told(struct guard *guard, uint32_t probe, bool is_up)
{
    struct guard_probe *p = &guard->probes[probe], before = *p;
    p->is_up = is_up;
    recount(guard, probe, before);
    /* Its word came before it was published. */
    if (p->counted && !before.counted && p->said == GUARD_REACHED && !p->untried)
        tally_say(&guard->reached, probe);
}

/* ---- falls ---- */

static struct guard_fall first_fall(struct guard *guard)
{
    struct guard_fall fall = guard->falls[guard->fall_first];
    guard->fall_first = (guard->fall_first + 1) % guard->n_probes;
    guard->n_falls--;
    return fall;
}

/* Drops a fall; the probe may have fallen anew since, then the later one stands for it. */
static bool forget(struct guard *guard, struct guard_fall fall)
{
    struct guard_probe *p = &guard->probes[fall.probe], before = *p;
    if (p->fell_ms != fall.at_ms)
        return false;
    p->fell_ms = 0;
    recount(guard, fall.probe, before);
    return true;
}

static void prune(struct guard *guard, int64_t now_ms)
{
    while (guard->n_falls > 0 &&
           now_ms - guard->falls[guard->fall_first].at_ms > guard->limits.window_ms)
        forget(guard, first_fall(guard));
}

void guard_fell(struct guard *guard, uint32_t probe, int64_t at_ms)
{
    prune(guard, at_ms);
    /* A probe can fall several times within a window: the ring is full of older falls. */
    if (guard->n_falls == guard->n_probes)
        forget(guard, first_fall(guard));
    uint32_t last = (guard->fall_first + guard->n_falls++) % guard->n_probes;
    struct guard_probe before = guard->probes[probe];
    guard->falls[last] = (struct guard_fall){probe, at_ms};
    guard->probes[probe].fell_ms = at_ms;
    guard->probes[probe].fell_silent = before.said == GUARD_SILENT;
    recount(guard, probe, before);
}

/* ---- the condition ---- */

/* Whether `silent` are the share, beside `reached`. */
static bool nearly_all(const struct guard *g, uint32_t silent, uint32_t reached)
{
    const double rounding = 1e-9; /* shares are written in decimal */
    return (double)silent >= (g->limits.share - rounding) * ((double)silent + reached);
}

/* Whether the condition holds now, if `reached` are that. */
static bool holds(const struct guard *g, uint32_t reached)
{
    return g->n_silent > 0 && g->n_silent >= g->limits.probes &&
           g->n_sites_silent >= g->limits.sites && nearly_all(g, g->n_silent, reached);
}

static uint32_t n_open(const struct guard *g, uint32_t reached)
{
    return g->n_up - g->n_silent - g->n_closed - reached;
}

/* Twice the number that the condition needs, so that half of the sample can be of the few that live
 * through everything; and no more than a moment's probing. */
static uint32_t sample_max(const struct guard *g)
{
    return g->limits.probes < SAMPLE_MAX / 2 ? 2 * g->limits.probes : SAMPLE_MAX;
}

enum guard_verdict guard_judge(struct guard *guard, uint32_t probe, int64_t now_ms)
{
    prune(guard, now_ms);
    if (guard->limits.off || guard->n_sites_up < guard->limits.sites)
        return GUARD_FALL;
    uint32_t reached = tally_since(&guard->reached, guard->probes[probe].asked);
    uint32_t open = n_open(guard, reached);
    if (guard->n_silent + open < guard->limits.probes)
        return GUARD_FALL;
    /* What a sample can add. */
    uint32_t more = open < sample_max(guard) ? open : sample_max(guard);
    if (!nearly_all(guard, guard->n_silent + more, reached))
        return GUARD_FALL;
    if (holds(guard, reached + more))
        return GUARD_PANIC;
    return more > 0 ? GUARD_ASK : GUARD_FALL;
}

/* ---- inquiries ---- */

static bool is_open(const struct guard *g, uint32_t probe, uint64_t mark)
{
    const struct guard_probe *p = &g->probes[probe];
    return p->counted && !p->untried && !p->pending && p->said != GUARD_SILENT &&
           !tally_has_since(&g->reached, probe, mark);
}

/* A step through all probes that jumps from pool to pool. */
static uint32_t stride_of(uint32_t n)
{
    uint32_t stride = (uint32_t)((double)n * 0.618) | 1u;
    for (;; stride += 2) {
        uint32_t a = n, b = stride;
        while (b) {
            uint32_t rest = a % b;
            a = b, b = rest;
        }
        if (a == 1)
            return stride;
    }
}

/* Takes open ones, of each site at most `quota`. */
static void draw(struct guard *g, uint32_t quota)
{
    uint32_t stride = stride_of(g->n_probes);
    uint32_t looks = g->n_probes < DRAWS_MAX ? g->n_probes : DRAWS_MAX;
    for (uint32_t i = 0; i < looks && g->n_sample < sample_max(g); i++) {
        g->drawn = (uint32_t)(((uint64_t)g->drawn + stride) % g->n_probes);
        uint32_t *at_site = &g->sampled_at[g->site_of[g->drawn]];
        if (*at_site >= quota || !is_open(g, g->drawn, g->inquiry.mark))
            continue;
        ++*at_site;
        g->probes[g->drawn].pending = true;
        g->sample[g->n_sample++] = g->drawn;
    }
}

void guard_inquire(struct guard *guard, uint32_t probe)
{
    uint32_t sites = guard->n_sites_up > 0 ? guard->n_sites_up : 1;
    guard->inquiry = (struct guard_inquiry){
        .open = true, .mark = guard->probes[probe].asked, .until_ms = INT64_MAX};
    guard->n_sample = 0;
    memset(guard->sampled_at, 0, guard->n_sites * sizeof *guard->sampled_at);
    draw(guard, (sample_max(guard) + sites - 1) / sites);
    draw(guard, UINT32_MAX);
    guard->inquiry.n_pending = guard->n_sample;
}

static void close_inquiry(struct guard *guard)
{
    guard->inquiry.open = false;
    for (uint32_t i = 0; i < guard->n_sample; i++)
        answer(guard, &guard->probes[guard->sample[i]]);
    guard->n_sample = 0;
}

enum guard_verdict guard_decide(struct guard *guard, int64_t now_ms)
{
    struct guard_inquiry *q = &guard->inquiry;
    enum guard_verdict verdict = GUARD_ASK;
    prune(guard, now_ms);
    uint32_t reached = tally_since(&guard->reached, q->mark);
    uint32_t pending = now_ms < q->until_ms ? q->n_pending : 0;
    if (holds(guard, reached + pending))
        verdict = GUARD_PANIC;
    else if (pending == 0 || !nearly_all(guard, guard->n_silent + pending, reached))
        verdict = GUARD_FALL;
    if (verdict != GUARD_ASK)
        close_inquiry(guard);
    return verdict;
}

/* ---- panic ---- */

void guard_enter(struct guard *guard)
{
    close_inquiry(guard);
    guard->panic = true;
    guard->panic_mark = tally_mark(&guard->reached);
    guard->calm_since_ms = 0;
}

uint32_t guard_take_fall(struct guard *guard)
{
    while (guard->n_falls > 0) {
        struct guard_fall fall = first_fall(guard);
        const struct guard_probe *p = &guard->probes[fall.probe];
        if (!p->is_up && p->fell_silent && forget(guard, fall))
            return fall.probe;
    }
    return MODEL_NONE;
}

bool guard_calm(struct guard *guard, int64_t now_ms)
{
    prune(guard, now_ms);
    if (guard->n_silent == 0)
        return true;
    if (holds(guard, tally_since(&guard->reached, guard->panic_mark))) {
        guard->calm_since_ms = 0;
        return false;
    }
    if (!guard->calm_since_ms)
        guard->calm_since_ms = now_ms;
    return now_ms - guard->calm_since_ms >= guard->limits.window_ms;
}

void guard_leave(struct guard *guard)
{
    guard->panic = false;
    guard->calm_since_ms = 0;
}
