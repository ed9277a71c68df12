/* SPDX-License-Identifier: Apache-2.0
 * From the checker's news to views and events.
 *
 * The checker tells of a change twice: at once as an event, and soon as one of the endpoints that
 * have changed. An event waits for those, as only then is it known what became of the answers; one
 * that nothing follows is written after EVENT_WAIT_MS without an effect. While the checker is ahead
 * of what is in force, changes stay in the subscription and events wait. */
#include "main/daemon.h"

#include "base/clock.h"
#include "base/turns.h"
#include "out/effect.h"

#include <stdio.h>

#define EVENT_WAIT_MS 200
#define TELL_WAIT_MS 1000

static void on_event_timer(uv_timer_t *timer);

static void write_events(struct daemon *d, struct effects *effects)
{
    const struct endpoint_state *states = checker_states(d->checker);
    for (size_t i = 0; i < d->events.n; i++) {
        struct pending_event *e = &d->events.v[i];
        if (effects && e->pool != MODEL_NONE)
            effects_text(e->event.effect, effects, d->generation, states, e->pool);
        events_add(&e->event);
    }
    d->events.n = 0;
    uv_timer_stop(&d->event_timer);
    if (events_unlogged() && !d->stopping)
        uv_timer_start(&d->event_timer, on_event_timer, TELL_WAIT_MS, 0);
}

void daemon_flush_events(struct daemon *d)
{
    write_events(d, NULL);
}

static void on_event_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    events_tell_unlogged();
    if (!d->switching)
        daemon_flush_events(d);
    else if (!d->stopping)
        uv_timer_start(timer, on_event_timer, EVENT_WAIT_MS, 0);
}

void daemon_views_are_filled(struct daemon *d)
{
    (void)subscription_take(d->views);
}

void daemon_refresh_views(struct daemon *d)
{
    if (!d->serving || d->switching)
        return;
    const struct changes changes = subscription_take(d->views);
    if (changes.n == 0)
        return;
    int64_t began_us = clock_mono_us();
    struct effects *effects =
        d->events.n ? effects_note(d->generation, changes.endpoints, changes.n) : NULL;
    generation_refresh_views(d->generation, checker_states(d->checker), changes.endpoints,
                             changes.n);
    write_events(d, effects);
    effects_free(effects);
    turns_part("changes put into the answers", began_us);
}

static void on_wake(void *ctx, struct subscription *subscription)
{
    (void)subscription;
    daemon_refresh_views(ctx);
}

void daemon_follow_checker(struct daemon *d)
{
    const struct subscriber views = {.name = "views", .ctx = d, .wake = on_wake};
    d->views = checker_subscribe(d->checker, &views);
}

static void describe(struct pending_event *to, const struct model *m, const struct health_event *e)
{
    struct event *event = &to->event;
    event->at_ms = e->at_ms;
    snprintf(event->from, sizeof event->from, "%s", e->from);
    snprintf(event->to, sizeof event->to, "%s", e->to);
    snprintf(event->reason, sizeof event->reason, "%s", e->reason);
    snprintf(event->by, sizeof event->by, "%s", e->by);
    if (e->endpoint == MODEL_NONE) {
        to->pool = MODEL_NONE;
        snprintf(event->target, sizeof event->target, "loadstar");
        return;
    }
    struct arena *arena = arena_new();
    to->pool = m->endpoints[e->endpoint].pool;
    snprintf(event->target, sizeof event->target, "%s", endpoint_key(arena, m, e->endpoint));
    arena_free(arena);
}

static void on_event(void *ctx, const struct health_event *e)
{
    struct daemon *d = ctx;
    /* The checker tells of the start before it can be asked. */
    const struct model *m = d->checker ? checker_model(d->checker) : d->generation->model;
    describe(vec_push(&d->events), m, e);
    if (d->events.n == 1 && !d->stopping)
        uv_timer_start(&d->event_timer, on_event_timer, EVENT_WAIT_MS, 0);
}

struct checker_callbacks daemon_checker_callbacks(struct daemon *d)
{
    return (struct checker_callbacks){.ctx = d, .event = on_event};
}
