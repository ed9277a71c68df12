/* SPDX-License-Identifier: Apache-2.0
 * The event log: a ring of the newest events, which counts them for ever. */
#include "out/events.h"

#include "base/log.h"

#include <string.h>

/* Event id i is in slot i % EVENTS_KEPT. One log a process, like stderr, which it mirrors. */
static struct event ring[EVENTS_KEPT];
static uint64_t last_id;

static void write_to_log(const struct event *e)
{
    log_notice("event %llu: %s: %s -> %s%s%s%s%s", (unsigned long long)e->id, e->target, e->from,
               e->to, e->reason[0] ? ": " : "", e->reason, e->effect[0] ? "; " : "", e->effect);
}

void events_add(const struct event *event)
{
    struct event *slot = &ring[++last_id % EVENTS_KEPT];
    *slot = *event;
    slot->id = last_id;
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
