/* SPDX-License-Identifier: Apache-2.0
 * How a site of a pool stands, in words. */
#include "base/units.h"
#include "compile/verdict.h"

/* Why an endpoint of the site does not serve, by the operator's order or the probe: the first that
 * counts against it, else the first that is drained. */
static const char *first_fault(struct arena *arena, const struct model *model,
                               const struct pool_site *site, const struct endpoint_state *states)
{
    uint32_t found = MODEL_NONE;
    for (uint32_t i = site->first_endpoint; i < site->first_endpoint + site->n_endpoints; i++) {
        if (endpoint_serves(&states[i]))
            continue;
        if (found == MODEL_NONE)
            found = i;
        if (states[i].override != OVERRIDE_DRAIN) {
            found = i;
            break;
        }
    }
    if (found == MODEL_NONE)
        return "";
    const struct endpoint_state *s = &states[found];
    const char *why = s->override != OVERRIDE_AUTO ? s->override_reason : s->reason;
    return arena_printf(arena, "; %s %s%s%s", model->endpoints[found].label, endpoint_state_text(s),
                        why[0] ? ": " : "", why);
}

static const char *standing_text(struct arena *arena, const struct site_weight *w, bool up,
                                 double min_up, const char *fault)
{
    if (w->total == 0 && w->n_drained == 0)
        return "no endpoint with a weight";
    if (w->n_up == 0)
        return arena_printf(arena, "none of %u endpoint%s up%s", w->n, units_plural(w->n), fault);
    if (up)
        return arena_printf(arena, "%u of %u endpoint%s up", w->n_up, w->n, units_plural(w->n));
    const char *drained = w->n_drained ? arena_printf(arena, " (%u drained)", w->n_drained) : "";
    return arena_printf(arena,
                        "%u of %u endpoint%s up%s, but weight %llu of %llu is below min_up %g%%%s",
                        w->n_up, w->n, units_plural(w->n), drained, (unsigned long long)w->up,
                        (unsigned long long)w->total, min_up * 100, fault);
}

void verdict_site_standing(struct site_standing *out, struct arena *arena,
                           const struct model *model, uint32_t pool, uint32_t pool_site,
                           const struct endpoint_state *states)
{
    const struct pool *p = &model->pools[pool];
    struct site_weight w = site_weigh(model, &p->sites[pool_site], states);
    bool up = site_is_up(&w, p->min_up);
    const char *fault = first_fault(arena, model, &p->sites[pool_site], states);
    *out = (struct site_standing){.site = p->sites[pool_site].site,
                                  .up = up,
                                  .up_weight = w.up,
                                  .total_weight = w.total,
                                  .n_up = w.n_up,
                                  .n = w.n,
                                  .reason = standing_text(arena, &w, up, p->min_up, fault)};
}
