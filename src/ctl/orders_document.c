/* SPDX-License-Identifier: Apache-2.0
 * The document of orders: all layers, what each decides, and why it does not decide the rest. */
#include "base/units.h"
#include "control/json.h"
#include "ctl/documents.h"
#include "health/decide.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ORDERS_NAMED 20 /* in problems, of each kind; the rest are counted */

void document_set_order_value(json_t *object, const struct order *o)
{
    if (o->kind == ORDER_STATE)
        json_set_text(object, "state", override_text(o->override));
    else if (o->kind == ORDER_ANNOUNCE)
        json_set_text(object, "state", announce_order_word(o->announce));
    else if (order_is_auto(o))
        json_set_text(object, "weight", "auto");
    else
        json_set_int(object, "weight", o->weight);
    if (o->forced)
        json_set_bool(object, "forced", true);
}

/** What it would be about. */
static const char *things(const struct order *o)
{
    return o->kind == ORDER_ANNOUNCE ? "prefix set" : "endpoint";
}

/* "": it decides all that it matches. */
static void set_why(json_t *object, const struct facts *f, const struct order *o,
                    const struct order_standing *s)
{
    char text[256], id[ORDER_ID_MAX];
    const struct orders *orders = f->orders;
    const char *much = s->n_decided ? "partly covered" : "covered";
    if (s->n_matched == 0 && orders_find_any(f->generation->model, &o->target, o->kind)) {
        json_set_text(object, "why", "is about prefix sets alone, there are no endpoints");
        return;
    }
    if (s->n_matched == 0) {
        snprintf(text, sizeof text, "matches no %s of this configuration", things(o));
        json_set_text(object, "why", text);
        return;
    }
    if (s->above == ORDER_NONE)
        return;
    order_id_text(id, orders, orders->v[s->above]);
    if (s->n_above == 1)
        snprintf(text, sizeof text, "%s by %s", much, id);
    else
        snprintf(text, sizeof text, "%s by %s and %u more", much, id, s->n_above - 1);
    json_set_text(object, "why", text);
}

static json_t *order_json(const struct facts *f, const struct order *o,
                          const struct order_standing *s)
{
    char id[ORDER_ID_MAX];
    json_t *object = json_object();
    json_set_text(object, "id", order_id_text(id, f->orders, o));
    json_set_text(object, "target", o->target.text);
    document_set_order_value(object, o);
    json_set_text(object, "by", o->author);
    json_set_text(object, "reason", o->reason);
    json_set_time(object, "since", o->set_ms);
    json_set_int(object, "since_s", (f->now_ms - o->set_ms) / 1000);
    if (o->until_ms != ORDER_FOREVER) {
        json_set_time(object, "until", o->until_ms);
        json_set_int(object, "left_s", (o->until_ms - f->now_ms) / 1000);
    }
    json_set_int(object, o->kind == ORDER_ANNOUNCE ? "prefix_sets" : "endpoints", s->n_decided);
    json_set_int(object, "matches", s->n_matched);
    set_why(object, f, o, s);
    if (o->is_volatile)
        json_set_bool(object, "volatile", true);
    json_set_text(object, "node", o->node);
    return object;
}

json_t *document_order_list(const struct facts *f)
{
    json_t *list = json_array();
    if (!f->orders || f->orders->n == 0)
        return list;
    struct order_standing *standings = xcalloc(f->orders->n, sizeof *standings);
    orders_stand(standings, f->orders, f->generation->model);
    for (uint32_t i = f->orders->n; i-- > 0;)
        json_array_append_new(list, order_json(f, f->orders->v[i], &standings[i]));
    free(standings);
    return list;
}

json_t *document_orders(const struct facts *f)
{
    json_t *document = json_object();
    if (f->orders)
        json_set_text(document, "node", f->orders->node);
    json_object_set_new(document, "orders", document_order_list(f));
    return document;
}

/* ---- what is wrong with them ---- */

ATTR_PRINTF(2, 3)
static void warn(json_t *problems, const char *fmt, ...)
{
    char text[1024 + TARGET_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_t *object = json_object();
    json_set_text(object, "severity", "warning");
    json_set_text(object, "text", text);
    json_array_append_new(problems, object);
}

void document_order_problems(json_t *problems, const struct facts *f)
{
    char id[ORDER_ID_MAX], value[32], age[UNITS_TEXT_MAX];
    unsigned n_forgotten = 0, n_lost = 0;
    for (uint32_t i = 0; f->orders && i < f->orders->n; i++) {
        const struct order *o = f->orders->v[i];
        order_id_text(id, f->orders, o);
        if (order_is_old(o, f->now_ms, f->generation->model->server.override_reminder_s) &&
            n_forgotten++ < ORDERS_NAMED)
            warn(problems, "order %s (%s %s%s%s) has no end, and is %s old%s%s", id, o->target.text,
                 order_value_text(value, o), *o->author ? " by " : "", o->author,
                 units_age_text(age, f->now_ms - o->set_ms), *o->shown ? ": " : "", o->shown);
        if (!order_is_auto(o) && !orders_find_any(f->generation->model, &o->target, o->kind) &&
            n_lost++ < ORDERS_NAMED)
            warn(problems, "the %s of %s (order %s) matches no %s of this configuration",
                 o->kind == ORDER_WEIGHT ? "weight" : "override", o->target.text, id, things(o));
    }
    if (n_forgotten > ORDERS_NAMED)
        warn(problems, "%u more orders without an end are old", n_forgotten - ORDERS_NAMED);
    if (n_lost > ORDERS_NAMED)
        warn(problems, "%u more orders match no endpoint", n_lost - ORDERS_NAMED);
}
