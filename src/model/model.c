/* SPDX-License-Identifier: Apache-2.0
 * Look-ups in a model. Control side only: configurations have few sites and pools, and nothing here
 * is called per query. */
#include "model/model.h"

#include <string.h>

uint32_t model_steering_pools(const struct model *m)
{
    uint32_t n = m->n_pools;
    while (n > 0 && m->pools[n - 1].of_anycast)
        n--;
    return n;
}

uint32_t model_steering_endpoints(const struct model *m)
{
    uint32_t n = model_steering_pools(m);
    return n < m->n_pools ? m->pools[n].sites[0].first_endpoint : m->n_endpoints;
}

bool model_brings_address(const struct model *m, const struct ip *addr)
{
    for (uint32_t i = 0; i < m->n_prefix_sets; i++) {
        const struct prefix_set *s = &m->prefix_sets[i];
        bool brings = s->hold == ANYCAST_HOLD_TUN || s->interface;
        for (uint32_t k = 0; brings && k < s->n_addresses; k++)
            if (ip_equal(&s->addresses[k].addr, addr))
                return true;
    }
    return false;
}

uint32_t model_find_site(const struct model *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_sites; i++)
        if (strcmp(m->sites[i].name, name) == 0)
            return i;
    return MODEL_NONE;
}

uint32_t model_find_pool(const struct model *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_pools; i++)
        if (strcmp(m->pools[i].name, name) == 0)
            return i;
    return MODEL_NONE;
}

const char *model_site_name(const struct model *m, uint32_t site)
{
    return site == MODEL_NONE ? NULL : m->sites[site].name;
}

const char *endpoint_key(struct arena *arena, const struct model *m, uint32_t endpoint)
{
    const struct endpoint *e = &m->endpoints[endpoint];
    return arena_printf(arena, "%s/%s/%s", m->pools[e->pool].name, m->sites[e->site].name,
                        e->label);
}

void model_drop_records(struct model *m)
{
    arena_free(m->records);
    m->records = NULL;
}

void model_free(struct model *m)
{
    if (!m)
        return;
    model_drop_records(m);
    arena_free(m->arena); /* the model itself is in there */
}
