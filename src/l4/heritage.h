/* SPDX-License-Identifier: Apache-2.0
 * What two processes of a replacement tell each other of members and counts, as JSON. */
#pragma once

#include "l4/set_table.h"

struct registry;

/** "sets": all that are known, as they are, with the orders of members of lists: for a process that
 *  is to take over. */
void heritage_write_sets(json_t *object, const struct set_table *table) ATTR_NONNULL;
/** Takes what is there of sets that still come from the same by `config`. */
void heritage_read_sets(struct set_table *table, const struct l4_config *config,
                        const json_t *object) ATTR_NONNULL;

/** "sets": members as they are by now, orders and all: for a process that goes by ours. */
void heritage_write_members(json_t *object, const struct set_table *table,
                            int64_t now_ms) ATTR_NONNULL;
/** Goes by these; sets that are not there stay as they are. */
void heritage_obey(struct set_table *table, const json_t *object) ATTR_NONNULL;

/** "open": connections of each service by their limits; "flows": all that are open. */
void heritage_write_open(json_t *object, const struct registry *registry) ATTR_NONNULL;
/** "sessions": {set: {key: open flows}} of members that have some. */
void heritage_write_sessions(json_t *object, const struct registry *registry) ATTR_NONNULL;
