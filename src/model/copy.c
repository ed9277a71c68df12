/* SPDX-License-Identifier: Apache-2.0
 * Copies. */
#include "model/copy.h"

const char *copy_text(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, text) : NULL;
}

void copy_span(struct arena *arena, struct span *span)
{
    span->file = copy_text(arena, span->file);
}

const char *const *copy_argv(struct arena *arena, const char *const *argv)
{
    size_t n = 0;
    if (!argv)
        return NULL;
    while (argv[n])
        n++;
    const char **v = arena_calloc(arena, n + 1, sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = arena_strdup(arena, argv[i]);
    return v;
}

const void *copy_array(struct arena *arena, const void *v, size_t n, size_t size)
{
    return n ? arena_copy(arena, v, n * size) : NULL;
}
