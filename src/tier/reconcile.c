/* SPDX-License-Identifier: Apache-2.0
 * What each row is to be in its tier, and that none of it empties the tier. */
#include "tier/reconcile_parts.h"

#include <stdlib.h>

#define RECHECK_MS 1000 /* of what drains */

static const struct serving gone = {.serves = SERVES_GONE};

/* ---- targets ---- */

/* Nothing is known: as it was when it was last right, or as it is there; what is new gets no
 * clients. A weight by order holds as far as it has any. */
static struct serving unchanged(const struct tier_row *row)
{
    struct serving target = row->settled;
    if (target.serves == SERVES_UNKNOWN && !row->observed)
        return target;
    if (target.serves == SERVES_UNKNOWN)
        target = row->present ? row->seen.serving : (struct serving){.serves = SERVES_READY};
    if (has_clients(target) && row->wanted.weight > 0)
        target.weight = row->wanted.weight;
    return target;
}

static struct serving leaving_target(const struct tier_row *row, const struct reconcile_input *in)
{
    if (!row->present)
        return gone;
    if (is_left(row, in))
        return row->seen.serving;
    return (struct serving){.serves = SERVES_DRAIN};
}

static struct serving target_of(const struct tier_row *row, const struct reconcile_input *in)
{
    switch ((enum serves)row->wanted.serves) {
    case SERVES_UNKNOWN:
        return unchanged(row);
    case SERVES_GONE:
        return leaving_target(row, in);
    case SERVES_MAINT:
        return in->spec->config->reset_on_down ? gone : row->wanted;
    case SERVES_READY:
    case SERVES_DOWN:
    case SERVES_DRAIN:
        break;
    }
    return row->wanted;
}

static void set_target(struct tier_row *row, const struct reconcile_input *in)
{
    row->kept = false;
    row->wanted = is_leaving(row, in) ? gone : in->wanted[row->member];
    row->target = row->foreign ? row->seen.serving : target_of(row, in);
}

/* ---- never empty by our doing ---- */

/* How a tier serves by its members, those left out that have left. */
struct standing {
    bool serves;  /* one has clients, and is to have them */
    bool may;     /* one will, or could as far as is known */
    bool is_down; /* one is down by health */
};

static struct standing stand(const struct tier_table *table, const struct reconcile_input *in)
{
    struct standing sum = {0};
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        if (row->member == MODEL_NONE || row->foreign)
            continue;
        sum.serves |= has_clients(row->target) && (row->present || in->is_whole);
        sum.may |= has_clients(row->target) || row->wanted.serves == SERVES_UNKNOWN;
        sum.is_down |= row->wanted.serves == SERVES_DOWN;
    }
    return sum;
}

/* Nobody else serves yet. What is down by health stays while somebody else could serve, as far as
 * is known; what has left the configuration until somebody else does, unless all are ordered away.
 */
static void keep_last(struct tier_table *table, const struct reconcile_input *in)
{
    if (in->leaving != LEAVING_NOT)
        return;
    const struct standing sum = stand(table, in);
    for (size_t i = 0; i < table->rows.n && !sum.serves; i++) {
        struct tier_row *row = &table->rows.v[i];
        if (!row->present || row->foreign || !has_clients(row->seen.serving))
            continue;
        row->kept = (row->wanted.serves == SERVES_DOWN && sum.may) ||
                    (row->wanted.serves == SERVES_GONE && (sum.may || sum.is_down));
        if (row->kept)
            row->target = row->seen.serving;
    }
}

/* ---- the whole ---- */

/* What was to be is there: that is what it stays when nothing is known any more. */
static void settle(struct tier_row *row, const struct reconcile_input *in)
{
    if (row->target.serves == SERVES_GONE)
        row->settled = (struct serving){.serves = SERVES_UNKNOWN};
    else if (row->present && !row->foreign && shows(in, row->target, &row->seen))
        row->settled = row->target;
}

/* What is right and was not told by us since the start: taken over, so that what is changed from
 * now on is noticed. */
static void take_over(struct tier_row *row, const struct reconcile_input *in)
{
    if (row->applied.serves == SERVES_UNKNOWN && row->present && !row->foreign &&
        row->target.serves != SERVES_GONE && shows(in, row->target, &row->seen))
        row->applied = row->target;
}

void reconcile(struct tier_table *table, struct tier_plan *plan, const struct reconcile_input *in)
{
    match_members(table, in);
    if (in->seen)
        match_observation(table, in);
    if (in->desired)
        table->level = in->desired->level;
    for (size_t i = 0; i < table->rows.n; i++) {
        settle(&table->rows.v[i], in);
        set_target(&table->rows.v[i], in);
    }
    keep_last(table, in);
    for (size_t i = 0; i < table->rows.n; i++) {
        struct tier_row *row = &table->rows.v[i];
        int64_t staged_ms = is_leaving(row, in) ? 0 : in->staged_ms[row->member];
        if (!is_left(row, in))
            drain_step(row, in, staged_ms, in->seen != NULL);
        take_over(row, in);
    }
    plan_make(plan, table, in);
}

/* With the object all that is in it goes. */
static void note_deleted(struct tier_table *table)
{
    for (size_t i = 0; i < table->rows.n; i++)
        table->rows.v[i].applied = (struct serving){.serves = SERVES_GONE};
}

void reconcile_applied(struct tier_table *table, const struct tier_plan *plan, bool ok)
{
    if (ok && plan_deletes(plan))
        note_deleted(table);
    for (size_t i = 0; i < plan->steps.n; i++) {
        const struct plan_step *step = &plan->steps.v[i];
        if (step->row == MODEL_NONE)
            continue;
        struct tier_row *row = &table->rows.v[step->row];
        row->applied = ok ? step->to : (struct serving){.serves = SERVES_UNKNOWN};
        row->drifted = false;
    }
}

int64_t reconcile_next_ms(const struct tier_table *table, int64_t mono_ms)
{
    int64_t next_ms = table->held_until_ms ? table->held_until_ms : INT64_MAX;
    for (size_t i = 0; i < table->rows.n; i++) {
        const struct tier_row *row = &table->rows.v[i];
        bool drains = row->drain.phase == DRAIN_QUIESCE || row->drain.phase == DRAIN_WAIT;
        if (row->present && drains && mono_ms + RECHECK_MS < next_ms)
            return mono_ms + RECHECK_MS;
    }
    return next_ms;
}

void tier_table_free(struct tier_table *table)
{
    vec_free(&table->rows);
}

void tier_plan_free(struct tier_plan *plan)
{
    vec_free(&plan->steps);
}
