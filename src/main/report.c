/* SPDX-License-Identifier: Apache-2.0
 * What the daemon says of a load and of a generation. */
#include "main/report.h"

#include <stdio.h>

const char *report_plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

const char *report_summary(char *out, size_t n, const struct generation *g)
{
    const struct model *m = g->model;
    size_t names = 0;
    uint32_t pools = model_steering_pools(m), endpoints = model_steering_endpoints(m);
    for (uint32_t i = 0; i < m->n_zones; i++)
        names += m->zones[i].n_pool_names;
    snprintf(out, n, "generation %llu: %u zone%s, %zu dynamic name%s, %u pool%s, %u endpoint%s",
             (unsigned long long)g->number, m->n_zones, report_plural(m->n_zones), names,
             names == 1 ? "" : "s", pools, report_plural(pools), endpoints,
             report_plural(endpoints));
    return out;
}
