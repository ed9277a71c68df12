/* SPDX-License-Identifier: Apache-2.0
 * `defaults` of a file of pools. */
#include "config/defaults.h"

#include <stddef.h>

static void keep_mapping(struct load *load, const struct yaml_node *node,
                         const struct yaml_node **out, const char *what)
{
    if (node->kind == YAML_MAP)
        *out = node;
    else
        load_expected(load, node, what, "a mapping: KEY: VALUE");
}

static void keep_pool(struct load *load, const struct yaml_node *node, void *field)
{
    keep_mapping(load, node, field, "'pool' of 'defaults'");
}

static void keep_check(struct load *load, const struct yaml_node *node, void *field)
{
    keep_mapping(load, node, field, "'check' of 'defaults'");
}

static const struct schema_key defaults_keys[] = {
    {.name = "pool",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct defaults, pool),
     .read = keep_pool,
     .type = "a mapping with keys of a pool, all but `seed`, `weight_from` and `sites`",
     .fallback_doc = "none",
     .doc = "What a pool has that does not say otherwise. `on_all_down: {fallback: POOL}` does not "
            "hold for POOL itself, nor `answers` above 1 and `pick: all` for pools of `cname`.",
     .example = "{ttl: {min: 5s, max: 60s}, checks: [web], on_all_down: {fallback: sorry}}"},
    {.name = "check",
     .kind = SCHEMA_CUSTOM,
     .offset = offsetof(struct defaults, check),
     .read = keep_check,
     .type = "a mapping with the keys `interval`, `timeout`, `rise`, `fall`",
     .fallback_doc = "none",
     .doc = "What a check has that does not say otherwise. A `timeout` that is longer than the "
            "interval of a check is that interval.",
     .example = "{interval: 10s, timeout: 3s}"},
};
const struct schema defaults_schema = {
    .title = "'defaults'",
    .doc = "What pools and checks of this file take where they do not say it. Another file has its "
           "own.",
    SCHEMA_KEYS(defaults_keys)};

bool defaults_decide(const struct definition *d, const char *key)
{
    return d->defaults && d->value->kind == YAML_MAP && !yaml_get(d->value, key) &&
           yaml_get(d->defaults, key);
}

const struct yaml_node *defaults_apply(struct load *load, const struct definition *d)
{
    const struct yaml_node *own = d->value, *under = d->defaults;
    if (!under || own->kind != YAML_MAP)
        return own;
    struct yaml_pair *pairs = arena_calloc(load->scratch, (size_t)own->n + under->n, sizeof *pairs);
    uint32_t n = own->n;
    if (n > 0)
        memcpy(pairs, own->pairs, n * sizeof *pairs);
    for (uint32_t i = 0; i < under->n; i++)
        if (!yaml_get(own, under->pairs[i].key->text))
            pairs[n++] = under->pairs[i];
    struct yaml_node *node = arena_copy(load->scratch, own, sizeof *own);
    node->n = n;
    node->pairs = pairs;
    return node;
}
