/* SPDX-License-Identifier: Apache-2.0
 * What an order does to prefix sets, as the reply tells it. */
#include "control/json.h"
#include "ctl/action_parts.h"
#include "out/anycast_facts.h"

#include <stdio.h>

enum { LISTED_MAX = 100 }; /* sets named; the count tells the rest */

/* ---- before ---- */

struct noting {
    struct arena *arena;
    const struct facts *f;
    struct action_set *v;
    uint32_t n;
};

static const char *silence(struct arena *arena, const struct anycast_view *view)
{
    const struct anycast_input *in = anycast_view_self(view);
    return in && in->known && !in->ok ? arena_strdup(arena, in->reason) : NULL;
}

static bool note(void *ctx, uint32_t set)
{
    struct noting *n = ctx;
    const struct model *m = n->f->generation->model;
    const struct prefix_set *config = &m->prefix_sets[set];
    const struct anycast_view *view = anycast_facts_find_at(&n->f->anycast, set, config->name);
    struct action_set *out = &n->v[n->n++];
    *out = (struct action_set){.name = config->name, .site = model_site_name(m, config->site)};
    if (!view)
        return true;
    out->seen = true;
    out->state = view->state;
    out->silent = silence(n->arena, view);
    return true;
}

const struct action_set *action_note_sets(struct arena *arena, const struct facts *f,
                                          const struct target *target, uint32_t *n)
{
    const struct model *m = f->generation->model;
    struct noting noting = {arena, f, NULL, 0};
    noting.v = arena_calloc(arena, m->n_prefix_sets + 1u, sizeof *noting.v);
    target_visit_sets(target, m, note, &noting);
    *n = noting.n;
    return noting.v;
}

/* ---- the reply ---- */

static const char *outlook(const struct announce_decision *d, const struct action_set *set)
{
    bool announced = set->seen && set->state >= ANNOUNCER_ANNOUNCED;
    switch (d->order) {
    case ANNOUNCE_YES:
        return d->forced ? "announced whatever its conditions and its own answers say"
                         : "announced whatever its pools and checks say, while it answers itself";
    case ANNOUNCE_WITHDRAW:
        return !set->seen || announced ? "withdrawn" : "not announced";
    case ANNOUNCE_DRAIN:
        return !set->seen || announced ? "drained as it is configured, then withdrawn"
                                       : "not announced";
    default:
        return "announced by its conditions";
    }
}

static struct announce_decision decide(const struct orders *orders, const struct action_set *set)
{
    return orders_decide_set(orders, set->name, set->site);
}

static void tell_one(json_t *reply, const struct action_facts *f, const struct action_set *set)
{
    char text[CTL_TEXT_MAX];
    struct announce_decision before = decide(&f->order->before, set),
                             after = decide(&f->order->after, set);
    if (before.order == after.order && before.forced == after.forced)
        return;
    snprintf(text, sizeof text, "anycast %s: is %s%s%s", set->name, outlook(&after, set),
             set->seen ? "; it is " : "", set->seen ? announcer_state_text(set->state) : "");
    json_array_append_new(json_object_get(reply, "effects"), json_text(text));
}

static void warn_of_force(json_t *warnings, const struct action_facts *f,
                          const struct action_set *set)
{
    char text[CTL_TEXT_MAX];
    if (!decide(&f->order->after, set).forced)
        return;
    if (set->silent)
        snprintf(text, sizeof text,
                 "nothing is answering at the addresses of %s, what comes there is lost: %.120s",
                 set->name, set->silent);
    else
        snprintf(text, sizeof text,
                 "forced: %s stays announced even when nothing answers at its addresses any more",
                 set->name);
    json_array_append_new(warnings, json_text(text));
}

/* The order is there, and something above it decides otherwise. */
static void warn_of_above(json_t *warnings, const struct action_facts *f,
                          const struct action_set *set)
{
    char text[CTL_TEXT_MAX], id[ORDER_ID_MAX];
    const struct order *laid = f->order->laid;
    struct announce_decision d = decide(&f->order->after, set);
    if (!laid || !d.by || order_compare(d.by, laid) == 0 || laid->kind != ORDER_STATE ||
        d.by->kind != ORDER_ANNOUNCE)
        return;
    snprintf(text, sizeof text, "anycast %s stays as order %s has it: %s", set->name,
             order_id_text(id, &f->order->after, d.by), announce_order_word(d.order));
    json_array_append_new(warnings, json_text(text));
}

void action_tell_sets(json_t *reply, json_t *warnings, const struct action_facts *f)
{
    if (f->n_sets == 0 && !f->request->of_sets)
        return;
    json_t *list = json_set_array(reply, "prefix_sets");
    if (!json_object_get(reply, "effects"))
        json_set_array(reply, "effects");
    for (uint32_t i = 0; i < f->n_sets; i++) {
        if (i < LISTED_MAX || f->request->verbose)
            json_array_append_new(list, json_text(f->sets[i].name));
        tell_one(reply, f, &f->sets[i]);
        warn_of_force(warnings, f, &f->sets[i]);
        warn_of_above(warnings, f, &f->sets[i]);
    }
    json_set_int(reply, "prefix_sets_total", f->n_sets);
}
