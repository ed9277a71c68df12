/* SPDX-License-Identifier: Apache-2.0
 * The `zones` key: which files, and each of them into the model. */
#include "config/parts.h"

#include "base/file.h"
#include "base/hash.h"
#include "config/sources.h"
#include "config/zones_load.h"
#include "dns/name.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct sources {
    struct zone_source *v;
    size_t n, cap;
};

static bool has_suffix(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n > m && strcmp(text + n - m, suffix) == 0;
}

static int is_zone_entry(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           (has_suffix(entry->d_name, ".yaml") || has_suffix(entry->d_name, ".zone"));
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not by locale: the order is the same anywhere */
}

bool zones_directory_digest(uint64_t *digest, const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_zone_entry, compare_entries);
    *digest = 0;
    for (int i = 0; i < n; i++) {
        const uint8_t *name = (const uint8_t *)entries[i]->d_name;
        *digest = hash_bytes(*digest, name, (uint32_t)strlen(entries[i]->d_name) + 1);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return n >= 0;
}

static void add_directory(struct load *load, struct sources *out, const char *path,
                          struct span named)
{
    struct dirent **entries;
    struct source *source = sources_add(load, path);
    source->directory = true;
    zones_directory_digest(&source->digest, path);
    int n = scandir(path, &entries, is_zone_entry, compare_entries);
    if (n < 0) {
        diag_error(load->diags, named, "cannot read the directory '%s': %s", path, strerror(errno));
        return;
    }
    if (n == 0)
        diag_warning(load->diags, named, "no *.yaml and no *.zone in '%s'", path);
    bool slash = has_suffix(path, "/") || strcmp(path, "/") == 0;
    for (int i = 0; i < n; i++) {
        struct zone_source *s = vec_push(out);
        s->path = arena_printf(load->arena, "%s%s%s", path, slash ? "" : "/", entries[i]->d_name);
        s->named = named;
        free(entries[i]);
    }
    free(entries);
}

static void add_source(struct load *load, struct sources *out, const struct yaml_node *node)
{
    struct stat st;
    const char *text = schema_scalar(load, node, "'zones'", "a directory or a file");
    if (!text)
        return;
    const char *path = file_resolve(load->arena, node->span.file, text);
    if (stat(path, &st) != 0) {
        diag_error(load->diags, node->span, "cannot find '%s': %s", path, strerror(errno));
    } else if (S_ISDIR(st.st_mode)) {
        add_directory(load, out, path, node->span);
    } else {
        struct zone_source *s = vec_push(out);
        s->path = path;
        s->named = node->span;
    }
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

/* What is rendered of pools into zones (compile/zone.c) and checked against them. */
static uint64_t digest_pools(const struct model *m)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct pool *p = &m->pools[i];
        uint32_t numbers[] = {p->ttl.min_s, p->ttl.max_s, p->answers, p->is_cname};
        digest = hash_bytes(digest, (const uint8_t *)p->name, (uint32_t)strlen(p->name) + 1);
        digest = hash_bytes(digest, (const uint8_t *)numbers, sizeof numbers);
    }
    return digest;
}

void zones_read(struct load *load, const struct yaml_node *node)
{
    struct sources sources = {0};
    if (node->kind == YAML_LIST && node->n > 0)
        for (uint32_t i = 0; i < node->n; i++)
            add_source(load, &sources, node->items[i]);
    else
        add_source(load, &sources, node);
    struct zone *zones = arena_calloc(load->arena, sources.n, sizeof *zones);
    load->model->pools_digest = digest_pools(load->model);
    zones_load(load, sources.v, sources.n, zones);
    load->model->zones = zones;
    load->model->n_zones = (uint32_t)sources.n;
    refuse_repeated(load, zones, load->model->n_zones);
    vec_free(&sources);
}
