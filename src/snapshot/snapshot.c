/* SPDX-License-Identifier: Apache-2.0
 * Life and death of a snapshot. */
#include "snapshot/snapshot.h"

struct snapshot *snapshot_new(void)
{
    struct arena *arena = arena_new();
    struct snapshot *snapshot = arena_calloc(arena, 1, sizeof *snapshot);
    snapshot->arena = arena;
    return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (uint32_t i = 0; i < snapshot->n_pools; i++) {
        const struct pool_view *view =
            atomic_load_explicit(&snapshot->pools[i].view, memory_order_acquire);
        if (view)
            arena_free(view->arena);
    }
    index_free(&snapshot->index);
    for (uint32_t i = 0; i < snapshot->n_parts; i++)
        part_release(snapshot->parts[i]);
    arena_free(snapshot->arena);
}
