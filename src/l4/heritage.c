/* SPDX-License-Identifier: Apache-2.0
 * Members and counts between two processes. */
#include "l4/heritage.h"

#include "base/arena.h"
#include "control/json.h"
#include "l4/limits.h"
#include "l4/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- orders of members of lists ---- */

static void write_orders(json_t *set, const struct work_set *from)
{
    json_t *list = json_set_array(set, "orders");
    for (size_t i = 0; i < from->orders.v.n; i++) {
        const struct list_order *o = from->orders.v.v[i];
        json_t *order = json_object();
        json_set_text(order, "key", o->key);
        if (o->has_state) {
            json_set_int(order, "state", (int64_t)o->state);
            json_set_int(order, "state_until_ms", o->state_until_ms);
        }
        if (o->has_weight) {
            json_set_int(order, "weight", o->weight);
            json_set_int(order, "weight_until_ms", o->weight_until_ms);
        }
        json_array_append_new(list, order);
    }
}

static void read_order(struct work_set *set, const json_t *from)
{
    int64_t state = json_get_int(from, "state", -1), weight = json_get_int(from, "weight", -1);
    struct list_order *order = work_set_order(set, json_get_text(from, "key", ""));
    order->has_state = state >= MEMBER_UP && state <= MEMBER_DRAIN;
    order->state = order->has_state ? (enum member_state)state : MEMBER_UP;
    order->state_until_ms = json_get_int(from, "state_until_ms", 0);
    order->has_weight = weight >= 0 && weight <= WEIGHT_MAX;
    order->weight = order->has_weight ? (uint32_t)weight : 0;
    order->weight_until_ms = json_get_int(from, "weight_until_ms", 0);
}

/* ---- sets ---- */

void heritage_write_sets(json_t *object, const struct set_table *table)
{
    json_t *list = json_set_array(object, "sets");
    for (uint32_t i = 0; i < table->n; i++) {
        const struct work_set *from = table->v[i];
        if (from->origin == SET_UNKNOWN)
            continue;
        json_t *set = member_set_write(&from->now);
        json_set_int(set, "origin", (int64_t)from->origin);
        write_orders(set, from);
        json_array_append_new(list, set);
    }
}

static void take_told(struct set_table *table, uint32_t i, const json_t *from,
                      enum set_origin origin)
{
    char error[256];
    struct member_set set;
    if (member_set_read(&set, from, error, sizeof error) == 0)
        (void)set_table_tell(table, i, &set, origin);
}

void heritage_read_sets(struct set_table *table, const struct l4_config *config,
                        const json_t *object)
{
    size_t k, o;
    const json_t *set, *order;
    json_array_foreach(json_object_get(object, "sets"), k, set)
    {
        uint32_t i = set_table_find(table, json_get_text(set, "service", ""));
        enum set_origin origin = (enum set_origin)json_get_int(set, "origin", SET_UNKNOWN);
        if (i == MODEL_NONE)
            continue;
        if (setup_is_told(&config->sets[i]) && (origin == SET_TOLD || origin == SET_SAVED))
            take_told(table, i, set, origin);
        work_set_forget_orders(table->v[i]);
        json_array_foreach(json_object_get(set, "orders"), o, order) read_order(table->v[i], order);
    }
}

/** The set as it is with its orders; of the caller. */
static struct member_set members_now(const struct work_set *from, int64_t now_ms)
{
    struct member_set set = from->now;
    set.v = xcalloc(set.n + 1, sizeof *set.v);
    for (uint32_t m = 0; m < set.n; m++) {
        struct set_member_now now = work_set_member(from, m, now_ms);
        set.v[m] = from->now.v[m];
        set.v[m].state = now.state;
        set.v[m].weight = now.weight;
    }
    return set;
}

void heritage_write_members(json_t *object, const struct set_table *table, int64_t now_ms)
{
    json_t *list = json_set_array(object, "sets");
    for (uint32_t i = 0; i < table->n; i++) {
        if (table->v[i]->origin == SET_UNKNOWN)
            continue;
        struct member_set set = members_now(table->v[i], now_ms);
        json_array_append_new(list, member_set_write(&set));
        member_set_free(&set);
    }
}

void heritage_obey(struct set_table *table, const json_t *object)
{
    size_t k;
    const json_t *from;
    json_array_foreach(json_object_get(object, "sets"), k, from)
    {
        char error[256];
        struct member_set set;
        uint32_t i = set_table_find(table, json_get_text(from, "service", ""));
        if (i != MODEL_NONE && member_set_read(&set, from, error, sizeof error) == 0)
            set_table_obey(table, i, &set);
    }
}

/* ---- counts ---- */

void heritage_write_open(json_t *object, const struct registry *registry)
{
    uint32_t n, n_flows = 0;
    struct service_run *const *services = registry_services(registry, &n);
    json_t *open = json_set_object(object, "open");
    for (uint32_t i = 0; i < n; i++) {
        n_flows += atomic_load_explicit(&services[i]->active, memory_order_relaxed);
        if (services[i]->limits)
            json_set_int(open, services[i]->name, limits_open(services[i]->limits));
    }
    json_set_int(object, "flows", n_flows);
}

void heritage_write_sessions(json_t *object, const struct registry *registry)
{
    uint32_t n;
    struct member *const *members = registry_members(registry, &n);
    json_t *sessions = json_set_object(object, "sessions");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t active = atomic_load_explicit(&members[i]->active, memory_order_relaxed);
        json_t *set = json_object_get(sessions, members[i]->set);
        if (active == 0)
            continue;
        if (!set)
            set = json_set_object(sessions, members[i]->set);
        json_set_int(set, members[i]->key, active + json_get_int(set, members[i]->key, 0));
    }
}
