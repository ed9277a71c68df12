/* SPDX-License-Identifier: Apache-2.0
 * Zones that were served and are gone. */
#include "out/vanished.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/strmap.h"
#include "base/units.h"
#include "dns/name.h"
#include "model/zones_gone.h"
#include "out/events.h"

#include <stdio.h>
#include <stdlib.h>

/* Each is an event, up to this many of one reload; the rest are counted in one. */
#define EVENTS_MAX 50

static void add_event(const char *target, const char *from, const char *to, const char *reason)
{
    struct event event = {.at_ms = clock_wall_ms(),
                          .severity = strcmp(to, "gone") == 0 ? EVENT_WARNING : EVENT_NOTICE};
    snprintf(event.target, sizeof event.target, "%s", target);
    snprintf(event.from, sizeof event.from, "%s", from);
    snprintf(event.to, sizeof event.to, "%s", to);
    snprintf(event.reason, sizeof event.reason, "%s", reason);
    events_add(&event);
}

static void tell(uint32_t nth, const char *name, const char *from, const char *to,
                 const char *reason)
{
    char target[NAME_TEXT_MAX + 8];
    snprintf(target, sizeof target, "zone %s", name);
    if (nth < EVENTS_MAX)
        add_event(target, from, to, reason);
}

static void tell_rest(uint32_t n, const char *from, const char *to, const char *reason)
{
    char target[64];
    snprintf(target, sizeof target, "%u more zone%s", n - EVENTS_MAX, units_plural(n - EVENTS_MAX));
    if (n > EVENTS_MAX)
        add_event(target, from, to, reason);
}

/* Those that `after` has again. */
static void drop_returned(struct vanished *v, const struct model *after)
{
    struct strmap there = {0};
    uint32_t kept = 0, back = 0;
    for (uint32_t i = 0; v->n > 0 && i < after->n_zones; i++)
        strmap_add(&there, after->zones[i].origin, i);
    for (uint32_t i = 0; i < v->n; i++) {
        uint8_t wire[NAME_WIRE_MAX];
        char *name = v->names.v[i];
        int n = name_from_text(wire, name, strlen(name), slice_of("", 1));
        if (n < 0 || strmap_get(&there, slice_of(wire, (size_t)n)) == STRMAP_NONE) {
            v->names.v[kept++] = name;
            continue;
        }
        tell(back++, name, "gone", "served", "a file has it again");
        free(name);
    }
    tell_rest(back, "gone", "served", "files have them again");
    v->n = kept;
    v->names.n = kept;
    strmap_free(&there);
}

static void set_text(struct vanished *v)
{
    struct buf buf = {0};
    for (uint32_t i = 0; i < v->n && i < VANISHED_NAMED; i++)
        buf_printf(&buf, "%s%s", i ? "\n" : "", v->names.v[i]);
    free(v->text);
    v->text = buf.p ? xstrdup(buf.p) : NULL;
    buf_free(&buf);
}

void vanished_note(struct vanished *v, const struct model *before, const struct model *after)
{
    uint32_t *gone, n = zones_missing(&gone, before, after);
    char name[NAME_TEXT_MAX];
    drop_returned(v, after);
    for (uint32_t i = 0; i < n; i++) {
        name_to_text(name, before->zones[gone[i]].origin);
        tell(i, name, "served", "gone", "no file has it any more");
        *vec_push(&v->names) = xstrdup(name);
    }
    tell_rest(n, "served", "gone", "no file has them any more");
    v->n = (uint32_t)v->names.n;
    free(gone);
    set_text(v);
}

const char *vanished_text(const struct vanished *v)
{
    return v->text ? v->text : "";
}

void vanished_free(struct vanished *v)
{
    for (uint32_t i = 0; i < v->n; i++)
        free(v->names.v[i]);
    vec_free(&v->names);
    free(v->text);
    *v = (struct vanished){0};
}
