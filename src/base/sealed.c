/* SPDX-License-Identifier: Apache-2.0
 * Lines with a sum. */
#include "base/sealed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUM_HEX 16

static uint64_t sum_of(struct slice text)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < text.n; i++)
        sum = (sum ^ text.p[i]) * UINT64_C(0x100000001b3);
    return sum;
}

void sealed_sum(struct buf *out, struct slice rest)
{
    buf_printf(out, "%016" PRIx64, sum_of(rest));
}

/* ---- writing ---- */

void sealed_add(struct buf *line, const char *text)
{
    buf_puts(line, "\t");
    while (*text) {
        size_t plain = strcspn(text, "\t\n\\");
        buf_add(line, text, plain);
        text += plain;
        if (*text)
            buf_puts(line, *text == '\t' ? "\\t" : *text == '\n' ? "\\n" : "\\\\");
        text += *text != '\0';
    }
}

void sealed_end(struct buf *out, struct buf *line)
{
    sealed_sum(out, slice_of(line->p, line->n));
    buf_add(out, line->p, line->n);
    buf_puts(out, "\n");
    line->n = 0;
}

/* ---- reading ---- */

static bool sum_is_right(struct slice line)
{
    char expected[SUM_HEX + 1];
    if (line.n < SUM_HEX)
        return false;
    snprintf(expected, sizeof expected, "%016" PRIx64,
             sum_of(slice_of(line.p + SUM_HEX, line.n - SUM_HEX)));
    return memcmp(expected, line.p, SUM_HEX) == 0;
}

struct sealed sealed_open(struct slice line)
{
    const char *p = (const char *)line.p;
    if (!sum_is_right(line))
        return (struct sealed){p, p, true};
    return (struct sealed){p + SUM_HEX, p + line.n, false};
}

/* The next field; "" and bad where there is none. */
static struct slice next_field(struct sealed *f)
{
    if (f->p == f->end || *f->p != '\t') {
        f->bad = true;
        return slice_of("", 0);
    }
    const char *from = f->p + 1, *tab = memchr(from, '\t', (size_t)(f->end - from));
    f->p = tab ? tab : f->end;
    return slice_of(from, (size_t)(f->p - from));
}

uint64_t sealed_number(struct sealed *f, uint64_t max)
{
    struct slice field = next_field(f);
    uint64_t n = 0;
    f->bad |= field.n == 0 || field.n > 19;
    for (uint32_t i = 0; i < field.n && !f->bad; i++) {
        f->bad |= field.p[i] < '0' || field.p[i] > '9';
        n = n * 10 + (uint64_t)(field.p[i] - '0');
    }
    f->bad |= n > max;
    return f->bad ? 0 : n;
}

void sealed_text(struct sealed *f, char *out, size_t size)
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

bool sealed_done(const struct sealed *f)
{
    return !f->bad && f->p == f->end;
}
