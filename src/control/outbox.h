/* SPDX-License-Identifier: Apache-2.0
 * Inside src/control: lines to a client that nobody waits for: one is on its way at a time, some
 * wait behind it, and when there are more, or larger ones, the oldest of these are left out: they
 * are for now. A line is a page: one that many are sent is there once. */
#pragma once

#include "control/page.h"

#include <stdbool.h>
#include <uv.h>

#define OUTBOX_MAX 256          /* that may wait */
#define OUTBOX_BYTES (1u << 20) /* of those that wait, but one may be larger */

struct outbox {
    uv_stream_t *to;
    void (*failed)(void *arg); /* the client takes nothing any more */
    void *arg;
    uv_write_t write;
    struct page *now; /* is on its way */
    int64_t since_ms; /* monotonic: `now` is */
    struct page *waiting[OUTBOX_MAX];
    unsigned max, first, n; /* waiting[(first + i) % max] */
    size_t bytes;           /* of those that wait */
};

/** At most `max` lines wait, 1..OUTBOX_MAX. */
void outbox_init(struct outbox *outbox, uv_stream_t *to, unsigned max, void (*failed)(void *arg),
                 void *arg) ATTR_NONNULL;
/** Holds the line for as long as it takes. `failed` may run before this returns. */
void outbox_put(struct outbox *outbox, struct page *line) ATTR_NONNULL;
/** Takes over a malloc()ed line of n bytes, for this one alone. */
void outbox_put_text(struct outbox *outbox, struct page_budget *budget, char *text,
                     size_t n) ATTR_NONNULL;
/** Forgets those that wait. When the stream is closed nothing of it is left then. */
void outbox_clear(struct outbox *outbox) ATTR_NONNULL;
/** Whether a line has been on its way for that long. */
bool outbox_is_stuck(const struct outbox *outbox, int64_t now_ms,
                     int64_t patience_ms) ATTR_NONNULL ATTR_PURE;
