/* SPDX-License-Identifier: Apache-2.0
 * Pools: what a DNS name is steered to. */
#include "config/parts.h"

#include "base/vec.h"
#include "config/endpoints.h"

#include <stddef.h>

#define POOL(member) offsetof(struct pool, member)
#define STEER_FORMS "nearest, all, {map: NAME}, {order: [SITE...]} or {split: {SITE: WEIGHT...}}"
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

static void read_checks(struct load *load, const struct yaml_node *node, void *field)
{
    if (node->kind == YAML_LIST && node->n == 0)
        return; /* said in so many words: no checks */
    *(struct u32_list *)field = namespace_find_list(load, &load->checks, node, "'checks'");
}

/* A pool while it is read: values whose meaning depends on others are kept as they stand. */
struct draft {
    struct pool pool;
    struct pool_site *sites;
    const struct yaml_node *sites_node, *steer_node, *all_down_node;
};

static void keep(struct load *load, const struct yaml_node *node, void *field)
{
    (void)load;
    *(const struct yaml_node **)field = node;
}

struct steer_form {
    const struct yaml_node *map, *order, *split;
};

static const struct schema_key steer_keys[] = {
    {.name = "map",
     .kind = SCHEMA_CUSTOM,
     .read = keep,
     .offset = offsetof(struct steer_form, map),
     .type = "the name of a map",
     .doc = "The map orders the sites for each client. Sites of the map that the pool does not "
            "have are passed over.",
     .example = "world"},
    {.name = "order",
     .kind = SCHEMA_CUSTOM,
     .read = keep,
     .offset = offsetof(struct steer_form, order),
     .type = "a list of sites",
     .doc = "The same order for every client: the first site that is up serves.",
     .example = "[ams, iad]"},
    {.name = "split",
     .kind = SCHEMA_CUSTOM,
     .read = keep,
     .offset = offsetof(struct steer_form, split),
     .type = "a mapping from sites to weights",
     .doc = "Draws the site by weight (0 to 1000000) among those that are up.",
     .example = "{ams: 90, iad: 10}"},
};
const struct schema steer_schema = {
    .title = "'steer'",
    .doc = "Besides the words `nearest` (by great-circle distance from the client) and `all` (the "
           "endpoints of all sites as one set), a mapping with one of these keys.",
    SCHEMA_KEYS(steer_keys)};

static const struct schema_word steer_words[] = {{"nearest", STEER_NEAREST, "by distance"},
                                                 {"all", STEER_ALL, "all sites as one set"}};
static const struct schema_key steer_word = {
    .name = "steer", .kind = SCHEMA_WORD, SCHEMA_WORDS(steer_words), .type = STEER_FORMS};

static struct pool_site *find_site(const struct draft *d, uint32_t site)
{
    for (uint32_t i = 0; i < d->pool.n_sites; i++)
        if (d->sites[i].site == site)
            return &d->sites[i];
    return NULL;
}

/* The pool's entry for a site that its steering names; NULL after reporting. */
static struct pool_site *need_site(struct load *load, const struct draft *d,
                                   const struct yaml_node *node, uint32_t site)
{
    struct pool_site *found = site == MODEL_NONE ? NULL : find_site(d, site);
    if (!found && site != MODEL_NONE)
        diag_error(load->diags, node->span,
                   "pool '%s' has no endpoints in site '%s', expected a site of its 'sites'",
                   d->pool.name, load->sites.v[site].name);
    return found;
}

static void warn_unserved(struct load *load, const struct draft *d, const struct pool_site *site,
                          struct span span, const char *by)
{
    diag_warning(load->diags, span, "site '%s' of pool '%s' never serves: '%s' does not list it",
                 load->sites.v[site->site].name, d->pool.name, by);
}

static void read_order(struct load *load, struct draft *d, const struct yaml_node *node)
{
    struct u32_list order = namespace_find_list(load, &load->sites, node, "'order'");
    for (uint32_t i = 0; i < order.n; i++)
        (void)need_site(load, d, node->kind == YAML_LIST && i < node->n ? node->items[i] : node,
                        order.v[i]);
    for (uint32_t i = 0; i < d->pool.n_sites; i++) {
        bool listed = false;
        for (uint32_t j = 0; j < order.n; j++)
            listed |= order.v[j] == d->sites[i].site;
        if (!listed && order.n)
            warn_unserved(load, d, &d->sites[i], node->span, "order");
    }
    d->pool.steer = STEER_ORDER;
    d->pool.order = order;
}

static void read_split(struct load *load, struct draft *d, const struct yaml_node *node)
{
    static const struct schema_key weight = {
        .name = "weight", .kind = SCHEMA_U32, .min = 0, .max = WEIGHT_MAX};
    uint64_t total = 0;
    d->pool.steer = STEER_SPLIT;
    if (node->kind != YAML_MAP) {
        load_expected(load, node, "'split'", "a mapping: SITE: WEIGHT");
        return;
    }
    for (uint32_t i = 0; i < node->n; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        struct pool_site *site = need_site(
            load, d, pair->key, namespace_find(load, &load->sites, pair->key, "a key of 'split'"));
        uint32_t w = 0;
        schema_read_value(load, &weight, pair->value, &w);
        total += w;
        if (site)
            site->split_weight = w;
    }
    if (total == 0)
        diag_error(load->diags, node->span,
                   "'split' gives no site a weight, expected one above 0 at least");
    for (uint32_t i = 0; i < d->pool.n_sites; i++)
        if (!yaml_get(node, load->sites.v[d->sites[i].site].name))
            warn_unserved(load, d, &d->sites[i], node->span, "split");
}

static void check_locations(struct load *load, const struct draft *d, struct span span)
{
    if (d->pool.n_sites < 2)
        return;
    for (uint32_t i = 0; i < d->pool.n_sites; i++) {
        const struct site *site = &load->model->sites[d->sites[i].site];
        if (!site->located)
            diag_error(load->diags, span,
                       "pool '%s' steers by nearest, but site '%s' has no location, expected one "
                       "at %s:%u:%u",
                       d->pool.name, site->name, site->span.file, site->span.line,
                       site->span.column);
    }
}

/* A map or a site where only words may stand: what was meant is plain. */
static bool refuse_bare_name(struct load *load, const struct yaml_node *node)
{
    struct slice name = slice_of(node->text, node->n);
    if (strmap_get(&load->maps.index, name) != STRMAP_NONE)
        diag_error(load->diags, node->span, "unknown steer '%s', did you mean {map: %s}?",
                   node->text, node->text);
    else if (strmap_get(&load->sites.index, name) != STRMAP_NONE)
        diag_error(load->diags, node->span, "unknown steer '%s', did you mean {order: [%s]}?",
                   node->text, node->text);
    else
        return false;
    return true;
}

static void read_steer(struct load *load, struct draft *d)
{
    const struct yaml_node *node = d->steer_node;
    if (!node || (node->kind == YAML_SCALAR && !yaml_is_empty(node))) {
        d->pool.steer = STEER_NEAREST;
        if (node && refuse_bare_name(load, node))
            return;
        if (node)
            schema_read_value(load, &steer_word, node, &d->pool.steer);
        if (d->pool.steer == STEER_NEAREST)
            check_locations(load, d, node ? node->span : d->pool.span);
        return;
    }
    if (node->kind != YAML_MAP || node->n != 1) {
        load_expected(
            load, node, "'steer'",
            "nearest, all, {map: NAME}, {order: [SITE...]} or {split: {SITE: WEIGHT...}}");
        return;
    }
    struct steer_form form = {0};
    schema_read(load, &steer_schema, node, &form);
    if (form.map) {
        d->pool.steer = STEER_MAP;
        d->pool.map = namespace_find(load, &load->maps, form.map, "'map'");
    } else if (form.order) {
        read_order(load, d, form.order);
    } else if (form.split) {
        read_split(load, d, form.split);
    }
}

static const struct schema_word pick_words[] = {
    {"weighted", PICK_WEIGHTED, "Draws by weight for every query."},
    {"all", PICK_ALL, "All of them."},
    {"ordered", PICK_ORDERED, "The first ones in the order of the file."},
    {"sticky", PICK_STICKY,
     "By weight, but the same for all queries from one client network (/24 or /56)."},
};

struct all_down_form {
    const struct yaml_node *fallback;
};

static const struct schema_key all_down_keys[] = {
    {.name = "fallback",
     .kind = SCHEMA_CUSTOM,
     .read = keep,
     .required = true,
     .offset = offsetof(struct all_down_form, fallback),
     .type = "the name of a pool",
     .doc = "Answers as that pool would. Pools may not fall back to one another in a circle.",
     .example = "sorry"},
};
const struct schema all_down_schema = {
    .title = "'on_all_down'",
    .doc = "Besides the words `serve_all` (answer as though all were up), `nodata` (no addresses) "
           "and `servfail`:",
    SCHEMA_KEYS(all_down_keys)};

static const struct schema_word all_down_words[] = {
    {"serve_all", ALL_DOWN_SERVE_ALL, "As though all endpoints were up."},
    {"nodata", ALL_DOWN_NODATA, "The name exists, but has no addresses."},
    {"servfail", ALL_DOWN_SERVFAIL, "Resolvers try another server, or serve stale data."},
};
static const struct schema_key all_down_word = {.name = "on_all_down",
                                                .kind = SCHEMA_WORD,
                                                SCHEMA_WORDS(all_down_words),
                                                .type = ALL_DOWN_FORMS};

static void read_all_down(struct load *load, struct draft *d)
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
        schema_read_value(load, &all_down_word, node, &d->pool.on_all_down);
    }
}

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
     .read = read_checks,
     .type = "a list of names of checks",
     .fallback_doc = "none: the endpoints are always up",
     .doc = "How the endpoints are probed. All checks must pass.",
     .example = "[web]"},
    {.name = "steer",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct draft, steer_node),
     .read = keep,
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
     .doc = "A site is up while at least this share of the weight of its endpoints is up.",
     .example = "50%"},
    {.name = "on_all_down",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct draft, all_down_node),
     .read = keep,
     .sub = &all_down_schema,
     .type = ALL_DOWN_FORMS,
     .fallback_doc = "serve_all",
     .doc = "What is answered when no endpoint of any site is up, for each family by itself. "
            "`serve_all` answers as though they were up. Endpoints that the operator put down or "
            "drained are never answered: when only those are left, there are no addresses.",
     .example = "{fallback: sorry}"},
    {.name = "sites",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = offsetof(struct draft, sites_node),
     .read = keep,
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

static void read_sites(struct load *load, struct draft *d, uint32_t pool)
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
    }
    d->pool.sites = d->sites;
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

static void check_cname_policy(struct load *load, const struct pool *pool,
                               const struct yaml_node *node)
{
    const struct yaml_node *answers = yaml_get(node, "answers"), *pick = yaml_get(node, "pick");
    if (!pool->is_cname)
        return;
    if (answers && pool->answers > 1)
        diag_error(load->diags, answers->span,
                   "'answers' is %u in a pool of 'cname', expected 1: a name has one CNAME",
                   pool->answers);
    if (pick && pool->pick == PICK_ALL)
        diag_error(load->diags, pick->span,
                   "'pick' is all in a pool of 'cname', expected weighted, ordered or sticky: a "
                   "name has one CNAME");
}

static void read_pool(struct load *load, const struct definition *def, struct pool *out,
                      uint32_t index)
{
    struct draft d = {0};
    uint32_t first = (uint32_t)load->endpoints.n;
    schema_read_named(load, &pool_schema, def->name, def->value, &d);
    d.pool.name = def->name;
    d.pool.span = def->key->span;
    read_sites(load, &d, index);
    if (d.pool.n_sites)
        read_steer(load, &d);
    read_all_down(load, &d);
    classify(load, &d.pool, first);
    check_cname_policy(load, &d.pool, def->value);
    if (!d.pool.answers)
        d.pool.answers = d.pool.pick == PICK_ALL ? ANSWERS_ALL : 1;
    *out = d.pool;
}

void pools_read(struct load *load)
{
    uint32_t n = (uint32_t)load->pools.n;
    struct pool *v = arena_calloc(load->arena, n, sizeof *v);
    for (uint32_t i = 0; i < n; i++)
        read_pool(load, &load->pools.v[i], &v[i], i);
    struct model *m = load->model;
    m->pools = v;
    m->n_pools = n;
    m->n_endpoints = (uint32_t)load->endpoints.n;
    m->endpoints = vec_to_arena(&load->endpoints, load->arena);
}

static void add_sites(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    namespace_add(load, &load->sites, node);
}

static void add_checks(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    namespace_add(load, &load->checks, node);
}

static void add_maps(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    namespace_add(load, &load->maps, node);
}

static void add_pools(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    namespace_add(load, &load->pools, node);
}

static const struct schema_key pools_keys[] = {
    {.name = "sites",
     .kind = SCHEMA_CUSTOM,
     .read = add_sites,
     .sub = &site_schema,
     .entry = "NAME",
     .type = "a mapping from names to sites",
     .fallback_doc = "none",
     .doc = "The places that serve.",
     .example = "{ams: {location: [52.31, 4.76]}}"},
    {.name = "checks",
     .kind = SCHEMA_CUSTOM,
     .read = add_checks,
     .sub = &check_schema,
     .entry = "NAME",
     .type = "a mapping from names to checks",
     .fallback_doc = "none",
     .doc = "How the health of endpoints is probed.",
     .example = "{web: {type: http, path: /healthz}}"},
    {.name = "maps",
     .kind = SCHEMA_CUSTOM,
     .read = add_maps,
     .sub = &map_schema,
     .entry = "NAME",
     .type = "a mapping from names to maps",
     .fallback_doc = "none",
     .doc = "From places and networks to lists of sites.",
     .example = "{world: {default: [iad, ams], continents: {EU: [ams]}}}"},
    {.name = "pools",
     .kind = SCHEMA_CUSTOM,
     .read = add_pools,
     .sub = &pool_schema,
     .entry = "NAME",
     .type = "a mapping from names to pools",
     .fallback_doc = "none",
     .doc = "What DNS names are steered to.",
     .example = "{www: {checks: [web], sites: {ams: [192.0.2.11]}}}"},
};
const struct schema pools_schema = {
    .title = "the file of pools",
    .doc = "Sites, checks, maps and pools. Names are letters, digits, '-', '_' and '.', at most 63 "
           "of them, and unique within their kind over all files.",
    SCHEMA_KEYS(pools_keys)};

void pools_file_read(struct load *load, const struct yaml_node *root)
{
    char nothing;
    schema_read(load, &pools_schema, root, &nothing);
}
