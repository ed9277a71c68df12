/* SPDX-License-Identifier: Apache-2.0
 * Who has spoken since when: for members that speak again and again, how many different ones did
 * since a mark. Counted exactly, in O(log n) a call, over the latest 4 n words or so: a member that
 * has been silent while the others spoke four times on average has not spoken.
 *
 * Every word takes the next slot of a ring, and a member sits in the slot of its latest one, so
 * that those since a mark are the occupied slots from there on: a Fenwick tree over the ring. */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct tally {
    uint64_t *at;        /* per member: the number of its latest word; 0: none */
    uint32_t *who;       /* per slot: the member, if its `at` says so */
    uint32_t *tree;      /* from 1: occupied slots */
    uint64_t next;       /* the number of the next word, from 1 */
    uint32_t n_slots, n; /* a power of two; occupied */
};

/** Memory comes from `arena`. */
void tally_init(struct tally *t, struct arena *arena, uint32_t n_members) ATTR_NONNULL;

/** What is said from now on is since this mark. */
static inline uint64_t tally_mark(const struct tally *t)
{
    return t->next;
}

/** The member speaks now. */
void tally_say(struct tally *t, uint32_t member) ATTR_NONNULL;
/** As if it had never spoken. */
void tally_drop(struct tally *t, uint32_t member) ATTR_NONNULL;
/** How many members' latest words are since the mark. */
uint32_t tally_since(const struct tally *t, uint64_t mark) ATTR_NONNULL ATTR_PURE;

static inline bool tally_has_since(const struct tally *t, uint32_t member, uint64_t mark)
{
    return t->at[member] >= mark;
}
