/* SPDX-License-Identifier: Apache-2.0
 * Hash map from byte strings to numbers: open addressing, linear probing, at most half full. */
#include "base/strmap.h"

#include "base/arena.h"
#include "base/hash.h"

#include <stdlib.h>

struct strmap_slot {
    struct slice key;
    uint32_t value;
    bool used;
};

void strmap_free(struct strmap *map)
{
    free(map->slots);
    *map = (struct strmap){0};
}

/* The slot that holds `key`, or the free one where it belongs. */
static struct strmap_slot *find(const struct strmap *map, struct slice key)
{
    uint32_t i = (uint32_t)hash_bytes(hash_seed(), key.p, key.n) & map->mask;
    while (map->slots[i].used && !slice_equal(map->slots[i].key, key))
        i = (i + 1) & map->mask;
    return &map->slots[i];
}

static void grow(struct strmap *map)
{
    struct strmap next = {.n = map->n, .mask = map->slots ? map->mask * 2 + 1 : 15};
    next.slots = xcalloc((size_t)next.mask + 1, sizeof *next.slots);
    for (size_t i = 0; map->slots && i <= map->mask; i++)
        if (map->slots[i].used)
            *find(&next, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = next;
}

uint32_t strmap_get(const struct strmap *map, struct slice key)
{
    if (!map->slots)
        return STRMAP_NONE;
    const struct strmap_slot *slot = find(map, key);
    return slot->used ? slot->value : STRMAP_NONE;
}

uint32_t strmap_add(struct strmap *map, struct slice key, uint32_t value)
{
    if (!map->slots || map->n >= map->mask / 2)
        grow(map);
    struct strmap_slot *slot = find(map, key);
    if (!slot->used) {
        *slot = (struct strmap_slot){key, value, true};
        map->n++;
    }
    return slot->value;
}
