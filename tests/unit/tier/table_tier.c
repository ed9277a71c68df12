/* SPDX-License-Identifier: Apache-2.0
 * A tier that is a table in memory. */
#include "table_tier.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table_tier *table_tiers[8];

struct driver {
    struct table_tier *table;
    const struct driver_host *host;
    uv_timer_t *timer;
    void (*answer)(struct driver *driver);
    const struct tier_table *rows;
    const struct tier_plan *plan;
};

struct table_member *table_find(struct table_tier *table, const char *name)
{
    for (uint32_t i = 0; i < table->n; i++)
        if (strcmp(table->v[i].name, name) == 0)
            return &table->v[i];
    return NULL;
}

static struct table_tier *table_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(table_tiers); i++)
        if (table_tiers[i] && (!table_tiers[i]->name || strcmp(table_tiers[i]->name, name) == 0))
            return table_tiers[i];
    abort();
}

static void on_timer(uv_timer_t *timer)
{
    struct driver *d = timer->data;
    d->answer(d);
}

/** Counts what it is asked, and answers unless it is silent. */
static void ask(struct driver *d, uint32_t *counter, enum table_fault *fault,
                void (*answer)(struct driver *driver))
{
    struct table_tier *table = d->table;
    table_lock(table);
    ++*counter;
    bool answers = *fault != TABLE_IS_SILENT, at_once = table->answers_at_once;
    uint32_t delay_ms = table->delay_ms;
    assert(table->n_under_way == 0);
    table->n_under_way += answers;
    table_unlock(table);
    d->answer = answer;
    if (answers && at_once)
        answer(d);
    else if (answers)
        uv_timer_start(d->timer, on_timer, delay_ms, 0);
}

static void count_failure(struct table_tier *table, enum table_fault *fault)
{
    if (table->n_failures > 0 && --table->n_failures == 0)
        *fault = TABLE_WELL;
}

/* ---- the driver ---- */

static struct driver *open_(const struct driver_host *host)
{
    struct driver *d = xcalloc(1, sizeof *d);
    d->host = host;
    d->table = table_of(host->spec->name);
    table_lock(d->table);
    d->table->host = host;
    d->table->n_opened++;
    table_unlock(d->table);
    d->timer = xcalloc(1, sizeof *d->timer);
    d->timer->data = d;
    uv_timer_init(drive_loop(host->drive), d->timer);
    return d;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

static void close_(struct driver *d)
{
    table_lock(d->table);
    d->table->n_closed++;
    d->table->n_under_way = 0;
    d->table->host = NULL;
    table_unlock(d->table);
    uv_close((uv_handle_t *)d->timer, free_timer);
    free(d);
}

static void tell_seen(struct driver *d)
{
    struct table_tier *table = d->table;
    struct table_member copy[ARRAY_LEN(table->v)];
    struct observed v[ARRAY_LEN(table->v)];
    memset(v, 0, sizeof v);
    table_lock(table);
    table->n_under_way--;
    memcpy(copy, table->v, sizeof copy);
    for (uint32_t i = 0; i < table->n; i++)
        v[i] = (struct observed){.addr = copy[i].addr,
                                 .port = copy[i].port,
                                 .name = copy[i].name,
                                 .serving = copy[i].serving,
                                 .active = copy[i].active,
                                 .inactive = -1};
    struct observation seen = {
        .exists = table->exists, .is_foreign = table->is_foreign, .v = v, .n = table->n};
    bool fails = table->observe == TABLE_FAILS;
    enum tier_error reason = table->reason;
    if (fails)
        count_failure(table, &table->observe);
    table_unlock(table);
    if (fails)
        d->host->failed(d->host->ctx, reason, "told to fail");
    else
        d->host->observed(d->host->ctx, &seen);
    memset(v, 0xa5, sizeof v); /* it was borrowed */
}

static void observe(struct driver *d)
{
    table_lock(d->table);
    uint32_t meets = d->table->meets;
    d->table->meets = 0;
    table_unlock(d->table);
    if (meets > 0)
        d->table->host->met_failure(d->table->host->ctx, meets - 1);
    ask(d, &d->table->n_observed, &d->table->observe, tell_seen);
}

static void remove_member(struct table_tier *table, uint32_t i)
{
    memmove(&table->v[i], &table->v[i + 1], (table->n - i - 1) * sizeof table->v[0]);
    table->n--;
}

static void carry_out(struct table_tier *table, const struct tier_row *row,
                      const struct plan_step *step)
{
    table->n_steps++;
    if (step->op == PLAN_CREATE || step->op == PLAN_DELETE)
        table->exists = step->op == PLAN_CREATE;
    if (step->row == MODEL_NONE)
        return;
    if (step->op == PLAN_ADD) {
        assert(table->n < ARRAY_LEN(table->v));
        struct table_member *m = &table->v[table->n++];
        *m = (struct table_member){.addr = row->addr, .port = row->port, .serving = step->to};
        snprintf(m->name, sizeof m->name, "%s", row->name);
        return;
    }
    struct table_member *m = table_find(table, row->name);
    assert(m);
    if (step->op == PLAN_SET)
        m->serving = step->to;
    else if (step->op == PLAN_REMOVE)
        remove_member(table, (uint32_t)(m - table->v));
}

static void tell_applied(struct driver *d)
{
    struct table_tier *table = d->table;
    table_lock(table);
    const bool fails = table->apply == TABLE_FAILS;
    enum tier_error reason = table->reason;
    table->n_under_way--;
    for (size_t i = 0; i < d->plan->steps.n && table->apply != TABLE_IS_DEAF; i++) {
        const struct plan_step *step = &d->plan->steps.v[i];
        if (fails && i >= table->fails_after)
            break;
        carry_out(table, step->row == MODEL_NONE ? NULL : &d->rows->rows.v[step->row], step);
    }
    if (fails)
        count_failure(table, &table->apply);
    table_unlock(table);
    if (fails)
        d->host->failed(d->host->ctx, reason, "told to fail");
    else
        d->host->applied(d->host->ctx);
}

static void apply(struct driver *d, const struct tier_table *rows, const struct tier_plan *plan)
{
    d->rows = rows;
    d->plan = plan;
    if (d->table->ration_ms)
        d->table->ready_ms = clock_mono_ms() + d->table->ration_ms;
    ask(d, &d->table->n_applied, &d->table->apply, tell_applied);
}

static void count(struct driver *d, uint32_t *counter)
{
    table_lock(d->table);
    ++*counter;
    table_unlock(d->table);
}

static int64_t ready_ms(const struct driver *d)
{
    table_lock(d->table);
    int64_t ms = d->table->ready_ms;
    table_unlock(d->table);
    return ms;
}

static void changed(struct driver *d)
{
    count(d, &d->table->n_changed);
}

static void pulse(struct driver *d)
{
    count(d, &d->table->n_pulsed);
}

static void respecified(struct driver *d, const struct tier_spec *spec)
{
    (void)spec;
    assert(d->table->n_under_way == 0); /* only this thread changes that */
    count(d, &d->table->n_respecified);
}

const struct driver_type table_driver = {
    .type = TIER_IPVS,
    .pulse_ms = 1000,
    .open = open_,
    .observe = observe,
    .apply = apply,
    .pulse = pulse,
    .ready_ms = ready_ms,
    .changed = changed,
    .respecified = respecified,
    .close = close_,
};
