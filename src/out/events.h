/* SPDX-License-Identifier: Apache-2.0
 * The event log: one line per change of state, with reason, old and new, and what it changed in the
 * answers. The newest EVENTS_KEPT stay in memory for /api/v1/events. Each is written to the log,
 * but at most EVENTS_LOGGED_PER_S a second: a log that is slow to take them would hold up the
 * checker. Control thread only. */
#pragma once

#include "base/attr.h"

#include <stdint.h>

#define EVENTS_KEPT 1000
#define EVENTS_LOGGED_PER_S 1000

struct event {
    uint64_t id; /* counts from 1, no gaps; given by events_add() */
    int64_t at_ms;
    char target[256]; /* POOL/SITE/LABEL, or "loadstar" for events of the whole */
    char from[16], to[16];
    char reason[192];
    char effect[256]; /* "www: answers move from ams to iad", "" when no answer changed */
};

/** Keeps a copy under the next id, and writes it to the log. */
void events_add(const struct event *event) ATTR_NONNULL;
/** Copies events with id > after, oldest first, at most max. Returns how many. */
uint32_t events_since(uint64_t after, struct event *out, uint32_t max) ATTR_NONNULL;
uint64_t events_last_id(void);

/** How many events of late were not logged, and nothing has been said of it yet. */
uint64_t events_unlogged(void);
/** Says so in the log, if there are any. */
void events_tell_unlogged(void);
