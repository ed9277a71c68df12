/* SPDX-License-Identifier: Apache-2.0
 * Summing up a site. */
#include "compile/site_sum.h"

/* Adds what the endpoint means to a verdict that looks at its site. */
static void add_input(struct site_sum *sum, const struct endpoint_state *s, uint32_t weight)
{
    if (s->weight_override >= 0 || s->weight_order)
        sum->expires_s = site_sum_earlier(sum->expires_s, s->weight_until_s);
    if (weight == 0)
        return;
    if (s->override != OVERRIDE_AUTO || s->state_order)
        sum->expires_s = site_sum_earlier(sum->expires_s, s->override_until_s);
    if (s->override == OVERRIDE_AUTO && s->checked && s->flip_s < sum->flip_s)
        sum->flip_s = s->flip_s;
}

struct site_sum site_sum_up(const struct model *model, const struct pool *pool,
                            const struct pool_site *site, const struct endpoint_state *states)
{
    struct site_sum sum = {.site = site->site, .flip_s = TTL_NEVER, .expires_s = INT64_MAX};
    struct site_weight weight = site_weigh(model, site, states);
    sum.up = site_is_up(&weight, pool->min_up);
    for (uint32_t i = 0; i < site->n_endpoints; i++) {
        const struct endpoint *e = &model->endpoints[site->first_endpoint + i];
        const struct endpoint_state *s = &states[site->first_endpoint + i];
        uint32_t family = endpoint_family(e);
        add_input(&sum, s, endpoint_weight(e, s));
        sum.exists[family] = true;
        sum.candidates[family] += endpoint_is_candidate(e, s, CANDIDATES_SERVING);
        sum.allowed[family] += endpoint_is_candidate(e, s, CANDIDATES_ALLOWED);
    }
    return sum;
}
