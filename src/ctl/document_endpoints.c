/* SPDX-License-Identifier: Apache-2.0
 * The document on endpoints. */
#include "control/json.h"
#include "ctl/documents.h"
#include "dns/name.h"
#include "out/tier_facts.h"

#include <stdlib.h>

static void set_override(json_t *object, const struct facts *f, const struct endpoint_state *s)
{
    if (s->override != OVERRIDE_AUTO) {
        json_t *o = json_set_object(object, "override");
        json_set_text(o, "state", override_text(s->override));
        json_set_text(o, "reason", s->override_reason);
        if (s->override_until_s != INT64_MAX) {
            json_set_time(o, "until", s->override_until_s * 1000);
            json_set_int(o, "left_s", (s->override_until_s * 1000 - f->now_ms) / 1000);
        }
    }
    if (s->weight_override >= 0 && s->weight_until_s != INT64_MAX)
        json_set_int(object, "weight_left_s", (s->weight_until_s * 1000 - f->now_ms) / 1000);
}

static void set_address(json_t *object, const struct endpoint *e)
{
    char ip[IP_TEXT_MAX], name[NAME_TEXT_MAX];
    if (e->addr.family != IP_NONE)
        json_set_text(object, "address", ip_text(ip, &e->addr));
    else
        json_set_text(object, "cname", name_to_text(name, e->cname));
    if (e->port)
        json_set_int(object, "port", e->port);
}

void document_set_probed(json_t *object, const struct model *m, const struct endpoint *e)
{
    char text[IP_PORT_TEXT_MAX];
    if (e->probe.port)
        json_set_text(object, "probed", ip_port_text(text, endpoint_probed(e), e->probe.port));
    else if (e->probe.addr.family)
        json_set_text(object, "probed", ip_text(text, &e->probe.addr));
    if (!e->own_checks)
        return;
    json_t *checks = json_set_array(object, "checks");
    for (uint32_t i = 0; i < e->checks.n; i++)
        json_array_append_new(checks, json_text(m->checks[e->checks.v[i]].name));
}

const char *document_endpoint_why(const struct endpoint_state *s)
{
    if (s->override != OVERRIDE_AUTO)
        return s->override_reason[0] ? s->override_reason : "set by the operator";
    if (!s->checked)
        return "no checks";
    if (s->health == HEALTH_UNKNOWN && !s->reason[0])
        return s->assumed_up ? "no result yet, taken as up" : "no result yet, was down";
    return s->reason;
}

/** What is listed, and what was counted for it. */
struct endpoint_list {
    const struct facts *f;
    struct sessions *sessions; /* by endpoint; NULL: there are no tiers */
};

static void set_sessions(json_t *object, const struct endpoint_list *list, uint32_t index)
{
    const struct sessions *s = list->sessions ? &list->sessions[index] : NULL;
    if (!s || !s->known)
        return;
    json_set_int(object, "sessions", s->n);
    if (s->at_most)
        json_set_bool(object, "sessions_at_most", true);
}

static int compare_dns_left(const void *a, const void *b)
{
    uint32_t x = ((const struct dns_left *)a)->endpoint, y = ((const struct dns_left *)b)->endpoint;
    return (x > y) - (x < y);
}

/** For how long clients may still come by answers from before it was drained. */
static void set_dns_left(json_t *object, const struct facts *f, uint32_t index)
{
    const struct dns_left key = {.endpoint = index}, *found = NULL;
    if (f->n_dns_left)
        found = bsearch(&key, f->dns_left, f->n_dns_left, sizeof key, compare_dns_left);
    if (found)
        json_set_int(object, "dns_left_s", (found->left_ms + 999) / 1000);
}

static json_t *endpoint_json(const void *ctx, struct arena *arena, uint32_t index)
{
    const struct endpoint_list *list = ctx;
    const struct facts *f = list->f;
    const struct model *m = f->generation->model;
    const struct endpoint *e = &m->endpoints[index];
    const struct endpoint_state *s = &f->states[index];
    uint32_t weight = endpoint_weight(e, s);
    json_t *object = json_object();
    json_set_text(object, "target", endpoint_key(arena, m, index));
    json_set_text(object, "pool", m->pools[e->pool].name);
    json_set_text(object, "site", m->sites[e->site].name);
    json_set_text(object, "name", e->name ? e->name : e->label);
    set_address(object, e);
    document_set_probed(object, m, e);
    json_set_text(object, "state", endpoint_state_text(s));
    json_set_text(object, "health", health_text(s->health));
    json_set_bool(object, "serves", endpoint_serves(s) && weight > 0);
    json_set_int(object, "weight", weight);
    json_set_int(object, "configured_weight", e->weight);
    if (endpoint_ramp(s) < SHARE_FULL)
        json_set_int(object, "ramp", endpoint_ramp(s));
    if (endpoint_load(s) < SHARE_FULL)
        json_set_int(object, "load", endpoint_load(s));
    document_set_since(object, f,
                       s->override != OVERRIDE_AUTO ? s->override_since_ms : s->since_ms);
    json_set_text(object, "why", document_endpoint_why(s));
    if (s->checked && s->reason[0])
        json_set_text(object, "probe_reason", s->reason);
    if (s->latency_us)
        json_set_real(object, "latency_ms", s->latency_us / 1000.0, 3);
    set_override(object, f, s);
    set_dns_left(object, f, index);
    set_sessions(object, list, index);
    json_set_bool(object, "stale", s->stale);
    json_set_bool(object, "frozen", s->frozen);
    return object;
}

static const char *key_of_endpoint(const void *ctx, struct arena *arena, uint32_t index)
{
    return endpoint_key(arena, ((const struct endpoint_list *)ctx)->f->generation->model, index);
}

json_t *document_endpoints(const struct facts *f, uint32_t pool, const struct window *window)
{
    const struct model *m = f->generation->model;
    struct endpoint_list listed = {.f = f};
    struct listing list = {"endpoints", 0, m->n_endpoints, &listed, key_of_endpoint, endpoint_json};
    if (pool != MODEL_NONE) { /* they stand together */
        const struct pool *p = &m->pools[pool];
        const struct pool_site *last = &p->sites[p->n_sites - 1];
        list.from = p->sites[0].first_endpoint;
        list.to = last->first_endpoint + last->n_endpoints;
    }
    if (f->tiers.n) {
        listed.sessions = xcalloc(m->n_endpoints + 1u, sizeof *listed.sessions);
        sessions_count(listed.sessions, f);
    }
    json_t *document = window_document(window, &list);
    free(listed.sessions);
    return document;
}
