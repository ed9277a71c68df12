/* SPDX-License-Identifier: Apache-2.0
 * The end: all sets drain as they are configured; then, or without that, what is left is withdrawn
 * at once, and everything closes, within a time that no dead speaker lengthens. */
#include "anycast/anycast_thread_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define REMOVALS_MS 500 /* for addresses of interfaces */

static void finish(struct anycast_thread *t)
{
    uv_timer_t *const timers[] = {&t->out, &t->flush, &t->beats, &t->end};
    holds_free(t->holds, !t->unseen);
    t->holds = NULL;
    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        uv_close((uv_handle_t *)timers[i], NULL);
    for (size_t i = 0; i < t->views.n; i++)
        anycast_view_release(t->views.v[i]);
    t->views.n = 0;
    anycast_set_release(t->set);
    t->set = NULL;
    anycast_thread_give_end(t, t->host.stopped);
}

static void on_removals_over(uv_timer_t *timer)
{
    finish(timer->data);
}

static void close_all(struct anycast_thread *t)
{
    t->closing = true;
    uv_timer_stop(&t->out);
    uv_timer_stop(&t->flush);
    uv_timer_stop(&t->beats);
    for (size_t i = 0; i < t->lines.n; i++)
        anycast_thread_close_line(t->lines.v[i]);
    t->lines.n = 0;
    for (size_t i = 0; i < t->seats.n; i++) {
        set_engine_close(t->seats.v[i]->engine, t->keeps);
        free(t->seats.v[i]);
    }
    t->seats.n = 0;
    uv_timer_start(&t->end, on_removals_over, holds_busy(t->holds) > 0 ? REMOVALS_MS : 0, 0);
}

/** Nothing is announced any more, as far as speakers can be seen. */
static bool is_quiet(const struct anycast_thread *t)
{
    bool quiet = true;
    for (size_t i = 0; i < t->seats.n; i++)
        quiet &= set_engine_is_quiet(t->seats.v[i]->engine);
    for (size_t i = 0; i < t->lines.n; i++)
        quiet &= !t->lines.v[i]->is_dirty && speaker_line_settled(t->lines.v[i]->line);
    return quiet;
}

static void end_drain(struct anycast_thread *t)
{
    t->drained = true;
    uv_timer_stop(&t->end);
    anycast_thread_give(t);
    anycast_thread_give_end(t, t->host.drained);
}

static void on_drain_over(uv_timer_t *timer)
{
    log_warning("anycast: what was announced could not be seen to be withdrawn in time");
    end_drain(timer->data);
}

static void on_stop_over(uv_timer_t *timer)
{
    struct anycast_thread *t = timer->data;
    log_warning("anycast: what was announced could not be seen to be withdrawn: it is left to the "
                "guard");
    t->unseen = true;
    close_all(t);
}

void anycast_thread_look_for_the_end(struct anycast_thread *t)
{
    if (t->closing) {
        if (holds_busy(t->holds) == 0 && uv_is_active((uv_handle_t *)&t->end))
            uv_timer_start(&t->end, on_removals_over, 0, 0);
        return;
    }
    if (t->stopping && is_quiet(t))
        close_all(t);
    else if (t->drains && !t->drained && !t->stopping && is_quiet(t))
        end_drain(t);
}

void anycast_thread_begin_drain(struct anycast_thread *t, bool keep)
{
    uint32_t longest_ms = 0;
    if (t->drains || t->stopping)
        return;
    t->drains = true;
    t->keeps = keep;
    if (keep) {
        end_drain(t);
        return;
    }
    for (size_t i = 0; i < t->seats.n; i++) {
        const struct announcer_config *timing = &set_engine_spec(t->seats.v[i]->engine)->timing;
        if (timing->graceful && timing->drain_ms > longest_ms)
            longest_ms = timing->drain_ms;
        set_engine_drain(t->seats.v[i]->engine);
    }
    uv_timer_start(&t->end, on_drain_over, (uint64_t)longest_ms + ANYCAST_DRAIN_EXTRA_MS, 0);
    anycast_thread_flush(t);
    anycast_thread_look_for_the_end(t);
}

void anycast_thread_begin_stop(struct anycast_thread *t)
{
    if (t->stopping)
        return;
    t->stopping = true;
    if (t->keeps) {
        close_all(t);
        return;
    }
    for (size_t i = 0; i < t->seats.n; i++)
        set_engine_withdraw(t->seats.v[i]->engine);
    anycast_thread_flush(t);
    uv_timer_start(&t->end, on_stop_over, ANYCAST_STOP_MS, 0);
    anycast_thread_look_for_the_end(t);
}
