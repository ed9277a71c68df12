/* SPDX-License-Identifier: Apache-2.0
 * When an engine does what. */
#include "tier/engine_internal.h"

#include "base/clock.h"

#define NEVER INT64_MAX
#define SHOWN_MS 50  /* what takes longer is seen as `applying` meanwhile */
#define GAP_MS 200   /* between looks that nothing but nudges asks for */
#define GATHER_MS 20 /* what one flush of the checker, or one order, changes comes within that */
#define APART_MS 50  /* between plans that act, unless the driver collects for a time of its own */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/** A change that comes alone is not waited with. */
static int64_t change_due_ms(const struct engine *e)
{
    int64_t changed_ms = e->changed_us / 1000;
    return e->type->settle_ms ? changed_ms + e->type->settle_ms
                              : most(changed_ms + GATHER_MS, e->acted_ms + APART_MS);
}

int64_t engine_patience_ms(const struct engine *e)
{
    const struct tier *config = e->spec->config;
    return ENGINE_PATIENCE_MS + config->exec.timeout_ms + config->nginx.reload_interval_ms;
}

int64_t engine_look_due_ms(const struct engine *e)
{
    if (!engine_was_read(e) || e->failing)
        return 0;
    int64_t due_ms = e->looked_ms + e->spec->config->interval_ms;
    due_ms = least(due_ms, reconcile_next_ms(&e->table, e->looked_ms));
    if (e->wants_sessions)
        due_ms = least(due_ms, e->looked_ms + ENGINE_SESSIONS_MS);
    if (e->nudged_ms) {
        due_ms = least(due_ms, most(e->nudged_ms + ENGINE_NUDGE_MS, e->looked_ms + GAP_MS));
    }
    return due_ms;
}

int64_t engine_plan_due_ms(const struct engine *e)
{
    int64_t due_ms = e->waits_ms ? e->waits_ms : NEVER;
    if (e->changed_us)
        due_ms = least(due_ms, change_due_ms(e));
    if (e->desired.next_ms != NEVER) {
        int64_t left_ms = e->desired.next_ms - clock_wall_ms();
        int64_t at_ms = clock_mono_ms() + (left_ms > 0 ? left_ms : 0);
        /* It is due by the clock alone: not twice within the same moment. */
        due_ms = least(due_ms, most(at_ms, e->planned_ms + GAP_MS));
    }
    return due_ms;
}

static int64_t idle_due_ms(const struct engine *e)
{
    if (e->looks_wanted.n > 0)
        return 0;
    return least(most(engine_look_due_ms(e), e->not_before_ms), engine_plan_due_ms(e));
}

static int64_t due_ms(const struct engine *e)
{
    switch (e->phase) {
    case ENGINE_IDLE:
        return idle_due_ms(e);
    case ENGINE_OBSERVES:
    case ENGINE_RECORDS: /* that is bounded as every file is */
        return e->began_ms + engine_patience_ms(e);
    case ENGINE_APPLIES:
        return e->began_ms + (e->shows ? engine_patience_ms(e) : SHOWN_MS);
    case ENGINE_SEEN:
    case ENGINE_RECORDED:
    case ENGINE_APPLIED:
    case ENGINE_FAILED:
        break;
    }
    return 0;
}

void engine_arm(struct engine *e)
{
    if (e->ended) {
        uv_timer_stop(&e->timer);
        return;
    }
    int64_t now_ms = clock_mono_ms(), at_ms = due_ms(e);
    if (e->leaving)
        at_ms = least(at_ms, e->leave_by_ms);
    uv_update_time(drive_loop(e->host.drive));
    uv_timer_start(&e->timer, engine_on_timer, at_ms > now_ms ? (uint64_t)(at_ms - now_ms) : 0, 0);
}
