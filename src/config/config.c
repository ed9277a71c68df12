/* SPDX-License-Identifier: Apache-2.0
 * Reads a main file, and the sections that a program has, into a model. */
#include "config/config.h"

#include "base/clock.h"
#include "base/file.h"
#include "config/parts.h"
#include "config/sources.h"
#include "model/budget.h"

/* Sections come in their order: names first, then what refers to them. */
static void read_all(struct load *load, const char *path, config_main_fn *main_file,
                     const struct config_section *const *sections)
{
    const struct yaml_node *root = load_yaml(load, path, (struct span){0});
    if (!root)
        return;
    main_file(load, root);
    for (size_t i = 0; sections[i]; i++)
        if (sections[i]->estimate)
            sections[i]->estimate(load);
    if (!budget_allows(load->budget, load->diags))
        return;
    for (size_t i = 0; sections[i]; i++)
        sections[i]->read(load, root);
    for (size_t i = 0; sections[i]; i++)
        if (sections[i]->finish)
            sections[i]->finish(load);
}

int config_read_by(struct model **model, const char *path, config_main_fn *main_file,
                   const struct config_section *const *sections,
                   const struct config_options *options, struct diags *diags)
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
                        .pools.kind = "pool",
                        .tiers.kind = "tier",
                        .prefix_sets.kind = "prefix set",
                        .speakers.kind = "speaker",
                        .services.kind = "service"};
    m->arena = arena;
    m->path = arena_strdup(arena, path);
    m->loaded_wall_ms = clock_wall_ms();
    read_all(&load, path, main_file, sections);
    sources_finish(&load);

    namespace_free(&load.sites);
    namespace_free(&load.checks);
    namespace_free(&load.maps);
    namespace_free(&load.pools);
    namespace_free(&load.tiers);
    namespace_free(&load.prefix_sets);
    namespace_free(&load.speakers);
    namespace_free(&load.services);
    vec_free(&load.pool_defaults);
    vec_free(&load.endpoints);
    vec_free(&load.weights_from);
    arena_free(load.scratch);
    if (diags->n_errors != errors) {
        model_free(m);
        return E_INVALID;
    }
    *model = m;
    return 0;
}

int config_read(struct model **model, const char *path,
                const struct config_section *const *sections, const struct config_options *options,
                struct diags *diags)
{
    return config_read_by(model, path, main_file_read, sections, options, diags);
}

/** `section`: NULL when the user stands at the top. */
static const char *peek_user(struct arena *arena, const char *path, const char *section,
                             struct span *at)
{
    struct diags unheard;
    diags_init(&unheard);
    struct load load = {.arena = arena, .scratch = arena, .diags = &unheard};
    const struct yaml_node *in = load_yaml(&load, path, (struct span){0});
    if (in && section)
        in = yaml_get(in, section);
    const struct yaml_node *user = in ? yaml_get(in, "user") : NULL;
    vec_free(&load.sources);
    diags_free(&unheard);
    if (!user || user->kind != YAML_SCALAR || user->n == 0)
        return NULL;
    *at = user->span;
    return user->text;
}

const char *config_peek_user(struct arena *arena, const char *path, struct span *at)
{
    return peek_user(arena, path, "server", at);
}

const char *config_l4_peek_user(struct arena *arena, const char *path, struct span *at)
{
    return peek_user(arena, path, NULL, at);
}
