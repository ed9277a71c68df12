/* SPDX-License-Identifier: Apache-2.0
 * Lists of orders: layers, time, merging. */
#include "health/orders.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void insert(struct order ***v, uint32_t *n, uint32_t *cap, struct order *order)
{
    if (*n == *cap) {
        *cap = *cap ? 2 * *cap : 8;
        *v = xrealloc(*v, *cap * sizeof **v);
    }
    uint32_t at = (*n)++;
    for (; at > 0 && order_compare((*v)[at - 1], order) > 0; at--)
        (*v)[at] = (*v)[at - 1];
    (*v)[at] = order;
}

static void take_out(struct order **v, uint32_t *n, uint32_t at)
{
    order_release(v[at]);
    --*n;
    memmove(&v[at], &v[at + 1], (*n - at) * sizeof *v);
}

static void forget_first_ended(struct orders *orders)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < orders->n_ended; i++)
        if (orders->ended[i]->ended_ms < orders->ended[first]->ended_ms)
            first = i;
    take_out(orders->ended, &orders->n_ended, first);
}

static bool same_order(const struct order *a, const struct order *b)
{
    return a->number == b->number && strcmp(a->node, b->node) == 0;
}

static uint32_t index_of(struct order *const *v, uint32_t n, const struct order *order)
{
    for (uint32_t i = 0; i < n; i++)
        if (same_order(v[i], order))
            return i;
    return UINT32_MAX;
}

struct order *orders_find_id(const struct orders *orders, const char *id)
{
    char own[ORDER_ID_MAX], full[ORDER_ID_MAX];
    for (uint32_t i = 0; i < orders->n; i++) {
        struct order *o = orders->v[i];
        snprintf(full, sizeof full, "@%s-%" PRIu64, o->node, o->number);
        if (strcmp(id, full) == 0 || strcmp(id, order_id_text(own, orders, o)) == 0)
            return o;
    }
    return NULL;
}

const struct order *orders_find_serial(const struct orders *orders, uint32_t serial)
{
    for (uint32_t i = 0; i < orders->n; i++)
        if (orders->v[i]->serial == serial)
            return orders->v[i];
    return NULL;
}

bool orders_add(struct orders *orders, struct order *order)
{
    if (index_of(orders->v, orders->n, order) != UINT32_MAX ||
        index_of(orders->ended, orders->n_ended, order) != UINT32_MAX) {
        order_release(order);
        return false;
    }
    if (order->time_ms > orders->seen_ms)
        orders->seen_ms = order->time_ms;
    if (order->end == ORDER_LIVE) {
        orders->n_volatile += order->is_volatile;
        insert(&orders->v, &orders->n, &orders->cap, order);
        return true;
    }
    insert(&orders->ended, &orders->n_ended, &orders->ended_cap, order);
    if (orders->n_ended > ENDED_MAX)
        forget_first_ended(orders);
    return true;
}

void orders_end(struct orders *orders, uint32_t at, enum order_end end, int64_t ended_ms)
{
    const struct order *o = orders->v[at];
    struct order *ended = o->is_volatile ? NULL : order_clone_ended(o, end, ended_ms);
    orders->n_volatile -= orders->v[at]->is_volatile;
    take_out(orders->v, &orders->n, at);
    if (ended)
        (void)orders_add(orders, ended);
}

void orders_copy(struct orders *to, const struct orders *from)
{
    *to = *from;
    to->cap = from->n;
    to->ended_cap = from->n_ended;
    to->v = xcalloc(from->n + 1, sizeof *to->v);
    to->ended = xcalloc(from->n_ended + 1, sizeof *to->ended);
    to->sites = xcalloc(from->n_sites + 1, sizeof *to->sites);
    for (uint32_t i = 0; i < from->n; i++)
        to->v[i] = order_hold(from->v[i]);
    for (uint32_t i = 0; i < from->n_ended; i++)
        to->ended[i] = order_hold(from->ended[i]);
    for (uint32_t i = 0; i < from->n_sites; i++)
        to->sites[i] = xstrdup(from->sites[i]);
}

void orders_free(struct orders *orders)
{
    for (uint32_t i = 0; i < orders->n; i++)
        order_release(orders->v[i]);
    for (uint32_t i = 0; i < orders->n_ended; i++)
        order_release(orders->ended[i]);
    for (uint32_t i = 0; i < orders->n_sites; i++)
        free(orders->sites[i]);
    free(orders->v);
    free(orders->ended);
    free(orders->sites);
    *orders = (struct orders){0};
}

void orders_tidy(struct orders *orders, int64_t now_ms)
{
    for (uint32_t i = 0; i < orders->n;) {
        const struct order *o = orders->v[i];
        bool needed = !order_is_auto(o);
        for (uint32_t k = 0; k < i && !needed; k++)
            needed = orders->v[k]->kind == o->kind && !order_is_auto(orders->v[k]) &&
                     target_may_meet(&orders->v[k]->target, &o->target);
        if (needed)
            i++;
        else
            orders_end(orders, i, ORDER_REMOVED, now_ms);
    }
}

void orders_remove(struct orders *orders, const struct order *order, int64_t now_ms)
{
    uint32_t at = index_of(orders->v, orders->n, order);
    if (at == UINT32_MAX)
        return;
    orders_end(orders, at, ORDER_REMOVED, now_ms);
    orders_tidy(orders, now_ms);
}

/* ---- time ---- */

uint32_t orders_expire(struct orders *orders, int64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < orders->n;) {
        int64_t until = orders->v[i]->until_ms;
        if (until <= now_ms) {
            orders_end(orders, i, ORDER_EXPIRED, until);
            n++;
        } else {
            i++;
        }
    }
    for (uint32_t i = 0; i < orders->n_ended;) {
        if (orders->ended[i]->ended_ms <= now_ms - ENDED_KEPT_MS)
            take_out(orders->ended, &orders->n_ended, i);
        else
            i++;
    }
    if (n)
        orders_tidy(orders, now_ms);
    return n;
}

int64_t orders_next_expiry_ms(const struct orders *orders)
{
    int64_t next_ms = ORDER_FOREVER;
    for (uint32_t i = 0; i < orders->n; i++)
        if (orders->v[i]->until_ms < next_ms)
            next_ms = orders->v[i]->until_ms;
    return next_ms;
}

/* ---- merging ---- */

/* Which of two contents of one order holds, whoever asks: the end, the earlier end, the later
 * name. */
static bool supersedes(const struct order *a, const struct order *b)
{
    if ((a->end == ORDER_LIVE) != (b->end == ORDER_LIVE))
        return a->end != ORDER_LIVE;
    if (a->ended_ms != b->ended_ms)
        return a->ended_ms < b->ended_ms;
    if (a->end != b->end)
        return a->end < b->end;
    if (a->moved_ms != b->moved_ms)
        return a->moved_ms > b->moved_ms;
    return strcmp(a->target.text, b->target.text) > 0;
}

static void merge_one(struct orders *orders, struct order *theirs)
{
    uint32_t live = index_of(orders->v, orders->n, theirs);
    uint32_t ended = index_of(orders->ended, orders->n_ended, theirs);
    if (live != UINT32_MAX && supersedes(theirs, orders->v[live])) {
        orders->n_volatile -= orders->v[live]->is_volatile;
        take_out(orders->v, &orders->n, live);
    } else if (ended != UINT32_MAX && supersedes(theirs, orders->ended[ended]))
        take_out(orders->ended, &orders->n_ended, ended);
    (void)orders_add(orders, order_hold(theirs));
}

/* When the first of the newer orders that replace `o`, live or not, was given; INT64_MAX: none. */
static int64_t replaced_ms(const struct orders *orders, const struct order *o)
{
    int64_t first_ms = INT64_MAX;
    for (int pass = 0; pass < 2; pass++) {
        struct order *const *v = pass ? orders->ended : orders->v;
        for (uint32_t i = pass ? orders->n_ended : orders->n; i-- > 0;)
            if (v[i]->set_ms < first_ms && order_compare(v[i], o) > 0 && order_replaces(v[i], o))
                first_ms = v[i]->set_ms;
    }
    return first_ms;
}

/* What replaces what follows from the orders alone, so that each end is the same wherever it is
 * worked out, with the first cause winning. */
static void settle(struct orders *orders)
{
    for (uint32_t i = 0; i < orders->n_ended; i++) {
        struct order *o = orders->ended[i];
        int64_t ms = replaced_ms(orders, o);
        if (ms > o->ended_ms || (ms == o->ended_ms && o->end <= ORDER_REPLACED))
            continue;
        orders->ended[i] = order_clone_ended(o, ORDER_REPLACED, ms);
        order_release(o);
    }
    for (uint32_t i = 0; i < orders->n;) {
        int64_t ms = replaced_ms(orders, orders->v[i]);
        if (ms != INT64_MAX)
            orders_end(orders, i, ORDER_REPLACED, ms);
        else
            i++;
    }
}

void orders_merge(struct orders *orders, const struct orders *other)
{
    for (uint32_t i = 0; i < other->n; i++)
        merge_one(orders, other->v[i]);
    for (uint32_t i = 0; i < other->n_ended; i++)
        merge_one(orders, other->ended[i]);
    if (other->seen_ms > orders->seen_ms)
        orders->seen_ms = other->seen_ms;
    settle(orders);
}

/* ---- comparing ---- */

bool orders_equal(const struct orders *a, const struct orders *b)
{
    bool equal = a->n == b->n;
    for (uint32_t i = 0; equal && i < a->n; i++)
        equal = order_equal(a->v[i], b->v[i]);
    return equal;
}
