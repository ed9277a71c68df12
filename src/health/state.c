/* SPDX-License-Identifier: Apache-2.0
 * Words for states, and the rule by which a site is up. */
#include "health/state.h"

struct site_weight site_weigh(const struct model *model, const struct pool_site *site,
                              const struct endpoint_state *states)
{
    struct site_weight w = {.n = site->n_endpoints};
    for (uint32_t i = 0; i < site->n_endpoints; i++) {
        uint32_t e = site->first_endpoint + i;
        uint32_t weight = endpoint_weight(&model->endpoints[e], &states[e]);
        w.total += weight;
        if (weight > 0 && endpoint_serves(&states[e])) {
            w.up += weight;
            w.n_up++;
        }
    }
    return w;
}

bool site_is_up(const struct site_weight *weight, double min_up)
{
    /* Shares are written in decimal: 7% of 100 must not become 7.000000000000001. */
    const double rounding = 1e-9;
    return weight->up > 0 && (double)weight->up >= (min_up - rounding) * (double)weight->total;
}

bool pool_is_up(const struct model *model, const struct pool *pool,
                const struct endpoint_state *states)
{
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        struct site_weight weight = site_weigh(model, &pool->sites[i], states);
        if (site_is_up(&weight, pool->min_up))
            return true;
    }
    return false;
}

const char *health_text(enum health health)
{
    static const char *const words[] = {"unknown", "up", "down"};
    return words[health];
}

const char *override_text(enum override o)
{
    static const char *const words[] = {"auto", "up", "down", "drain"};
    return words[o];
}

const char *endpoint_state_text(const struct endpoint_state *s)
{
    static const char *const forced[] = {"", "up!", "down!", "drain!"};
    return s->override == OVERRIDE_AUTO ? health_text(s->health) : forced[s->override];
}
