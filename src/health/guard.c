/* SPDX-License-Identifier: Apache-2.0
 * Panic guard. */
#include "health/guard.h"

void guard_init(struct guard *guard, struct arena *arena, const struct guard_limits *limits,
                const uint32_t *site_of, uint32_t n_endpoints, uint32_t n_sites, uint32_t n_checked)
{
    *guard = (struct guard){
        .limits = *limits,
        .site_of = site_of,
        .endpoints = arena_calloc(arena, n_endpoints, sizeof *guard->endpoints),
        .site_counts = arena_calloc(arena, n_sites, sizeof *guard->site_counts),
        .falls = arena_calloc(arena, n_endpoints, sizeof *guard->falls),
        .n_endpoints = n_endpoints,
        .n_checked = n_checked,
    };
}

static void recount(struct guard *guard, uint32_t endpoint)
{
    struct guard_endpoint *e = &guard->endpoints[endpoint];
    bool counts = e->failing && (!e->published_down || e->fell_ms);
    if (counts == e->counted)
        return;
    e->counted = counts;
    uint32_t *at_site = &guard->site_counts[guard->site_of[endpoint]];
    if (counts) {
        guard->n_counted++;
        guard->n_sites_counted += (*at_site)++ == 0;
    } else {
        guard->n_counted--;
        guard->n_sites_counted -= --*at_site == 0;
    }
}

void guard_note(struct guard *guard, uint32_t endpoint, bool failing, bool published_down)
{
    guard->endpoints[endpoint].failing = failing;
    guard->endpoints[endpoint].published_down = published_down;
    recount(guard, endpoint);
}

static struct guard_fall first_fall(struct guard *guard)
{
    struct guard_fall fall = guard->falls[guard->fall_first];
    guard->fall_first = (guard->fall_first + 1) % guard->n_endpoints;
    guard->n_falls--;
    return fall;
}

/* Drops a fall; the endpoint may have fallen anew since, then the later one stands for it. */
static bool forget(struct guard *guard, struct guard_fall fall)
{
    struct guard_endpoint *e = &guard->endpoints[fall.endpoint];
    if (e->fell_ms != fall.at_ms)
        return false;
    e->fell_ms = 0;
    recount(guard, fall.endpoint);
    return true;
}

static void prune(struct guard *guard, int64_t now_ms)
{
    while (guard->n_falls > 0 &&
           now_ms - guard->falls[guard->fall_first].at_ms > guard->limits.window_ms)
        forget(guard, first_fall(guard));
}

void guard_fell(struct guard *guard, uint32_t endpoint, int64_t now_ms)
{
    prune(guard, now_ms);
    /* An endpoint can fall several times within a window: the ring is full of older falls. */
    if (guard->n_falls == guard->n_endpoints)
        forget(guard, first_fall(guard));
    uint32_t last = (guard->fall_first + guard->n_falls++) % guard->n_endpoints;
    guard->falls[last] = (struct guard_fall){endpoint, now_ms};
    guard->endpoints[endpoint].fell_ms = now_ms;
    recount(guard, endpoint);
}

bool guard_alarmed(struct guard *guard, int64_t now_ms)
{
    const double rounding = 1e-9;
    prune(guard, now_ms);
    return guard->n_counted > 0 && guard->n_counted >= guard->limits.endpoints &&
           guard->n_sites_counted >= guard->limits.sites &&
           (double)guard->n_counted >= (guard->limits.share - rounding) * guard->n_checked;
}

void guard_enter(struct guard *guard)
{
    guard->panic = true;
    guard->calm_since_ms = 0;
}

uint32_t guard_take_fall(struct guard *guard)
{
    while (guard->n_falls > 0) {
        struct guard_fall fall = first_fall(guard);
        if (guard->endpoints[fall.endpoint].published_down && forget(guard, fall))
            return fall.endpoint;
    }
    return MODEL_NONE;
}

bool guard_calm(struct guard *guard, int64_t now_ms)
{
    if (guard->n_counted == 0)
        return true;
    if (guard_alarmed(guard, now_ms)) {
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
