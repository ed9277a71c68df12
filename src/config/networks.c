/* SPDX-License-Identifier: Apache-2.0
 * networks.yaml: where the operator says that networks are. */
#include "config/config.h"
#include "config/parts.h"

#include "base/strmap.h"
#include "model/budget.h"

#include <stddef.h>

static void read_network_site(struct load *load, const struct yaml_node *node, void *field)
{
    *(uint32_t *)field = namespace_find(load, &load->sites, node, "'site'");
}

static void read_code(struct load *load, const struct yaml_node *node, char out[3],
                      const char *what, const char *expected)
{
    if (node->kind != YAML_SCALAR || expected)
        load_expected(load, node, what, "%s", expected ? expected : "two capital letters");
    else
        memcpy(out, node->text, 3);
}

static void read_network_country(struct load *load, const struct yaml_node *node, void *field)
{
    bool scalar = node->kind == YAML_SCALAR;
    read_code(load, node, field, "'country'", scalar ? country_expected(node->text) : NULL);
}

static void read_network_continent(struct load *load, const struct yaml_node *node, void *field)
{
    struct geo_network *network = field;
    bool scalar = node->kind == YAML_SCALAR;
    network->continent_at = node->span;
    read_code(load, node, network->continent, "'continent'",
              scalar ? continent_expected(node->text) : NULL);
}

static void read_network_location(struct load *load, const struct yaml_node *node, void *field)
{
    struct geo_network *network = field;
    network->located = location_read(load, node, &network->latitude, &network->longitude);
}

static void read_network_tag(struct load *load, const struct yaml_node *node, void *field)
{
    if (node->kind != YAML_SCALAR || !name_is_usable(node->text))
        load_expected(load, node, "'tag'", "letters, digits, '-', '_' or '.'");
    else
        *(const char **)field = arena_strdup(load->arena, node->text);
}

#define NETWORK(member) offsetof(struct geo_network, member)

static const struct schema_key network_keys[] = {
    {.name = "site",
     .kind = SCHEMA_CUSTOM,
     .offset = NETWORK(site),
     .read = read_network_site,
     .type = "the name of a site",
     .fallback_doc = "none",
     .doc = "Puts the clients at this site: `nearest` measures from its location, and in a map it "
            "comes first.",
     .example = "ams"},
    {.name = "country",
     .kind = SCHEMA_CUSTOM,
     .offset = NETWORK(country),
     .read = read_network_country,
     .type = "a country (ISO 3166-1, two capital letters)",
     .fallback_doc = "what the databases say",
     .doc = "The country of the clients.",
     .example = "NO"},
    {.name = "continent",
     .kind = SCHEMA_CUSTOM,
     .read = read_network_continent,
     .type = "one of: AF, AN, AS, EU, NA, OC, SA",
     .fallback_doc = "the country's",
     .doc =
         "The continent of the clients. Beside a `country` of another continent both hold: a map "
         "finds the clients by either, the country first.",
     .example = "EU"},
    {.name = "location",
     .kind = SCHEMA_CUSTOM,
     .read = read_network_location,
     .type = "[LATITUDE, LONGITUDE]",
     .fallback_doc = "what the databases say",
     .doc = "Where the clients are, in decimal degrees; north and east are positive.",
     .example = "[59.91, 10.75]"},
    {.name = "tag",
     .kind = SCHEMA_CUSTOM,
     .offset = NETWORK(tag),
     .read = read_network_tag,
     .type = "letters, digits, '-', '_' or '.'",
     .fallback_doc = "none",
     .doc = "A word of the operator's for these clients, for the `tags` of a map.",
     .example = "office"},
};
const struct schema networks_schema = {
    .title = "network",
    .doc = "A mapping from networks (ADDRESS/LENGTH) to what is known of the clients in them. It "
           "wins over the databases, and a longer network over the shorter one around it.",
    SCHEMA_KEYS(network_keys)};

static void read_networks(struct load *load, const struct yaml_node *root)
{
    if (root->kind != YAML_MAP) {
        load_expected(load, root, "the list of networks", "a mapping: NETWORK: {site: ...}");
        return;
    }
    struct geo_network *v = arena_calloc(load->arena, root->n, sizeof *v);
    struct strmap seen = {0};
    for (uint32_t i = 0; i < root->n; i++) {
        const struct yaml_node *key = root->pairs[i].key, *value = root->pairs[i].value;
        v[i].span = key->span;
        v[i].site = MODEL_NONE;
        schema_read_named(load, &networks_schema, key->text, value, &v[i]);
        if (value->kind == YAML_MAP && value->n == 0)
            diag_error(load->diags, value->span,
                       "network '%s' says nothing, expected site, country, "
                       "continent, location or tag",
                       key->text);
        if (!prefix_read(load, key, &v[i].prefix))
            continue;
        uint32_t first = strmap_add(&seen, slice_of(&v[i].prefix, sizeof v[i].prefix), i);
        if (first != i)
            diag_error(load->diags, key->span,
                       "network '%s' is the same as '%s' at line %u, column %u", key->text,
                       root->pairs[first].key->text, v[first].span.line, v[first].span.column);
    }
    strmap_free(&seen);
    load->model->geo.networks = v;
    load->model->geo.n_networks = root->n;
}

static void estimate(struct load *load)
{
    const struct str_list *databases = &load->model->geo.databases;
    for (uint32_t i = 0; i < databases->n; i++)
        if (databases->v[i])
            budget_add(load->budget, databases->v[i], BUDGET_DATABASE);
}

static void read_section(struct load *load, const struct yaml_node *root)
{
    (void)root;
    const struct yaml_node *networks =
        load->networks_node ? schema_file(load, load->networks_node, "'networks'", "a path") : NULL;
    if (networks)
        read_networks(load, networks);
}

const struct config_section config_geo = {.estimate = estimate, .read = read_section};
