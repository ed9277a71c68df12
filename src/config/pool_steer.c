/* SPDX-License-Identifier: Apache-2.0
 * `steer` of a pool: how its sites are ordered for a client. */
#include "config/pool_draft.h"

#include <stddef.h>

struct steer_form {
    const struct yaml_node *map, *order, *split;
};

static const struct schema_key steer_keys[] = {
    {.name = "map",
     .kind = SCHEMA_CUSTOM,
     .read = node_keep,
     .offset = offsetof(struct steer_form, map),
     .type = "the name of a map",
     .doc = "The map orders the sites for each client. Sites of the map that the pool does not "
            "have are passed over.",
     .example = "world"},
    {.name = "order",
     .kind = SCHEMA_CUSTOM,
     .read = node_keep,
     .offset = offsetof(struct steer_form, order),
     .type = "a list of sites",
     .doc = "The same order for every client: the first site that is up serves.",
     .example = "[ams, iad]"},
    {.name = "split",
     .kind = SCHEMA_CUSTOM,
     .read = node_keep,
     .offset = offsetof(struct steer_form, split),
     .type = "a mapping from sites to weights",
     .doc =
         "Draws the site by weight (0 to 1000000) among those that are up. Sites of weight 0 are "
         "a reserve: while none of the others is up, they are drawn, each as often.",
     .example = "{ams: 90, iad: 10}"},
};
const struct schema steer_schema = {
    .title = "'steer'",
    .doc = "Besides the words `nearest` (by great-circle distance from the client) and `all` (the "
           "endpoints of all sites as one set), a mapping with one of these keys.",
    SCHEMA_KEYS(steer_keys)};

static const struct schema_word steer_words[] = {STEER_WORDS(SCHEMA_WORD_OF)};
static const struct schema_key steer_key = {
    .name = "steer", .kind = SCHEMA_WORD, SCHEMA_WORDS(steer_words), .type = STEER_FORMS};

static struct pool_site *find_site(const struct pool_draft *d, uint32_t site)
{
    for (uint32_t i = 0; i < d->pool.n_sites; i++)
        if (d->sites[i].site == site)
            return &d->sites[i];
    return NULL;
}

/* The pool's entry for a site that its steering names; NULL after reporting. */
static struct pool_site *need_site(struct load *load, const struct pool_draft *d,
                                   const struct yaml_node *node, uint32_t site)
{
    struct pool_site *found = site == MODEL_NONE ? NULL : find_site(d, site);
    if (!found && site != MODEL_NONE)
        diag_error(load->diags, node->span,
                   "pool '%s' has no endpoints in site '%s', expected a site of its 'sites'",
                   d->pool.name, load->sites.v[site].name);
    return found;
}

static void warn_unserved(struct load *load, const struct pool_draft *d,
                          const struct pool_site *site, struct span span, const char *by)
{
    diag_warning(load->diags, span, "site '%s' of pool '%s' never serves: '%s' does not list it",
                 load->sites.v[site->site].name, d->pool.name, by);
}

static void read_order(struct load *load, struct pool_draft *d, const struct yaml_node *node)
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

static void read_split(struct load *load, struct pool_draft *d, const struct yaml_node *node)
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
        if (!site)
            continue;
        site->split_weight = w;
        site->reserve = w == 0;
    }
    if (total == 0)
        diag_error(load->diags, node->span,
                   "'split' gives no site a weight, expected one above 0 at least");
    for (uint32_t i = 0; i < d->pool.n_sites; i++)
        if (!yaml_get(node, load->sites.v[d->sites[i].site].name))
            warn_unserved(load, d, &d->sites[i], node->span, "split");
}

static void check_locations(struct load *load, const struct pool_draft *d, struct span span)
{
    if (d->pool.n_sites < 2 || load->l4) /* the forwarder steers nobody */
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

void steer_read(struct load *load, struct pool_draft *d)
{
    const struct yaml_node *node = d->steer_node;
    if (!node || (node->kind == YAML_SCALAR && !yaml_is_empty(node))) {
        d->pool.steer = STEER_NEAREST;
        if (node && refuse_bare_name(load, node))
            return;
        if (node)
            schema_read_value(load, &steer_key, node, &d->pool.steer);
        if (d->pool.steer == STEER_NEAREST)
            check_locations(load, d, node ? node->span : d->pool.span);
        return;
    }
    if (node->kind != YAML_MAP || node->n != 1) {
        load_expected(load, node, "'steer'", "%s", STEER_FORMS);
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

void steer_judge(struct load *load, struct pool_draft *d)
{
    const struct yaml_node *node = d->steer_node;
    bool of_sites =
        node && node->kind == YAML_MAP && (yaml_get(node, "order") || yaml_get(node, "split"));
    if (node && !of_sites)
        steer_read(load, d);
}
