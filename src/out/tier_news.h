/* SPDX-License-Identifier: Apache-2.0
 * From states of tiers to what people are told: that a tier cannot be reached, is not as it was
 * told to be, or must not be written, and that it is in order again. Each is told when it has
 * lasted TIER_NEWS_HOLD_MS: a balancer that is restarted is no news. What is in order when it is
 * first seen is none either. */
#pragma once

#include "out/events.h"
#include "tier/view.h"

#define TIER_NEWS_HOLD_MS 2000

struct tier_news;

struct tier_news *tier_news_new(void) ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** NULL is allowed. */
void tier_news_free(struct tier_news *news);

/** Looks at the views of all tiers, in any order, and tells what is due at now_ms (monotonic);
 *  events have no time and no id. Tiers are known by their names, and forgotten with their views.
 *  Returns when to look again, if no view changes before; INT64_MAX: no need. */
int64_t tier_news_look(struct tier_news *news, struct tier_view *const *views, uint32_t n,
                       int64_t now_ms, void (*emit)(void *ctx, const struct event *event),
                       void *ctx) __attribute__((nonnull(1, 5)));
