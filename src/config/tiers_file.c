/* SPDX-License-Identifier: Apache-2.0
 * The section of tiers: which files, the tiers in them, and what pools say of tiers. */
#include "config/config.h"
#include "config/tier_draft.h"
#include "config/weight_from.h"

#include <stddef.h>

static void add_tiers(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    namespace_add(load, &load->tiers, node);
}

static const struct schema_key tiers_keys[] = {
    {.name = "tiers",
     .kind = SCHEMA_CUSTOM,
     .read = add_tiers,
     .sub = &tier_schema,
     .entry = "NAME",
     .type = "a mapping from names to tiers",
     .fallback_doc = "none",
     .doc = "The local balancers that are driven.",
     .example = "{edge: {type: haproxy, pool: www, agent: {listen: \"127.0.0.1:8054\"}}}"},
};
const struct schema tiers_schema = {
    .title = "the file of tiers",
    .doc = "Local balancers that follow the state of pools. Names are letters, digits, '-', '_' "
           "and '.', at most 63 of them, and unique over all files. See contrib/doc/tiers.md.",
    SCHEMA_KEYS(tiers_keys)};

static void read_file(struct load *load, const struct yaml_node *node)
{
    const struct yaml_node *root = schema_file(load, node, "'tiers'", "a path or a list of paths");
    char nothing;
    if (root)
        schema_read(load, &tiers_schema, root, &nothing); /* names go into the load */
    if (!root || root->kind != YAML_MAP)
        load->tiers.incomplete = true;
}

/* Fills what it can; what is wrong is reported. */
static void read_tier(struct load *load, const struct definition *def,
                      const struct tier_places *places, struct tier *out)
{
    unsigned errors = load->diags->n_errors;
    struct tier_draft d = {.node = def->value,
                           .tier = {.name = def->name,
                                    .span = def->key->span,
                                    .pool = MODEL_NONE,
                                    .site = load->model->server.site}};
    schema_read_named(load, &tier_schema, def->name, def->value, &d);
    /* Of a pool in a file that could not be read nothing is said here, and nothing known. */
    if (load->diags->n_errors == errors && d.tier.pool != MODEL_NONE && tier_judge_keys(load, &d)) {
        tier_settle(load, &d);
        tier_members_find(load, &d, places);
        slow_start_give(load, &d);
    }
    *out = d.tier;
}

static void read_tiers(struct load *load)
{
    uint32_t n = (uint32_t)load->tiers.n;
    unsigned errors = load->diags->n_errors;
    struct tier *v = arena_calloc(load->arena, n, sizeof *v);
    struct tier_places places;
    tier_places_make(load, &places);
    for (uint32_t i = 0; i < n; i++)
        read_tier(load, &load->tiers.v[i], &places, &v[i]);
    load->model->tiers = v;
    load->model->n_tiers = n;
    if (load->diags->n_errors == errors)
        tiers_judge(load, v, n);
    weights_from_read(load, load->diags->n_errors == errors);
}

static void read_section(struct load *load, const struct yaml_node *root)
{
    const struct yaml_node *tiers = load->tiers_node;
    (void)root;
    if (tiers && tiers->kind == YAML_LIST)
        for (uint32_t i = 0; i < tiers->n; i++)
            read_file(load, tiers->items[i]);
    else if (tiers)
        read_file(load, tiers);
    read_tiers(load);
}

const struct config_section config_tiers = {.read = read_section};
