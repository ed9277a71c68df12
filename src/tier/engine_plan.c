/* SPDX-License-Identifier: Apache-2.0
 * What an engine wants to do, and the records of what it has made. */
#include "tier/engine_internal.h"

#include "base/clock.h"

#include <stdlib.h>

/** What was made before a restart is known from the records. */
static void mark_ours(const struct engine *e, struct observation *seen)
{
    const struct records *records = keeper_records(e->host.keeper);
    for (uint32_t i = 0; i < seen->n && !e->is_disowned; i++)
        seen->v[i].is_ours |=
            records_has(records, engine_name(e), &seen->v[i].addr, seen->v[i].port);
}

bool engine_made_object(const struct engine *e)
{
    return e->is_disowned ? e->made_object
                          : records_has(keeper_records(e->host.keeper), engine_name(e), NULL, 0);
}

static void reconcile_by(struct engine *e, const struct observation *seen)
{
    const struct reconcile_input in = {
        .spec = e->spec,
        .wanted = e->wanted,
        .staged_ms = e->staged_ms,
        .desired = &e->desired,
        .seen = seen,
        .now_ms = clock_wall_ms(),
        .mono_ms = clock_mono_ms(),
        .held_since_ms = e->held_since_ms,
        .leaving = e->leaving,
        .keeps_members = e->type->keeps_members,
        .is_given = e->type->is_given,
        .is_whole = e->type->is_whole,
        .follows_level = e->type->follows_level,
        .shown = e->type->shown,
        .object_created = engine_made_object(e),
    };
    reconcile(&e->table, &e->plan, &in);
}

void engine_plan(struct engine *e, struct observation *seen)
{
    if (e->n_wanted != e->spec->n_members) {
        free(e->wanted);
        free(e->staged_ms);
        e->n_wanted = e->spec->n_members;
        e->wanted = xcalloc(e->n_wanted, sizeof *e->wanted);
        e->staged_ms = xcalloc(e->n_wanted, sizeof *e->staged_ms);
    }
    desired_compute(&e->desired, e->wanted, e->staged_ms, e->spec, e->states->v, clock_wall_ms());
    if (seen)
        mark_ours(e, seen);
    reconcile_by(e, seen);
    e->planned_ms = clock_mono_ms();
    e->waits_ms = 0;
    e->is_fresh = seen;
}

/* Whether it gives a member that we made another address. */
static bool moves(const struct plan_step *step, const struct tier_row *row)
{
    return step->op == PLAN_SET && row && row->created &&
           (row->port != row->seen.port || !ip_equal(&row->addr, &row->seen.addr));
}

/* Nothing that was in it is ours, or there, any more. */
static bool forget_members(const struct engine *e)
{
    bool news = false;
    for (size_t i = 0; i < e->table.rows.n; i++) {
        const struct tier_row *row = &e->table.rows.v[i];
        news |= keeper_set(e->host.keeper, engine_name(e), &row->addr, row->port, false);
    }
    return news;
}

/* What is made, or moved, is recorded before it is there: a record of what was never made does no
 * harm. */
bool engine_record(struct engine *e, bool done)
{
    bool news = done && !e->is_disowned && plan_deletes(&e->plan) && forget_members(e);
    for (size_t i = 0; i < e->plan.steps.n && !e->is_disowned; i++) {
        const struct plan_step *step = &e->plan.steps.v[i];
        const struct tier_row *row = step->row == MODEL_NONE ? NULL : &e->table.rows.v[step->row];
        const bool moved = moves(step, row);
        const bool adds = step->op == PLAN_CREATE || step->op == PLAN_ADD || moved;
        const bool removes = step->op == PLAN_DELETE || step->op == PLAN_REMOVE;
        if (done && moved)
            news |=
                keeper_set(e->host.keeper, engine_name(e), &row->seen.addr, row->seen.port, false);
        else if (done ? removes : adds)
            news |= keeper_set(e->host.keeper, engine_name(e), row ? &row->addr : NULL,
                               row ? row->port : 0, adds);
    }
    return news;
}
