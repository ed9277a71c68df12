/* SPDX-License-Identifier: Apache-2.0
 * What an order of the file says. */
#include "health/orders_file.h"

#include "health/store.h"

#include <string.h>

/* ---- reading one order: each returns what is wrong with it, or NULL ---- */

static const char *get_announce(struct order *o, const json_t *object)
{
    const char *word = json_string_value(json_object_get(object, "announce"));
    const json_t *forced = json_object_get(object, "forced");
    o->kind = ORDER_ANNOUNCE;
    o->forced = json_is_true(forced);
    for (int i = ANNOUNCE_AUTO; word && i <= ANNOUNCE_DRAIN; i++)
        if (strcmp(word, announce_order_word((enum announce_order)i)) == 0) {
            o->announce = (enum announce_order)i;
            return forced && i != ANNOUNCE_YES ? "is forced, and no announcement" : NULL;
        }
    return "has no valid announce";
}

static const char *get_setting(struct order *o, const json_t *object)
{
    const char *state = json_string_value(json_object_get(object, "state"));
    const json_t *weight = json_object_get(object, "weight");
    if (json_object_get(object, "announce") && !state && !weight)
        return get_announce(o, object);
    if (!state == !weight)
        return "has no valid state or weight";
    o->kind = weight ? ORDER_WEIGHT : ORDER_STATE;
    if (json_is_null(weight))
        o->weight = ORDER_AUTO_WEIGHT;
    else if (weight && json_is_integer(weight) && json_integer_value(weight) >= 0 &&
             json_integer_value(weight) <= WEIGHT_MAX)
        o->weight = json_integer_value(weight);
    else if (weight)
        return "has no valid state or weight";
    if (weight)
        return NULL;
    for (int i = OVERRIDE_AUTO; i <= OVERRIDE_DRAIN; i++)
        if (strcmp(state, override_text((enum override)i)) == 0) {
            o->override = (enum override)i;
            return NULL;
        }
    return "has no valid state or weight";
}

/* NULL: absent. */
static const char *get_text(const char **out, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    *out = json_string_value(value);
    return !value || *out           ? NULL
           : strcmp(key, "by") == 0 ? "has an author that is no text"
                                    : "has a reason that is no text";
}

const char *order_read_words(struct order *o, const json_t *object)
{
    const char *target = json_string_value(json_object_get(object, "target"));
    const json_t *until = json_object_get(object, "until_ms");
    const char *author, *reason, *wrong = get_setting(o, object);
    if (!wrong)
        wrong = get_text(&author, object, "by");
    if (!wrong)
        wrong = get_text(&reason, object, "reason");
    if (wrong)
        return wrong;
    order_set_words(o, author, reason);
    if (!store_get_time(&o->set_ms, json_object_get(object, "set_ms")))
        return "has no valid set_ms, the time in milliseconds";
    if (until && !store_get_time(&o->until_ms, until))
        return "has an until_ms that is no time in milliseconds";
    if (!target || target_parse(&o->target, target))
        return "has no valid target";
    if (target_is_of_sets(&o->target) != (o->kind == ORDER_ANNOUNCE))
        return "orders what its target cannot be ordered";
    return NULL;
}
