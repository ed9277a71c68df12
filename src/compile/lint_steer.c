/* SPDX-License-Identifier: Apache-2.0
 * Lint of what steering costs: a table of clients for each different set of sites is megabytes, and
 * pools that pick their sites one by one have as many sets as there are pools. */
#include "compile/lint.h"

#include "base/lpm_share.h"

#define TELL_BYTES (UINT64_C(1) << 30) /* tables together: below, nobody has to care */

struct tables {
    uint64_t bytes;
    uint32_t n, first; /* how many, and the first of them */
};

/* What tables share counts once. */
static uint64_t shared_bytes(const struct steerings *steerings, uint32_t index)
{
    const struct lpm_share *share = steerings->v[index].clients->share;
    for (uint32_t i = 0; share && i < index; i++)
        if (steerings->v[i].clients && steerings->v[i].clients->share == share)
            return 0;
    return share ? share->bytes : 0;
}

/* What one steering holds, as compiled: the table, and the orders of sites that it points to. */
static uint64_t steering_bytes(const struct steering *s)
{
    uint64_t bytes = s->clients->bytes + (uint64_t)s->n_classes * sizeof *s->class_sites;
    for (uint32_t i = 0; i < s->n_classes; i++)
        bytes += (uint64_t)s->class_sites[i].n * sizeof *s->class_sites[i].v;
    return bytes;
}

static struct tables count_tables(const struct steerings *steerings)
{
    struct tables t = {0};
    for (uint32_t i = 0; i < steerings->n; i++) {
        if (!steerings->v[i].clients)
            continue;
        t.first = t.n == 0 ? i : t.first;
        t.bytes += steering_bytes(&steerings->v[i]) + shared_bytes(steerings, i);
        t.n++;
    }
    return t;
}

void lint_steer(const struct model *model, const struct steerings *steerings, struct diags *diags)
{
    struct tables t = count_tables(steerings);
    if (t.bytes < TELL_BYTES)
        return;
    uint32_t pool = 0;
    while (pool + 1 < model->n_pools && steerings->of_pool[pool] != t.first)
        pool++;
    diag_warning(diags, model->pools[pool].span,
                 "steering takes %.1f GB of memory: %u different sets of sites have a table of "
                 "clients each, of %.1f MB on average, this pool's the first; pools that have the "
                 "same sites share one table, and that of a map is smaller than that of 'nearest'",
                 (double)t.bytes / 1e9, t.n, (double)t.bytes / 1e6 / t.n);
}
