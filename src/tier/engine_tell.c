/* SPDX-License-Identifier: Apache-2.0
 * What others see of an engine: its view, and lines of the log. */
#include "tier/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define DRIFT_TOLD_MS 60000

const double tier_apply_bound_s[TIER_APPLY_BOUNDS] = {0.01, 0.025, 0.05, 0.1, 0.15, 0.25,
                                                      0.5,  1,     2.5,  5,   10,   30};

static enum tier_state state_of(const struct engine *e)
{
    if (e->plan.refused[0] || (e->failing && e->reason == TIER_ERROR_FOREIGN))
        return TIER_REFUSED;
    if (e->failing)
        return e->has_read ? TIER_STALE : TIER_UNREACHABLE;
    bool is_right =
        e->has_read && e->phase != ENGINE_APPLIES && !e->plan.held && e->plan.steps.n == 0;
    return is_right ? TIER_OK : TIER_APPLYING;
}

/** Names of what was seen are lent by the driver; in a view they are the row's. */
static void add_rows(struct tier_view *view, const struct tier_table *table)
{
    struct tier_row *rows = arena_calloc(view->arena, table->rows.n, sizeof *rows);
    for (size_t i = 0; i < table->rows.n; i++) {
        rows[i] = table->rows.v[i];
        rows[i].seen.name = rows[i].present ? rows[i].name : NULL;
    }
    view->rows = rows;
    view->n_rows = (uint32_t)table->rows.n;
}

static void add_diff(struct tier_view *view, const struct engine *e)
{
    const size_t n = e->plan.steps.n;
    const char **lines = arena_calloc(view->arena, n, sizeof *lines);
    char line[256];
    for (size_t i = 0; i < n; i++)
        lines[i] = arena_strdup(view->arena, plan_step_text(line, &e->table, &e->plan.steps.v[i]));
    view->diff = lines;
    view->n_diff = (uint32_t)n;
}

static struct tier_view *make_view(const struct engine *e)
{
    struct arena *arena = arena_new();
    struct tier_view *view = arena_calloc(arena, 1, sizeof *view);
    *view = (struct tier_view){
        .n_holds = 1,
        .arena = arena,
        .set = tier_set_hold(e->states->set),
        .spec = e->spec,
        .state = state_of(e),
        .held = e->plan.held,
        .last_change_ms = e->last_change_ms,
        .last_sync_ms = e->last_sync_ms,
        .error_since_ms = e->error_since_ms,
        .all_down = e->desired.all_down,
        .dns_until_ms = e->desired.dns_until_ms,
        .n_drift = e->table.n_drift,
        .n_met = e->n_met,
        .sum_apply_s = e->sum_apply_s,
        .clients = client_rtts_hold(e->clients),
        .published = e->published ? arena_strndup(arena, e->published, e->n_published) : NULL,
        .n_published = e->n_published,
        .published_version = e->published_version,
    };
    snprintf(view->error, sizeof view->error, "%s",
             e->plan.refused[0] ? e->plan.refused : e->error);
    snprintf(view->note, sizeof view->note, "%s", e->plan.note[0] ? e->plan.note : e->note);
    memcpy(view->n_errors, e->n_errors, sizeof view->n_errors);
    memcpy(view->n_apply, e->n_apply, sizeof view->n_apply);
    add_rows(view, &e->table);
    add_diff(view, e);
    return view;
}

void engine_publish(struct engine *e)
{
    e->host.publish(e->host.ctx, e, make_view(e));
}

void engine_note_failure(struct engine *e, enum tier_error reason, const char *text)
{
    if (!e->failing || e->reason != reason)
        log_error("tier %s: %s", engine_name(e), text);
    if (!e->failing)
        e->error_since_ms = clock_wall_ms();
    e->n_errors[reason]++;
    e->failing = true;
    e->reason = reason;
    snprintf(e->error, sizeof e->error, "%s", text);
}

void engine_note_success(struct engine *e)
{
    if (e->failing)
        log_notice("tier %s: in order again, after %lld s", engine_name(e),
                   (long long)((clock_wall_ms() - e->error_since_ms) / 1000));
    e->failing = false;
    e->error[0] = '\0';
    e->error_since_ms = 0;
    backoff_succeeded(&e->backoff);
}

void engine_note_drift(struct engine *e)
{
    int64_t now_ms = clock_mono_ms();
    uint64_t n = e->table.n_drift - e->n_drift_before;
    if (n == 0 || (e->drift_told_ms && now_ms < e->drift_told_ms + DRIFT_TOLD_MS))
        return;
    log_warning("tier %s: %llu member%s changed by somebody else", engine_name(e),
                (unsigned long long)n, n == 1 ? " was" : "s were");
    e->n_drift_before = e->table.n_drift;
    e->drift_told_ms = now_ms;
}

void engine_note_applied(struct engine *e, int64_t since_us)
{
    double s = (double)(clock_mono_us() - since_us) / 1e6;
    uint32_t i = 0;
    while (i < TIER_APPLY_BOUNDS && s > tier_apply_bound_s[i])
        i++;
    e->n_apply[i]++;
    e->sum_apply_s += s;
}
