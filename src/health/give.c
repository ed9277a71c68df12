/* SPDX-License-Identifier: Apache-2.0
 * Giving orders: what a new one replaces, lies above, or takes away. */
#include "health/decide.h"
#include "health/follow.h"

#include <string.h>

static int64_t until_ms(int64_t now_ms, int64_t for_ms)
{
    return for_ms <= 0 || for_ms > ORDER_TIME_MAX_MS - now_ms ? ORDER_FOREVER : now_ms + for_ms;
}

static struct order *make(struct orders *orders, const struct target *target,
                          const struct order_words *words, int64_t now_ms)
{
    struct order *o = order_new();
    memcpy(o->node, orders->node, sizeof o->node);
    o->number = ++orders->last_number;
    o->time_ms = now_ms > orders->seen_ms ? now_ms : orders->seen_ms + 1;
    target_copy(&o->target, target);
    o->kind = words->kind;
    o->override = words->override;
    o->weight = words->weight;
    o->announce = words->announce;
    o->forced = words->forced;
    o->set_ms = now_ms;
    o->until_ms = until_ms(now_ms, words->for_ms);
    order_set_words(o, words->author, words->reason);
    o->is_volatile = words->is_volatile;
    return o;
}

static const struct order *lay(struct orders *orders, const struct model *m,
                               const struct target *target, const struct order_words *words,
                               int64_t now_ms)
{
    struct order *o = make(orders, target, words, now_ms);
    (void)order_anchor(o, m);
    for (uint32_t i = 0; i < orders->n;) {
        if (order_replaces(o, orders->v[i]))
            orders_end(orders, i, ORDER_REPLACED, now_ms);
        else
            i++;
    }
    (void)orders_add(orders, o);
    return o;
}

struct within {
    const struct target *target;
    const struct model *m;
    bool any, all;
};

static bool look_within(void *ctx, uint32_t endpoint)
{
    struct within *w = ctx;
    w->any = true;
    w->all = target_matches(w->target, w->m, endpoint);
    return w->all;
}

static bool look_set_within(void *ctx, uint32_t set)
{
    struct within *w = ctx;
    const struct prefix_set *s = &w->m->prefix_sets[set];
    w->any = true;
    w->all = target_matches_set(w->target, s->name, model_site_name(w->m, s->site));
    return w->all;
}

/* Whether `auto` for `target` takes `o` away. One that matches nothing now is judged by its words:
 * its endpoints, or sets, may come back. */
static bool is_within(const struct target *target, const struct model *m, const struct order *o)
{
    struct within w = {target, m, false, true};
    if (target_same(target, &o->target) || target_covers(target, &o->target))
        return true;
    target_visit(&o->target, m, look_within, &w);
    if ((!w.any || w.all) && o->kind != ORDER_WEIGHT)
        target_visit_sets(&o->target, m, look_set_within, &w);
    return w.any && w.all;
}

static uint32_t take_away(struct orders *orders, const struct model *m, const struct target *target,
                          const struct order_words *words, int64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < orders->n;) {
        const struct order *o = orders->v[i];
        if (o->kind == words->kind && (o->is_volatile || !words->is_volatile) &&
            is_within(target, m, o)) {
            orders_end(orders, i, ORDER_REMOVED, now_ms);
            n++;
        } else {
            i++;
        }
    }
    return n;
}

static int give_auto(struct orders *orders, const struct model *m, const struct target *target,
                     const struct order_words *words, int64_t now_ms, const struct order **laid)
{
    uint32_t n = take_away(orders, m, target, words, now_ms);
    if (n == 0 && !orders_find_any(m, target, words->kind))
        return E_NOTFOUND;
    if (orders_decide_any(orders, m, target, words->kind)) {
        if (orders->n >= ORDERS_MAX)
            return E_RANGE;
        *laid = lay(orders, m, target, words, now_ms);
    }
    orders_tidy(orders, now_ms);
    return 0;
}

int orders_give(struct orders *orders, const struct model *m, const char *text,
                const struct order_words *words, int64_t now_ms, const struct order **laid)
{
    struct target target;
    int code = 0;
    *laid = NULL;
    if (target_parse(&target, text))
        return E_SYNTAX;
    if (target_is_of_sets(&target) != (words->kind == ORDER_ANNOUNCE) ||
        (words->forced && words->announce != ANNOUNCE_YES))
        code = E_INVALID;
    else if (order_words_are_auto(words))
        code = give_auto(orders, m, &target, words, now_ms, laid);
    else if (orders->n >= ORDERS_MAX)
        code = E_RANGE;
    else if (!orders_find_any(m, &target, words->kind))
        code = E_NOTFOUND;
    else
        *laid = lay(orders, m, &target, words, now_ms);
    target_free(&target);
    return code;
}
