/* SPDX-License-Identifier: Apache-2.0
 * Attributes as they are read back. */
#include "anycast/route_read.h"

#include <string.h>

void route_read_as(struct route_read *read, uint32_t as)
{
    if (read->n_path < ROUTE_READ_MAX)
        read->path[read->n_path++] = as;
    else
        read->odd = true;
}

void route_read_community(struct route_read *read, uint32_t high, uint32_t low)
{
    if (read->n_communities < ROUTE_READ_MAX && high <= UINT16_MAX && low <= UINT16_MAX)
        read->communities[read->n_communities++] =
            (struct community){(uint16_t)high, (uint16_t)low};
    else
        read->odd = true;
}

void route_read_large(struct route_read *read, const uint32_t v[3])
{
    if (read->n_large < ROUTE_READ_MAX)
        memcpy(read->large[read->n_large++].v, v, sizeof read->large->v);
    else
        read->odd = true;
}

static bool has_community(const struct route_read *read, struct community c)
{
    for (uint32_t i = 0; i < read->n_communities; i++)
        if (community_equal(read->communities[i], c))
            return true;
    return false;
}

static bool has_large(const struct route_read *read, const struct large_community *c)
{
    for (uint32_t i = 0; i < read->n_large; i++)
        if (large_community_equal(&read->large[i], c))
            return true;
    return false;
}

static bool lists_differ(const struct route_read *read, const struct route_attributes *wanted)
{
    if (read->n_communities != wanted->n_communities || read->n_large != wanted->n_large)
        return true;
    for (uint32_t i = 0; i < wanted->n_communities; i++)
        if (!has_community(read, wanted->communities[i]))
            return true;
    for (uint32_t i = 0; i < wanted->n_large; i++)
        if (!has_large(read, &wanted->large[i]))
            return true;
    return false;
}

static bool path_differs(const struct route_read *read, uint32_t as, uint32_t n)
{
    for (uint32_t i = 0; i < read->n_path; i++)
        if (read->path[i] != as)
            return true;
    return read->n_path != n;
}

bool route_read_differs(const struct route_read *read, const struct route_attributes *wanted,
                        const struct ip *next_hop, uint32_t as, uint32_t n_path)
{
    if (read->odd || read->has_med != wanted->has_med ||
        (wanted->has_med && read->med != wanted->med))
        return true;
    if (read->has_next_hop != (next_hop != NULL) ||
        (next_hop && !ip_equal(next_hop, &read->next_hop)))
        return true;
    return lists_differ(read, wanted) || path_differs(read, as, n_path);
}
