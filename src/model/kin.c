/* SPDX-License-Identifier: Apache-2.0
 * Zones inside each other. */
#include "model/kin.h"

#include "base/strmap.h"

#include <stdlib.h>

/* The outermost zone around a name, itself included. */
static uint32_t outermost(const struct strmap *origins, struct slice name, uint32_t zone)
{
    while (name.n > 1) {
        uint32_t skip = name.p[0] + 1u;
        name = (struct slice){name.p + skip, name.n - skip};
        uint32_t found = strmap_get(origins, name);
        if (found != STRMAP_NONE)
            zone = found;
    }
    return zone;
}

void kin_find(struct kin *kin, const struct zone *zones, uint32_t n)
{
    struct strmap origins = {0};
    uint32_t *number = xmalloc(n * sizeof *number);
    *kin = (struct kin){.of_zone = xmalloc(n * sizeof(uint32_t)),
                        .top = xmalloc(n * sizeof(uint32_t))};
    for (uint32_t i = 0; i < n; i++) {
        number[i] = MODEL_NONE;
        if (zones[i].origin.n)
            strmap_add(&origins, zones[i].origin, i);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct slice origin = zones[i].origin;
        uint32_t first = origin.n ? strmap_get(&origins, origin) : i;
        uint32_t top = outermost(&origins, origin, first);
        if (number[top] == MODEL_NONE) {
            kin->top[kin->n] = top;
            number[top] = kin->n++;
        }
        kin->of_zone[i] = number[top];
    }
    strmap_free(&origins);
    free(number);
}

void kin_free(struct kin *kin)
{
    free(kin->of_zone);
    free(kin->top);
    *kin = (struct kin){0};
}
