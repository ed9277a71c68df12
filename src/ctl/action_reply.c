/* SPDX-License-Identifier: Apache-2.0
 * What an order did, or would do, as the reply tells it. */
#include "base/vec.h"
#include "control/json.h"
#include "ctl/action_parts.h"
#include "ctl/documents.h"
#include "health/decide.h"
#include "out/effect.h"
#include "out/impact.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LISTED_MAX = 100, /* endpoints named; the count tells the rest */
    ORDERS_LISTED_MAX = 20,
    POOLS_NAMED = 10, /* that get nothing any more */
    POOLS_APART = 3,  /* changed pools of which each is told by itself; more are counted */
};

/* ---- the order ---- */

static void echo(json_t *reply, const struct action_facts *f)
{
    char id[ORDER_ID_MAX];
    const struct ctl_request *request = f->request;
    const struct order *laid = f->order->laid;
    json_set_text(reply, "target", request->target);
    if (request->command == CTL_WEIGHT && request->weight < 0)
        json_set_text(reply, "weight", "auto");
    else if (request->command == CTL_WEIGHT)
        json_set_int(reply, "weight", request->weight);
    else
        json_set_text(reply, "state", request_state_text(request));
    if (request->command == CTL_SET && request->force)
        json_set_bool(reply, "forced", true);
    if (laid && !request->dry_run)
        json_set_text(reply, "id", order_id_text(id, &f->order->after, laid));
    if (laid && laid->until_ms != ORDER_FOREVER)
        json_set_time(reply, "until", laid->until_ms);
    if (request->is_volatile)
        json_set_bool(reply, "volatile", true);
    if (request->dry_run)
        json_set_bool(reply, "dry_run", true);
}

static json_t *brief_json(const struct orders *orders, const struct order *o)
{
    char id[ORDER_ID_MAX];
    json_t *object = json_object();
    json_set_text(object, "id", order_id_text(id, orders, o));
    json_set_text(object, "target", o->target.text);
    document_set_order_value(object, o);
    if (*o->shown)
        json_set_text(object, "reason", o->reason);
    return object;
}

static bool is_there(const struct orders *orders, const struct order *o)
{
    for (uint32_t i = 0; i < orders->n; i++)
        if (order_compare(orders->v[i], o) == 0)
            return true;
    return false;
}

/* The orders that are no more. */
static void list_removed(json_t *reply, const struct action_facts *f)
{
    const struct orders *before = &f->order->before;
    json_t *list = json_set_array(reply, "removed");
    int64_t n = 0;
    for (uint32_t i = 0; i < before->n; i++)
        if (!is_there(&f->order->after, before->v[i]) && n++ < ORDERS_LISTED_MAX)
            json_array_append_new(list, brief_json(before, before->v[i]));
    json_set_int(reply, "removed_total", n);
}

/* ---- endpoints ---- */

struct matching {
    const struct action_facts *f;
    struct arena *arena;
    json_t *list;
    size_t n;
};

static bool list_one(void *ctx, uint32_t endpoint)
{
    struct matching *l = ctx;
    if (l->n++ < LISTED_MAX || l->f->request->verbose)
        json_array_append_new(l->list, json_text(endpoint_key(l->arena, l->f->model, endpoint)));
    return true;
}

static void list_matches(json_t *reply, const struct action_facts *f)
{
    struct matching l = {f, arena_new(), json_set_array(reply, "matched"), 0};
    const char *text = f->request->target;
    const struct order *o = *text == '@' ? orders_find_id(&f->order->before, text) : NULL;
    struct target target;
    if (target_parse(&target, o ? o->target.text : text) == 0) {
        target_visit(&target, f->model, list_one, &l);
        target_free(&target);
    }
    json_set_int(reply, "endpoints", (int64_t)l.n);
    arena_free(l.arena);
}

/* ---- effects ---- */

/* The states as they are with the list of after. Returns how many endpoints' order is another, and
 * the orders that decided them before in `beneath`, by index. */
static uint32_t decide_after(const struct action_facts *f, struct endpoint_state *after,
                             bool *beneath)
{
    const struct orders *orders = &f->order->after;
    struct decider *d = decider_new(orders, f->model),
                   *was = decider_new(&f->order->before, f->model);
    struct decision *now = xcalloc(f->model->n_endpoints + 1u, sizeof *now),
                    *then = xcalloc(f->model->n_endpoints + 1u, sizeof *then);
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_pools; i++)
        for (uint32_t k = 0; k < f->model->pools[f->pools[i]].n_sites; k++) {
            const struct pool_site *site = &f->model->pools[f->pools[i]].sites[k];
            decider_run(d, f->pools[i], k, now);
            decider_run(was, f->pools[i], k, then);
            for (uint32_t j = 0; j < site->n_endpoints; j++) {
                struct endpoint_state *s = &after[site->first_endpoint + j], old = *s;
                decision_apply(s, orders, &now[j]);
                if (s->state_order == old.state_order && s->weight_order == old.weight_order)
                    continue;
                n++;
                if (s->state_order != old.state_order && then[j].state != ORDER_NONE)
                    beneath[then[j].state] = true;
                if (s->weight_order != old.weight_order && then[j].weight != ORDER_NONE)
                    beneath[then[j].weight] = true;
            }
        }
    free(now);
    free(then);
    decider_free(was);
    decider_free(d);
    return n;
}

/* Orders that are still there, and wait now. */
static void list_beneath(json_t *reply, const struct action_facts *f, const bool *beneath)
{
    const struct orders *before = &f->order->before;
    json_t *list = json_set_array(reply, "beneath");
    int64_t n = 0;
    for (uint32_t i = 0; i < before->n; i++)
        if (beneath[i] && is_there(&f->order->after, before->v[i]) && n++ < ORDERS_LISTED_MAX)
            json_array_append_new(list, brief_json(before, before->v[i]));
    json_set_int(reply, "beneath_total", n);
}

static void tell_apart(json_t *effects, const struct action_facts *f,
                       const struct endpoint_state *after)
{
    char text[EFFECT_MAX];
    VEC(uint32_t) endpoints = {0};
    if (f->n_pools == 0) /* an order was taken away whose endpoints are gone */
        return;
    for (uint32_t i = 0; i < f->n_pools; i++)
        *vec_push(&endpoints) = f->model->pools[f->pools[i]].sites[0].first_endpoint;
    struct effects *before =
        effects_note_states(f->generation, f->before, endpoints.v, (uint32_t)endpoints.n);
    for (uint32_t i = 0; i < f->n_pools; i++) {
        effects_text_of_states(text, before, f->generation, after, f->pools[i]);
        if (text[0])
            json_array_append_new(effects, json_text(text));
    }

    effects_free(before);
    vec_free(&endpoints);
}

static void tell_effects(json_t *reply, json_t *warnings, const struct action_facts *f,
                         const struct endpoint_state *after)
{
    json_t *effects = json_set_array(reply, "effects");
    struct impact *impact = impact_of(f->generation, f->before, after, f->pools, f->n_pools,
                                      f->request->verbose ? UINT32_MAX : POOLS_NAMED);
    bool apart = impact->n_changed <= POOLS_APART || f->request->verbose;
    if (apart)
        tell_apart(effects, f, after);
    for (uint32_t i = 0; i < impact->n_groups; i++)
        if (impact->groups[i].bad)
            json_array_append_new(warnings, json_text(impact->groups[i].text));
        else if (!apart)
            json_array_append_new(effects, json_text(impact->groups[i].text));
    json_set_int(reply, "pools_changed", impact->n_changed);
    json_set_int(reply, "old_answers_s", impact->old_s);
    impact_free(impact);
}

/* With the pools that it falls back to. */
static void copy_pool(struct endpoint_state *to, const struct action_facts *f, uint32_t at)
{
    const struct pool *pool = &f->model->pools[at];
    for (uint32_t k = 0; k < pool->n_sites; k++) {
        const struct pool_site *site = &pool->sites[k];
        memcpy(&to[site->first_endpoint], &f->before[site->first_endpoint],
               site->n_endpoints * sizeof *to);
    }
    if (pool->on_all_down == ALL_DOWN_FALLBACK)
        copy_pool(to, f, pool->fallback);
}

static void tell_answers(json_t *reply, json_t *warnings, const struct action_facts *f)
{
    size_t n = f->model->n_endpoints + (size_t)1;
    struct endpoint_state *after = xcalloc(n, sizeof *after);
    bool *beneath = xcalloc(f->order->before.n + 1u, sizeof *beneath);
    for (uint32_t i = 0; i < f->n_pools; i++)
        copy_pool(after, f, f->pools[i]);
    json_set_int(reply, "endpoints_changed", decide_after(f, after, beneath));
    list_beneath(reply, f, beneath);
    tell_effects(reply, warnings, f, after);
    free(beneath);
    free(after);
}

json_t *action_reply(const struct action_facts *f)
{
    json_t *reply = json_object(), *warnings = json_array();
    echo(reply, f);
    list_matches(reply, f);
    list_removed(reply, f);
    if (f->generation)
        tell_answers(reply, warnings, f);
    action_tell_sets(reply, warnings, f);
    if (f->request->is_volatile && f->order->laid)
        json_array_append_new(warnings,
                              json_text("volatile: this order is kept in memory only, and "
                                        "forgotten when loadstard restarts"));
    else if (!f->model->server.state_dir)
        json_array_append_new(warnings, json_text("no server.state_dir is configured: this is "
                                                  "forgotten when loadstard restarts"));
    json_object_set_new(reply, "warnings", warnings);
    return reply;
}
