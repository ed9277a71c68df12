/* SPDX-License-Identifier: Apache-2.0
 * Sets of changed endpoints, one for each subscriber. */
#include "health/subscription.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct subscription {
    struct subscription *next;
    struct subscriptions *all;
    struct subscriber who;
    uint64_t *dirty; /* a bit for each endpoint */
    uint32_t *taken; /* what the latest take yielded */
    uint32_t n_dirty;
    bool everything;
    bool of_orders; /* woken by them as well */
    bool fresh;     /* something came since it was last woken or took */
    bool ended;     /* while others are woken: freed after that */
};

static uint32_t n_words(const struct subscriptions *all)
{
    return (all->n_endpoints + 63) / 64;
}

static void allot(struct subscription *s)
{
    free(s->dirty);
    free(s->taken);
    s->dirty = xcalloc(n_words(s->all) + 1u, sizeof *s->dirty);
    s->taken = xcalloc(s->all->n_endpoints + 1u, sizeof *s->taken);
    s->n_dirty = 0;
    s->everything = true;
    s->fresh = true;
}

void subscriptions_reset(struct subscriptions *all, uint32_t n_endpoints)
{
    all->n_endpoints = n_endpoints;
    all->epoch++;
    for (struct subscription *s = all->first; s; s = s->next)
        allot(s);
    all->fresh = all->first != NULL;
}

struct subscription *subscriptions_add(struct subscriptions *all,
                                       const struct subscriber *subscriber)
{
    struct subscription *s = xcalloc(1, sizeof *s), **last = &all->first;
    s->all = all;
    s->who = *subscriber;
    allot(s);
    while (*last)
        last = &(*last)->next;
    *last = s;
    all->fresh = true;
    return s;
}

void subscriptions_mark(struct subscriptions *all, uint32_t endpoint)
{
    assert(endpoint < all->n_endpoints);
    uint64_t bit = UINT64_C(1) << endpoint % 64;
    for (struct subscription *s = all->first; s; s = s->next) {
        uint64_t *word = &s->dirty[endpoint / 64];
        s->n_dirty += !(*word & bit);
        *word |= bit;
        s->fresh = true;
    }
    all->fresh = true;
}

void subscriptions_mark_orders(struct subscriptions *all)
{
    for (struct subscription *s = all->first; s; s = s->next)
        if (s->of_orders)
            s->fresh = all->fresh = true;
}

static void release(struct subscription *s)
{
    free(s->dirty);
    free(s->taken);
    free(s);
}

static void sweep(struct subscriptions *all)
{
    for (struct subscription **at = &all->first; *at;) {
        struct subscription *s = *at;
        if (!s->ended) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        release(s);
    }
}

void subscriptions_wake(struct subscriptions *all)
{
    if (!all->fresh)
        return;
    all->fresh = false;
    all->waking++;
    for (struct subscription *s = all->first; s; s = s->next) {
        if (!s->fresh)
            continue;
        s->fresh = false;
        if (s->who.wake && !s->ended)
            s->who.wake(s->who.ctx, s);
    }
    if (--all->waking == 0)
        sweep(all);
}

void subscription_end(struct subscription *s)
{
    s->ended = true;
    if (s->all->waking == 0)
        sweep(s->all);
}

void subscriptions_free(struct subscriptions *all)
{
    for (struct subscription *s = all->first; s; s = s->next)
        s->ended = true;
    sweep(all);
}

void subscription_follow_orders(struct subscription *s)
{
    s->of_orders = true;
}

bool subscription_pending(const struct subscription *s)
{
    return s->everything || s->n_dirty > 0;
}

const char *subscription_name(const struct subscription *s)
{
    return s->who.name;
}

static uint32_t list_all(struct subscription *s)
{
    for (uint32_t e = 0; e < s->all->n_endpoints; e++)
        s->taken[e] = e;
    return s->all->n_endpoints;
}

static uint32_t list_dirty(struct subscription *s)
{
    uint32_t n = 0;
    for (uint32_t w = 0; n < s->n_dirty; w++)
        for (uint64_t bits = s->dirty[w]; bits; bits &= bits - 1)
            s->taken[n++] = w * 64 + (uint32_t)__builtin_ctzll(bits);
    return n;
}

struct changes subscription_take(struct subscription *s)
{
    struct changes changes = {.everything = s->everything,
                              .epoch = s->all->epoch,
                              .n = s->everything ? list_all(s) : list_dirty(s),
                              .endpoints = s->taken};
    if (s->n_dirty > 0)
        memset(s->dirty, 0, n_words(s->all) * sizeof *s->dirty);
    s->n_dirty = 0;
    s->everything = false;
    s->fresh = false;
    return changes;
}
