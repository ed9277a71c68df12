/* SPDX-License-Identifier: Apache-2.0
 * l4.yaml: the forwarder itself, and which services it has. */
#include "base/digits.h"
#include "config/config.h"
#include "config/l4_draft.h"

#define METRICS_PORT 9254

#define DRAFT(member) offsetof(struct l4_draft, member)

static void read_workers(struct load *load, const struct yaml_node *node, void *field)
{
    static const struct schema_key number = {
        .name = "workers", .kind = SCHEMA_U32, .min = 1, .max = L4_WORKERS_MAX};
    if (node->kind == YAML_SCALAR && strcmp(node->text, "auto") == 0)
        *(uint32_t *)field = 0;
    else if (node->kind != YAML_SCALAR || !is_digit((uint8_t)node->text[0]))
        load_expected(load, node, "'workers'", "auto, or a whole number from 1 to %d",
                      L4_WORKERS_MAX);
    else
        schema_read_value(load, &number, node, field);
}

static void read_metrics(struct load *load, const struct yaml_node *node, void *field)
{
    struct l4_config *c = field;
    c->metrics_port = METRICS_PORT;
    c->metrics_at = node->span;
    (void)!listen_read(load, node, "'metrics'", "ADDRESS:PORT or [IPV6]:PORT", &c->metrics_addr,
                       &c->metrics_port);
}

static void keep_pools(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    load->pools_node = node;
}

static void add_services(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    if (node->kind == YAML_MAP && node->n == 0)
        load_expected(load, node, "'services'", "at least one service, NAME: {...}");
    else
        namespace_add(load, &load->services, node);
}

static const struct schema_key log_keys[] = {
    {.name = "connections",
     .kind = SCHEMA_BOOL,
     .offset = DRAFT(config.log_connections),
     .fallback = "false",
     .doc = "Whether connections and flows are logged when they end: a line of JSON each, on the "
            "standard error stream.",
     .example = "true"},
    {.name = "sample",
     .kind = SCHEMA_U32,
     .offset = DRAFT(config.log_sample),
     .min = 1,
     .max = 1000000000,
     .fallback = "1",
     .doc = "One line for so many of them.",
     .example = "1000"},
};
static const struct schema log_schema = {
    .title = "'log'", .doc = "What is logged besides problems.", SCHEMA_KEYS(log_keys)};

static const struct schema_key l4_keys[] = {
    {.name = "control",
     .kind = SCHEMA_PATH,
     .offset = DRAFT(control),
     .at = DRAFT(control_at),
     .fallback = "/run/loadstar-l4/control.sock",
     .doc = "The Unix socket by which `loadstarctl -s` speaks to the forwarder, and where "
            "`loadstard`'s tiers of type `l4` send members.",
     .example = "/run/loadstar-l4/edge.sock"},
    {.name = "metrics",
     .kind = SCHEMA_CUSTOM,
     .offset = DRAFT(config),
     .read = read_metrics,
     .type = "ADDRESS:PORT or [IPV6]:PORT",
     .fallback_doc = "none: they are not served",
     .doc = "Where `/metrics` is served for Prometheus. Without a port it is 9254. Everyone who "
            "reaches the address may read.",
     .example = "\"127.0.0.1:9254\""},
    {.name = "workers",
     .kind = SCHEMA_CUSTOM,
     .offset = DRAFT(config.workers),
     .read = read_workers,
     .type = "auto, or a whole number from 1 to 256",
     .fallback = "auto",
     .doc = "Threads that forward. `auto` is one for each core that the process may use.",
     .example = "4"},
    {.name = "user",
     .kind = SCHEMA_TEXT,
     .offset = DRAFT(user),
     .at = DRAFT(user_at),
     .fallback_doc = "unchanged",
     .doc = "The user whose rights the forwarder keeps once it has started. All files have to be "
            "readable for it. Leave it out with the supplied unit.",
     .example = "loadstar-l4"},
    {.name = "state_dir",
     .kind = SCHEMA_PATH,
     .offset = DRAFT(state_dir),
     .at = DRAFT(state_dir_at),
     .fallback_doc = "none: nothing is kept",
     .doc = "A directory that the forwarder may write, as `user`. The members that `loadstard` has "
            "sent survive a restart in it, and so do orders and the last known health of "
            "`pools`.",
     .example = "/var/lib/loadstar-l4"},
    {.name = "services",
     .kind = SCHEMA_CUSTOM,
     .required = true,
     .read = add_services,
     .sub = &l4_service_schema,
     .entry = "NAME",
     .type = "a mapping from names to services",
     .doc = "What is forwarded.",
     .example = "{web: {listen: [\"192.0.2.80:443\"], members: {pool: web-backends}}}"},
    {.name = "pools",
     .kind = SCHEMA_CUSTOM,
     .read = keep_pools,
     .type = "a path or a list of paths",
     .fallback_doc = "none: members come from `loadstard`",
     .doc = "Sites, checks and pools, in files as `loadstard` reads them: see pools.yaml in "
            "loadstar.yaml(5). With them the forwarder checks its members by itself, and needs no "
            "`loadstard`. What concerns DNS alone (`steer`, `ttl`, `answers`, maps) has no effect.",
     .example = "pools.yaml"},
    {.name = "log",
     .kind = SCHEMA_MAPPING,
     .sub = &log_schema,
     .doc = "What is logged besides problems.",
     .example = "{connections: true, sample: 100}"},
};
const struct schema l4_schema = {
    .title = "the configuration",
    .doc = "The forwarder itself, and its services. Names of services are letters, digits, '-', "
           "'_' and '.', at most 63 of them.",
    SCHEMA_KEYS(l4_keys)};

/* What the checker goes by is as of a server that says nothing of it. */
static void set_defaults(struct load *load)
{
    static const struct yaml_node nothing = {.kind = YAML_MAP};
    load->model->server.site = MODEL_NONE;
    schema_read(load, &server_schema, &nothing, load->model);
    panic_set_defaults(load);
}

static void warn_of_sample(struct load *load, const struct yaml_node *root,
                           const struct l4_config *config)
{
    const struct yaml_node *log = yaml_get(root, "log");
    const struct yaml_node *sample = log ? yaml_get(log, "sample") : NULL;
    if (sample && !config->log_connections)
        diag_warning(load->diags, sample->span,
                     "'sample' has no effect: nothing is logged without 'connections: true'");
}

static void read_main(struct load *load, const struct yaml_node *root)
{
    unsigned errors = load->diags->n_errors;
    struct model *m = load->model;
    struct l4_draft *d = arena_calloc(load->scratch, 1, sizeof *d);
    set_defaults(load);
    schema_read(load, &l4_schema, root, d);
    m->control = d->control;
    m->control_at = d->control_at;
    m->server.user = d->user;
    m->server.user_at = d->user_at;
    m->server.state_dir = d->state_dir;
    m->server.state_dir_at = d->state_dir_at;
    load->main_is_sound = load->diags->n_errors == errors;
    if (load->main_is_sound)
        warn_of_sample(load, root, &d->config);
    load->l4 = d;
}

/* Fills what it can; what is wrong is reported. */
static void read_service(struct load *load, const struct definition *def, struct l4_sets *sets,
                         struct l4_service *out)
{
    unsigned errors = load->diags->n_errors;
    struct l4_service_draft d = {
        .node = def->value,
        .service = {.name = def->name, .span = def->key->span, .set = MODEL_NONE}};
    schema_read_named(load, &l4_service_schema, def->name, def->value, &d);
    bool sound = load->diags->n_errors == errors && !def->value->incomplete;
    if (sound)
        l4_service_judge(load, &d);
    if (sound && load->diags->n_errors == errors) {
        l4_service_settle(&d);
        l4_members_read(load, &d, sets);
    }
    *out = d.service;
}

static void read_section(struct load *load, const struct yaml_node *root)
{
    unsigned errors = load->diags->n_errors;
    uint32_t n = (uint32_t)load->services.n;
    struct l4_service *v = arena_calloc(load->arena, n, sizeof *v);
    struct l4_config *c = arena_calloc(load->arena, 1, sizeof *c);
    struct l4_sets sets = {0};
    (void)root;
    *c = load->l4->config;
    for (uint32_t i = 0; i < n; i++)
        read_service(load, &load->services.v[i], &sets, &v[i]);
    c->services = v;
    c->n_services = n;
    c->n_sets = (uint32_t)sets.v.n;
    c->sets = vec_to_arena(&sets.v, load->arena);
    strmap_free(&sets.index);
    if (load->diags->n_errors == errors)
        l4_listens_judge(load, c);
    load->model->l4 = c;
}

static const struct config_section config_l4 = {.read = read_section};

int config_l4_load(struct model **model, const char *path, struct diags *diags)
{
    static const struct config_section *const sections[] = {&config_pools, &config_l4, NULL};
    return config_read_by(model, path, read_main, sections, &(struct config_options){0}, diags);
}
