/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with tiers, in sentences. */
#include "base/units.h"
#include "control/json.h"
#include "ctl/problems.h"
#include "out/tier_facts.h"

#define TIERS_NAMED 20 /* lines of each kind; the rest are counted */

struct lines {
    struct arena *arena;
    const struct facts *f;
};

static uint32_t count_overdue(const struct tier_view *view)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->n_rows; i++)
        n += tier_row_is_overdue(&view->rows[i]);
    return n;
}

/* Each returns what is wrong with a tier, or NULL. */

static const char *tell_unreachable(const struct lines *l, const struct tier_view *view)
{
    if (view->state != TIER_UNREACHABLE)
        return NULL;
    return arena_printf(l->arena, "tier %s cannot be reached%s: %s", view->spec->name,
                        problem_age(l->arena, l->f, view->error_since_ms), view->error);
}

static const char *tell_stale(const struct lines *l, const struct tier_view *view)
{
    if (view->state != TIER_STALE)
        return NULL;
    return arena_printf(l->arena, "tier %s is not as it should be%s, and stays as it was: %s",
                        view->spec->name, problem_age(l->arena, l->f, view->error_since_ms),
                        view->error);
}

static const char *tell_refused(const struct lines *l, const struct tier_view *view)
{
    if (view->state != TIER_REFUSED)
        return NULL;
    return arena_printf(l->arena, "tier %s is not touched: %s", view->spec->name, view->error);
}

static const char *tell_held(const struct lines *l, const struct tier_view *view)
{
    if (!view->held || !tier_view_is_current(view))
        return NULL;
    return arena_printf(l->arena,
                        "tier %s waits for the first results of its members before it is changed",
                        view->spec->name);
}

static const char *tell_all_down(const struct lines *l, const struct tier_view *view)
{
    if (!view->all_down)
        return NULL;
    return arena_printf(l->arena,
                        "tier %s: all members are down; as on_all_down says, it serves those that "
                        "are not ordered away",
                        view->spec->name);
}

static const char *tell_overdue(const struct lines *l, const struct tier_view *view)
{
    char time[UNITS_TEXT_MAX];
    uint32_t n = count_overdue(view);
    if (n == 0)
        return NULL;
    return arena_printf(l->arena,
                        "tier %s: %u member%s still with sessions after drain.timeout (%s)",
                        view->spec->name, n, n == 1 ? " is" : "s are",
                        units_duration_text(time, view->spec->config->drain_timeout_ms));
}

static const char *tell_note(const struct lines *l, const struct tier_view *view)
{
    return view->note[0] ? arena_printf(l->arena, "tier %s: %s", view->spec->name, view->note)
                         : NULL;
}

static const struct {
    const char *severity, *more;
    const char *(*tell)(const struct lines *l, const struct tier_view *view);
} kinds[] = {
    {"error", "cannot be reached", tell_unreachable},
    {"error", "are not as they should be", tell_stale},
    {"error", "are not touched", tell_refused},
    {"error", "have all members down", tell_all_down},
    {"warning", "wait for first results", tell_held},
    {"warning", "have members with sessions after drain.timeout", tell_overdue},
    {"warning", "have notes", tell_note},
};

void problems_of_tiers(const struct facts *f, struct arena *arena, problem_fn *add, void *ctx)
{
    const struct lines l = {arena, f};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < f->tiers.n; i++) {
            const struct tier_view *view = f->tiers.views[i];
            const char *text = kinds[k].tell(&l, view);
            if (text && n++ < TIERS_NAMED)
                add(ctx, kinds[k].severity, view->spec->name, text);
        }
        if (n > TIERS_NAMED)
            add(ctx, kinds[k].severity, NULL,
                arena_printf(arena, "%u more tiers %s", n - TIERS_NAMED, kinds[k].more));
    }
}
