/* SPDX-License-Identifier: Apache-2.0
 * The event log: a ring of the newest events, which counts them for ever. */
#include "out/events.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"

#include <stdbool.h>
#include <string.h>

/* The i-th event, from 0, is in slot i % EVENTS_KEPT: ids ascend, with gaps. One log a process,
 * like stderr, which it mirrors. */
static struct event ring[EVENTS_KEPT];
static uint64_t last_id, n_added, n_restored;
static void (*follower)(void *ctx, const struct event *event);
static void *follower_ctx;

/* Of the second that runs. */
static struct {
    int64_t second;
    uint64_t logged, unlogged;
} pace;

const char *event_severity_text(enum event_severity severity)
{
    static const char *const words[] = {"notice", "warning", "error"};
    return words[severity];
}

static void write_to_log(const struct event *e)
{
    static const enum log_level levels[] = {LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR};
    log_line(levels[e->severity], "event %llu: %s: %s -> %s%s%s%s%s%s%s%s",
             (unsigned long long)e->id, e->target, e->from, e->to, e->reason[0] ? ": " : "",
             e->reason, e->effect[0] ? "; " : "", e->effect, e->by[0] ? " (by " : "", e->by,
             e->by[0] ? ")" : "");
}

uint64_t events_unlogged(void)
{
    return pace.unlogged;
}

void events_tell_unlogged(void)
{
    if (pace.unlogged > 0)
        log_notice("%llu event%s more came within a second, not logged",
                   (unsigned long long)pace.unlogged, units_plural(pace.unlogged));
    pace.unlogged = 0;
}

/** Whether there is room in this second's share. */
static bool may_log(void)
{
    int64_t second = clock_mono_ms() / 1000;
    if (second != pace.second) {
        events_tell_unlogged();
        pace.second = second;
        pace.logged = 0;
    }
    bool room = pace.logged < EVENTS_LOGGED_PER_S;
    *(room ? &pace.logged : &pace.unlogged) += 1;
    return room;
}

static struct event *keep(const struct event *event, uint64_t id)
{
    struct event *slot = &ring[n_added++ % EVENTS_KEPT];
    *slot = *event;
    slot->id = last_id = id;
    return slot;
}

void events_add(const struct event *event)
{
    const struct event *kept = keep(event, last_id + 1);
    if (may_log())
        write_to_log(kept);
    if (follower)
        follower(follower_ctx, kept);
}

void events_restore(const struct event *events, uint32_t n, uint64_t skip)
{
    for (uint32_t i = 0; i < n; i++)
        keep(&events[i], events[i].id);
    n_restored = n_added;
    last_id += skip;
}

void events_follow(void (*added)(void *ctx, const struct event *event), void *ctx)
{
    follower = added;
    follower_ctx = ctx;
}

uint32_t events_since(uint64_t after, struct event *out, uint32_t max)
{
    uint64_t first = n_added > EVENTS_KEPT ? n_added - EVENTS_KEPT : 0;
    uint32_t n = 0;
    for (uint64_t i = first; i < n_added && n < max; i++)
        if (ring[i % EVENTS_KEPT].id > after)
            out[n++] = ring[i % EVENTS_KEPT];
    return n;
}

uint64_t events_last_id(void)
{
    return last_id;
}

uint64_t events_added(void)
{
    return n_added - n_restored;
}

uint64_t events_before_newest(uint32_t n)
{
    if (n >= n_added || n >= EVENTS_KEPT)
        return 0;
    return ring[(n_added - n - 1) % EVENTS_KEPT].id;
}
