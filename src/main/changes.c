/* SPDX-License-Identifier: Apache-2.0
 * From the checker's news to views and events.
 *
 * The checker tells of a change twice: at once as an event, and within 50 ms as part of a batch of
 * changed endpoints. An event waits for its batch, as only then is it known what became of the
 * answers; one that no batch follows is written after EVENT_WAIT_MS without an effect. */
#include "main/daemon.h"
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
    events_tell_unlogged();
    daemon_flush_events(timer->data);
}

static void on_changed(void *ctx, const uint32_t *endpoints, uint32_t n)
{
    struct daemon *d = ctx;
    if (!d->serving || d->switching) /* the views are filled from scratch soon */
        return;
    struct effects *effects = d->events.n ? effects_note(d->generation, endpoints, n) : NULL;
    generation_refresh_views(d->generation, checker_states(d->checker), endpoints, n);
    write_events(d, effects);
    effects_free(effects);
}

static void describe(struct pending_event *to, const struct model *m, const struct health_event *e)
{
    struct event *event = &to->event;
    event->at_ms = e->at_ms;
    snprintf(event->from, sizeof event->from, "%s", e->from);
    snprintf(event->to, sizeof event->to, "%s", e->to);
    snprintf(event->reason, sizeof event->reason, "%s", e->reason);
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
    if (d->switching) /* endpoints of a model that is not in force yet */
        return;
    describe(vec_push(&d->events), d->generation->model, e);
    if (d->events.n == 1 && !d->stopping)
        uv_timer_start(&d->event_timer, on_event_timer, EVENT_WAIT_MS, 0);
}

struct checker_callbacks daemon_checker_callbacks(struct daemon *d)
{
    return (struct checker_callbacks){.ctx = d, .changed = on_changed, .event = on_event};
}
