/* SPDX-License-Identifier: Apache-2.0
 * The section of anycast: which files, the speakers and prefix sets in them, and what only shows
 * when zones are known. */
#include "config/anycast_draft.h"
#include "config/config.h"

static void add_named(struct load *load, struct namespace *names, const struct yaml_node *node,
                      const char *what)
{
    if (node->kind == YAML_MAP) {
        namespace_add(load, names, node);
        return;
    }
    load_expected(load, node, what, "a mapping: NAME: {...}");
    names->incomplete = true;
}

static void add_sets(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    add_named(load, &load->prefix_sets, node, "'anycast'");
}

static void add_speakers(struct load *load, const struct yaml_node *node, void *field)
{
    (void)field;
    add_named(load, &load->speakers, node, "'speakers'");
}

static const struct schema_key anycast_keys[] = {
    {.name = "anycast",
     .kind = SCHEMA_CUSTOM,
     .read = add_sets,
     .sub = &prefix_set_schema,
     .entry = "NAME",
     .type = "a mapping from names to prefix sets",
     .fallback_doc = "none",
     .doc = "What is announced.",
     .example = "{dns: {prefixes: [192.0.2.53/32], speaker: local}}"},
    {.name = "speakers",
     .kind = SCHEMA_CUSTOM,
     .read = add_speakers,
     .sub = &speaker_schema,
     .entry = "NAME",
     .type = "a mapping from names to speakers",
     .fallback_doc = "none",
     .doc = "By whom.",
     .example = "{local: {type: bird, socket: /run/bird/bird.ctl, file: /etc/bird/loadstar.conf}}"},
};
const struct schema anycast_schema = {
    .title = "the file of anycast",
    .doc = "Prefixes that are announced by BGP speakers while this node serves them. Names are "
           "letters, digits, '-', '_' and '.', at most 63 of them, and unique within their kind "
           "over all files; those of prefix sets with `hold: tun` have at most 12, and no '.'.",
    SCHEMA_KEYS(anycast_keys)};

static void read_file(struct load *load, const struct yaml_node *node)
{
    const struct yaml_node *root =
        schema_file(load, node, "'anycast'", "a path or a list of paths");
    char nothing;
    if (root)
        schema_read(load, &anycast_schema, root, &nothing); /* names go into the load */
    if (!root || root->kind != YAML_MAP)
        load->prefix_sets.incomplete = load->speakers.incomplete = true;
}

/* Fills what it can; what is wrong is reported. */
static void read_set(struct load *load, const struct definition *def, struct set_draft *d)
{
    unsigned errors = load->diags->n_errors;
    *d = (struct set_draft){.node = def->value,
                            .set = {.name = def->name,
                                    .span = def->key->span,
                                    .speaker = MODEL_NONE,
                                    .site = load->model->server.site}};
    schema_read_named(load, &prefix_set_schema, def->name, def->value, d);
    d->set.on_announce.command = command_of(load, d->node, d->on_announce);
    d->set.on_withdraw.command = command_of(load, d->node, d->on_withdraw);
    if (load->diags->n_errors == errors)
        set_judge(load, d);
}

static void read_sets(struct load *load)
{
    uint32_t n = (uint32_t)load->prefix_sets.n;
    unsigned errors = load->diags->n_errors;
    struct set_draft *v = arena_calloc(load->scratch, n, sizeof *v);
    struct prefix_set *sets = arena_calloc(load->arena, n, sizeof *sets);
    for (uint32_t i = 0; i < n; i++)
        read_set(load, &load->prefix_sets.v[i], &v[i]);
    if (load->diags->n_errors == errors) {
        sets_judge(load, v, n);
        anycast_pools_make(load, v, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        sets[i] = v[i].set;
        sets[i].when = v[i].when.needs;
        sets[i].full = v[i].full.needs;
    }
    load->set_drafts = v;
    load->model->prefix_sets = load->set_table = sets;
    load->model->n_prefix_sets = n;
}

static void warn_unused(struct load *load)
{
    const struct model *m = load->model;
    for (uint32_t i = 0; i < m->n_speakers; i++) {
        bool used = false;
        for (uint32_t k = 0; k < m->n_prefix_sets; k++)
            used |= m->prefix_sets[k].speaker == i;
        if (!used)
            diag_warning(load->diags, m->speakers[i].span,
                         "speaker '%s' is not used: no prefix set names it", m->speakers[i].name);
    }
}

static void read_section(struct load *load, const struct yaml_node *root)
{
    const struct yaml_node *anycast = load->anycast_node;
    unsigned errors = load->diags->n_errors;
    (void)root;
    if (!anycast)
        return;
    struct yaml_items items = yaml_items(&anycast);
    for (uint32_t i = 0; i < items.n; i++)
        read_file(load, items.v[i]);
    speakers_read(load);
    if (load->diags->n_errors == errors)
        speakers_judge(load);
    read_sets(load);
    if (load->diags->n_errors == errors)
        warn_unused(load);
}

/* Of a load with errors not all that is asked for is known. */
static void finish(struct load *load)
{
    if (load->diags->n_errors == 0)
        anycast_cover(load);
}

const struct config_section config_anycast = {.read = read_section, .finish = finish};
