/* SPDX-License-Identifier: Apache-2.0
 * The section of pools: which files, and the names of what is in them. */
#include "config/config.h"
#include "config/defaults.h"

#include <stddef.h>

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

static void read_defaults(struct load *load, const struct yaml_node *node, void *field)
{
    schema_read(load, &defaults_schema, node, field);
}

static const struct schema_key pools_keys[] = {
    {.name = "defaults",
     .kind = SCHEMA_CUSTOM,
     .read = read_defaults,
     .sub = &defaults_schema,
     .type = "a mapping",
     .fallback_doc = "none",
     .doc = "What pools and checks of this file take where they do not say it.",
     .example = "{pool: {ttl: 60s, checks: [web]}, check: {interval: 10s}}"},
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

static void give_defaults(struct namespace *names, size_t first, const struct yaml_node *defaults)
{
    for (size_t i = first; i < names->n; i++)
        names->v[i].defaults = defaults;
}

static void read_content(struct load *load, const struct yaml_node *root)
{
    struct defaults defaults = {0};
    size_t first_pool = load->pools.n, first_check = load->checks.n;
    schema_read(load, &pools_schema, root, &defaults);
    if (defaults.check && check_defaults_judge(load, defaults.check))
        give_defaults(&load->checks, first_check, defaults.check);
    if (defaults.pool)
        *vec_push(&load->pool_defaults) = defaults.pool;
    give_defaults(&load->pools, first_pool, defaults.pool);
}

static void read_file(struct load *load, const struct yaml_node *node)
{
    const struct yaml_node *root = schema_file(load, node, "'pools'", "a path or a list of paths");
    if (root)
        read_content(load, root);
    if (!root || root->kind != YAML_MAP)
        load->sites.incomplete = load->checks.incomplete = load->maps.incomplete =
            load->pools.incomplete = true;
}

/* Names of all files come first, then what refers to them. */
static void read_section(struct load *load, const struct yaml_node *root)
{
    const struct yaml_node *pools = load->pools_node;
    (void)root;
    if (pools && pools->kind == YAML_LIST)
        for (uint32_t i = 0; i < pools->n; i++)
            read_file(load, pools->items[i]);
    else if (pools)
        read_file(load, pools);
    sites_read(load);
    if (load->site_node)
        load->model->server.site =
            namespace_find(load, &load->sites, load->site_node, "'site' of 'server'");
    checks_read(load);
    maps_read(load);
    pools_read(load);
    pools_validate(load);
}

const struct config_section config_pools = {.read = read_section};
