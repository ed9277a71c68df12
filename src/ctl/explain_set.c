/* SPDX-License-Identifier: Apache-2.0
 * Why a prefix set is announced, or not: the document. */
#include "ctl/explain_set.h"

#include "control/json.h"
#include "ctl/action_parts.h"
#include "ctl/documents.h"
#include "out/anycast_facts.h"

#include <stdio.h>

static bool is_named(const char *name)
{
    return strncmp(name, TARGET_SETS, strlen(TARGET_SETS)) == 0;
}

/* A prefix with bits past its length is masked, as the address of an interface is written. */
static bool read_prefix(struct ip_prefix *prefix, const char *text)
{
    return ip_prefix_parse(prefix, text) != E_SYNTAX;
}

bool explain_is_of_set(const struct facts *f, const char *name)
{
    struct ip_prefix prefix;
    if (is_named(name))
        return true;
    if (!read_prefix(&prefix, name))
        return false;
    return strpbrk(name, "/:") || anycast_facts_find_prefix(&f->anycast, &prefix);
}

static const struct anycast_view *find(const struct facts *f, const char *name, int *code,
                                       char error[CTL_TEXT_MAX])
{
    struct ip_prefix prefix;
    const struct anycast_view *view = NULL;
    *code = E_NOTFOUND;
    if (!is_named(name)) {
        if (read_prefix(&prefix, name))
            view = anycast_facts_find_prefix(&f->anycast, &prefix);
        if (!view)
            snprintf(error, CTL_TEXT_MAX, "no prefix set has %.100s: see loadstarctl anycast",
                     name);
        return view;
    }
    view = anycast_facts_find(&f->anycast, name + strlen(TARGET_SETS));
    if (!view)
        action_explain_set(error, f->generation->model, name + strlen(TARGET_SETS));
    return view;
}

/* ---- orders ---- */

static bool is_about(const struct order *o, const struct anycast_view *view)
{
    return o->kind != ORDER_WEIGHT &&
           target_matches_set(&o->target, view->spec->name, view->spec->site);
}

/* Why an order that is about the set does not decide. `newest`: of those of its kind. */
static const char *why_not(const struct order *o, const struct announce_decision *d, bool newest)
{
    if (o->kind == ORDER_STATE && d->by && d->by->kind == ORDER_ANNOUNCE && newest)
        return "an order on the set itself is above it";
    if (newest && o->kind == ORDER_ANNOUNCE)
        return "lets the orders of the site decide";
    return "a newer one is above it";
}

static json_t *order_json(const struct facts *f, const struct order *o,
                          const struct announce_decision *d, bool newest)
{
    char id[ORDER_ID_MAX];
    json_t *object = json_object();
    json_set_text(object, "id", order_id_text(id, f->orders, o));
    json_set_text(object, "target", o->target.text);
    document_set_order_value(object, o);
    json_set_text(object, "by", o->author);
    json_set_text(object, "reason", o->reason);
    document_set_since(object, f, o->set_ms);
    if (o->until_ms != ORDER_FOREVER) {
        json_set_time(object, "until", o->until_ms);
        json_set_int(object, "left_s", (o->until_ms - f->now_ms) / 1000);
    }
    json_set_bool(object, "decides", d->by == o);
    if (d->by != o)
        json_set_text(object, "why", why_not(o, d, newest));
    return object;
}

static void set_orders(json_t *document, const struct facts *f, const struct anycast_view *view)
{
    struct announce_decision d = anycast_view_decision(f, view);
    json_t *list = json_set_array(document, "orders");
    bool seen[2] = {false, false};
    for (uint32_t i = f->orders ? f->orders->n : 0; i-- > 0;) {
        const struct order *o = f->orders->v[i];
        bool *before = &seen[o->kind == ORDER_ANNOUNCE];
        if (!is_about(o, view))
            continue;
        json_array_append_new(list, order_json(f, o, &d, !*before));
        *before = true;
    }
}

json_t *explain_set_document(const struct facts *f, const char *name, int *code,
                             char error[CTL_TEXT_MAX])
{
    const struct anycast_view *view = find(f, name, code, error);
    if (!view)
        return NULL;
    *code = 0;
    struct arena *arena = arena_new();
    const struct speaker_view *speaker = anycast_facts_speaker(&f->anycast, view);
    json_t *document = json_object();
    json_set_text(document, "asked", name);
    json_object_set_new(document, "set", document_prefix_set(f, arena, view));
    json_object_set_new(document, "speaker", speaker ? document_speaker(speaker) : json_null());
    set_orders(document, f, view);
    arena_free(arena);
    return document;
}
