/* SPDX-License-Identifier: Apache-2.0
 * One order. */
#include "health/orders.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *order_id_text(char out[ORDER_ID_MAX], const struct orders *orders,
                          const struct order *order)
{
    if (strcmp(order->node, orders->node) == 0)
        snprintf(out, ORDER_ID_MAX, "@%" PRIu64, order->number);
    else
        snprintf(out, ORDER_ID_MAX, "@%s-%" PRIu64, order->node, order->number);
    return out;
}

bool order_words_are_auto(const struct order_words *words)
{
    switch (words->kind) {
    case ORDER_STATE:
        return words->override == OVERRIDE_AUTO;
    case ORDER_WEIGHT:
        return words->weight == ORDER_AUTO_WEIGHT;
    default:
        return words->announce == ANNOUNCE_AUTO;
    }
}

bool order_is_auto(const struct order *o)
{
    const struct order_words words = {
        .kind = o->kind, .override = o->override, .weight = o->weight, .announce = o->announce};
    return order_words_are_auto(&words);
}

const char *order_value_text(char out[32], const struct order *o)
{
    if (o->kind == ORDER_STATE)
        snprintf(out, 32, "%s", override_text(o->override));
    else if (o->kind == ORDER_ANNOUNCE)
        snprintf(out, 32, "%s%s", announce_order_word(o->announce), o->forced ? ", forced" : "");
    else if (order_is_auto(o))
        snprintf(out, 32, "weight auto");
    else
        snprintf(out, 32, "weight %" PRId64, o->weight);
    return out;
}

bool order_is_old(const struct order *o, int64_t now_ms, uint32_t reminder_s)
{
    return reminder_s && o->until_ms == ORDER_FOREVER && !order_is_auto(o) &&
           now_ms - o->set_ms >= (int64_t)reminder_s * 1000;
}

int order_compare(const struct order *a, const struct order *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms > b->time_ms ? 1 : -1;
    int nodes = strcmp(a->node, b->node);
    if (nodes)
        return nodes > 0 ? 1 : -1;
    return (a->number > b->number) - (a->number < b->number);
}

struct order *order_hold(struct order *o)
{
    atomic_fetch_add_explicit(&o->n_holds, 1, memory_order_relaxed);
    return o;
}

void order_release(struct order *o)
{
    if (atomic_fetch_sub_explicit(&o->n_holds, 1, memory_order_acq_rel) != 1)
        return;
    target_free(&o->target);
    free(o->author);
    free(o->reason);
    free(o->shown);
    for (uint32_t i = 0; i < o->n_anchors; i++) {
        free(o->anchors[i].pool);
        free(o->anchors[i].site);
        free(o->anchors[i].address);
    }
    free(o->anchors);
    free(o);
}

struct order *order_new(void)
{
    static _Atomic uint32_t serials;
    struct order *o = xcalloc(1, sizeof *o);
    atomic_init(&o->n_holds, 1);
    while (!o->serial)
        o->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    o->until_ms = ORDER_FOREVER;
    return o;
}

void order_set_words(struct order *o, const char *author, const char *reason)
{
    char shown[REASON_MAX];
    o->author = xstrdup(author ? author : "");
    o->reason = xstrdup(reason ? reason : "");
    snprintf(shown, sizeof shown, "%s", o->reason);
    reason_clean(shown);
    o->shown = xstrdup(shown);
}

static void copy_anchors(struct order *to, const struct order *from)
{
    to->anchors = xcalloc(from->n_anchors + 1, sizeof *to->anchors);
    to->n_anchors = from->n_anchors;
    for (uint32_t i = 0; i < from->n_anchors; i++) {
        const struct anchor *a = &from->anchors[i];
        to->anchors[i] = (struct anchor){xstrdup(a->pool), xstrdup(a->site), xstrdup(a->address)};
    }
}

static struct order *clone_without_anchors(const struct order *from)
{
    struct order *o = order_new();
    memcpy(o->node, from->node, sizeof o->node);
    o->number = from->number;
    o->time_ms = from->time_ms;
    target_copy(&o->target, &from->target);
    o->kind = from->kind;
    o->override = from->override;
    o->weight = from->weight;
    o->announce = from->announce;
    o->forced = from->forced;
    o->set_ms = from->set_ms;
    o->until_ms = from->until_ms;
    order_set_words(o, from->author, from->reason);
    o->is_volatile = from->is_volatile;
    o->moved_ms = from->moved_ms;
    o->is_lost = from->is_lost;
    o->end = from->end;
    o->ended_ms = from->ended_ms;
    return o;
}

struct order *order_clone_ended(const struct order *from, enum order_end end, int64_t ended_ms)
{
    struct order *o = clone_without_anchors(from);
    o->end = end;
    o->ended_ms = ended_ms;
    return o;
}

struct order *order_clone(const struct order *from)
{
    struct order *o = clone_without_anchors(from);
    copy_anchors(o, from);
    return o;
}

static bool is_temporary(const struct order *o)
{
    return o->until_ms != ORDER_FOREVER;
}

bool order_replaces(const struct order *a, const struct order *b)
{
    return a->kind == b->kind && !(is_temporary(a) && !is_temporary(b)) &&
           !(a->is_volatile && !b->is_volatile) && target_same(&a->target, &b->target);
}

bool order_equal(const struct order *a, const struct order *b)
{
    return a->kind == b->kind && a->override == b->override && a->weight == b->weight &&
           a->announce == b->announce && a->forced == b->forced && a->until_ms == b->until_ms &&
           strcmp(a->target.text, b->target.text) == 0 && strcmp(a->reason, b->reason) == 0;
}
