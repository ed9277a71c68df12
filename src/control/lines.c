/* SPDX-License-Identifier: Apache-2.0
 * Lines out of bytes. */
#include "control/lines.h"

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

char *lines_room(struct lines *l, uint32_t *n)
{
    if (l->at) {
        memmove(l->bytes, l->bytes + l->at, l->n - l->at);
        l->n -= l->at;
        l->at = 0;
    }
    *n = (uint32_t)sizeof l->bytes - l->n;
    return *n ? l->bytes + l->n : NULL;
}
