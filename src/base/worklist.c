/* SPDX-License-Identifier: Apache-2.0
 * A ring of distinct numbers: it holds all there are, so it is never too small. */
#include "base/worklist.h"

#include "base/arena.h"

#include <stdlib.h>

void worklist_init(struct worklist *list, uint32_t size, bool all)
{
    *list = (struct worklist){
        .ring = xcalloc(size + 1u, sizeof *list->ring),
        .waits = xcalloc(size + 1u, sizeof *list->waits),
        .size = size,
    };
    for (uint32_t i = 0; all && i < size; i++)
        worklist_add(list, i);
}

void worklist_free(struct worklist *list)
{
    free(list->ring);
    free(list->waits);
    *list = (struct worklist){0};
}

void worklist_add(struct worklist *list, uint32_t number)
{
    if (list->waits[number])
        return;
    list->waits[number] = true;
    uint64_t at = (uint64_t)list->first + list->n++;
    list->ring[at < list->size ? at : at - list->size] = number;
}

uint32_t worklist_take(struct worklist *list)
{
    if (list->n == 0)
        return WORKLIST_NONE;
    uint32_t number = list->ring[list->first];
    list->first = list->first + 1 == list->size ? 0 : list->first + 1;
    list->n--;
    list->waits[number] = false;
    return number;
}
