/* SPDX-License-Identifier: Apache-2.0
 * The whole decision behind one answer, as a document. */
#include "ctl/explain.h"

#include "compile/verdict.h"
#include "control/json.h"
#include "ctl/documents.h"
#include "ctl/explain_parts.h"
#include "dns/rr.h"

#include <stdlib.h>

static const struct model *model_of(const struct explanation *x)
{
    return x->facts->generation->model;
}

static unsigned family_of(const struct explanation *x)
{
    return x->asked->type == TYPE_AAAA ? 1 : 0;
}

/* --- steps --- */

static void list_sites(struct explain_step *step, struct arena *arena, const struct pool *pool)
{
    bool *listed = arena_calloc(arena, pool->n_sites, sizeof *listed);
    step->sites = arena_calloc(arena, pool->n_sites, sizeof *step->sites);
    for (uint32_t i = 0; i < step->why.sites.n; i++) {
        uint32_t at = explain_pool_site(pool, step->why.sites.v[i]);
        listed[at] = true;
        step->sites[step->n_sites++] = at;
    }
    step->n_class = step->n_sites;
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        if (!listed[i])
            step->sites[step->n_sites++] = i;
    }
}

/* The name asks for one site: the client's class does not matter. */
static void bind_site(struct explain_step *step, struct arena *arena, const struct model *m,
                      uint32_t pool_site)
{
    struct steer_reason *why = &step->why;
    uint32_t *site = arena_calloc(arena, 1, sizeof *site);
    double *km = arena_calloc(arena, 1, sizeof *km);
    *site = m->pools[step->pool].sites[pool_site].site;
    *km = steer_distance_km(m, *site, why->place);
    why->rule = arena_printf(arena, "site %s alone, as the name asks", m->sites[*site].name);
    why->depth = 0;
    why->sites = (struct u32_list){site, 1};
    why->distance_km = km;
    step->bound = true;
}

/* The pools that were consulted; the name's own when its configuration was answer enough. */
static void take_steps(struct explanation *x)
{
    const struct generation *g = x->facts->generation;
    const struct answer_trace *t = &x->asked->trace;
    x->n_steps = t->n_pools > 0 ? t->n_pools : 1;
    for (uint32_t i = 0; i < x->n_steps; i++) {
        struct explain_step *step = &x->steps[i];
        step->pool = t->n_pools > 0 ? t->pool[i] : t->settings.pool;
        bool split = g->model->pools[step->pool].steer == STEER_SPLIT;
        bool bound = i == 0 && t->settings.site != 0;
        uint32_t drawn = split && !bound && t->n_pools > 0 ? t->class_[i] : MODEL_NONE;
        steer_explain(&step->why, x->arena, g->model, g->geo, &g->steerings, step->pool, &x->client,
                      drawn);
        if (bound)
            bind_site(step, x->arena, g->model, t->settings.site - 1);
        list_sites(step, x->arena, &g->model->pools[step->pool]);
    }
}

/* --- client and place --- */

/* Why the client subnet of the query did not decide. */
static const char *why_not_ecs(const struct explanation *x)
{
    if (!model_of(x)->ecs)
        return "client subnets are disabled: the resolver's address decides";
    if (x->asked->ecs.len == 0)
        return "the client subnet is empty, for privacy: the resolver's address decides";
    return "nothing places the client subnet: the resolver's address decides";
}

static void set_client(json_t *document, const struct explanation *x, bool by_ecs)
{
    char text[IP_PREFIX_TEXT_MAX];
    const struct asked *asked = x->asked;
    bool sent = asked->ecs.addr.family != IP_NONE;
    if (by_ecs) {
        json_set_text(document, "client", ip_prefix_text(text, &asked->ecs));
        json_set_text(document, "source", "ecs");
        return;
    }
    json_set_text(document, "client", ip_text(text, &x->client));
    json_set_text(document, "source", x->given ? "client" : "resolver");
    if (sent && asked->trace.dynamic)
        json_set_text(document, "source_reason", why_not_ecs(x));
}

/* Keys that contrib/doc/api.md promises are there even when nothing is known. */
static void set_nulls(json_t *object, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (json_object_get(object, keys[i]) == NULL)
            json_object_set_new(object, keys[i], json_null());
    }
}

static void set_location(json_t *document, const struct explanation *x)
{
    static const char *const keys[] = {"continent", "country",  "subdivision",
                                       "asn",       "latitude", "longitude"};
    char text[IP_PREFIX_TEXT_MAX];
    struct ip_prefix prefix;
    json_t *location = json_set_object(document, "location");
    const struct place *place = geo_find(x->facts->generation->geo, &x->client, &prefix);
    document_set_place(location, x->facts, place);
    json_set_text(location, "prefix", ip_prefix_text(text, &prefix));
    set_nulls(location, keys, ARRAY_LEN(keys));
}

/* --- sites and endpoints --- */

/** What the configuration gives the site of a pool that splits; < 0: it does not. */
static double split_share(const struct pool *pool, uint32_t at)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < pool->n_sites; i++)
        total += pool->sites[i].split_weight;
    if (pool->steer != STEER_SPLIT || total == 0)
        return -1;
    return (double)pool->sites[at].split_weight / (double)total;
}

static void add_site(json_t *list, const struct explanation *x, const struct explain_step *step,
                     uint32_t rank)
{
    struct site_standing standing;
    json_t *site = json_object();
    verdict_site_standing(&standing, x->arena, model_of(x), step->pool, step->sites[rank],
                          x->facts->states);
    json_set_text(site, "site", model_of(x)->sites[standing.site].name);
    bool in_class = rank < step->n_class;
    if (in_class)
        json_set_int(site, "rank", rank + 1);
    else
        json_object_set_new(site, "rank", json_null());
    json_set_bool(site, "up", standing.up);
    double split = split_share(&model_of(x)->pools[step->pool], step->sites[rank]);
    if (split >= 0)
        json_set_real(site, "split", split, 4);
    json_set_text(site, "reason",
                  in_class ? standing.reason
                           : arena_printf(x->arena, "%s; not for this %s", standing.reason,
                                          step->bound ? "name" : "client"));
    if (in_class && step->why.distance_km[rank] >= 0)
        json_set_real(site, "distance_km", step->why.distance_km[rank], 0);
    else
        json_object_set_new(site, "distance_km", json_null());
    json_array_append_new(list, site);
}

static void set_sites(json_t *object, const struct explanation *x, const struct explain_step *step)
{
    json_t *list = json_set_array(object, "sites");
    for (uint32_t rank = 0; rank < step->n_sites; rank++)
        add_site(list, x, step, rank);
}

static bool was_picked(const struct answer_trace *t, uint32_t endpoint)
{
    for (uint32_t i = 0; i < t->n_picked; i++) {
        if (t->picked[i] == endpoint)
            return true;
    }
    return false;
}

/* The candidates of the verdict that was answered from; NULL when there was none. */
static const struct pickset *candidates(const struct explanation *x)
{
    const struct answer_trace *t = &x->asked->trace;
    if (t->n_pools == 0 || t->mode != VERDICT_ANSWER)
        return NULL;
    const struct pool_slot *slot = &x->facts->generation->snapshot->pools[t->pool[t->n_pools - 1]];
    const struct pool_view *view = atomic_load_explicit(&slot->view, memory_order_acquire);
    const struct verdict *v = &view->verdicts[view->class_verdict[t->class_[t->n_pools - 1]]];
    return &v->set[slot->is_cname ? 0 : family_of(x)];
}

/* What the verdict makes of each endpoint of a pool, looked up once for all of them: a pool may
 * have thousands. */
struct chances {
    uint32_t first; /* endpoint of the pool */
    double *weight; /* < 0: it is no candidate */
    double total;   /* 0: they are not picked by chance */
};

static struct chances chances_of(const struct explanation *x, const struct pool *pool,
                                 const struct pickset *set)
{
    const struct pool_site *last = &pool->sites[pool->n_sites - 1];
    struct chances c = {.first = pool->sites[0].first_endpoint};
    uint32_t n = last->first_endpoint + last->n_endpoints - c.first;
    bool by_chance = pool->pick == PICK_WEIGHTED || pool->pick == PICK_STICKY;
    c.weight = arena_calloc(x->arena, n, sizeof *c.weight);
    for (uint32_t i = 0; i < n; i++)
        c.weight[i] = -1;
    for (uint32_t i = 0; set != NULL && i < set->n; i++) {
        c.weight[set->endpoint[i] - c.first] = set->weight[i];
        c.total += by_chance ? set->weight[i] : 0;
    }
    return c;
}

static json_t *endpoint_json(const struct explanation *x, const struct chances *chances,
                             uint32_t endpoint)
{
    char text[NAME_TEXT_MAX];
    const struct endpoint *e = &model_of(x)->endpoints[endpoint];
    const struct endpoint_state *s = &x->facts->states[endpoint];
    json_t *object = json_object();
    json_set_text(object, "site", model_of(x)->sites[e->site].name);
    json_set_text(object, "address",
                  e->addr.family != IP_NONE ? ip_text(text, &e->addr)
                                            : name_to_text(text, e->cname));
    if (e->name != NULL)
        json_set_text(object, "name", e->name);
    document_set_probed(object, model_of(x), e);
    json_set_text(object, "state", endpoint_state_text(s));
    json_set_int(object, "weight", endpoint_weight(e, s));
    json_set_bool(object, "frozen", s->frozen && s->override == OVERRIDE_AUTO);
    if (endpoint_ramp(s) < SHARE_FULL)
        json_set_int(object, "ramp", endpoint_ramp(s));
    if (endpoint_load(s) < SHARE_FULL)
        json_set_int(object, "load", endpoint_load(s));
    json_set_text(object, "reason", document_endpoint_why(s));
    double weight = chances->weight[endpoint - chances->first];
    json_set_bool(object, "candidate", weight >= 0);
    json_set_bool(object, "picked", was_picked(&x->asked->trace, endpoint));
    if (weight >= 0 && chances->total > 0)
        json_set_real(object, "share", weight / chances->total, 4);
    return object;
}

static void set_endpoints(json_t *document, const struct explanation *x,
                          const struct explain_step *step)
{
    const struct pool *pool = &model_of(x)->pools[step->pool];
    const struct chances chances = chances_of(x, pool, candidates(x));
    json_t *list = json_set_array(document, "endpoints");
    for (uint32_t rank = 0; rank < step->n_sites; rank++) {
        const struct pool_site *site = &pool->sites[step->sites[rank]];
        for (uint32_t i = 0; i < site->n_endpoints; i++)
            json_array_append_new(list, endpoint_json(x, &chances, site->first_endpoint + i));
    }
}

/* --- the document --- */

static void set_class(json_t *object, const struct explain_step *step)
{
    if (step->bound)
        json_object_set_new(object, "class", json_null());
    else
        json_set_int(object, "class", step->why.class_);
}

static json_t *step_json(const struct explanation *x, const struct explain_step *step)
{
    json_t *object = json_object();
    json_set_text(object, "pool", model_of(x)->pools[step->pool].name);
    set_class(object, step);
    json_set_text(object, "rule", step->why.rule);
    set_sites(object, x, step);
    return object;
}

static void set_decision(json_t *document, struct explanation *x)
{
    const struct answer_trace *t = &x->asked->trace;
    take_steps(x);
    const struct explain_step *last = &x->steps[x->n_steps - 1];
    const struct pool *pool = &model_of(x)->pools[last->pool];
    json_set_text(document, "reason", explain_decision(x));
    json_set_text(document, "pool", pool->name);
    set_class(document, last);
    json_set_text(document, "rule", last->why.rule);
    json_set_text(document, "pick", pick_word(pool->pick));
    set_sites(document, x, last);
    if (t->n_picked > 0)
        json_set_text(document, "site",
                      model_of(x)->sites[model_of(x)->endpoints[t->picked[0]].site].name);
    set_endpoints(document, x, last);
    json_t *before = x->n_steps > 1 ? json_set_array(document, "fallback_from") : NULL;
    for (uint32_t i = 0; i + 1 < x->n_steps; i++)
        json_array_append_new(before, step_json(x, &x->steps[i]));
}

/* Whether an answer to this resolver by UDP would be kept back now, and what rule says so. */
static void set_limit(json_t *document, const struct explanation *x)
{
    char text[IP_PREFIX_TEXT_MAX];
    const struct rate_policy *policy = &x->facts->generation->snapshot->limits.rate;
    uint64_t network = limiter_network(&x->asked->resolver);
    struct ip_prefix prefix = limiter_prefix(network);
    json_t *limit = json_set_object(document, "rate_limit");
    bool exempt = limiter_is_exempt(policy, &x->asked->resolver);
    double level = 0;
    if (x->facts->limiter && policy->on)
        level = (double)limiter_level(x->facts->limiter, network,
                                      limiter_tick(policy, x->facts->now_ms)) /
                LEVEL_FULL;
    json_set_text(limit, "network", ip_prefix_text(text, &prefix));
    json_set_text(limit, "policy",
                  !policy->on        ? "off"
                  : exempt           ? "exempt"
                  : policy->log_only ? "log_only"
                                     : "limited");
    json_set_real(limit, "level", level, 3);
    json_set_bool(limit, "limited", policy->on && !policy->log_only && !exempt && level >= 1);
    json_set_int(limit, "bytes_per_second", policy->bytes_per_s);
    json_set_int(limit, "burst", policy->burst);
}

static int64_t scope_of(const struct explanation *x)
{
    const struct answer_trace *t = &x->asked->trace;
    uint8_t scope = 0;
    if (x->asked->ecs_scope >= 0)
        return x->asked->ecs_scope;
    for (uint32_t i = 0; t->n_picked > 0 && i < t->n_pools; i++)
        scope = t->scope[i] > scope ? t->scope[i] : scope;
    return scope;
}

static void set_answer(json_t *document, struct explanation *x)
{
    const struct answer_trace *t = &x->asked->trace;
    int64_t ttl = explain_records(document, x->asked);
    const char *reason = explain_name(document, x->arena, x->facts->generation->snapshot, x->asked);
    const char *why_ttl = "of the zone's records";
    if (json_array_size(json_object_get(document, "records")) == 0 &&
        json_object_get(document, "delegation") == NULL)
        why_ttl = "negative: the smaller of the SOA's TTL and its minimum";
    if (t->dynamic) {
        set_decision(document, x);
        if (t->n_picked > 0)
            why_ttl = explain_ttl(x);
    } else {
        json_set_text(document, "reason", reason);
        json_set_array(document, "sites");
        json_set_array(document, "endpoints");
    }
    if (ttl >= 0) {
        json_set_int(document, "ttl", ttl);
        json_set_text(document, "ttl_reason", why_ttl);
    }
    json_set_int(document, "ecs_scope", scope_of(x));
    json_set_int(document, "response_bytes", x->asked->response_len);
}

json_t *explain_document(const struct facts *facts, const struct explain_question *question,
                         char error[EXPLAIN_ERROR_MAX])
{
    static const char *const promised[] = {"pool", "class", "site", "ttl", "ttl_reason"};
    char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
    struct asked *asked = xcalloc(1, sizeof *asked);
    if (explain_ask(asked, facts->generation->snapshot, question, facts->now_ms / 1000, error) !=
        0) {
        free(asked);
        return NULL;
    }
    struct explanation x = {.facts = facts,
                            .asked = asked,
                            .arena = arena_new(),
                            .given = question->client.family != IP_NONE};
    const struct answer_trace *t = &asked->trace;
    bool by_ecs =
        t->dynamic && t->has_type ? t->client_from_ecs : asked->ecs.addr.family != IP_NONE;
    x.client = t->dynamic && t->has_type ? t->client : by_ecs ? asked->ecs.addr : asked->resolver;
    json_t *document = json_object();
    json_set_text(document, "name", name_to_text(name, slice_of(asked->name, asked->name_len)));
    json_set_text(document, "type", rr_type_text(type, asked->type));
    set_client(document, &x, by_ecs);
    set_location(document, &x);
    json_set_text(document, "rcode", rcode_text(asked->rcode));
    set_answer(document, &x);
    set_limit(document, &x);
    set_nulls(document, promised, ARRAY_LEN(promised));
    arena_free(x.arena);
    free(asked);
    return document;
}
