/* SPDX-License-Identifier: Apache-2.0
 * From levels of pools and sites to what people are told.
 *
 * A level is told when it has lasted TRANSITION_HOLD_MS: what is back before is no news. What is
 * due waits while others still move, so that a site that dies is told once for all its pools (by
 * default all are probed in 5 s), but not for longer than TRANSITION_WAVE_MS since it moved itself.
 * Pools with the same cause are one event, of the site. What is not up when it is first seen, at a
 * start or as a new pool, is told as well: "unknown -> down". */
#pragma once

#include "out/causes.h"
#include "out/events.h"

#define TRANSITION_HOLD_MS 2000
#define TRANSITION_WAVE_MS 8000

struct transitions;

/** `moved` is called when transitions_next_ms() may have changed; it must not look at levels. */
struct transitions *transitions_new(void (*moved)(void *ctx), void *ctx)
    __attribute__((nonnull(1))) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
void transitions_free(struct transitions *transitions);

/** For levels_new(): the levels of which it takes note, as they are told, by clock_mono_ms(). */
struct level_watcher transitions_watcher(struct transitions *transitions) ATTR_NONNULL;

/** When to call transitions_tell(), monotonic; INT64_MAX: nothing has moved. */
int64_t transitions_next_ms(const struct transitions *transitions) ATTR_NONNULL;

/** Tells what is due at `now_ms`, monotonic. Events have no time and no id. */
void transitions_tell(struct transitions *transitions, const struct causes_of *of, int64_t now_ms,
                      void (*emit)(void *ctx, const struct event *event), void *ctx)
    __attribute__((nonnull(1, 2, 4)));
