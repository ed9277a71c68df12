/* SPDX-License-Identifier: Apache-2.0
 * Orders of members of lists, found by key: a list may be long, and each plan asks for all of its
 * members. */
#include "l4/set_table.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

struct list_order *work_set_find_order(const struct work_set *set, const char *key)
{
    uint32_t i = strmap_get(&set->orders.places, slice_str(key));
    return i == STRMAP_NONE ? NULL : set->orders.v.v[i];
}

static void place(struct list_orders *orders, struct list_order *order)
{
    strmap_add(&orders->places, slice_str(order->key), (uint32_t)orders->v.n);
    *vec_push(&orders->v) = order;
}

struct list_order *work_set_order(struct work_set *set, const char *key)
{
    struct list_order *order = work_set_find_order(set, key);
    if (order)
        return order;
    order = xcalloc(1, sizeof *order);
    snprintf(order->key, sizeof order->key, "%s", key);
    place(&set->orders, order);
    return order;
}

void work_set_forget_orders(struct work_set *set)
{
    for (size_t i = 0; i < set->orders.v.n; i++)
        free(set->orders.v.v[i]);
    vec_free(&set->orders.v);
    strmap_free(&set->orders.places);
}

struct set_member_now work_set_member(const struct work_set *set, uint32_t member, int64_t now_ms)
{
    const struct set_member *m = &set->now.v[member];
    struct set_member_now now = {m->state, m->weight, false};
    const struct list_order *order =
        set->orders.v.n && set->origin == SET_LISTED ? work_set_find_order(set, m->key) : NULL;
    if (order && order->has_state && order->state_until_ms > now_ms)
        now.state = order->state, now.is_ordered = true;
    if (order && order->has_weight && order->weight_until_ms > now_ms)
        now.weight = order->weight, now.is_ordered = true;
    return now;
}

/* ---- their ends ---- */

static void expire_one(struct list_order *order, int64_t now_ms, int64_t *next_ms)
{
    order->has_state = order->has_state && order->state_until_ms > now_ms;
    order->has_weight = order->has_weight && order->weight_until_ms > now_ms;
    if (order->has_state && order->state_until_ms < *next_ms)
        *next_ms = order->state_until_ms;
    if (order->has_weight && order->weight_until_ms < *next_ms)
        *next_ms = order->weight_until_ms;
}

static void expire_of(struct work_set *set, int64_t now_ms, int64_t *next_ms)
{
    struct list_orders before = set->orders;
    bool some = false;
    for (size_t i = 0; i < before.v.n; i++) {
        struct list_order *order = before.v.v[i];
        expire_one(order, now_ms, next_ms);
        some |= !order->has_state && !order->has_weight;
    }
    if (!some)
        return;
    set->orders = (struct list_orders){0};
    for (size_t i = 0; i < before.v.n; i++) {
        struct list_order *order = before.v.v[i];
        if (order->has_state || order->has_weight)
            place(&set->orders, order);
        else
            free(order);
    }
    vec_free(&before.v);
    strmap_free(&before.places);
}

int64_t set_table_expire(struct set_table *table, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    for (uint32_t i = 0; i < table->n; i++)
        expire_of(table->v[i], now_ms, &next_ms);
    return next_ms;
}
