/* SPDX-License-Identifier: Apache-2.0
 * Zones that one configuration has and another one has not. */
#include "model/zones_gone.h"

#include "base/strmap.h"
#include "base/units.h"
#include "dns/name.h"

#include <stdlib.h>

#define NAMED 20 /* in warnings; the rest are counted */

uint32_t zones_missing(uint32_t **out, const struct model *of, const struct model *in)
{
    struct strmap there = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < in->n_zones; i++)
        strmap_add(&there, in->zones[i].origin, i);
    *out = xmalloc((of->n_zones + (size_t)1) * sizeof **out);
    for (uint32_t i = 0; i < of->n_zones; i++)
        if (strmap_get(&there, of->zones[i].origin) == STRMAP_NONE)
            (*out)[n++] = i;
    strmap_free(&there);
    return n;
}

int zones_judge_gone(const struct model *before, const struct model *after, bool force,
                     struct diags *diags)
{
    uint32_t *gone, n = zones_missing(&gone, before, after);
    double max = after->server.zones_gone_max;
    char name[NAME_TEXT_MAX];
    int code = 0;
    for (uint32_t i = 0; i < n && i < NAMED; i++) {
        const struct zone *zone = &before->zones[gone[i]];
        diag_warning(diags, (struct span){.file = zone->path},
                     "zone %s is gone: it was served from here, and no file has it any more",
                     name_to_text(name, zone->origin));
    }
    if (n > NAMED)
        diag_warning(diags, (struct span){.file = after->path}, "%u more zone%s gone", n - NAMED,
                     n - NAMED == 1 ? " is" : "s are");
    free(gone);
    if (!force && (double)n > max * before->n_zones) {
        diag_error(
            diags, (struct span){.file = after->path},
            "%u of the %u zone%s served would be gone, more than server.zones_gone_max (%g%%) "
            "allows: if that is meant, reload with --force (loadstarctl reload --force)",
            n, before->n_zones, units_plural(before->n_zones), max * 100);
        code = E_INVALID;
    }
    return code;
}
