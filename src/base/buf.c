/* SPDX-License-Identifier: Apache-2.0
 * Growing text buffer. */
#include "base/buf.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *buf)
{
    free(buf->p);
    *buf = (struct buf){0};
}

/* Makes room for `n` more bytes and a NUL. */
static void reserve(struct buf *buf, size_t n)
{
    size_t need;
    if (__builtin_add_overflow(buf->n + 1, n, &need))
        need = SIZE_MAX;
    if (need <= buf->cap)
        return;
    size_t cap = buf->cap < 128 ? 256 : buf->cap * 2;
    buf->cap = cap < need ? need : cap;
    buf->p = xrealloc(buf->p, buf->cap);
}

void buf_add(struct buf *buf, const void *p, size_t n)
{
    reserve(buf, n);
    memcpy(buf->p + buf->n, p, n);
    buf->n += n;
    buf->p[buf->n] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    reserve(buf, 0);
    int n = vsnprintf(buf->p + buf->n, buf->cap - buf->n, fmt, args);
    if (n >= 0 && (size_t)n >= buf->cap - buf->n) {
        reserve(buf, (size_t)n);
        vsnprintf(buf->p + buf->n, (size_t)n + 1, fmt, again);
    }
    if (n >= 0)
        buf->n += (size_t)n;
    va_end(again);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(buf, fmt, args);
    va_end(args);
}
