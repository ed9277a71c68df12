/* SPDX-License-Identifier: Apache-2.0
 * What has to hold for a prefix set: pools, and checks of its own. The checker probes endpoints of
 * pools, so checks get a pool (pool.of_anycast). */
#include "config/anycast_draft.h"

#include "config/endpoint_probe.h"
#include "config/endpoints.h"

/* ---- pools ---- */

static void read_site(struct load *load, const struct yaml_node *node, void *field)
{
    *(uint32_t *)field = namespace_find(load, &load->sites, node, "'site'");
}

#define POOL(member) offsetof(struct anycast_pool, member)

static const struct schema_key pool_keys[] = {
    {.name = "min_up",
     .kind = SCHEMA_SHARE,
     .offset = POOL(min_up),
     .fallback_doc = "any: one endpoint that is up is enough",
     .doc = "At least this share of the weight of its endpoints has to be up, as `min_up` of a "
            "pool counts it.",
     .example = "30%"},
    {.name = "site",
     .kind = SCHEMA_CUSTOM,
     .offset = POOL(site),
     .read = read_site,
     .type = "the name of a site",
     .fallback_doc = "none: all its sites together",
     .doc = "Only this site's endpoints count.",
     .example = "ams"},
};
static const struct schema pool_schema_of_needs = {
    .title = "pool", .doc = "How much of a pool has to be up.", SCHEMA_KEYS(pool_keys)};

/* A pool in a site that it has nothing in never is up. */
static void judge_pool(struct load *load, const struct yaml_pair *pair,
                       const struct anycast_pool *need)
{
    const struct model *m = load->model;
    const struct pool *pool = &m->pools[need->pool];
    bool checked = false, found = false;
    for (uint32_t i = 0; i < pool->n_sites; i++) {
        const struct pool_site *s = &pool->sites[i];
        if (need->site != MODEL_NONE && s->site != need->site)
            continue;
        found = true;
        for (uint32_t e = s->first_endpoint; e < s->first_endpoint + s->n_endpoints; e++)
            checked |= endpoint_checks(m, &m->endpoints[e])->n > 0;
    }
    if (!found && need->site != MODEL_NONE)
        diag_error(load->diags, yaml_get(pair->value, "site")->span,
                   "pool '%s' has nothing in site '%s', expected one of its sites, or none for all",
                   pool->name, m->sites[need->site].name);
    else if (found && !checked)
        diag_warning(load->diags, pair->key->span,
                     "pool '%s' has no checks%s: it is up unless ordered down", pool->name,
                     need->site == MODEL_NONE ? "" : " there");
}

static void read_pools(struct load *load, const struct yaml_node *node, void *field)
{
    struct anycast_needs *needs = field;
    if (node->kind != YAML_MAP || node->n == 0) {
        load_expected(load, node, "'pools'", "a mapping: POOL: {min_up: 30%%}");
        return;
    }
    struct anycast_pool *v = arena_calloc(load->arena, node->n, sizeof *v);
    for (uint32_t i = 0; i < node->n; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        unsigned errors = load->diags->n_errors;
        struct anycast_pool *need = &v[needs->n_pools];
        *need = (struct anycast_pool){.site = MODEL_NONE};
        need->pool = namespace_find(load, &load->pools, pair->key, "a key of 'pools'");
        if (!yaml_is_empty(pair->value))
            schema_read_named(load, &pool_schema_of_needs, pair->key->text, pair->value, need);
        if (load->diags->n_errors != errors || need->pool == MODEL_NONE)
            continue;
        judge_pool(load, pair, need);
        needs->n_pools++;
    }
    needs->pools = v;
}

/* ---- checks ---- */

#define CHECK(member) offsetof(struct check_draft, member)

static void read_check(struct load *load, const struct yaml_node *node, void *field)
{
    uint32_t check = namespace_find(load, &load->checks, node, "'check'");
    *(uint32_t *)field = check;
    if (check == MODEL_NONE || check >= load->model->n_checks)
        return;
    const struct check *c = &load->model->checks[check];
    if (c->type == CHECK_POOL)
        diag_error(load->diags, node->span,
                   "check '%s' is of type pool, expected its pool in 'pools'", c->name);
    else if (c->type == CHECK_TCP && !c->port)
        diag_error(load->diags, node->span,
                   "check '%s' names no port, expected 'port' in it: the address here has none",
                   c->name);
}

static void read_address(struct load *load, const struct yaml_node *node, void *field)
{
    struct ip ip = {0};
    if (node->kind != YAML_SCALAR || ip_parse(&ip, node->text) != 0) {
        load_expected(load, node, "'address'",
                      "an IPv4 or IPv6 address (IPv6 in quotes): names are not looked up");
        return;
    }
    address_warn_unreachable(load, node, &ip, "checked address");
    *(struct ip *)field = ip;
}

static const struct schema_key check_keys[] = {
    {.name = "check",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = CHECK(check),
     .read = read_check,
     .type = "the name of a check",
     .doc = "The check, of those for pools. One of type tcp has a `port`.",
     .example = "uplink"},
    {.name = "address",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = CHECK(addr),
     .read = read_address,
     .type = "an IPv4 or IPv6 address",
     .doc = "What is probed.",
     .example = "198.51.100.1"},
};
static const struct schema check_schema_of_needs = {
    .title = "an item of 'checks'", .doc = "One check of one address.", SCHEMA_KEYS(check_keys)};

static bool same_check(const struct check_draft *a, const struct check_draft *b)
{
    return a->check == b->check && ip_equal(&a->addr, &b->addr);
}

static void read_checks(struct load *load, const struct yaml_node *node, void *field)
{
    struct needs_draft *needs = field;
    struct yaml_items items = yaml_items(&node);
    struct check_draft *v = arena_calloc(load->scratch, items.n + 1, sizeof *v);
    for (uint32_t i = 0; i < items.n; i++) {
        unsigned errors = load->diags->n_errors;
        struct check_draft *c = &v[needs->n_checks];
        *c = (struct check_draft){.check = MODEL_NONE, .span = items.v[i]->span};
        schema_read(load, &check_schema_of_needs, items.v[i], c);
        if (load->diags->n_errors != errors || c->check == MODEL_NONE)
            continue;
        bool twice = false;
        for (uint32_t k = 0; k < needs->n_checks; k++)
            twice |= same_check(&v[k], c);
        if (twice)
            diag_error(load->diags, c->span, "check '%s' of this address is listed twice",
                       load->model->checks[c->check].name);
        else
            needs->n_checks++;
    }
    needs->checks = v;
}

static const struct schema_key needs_keys[] = {
    {.name = "pools",
     .kind = SCHEMA_CUSTOM,
     .offset = NEEDS_DRAFT(needs),
     .read = read_pools,
     .sub = &pool_schema_of_needs,
     .entry = "POOL",
     .type = "a mapping from names of pools",
     .fallback_doc = "none",
     .doc = "Pools of which enough has to be up.",
     .example = "{www: {min_up: 30%, site: ams}}"},
    {.name = "checks",
     .kind = SCHEMA_CUSTOM,
     .read = read_checks,
     .sub = &check_schema_of_needs,
     .type = "a list of {check, address}",
     .fallback_doc = "none",
     .doc = "Checks that have to pass. They are shown as endpoints of a pool `anycast:NAME`, which "
            "no DNS name can be steered to.",
     .example = "[{check: uplink, address: 198.51.100.1}]"},
};
const struct schema anycast_needs_schema = {
    .title = "what is needed", .doc = "Pools and checks.", SCHEMA_KEYS(needs_keys)};

/* ---- pools of checks ---- */

/* The place of the one site that all of them are in where the configuration names none. */
static uint32_t site_of(struct load *load, const struct prefix_set *s)
{
    struct model *m = load->model;
    if (s->site != MODEL_NONE)
        return s->site;
    if (m->server.site != MODEL_NONE)
        return m->server.site;
    if (m->n_sites == 0) {
        struct site *site = arena_calloc(load->arena, 1, sizeof *site);
        *site = (struct site){.name = "anycast", .span = s->span};
        m->sites = site;
        m->n_sites = 1;
    }
    return 0;
}

static uint32_t add_endpoint(struct load *load, struct endpoint *v, uint32_t *n,
                             const struct check_draft *c)
{
    char text[IP_TEXT_MAX];
    for (uint32_t i = 0; i < *n; i++)
        if (v[i].checks.v[0] == c->check && ip_equal(&v[i].addr, &c->addr))
            return i;
    uint32_t *check = arena_calloc(load->arena, 1, sizeof *check);
    *check = c->check;
    ip_text(text, &c->addr);
    v[*n] = (struct endpoint){.span = c->span,
                              .addr = c->addr,
                              .label = arena_printf(load->arena, "%s@%s",
                                                    load->model->checks[c->check].name, text),
                              .weight = WEIGHT_DEFAULT,
                              .own_checks = true,
                              .checks = {check, 1}};
    v[*n].key = v[*n].label;
    return (*n)++;
}

/* One that steers nobody: no zone can name it, and no other pool refers to it. */
static void make_pool(struct load *load, struct pool *pool, struct set_draft *d,
                      struct endpoint *endpoints)
{
    struct pool_site *site = arena_calloc(load->arena, 1, sizeof *site);
    struct needs_draft *const needs[] = {&d->when, &d->full};
    struct model *m = load->model;
    uint32_t first = m->n_endpoints, n = 0;
    site->site = site_of(load, &d->set);
    site->first_endpoint = first;
    for (size_t k = 0; k < ARRAY_LEN(needs); k++) {
        uint32_t *v = arena_calloc(load->arena, needs[k]->n_checks, sizeof *v);
        for (uint32_t i = 0; i < needs[k]->n_checks; i++)
            v[i] = first + add_endpoint(load, &endpoints[first], &n, &needs[k]->checks[i]);
        needs[k]->needs.endpoints = v;
        needs[k]->needs.n_endpoints = needs[k]->n_checks;
    }
    for (uint32_t i = first; i < first + n; i++) {
        endpoints[i].pool = m->n_pools;
        endpoints[i].site = site->site;
        site->has_v4 |= endpoints[i].addr.family == IP_V4;
        site->has_v6 |= endpoints[i].addr.family == IP_V6;
    }
    site->n_endpoints = n;
    *pool = (struct pool){.name = arena_printf(load->arena, "anycast:%s", d->set.name),
                          .span = d->set.span,
                          .ttl = {30, 30},
                          .steer = STEER_ALL,
                          .answers = 1,
                          .on_all_down = ALL_DOWN_NODATA,
                          .fallback = MODEL_NONE,
                          .weight_from.tier = MODEL_NONE,
                          .sites = site,
                          .n_sites = 1,
                          .has_v4 = site->has_v4,
                          .has_v6 = site->has_v6,
                          .of_anycast = true};
    pool->named = arena_calloc(load->arena, 1, sizeof *pool->named);
    m->n_pools++;
    m->n_endpoints += n;
}

void anycast_pools_make(struct load *load, struct set_draft *v, uint32_t n)
{
    struct model *m = load->model;
    uint32_t n_pools = m->n_pools, n_endpoints = m->n_endpoints;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t checks = v[i].when.n_checks + v[i].full.n_checks;
        n_pools += checks > 0;
        n_endpoints += checks;
    }
    if (n_pools == m->n_pools)
        return;
    struct pool *pools = arena_calloc(load->arena, n_pools, sizeof *pools);
    struct endpoint *endpoints = arena_calloc(load->arena, n_endpoints, sizeof *endpoints);
    if (m->n_pools)
        memcpy(pools, m->pools, m->n_pools * sizeof *pools);
    if (m->n_endpoints)
        memcpy(endpoints, m->endpoints, m->n_endpoints * sizeof *endpoints);
    for (uint32_t i = 0; i < n; i++)
        if (v[i].when.n_checks + v[i].full.n_checks > 0)
            make_pool(load, &pools[m->n_pools], &v[i], endpoints);
    m->pools = load->pool_table = pools;
    m->endpoints = endpoints;
}
