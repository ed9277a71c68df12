/* SPDX-License-Identifier: Apache-2.0
 * Writing and reading lines of events. */
#include "out/event_line.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUM_HEX 16

static uint64_t sum_of(struct slice text)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < text.n; i++)
        sum = (sum ^ text.p[i]) * UINT64_C(0x100000001b3);
    return sum;
}

void event_line_sum(struct buf *out, struct slice rest)
{
    buf_printf(out, "%016" PRIx64, sum_of(rest));
}

/* ---- writing ---- */

static void add_field(struct buf *out, const char *text)
{
    buf_puts(out, "\t");
    while (*text) {
        size_t plain = strcspn(text, "\t\n\\");
        buf_add(out, text, plain);
        text += plain;
        if (*text)
            buf_puts(out, *text == '\t' ? "\\t" : *text == '\n' ? "\\n" : "\\\\");
        text += *text != '\0';
    }
}

void event_line_add(struct buf *out, const struct event *e)
{
    const char *const texts[] = {e->target, e->from, e->to, e->reason, e->effect, e->by};
    struct buf line = {0};
    buf_printf(&line, "\t%" PRIu64 "\t%" PRId64 "\t%u", e->id, e->at_ms, e->severity);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        add_field(&line, texts[i]);
    event_line_sum(out, slice_of(line.p, line.n));
    buf_add(out, line.p, line.n);
    buf_puts(out, "\n");
    buf_free(&line);
}

/* ---- reading ---- */

/* The fields that are left of a line; `bad` stays. */
struct fields {
    const char *p, *end;
    bool bad;
};

/* The next field; "" and bad where there is none. */
static struct slice next_field(struct fields *f)
{
    if (f->p == f->end || *f->p != '\t') {
        f->bad = true;
        return slice_of("", 0);
    }
    const char *from = f->p + 1, *tab = memchr(from, '\t', (size_t)(f->end - from));
    f->p = tab ? tab : f->end;
    return slice_of(from, (size_t)(f->p - from));
}

static uint64_t next_number(struct fields *f, uint64_t max)
{
    struct slice field = next_field(f);
    uint64_t n = 0;
    f->bad |= field.n == 0 || field.n > 19;
    for (uint32_t i = 0; i < field.n && !f->bad; i++) {
        f->bad |= field.p[i] < '0' || field.p[i] > '9';
        n = n * 10 + (uint64_t)(field.p[i] - '0');
    }
    f->bad |= n > max;
    return n;
}

static void next_text(struct fields *f, char *out, size_t size)
{
    struct slice field = next_field(f);
    size_t used = 0;
    for (uint32_t i = 0; i < field.n && !f->bad; i++) {
        char c = (char)field.p[i];
        if (c == '\\' && ++i < field.n)
            c = field.p[i] == 't' ? '\t' : field.p[i] == 'n' ? '\n' : (char)field.p[i];
        f->bad |= c == '\0' || used + 1 == size || i == field.n;
        if (!f->bad)
            out[used++] = c;
    }
    out[used] = '\0';
}

static bool sum_is_right(struct slice line)
{
    char expected[SUM_HEX + 1];
    if (line.n < SUM_HEX)
        return false;
    snprintf(expected, sizeof expected, "%016" PRIx64,
             sum_of(slice_of(line.p + SUM_HEX, line.n - SUM_HEX)));
    return memcmp(expected, line.p, SUM_HEX) == 0;
}

bool event_line_read(struct event *e, struct slice line)
{
    if (!sum_is_right(line))
        return false;
    const char *p = (const char *)line.p;
    struct fields f = {p + SUM_HEX, p + line.n, false};
    e->id = next_number(&f, INT64_MAX);
    e->at_ms = (int64_t)next_number(&f, INT64_MAX);
    e->severity = (uint8_t)next_number(&f, EVENT_ERROR);
    next_text(&f, e->target, sizeof e->target);
    next_text(&f, e->from, sizeof e->from);
    next_text(&f, e->to, sizeof e->to);
    next_text(&f, e->reason, sizeof e->reason);
    next_text(&f, e->effect, sizeof e->effect);
    next_text(&f, e->by, sizeof e->by);
    return !f.bad && f.p == f.end && e->id > 0;
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
