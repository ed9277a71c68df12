/* SPDX-License-Identifier: Apache-2.0
 * Reads loadstar.yaml and everything it names into a model. */
#include "config/config.h"

#include "base/clock.h"
#include "base/file.h"
#include "config/parts.h"
#include "config/sources.h"
#include "model/budget.h"

static void read_pools_file(struct load *load, const struct yaml_node *node)
{
    const struct yaml_node *root = NULL;
    const char *text = schema_scalar(load, node, "'pools'", "a path or a list of paths");
    if (text)
        root = load_yaml(load, file_resolve(load->scratch, node->span.file, text), node->span);
    if (root)
        pools_file_read(load, root);
    if (!root || root->kind != YAML_MAP)
        load->sites.incomplete = load->checks.incomplete = load->maps.incomplete =
            load->pools.incomplete = true;
}

static void read_networks_file(struct load *load, const struct yaml_node *node)
{
    const char *text = schema_scalar(load, node, "'networks'", "a path");
    if (!text)
        return;
    const char *path = file_resolve(load->scratch, node->span.file, text);
    const struct yaml_node *root = load_yaml(load, path, node->span);
    if (root)
        networks_read(load, root);
}

/* Names come first, then what refers to them. */
static void read_all(struct load *load, const char *path)
{
    const struct yaml_node *root = load_yaml(load, path, (struct span){0});
    if (!root)
        return;
    server_read(load, root);
    for (uint32_t i = 0; i < load->model->geo.databases.n; i++)
        if (load->model->geo.databases.v[i])
            budget_add(load->budget, load->model->geo.databases.v[i], BUDGET_DATABASE);
    if (!budget_allows(load->budget, load->diags))
        return;
    const struct yaml_node *pools = load->pools_node;
    if (pools && pools->kind == YAML_LIST)
        for (uint32_t i = 0; i < pools->n; i++)
            read_pools_file(load, pools->items[i]);
    else if (pools)
        read_pools_file(load, pools);
    sites_read(load);
    checks_read(load);
    maps_read(load);
    pools_read(load);
    pools_validate(load);
    if (load->networks_node)
        read_networks_file(load, load->networks_node);
    if (load->zones_node)
        zones_read(load, load->zones_node);
}

int config_load(struct model **model, const char *path, struct diags *diags)
{
    return config_reload(model, path, &(struct config_options){0}, diags);
}

int config_reload(struct model **model, const char *path, const struct config_options *options,
                  struct diags *diags)
{
    unsigned errors = diags->n_errors;
    struct arena *arena = arena_new();
    struct model *m = arena_calloc(arena, 1, sizeof *m);
    struct budget budget;
    budget_begin(&budget, path, options->insist, options->lenient);
    struct load load = {.arena = arena,
                        .scratch = arena_new(),
                        .diags = diags,
                        .model = m,
                        .before = options->before,
                        .lenient = options->lenient,
                        .budget = &budget,
                        .sites.kind = "site",
                        .checks.kind = "check",
                        .maps.kind = "map",
                        .pools.kind = "pool"};
    m->arena = arena;
    m->path = arena_strdup(arena, path);
    m->loaded_wall_ms = clock_wall_ms();
    read_all(&load, path);
    sources_finish(&load);

    namespace_free(&load.sites);
    namespace_free(&load.checks);
    namespace_free(&load.maps);
    namespace_free(&load.pools);
    vec_free(&load.endpoints);
    arena_free(load.scratch);
    if (diags->n_errors != errors) {
        model_free(m);
        return E_INVALID;
    }
    *model = m;
    return 0;
}

const char *config_peek_user(struct arena *arena, const char *path, struct span *at)
{
    struct diags unheard;
    diags_init(&unheard);
    struct load load = {.arena = arena, .scratch = arena, .diags = &unheard};
    const struct yaml_node *root = load_yaml(&load, path, (struct span){0});
    const struct yaml_node *server = root ? yaml_get(root, "server") : NULL;
    const struct yaml_node *user = server ? yaml_get(server, "user") : NULL;
    vec_free(&load.sources);
    diags_free(&unheard);
    if (!user || user->kind != YAML_SCALAR || user->n == 0)
        return NULL;
    *at = user->span;
    return user->text;
}
