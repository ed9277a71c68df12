/* SPDX-License-Identifier: Apache-2.0
 * The prefix sets that a drain moves: with GRACEFUL_SHUTDOWN first, withdrawn after drain_time. */
#include "ctl/drain_sets.h"

#include "control/json.h"
#include "out/anycast_facts.h"

struct looking {
    struct drain *d;
    const struct facts *f;
};

/* Nothing of it is announced any more, as its speaker says. */
static bool is_gone(const struct anycast_view *view)
{
    return view && !anycast_view_announces(view) && view->real == REAL_ABSENT;
}

static bool look_at(void *ctx, uint32_t set)
{
    struct looking *l = ctx;
    const struct model *m = l->f->generation->model;
    const struct prefix_set *config = &m->prefix_sets[set];
    struct drain *d = l->d;
    struct announce_decision decision =
        orders_decide_set(l->f->orders, config->name, model_site_name(m, config->site));
    d->n_matched_sets++;
    if (decision.order != ANNOUNCE_DRAIN)
        return true;
    d->drained[m->n_endpoints + set] = true;
    struct drain_set *out = &d->sets[d->n_sets++];
    *out = (struct drain_set){.name = config->name,
                              .view = anycast_facts_find_at(&l->f->anycast, set, config->name)};
    out->is_left = !is_gone(out->view);
    int64_t until_ms = out->view ? anycast_view_until_ms(out->view, ANNOUNCER_TIMER_DRAIN) : 0;
    if (until_ms > l->f->now_ms)
        out->left_ms = until_ms - l->f->now_ms;
    if (config->drain_ms > d->sets_drain_ms)
        d->sets_drain_ms = config->drain_ms;
    return true;
}

void drain_look_at_sets(struct drain *d, struct arena *arena, const struct facts *f,
                        const struct target *target)
{
    struct looking l = {d, f};
    d->sets = arena_calloc(arena, f->generation->model->n_prefix_sets + 1u, sizeof *d->sets);
    target_visit_sets(target, f->generation->model, look_at, &l);
}

json_t *drain_set_json(const struct drain_set *set)
{
    json_t *object = json_object();
    json_set_text(object, "name", set->name);
    if (set->view) {
        json_set_text(object, "state", announcer_state_text(set->view->state));
        json_set_text(object, "real", announcer_real_text(set->view->real));
    }
    json_set_bool(object, "left", set->is_left);
    if (set->left_ms > 0)
        json_set_int(object, "left_s", (set->left_ms + 999) / 1000);
    return object;
}
