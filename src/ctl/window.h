/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: a part of a long list, and where the next one begins.
 *
 * A document with more to come has "next", which is given back as `after`. It is "INDEX:KEY" of the
 * last item that was listed. While the configuration stays the same the index is enough; after a
 * reload the item is found by its key wherever it is then, and one that is gone by the place that
 * it had: no page fails, and what stays is listed once. */
#pragma once

#include "base/arena.h"

#include <jansson.h>
#include <stdbool.h>

#define WINDOW_MAX 10000 /* items at once */

struct window {
    const char *after; /* "": from the start */
    uint32_t limit;    /* items; 0: all */
};

#define WINDOW_ALL (&(const struct window){"", 0})

/** A list: items [from, to) of something. */
struct listing {
    const char *name; /* of the member */
    uint32_t from, to;
    const void *ctx;
    /** Names an item for good; may live in `arena`. */
    const char *(*key)(const void *ctx, struct arena *arena, uint32_t index);
    json_t *(*item)(const void *ctx, struct arena *arena, uint32_t index);
};

/** Whether a text may be given as `after`: it has the form of "next". */
bool window_is_place(const char *after) ATTR_NONNULL ATTR_PURE;

/** {NAME: [...], "next"}; the caller owns it. */
json_t *window_document(const struct window *window,
                        const struct listing *listing) ATTR_NONNULL ATTR_MUST_USE;
