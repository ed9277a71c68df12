/* SPDX-License-Identifier: Apache-2.0
 * `server.panic`: when the checker suspects itself. */
#include "config/parts.h"
#include "config/schema.h"

#include <stddef.h>
#include <string.h>

#define PANIC(member) offsetof(struct model, server.panic.member)
#define SHARE_LEAST 0.1 /* below, few targets that fail of themselves would freeze all others */

static void read_share(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_key key = {.name = "share", .kind = SCHEMA_SHARE};
    double share = SHARE_LEAST;
    schema_read_value(load, &key, node, &share);
    if (share < SHARE_LEAST - 1e-9)
        load_expected(load, node, "'share'",
                      "a share from 10%% to 100%%; `panic: off` ends the guard");
    else
        *(double *)field = share;
}

static void read_endpoints(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_key key = {
        .name = "endpoints", .kind = SCHEMA_U32, .min = 1, .max = 1000000};
    diag_warning(load->diags, node->span,
                 "'endpoints' is called 'probes' now: the guard counts an address and port that "
                 "many endpoints share once");
    schema_read_value(load, &key, node, field);
}

static const struct schema_key panic_keys[] = {
    {.name = "share",
     .kind = SCHEMA_CUSTOM,
     .offset = PANIC(share),
     .read = read_share,
     .type = "a share from 10% to 100%",
     .fallback = "80%",
     .doc = "The checker suspects itself when at least this share of the probes that were up, and "
            "have had their turn since, get no word from their targets. A target that refuses, or "
            "answers something wrong, has given its word.",
     .example = "80%"},
    {.name = "probes",
     .kind = SCHEMA_U32,
     .offset = PANIC(probes),
     .min = 1,
     .max = 1000000,
     .fallback = "8",
     .doc = "And when these are at least so many. A probe is one check of one address and port, "
            "however many endpoints share it.",
     .example = "8"},
    {.name = "sites",
     .kind = SCHEMA_U32,
     .offset = PANIC(sites),
     .min = 1,
     .max = 1000000,
     .fallback = "2",
     .doc = "And when they are in at least this many sites. A small or one-site deployment that "
            "falls is taken to be down.",
     .example = "2"},
    {.name = "endpoints",
     .kind = SCHEMA_CUSTOM,
     .offset = PANIC(probes),
     .read = read_endpoints,
     .type = "a whole number from 1 to 1000000",
     .doc = "The former name of `probes`.",
     .example = "8"},
};
const struct schema panic_schema = {
    .title = "'panic'",
    .doc = "The guard against a checker that has lost its own network: when it trips, states "
           "freeze, and commands, the log and the metrics say so. `panic: off` switches it off.",
    SCHEMA_KEYS(panic_keys)};

void panic_read(struct load *load, const struct yaml_node *node, void *field)
{
    struct model *m = load->model;
    (void)field;
    m->server.panic.off = node->kind == YAML_SCALAR && strcmp(node->text, "off") == 0;
    if (m->server.panic.off)
        return;
    if (node->kind == YAML_MAP)
        schema_read(load, &panic_schema, node, m);
    else
        load_expected(load, node, "'panic'", "off, or a mapping: {share: 80%%, probes: 8}");
}

void panic_set_defaults(struct load *load)
{
    static const struct yaml_node nothing = {.kind = YAML_MAP};
    schema_read(load, &panic_schema, &nothing, load->model);
}
