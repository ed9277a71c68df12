/* SPDX-License-Identifier: Apache-2.0
 * Levels of pools and sites into events. */
#include "main/daemon.h"

#include "base/clock.h"
#include "base/turns.h"

static void on_level_timer(uv_timer_t *timer);

static void start_timer(struct daemon *d, int64_t wait_ms)
{
    if (!d->stopping)
        uv_timer_start(&d->level_timer, on_level_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

/* Later moves only put off what is due: the timer that runs is soon enough. */
static void on_moved(void *ctx)
{
    struct daemon *d = ctx;
    if (!uv_is_active((uv_handle_t *)&d->level_timer))
        start_timer(d, TRANSITION_HOLD_MS);
}

static void add_event(void *ctx, const struct event *event)
{
    struct event dated = *event;
    (void)ctx;
    dated.at_ms = clock_wall_ms();
    events_add(&dated);
}

static void on_level_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    int64_t began_us = clock_mono_us(), now_ms = clock_mono_ms();
    if (d->switching || !d->serving) {
        start_timer(d, TRANSITION_HOLD_MS);
        return;
    }
    const struct causes_of of = {checker_model(d->checker), checker_states(d->checker),
                                 levels_now(d->levels), checker_orders(d->checker)};
    transitions_tell(d->transitions, &of, now_ms, add_event, d);
    turns_part("levels told", began_us);
    int64_t next_ms = transitions_next_ms(d->transitions);
    if (next_ms != INT64_MAX)
        start_timer(d, next_ms - now_ms);
}

void daemon_follow_levels(struct daemon *d)
{
    d->transitions = transitions_new(on_moved, d);
    const struct level_watcher watcher = transitions_watcher(d->transitions);
    d->levels = levels_new(d->checker, &watcher);
}

void daemon_leave_levels(struct daemon *d)
{
    uv_timer_stop(&d->level_timer);
    levels_free(d->levels);
    transitions_free(d->transitions);
    d->levels = NULL;
    d->transitions = NULL;
}
