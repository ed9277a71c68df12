/* SPDX-License-Identifier: Apache-2.0
 * What an engine does when. */
#include "tier/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <stdio.h>

#define NEVER INT64_MAX
#define ROUNDS_MAX 8 /* plans without a pause: a member is added, then gets its weight */

/* ---- ends of a cycle ---- */

static void end_looks(struct engine *e)
{
    for (size_t i = 0; i < e->looks_now.n; i++)
        e->host.look_ended(e->host.ctx, e->looks_now.v[i]);
    e->looks_now.n = 0;
}

static void end_leaving(struct engine *e)
{
    e->ended = true;
    engine_arm(e);
    e->host.ended(e->host.ctx, e);
}

/** Nothing is under way any more. */
static void rest(struct engine *e)
{
    e->phase = ENGINE_IDLE;
    e->reads_back = e->looks = e->shows = false;
    e->n_rounds = 0;
    engine_take_next(e);
    engine_publish(e);
    end_looks(e);
    engine_arm(e);
}

static void fail(struct engine *e, enum tier_error reason, const char *text)
{
    engine_note_failure(e, reason, text);
    e->not_before_ms = clock_mono_ms() + backoff_failed(&e->backoff);
    e->nudged_ms = 0;
    for (size_t i = 0; i < e->table.rows.n; i++)
        e->table.rows.v[i].seen.active = -1;
    e->host.looked(e->host.ctx, e);
    rest(e);
}

static bool has_left(const struct engine *e)
{
    return e->leaving && !e->looks && e->plan.steps.n == 0 && !e->plan.held &&
           reconcile_next_ms(&e->table, clock_mono_ms()) == NEVER;
}

/* ---- observing ---- */

static void observe(struct engine *e)
{
    e->phase = ENGINE_OBSERVES;
    e->began_ms = clock_mono_ms();
    e->nudged_ms = 0;
    for (size_t i = 0; i < e->looks_wanted.n; i++)
        *vec_push(&e->looks_now) = e->looks_wanted.v[i];
    e->looks_wanted.n = 0;
    engine_arm(e);
    e->type->observe(e->driver);
}

/* ---- acting ---- */

/** What has come until now is in the next plan. */
static void take_changes(struct engine *e)
{
    if (!e->changed_us)
        return;
    if (!e->pending_us || e->changed_us < e->pending_us)
        e->pending_us = e->changed_us;
    e->changed_us = 0;
    e->has_news = true;
}

/** How many members are not what they were told to be, right after they were told. */
static uint32_t count_deaf(const struct engine *e, const struct tier_row **one)
{
    uint32_t n = 0;
    for (size_t i = 0; i < e->plan.steps.n; i++) {
        const struct plan_step *step = &e->plan.steps.v[i];
        if (step->op != PLAN_SET)
            continue;
        const struct tier_row *row = &e->table.rows.v[step->row];
        if (row->applied.serves != step->to.serves || row->applied.weight != step->to.weight)
            continue;
        *one = row;
        n++;
    }
    return n;
}

/** Whether the driver would not begin with a plan now. */
static bool is_rationed(const struct engine *e)
{
    return e->type->ready_ms && e->type->ready_ms(e->driver) > clock_mono_ms();
}

/** Whether it has to wait until the driver may go on: with what changes until then. */
static bool must_wait(struct engine *e)
{
    e->waits_ms = is_rationed(e) ? e->type->ready_ms(e->driver) : 0;
    return e->waits_ms;
}

static void apply(struct engine *e)
{
    e->phase = ENGINE_APPLIES;
    e->began_ms = clock_mono_ms();
    engine_arm(e);
    e->type->apply(e->driver, &e->table, &e->plan);
}

static void on_recorded(void *ctx)
{
    struct engine *e = ctx;
    e->phase = ENGINE_RECORDED;
    engine_arm(e);
}

/** What will be made is known as ours before it is there. */
static void begin_to_apply(struct engine *e)
{
    e->shows = false;
    e->n_rounds++;
    e->acted_ms = clock_mono_ms();
    if (!engine_record(e, false) || !keeper_sync(e->host.keeper, on_recorded, e)) {
        apply(e);
        return;
    }
    e->phase = ENGINE_RECORDS;
    e->began_ms = clock_mono_ms();
    engine_arm(e);
}

static void refuse(struct engine *e)
{
    if (!e->failing || e->reason != TIER_ERROR_FOREIGN)
        engine_note_failure(e, TIER_ERROR_FOREIGN, e->plan.refused);
    e->not_before_ms = clock_mono_ms() + e->spec->config->interval_ms;
    e->pending_us = 0;
    rest(e);
}

/** What was told is there. */
static void end_changes(struct engine *e)
{
    if (e->pending_us && e->reads_back)
        engine_note_applied(e, e->pending_us);
    e->pending_us = 0;
}

/** Others have come meanwhile: they settle as the first did, or there would be no end of it while
 *  states keep changing. */
static void turn_to_others(struct engine *e)
{
    end_changes(e);
    engine_note_success(e);
    rest(e);
}

/** Nothing is to be done. By what was observed in this cycle the tier is then as it should be. */
static void settle(struct engine *e)
{
    if (e->is_fresh && !e->plan.held)
        e->last_sync_ms = clock_wall_ms();
    end_changes(e);
    if (e->is_fresh)
        engine_note_success(e);
    rest(e);
}

static void fail_as_deaf(struct engine *e, const struct tier_row *one, uint32_t n)
{
    char text[256];
    snprintf(text, sizeof text, "%u member%s not as told to be, such as %s", n,
             n == 1 ? " is" : "s are", one->name);
    fail(e, TIER_ERROR_REJECTED, text);
}

/** What fails is looked at before each try, and not in between. */
static void rest_until_ready(struct engine *e)
{
    if (e->failing && e->not_before_ms < e->waits_ms)
        e->not_before_ms = e->waits_ms;
    rest(e);
}

/** As the plan says. */
static void act(struct engine *e)
{
    const struct tier_row *one = NULL;
    uint32_t n_deaf = e->reads_back ? count_deaf(e, &one) : 0;
    if (e->has_news && e->type->changed)
        e->type->changed(e->driver);
    e->has_news = false;
    if (e->looks || !engine_was_read(e) || (e->failing && !e->is_fresh))
        rest(e); /* what others ask for follows the states all the same */
    else if (e->plan.refused[0])
        refuse(e);
    else if (e->plan.held || e->plan.steps.n == 0)
        settle(e);
    else if (n_deaf > 0)
        fail_as_deaf(e, one, n_deaf);
    else if (e->reads_back && e->changed_us)
        turn_to_others(e);
    else if (e->n_rounds >= ROUNDS_MAX)
        fail(e, TIER_ERROR_REJECTED, "what it is told does not bring it to where it should be");
    else if (must_wait(e))
        rest_until_ready(e);
    else
        begin_to_apply(e);
    if (e->phase == ENGINE_IDLE && has_left(e))
        end_leaving(e);
}

/* ---- what the driver says ---- */

void engine_observed(void *ctx, struct observation *seen)
{
    struct engine *e = ctx;
    assert(e->phase == ENGINE_OBSERVES);
    e->looked_ms = clock_mono_ms();
    e->has_read = true;
    snprintf(e->note, sizeof e->note, "%s", seen->note);
    if (!e->reads_back)
        take_changes(e);
    engine_plan(e, seen);
    engine_note_drift(e);
    e->phase = ENGINE_SEEN;
    engine_arm(e);
}

void engine_applied(void *ctx)
{
    struct engine *e = ctx;
    assert(e->phase == ENGINE_APPLIES);
    reconcile_applied(&e->table, &e->plan, true);
    engine_record(e, true);
    e->last_change_ms = clock_wall_ms();
    e->phase = ENGINE_APPLIED;
    engine_arm(e);
}

void engine_failed(void *ctx, enum tier_error reason, const char *text)
{
    struct engine *e = ctx;
    assert(e->phase == ENGINE_OBSERVES || e->phase == ENGINE_APPLIES);
    if (e->phase == ENGINE_APPLIES)
        reconcile_applied(&e->table, &e->plan, false);
    e->failed_in = e->phase;
    e->failed_reason = reason;
    snprintf(e->failed_text, sizeof e->failed_text, "%s", text);
    e->phase = ENGINE_FAILED;
    engine_arm(e);
}

/* ---- the timer ---- */

static void on_failed(struct engine *e)
{
    /* One that was planned without a look may have been changed since it was seen last. A driver
     * that rations would not be asked again in this cycle: it would never be seen to fail. */
    if (e->failed_in == ENGINE_APPLIES && !e->is_fresh && !is_rationed(e))
        observe(e);
    else
        fail(e, e->failed_reason, e->failed_text);
}

static void lose_patience(struct engine *e)
{
    char text[128];
    if (e->phase == ENGINE_APPLIES)
        reconcile_applied(&e->table, &e->plan, false);
    snprintf(text, sizeof text, "no end of a %s within %lld s: begun anew",
             e->phase == ENGINE_APPLIES ? "change" : "look",
             (long long)(engine_patience_ms(e) / 1000));
    engine_reopen(e);
    fail(e, TIER_ERROR_TIMEOUT, text);
}

static void begin(struct engine *e)
{
    int64_t now_ms = clock_mono_ms();
    bool is_due = now_ms >= e->not_before_ms && engine_look_due_ms(e) <= now_ms;
    if (is_due || e->looks_wanted.n > 0) {
        e->looks = !is_due;
        observe(e);
    } else if (engine_plan_due_ms(e) <= now_ms) {
        take_changes(e);
        engine_plan(e, NULL);
        act(e);
    } else {
        engine_arm(e);
    }
}

static void go_on(struct engine *e)
{
    switch (e->phase) {
    case ENGINE_IDLE:
        begin(e);
        break;
    case ENGINE_SEEN:
        e->host.looked(e->host.ctx, e);
        act(e);
        break;
    case ENGINE_RECORDS:
        keeper_forget(e->host.keeper, e);
        apply(e);
        break;
    case ENGINE_RECORDED:
        apply(e);
        break;
    case ENGINE_APPLIED:
        e->reads_back = true;
        observe(e);
        break;
    case ENGINE_FAILED:
        on_failed(e);
        break;
    case ENGINE_OBSERVES:
    case ENGINE_APPLIES:
        if (clock_mono_ms() >= e->began_ms + engine_patience_ms(e)) {
            lose_patience(e);
            break;
        }
        e->shows = true;
        engine_publish(e);
        engine_arm(e);
        break;
    }
}

void engine_on_timer(uv_timer_t *timer)
{
    struct engine *e = timer->data;
    if (!e->leaving || clock_mono_ms() < e->leave_by_ms) {
        go_on(e);
        return;
    }
    if (e->leave_by_ms != INT64_MIN)
        log_warning("tier %s: given up, as it takes too long: what is left in it stays",
                    engine_name(e));
    end_leaving(e);
}
