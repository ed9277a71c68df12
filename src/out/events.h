/* SPDX-License-Identifier: Apache-2.0
 * The event log: one line per change of state, with reason, old and new, and what it changed in the
 * answers. The newest EVENTS_KEPT stay in memory for /api/v1/events. Each is written to the log,
 * but at most EVENTS_LOGGED_PER_S a second: a log that is slow to take them would hold up the
 * checker. Control thread only. */
#pragma once

#include "base/actor.h"

#include <stdint.h>

#define EVENTS_KEPT 1000
#define EVENTS_LOGGED_PER_S 1000

enum event_severity { EVENT_NOTICE, EVENT_WARNING, EVENT_ERROR };

#define EVENT_STARTED "started"
#define EVENT_STOPPED "stopped" /* of "loadstar": the last one of a process that ended in order */

struct event {
    uint64_t id; /* counts from 1; given by events_add(). No gaps, but after an unclean end */
    int64_t at_ms;
    uint8_t severity; /* enum event_severity: what it is logged as */
    char target[256]; /* POOL/SITE/LABEL, "pool POOL", "site SITE", "zone ZONE"; "loadstar" */
    char from[16], to[16];
    char reason[320];
    char effect[256];        /* "www: answers move from ams to iad", "" when no answer changed */
    char by[ACTOR_TEXT_MAX]; /* who caused it (struct actor); "": nobody, it happened */
};

const char *event_severity_text(enum event_severity severity); /* "notice" "warning" "error" */

/** Keeps a copy under the next id, and writes it to the log. */
void events_add(const struct event *event) ATTR_NONNULL;
/** Copies events with id > after, oldest first, at most max. Returns how many. */
uint32_t events_since(uint64_t after, struct event *out, uint32_t max) ATTR_NONNULL;
uint64_t events_last_id(void);
/** Those of this process. */
uint64_t events_added(void);
/** The id after which the newest n (all, if there are fewer) come. */
uint64_t events_before_newest(uint32_t n);

/** Takes over the n events (ids ascending) of a process before, of which `skip` more ids are left
 *  out. Before the first events_add(). */
void events_restore(const struct event *events, uint32_t n, uint64_t skip);

/** Who keeps what is added, from events_add() on; one at a time, NULL: nobody. */
void events_follow(void (*added)(void *ctx, const struct event *event), void *ctx);

/** How many events of late were not logged, and nothing has been said of it yet. */
uint64_t events_unlogged(void);
/** Says so in the log, if there are any. */
void events_tell_unlogged(void);
