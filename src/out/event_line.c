/* SPDX-License-Identifier: Apache-2.0
 * Writing and reading lines of events. */
#include "out/event_line.h"

#include "base/arena.h"
#include "base/sealed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void event_line_add(struct buf *out, const struct event *e)
{
    const char *const texts[] = {e->target, e->from, e->to, e->reason, e->effect, e->by};
    struct buf line = {0};
    buf_printf(&line, "\t%" PRIu64 "\t%" PRId64 "\t%u", e->id, e->at_ms, e->severity);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        sealed_add(&line, texts[i]);
    sealed_end(out, &line);
    buf_free(&line);
}

/* ---- reading ---- */

bool event_line_read(struct event *e, struct slice line)
{
    struct sealed f = sealed_open(line);
    e->id = sealed_number(&f, INT64_MAX);
    e->at_ms = (int64_t)sealed_number(&f, INT64_MAX);
    e->severity = (uint8_t)sealed_number(&f, EVENT_ERROR);
    sealed_text(&f, e->target, sizeof e->target);
    sealed_text(&f, e->from, sizeof e->from);
    sealed_text(&f, e->to, sizeof e->to);
    sealed_text(&f, e->reason, sizeof e->reason);
    sealed_text(&f, e->effect, sizeof e->effect);
    sealed_text(&f, e->by, sizeof e->by);
    return sealed_done(&f) && e->id > 0;
}

/* Puts the newest of a ring in order. */
static void straighten(struct event_lines *out)
{
    uint32_t first = out->n_lines % EVENTS_KEPT;
    if (out->n_lines <= EVENTS_KEPT || first == 0)
        return;
    struct event *v = xcalloc(EVENTS_KEPT, sizeof *v);
    memcpy(v, out->v + first, (EVENTS_KEPT - first) * sizeof *v);
    memcpy(v + EVENTS_KEPT - first, out->v, first * sizeof *v);
    free(out->v);
    out->v = v;
}

void event_lines_read(struct event_lines *out, struct slice text)
{
    const char *p = (const char *)text.p, *end = p + text.n;
    struct event e;
    uint64_t last = 0;
    *out = (struct event_lines){.v = xcalloc(EVENTS_KEPT, sizeof *out->v)};
    while (p < end) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        out->torn = !feed;
        if (event_line_read(&e, slice_of(p, (size_t)((feed ? feed : end) - p))) && e.id > last) {
            out->v[out->n_lines++ % EVENTS_KEPT] = e;
            last = e.id;
        } else {
            out->n_damaged++;
        }
        p = feed ? feed + 1 : end;
    }
    out->n = out->n_lines < EVENTS_KEPT ? out->n_lines : EVENTS_KEPT;
    straighten(out);
}
