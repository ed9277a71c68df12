/* SPDX-License-Identifier: Apache-2.0
 * Hierarchical timer wheel: O(1) start and stop for 100,000 probes on one uv timer.
 * Times are milliseconds of clock_mono_ms(); an entry fires in the first advance at or after its
 * time, never before. Entries are embedded in their owners: nothing is allocated. A wheel in use
 * does not move: its lists point into it.
 *
 * An entry waits on the level of the highest group of WHEEL_BITS bits in which its time differs
 * from now. So everything on one level is due before anything on the next, and a slot of an upper
 * level is dealt out to the levels below when time reaches its start. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct wheel_entry {
    struct wheel_entry *prev, *next; /* NULL when not started */
    int64_t at_ms;
};

#define WHEEL_BITS 6
#define WHEEL_LEVELS 6 /* 2^36 ms: over two years; later entries wait in the last slot */

struct wheel {
    int64_t now_ms;
    struct wheel_entry due;          /* started with a time that had passed */
    uint64_t occupied[WHEEL_LEVELS]; /* a set bit: the slot may hold entries; clear: it is empty */
    struct wheel_entry slots[WHEEL_LEVELS][1 << WHEEL_BITS];
};

void wheel_init(struct wheel *wheel, int64_t now_ms) ATTR_NONNULL;
/** Starts (or restarts) an entry. A time in the past fires at the next advance. */
void wheel_start(struct wheel *wheel, struct wheel_entry *entry, int64_t at_ms) ATTR_NONNULL;
void wheel_stop(struct wheel_entry *entry) ATTR_NONNULL;
static inline bool wheel_started(const struct wheel_entry *entry)
{
    return entry->next;
}

typedef void wheel_fire_fn(void *ctx, struct wheel_entry *entry);
/** Moves time to `now_ms` and fires what is due, earliest slot first. `fire` may start and stop
 *  any entry, its own included. */
void wheel_advance(struct wheel *wheel, int64_t now_ms, wheel_fire_fn *fire, void *ctx)
    __attribute__((nonnull(1, 3)));
/** Milliseconds until the next entry may be due (a lower bound, >= 0), or -1 if there is none. */
int64_t wheel_next_ms(struct wheel *wheel) ATTR_NONNULL;
