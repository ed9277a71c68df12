/* SPDX-License-Identifier: Apache-2.0
 * The document of anycast: each prefix set with what it hangs on and what its speaker has, and the
 * speakers. */
#include "control/json.h"
#include "ctl/documents.h"
#include "out/anycast_facts.h"

/* ---- one set ---- */

static json_t *inputs_json(const struct anycast_view *view)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < view->n_inputs; i++) {
        const struct anycast_input *in = &view->inputs[i];
        json_t *object = json_object();
        json_set_text(object, "name", in->name);
        json_object_set_new(object, "ok", in->known ? json_boolean(in->ok) : json_null());
        json_set_text(object, "reason", in->reason);
        if (in->is_full)
            json_set_bool(object, "full", true);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *timers_json(const struct anycast_view *view, int64_t now_ms)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < view->n_timers; i++) {
        int64_t left_ms = view->timers[i].until_ms - now_ms;
        json_t *object = json_object();
        json_set_text(object, "name", announcer_timer_text(view->timers[i].timer));
        json_set_int(object, "left_s", left_ms > 0 ? (left_ms + 999) / 1000 : 0);
        json_array_append_new(list, object);
    }
    return list;
}

static void set_prefixes(json_t *object, const struct anycast_view *view)
{
    char text[IP_PREFIX_TEXT_MAX];
    json_t *prefixes = json_set_array(object, "prefixes"),
           *routes = json_set_array(object, "routes");
    for (uint32_t i = 0; i < view->spec->config->n_prefixes; i++) {
        const struct anycast_prefix_view *p = &view->prefixes[i];
        json_t *route = json_object();
        ip_prefix_text(text, &p->prefix);
        json_array_append_new(prefixes, json_text(text));
        json_set_text(route, "prefix", text);
        json_set_text(route, "real", announcer_real_text(p->real));
        if (p->differs)
            json_set_bool(route, "differs", true);
        json_array_append_new(routes, route);
    }
}

static void add_next_hop(json_t *list, const struct ip *ip)
{
    char text[IP_TEXT_MAX];
    if (ip->family != IP_NONE)
        json_array_append_new(list, json_text(ip_text(text, ip)));
}

static json_t *attributes_json(const struct anycast_view *view)
{
    char text[40];
    const struct route_attributes *a = &view->attributes;
    const struct prefix_set *set = view->spec->config;
    json_t *object = json_object();
    if (!anycast_view_announces(view))
        return object;
    json_set_int(object, "prepend", a->prepend);
    if (a->has_med)
        json_set_int(object, "med", a->med);
    json_t *communities = json_set_array(object, "communities"),
           *large = json_set_array(object, "large_communities"),
           *next_hop = json_set_array(object, "next_hop");
    for (uint32_t i = 0; i < a->n_communities; i++) {
        snprintf(text, sizeof text, "%u:%u", a->communities[i].high, a->communities[i].low);
        json_array_append_new(communities, json_text(text));
    }
    for (uint32_t i = 0; i < a->n_large; i++) {
        const uint32_t *v = a->large[i].v;
        snprintf(text, sizeof text, "%u:%u:%u", v[0], v[1], v[2]);
        json_array_append_new(large, json_text(text));
    }
    if (set->next_hop_self)
        json_array_append_new(next_hop, json_text("self"));
    add_next_hop(next_hop, &set->next_hop_v4);
    add_next_hop(next_hop, &set->next_hop_v6);
    return object;
}

static void set_order(json_t *object, const struct facts *f, const struct anycast_view *view)
{
    char id[ORDER_ID_MAX];
    struct announce_decision d = anycast_view_decision(f, view);
    json_set_text(object, "order", announce_order_word(d.order));
    if (d.forced)
        json_set_bool(object, "forced", true);
    if (d.by && d.order != ANNOUNCE_AUTO)
        json_set_text(object, "order_id", order_id_text(id, f->orders, d.by));
}

json_t *document_prefix_set(const struct facts *f, struct arena *arena,
                            const struct anycast_view *view)
{
    json_t *object = json_object();
    json_set_text(object, "name", view->spec->name);
    json_set_text(object, "state", announcer_state_text(view->state));
    document_set_since(object, f, view->since_ms);
    json_set_text(object, "real", announcer_real_text(view->real));
    json_set_text(object, "why", anycast_view_why(arena, f, view));
    json_set_text(object, "speaker", anycast_view_speaker(view));
    if (view->spec->site && *view->spec->site)
        json_set_text(object, "site", view->spec->site);
    if (view->spec->ifname)
        json_set_text(object, "interface", view->spec->ifname);
    set_order(object, f, view);
    json_object_set_new(object, "inputs", inputs_json(view));
    json_object_set_new(object, "timers", timers_json(view, f->now_ms));
    set_prefixes(object, view);
    json_object_set_new(object, "attributes", attributes_json(view));
    json_set_int(object, "transitions", (int64_t)view->n_transitions);
    if (view->frozen)
        json_set_bool(object, "frozen", true);
    if (view->problem && *view->problem)
        json_set_text(object, "problem", view->problem);
    return object;
}

/* ---- speakers ---- */

json_t *document_speaker(const struct speaker_view *view)
{
    const struct speaker_status *s = &view->status;
    json_t *object = json_object();
    json_set_text(object, "name", view->config->name);
    json_set_text(object, "type", speaker_type_word(view->config->type));
    json_set_bool(object, "up", s->up);
    json_set_text(object, "error", s->text);
    if (s->error != SPEAKER_ERROR_NONE) {
        json_set_text(object, "error_kind", speaker_error_text(s->error));
        json_set_time(object, "error_since", s->error_since_ms);
    }
    if (s->busy)
        json_set_bool(object, "busy", true);
    if (s->version[0])
        json_set_text(object, "version", s->version);
    if (s->note[0])
        json_set_text(object, "note", s->note);
    json_set_time(object, "looked", s->looked_ms);
    json_set_int(object, "changes", (int64_t)s->n_applied);
    json_set_int(object, "errors", (int64_t)s->n_errors);
    json_set_int(object, "restarts", (int64_t)s->n_restarts);
    return object;
}

static void set_speakers(json_t *document, const struct facts *f, const char *name)
{
    const struct anycast_view *of = name[0] ? anycast_facts_find(&f->anycast, name) : NULL;
    json_t *list = json_set_array(document, "speakers");
    for (uint32_t i = 0; i < f->anycast.n_speakers; i++) {
        const struct speaker_view *view = f->anycast.speakers[i];
        if (!name[0] || (of && anycast_facts_speaker(&f->anycast, of) == view))
            json_array_append_new(list, document_speaker(view));
    }
}

/* ---- the document ---- */

static json_t *set_json(const void *facts, struct arena *arena, uint32_t index)
{
    const struct facts *f = facts;
    return document_prefix_set(f, arena, f->anycast.views[index]);
}

static const char *key_of_set(const void *facts, struct arena *arena, uint32_t index)
{
    (void)arena;
    return ((const struct facts *)facts)->anycast.views[index]->spec->name;
}

json_t *document_anycast(const struct facts *f, const char *name, const struct window *window)
{
    struct listing list = {"sets", 0, f->anycast.n, f, key_of_set, set_json};
    for (uint32_t i = 0; name[0] && i < f->anycast.n; i++)
        if (strcmp(f->anycast.views[i]->spec->name, name) == 0)
            list.from = i, list.to = i + 1;
    json_t *document = window_document(window, &list);
    set_speakers(document, f, name);
    json_set_int(document, "version", (int64_t)anycast_facts_version(f, name));
    return document;
}
