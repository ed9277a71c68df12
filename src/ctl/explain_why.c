/* SPDX-License-Identifier: Apache-2.0
 * Why a dynamic answer is what it is, in words. */
#include "compile/candidates.h"
#include "compile/verdict.h"
#include "ctl/explain_parts.h"
#include "dns/rr.h"

static const struct model *model_of(const struct explanation *x)
{
    return x->facts->generation->model;
}

uint32_t explain_pool_site(const struct pool *pool, uint32_t site)
{
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        if (pool->sites[i].site == site)
            return i;
    }
    return MODEL_NONE;
}

/* --- what is not up --- */

/* Where a pool has something that serves, though not for this answer: what "no endpoint is up"
 * has to leave out in order to be true. */
struct elsewhere {
    bool weightless;  /* it has weight 0 */
    bool other_type;  /* an address of the other family */
    bool other_sites; /* in sites that are not the client's, or not the one the name asks for */
};

static struct elsewhere look_elsewhere(const struct explanation *x, const struct explain_step *step)
{
    const struct model *m = model_of(x);
    const struct pool *pool = &m->pools[step->pool];
    unsigned family = x->asked->type == TYPE_AAAA && !pool->is_cname;
    struct elsewhere found = {false, false, false};
    for (uint32_t rank = 0; rank < step->n_sites; rank++) {
        const struct pool_site *site = &pool->sites[step->sites[rank]];
        for (uint32_t i = site->first_endpoint; i < site->first_endpoint + site->n_endpoints; i++) {
            const struct endpoint *e = &m->endpoints[i];
            const struct endpoint_state *s = &x->facts->states[i];
            if (!endpoint_serves(s))
                continue;
            if (endpoint_family(e) != family)
                found.other_type = true;
            else if (rank >= step->n_class)
                found.other_sites = true;
            else if (endpoint_weight(e, s) == 0)
                found.weightless = true;
        }
    }
    return found;
}

/* The site that the name asks for. */
static const char *bound_site(const struct explanation *x, const struct explain_step *step)
{
    return model_of(x)->sites[step->why.sites.v[0]].name;
}

/* "no endpoint is up", as far as that goes: "no endpoint with AAAA of this client's sites is up".
 * With `named`, the pool is. */
static const char *none_up(const struct explanation *x, const struct explain_step *step, bool named)
{
    struct elsewhere found = look_elsewhere(x, step);
    char type[RR_TYPE_TEXT_MAX];
    const char *text = "no endpoint";
    if (found.other_type)
        text = arena_printf(x->arena, "%s with %s", text, rr_type_text(type, x->asked->type));
    if (found.weightless)
        text = arena_printf(x->arena, "%s that has a weight", text);
    if (found.other_sites && step->bound)
        text = arena_printf(x->arena, "%s in site %s", text, bound_site(x, step));
    else if (found.other_sites)
        text = arena_printf(x->arena, "%s in this client's sites", text);
    if (named)
        text = arena_printf(x->arena, "%s of pool %s", text, model_of(x)->pools[step->pool].name);
    return arena_printf(x->arena, "%s is up", text);
}

/* --- the decision --- */

static const char *why_no_answer(const struct explanation *x, const struct explain_step *step)
{
    const struct answer_trace *t = &x->asked->trace;
    const struct pool *pool = &model_of(x)->pools[step->pool];
    char type[RR_TYPE_TEXT_MAX];
    if (!t->has_type && step->bound)
        return arena_printf(x->arena, "site %s of pool %s has no %s, by configuration",
                            bound_site(x, step), pool->name, rr_type_text(type, x->asked->type));
    if (!t->has_type)
        return arena_printf(x->arena, "no site of pool %s has %s, by configuration", pool->name,
                            rr_type_text(type, x->asked->type));
    if (t->mode == VERDICT_SERVFAIL)
        return arena_printf(x->arena, "%s, and on_all_down is servfail", none_up(x, step, false));
    if (pool->on_all_down == ALL_DOWN_NODATA)
        return arena_printf(x->arena, "%s, and on_all_down is nodata", none_up(x, step, false));
    return "every endpoint is down or drained by order, or has weight 0";
}

/* Whether a split's draw was left to the sites of weight 0. */
static bool is_reserve(const struct pool *pool, uint32_t pool_site)
{
    return pool->steer == STEER_SPLIT && pool->sites[pool_site].split_weight == 0;
}

/* Why the site of the first pick serves. */
static const char *why_site(const struct explanation *x, const struct explain_step *step,
                            uint32_t picked)
{
    const struct model *m = model_of(x);
    const struct pool *pool = &m->pools[step->pool];
    struct site_standing standing;
    uint32_t at = explain_pool_site(pool, m->endpoints[picked].site), rank = 0;
    const char *name = m->sites[m->endpoints[picked].site].name;
    if (!endpoint_serves(&x->facts->states[picked]))
        return arena_printf(x->arena, "%s: serve_all answers with those that are down",
                            none_up(x, step, false));
    if (step->bound)
        return arena_printf(x->arena, "the name asks for site %s alone", name);
    if (pool->steer == STEER_ALL)
        return "the endpoints of all sites are one set";
    while (step->sites[rank] != at)
        rank++;
    verdict_site_standing(&standing, x->arena, m, step->pool, at, x->facts->states);
    if (!standing.up)
        return arena_printf(x->arena, "no site is up: %s is the first with an endpoint up", name);
    if (rank >= step->n_class)
        return arena_printf(x->arena, "no site for this client has the type: %s lends it", name);
    if (is_reserve(pool, at))
        return arena_printf(x->arena, "no site with a weight is up: %s is a reserve", name);
    if (pool->steer == STEER_SPLIT && rank == 0)
        return arena_printf(x->arena, "%s was drawn by weight", name);
    if (rank == 0)
        return arena_printf(x->arena, "%s comes first, and is up", name);
    return arena_printf(x->arena, "%s is the first site up that has the type", name);
}

/* Why the first pick was made, and what it rests on. */
static const char *why_picked(const struct explanation *x, const struct explain_step *step,
                              uint32_t picked)
{
    const struct endpoint_state *s = &x->facts->states[picked];
    bool frozen = s->frozen && s->override == OVERRIDE_AUTO;
    return arena_printf(x->arena, "%s%s", why_site(x, step, picked),
                        frozen ? " (frozen: the checker suspects itself)" : "");
}

const char *explain_decision(const struct explanation *x)
{
    const struct explain_step *last = &x->steps[x->n_steps - 1];
    const struct answer_trace *t = &x->asked->trace;
    const char *text = t->n_picked > 0 ? why_picked(x, last, t->picked[0]) : why_no_answer(x, last);
    for (uint32_t i = x->n_steps - 1; i > 0; i--)
        text = arena_printf(x->arena, "%s, which falls back to %s; %s",
                            none_up(x, &x->steps[i - 1], true),
                            model_of(x)->pools[x->steps[i].pool].name, text);
    return text;
}
