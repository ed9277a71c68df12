/* SPDX-License-Identifier: Apache-2.0
 * What our own checker is told: which of its endpoints fail clients. */
#include "l4/forwarder.h"

#include <stdio.h>

void endpoint_index_free(struct endpoint_index *index)
{
    strmap_free(&index->places);
    arena_free(index->arena);
    *index = (struct endpoint_index){0};
}

/** Made when it is first asked for, as most setups go without a failure. */
static uint32_t find_endpoint(struct forwarder *f, const char *key)
{
    struct endpoint_index *index = &f->endpoints;
    const struct model *m = f->setup->model;
    if (index->setup != f->setup->number) {
        endpoint_index_free(index);
        index->setup = f->setup->number;
        index->arena = arena_new();
        for (uint32_t e = 0; e < m->n_endpoints; e++)
            strmap_add(&index->places, slice_str(endpoint_key(index->arena, m, e)), e);
    }
    return strmap_get(&index->places, slice_str(key));
}

void forwarder_hasten(struct forwarder *f, const char *set, const char *key)
{
    char who[L4_NAME_MAX + 16];
    uint32_t i = set_table_find(&f->sets, set);
    if (!f->checker || i == MODEL_NONE || f->sets.v[i]->origin != SET_CHECKED)
        return;
    uint32_t endpoint = find_endpoint(f, key);
    snprintf(who, sizeof who, "service %s", set);
    if (endpoint != STRMAP_NONE)
        checker_hasten(f->checker, endpoint, who);
}
