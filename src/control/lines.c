/* SPDX-License-Identifier: Apache-2.0
 * Lines out of bytes. */
#include "control/lines.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(const char *p, size_t n)
{
    while (n && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++, n--;
    return n == 0;
}

const char *lines_take(struct lines *l, bool ended, uint32_t *n)
{
    while (l->at < l->n) {
        const char *line = l->bytes + l->at, *end = memchr(line, '\n', l->n - l->at);
        if (!end && !ended)
            return NULL;
        *n = end ? (uint32_t)(end - line) : l->n - l->at;
        l->at += *n + (end != NULL);
        if (!is_blank(line, *n)) /* an empty line asks nothing */
            return line;
    }
    return NULL;
}

/** Room for a line of the usual length at first, and after a longer one; twice as much when that
 *  is not enough. */
static void fit(struct lines *l)
{
    uint32_t usual =
        lines_max(l) < LOADSTAR_CONTROL_LINE_MAX ? lines_max(l) : LOADSTAR_CONTROL_LINE_MAX;
    uint32_t cap = l->cap;
    if (l->n < usual)
        cap = usual;
    else if (l->n == l->cap)
        cap = l->cap < lines_max(l) / 2 ? l->cap * 2 : lines_max(l);
    if (cap != l->cap)
        l->bytes = xrealloc(l->bytes, cap);
    l->cap = cap;
}

char *lines_room(struct lines *l, uint32_t *n)
{
    if (l->at) {
        memmove(l->bytes, l->bytes + l->at, l->n - l->at);
        l->n -= l->at;
        l->at = 0;
    }
    fit(l);
    *n = l->cap - l->n;
    return *n ? l->bytes + l->n : NULL;
}

void lines_free(struct lines *l)
{
    free(l->bytes);
    *l = (struct lines){0};
}
