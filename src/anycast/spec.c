/* SPDX-License-Identifier: Apache-2.0
 * What prefix sets are, and by whom they are announced, copied from a model. */
#include "anycast/spec.h"

#include "model/copy.h"

#include <string.h>

#define COPY_ARRAY(arena, v, n) copy_array((arena), (v), (n), sizeof *(v))

/* ---- speakers ---- */

static void copy_speaker(struct arena *arena, struct speaker *s)
{
    s->name = copy_text(arena, s->name);
    s->socket = copy_text(arena, s->socket);
    s->file = copy_text(arena, s->file);
    s->command = copy_argv(arena, s->command);
    s->exabgp.to = copy_text(arena, s->exabgp.to);
    s->exabgp.from = copy_text(arena, s->exabgp.from);
    copy_span(arena, &s->span);
    copy_span(arena, &s->socket_at);
    copy_span(arena, &s->file_at);
    copy_span(arena, &s->command_at);
    copy_span(arena, &s->exabgp.to_at);
    copy_span(arena, &s->exabgp.from_at);
}

static const struct speaker *copy_speakers(struct arena *arena, const struct model *m)
{
    struct speaker *v = arena_calloc(arena, m->n_speakers, sizeof *v);
    for (uint32_t i = 0; i < m->n_speakers; i++) {
        v[i] = m->speakers[i];
        copy_speaker(arena, &v[i]);
    }
    return v;
}

/* ---- sets ---- */

static void copy_hook(struct arena *arena, struct anycast_hook *hook)
{
    hook->command = copy_argv(arena, hook->command);
    copy_span(arena, &hook->command_at);
}

/* What is of the model's indices goes: anycast_spec says the same. */
static const struct prefix_set *copy_config(struct arena *arena, const struct prefix_set *from)
{
    struct prefix_set *s = arena_calloc(arena, 1, sizeof *s);
    *s = *from;
    s->name = copy_text(arena, s->name);
    s->interface = copy_text(arena, s->interface);
    copy_span(arena, &s->span);
    copy_span(arena, &s->interface_at);
    s->site = MODEL_NONE;
    s->when = s->full = (struct anycast_needs){0};
    s->prefixes = COPY_ARRAY(arena, s->prefixes, s->n_prefixes);
    s->addresses = COPY_ARRAY(arena, s->addresses, s->n_addresses);
    s->self.name.p = copy_array(arena, s->self.name.p, s->self.name.n, 1);
    s->communities = COPY_ARRAY(arena, s->communities, s->n_communities);
    s->degraded.communities = COPY_ARRAY(arena, s->degraded.communities, s->degraded.n_communities);
    s->large_communities = COPY_ARRAY(arena, s->large_communities, s->n_large_communities);
    copy_hook(arena, &s->on_announce);
    copy_hook(arena, &s->on_withdraw);
    return s;
}

static const char *pool_name(struct arena *arena, const struct model *m,
                             const struct anycast_pool *need)
{
    const char *pool = m->pools[need->pool].name;
    return need->site == MODEL_NONE
               ? arena_printf(arena, "pool %s", pool)
               : arena_printf(arena, "pool %s/%s", pool, m->sites[need->site].name);
}

static const char *check_name(struct arena *arena, const struct model *m, uint32_t endpoint)
{
    const struct endpoint *e = &m->endpoints[endpoint];
    char text[IP_TEXT_MAX];
    return arena_printf(arena, "check %s %s", m->checks[e->checks.v[0]].name,
                        ip_text(text, &e->addr));
}

static struct anycast_condition *add_needs(struct arena *arena, struct anycast_condition *out,
                                           const struct model *m, const struct anycast_needs *needs,
                                           bool is_full)
{
    for (uint32_t i = 0; i < needs->n_pools; i++) {
        const struct anycast_pool *need = &needs->pools[i];
        *out++ = (struct anycast_condition){.name = pool_name(arena, m, need),
                                            .is_full = is_full,
                                            .pool = need->pool,
                                            .site = need->site,
                                            .endpoint = MODEL_NONE,
                                            .min_up = need->min_up};
    }
    for (uint32_t i = 0; i < needs->n_endpoints; i++) {
        const struct endpoint *e = &m->endpoints[needs->endpoints[i]];
        *out++ = (struct anycast_condition){.name = check_name(arena, m, needs->endpoints[i]),
                                            .is_full = is_full,
                                            .pool = e->pool,
                                            .site = e->site,
                                            .endpoint = needs->endpoints[i]};
    }
    return out;
}

static void make_spec(struct arena *arena, struct anycast_spec *spec, const struct model *m,
                      const struct prefix_set *s)
{
    uint32_t n = s->when.n_pools + s->when.n_endpoints + s->full.n_pools + s->full.n_endpoints;
    struct anycast_condition *v = arena_calloc(arena, n, sizeof *v);
    spec->config = copy_config(arena, s);
    spec->name = spec->config->name;
    spec->site = s->site == MODEL_NONE ? "" : arena_strdup(arena, m->sites[s->site].name);
    spec->ifname = s->hold == ANYCAST_HOLD_TUN ? arena_printf(arena, "ls-%s", s->name) : NULL;
    spec->addresses = spec->config->addresses;
    spec->n_addresses = s->n_addresses;
    spec->speaker = s->speaker;
    spec->conditions = v;
    spec->n_conditions = n;
    v = add_needs(arena, v, m, &s->when, false);
    add_needs(arena, v, m, &s->full, true);
    spec->timing = (struct announcer_config){.rise_ms = s->rise_ms,
                                             .fall_ms = s->fall_ms,
                                             .drain_ms = s->drain_ms,
                                             .graceful = s->shutdown == ANYCAST_GRACEFUL};
}

struct anycast_set *anycast_set_new(const struct model *model)
{
    if (model->n_prefix_sets == 0)
        return NULL;
    struct arena *arena = arena_new();
    struct anycast_set *set = arena_calloc(arena, 1, sizeof *set);
    struct anycast_spec *specs = arena_calloc(arena, model->n_prefix_sets, sizeof *specs);
    atomic_init(&set->n_holds, 1);
    set->arena = arena;
    set->node = arena_strdup(arena, model->server.node ? model->server.node : "");
    set->state_dir = copy_text(arena, model->server.state_dir);
    set->speakers = copy_speakers(arena, model);
    set->n_speakers = model->n_speakers;
    for (uint32_t i = 0; i < model->n_prefix_sets; i++)
        make_spec(arena, &specs[i], model, &model->prefix_sets[i]);
    set->sets = specs;
    set->n_sets = model->n_prefix_sets;
    return set;
}

struct anycast_set *anycast_set_hold(struct anycast_set *set)
{
    atomic_fetch_add_explicit(&set->n_holds, 1, memory_order_relaxed);
    return set;
}

void anycast_set_release(struct anycast_set *set)
{
    if (set && atomic_fetch_sub_explicit(&set->n_holds, 1, memory_order_acq_rel) == 1)
        arena_free(set->arena); /* the set itself is in there */
}
