/* SPDX-License-Identifier: Apache-2.0
 * Why a pool stands as it does. */
#include "out/standing.h"

void pool_standing(struct pool_standing *out, struct arena *arena, const struct model *model,
                   const struct endpoint_state *states, uint32_t pool)
{
    const struct pool *p = &model->pools[pool];
    *out = (struct pool_standing){.why = ""};
    out->sites = arena_calloc(arena, p->n_sites, sizeof *out->sites);
    for (uint32_t i = 0; i < p->n_sites; i++) {
        struct site_standing *s = &out->sites[i];
        verdict_site_standing(s, arena, model, pool, i, states);
        out->n_up += s->n_up;
        if (!s->up)
            out->why = arena_printf(arena, "%s%s%s: %s", out->why, *out->why ? "; " : "",
                                    model->sites[s->site].name, s->reason);
    }
}
