/* SPDX-License-Identifier: Apache-2.0
 * The `zones` key: which files, and each of them into the model. */
#include "config/config.h"
#include "config/parts.h"

#include "base/file.h"
#include "base/hash.h"
#include "config/sources.h"
#include "config/zone_broken.h"
#include "config/zone_files.h"
#include "config/zones_load.h"
#include "dns/name.h"
#include "model/answer_ttls.h"

#include <errno.h>
#include <sys/stat.h>

struct sources {
    struct zone_source *v;
    size_t n, cap;
    VEC(const char *) others; /* in directories, and no zones by their names */
    VEC(struct span) others_at;
    VEC(struct zone_source) empty; /* directories without a zone */
};

#define OTHERS_NAMED 20 /* in warnings; the rest are counted */

static const char *path_in(struct load *load, const char *directory, const char *name)
{
    bool slash = directory[strlen(directory) - 1] == '/';
    return arena_printf(load->arena, "%s%s%s", directory, slash ? "" : "/", name);
}

static void add_directory(struct load *load, struct sources *out, const char *path,
                          struct span named)
{
    struct dirent **entries;
    struct source *source = sources_add(load, path);
    source->directory = true;
    zone_files_digest(&source->digest, path);
    int n = zone_files_list(&entries, path);
    size_t before = out->n;
    if (n < 0) {
        diag_error(load->diags, named, "cannot read the directory '%s': %s", path, strerror(errno));
        return;
    }
    for (int i = 0; i < n; i++) {
        const char *entry = path_in(load, path, entries[i]->d_name);
        if (zone_file_is_named(entries[i]->d_name)) {
            *vec_push(out) = (struct zone_source){entry, named};
        } else {
            *vec_push(&out->others) = entry;
            *vec_push(&out->others_at) = named;
        }
    }
    zone_files_free(entries, n);
    if (out->n == before)
        *vec_push(&out->empty) = (struct zone_source){path, named};
}

static void add_source(struct load *load, struct sources *out, const struct yaml_node *node)
{
    struct stat st;
    const char *text = schema_scalar(load, node, "'zones'", "a directory or a file");
    if (!text)
        return;
    const char *path = file_resolve(load->arena, node->span.file, text);
    bool there = stat(path, &st) == 0;
    if (!there && strpbrk(text, "*?["))
        diag_error(load->diags, node->span,
                   "cannot find '%s': patterns are not expanded, expected a directory, of which "
                   "every " ZONE_FILES_EXPECTED " is read",
                   path);
    else if (there && S_ISDIR(st.st_mode))
        add_directory(load, out, path, node->span);
    else if (there || zone_file_is_named(text)) /* its reader says what is wrong with it */
        *vec_push(out) = (struct zone_source){path, node->span};
    else
        diag_error(load->diags, node->span, "cannot find '%s': %s", path, strerror(errno));
}

/* Whether something of this configuration was read from there after all: $INCLUDE, or a list of
 * paths beside the directory. */
static bool is_read(const struct load *load, const char *path)
{
    for (size_t i = 0; i < load->sources.n; i++)
        if (strcmp(load->sources.v[i].path, path) == 0)
            return true;
    const struct model *m = load->model;
    for (uint32_t i = 0; i < m->geo.databases.n; i++)
        if (m->geo.databases.v[i] && strcmp(m->geo.databases.v[i], path) == 0)
            return true;
    return m->http.token_file && strcmp(m->http.token_file, path) == 0;
}

/* Someone has put it there to be served, more likely than not. */
static void warn_of_others(struct load *load, const struct sources *sources)
{
    unsigned n = 0;
    for (size_t i = 0; i < sources->others.n; i++) {
        struct stat st;
        const char *path = sources->others.v[i];
        if (stat(path, &st) != 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) ||
            is_read(load, path))
            continue;
        if (n++ >= OTHERS_NAMED)
            continue;
        diag_warning(load->diags, sources->others_at.v[i], "%s'%s' is not read: expected %s",
                     S_ISDIR(st.st_mode) ? "the directory " : "", path,
                     S_ISDIR(st.st_mode) ? "zones beside each other, or its name in 'zones'"
                                         : ZONE_FILES_EXPECTED);
    }
    if (n > OTHERS_NAMED)
        diag_warning(load->diags, sources->others_at.v[0],
                     "%u more files among the zones are not read: expected " ZONE_FILES_EXPECTED,
                     n - OTHERS_NAMED);
}

static void refuse_repeated(struct load *load, const struct zone *zones, uint32_t n)
{
    struct strmap seen = {0};
    char name[NAME_TEXT_MAX];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = zones[i].origin.n ? strmap_add(&seen, zones[i].origin, i) : i;
        if (first != i)
            diag_error(load->diags, zones[i].span, "zone %s is given twice, first at %s:%u:%u",
                       name_to_text(name, zones[i].origin), zones[first].span.file,
                       zones[first].span.line, zones[first].span.column);
    }
    strmap_free(&seen);
}

static uint64_t digest_site(uint64_t digest, const struct model *m, const struct pool_site *site)
{
    const char *name = m->sites[site->site].name;
    uint32_t numbers[] = {site->has_v4, site->has_v6};
    digest = hash_bytes(digest, (const uint8_t *)name, (uint32_t)strlen(name) + 1);
    return hash_bytes(digest, (const uint8_t *)numbers, sizeof numbers);
}

/* What is rendered of pools into zones (compile/kin.c) and checked against them. */
static uint64_t digest_pools(const struct model *m)
{
    uint64_t digest = 0;
    uint32_t n = model_steering_pools(m);
    for (uint32_t i = 0; i < n; i++) {
        const struct pool *p = &m->pools[i];
        uint32_t numbers[] = {p->ttl.min_s, p->ttl.max_s, p->answers, p->is_cname,
                              p->has_v4,    p->has_v6,    p->n_sites};
        digest = hash_bytes(digest, (const uint8_t *)p->name, (uint32_t)strlen(p->name) + 1);
        digest = hash_bytes(digest, (const uint8_t *)numbers, sizeof numbers);
        for (uint32_t k = 0; k < p->n_sites; k++)
            digest = digest_site(digest, m, &p->sites[k]);
    }
    return digest;
}

/* The sites that dynamic names ask for get verdicts of their own. */
static void mark_named_sites(const struct model *m)
{
    for (uint32_t i = 0; i < m->n_zones; i++) {
        const struct zone *zone = &m->zones[i];
        for (uint32_t k = 0; k < zone->n_named_sites; k++)
            m->pools[zone->named_sites[k].pool].named[zone->named_sites[k].site] = true;
    }
}

static void read_zones(struct load *load, const struct yaml_node *node)
{
    struct sources sources = {0};
    unsigned errors = load->diags->n_errors;
    if (node->kind == YAML_LIST && node->n > 0)
        for (uint32_t i = 0; i < node->n; i++)
            add_source(load, &sources, node->items[i]);
    else
        add_source(load, &sources, node);
    for (size_t i = 0; sources.n > 0 && i < sources.empty.n; i++)
        diag_warning(load->diags, sources.empty.v[i].named, "no " ZONE_FILES_EXPECTED " in '%s'",
                     sources.empty.v[i].path);
    if (sources.n == 0 && load->diags->n_errors == errors)
        diag_error(load->diags, node->span,
                   "'zones' yields no zone, expected files called " ZONE_FILES_EXPECTED
                   " there (without the key 'zones' no DNS is served, endpoints are checked only)");
    struct zone *zones = arena_calloc(load->arena, sources.n, sizeof *zones);
    load->model->pools_digest = digest_pools(load->model);
    zones_load(load, sources.v, sources.n, zones);
    load->model->zones = zones;
    load->model->n_zones = (uint32_t)sources.n;
    if (load->lenient)
        load->model->n_zones = zones_set_aside(load, zones, (uint32_t)sources.n);
    mark_named_sites(load->model);
    load->model->answer_ttls = answer_ttls(load->arena, load->model);
    refuse_repeated(load, zones, load->model->n_zones);
    warn_of_others(load, &sources);
    vec_free(&sources);
    vec_free(&sources.empty);
    vec_free(&sources.others);
    vec_free(&sources.others_at);
}

/* Where queries come in, and whether any do. */
static void settle_listen(struct load *load, const struct yaml_node *root)
{
    const struct model *m = load->model;
    if (!m->server.listen && load->zones_node)
        listen_default(load);
    if (!load->main_is_sound)
        return;
    if (!load->zones_node)
        diag_warning(load->diags, root->span,
                     "no 'zones': no DNS is served, endpoints are checked only");
    else if (m->server.n_listen == 0)
        diag_warning(load->diags, root->span,
                     "'listen' is empty: no DNS is served, endpoints are checked only");
}

static void read_section(struct load *load, const struct yaml_node *root)
{
    settle_listen(load, root);
    if (load->zones_node)
        read_zones(load, load->zones_node);
}

const struct config_section config_zones = {.read = read_section};
