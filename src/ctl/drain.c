/* SPDX-License-Identifier: Apache-2.0
 * How far a drain has come. */
#include "ctl/drain.h"

#include "control/json.h"
#include "ctl/action_parts.h"
#include "ctl/drain_sets.h"
#include "out/tier_facts.h"
#include "tier/tiers.h"

#include <stdio.h>

#define SLACK_MS 10000 /* a tier is looked at each second, and twice before it is done */

/* ---- endpoints ---- */

struct looking {
    struct drain *d;
    const struct facts *f;
    uint32_t pool; /* of the last one, and since when it was drained: others of it have the same */
    int64_t since_ms;
};

static bool look_at(void *ctx, uint32_t endpoint)
{
    struct looking *l = ctx;
    const struct endpoint_state *s = &l->f->states[endpoint];
    uint32_t pool = l->f->generation->model->endpoints[endpoint].pool;
    l->d->n_endpoints++;
    if (s->override != OVERRIDE_DRAIN)
        return true;
    l->d->n_drained++;
    l->d->drained[endpoint] = true;
    if (!l->f->tiers_now || (l->pool == pool && l->since_ms == s->override_since_ms))
        return true;
    l->pool = pool;
    l->since_ms = s->override_since_ms;
    int64_t left_ms =
        tiers_dns_left_ms(l->f->tiers_now, endpoint, s->override_since_ms, l->f->now_ms);
    if (left_ms > l->d->dns_left_ms)
        l->d->dns_left_ms = left_ms;
    return true;
}

static int look_at_target(struct drain *d, struct arena *arena, const struct facts *f,
                          const char *text, char error[CTL_TEXT_MAX])
{
    struct looking l = {d, f, MODEL_NONE, 0};
    struct target target;
    const struct order *o = *text == '@' ? orders_find_id(f->orders, text) : NULL;
    if (*text == '@' && !o) {
        snprintf(error, CTL_TEXT_MAX, "there is no order %.100s: see loadstarctl orders", text);
        return E_NOTFOUND;
    }
    int code = target_parse(&target, o ? o->target.text : text);
    if (code == 0) {
        target_visit(&target, f->generation->model, look_at, &l);
        drain_look_at_sets(d, arena, f, &target);
        target_free(&target);
    }
    if (code == 0 && (d->n_endpoints || d->n_matched_sets))
        return 0;
    action_explain_target(error, f->generation->model, text);
    return code ? code : E_NOTFOUND;
}

/* ---- tiers ---- */

/** Whether all ways into the tier are drained, one of them by this target. Others keep it busy. */
static bool is_behind(const struct drain *d, const struct facts *f, const struct tier_view *view)
{
    bool any = false;
    for (uint32_t i = 0; i < view->spec->n_fronts; i++) {
        uint32_t endpoint = view->set->endpoints[view->spec->fronts[i]];
        if (f->states[endpoint].override != OVERRIDE_DRAIN)
            return false;
        any |= d->drained[endpoint];
    }
    return any;
}

static void add_row(struct drain_tier *t, const struct tier_row *row, int64_t now_ms)
{
    int64_t active = tier_view_is_current(t->view) ? tier_row_sessions(row) : -1;
    int64_t end_ms = tier_row_drain_end_ms(t->view, row);
    t->n_members++;
    t->n_left += !tier_row_is_drained(t->view, row);
    t->n_overdue += tier_row_is_overdue(row);
    t->active = active < 0 || t->active < 0 ? -1 : t->active + active;
    t->at_most |= row->present && row->seen.at_most;
    if (end_ms - now_ms > t->left_ms)
        t->left_ms = end_ms - now_ms;
}

static void look_at_view(struct drain *d, const struct facts *f, const struct tier_view *view)
{
    struct drain_tier t = {.view = view};
    bool all = is_behind(d, f, view);
    for (uint32_t i = 0; i < view->n_rows; i++) {
        uint32_t endpoint = tier_row_endpoint(&f->tiers, view, &view->rows[i]);
        if (endpoint != MODEL_NONE && (all || d->drained[endpoint]))
            add_row(&t, &view->rows[i], f->now_ms);
    }
    if (t.n_members)
        d->tiers[d->n_tiers++] = t;
}

/** A tier that has just come with the configuration has no rows yet: its members tell whether it is
 *  to be waited for. */
static bool is_unseen(const struct drain *d, const struct tier_view *view)
{
    if (view->n_rows)
        return false;
    for (uint32_t i = 0; i < view->spec->n_members; i++)
        if (d->drained[view->set->endpoints[view->spec->members[i].slot]])
            return true;
    return false;
}

static void look_at_tiers(struct drain *d, struct arena *arena, const struct facts *f)
{
    int64_t longest_ms = 0;
    d->tiers = arena_calloc(arena, f->tiers.n, sizeof *d->tiers);
    for (uint32_t i = 0; i < f->tiers.n; i++) {
        const struct tier_view *view = f->tiers.views[i];
        uint32_t n = d->n_tiers;
        if (view->set != f->tiers.set)
            continue;
        if (is_unseen(d, view))
            d->tiers[d->n_tiers++] = (struct drain_tier){view, .n_left = 1, .active = -1};
        else
            look_at_view(d, f, view);
        int64_t timeout_ms = view->spec->config->drain_timeout_ms;
        if (d->n_tiers > n && timeout_ms > longest_ms)
            longest_ms = timeout_ms;
    }
    d->wait_ms = d->dns_left_ms + longest_ms + SLACK_MS;
    if (d->sets_drain_ms + SLACK_MS > d->wait_ms)
        d->wait_ms = d->sets_drain_ms + SLACK_MS;
}

int drain_look(struct drain *d, struct arena *arena, const struct facts *f, const char *target,
               char error[CTL_TEXT_MAX])
{
    *d = (struct drain){0};
    const struct model *m = f->generation->model;
    d->drained = arena_calloc(arena, m->n_endpoints + m->n_prefix_sets, sizeof *d->drained);
    int code = look_at_target(d, arena, f, target, error);
    if (code)
        return code;
    look_at_tiers(d, arena, f);
    d->stage = DRAIN_STAGE_DONE;
    for (uint32_t i = 0; i < d->n_sets; i++)
        if (d->sets[i].is_left)
            d->stage = DRAIN_STAGE_ANYCAST;
    for (uint32_t i = 0; i < d->n_tiers; i++)
        if (d->tiers[i].n_left)
            d->stage = DRAIN_STAGE_TIERS;
    if (d->dns_left_ms > 0)
        d->stage = DRAIN_STAGE_DNS;
    if (d->n_drained == 0 && d->n_sets == 0)
        d->stage = DRAIN_STAGE_NONE;
    return 0;
}

/* ---- the document ---- */

static int64_t seconds(int64_t ms)
{
    return (ms + 999) / 1000;
}

static json_t *tier_json(const struct drain_tier *t)
{
    json_t *object = json_object();
    json_set_text(object, "name", t->view->spec->name);
    if (t->active >= 0)
        json_set_int(object, "active", t->active);
    if (t->at_most)
        json_set_bool(object, "at_most", true);
    json_set_text(object, "state", tier_state_text(t->view->state));
    json_set_int(object, "members", t->n_members);
    json_set_int(object, "left", t->n_left);
    if (t->n_overdue)
        json_set_int(object, "timed_out", t->n_overdue);
    if (t->left_ms > 0)
        json_set_int(object, "left_s", seconds(t->left_ms));
    return object;
}

json_t *drain_document(const struct drain *d, const char *target)
{
    static const char *const stages[] = {"none", "dns", "tiers", "anycast", "done"};
    json_t *object = json_object();
    json_set_text(object, "target", target);
    json_set_text(object, "stage", stages[d->stage]);
    json_set_int(object, "endpoints", d->n_endpoints);
    json_set_int(object, "drained", d->n_drained);
    json_set_int(object, "dns_left_s", seconds(d->dns_left_ms));
    json_set_int(object, "wait_s", seconds(d->wait_ms));
    json_t *tiers = json_set_array(object, "tiers");
    for (uint32_t i = 0; i < d->n_tiers; i++)
        json_array_append_new(tiers, tier_json(&d->tiers[i]));
    json_t *sets = json_set_array(object, "anycast");
    for (uint32_t i = 0; i < d->n_sets; i++)
        json_array_append_new(sets, drain_set_json(&d->sets[i]));
    return object;
}
