/* SPDX-License-Identifier: Apache-2.0
 * What loadstard told of members, kept in the state directory: with it a forwarder that starts
 * without loadstard serves what it served before. Written whole, by rename, on another thread, and
 * at most once at a time. */
#pragma once

#include "l4/set_table.h"

#include <uv.h>

#define SAVED_FILE "members.json"

#define SAVED_MAX (64u << 20) /* bytes of the file */

struct saved_sets;

/** Reads what is there. `state_dir`: NULL: nothing is kept. What cannot be read is logged, and
 *  nothing is taken; what is larger than `max_b` is neither read nor written. */
struct saved_sets *saved_sets_open(uv_loop_t *loop, const char *state_dir, size_t max_b)
    __attribute__((nonnull(1))) ATTR_RETURNS_NONNULL;
/** Tells sets of which nothing is known, and that are loadstard's to tell, what was saved of them:
 *  work_set.saved. What no set of the configuration has asked for yet is kept. */
void saved_sets_offer(struct saved_sets *saved, struct set_table *sets,
                      const struct l4_config *config) ATTR_NONNULL;
/** Keeps what loadstard told of sets that `next`, which set_table_follow() is given then, does not
 *  have, or not from loadstard: they may come back. Takes their members away. */
void saved_sets_keep(struct saved_sets *saved, struct set_table *sets,
                     const struct l4_config *next) ATTR_NONNULL;
/** Puts in force what was saved of sets of which nothing is known. */
void saved_sets_adopt(struct set_table *sets) ATTR_NONNULL;
/** Saves what loadstard has told, soon; and what was saved of others. `sets` is looked at again
 * when more is to be saved while the file is written: it is there until the loop has ended. */
void saved_sets_write(struct saved_sets *saved, const struct set_table *sets) ATTR_NONNULL;
/** errno of the last write (EFBIG: there is too much); 0: it went well, or nothing is kept. */
int saved_sets_error(const struct saved_sets *saved) ATTR_NONNULL;
/** What is being written is finished, and what waits is written. NULL is allowed. */
void saved_sets_close(struct saved_sets *saved);
