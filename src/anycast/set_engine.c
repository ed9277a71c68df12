/* SPDX-License-Identifier: Apache-2.0
 * A prefix set at work: what comes in is gathered, the announcer steps, and what it decides is
 * carried out. */
#include "anycast/set_engine_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void step(struct set_engine *e);

/* ---- what comes in ---- */

struct self_input set_engine_self(const struct set_engine *e)
{
    const char *why;
    const bool held = hold_ready(e->hold, &why);
    if (e->stalled)
        return (struct self_input){true, false, "the checker gives no sign of life"};
    if (!held)
        return (struct self_input){*why != '\0', false, *why ? why : "its addresses are not there"};
    if (!e->self)
        return (struct self_input){true, true, "not asked, as it is configured"};
    if (!e->serving)
        return (struct self_input){false, false, "the server does not answer yet"};
    const struct self_score score = self_probe_state(e->self, &why);
    return (struct self_input){score.known, score.ok, score.ok ? "it answers" : why};
}

static struct announcer_inputs gather(const struct set_engine *e)
{
    bool differs = false;
    const struct self_input self = set_engine_self(e);
    const enum announcer_real real = speaker_line_real(e->line, e->spec, &differs);
    return (struct announcer_inputs){
        .self_known = self.known,
        .self_ok = self.ok,
        .known = e->is_given && e->given.known,
        .when_ok = e->given.when_ok,
        .full_ok = e->given.full_ok,
        .frozen = e->given.frozen,
        .order = e->cut ? ANNOUNCE_WITHDRAW : e->given.order,
        .forced = e->given.forced,
        .stopping = e->stopping,
        .hook_failed = e->hook_failed,
        .real = real,
        .real_differs = differs,
    };
}

/* ---- what is done ---- */

/** Whether it would begin as degraded. */
static bool would_degrade(const struct set_engine *e)
{
    return e->is_given && e->given.known && !e->given.frozen && !e->given.full_ok &&
           e->given.order != ANNOUNCE_YES;
}

void set_engine_attributes(const struct set_engine *e, bool announced, struct route_attributes *out)
{
    if (announced && announcer_announces(&e->announcer))
        route_attributes_of(out, e->spec->config, e->announcer.state, e->announcer.degraded);
    else
        route_attributes_of(out, e->spec->config,
                            would_degrade(e) ? ANNOUNCER_DEGRADED : ANNOUNCER_ANNOUNCED, false);
}

void set_engine_tell(struct set_engine *e, bool announced)
{
    set_engine_attributes(e, announced, &e->told);
    e->told_announced = announced;
    e->is_untold = true;
    hold_announce(e->hold, announced);
    e->host.tell(e->host.ctx, e);
}

static void keep_problem(struct set_engine *e, const char *hook, const char *error)
{
    if (*error)
        snprintf(e->hook_problem, sizeof e->hook_problem, "%s %s", hook, error);
    else
        e->hook_problem[0] = '\0';
}

static void on_withdrawn(void *ctx, const char *error)
{
    struct set_engine *e = ctx;
    e->hook = NULL;
    e->phase = SET_QUIET;
    keep_problem(e, "on_withdraw", error);
    step(e);
}

/** Whatever the hook does, nothing is announced any more. */
static void begin_withdrawing(struct set_engine *e)
{
    e->phase = SET_QUIET;
    if (!e->spec->config->on_withdraw.command)
        return;
    e->phase = SET_WITHDRAWING;
    e->hook = hook_run(e->host.drive, e->spec, false, on_withdrawn, e);
}

static void on_announcing(void *ctx, const char *error)
{
    struct set_engine *e = ctx;
    e->hook = NULL;
    e->phase = SET_QUIET;
    keep_problem(e, "on_announce", error);
    if (*error && e->spec->config->on_announce.required) {
        e->hook_failed = true;
        e->retry_ms = clock_mono_ms() + backoff_failed(&e->backoff);
    } else {
        backoff_succeeded(&e->backoff);
        e->phase = SET_TOLD;
        set_engine_tell(e, true);
    }
    step(e);
}

static void begin_announcing(struct set_engine *e, bool adopted)
{
    if (adopted || !e->spec->config->on_announce.command) {
        e->phase = SET_TOLD;
        set_engine_tell(e, true);
        return;
    }
    e->phase = SET_ANNOUNCING;
    e->hook = hook_run(e->host.drive, e->spec, true, on_announcing, e);
}

static void retell(struct set_engine *e, bool announced)
{
    struct route_attributes now;
    set_engine_attributes(e, announced, &now);
    if (!route_attributes_equal(&now, &e->told))
        set_engine_tell(e, announced);
}

static void carry_out(struct set_engine *e, bool adopted)
{
    const bool wanted = !e->cut && announcer_announces(&e->announcer);
    switch (e->phase) {
    case SET_QUIET:
        if (wanted && !e->hook_failed)
            begin_announcing(e, adopted);
        else if (e->announcer.state == ANNOUNCER_HOLDING && !e->stopping)
            retell(e, false); /* from down it comes through here */
        break;
    case SET_ANNOUNCING:
        if (wanted)
            break;
        hook_cancel(e->hook);
        e->hook = NULL;
        begin_withdrawing(e);
        break;
    case SET_TOLD:
        if (wanted) {
            retell(e, true);
            break;
        }
        set_engine_tell(e, false);
        begin_withdrawing(e);
        break;
    case SET_WITHDRAWING:
        break;
    }
}

/* ---- steps ---- */

bool set_engine_is_quiet(const struct set_engine *e)
{
    return e->phase == SET_QUIET && !e->is_untold &&
           (e->cut || !announcer_announces(&e->announcer));
}

static void look_for_the_end(struct set_engine *e, int64_t now_ms)
{
    if (!e->leaving || !set_engine_is_quiet(e))
        return;
    if (!e->quiet_ms)
        e->quiet_ms = now_ms;
    if (!e->ended &&
        (speaker_line_settled(e->line) || now_ms >= e->quiet_ms + SET_ENGINE_SETTLE_MS)) {
        e->ended = true;
        e->host.ended(e->host.ctx, e);
    }
}

static void on_timer(uv_timer_t *timer)
{
    step(timer->data);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void wait_for_time(struct set_engine *e, int64_t now_ms)
{
    int64_t next_ms = announcer_next_ms(&e->announcer);
    if (e->retry_ms)
        next_ms = earlier(next_ms, e->retry_ms);
    if (e->quiet_ms && !e->ended)
        next_ms = earlier(next_ms, e->quiet_ms + SET_ENGINE_SETTLE_MS);
    uv_timer_stop(&e->timer);
    if (next_ms != INT64_MAX)
        uv_timer_start(&e->timer, on_timer, next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 1, 0);
}

static void step(struct set_engine *e)
{
    const int64_t now_ms = clock_mono_ms();
    if (e->retry_ms && now_ms >= e->retry_ms) {
        e->retry_ms = 0;
        e->hook_failed = false;
    }
    const bool was_adopted = e->announcer.adopted;
    const struct announcer_inputs inputs = gather(e);
    announcer_step(&e->announcer, &e->spec->timing, &inputs, now_ms);
    carry_out(e, !was_adopted && e->announcer.adopted && inputs.real == REAL_PRESENT);
    look_for_the_end(e, now_ms);
    wait_for_time(e, now_ms);
    set_engine_publish(e);
}

void set_engine_look(struct set_engine *e)
{
    step(e);
}

void set_engine_told(struct set_engine *e)
{
    if (!e->is_untold)
        return;
    e->is_untold = false;
    if (e->leaving)
        step(e);
}

void set_engine_inputs(struct set_engine *e, const struct inputs_batch *batch, uint32_t nth)
{
    const struct set_inputs *given = &batch->sets[nth];
    if (batch->set != e->set)
        return;
    const size_t n = e->spec->n_conditions;
    free(e->conditions);
    e->conditions = xcalloc(n, sizeof *e->conditions);
    if (n > 0)
        memcpy(e->conditions, batch->conditions + given->first_condition,
               n * sizeof *e->conditions);
    e->given = *given;
    e->is_given = true;
    step(e);
}

void set_engine_serving(struct set_engine *e)
{
    e->serving = true;
    if (e->self)
        self_probe_start(e->self);
    step(e);
}

void set_engine_stalled(struct set_engine *e, bool stalled)
{
    if (e->stalled == stalled)
        return;
    e->stalled = stalled;
    step(e);
}

/* ---- the end ---- */

void set_engine_drain(struct set_engine *e)
{
    e->stopping = true;
    step(e);
}

void set_engine_withdraw(struct set_engine *e)
{
    e->stopping = e->cut = true;
    step(e);
}

void set_engine_leave(struct set_engine *e)
{
    e->leaving = e->stopping = true;
    step(e);
}

/* ---- what others ask ---- */

void set_engine_announcement(const struct set_engine *e, struct announcement *out)
{
    *out = (struct announcement){
        .spec = e->spec, .announced = e->told_announced, .attributes = e->told};
}

const struct anycast_spec *set_engine_spec(const struct set_engine *e)
{
    return e->spec;
}

struct anycast_set *set_engine_set(const struct set_engine *e)
{
    return e->set;
}

struct speaker_line *set_engine_line(const struct set_engine *e)
{
    return e->line;
}

bool set_engine_is_leaving(const struct set_engine *e)
{
    return e->leaving;
}

bool set_engine_is_held(const struct set_engine *e)
{
    const char *why;
    return hold_ready(e->hold, &why) || *why;
}
