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
        uint32_t from = l->seen > l->at ? l->seen : l->at;
        const char *line = l->bytes + l->at, *end = memchr(l->bytes + from, '\n', l->n - from);
        l->seen = end ? (uint32_t)(end - l->bytes) : l->n;
        if (!end && !ended)
            return NULL;
        *n = end ? (uint32_t)(end - line) : l->n - l->at;
        l->at += *n + (end != NULL);
        if (!is_blank(line, *n)) /* an empty line asks nothing */
            return line;
    }
    return NULL;
}

static uint32_t usual(const struct lines *l)
{
    return lines_max(l) < LOADSTAR_CONTROL_LINE_MAX ? lines_max(l) : LOADSTAR_CONTROL_LINE_MAX;
}

static size_t beyond_usual(const struct lines *l, uint32_t cap)
{
    return cap > usual(l) ? cap - usual(l) : 0;
}

/** Returns false when the budget does not allow it. */
static bool resize(struct lines *l, uint32_t cap)
{
    if (l->budget) {
        size_t others_b = l->budget->kept_b - beyond_usual(l, l->cap);
        if (others_b + beyond_usual(l, cap) > l->budget->max_b)
            return false;
        l->budget->kept_b = others_b + beyond_usual(l, cap);
    }
    if (cap != l->cap)
        l->bytes = xrealloc(l->bytes, cap);
    l->cap = cap;
    return true;
}

static void move_to_front(struct lines *l)
{
    if (l->at) {
        memmove(l->bytes, l->bytes + l->at, l->n - l->at);
        l->n -= l->at;
        l->seen = l->seen > l->at ? l->seen - l->at : 0;
        l->at = 0;
    }
}

/** Room for a line of the usual length at first, and after a longer one; twice as much when that
 *  is not enough. */
static bool fit(struct lines *l)
{
    uint32_t cap = l->cap;
    if (l->n < usual(l))
        cap = usual(l);
    else if (l->n == l->cap)
        cap = l->cap < lines_max(l) / 2 ? l->cap * 2 : lines_max(l);
    return resize(l, cap);
}

char *lines_room(struct lines *l, uint32_t *n)
{
    move_to_front(l);
    if (!fit(l))
        return NULL;
    *n = l->cap - l->n;
    return *n ? l->bytes + l->n : NULL;
}

void lines_trim(struct lines *l)
{
    if (l->at < l->n)
        return;
    l->at = l->n = l->seen = 0;
    if (l->cap > usual(l))
        (void)resize(l, usual(l));
}

void lines_free(struct lines *l)
{
    if (l->budget)
        l->budget->kept_b -= beyond_usual(l, l->cap);
    free(l->bytes);
    *l = (struct lines){0};
}
