/* SPDX-License-Identifier: Apache-2.0
 * Why the TTL of a dynamic answer is what it is. */
#include "ctl/explain_parts.h"

#include "base/units.h"

#include <inttypes.h>

/* Calls the endpoints of the pools that were consulted, those of the class's first sites first,
 * until one fits. MODEL_NONE: none does. */
typedef bool endpoint_test(const struct explanation *x, uint32_t endpoint);

static uint32_t find_input(const struct explanation *x, endpoint_test *fits)
{
    const struct model *m = x->facts->generation->model;
    for (uint32_t i = 0; i < x->n_steps; i++) {
        for (uint32_t rank = 0; rank < x->steps[i].n_sites; rank++) {
            const struct pool *pool = &m->pools[x->steps[i].pool];
            const struct pool_site *site = &pool->sites[x->steps[i].sites[rank]];
            for (uint32_t e = site->first_endpoint; e < site->first_endpoint + site->n_endpoints;
                 e++) {
                if (fits(x, e))
                    return e;
            }
        }
    }
    return MODEL_NONE;
}

static bool flips_first(const struct explanation *x, uint32_t endpoint)
{
    const struct endpoint_state *s = &x->facts->states[endpoint];
    return s->checked && s->override == OVERRIDE_AUTO && s->flip_s == x->asked->trace.flip_s &&
           endpoint_weight(&x->facts->generation->model->endpoints[endpoint], s) > 0;
}

static bool ends_first(const struct explanation *x, uint32_t endpoint)
{
    const struct endpoint_state *s = &x->facts->states[endpoint];
    int64_t end = x->asked->trace.expires_s;
    return ((s->override != OVERRIDE_AUTO || s->state_order) && s->override_until_s == end) ||
           ((s->weight_override >= 0 || s->weight_order) && s->weight_until_s == end);
}

static const char *checks_text(const struct explanation *x, uint32_t endpoint)
{
    const struct model *m = x->facts->generation->model;
    const struct u32_list *checks = endpoint_checks(m, &m->endpoints[endpoint]);
    const char *text = checks->n > 1 ? "checks" : "check";
    for (uint32_t i = 0; i < checks->n; i++)
        text =
            arena_printf(x->arena, "%s%s %s", text, i > 0 ? "," : "", m->checks[checks->v[i]].name);
    return text;
}

static const char *duration(const struct explanation *x, int64_t s)
{
    char text[UNITS_TEXT_MAX];
    return arena_strdup(x->arena, units_duration_text(text, s * 1000));
}

static const char *derived(const struct explanation *x)
{
    const struct answer_trace *t = &x->asked->trace;
    const struct model *m = x->facts->generation->model;
    const char *min = duration(x, t->settings.ttl_min_s), *max = duration(x, t->settings.ttl_max_s);
    if (t->flip_s == TTL_NEVER)
        return arena_printf(x->arena, "derived: no check can change the answer, longest of %s..%s",
                            min, max);
    bool clamped = t->flip_s < t->settings.ttl_min_s || t->flip_s > t->settings.ttl_max_s;
    const char *range =
        arena_printf(x->arena, "%s %s..%s", clamped ? "clamped to" : "within", min, max);
    uint32_t input = find_input(x, flips_first);
    if (input == MODEL_NONE)
        return arena_printf(x->arena, "derived: an input could flip in %s, %s",
                            duration(x, t->flip_s), range);
    return arena_printf(x->arena, "derived: %s of %s could flip in %s, %s", checks_text(x, input),
                        endpoint_key(x->arena, m, input), duration(x, t->flip_s), range);
}

static const char *uncapped(const struct explanation *x)
{
    const struct dynamic *settings = &x->asked->trace.settings;
    const char *text = settings->ttl_min_s == settings->ttl_max_s
                           ? arena_printf(x->arena, "%s fixed", duration(x, settings->ttl_min_s))
                           : derived(x);
    if (settings->own_ttl)
        return arena_printf(x->arena, "%s, set at the name", text);
    if (x->n_steps > 1)
        return arena_printf(x->arena, "%s, of pool %s", text,
                            x->facts->generation->model->pools[x->steps[x->n_steps - 1].pool].name);
    return text;
}

const char *explain_ttl(const struct explanation *x)
{
    const struct answer_trace *t = &x->asked->trace;
    uint32_t ttl = t->flip_s < t->settings.ttl_min_s   ? t->settings.ttl_min_s
                   : t->flip_s > t->settings.ttl_max_s ? t->settings.ttl_max_s
                                                       : t->flip_s;
    if (t->ttl_s >= ttl)
        return uncapped(x);
    int64_t left = t->expires_s - x->facts->now_ms / 1000;
    uint32_t input = find_input(x, ends_first);
    const char *of = "";
    if (input != MODEL_NONE)
        of = arena_printf(x->arena, " of %s",
                          endpoint_key(x->arena, x->facts->generation->model, input));
    return arena_printf(x->arena, "capped by the override%s that ends in %s; else %s", of,
                        duration(x, left > 0 ? left : 0), uncapped(x));
}
