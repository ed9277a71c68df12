/* SPDX-License-Identifier: Apache-2.0
 * What the daemon says of a load and of a generation. */
#include "main/report.h"

#include "base/log.h"

#include <stdio.h>

void report_diags(const struct diags *diags)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < diags->n; i++) {
        struct diag d = diags->v[i];
        enum log_level level = d.severity == DIAG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
        d.severity = DIAG_ERROR; /* the line's level says it, once */
        log_line(level, "%s", diag_text(arena, &d));
    }
    arena_free(arena);
}

const char *report_plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

const char *report_summary(char *out, size_t n, const struct generation *g)
{
    const struct model *m = g->model;
    size_t names = 0;
    for (uint32_t i = 0; i < m->n_zones; i++)
        names += m->zones[i].n_pool_names;
    snprintf(out, n, "generation %llu: %u zone%s, %zu dynamic name%s, %u pool%s, %u endpoint%s",
             (unsigned long long)g->number, m->n_zones, report_plural(m->n_zones), names,
             names == 1 ? "" : "s", m->n_pools, report_plural(m->n_pools), m->n_endpoints,
             report_plural(m->n_endpoints));
    return out;
}
