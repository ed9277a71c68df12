/* SPDX-License-Identifier: Apache-2.0
 * Inside src/health: keeping a table of levels up to date, a place at a time. Pools and sites
 * follow once all of their places have: a flush that changes many endpoints of a pool looks at it
 * once. */
#pragma once

#include "health/level.h"

/** Looks again at pool->sites[i]. */
void level_table_refresh_place(struct level_table *table, const struct model *model,
                               const struct endpoint_state *states, uint32_t pool, uint32_t i,
                               int64_t now_ms) ATTR_NONNULL;
/** Each returns whether the level has moved. */
bool level_table_refresh_pool(struct level_table *table, uint32_t pool,
                              int64_t now_ms) ATTR_NONNULL;
bool level_table_refresh_site(struct level_table *table, uint32_t site,
                              int64_t now_ms) ATTR_NONNULL;
