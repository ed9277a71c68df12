/* SPDX-License-Identifier: Apache-2.0
 * States of tiers as events. */
#include "out/tier_news.h"

#include "base/vec.h"

#include <stdio.h>
#include <string.h>

struct item {
    char name[64];      /* as long as one may be */
    uint8_t told, seen; /* enum tier_state, as plain() has it */
    bool is_known;      /* it was told, or in order */
    int64_t since_ms;   /* monotonic: of `seen` */
};

struct tier_news {
    VEC(struct item) items; /* in the order of the views */
};

struct tier_news *tier_news_new(void)
{
    return xcalloc(1, sizeof(struct tier_news));
}

void tier_news_free(struct tier_news *news)
{
    if (!news)
        return;
    vec_free(&news->items);
    free(news);
}

/** What is being changed is in order. */
static enum tier_state plain(const struct tier_view *view)
{
    return view->state == TIER_APPLYING ? TIER_OK : view->state;
}

static struct item item_of(const struct tier_news *news, uint32_t place, const char *name)
{
    struct item item = {.told = TIER_OK, .seen = TIER_OK};
    size_t n = news->items.n;
    for (size_t i = 0; i < n; i++) { /* most often it is where it was */
        const struct item *other = &news->items.v[(place + i) % n];
        if (strcmp(other->name, name) == 0)
            return *other;
    }
    snprintf(item.name, sizeof item.name, "%s", name);
    return item;
}

static struct event event_of(const struct item *item, const struct tier_view *view)
{
    struct event event = {.severity = item->seen == TIER_OK ? EVENT_NOTICE : EVENT_ERROR};
    snprintf(event.target, sizeof event.target, "tier %s", item->name);
    snprintf(event.from, sizeof event.from, "%s",
             item->is_known ? tier_state_text((enum tier_state)item->told) : "unknown");
    snprintf(event.to, sizeof event.to, "%s", tier_state_text((enum tier_state)item->seen));
    snprintf(event.reason, sizeof event.reason, "%s",
             item->seen == TIER_OK ? "in order again" : view->error);
    return event;
}

/** What is due of one; returns when it is, or INT64_MAX. */
static int64_t look_at(struct item *item, const struct tier_view *view, int64_t now_ms,
                       void (*emit)(void *ctx, const struct event *event), void *ctx)
{
    enum tier_state state = plain(view);
    if (state != item->seen)
        item->since_ms = now_ms;
    item->seen = (uint8_t)state;
    if (item->seen == item->told) {
        item->is_known |= view->state == TIER_OK;
        return INT64_MAX;
    }
    if (now_ms - item->since_ms < TIER_NEWS_HOLD_MS)
        return item->since_ms + TIER_NEWS_HOLD_MS;
    const struct event event = event_of(item, view);
    item->told = item->seen;
    item->is_known = true;
    emit(ctx, &event);
    return INT64_MAX;
}

int64_t tier_news_look(struct tier_news *news, struct tier_view *const *views, uint32_t n,
                       int64_t now_ms, void (*emit)(void *ctx, const struct event *event),
                       void *ctx)
{
    struct tier_news next = {0};
    int64_t next_ms = INT64_MAX;
    for (uint32_t i = 0; i < n; i++) {
        struct item *item = vec_push(&next.items);
        *item = item_of(news, i, views[i]->spec->name);
        int64_t due_ms = look_at(item, views[i], now_ms, emit, ctx);
        next_ms = due_ms < next_ms ? due_ms : next_ms;
    }
    vec_free(&news->items);
    *news = next;
    return next_ms;
}
