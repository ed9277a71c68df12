/* SPDX-License-Identifier: Apache-2.0
 * The documents on pools, endpoints, sites, checks and events. */
#include "ctl/documents.h"

#include "control/json.h"
#include "dns/name.h"
#include "out/events.h"
#include "out/standing.h"

#include <stdlib.h>

static const struct model *model_of(const struct facts *f)
{
    return f->generation->model;
}

void document_set_since(json_t *object, const struct facts *f, int64_t since_ms)
{
    if (since_ms <= 0)
        return;
    json_set_time(object, "since", since_ms);
    json_set_int(object, "since_s", (f->now_ms - since_ms) / 1000);
}

/* Pools */

static const char *steer_text(struct arena *arena, const struct model *m, const struct pool *pool)
{
    const char *text = "";
    switch (pool->steer) {
    case STEER_NEAREST:
    case STEER_ALL:
        return steer_word(pool->steer);
    case STEER_MAP:
        return arena_printf(arena, "map %s", m->maps[pool->map].name);
    case STEER_ORDER:
        for (uint32_t i = 0; i < pool->order.n; i++)
            text = arena_printf(arena, "%s %s", text, m->sites[pool->order.v[i]].name);
        return arena_printf(arena, "order%s", text);
    case STEER_SPLIT:
        for (uint32_t i = 0; i < pool->n_sites; i++)
            text = arena_printf(arena, "%s %s:%u", text, m->sites[pool->sites[i].site].name,
                                pool->sites[i].split_weight);
        return arena_printf(arena, "split%s", text);
    }
    return text;
}

static const char *all_down_text(struct arena *arena, const struct model *m,
                                 const struct pool *pool)
{
    if (pool->on_all_down == ALL_DOWN_FALLBACK)
        return arena_printf(arena, "fallback %s", m->pools[pool->fallback].name);
    return all_down_word(pool->on_all_down);
}

static void set_policy(json_t *object, const struct facts *f, struct arena *arena,
                       const struct pool *pool)
{
    const struct model *m = model_of(f);
    json_set_text(object, "steer", steer_text(arena, m, pool));
    json_set_text(object, "pick", pick_word(pool->pick));
    if (pool->answers != ANSWERS_ALL)
        json_set_int(object, "answers", pool->answers);
    json_t *ttl = json_set_object(object, "ttl");
    json_set_int(ttl, "min_s", pool->ttl.min_s);
    json_set_int(ttl, "max_s", pool->ttl.max_s);
    json_set_real(object, "min_up", pool->min_up, 4);
    json_set_text(object, "on_all_down", all_down_text(arena, m, pool));
    json_t *checks = json_set_array(object, "checks");
    for (uint32_t i = 0; i < pool->checks.n; i++)
        json_array_append_new(checks, json_text(m->checks[pool->checks.v[i]].name));
}

static json_t *pool_site_json(const struct facts *f, const struct site_standing *s,
                              const struct place_level *level, uint32_t n_frozen)
{
    json_t *object = json_object();
    json_set_int(object, "frozen", n_frozen);
    json_set_text(object, "name", model_of(f)->sites[s->site].name);
    json_set_bool(object, "up", s->up);
    json_set_text(object, "state", level_text((enum level)level->level));
    document_set_since(object, f, level->since_ms);
    json_set_text(object, "reason", s->reason);
    json_set_int(object, "endpoints_up", s->n_up);
    json_set_int(object, "endpoints", s->n);
    json_set_int(object, "up_weight", (int64_t)s->up_weight);
    json_set_int(object, "weight", (int64_t)s->total_weight);
    return object;
}

static json_t *pool_json(const void *facts, struct arena *arena, uint32_t index)
{
    const struct facts *f = facts;
    const struct model *m = model_of(f);
    const struct pool *pool = &m->pools[index];
    const struct pool_level *level = &f->levels->pools[index];
    struct pool_standing standing;
    json_t *object = json_object();
    pool_standing(&standing, arena, m, f->states, index);
    json_set_text(object, "name", pool->name);
    json_set_text(object, "state", level_text((enum level)level->level));
    json_set_int(object, "up", level->n_up);
    json_set_int(object, "total", level->n);
    document_set_since(object, f, level->since_ms);
    json_set_text(object, "why", standing.why);
    set_policy(object, f, arena, pool);
    json_t *sites = json_set_array(object, "sites");
    uint32_t n_frozen = 0;
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct place_level *place = &f->levels->places[level->first_place + i];
        uint32_t n = site_n_frozen(&pool->sites[i], f->states);
        json_array_append_new(sites, pool_site_json(f, &standing.sites[i], place, n));
        n_frozen += n;
    }
    json_set_int(object, "frozen", n_frozen);
    return object;
}

static const char *key_of_pool(const void *facts, struct arena *arena, uint32_t index)
{
    (void)arena;
    return model_of(facts)->pools[index].name;
}

json_t *document_pools(const struct facts *f, const struct window *window)
{
    return window_document(window, &(struct listing){"pools", 0, model_of(f)->n_pools, f,
                                                     key_of_pool, pool_json});
}

/* Sites */

/* Returns the pools for which it is not up, with reasons. */
static const char *add_site_pools(json_t *list, uint32_t *n_frozen, const struct facts *f,
                                  struct arena *arena, uint32_t site)
{
    const struct model *m = model_of(f);
    const char *why = "";
    uint32_t n_pools = model_steering_pools(m);
    for (uint32_t p = 0; p < n_pools; p++)
        for (uint32_t i = 0; i < m->pools[p].n_sites; i++) {
            if (m->pools[p].sites[i].site != site)
                continue;
            struct site_standing s;
            verdict_site_standing(&s, arena, m, p, i, f->states);
            json_t *object = json_object();
            json_set_text(object, "pool", m->pools[p].name);
            json_set_bool(object, "up", s.up);
            json_set_text(object, "reason", s.reason);
            json_array_append_new(list, object);
            *n_frozen += site_n_frozen(&m->pools[p].sites[i], f->states);
            if (!s.up)
                why = arena_printf(arena, "%s%s%s: %s", why, *why ? "; " : "", m->pools[p].name,
                                   s.reason);
        }
    return why;
}

static json_t *site_json(const void *facts, struct arena *arena, uint32_t index)
{
    const struct facts *f = facts;
    const struct site *site = &model_of(f)->sites[index];
    const struct site_level *level = &f->levels->sites[index];
    json_t *object = json_object(), *pools = json_array();
    uint32_t n_frozen = 0;
    const char *why = add_site_pools(pools, &n_frozen, f, arena, index);
    json_set_text(object, "name", site->name);
    json_set_text(object, "state", level_text((enum level)level->level));
    json_set_int(object, "up", level->n_up);
    json_set_int(object, "total", level->n);
    json_set_int(object, "pools_up", level->n_pools_up);
    document_set_since(object, f, level->since_ms);
    json_set_int(object, "frozen", n_frozen);
    json_set_text(object, "why", why);
    if (site->located) {
        json_t *location = json_set_array(object, "location");
        json_array_append_new(location, json_real(site->latitude));
        json_array_append_new(location, json_real(site->longitude));
    }
    json_object_set_new(object, "pools", pools);
    return object;
}

static const char *key_of_site(const void *facts, struct arena *arena, uint32_t index)
{
    (void)arena;
    return model_of(facts)->sites[index].name;
}

json_t *document_sites(const struct facts *f, const struct window *window)
{
    return window_document(window, &(struct listing){"sites", 0, model_of(f)->n_sites, f,
                                                     key_of_site, site_json});
}

/* Checks */

static json_t *probe_json(const void *facts, struct arena *arena, uint32_t index)
{
    const struct facts *f = facts;
    const struct probe_info *probe = &f->probes[index];
    const struct check *check = &model_of(f)->checks[probe->check];
    char ip[IP_TEXT_MAX];
    json_t *object = json_object();
    (void)arena;
    json_set_text(object, "check", check->name);
    json_set_text(object, "type", check_type_word(check->type));
    if (probe->addr.family != IP_NONE)
        json_set_text(object, "address", ip_text(ip, &probe->addr));
    if (probe->port)
        json_set_int(object, "port", probe->port);
    json_set_text(object, "state", health_text(probe->health));
    document_set_since(object, f, probe->since_ms);
    json_set_text(object, "why", probe->reason ? probe->reason : "");
    if (probe->latency_us)
        json_set_real(object, "latency_ms", probe->latency_us / 1000.0, 3);
    json_set_time(object, "last", probe->last_ms);
    json_set_int(object, "ok", (int64_t)probe->n_ok);
    json_set_int(object, "failed", (int64_t)probe->n_failed);
    json_set_int(object, "untried", (int64_t)probe->n_untried);
    json_set_int(object, "endpoints", probe->n_endpoints);
    json_set_real(object, "interval_s", check->interval_ms / 1000.0, 3);
    return object;
}

static const char *key_of_probe(const void *facts, struct arena *arena, uint32_t index)
{
    const struct facts *f = facts;
    const struct probe_info *probe = &f->probes[index];
    char ip[IP_TEXT_MAX];
    return arena_printf(arena, "%s/%s/%u", model_of(f)->checks[probe->check].name,
                        ip_text(ip, &probe->addr), probe->port);
}

json_t *document_checks(const struct facts *f, const struct window *window)
{
    return window_document(window, &(struct listing){"checks", 0, f->n_probes, f, key_of_probe,
                                                     probe_json});
}

/* Events */

json_t *document_events(uint64_t after, uint32_t limit)
{
    limit = limit < EVENTS_KEPT ? limit : EVENTS_KEPT;
    struct event *events = xcalloc(limit + 1, sizeof *events);
    uint32_t n = events_since(after, events, limit);
    json_t *document = json_object(), *list = json_set_array(document, "events");
    json_set_int(document, "last", (int64_t)events_last_id());
    for (uint32_t i = 0; i < n; i++) {
        json_t *object = json_object();
        json_set_int(object, "id", (int64_t)events[i].id);
        json_set_time(object, "at", events[i].at_ms);
        json_set_text(object, "severity",
                      event_severity_text((enum event_severity)events[i].severity));
        json_set_text(object, "target", events[i].target);
        json_set_text(object, "from", events[i].from);
        json_set_text(object, "to", events[i].to);
        json_set_text(object, "reason", events[i].reason);
        json_set_text(object, "effect", events[i].effect);
        if (events[i].by[0])
            json_set_text(object, "by", events[i].by);
        json_array_append_new(list, object);
    }
    free(events);
    return document;
}
