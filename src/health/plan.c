/* SPDX-License-Identifier: Apache-2.0
 * What a model wants probed. */
#include "health/plan.h"

#include "base/clock.h"
#include "base/give_way.h"
#include "base/strmap.h"
#include "health/lanes.h"
#include "health/trial.h"

#include <math.h>
#include <stdlib.h>

/* Builds the bytes by which probes are the same: `check` is the check within one model, or its
 * definition across models. */
static void probe_key(struct buf *out, struct slice check, const struct check *def,
                      const struct model *model, uint32_t endpoint)
{
    const struct endpoint *e = &model->endpoints[endpoint];
    uint16_t port = check_port(def, e);
    out->n = 0;
    buf_add(out, check.p, check.n);
    if (def->type == CHECK_POOL)
        return;
    const struct ip *probed = endpoint_probed(e);
    buf_add(out, &probed->family, 1);
    buf_add(out, probed->b, sizeof probed->b);
    buf_add(out, &port, sizeof port);
    if (probed->family == IP_NONE)
        buf_add(out, e->cname.p, e->cname.n);
    if (check_is_personal(def))
        buf_printf(out, "/%s/%s/%s", model->pools[e->pool].name, model->sites[e->site].name,
                   e->label);
}

struct builder {
    struct plan *plan;
    const struct model *model;
    const struct credentials *credentials;
    struct prepared_check **checks; /* per check of the model; NULL until used */
    struct strmap by_key;
    struct buf key;
    uint32_t *n_users; /* per probe */
};

static void make_probe(struct builder *b, uint32_t index, uint32_t check, uint32_t endpoint)
{
    const struct check *def = &b->model->checks[check];
    const struct endpoint *e = &b->model->endpoints[endpoint];
    if (!b->checks[check])
        b->checks[check] = check_prepare(def, credentials_of(b->credentials, check));
    struct probe *p = &b->plan->probes[index];
    p->check = check_ref(b->checks[check]);
    p->check_index = check;
    p->subject = endpoint;
    p->next_derived = MODEL_NONE;
    p->derived_flip_s = 1;
    if (def->type == CHECK_POOL) {
        p->next_derived = b->plan->watchers[def->pool];
        b->plan->watchers[def->pool] = index;
        return;
    }
    p->addr = *endpoint_probed(e);
    p->port = check_port(def, e);
}

static uint32_t find_or_make(struct builder *b, uint32_t check, uint32_t endpoint)
{
    struct plan *plan = b->plan;
    probe_key(&b->key, slice_of(&check, sizeof check), &b->model->checks[check], b->model,
              endpoint);
    struct slice key = slice_of(b->key.p, b->key.n);
    uint32_t known = strmap_get(&b->by_key, key);
    if (known != STRMAP_NONE)
        return known;
    key.p = arena_copy(plan->arena, key.p, key.n);
    strmap_add(&b->by_key, key, plan->n_probes);
    make_probe(b, plan->n_probes, check, endpoint);
    return plan->n_probes++;
}

static const struct u32_list *checks_of(const struct model *model, uint32_t endpoint)
{
    return endpoint_checks(model, &model->endpoints[endpoint]);
}

static void add_probes(struct builder *b)
{
    struct plan *plan = b->plan;
    uint32_t at = 0;
    for (uint32_t e = 0; e < b->model->n_endpoints; e++) {
        const struct u32_list *checks = checks_of(b->model, e);
        give_way_often();
        plan->first[e] = at;
        plan->keys[e] = endpoint_key(plan->arena, b->model, e);
        for (uint32_t i = 0; i < checks->n; i++) {
            uint32_t probe = find_or_make(b, checks->v[i], e);
            plan->of_endpoint[at++] = probe;
            b->n_users[probe]++;
        }
    }
    plan->first[b->model->n_endpoints] = at;
}

static void add_users(struct builder *b)
{
    struct plan *plan = b->plan;
    uint32_t n = plan->first[b->model->n_endpoints];
    uint32_t *users = arena_calloc(plan->arena, n, sizeof *users);
    uint32_t at = 0;
    for (uint32_t i = 0; i < plan->n_probes; i++) {
        plan->probes[i].users = users + at;
        at += b->n_users[i];
    }
    for (uint32_t e = 0; e < b->model->n_endpoints; e++)
        for (uint32_t i = plan->first[e]; i < plan->first[e + 1]; i++) {
            struct probe *p = &plan->probes[plan->of_endpoint[i]];
            users[(uint32_t)(p->users - users) + p->n_users++] = e;
        }
}

static int compare_ms(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The time within which at least `share` of the probes have their turn: interval plus timeout. */
static uint32_t window_ms(const struct plan *plan, double share)
{
    uint32_t *windows = xcalloc(plan->n_probes + 1u, sizeof *windows), n = 0;
    for (uint32_t i = 0; i < plan->n_probes; i++) {
        const struct check *check = &plan->probes[i].check->def;
        if (!probe_is_derived(&plan->probes[i]))
            windows[n++] = check->interval_ms + check->timeout_ms;
    }
    qsort(windows, n, sizeof *windows, compare_ms);
    uint32_t needed = (uint32_t)ceil(share * n);
    uint32_t ms = n ? windows[needed > 0 ? needed - 1 : 0] : 0;
    free(windows);
    return ms;
}

static void make_guard(struct plan *plan, const struct model *model)
{
    const struct guard_limits limits = {
        .off = model->server.panic.off,
        .share = model->server.panic.share,
        .probes = model->server.panic.probes,
        .sites = model->server.panic.sites,
        .window_ms = window_ms(plan, model->server.panic.share),
    };
    uint32_t *site_of = arena_calloc(plan->arena, plan->n_probes, sizeof *site_of);
    for (uint32_t i = 0; i < plan->n_probes; i++)
        site_of[i] = model->endpoints[plan->probes[i].subject].site;
    plan->held = arena_calloc(plan->arena, plan->n_probes, sizeof *plan->held);
    guard_init(&plan->guard, plan->arena, &limits, site_of, plan->n_probes, model->n_sites);
}

struct plan *plan_new(const struct model *model, const struct credentials *credentials)
{
    struct arena *arena = arena_new();
    struct plan *plan = arena_calloc(arena, 1, sizeof *plan);
    uint32_t most = 0;
    for (uint32_t e = 0; e < model->n_endpoints; e++)
        most += checks_of(model, e)->n;
    plan->arena = arena;
    atomic_init(&plan->n_holds, 1);
    wheel_init(&plan->due, clock_mono_ms());
    plan->probes = arena_calloc(arena, most, sizeof *plan->probes);
    plan->first = arena_calloc(arena, model->n_endpoints + 1u, sizeof *plan->first);
    plan->of_endpoint = arena_calloc(arena, most, sizeof *plan->of_endpoint);
    plan->keys = arena_calloc(arena, model->n_endpoints, sizeof *plan->keys);
    plan->watchers = arena_calloc(arena, model->n_pools, sizeof *plan->watchers);
    for (uint32_t i = 0; i < model->n_pools; i++)
        plan->watchers[i] = MODEL_NONE;

    struct builder b = {
        .plan = plan,
        .model = model,
        .credentials = credentials,
        .checks = xcalloc(model->n_checks + 1u, sizeof *b.checks),
        .n_users = xcalloc(most + 1u, sizeof *b.n_users),
    };
    add_probes(&b);
    add_users(&b);
    lanes_make(plan, model, model->server.exec_concurrency);
    make_guard(plan, model);
    worklist_init(&plan->touched, model->n_pools, false);
    plan->n_health[HEALTH_UNKNOWN] = model->n_endpoints;
    for (uint32_t i = 0; i < model->n_checks; i++)
        check_unref(b.checks[i]);
    free(b.checks);
    free(b.n_users);
    strmap_free(&b.by_key);
    buf_free(&b.key);
    return plan;
}

struct plan *plan_hold(struct plan *plan)
{
    atomic_fetch_add_explicit(&plan->n_holds, 1, memory_order_relaxed);
    return plan;
}

void plan_free(struct plan *plan)
{
    if (!plan || atomic_fetch_sub_explicit(&plan->n_holds, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < plan->n_probes; i++) {
        check_unref(plan->probes[i].check);
        free(plan->probes[i].reason);
        free(plan->probes[i].untried);
    }
    worklist_free(&plan->touched);
    arena_free(plan->arena);
}

static char *copy_text(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

void plan_carry(struct probe *to, const struct probe *from)
{
    free(to->reason);
    free(to->untried);
    to->fsm = from->fsm;
    to->told = from->told;
    to->told_before = from->told_before;
    to->silent = from->silent;
    to->fell_silent = from->fell_silent;
    to->since_before_ms = from->since_before_ms;
    to->fell_ms = from->fell_ms;
    to->in_question = from->in_question;
    to->hastened_ms = from->hastened_ms;
    to->hasten_told_ms = from->hasten_told_ms;
    to->stale = from->stale;
    to->latency_us = from->latency_us;
    to->n_ok = from->n_ok;
    to->n_failed = from->n_failed;
    to->since_ms = from->since_ms;
    to->last_ms = from->last_ms;
    to->last_mono_ms = from->last_mono_ms;
    to->n_untried = from->n_untried;
    to->reason = copy_text(from->reason);
    to->untried = copy_text(from->untried);
}

struct matcher {
    struct plan_match *match;
    const struct plan *plan, *before;
    const struct model *model, *model_before;
    bool by_name;
    struct buf key;
};

static struct slice match_key(struct matcher *m, const struct model *model, const struct probe *p)
{
    probe_key(&m->key, p->check->key, &p->check->def, model, p->subject);
    if (m->by_name)
        buf_add(&m->key, p->check->def.name, strlen(p->check->def.name) + 1);
    return slice_of(m->key.p, m->key.n);
}

/* Matches those that have no match yet, each with one. */
static void match_once(struct matcher *m)
{
    struct strmap by_key = {0};
    struct arena *scratch = arena_new();
    for (uint32_t i = 0; i < m->before->n_probes; i++) {
        const struct probe *p = &m->before->probes[i];
        give_way_often();
        if (m->match->to[i] != MODEL_NONE || probe_is_derived(p))
            continue;
        struct slice key = match_key(m, m->model_before, p);
        strmap_add(&by_key, slice_of(arena_copy(scratch, key.p, key.n), key.n), i);
    }
    for (uint32_t i = 0; by_key.n > 0 && i < m->plan->n_probes; i++) {
        const struct probe *p = &m->plan->probes[i];
        give_way_often();
        if (m->match->from[i] != MODEL_NONE || probe_is_derived(p))
            continue;
        uint32_t from = strmap_get(&by_key, match_key(m, m->model, p));
        if (from == STRMAP_NONE || m->match->to[from] != MODEL_NONE)
            continue;
        m->match->from[i] = from;
        m->match->to[from] = i;
    }
    strmap_free(&by_key);
    arena_free(scratch);
}

static uint32_t *none_of(uint32_t n)
{
    uint32_t *v = xcalloc(n + 1u, sizeof *v);
    for (uint32_t i = 0; i < n; i++)
        v[i] = MODEL_NONE;
    return v;
}

void plan_match(struct plan_match *match, const struct plan *plan, const struct model *model,
                const struct plan *before, const struct model *model_before)
{
    struct matcher m = {match, plan, before, model, model_before, true, {0}};
    match->from = none_of(plan->n_probes);
    match->to = none_of(before->n_probes);
    match_once(&m); /* of checks that ask the same, each goes on as itself */
    m.by_name = false;
    match_once(&m); /* one may have another name now */
    buf_free(&m.key);
}

void plan_match_free(struct plan_match *match)
{
    free(match->from);
    free(match->to);
}
