/* SPDX-License-Identifier: Apache-2.0
 * How a pool stands as a whole. */
#include "out/standing.h"

static int64_t last_change(const struct pool_site *site, const struct endpoint_state *states)
{
    int64_t last = 0;
    for (uint32_t i = 0; i < site->n_endpoints; i++)
        if (states[site->first_endpoint + i].since_ms > last)
            last = states[site->first_endpoint + i].since_ms;
    return last;
}

void pool_standing(struct pool_standing *out, struct arena *arena, const struct model *model,
                   const struct endpoint_state *states, uint32_t pool)
{
    const struct pool *p = &model->pools[pool];
    *out = (struct pool_standing){.why = ""};
    out->sites = arena_calloc(arena, p->n_sites, sizeof *out->sites);
    for (uint32_t i = 0; i < p->n_sites; i++) {
        struct site_standing *s = &out->sites[i];
        int64_t since_ms = last_change(&p->sites[i], states);
        verdict_site_standing(s, arena, model, pool, i, states);
        out->n_sites_up += s->up;
        out->n_up += s->n_up;
        out->n += s->n;
        out->since_ms = since_ms > out->since_ms ? since_ms : out->since_ms;
        if (!s->up)
            out->why = arena_printf(arena, "%s%s%s: %s", out->why, *out->why ? "; " : "",
                                    model->sites[s->site].name, s->reason);
    }
    out->state = out->n_up == 0 ? "down" : out->n_sites_up < p->n_sites ? "degraded" : "up";
}
