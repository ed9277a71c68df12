/* SPDX-License-Identifier: Apache-2.0
 * Pools: what a DNS name is steered to. */
#include "config/pool_draft.h"

#include "base/vec.h"
#include "config/defaults.h"
#include "config/endpoints.h"

#include <stddef.h>

#define POOL(member) offsetof(struct pool, member)
#define ALL_DOWN_FORMS "serve_all, nodata, servfail or {fallback: POOL}"

static const struct schema_key ttl_value = {
    .name = "ttl", .kind = SCHEMA_SECONDS, .min = 0, .max = TTL_MAX};

static const struct schema_key ttl_keys[] = {
    {.name = "min",
     .kind = SCHEMA_SECONDS,
     .required = true,
     .offset = offsetof(struct ttl_range, min_s),
     .max = TTL_MAX,
     .doc = "Never less, however soon an endpoint may change.",
     .example = "5s"},
    {.name = "max",
     .kind = SCHEMA_SECONDS,
     .required = true,
     .offset = offsetof(struct ttl_range, max_s),
     .max = TTL_MAX,
     .doc = "Never more, however settled the endpoints are.",
     .example = "60s"},
};
const struct schema ttl_schema = {
    .title = "'ttl'",
    .doc = "The TTL follows from the checks: the soonest that anything which decides the answer "
           "could change, within these bounds.",
    SCHEMA_KEYS(ttl_keys)};

void ttl_range_read(struct load *load, const struct yaml_node *node, void *field)
{
    struct ttl_range *ttl = field;
    if (node->kind != YAML_MAP) {
        schema_read_value(load, &ttl_value, node, &ttl->min_s);
        ttl->max_s = ttl->min_s;
        return;
    }
    unsigned errors = load->diags->n_errors;
    schema_read(load, &ttl_schema, node, ttl);
    if (load->diags->n_errors == errors && ttl->min_s > ttl->max_s)
        diag_error(load->diags, node->span, "'ttl' has min %us above max %us, expected min <= max",
                   ttl->min_s, ttl->max_s);
}

void checks_list_read(struct load *load, const struct yaml_node *node, void *field)
{
    if (node->kind == YAML_LIST && node->n == 0)
        return; /* said in so many words: no checks */
    *(struct u32_list *)field = namespace_find_list(load, &load->checks, node, "'checks'");
}

static const struct schema_word pick_words[] = {PICK_KINDS(SCHEMA_WORD_OF)};

void node_keep(struct load *load, const struct yaml_node *node, void *field)
{
    (void)load;
    *(const struct yaml_node **)field = node;
}

struct all_down_form {
    const struct yaml_node *fallback;
};

static const struct schema_key all_down_keys[] = {
    {.name = "fallback",
     .kind = SCHEMA_CUSTOM,
     .read = node_keep,
     .required = true,
     .offset = offsetof(struct all_down_form, fallback),
     .type = "the name of a pool",
     .doc =
         "Answers as that pool would, with its own TTL and `answers` unless the name has some of "
         "its own. Pools may not fall back to one another in a circle.",
     .example = "sorry"},
};
const struct schema all_down_schema = {
    .title = "'on_all_down'",
    .doc = "Besides the words `serve_all` (answer as though all were up), `nodata` (no addresses) "
           "and `servfail`:",
    SCHEMA_KEYS(all_down_keys)};

static const struct schema_word all_down_words[] = {ALL_DOWN_WORDS(SCHEMA_WORD_OF)};
static const struct schema_key all_down_key = {.name = "on_all_down",
                                               .kind = SCHEMA_WORD,
                                               SCHEMA_WORDS(all_down_words),
                                               .type = ALL_DOWN_FORMS};

static void read_all_down(struct load *load, struct pool_draft *d)
{
    const struct yaml_node *node = d->all_down_node;
    d->pool.fallback = MODEL_NONE;
    if (!node)
        return;
    if (node->kind == YAML_MAP) {
        struct all_down_form form = {0};
        schema_read(load, &all_down_schema, node, &form);
        d->pool.on_all_down = ALL_DOWN_FALLBACK;
        if (form.fallback)
            d->pool.fallback = namespace_find(load, &load->pools, form.fallback, "'fallback'");
        d->pool.fallback_span = form.fallback ? form.fallback->span : node->span;
    } else {
        schema_read_value(load, &all_down_key, node, &d->pool.on_all_down);
    }
}

#define OF_ONE_POOL                                                              \
    2 /* keys, the last: `weight_from`, `sites`; `seed` has a message of its own \
       */

static const struct schema_key pool_keys[] = {
    {.name = "ttl",
     .kind = SCHEMA_CUSTOM,
     .offset = POOL(ttl),
     .read = ttl_range_read,
     .sub = &ttl_schema,
     .type = "a duration in whole seconds, or {min, max}",
     .fallback = "30s",
     .doc = "The TTL of answers. With {min, max} it follows from the checks: the soonest that "
            "anything which decides the answer could change, within the bounds.",
     .example = "{min: 5s, max: 60s}"},
    {.name = "checks",
     .kind = SCHEMA_CUSTOM,
     .offset = POOL(checks),
     .read = checks_list_read,
     .type = "a list of names of checks",
     .fallback_doc = "none: the endpoints are always up",
     .doc = "How the endpoints are probed. All checks must pass. An endpoint may have its own.",
     .example = "[web]"},
    {.name = "steer",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct pool_draft, steer_node),
     .read = node_keep,
     .sub = &steer_schema,
     .type = STEER_FORMS,
     .fallback_doc = "nearest",
     .doc = "How the sites are ordered for a client. The first that is up serves.",
     .example = "{map: world}"},
    {.name = "pick",
     .kind = SCHEMA_WORD,
     .offset = POOL(pick),
     SCHEMA_WORDS(pick_words),
     .fallback = "weighted",
     .doc = "Which of the site's endpoints that are up are answered.",
     .example = "sticky"},
    {.name = "answers",
     .kind = SCHEMA_U32,
     .offset = POOL(answers),
     .min = 1,
     .max = 1000,
     .fallback_doc = "1; for `pick: all` all of them",
     .doc = "At most this many addresses of a family are in an answer.",
     .example = "2"},
    {.name = "min_up",
     .kind = SCHEMA_SHARE,
     .offset = POOL(min_up),
     .fallback_doc = "any: one endpoint that is up is enough",
     .doc = "A site is up while at least this share of the weight of its endpoints is up. What is "
            "taken out on purpose does not count, neither as up nor in the total: endpoints that "
            "are drained, and those of weight 0. One that the operator put down counts as down.",
     .example = "50%"},
    {.name = "slow_start",
     .kind = SCHEMA_MS,
     .offset = POOL(slow_start_ms),
     .at = POOL(slow_start_at),
     .min = 1000,
     .max = 24 * 3600 * 1000,
     .fallback = NULL,
     .fallback_doc = "none: its whole weight at once",
     .doc = "How long an endpoint that begins to serve takes to its whole weight, in 16 steps, so "
            "that caches and pools of connections fill: with `pick: weighted` and `sticky`. Not at "
            "a start of loadstard; endpoints that begin together share as they would.",
     .example = "2m"},
    {.name = "on_all_down",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct pool_draft, all_down_node),
     .read = node_keep,
     .sub = &all_down_schema,
     .type = ALL_DOWN_FORMS,
     .fallback_doc = "serve_all",
     .doc = "What is answered when no endpoint of any site is up, for each family by itself. "
            "`serve_all` answers as though they were up. Endpoints that the operator put down or "
            "drained are never answered: when only those are left, there are no addresses.",
     .example = "{fallback: sorry}"},
    /* What follows is of one pool, and no default of many. */
    {.name = "seed",
     .kind = SCHEMA_TEXT,
     .offset = POOL(seed),
     .fallback_doc = "the pool's name",
     .doc =
         "For `pick: sticky`: what clients are assigned by, besides the endpoints. Pools with one "
         "seed assign a client alike where they have the same endpoints, and a pool that gets "
         "another name keeps its clients by the old one as seed.",
     .example = "www"},
    {.name = "weight_from",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct pool_draft, weight_from),
     .sub = &weight_from_schema,
     .read = weight_from_read,
     .type = "a mapping",
     .fallback_doc = "none: weights are as configured, and as ordered",
     .doc = "Weights that follow the sessions of a tier, so that a loaded site gets fewer clients.",
     .example = "{tier: vip-web, target_sessions: 2000}"},
    {.name = "sites",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = offsetof(struct pool_draft, sites_node),
     .read = node_keep,
     .sub = &endpoint_schema,
     .entry = "SITE",
     .type = "a mapping from sites to lists of endpoints",
     .doc = "The endpoints by site. An endpoint is an address, or a mapping with the keys below. "
            "All endpoints of a pool are addresses, or all are `cname`.",
     .example = "{ams: [192.0.2.11, {address: 192.0.2.12, weight: 10}], iad: [\"2001:db8::1\"]}"},
};
const struct schema pool_schema = {
    .title = "pool",
    .doc = "What a DNS name is steered to: endpoints by site, and the policies that choose.",
    SCHEMA_KEYS(pool_keys)};

static void read_sites(struct load *load, struct pool_draft *d, uint32_t pool)
{
    const struct yaml_node *node = d->sites_node;
    if (!node)
        return;
    if (node->kind != YAML_MAP || node->n == 0) {
        load_expected(load, node, "'sites'", "a mapping: SITE: [ENDPOINT...]");
        return;
    }
    d->sites = arena_calloc(load->arena, node->n, sizeof *d->sites);
    for (uint32_t i = 0; i < node->n; i++) {
        uint32_t site = namespace_find(load, &load->sites, node->pairs[i].key, "a key of 'sites'");
        if (site == MODEL_NONE)
            continue;
        struct pool_site *s = &d->sites[d->pool.n_sites++];
        s->site = site;
        s->first_endpoint = (uint32_t)load->endpoints.n;
        s->n_endpoints = endpoints_read(load, node->pairs[i].value, pool, site);
        for (uint32_t e = s->first_endpoint; e < s->first_endpoint + s->n_endpoints; e++) {
            s->has_v4 |= load->endpoints.v[e].addr.family == IP_V4;
            s->has_v6 |= load->endpoints.v[e].addr.family == IP_V6;
        }
    }
    d->pool.sites = d->sites;
    d->pool.named = arena_calloc(load->arena, d->pool.n_sites, sizeof *d->pool.named);
}

/* What kinds of answers the pool has, and whether its endpoints agree on it. */
static void classify(struct load *load, struct pool *pool, uint32_t first)
{
    const struct endpoint *odd = NULL;
    bool weight = false;
    for (size_t i = first; i < load->endpoints.n; i++) {
        const struct endpoint *e = &load->endpoints.v[i];
        bool is_cname = e->cname.n > 0;
        if (i == first)
            pool->is_cname = is_cname;
        else if (is_cname != pool->is_cname && !odd)
            odd = e;
        pool->has_v4 |= e->addr.family == IP_V4;
        pool->has_v6 |= e->addr.family == IP_V6;
        weight |= e->weight > 0;
    }
    if (odd)
        diag_error(load->diags, odd->span,
                   "pool '%s' mixes addresses and 'cname', expected one kind in the whole pool",
                   pool->name);
    if (!weight && load->endpoints.n > first)
        diag_warning(load->diags, pool->span,
                     "pool '%s' never serves: all its endpoints have weight 0", pool->name);
}

static const struct schema pool_defaults_schema = {
    .title = "'pool' of 'defaults'",
    .keys = pool_keys,
    .n_keys = ARRAY_LEN(pool_keys) - OF_ONE_POOL,
};

bool pool_defaults_judge(struct load *load, const struct yaml_node *node)
{
    struct pool_draft d = {0};
    unsigned errors = load->diags->n_errors;
    const struct yaml_node *seed = yaml_get(node, "seed");
    schema_read(load, &pool_defaults_schema, node, &d);
    if (seed)
        diag_error(load->diags, seed->span,
                   "'seed' of 'defaults' would make all pools assign clients alike, expected it in "
                   "those pools that are meant to");
    steer_judge(load, &d);
    read_all_down(load, &d);
    return load->diags->n_errors == errors;
}

/* A name has one CNAME: defaults that say otherwise are those of other pools. */
static void check_cname_policy(struct load *load, const struct definition *def, struct pool *pool)
{
    const struct yaml_node *answers = yaml_get(def->value, "answers"),
                           *pick = yaml_get(def->value, "pick");
    if (answers && pool->answers > 1)
        diag_error(load->diags, answers->span,
                   "'answers' is %u in a pool of 'cname', expected 1: a name has one CNAME",
                   pool->answers);
    if (pick && pool->pick == PICK_ALL)
        diag_error(load->diags, pick->span,
                   "'pick' is all in a pool of 'cname', expected weighted, ordered or sticky: a "
                   "name has one CNAME");
    if (!answers)
        pool->answers = 1;
    if (!pick && pool->pick == PICK_ALL)
        pool->pick = PICK_WEIGHTED;
}

static void read_pool(struct load *load, const struct definition *def, struct pool *out,
                      uint32_t index)
{
    struct pool_draft d = {0};
    uint32_t first = (uint32_t)load->endpoints.n;
    schema_read_named(load, &pool_schema, def->name, defaults_apply(load, def), &d);
    d.pool.name = def->name;
    d.pool.span = def->key->span;
    read_sites(load, &d, index);
    if (d.pool.n_sites)
        steer_read(load, &d);
    read_all_down(load, &d);
    if (d.pool.fallback == index && defaults_decide(def, "on_all_down")) {
        d.pool.on_all_down = ALL_DOWN_SERVE_ALL;
        d.pool.fallback = MODEL_NONE;
    }
    classify(load, &d.pool, first);
    endpoints_key(load, first);
    if (d.pool.is_cname)
        check_cname_policy(load, def, &d.pool);
    if (!d.pool.answers)
        d.pool.answers = d.pool.pick == PICK_ALL ? ANSWERS_ALL : 1;
    d.pool.weight_from = d.weight_from.from;
    d.pool.weight_from.tier = MODEL_NONE;
    if (d.weight_from.tier)
        *vec_push(&load->weights_from) = (struct weight_source){index, d.weight_from.tier};
    *out = d.pool;
}

/* Those that are broken are told once, and not by every pool. */
static void judge_defaults(struct load *load)
{
    for (size_t i = 0; i < load->pool_defaults.n; i++) {
        const struct yaml_node *node = load->pool_defaults.v[i];
        if (pool_defaults_judge(load, node))
            continue;
        for (size_t k = 0; k < load->pools.n; k++)
            if (load->pools.v[k].defaults == node)
                load->pools.v[k].defaults = NULL;
    }
}

void pools_read(struct load *load)
{
    uint32_t n = (uint32_t)load->pools.n;
    struct pool *v = arena_calloc(load->arena, n, sizeof *v);
    judge_defaults(load);
    for (uint32_t i = 0; i < n; i++)
        read_pool(load, &load->pools.v[i], &v[i], i);
    struct model *m = load->model;
    m->pools = load->pool_table = v;
    m->n_pools = n;
    m->n_endpoints = (uint32_t)load->endpoints.n;
    m->endpoints = vec_to_arena(&load->endpoints, load->arena);
}
