/* SPDX-License-Identifier: Apache-2.0
 * The event log: a ring of the newest events, which counts them for ever. */
#include "out/events.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"

#include <stdbool.h>
#include <string.h>

/* Event id i is in slot i % EVENTS_KEPT. One log a process, like stderr, which it mirrors. */
static struct event ring[EVENTS_KEPT];
static uint64_t last_id;

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

void events_add(const struct event *event)
{
    struct event *slot = &ring[++last_id % EVENTS_KEPT];
    *slot = *event;
    slot->id = last_id;
    if (may_log())
        write_to_log(slot);
}

uint32_t events_since(uint64_t after, struct event *out, uint32_t max)
{
    uint64_t oldest = last_id > EVENTS_KEPT ? last_id - EVENTS_KEPT + 1 : 1;
    uint64_t id = after + 1 > oldest && after != UINT64_MAX ? after + 1 : oldest;
    uint32_t n = 0;
    if (after >= last_id)
        return 0;
    for (; id <= last_id && n < max; id++)
        out[n++] = ring[id % EVENTS_KEPT];
    return n;
}

uint64_t events_last_id(void)
{
    return last_id;
}
