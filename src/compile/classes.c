/* SPDX-License-Identifier: Apache-2.0
 * Interning of ordered site lists. */
#include "compile/classes.h"

#include "base/hash.h"
#include "base/vec.h"

#define SLOTS_START 64 /* a power of two; doubles when half full */

void classes_init(struct classes *classes, struct arena *arena)
{
    *classes = (struct classes){.arena = arena, .mask = SLOTS_START - 1};
    classes->slots = xcalloc(SLOTS_START, sizeof *classes->slots);
}

void classes_free(struct classes *classes)
{
    free(classes->v);
    free(classes->slots);
    *classes = (struct classes){0};
}

static uint64_t list_hash(const uint32_t *sites, uint32_t n)
{
    return hash_bytes(n, (const uint8_t *)sites, n * (uint32_t)sizeof *sites);
}

static bool list_equal(const struct u32_list *list, const uint32_t *sites, uint32_t n)
{
    return list->n == n && (n == 0 || memcmp(list->v, sites, n * sizeof *sites) == 0);
}

/* The slot that holds the list, or the free one where it belongs. */
static uint32_t *slot_of(const struct classes *classes, const uint32_t *sites, uint32_t n)
{
    uint32_t at = (uint32_t)list_hash(sites, n) & classes->mask;
    while (classes->slots[at] != 0 && !list_equal(&classes->v[classes->slots[at] - 1], sites, n))
        at = (at + 1) & classes->mask;
    return &classes->slots[at];
}

static void grow(struct classes *classes)
{
    free(classes->slots);
    classes->mask = classes->mask * 2 + 1;
    classes->slots = xcalloc((size_t)classes->mask + 1, sizeof *classes->slots);
    for (uint32_t i = 0; i < classes->n; i++)
        *slot_of(classes, classes->v[i].v, classes->v[i].n) = i + 1;
}

uint32_t classes_intern(struct classes *classes, const uint32_t *sites, uint32_t n)
{
    uint32_t *slot = slot_of(classes, sites, n);
    if (*slot != 0)
        return *slot - 1;
    if (classes->n == classes->cap) {
        classes->cap = classes->cap == 0 ? 16 : classes->cap * 2;
        classes->v = xrealloc(classes->v, classes->cap * sizeof *classes->v);
    }
    uint32_t *copy = arena_calloc(classes->arena, n, sizeof *copy);
    if (n > 0)
        memcpy(copy, sites, n * sizeof *copy);
    classes->v[classes->n++] = (struct u32_list){copy, n};
    *slot = classes->n;
    if (classes->n > classes->mask / 2)
        grow(classes);
    return classes->n - 1;
}

const struct u32_list *classes_copy(const struct classes *classes)
{
    struct u32_list *lists = arena_calloc(classes->arena, classes->n, sizeof *lists);
    memcpy(lists, classes->v, classes->n * sizeof *lists);
    return lists;
}
