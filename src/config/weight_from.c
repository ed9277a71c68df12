/* SPDX-License-Identifier: Apache-2.0
 * Weights that follow the sessions of a tier. */
#include "config/weight_from.h"

#include "config/tier_draft.h"

#define DRAFT(member) offsetof(struct weight_draft, member)

static void keep_tier(struct load *load, const struct yaml_node *node, void *field)
{
    (void)load;
    *(const struct yaml_node **)field = node;
}

static const struct schema_key weight_from_keys[] = {
    {.name = "tier",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .offset = DRAFT(tier),
     .read = keep_tier,
     .type = "the name of a tier",
     .doc = "The tier whose sessions are looked at. The pool's endpoints are its members, or lead "
            "clients to it: those weigh by the sessions of all members.",
     .example = "vip-web"},
    {.name = "target_sessions",
     .kind = SCHEMA_U32,
     .required = true,
     .offset = DRAFT(from.target_sessions),
     .min = 1,
     .max = 1000000000,
     .doc = "How many sessions an endpoint has at its full load.",
     .example = "2000"},
    {.name = "min",
     .kind = SCHEMA_SHARE,
     .offset = DRAFT(from.min),
     .fallback = "10%",
     .doc = "The share of its weight that an endpoint keeps, however loaded.",
     .example = "25%"},
    {.name = "low",
     .kind = SCHEMA_SHARE,
     .offset = DRAFT(from.low),
     .fallback = "80%",
     .doc = "While the sessions are between this share of `target_sessions` and that of `high`, "
            "the weight stays as it is.",
     .example = "70%"},
    {.name = "high",
     .kind = SCHEMA_SHARE,
     .offset = DRAFT(from.high),
     .fallback = "100%",
     .doc = "See `low`.",
     .example = "90%"},
};
const struct schema weight_from_schema = {
    .title = "'weight_from'",
    .doc =
        "Endpoints with more sessions than `target_sessions` get fewer new clients: their weight "
        "times target / sessions, averaged over 30 s, in 16 steps, at most one in 5 s. A weight "
        "by order wins; of a tier that cannot be read the last value holds, for 60 s.",
    SCHEMA_KEYS(weight_from_keys)};

void weight_from_read(struct load *load, const struct yaml_node *node, void *field)
{
    struct weight_draft *d = field;
    unsigned errors = load->diags->n_errors;
    schema_read(load, &weight_from_schema, node, d);
    if (load->diags->n_errors != errors)
        return;
    d->from.span = node->span;
    if (d->from.low > d->from.high)
        diag_error(load->diags, yaml_get(node, yaml_get(node, "low") ? "low" : "high")->span,
                   "'low' of 'weight_from' is above 'high', expected low <= high");
    if (d->from.high == 0)
        diag_error(load->diags, yaml_get(node, "high")->span,
                   "'high' of 'weight_from' is 0, expected a share above 0%%");
    if (d->from.min == 0)
        diag_error(load->diags, yaml_get(node, "min")->span,
                   "'min' of 'weight_from' is 0, which would take an endpoint out for its load, "
                   "expected a share above 0%%");
}

/* The tier has something to say of one of them at least. */
static bool meets(const struct model *m, uint32_t pool, const struct tier *tier)
{
    for (uint32_t i = 0; i < m->pools[pool].n_sites; i++) {
        const struct pool_site *s = &m->pools[pool].sites[i];
        for (uint32_t e = s->first_endpoint; e < s->first_endpoint + s->n_endpoints; e++)
            if (tier_list_find(tier->members, tier->n_members, e) != MODEL_NONE ||
                tier_list_find(tier->fronts, tier->n_fronts, e) != MODEL_NONE)
                return true;
    }
    return false;
}

static bool has_sessions(enum tier_type type)
{
    return type == TIER_IPVS || type == TIER_HAPROXY || type == TIER_NGINX || type == TIER_L4;
}

static void judge(struct load *load, uint32_t pool, const struct yaml_node *node,
                  const struct tier *tier)
{
    const struct model *m = load->model;
    if (!has_sessions(tier->type) || (tier->type == TIER_HAPROXY && !tier->socket))
        diag_error(load->diags, node->span,
                   "the sessions of tier '%s' cannot be read, expected one of type ipvs, nginx or "
                   "l4, or haproxy with a 'socket'",
                   tier->name);
    else if (!meets(m, pool, tier))
        diag_error(load->diags, node->span,
                   "no endpoint of pool '%s' is a member of tier '%s' or leads clients to it, "
                   "expected the tier's pool, '%s', or one with the address and port of its "
                   "'service', or 'behind' in the tier",
                   m->pools[pool].name, tier->name, m->pools[tier->pool].name);
    else
        return;
    diag_also(load->diags, tier->span, "the tier");
}

void weights_from_read(struct load *load, bool judging)
{
    for (size_t i = 0; i < load->weights_from.n; i++) {
        uint32_t pool = load->weights_from.v[i].pool;
        const struct yaml_node *node = load->weights_from.v[i].tier;
        uint32_t tier = namespace_find(load, &load->tiers, node, "'tier'");
        load->pool_table[pool].weight_from.tier = tier;
        if (tier != MODEL_NONE && judging && load->model->tiers[tier].n_members)
            judge(load, pool, node, &load->model->tiers[tier]);
    }
}
