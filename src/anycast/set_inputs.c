/* SPDX-License-Identifier: Apache-2.0
 * Conditions and orders of prefix sets. */
#include "anycast/set_inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- pools ---- */

/** Of a pool's sites that count. */
struct pool_sum {
    uint64_t up, total;
    uint32_t n_waiting; /* endpoints without a result so far */
};

/** An endpoint that an order or weight 0 takes out of the sum needs no result. */
static bool waits(const struct model *m, const struct endpoint_state *states, uint32_t e)
{
    return states[e].override == OVERRIDE_AUTO && states[e].health == HEALTH_UNKNOWN &&
           endpoint_weight(&m->endpoints[e], &states[e]) > 0;
}

static struct pool_sum sum_of(const struct inputs_sources *from,
                              const struct anycast_condition *condition, bool was_known)
{
    const struct pool *pool = &from->model->pools[condition->pool];
    const struct place_level *places =
        &from->levels->places[from->levels->pools[condition->pool].first_place];
    struct pool_sum sum = {0};
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *site = &pool->sites[i];
        if (condition->site != MODEL_NONE && condition->site != site->site)
            continue;
        sum.up += places[i].up_weight;
        sum.total += places[i].total_weight;
        for (uint32_t k = 0; !was_known && k < site->n_endpoints; k++)
            sum.n_waiting += waits(from->model, from->states, site->first_endpoint + k);
    }
    return sum;
}

static double percent(uint64_t part, uint64_t total)
{
    return total ? 100.0 * (double)part / (double)total : 0;
}

/** `drained`: the set is. What one order drains along with it must not cut short the time that
 *  routers have: it is the drain that ends the announcement. */
static void weigh_pool(struct condition_input *out, const struct inputs_sources *from,
                       const struct anycast_condition *condition, bool was_known, bool drained)
{
    const struct pool_sum sum = sum_of(from, condition, was_known);
    const struct site_weight weight = {.up = sum.up, .total = sum.total};
    out->known = sum.n_waiting == 0;
    out->ok = site_is_up(&weight, condition->min_up) || (drained && sum.total == 0);
    if (sum.total == 0)
        snprintf(out->reason, sizeof out->reason, "nothing of it has a weight that counts%s",
                 drained ? ", it is drained as well" : "");
    else if (condition->min_up > 0)
        snprintf(out->reason, sizeof out->reason,
                 "%.3g %% of the weight is up, at least %.3g %% is needed",
                 percent(sum.up, sum.total), condition->min_up * 100);
    else
        snprintf(out->reason, sizeof out->reason, "%.3g %% of the weight is up, any is enough",
                 percent(sum.up, sum.total));
    if (sum.n_waiting > 0) {
        size_t n = strlen(out->reason);
        snprintf(out->reason + n, sizeof out->reason - n, "; %u without a result yet",
                 sum.n_waiting);
    }
}

/* ---- checks ---- */

/** What probes found: what is checked for a set alone serves nobody, so that no order on pools is
 *  meant for it. */
static void weigh_endpoint(struct condition_input *out, const struct endpoint_state *state)
{
    out->known = state->health != HEALTH_UNKNOWN;
    out->ok = state->health == HEALTH_UP;
    snprintf(out->reason, sizeof out->reason, "%s%s%.80s", health_text(state->health),
             state->reason[0] ? ": " : "", state->reason);
}

/* ---- frozen ---- */

/** Whether some pool is checked at all, and none of those that are has anything up. */
static bool all_pools_down(const struct inputs_sources *from)
{
    const struct model *m = from->model;
    bool some = false;
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct pool *pool = &m->pools[i];
        if (pool->checks.n == 0 || pool->of_anycast)
            continue;
        some = true;
        if (from->levels->pools[i].level != LEVEL_DOWN)
            return false;
    }
    return some;
}

/** Against mass withdrawal: when all pools and the set's own checks fail together it is this node
 *  that cannot see, which says nothing of what its clients reach. */
static bool is_blind(const struct anycast_spec *spec, const struct condition_input *conditions)
{
    uint32_t n_checks = 0, n_pools = 0;
    for (uint32_t i = 0; i < spec->n_conditions; i++) {
        if (spec->conditions[i].endpoint == MODEL_NONE) {
            n_pools++;
            continue;
        }
        if (spec->conditions[i].is_full)
            continue;
        if (conditions[i].ok || !conditions[i].known)
            return false;
        n_checks++;
    }
    return n_checks > 0 && n_pools > 0;
}

/* ---- orders ---- */

static void decide(struct set_inputs *out, const struct orders *orders,
                   const struct anycast_spec *spec)
{
    const struct announce_decision decision = orders_decide_set(orders, spec->name, spec->site);
    out->order = decision.order;
    out->forced = decision.forced;
    if (decision.by && decision.order != ANNOUNCE_AUTO)
        order_id_text(out->order_id, orders, decision.by);
}

/* ---- the batch ---- */

static void weigh_set(struct inputs_batch *b, uint32_t nth, const struct inputs_sources *from,
                      bool all_down)
{
    const struct anycast_spec *spec = &b->set->sets[nth];
    struct set_inputs *out = &b->sets[nth];
    struct condition_input *conditions = b->conditions + out->first_condition;
    const struct condition_input *before = from->before && from->before->set == b->set
                                               ? from->before->conditions + out->first_condition
                                               : NULL;
    decide(out, from->orders, spec);
    const bool drained = out->order == ANNOUNCE_DRAIN;
    out->known = out->when_ok = out->full_ok = true;
    for (uint32_t i = 0; i < spec->n_conditions; i++) {
        const struct anycast_condition *condition = &spec->conditions[i];
        struct condition_input *input = &conditions[i];
        if (condition->endpoint == MODEL_NONE)
            weigh_pool(input, from, condition, before && before[i].known, drained);
        else
            weigh_endpoint(input, &from->states[condition->endpoint]);
        out->known &= input->known;
        *(condition->is_full ? &out->full_ok : &out->when_ok) &= input->ok;
    }
    out->frozen = from->panic || (all_down && is_blind(spec, conditions));
}

/** Those that may be about sets: of thousands on endpoints, few. `few->v` is for free(). */
static void pick_orders(struct orders *few, const struct orders *from)
{
    *few = *from;
    few->n = 0;
    few->v = xcalloc(from->n, sizeof(struct order *));
    for (uint32_t i = 0; i < from->n; i++)
        if (target_may_match_sets(&from->v[i]->target))
            few->v[few->n++] = from->v[i];
}

struct inputs_batch *inputs_batch_new(struct anycast_set *set, const struct inputs_sources *all)
{
    struct orders orders;
    struct inputs_sources of_sets = *all;
    const struct inputs_sources *from = &of_sets;
    pick_orders(&orders, all->orders);
    of_sets.orders = &orders;
    const bool all_down = all_pools_down(from);
    struct inputs_batch *b = xcalloc(1, sizeof *b);
    b->set = anycast_set_hold(set);
    for (uint32_t i = 0; i < set->n_sets; i++)
        b->n_conditions += set->sets[i].n_conditions;
    b->sets = xcalloc(set->n_sets, sizeof *b->sets);
    b->conditions = xcalloc(b->n_conditions, sizeof *b->conditions);
    for (uint32_t i = 0, first = 0; i < set->n_sets; first += set->sets[i++].n_conditions) {
        b->sets[i].first_condition = first;
        weigh_set(b, i, from, all_down);
    }
    free(orders.v);
    return b;
}

struct inputs_batch *inputs_batch_copy(const struct inputs_batch *from)
{
    struct inputs_batch *b = xcalloc(1, sizeof *b);
    *b = *from;
    b->set = anycast_set_hold(from->set);
    b->sets = xcalloc(b->set->n_sets, sizeof *b->sets);
    b->conditions = xcalloc(b->n_conditions, sizeof *b->conditions);
    memcpy(b->sets, from->sets, b->set->n_sets * sizeof *b->sets);
    if (b->n_conditions > 0)
        memcpy(b->conditions, from->conditions, b->n_conditions * sizeof *b->conditions);
    return b;
}

static bool set_equal(const struct set_inputs *a, const struct set_inputs *b)
{
    return a->known == b->known && a->when_ok == b->when_ok && a->full_ok == b->full_ok &&
           a->frozen == b->frozen && a->forced == b->forced && a->order == b->order &&
           strcmp(a->order_id, b->order_id) == 0;
}

bool inputs_batch_equal(const struct inputs_batch *a, const struct inputs_batch *b)
{
    bool equal = a->set == b->set;
    for (uint32_t i = 0; equal && i < a->set->n_sets; i++)
        equal = set_equal(&a->sets[i], &b->sets[i]);
    for (uint32_t i = 0; equal && i < a->n_conditions; i++)
        equal = a->conditions[i].ok == b->conditions[i].ok &&
                a->conditions[i].known == b->conditions[i].known &&
                strcmp(a->conditions[i].reason, b->conditions[i].reason) == 0;
    return equal;
}

void inputs_batch_free(struct inputs_batch *b)
{
    if (!b)
        return;
    anycast_set_release(b->set);
    free(b->sets);
    free(b->conditions);
    free(b);
}
