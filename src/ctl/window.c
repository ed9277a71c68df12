/* SPDX-License-Identifier: Apache-2.0
 * A part of a long list. */
#include "ctl/window.h"

#include "control/json.h"

#include <stdlib.h>
#include <string.h>

bool window_is_place(const char *after)
{
    size_t n = strspn(after, "0123456789");
    return n > 0 && n <= 9 && after[n] == ':' && after[n + 1] != '\0';
}

static bool is_item(const struct listing *l, struct arena *arena, uint32_t index, const char *key)
{
    return index >= l->from && index < l->to && strcmp(l->key(l->ctx, arena, index), key) == 0;
}

/** Where to go on behind a place. */
static uint32_t find_place(const struct listing *l, const char *after)
{
    uint32_t index = (uint32_t)strtoul(after, NULL, 10), found = l->to;
    const char *key = strchr(after, ':') + 1;
    struct arena *arena = arena_new();
    if (is_item(l, arena, index, key))
        found = index;
    for (uint32_t i = l->from; i < l->to && found == l->to; i++)
        if (is_item(l, arena, i, key))
            found = i;
    arena_free(arena);
    if (found < l->to)
        return found + 1;
    return index < l->from ? l->from : index; /* what came behind it has its place */
}

json_t *window_document(const struct window *window, const struct listing *l)
{
    json_t *document = json_object(), *list = json_set_array(document, l->name);
    uint32_t at = window->after[0] ? find_place(l, window->after) : l->from;
    uint32_t end =
        at < l->to && window->limit && window->limit < l->to - at ? at + window->limit : l->to;
    struct arena *arena = arena_new();
    for (; at < end; at++)
        json_array_append_new(list, l->item(l->ctx, arena, at));
    if (end < l->to)
        json_set_text(document, "next",
                      arena_printf(arena, "%u:%s", end - 1, l->key(l->ctx, arena, end - 1)));
    arena_free(arena);
    return document;
}
