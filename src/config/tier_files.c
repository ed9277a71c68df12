/* SPDX-License-Identifier: Apache-2.0
 * Files that tiers and speakers make Loadstar write: where they may be. */
#include "config/tier_draft.h"

#include "base/file.h"
#include "config/zone_files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A file as it is named. */
struct named {
    const char *file;
    struct span at;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *directory_of(struct load *load, const char *file)
{
    const char *slash = strrchr(file, '/');
    return !slash          ? "."
           : slash == file ? "/"
                           : arena_strndup(load->scratch, file, (size_t)(slash - file));
}

const char *written_file_real(struct load *load, const char *file)
{
    char real[PATH_MAX];
    if (!realpath(directory_of(load, file), real))
        return NULL;
    return arena_printf(load->scratch, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
                        last_part(file));
}

/* NULL after reporting. */
static const char *find_file(struct load *load, const struct named *t)
{
    const char *name = last_part(t->file);
    struct stat st;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        diag_error(load->diags, t->at, "'%s' is a directory, expected a file", t->file);
        return NULL;
    }
    const char *path = written_file_real(load, t->file);
    if (!path) {
        int e = errno;
        diag_error(load->diags, t->at, "cannot find the directory '%s' of '%s': %s",
                   directory_of(load, t->file), t->file, strerror(e));
        return NULL;
    }
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        diag_error(load->diags, t->at, "'%s' is %s, expected a file that only Loadstar writes",
                   t->file,
                   S_ISLNK(st.st_mode)   ? "a link"
                   : S_ISDIR(st.st_mode) ? "a directory"
                                         : "no regular file");
        return NULL;
    }
    return path;
}

/* Whether `path` is in the directory `within`; `deep`: or further down. */
static bool is_within(const char *path, const char *within, bool deep)
{
    char real[PATH_MAX];
    if (!realpath(within, real))
        return false;
    size_t n = strcmp(real, "/") == 0 ? 0 : strlen(real);
    return strncmp(path, real, n) == 0 && path[n] == '/' && (deep || !strchr(path + n + 1, '/'));
}

/* Names first: there may be very many others. */
static bool is_same(const char *path, const char *other)
{
    char real[PATH_MAX];
    return strcmp(last_part(path), last_part(other)) == 0 && realpath(other, real) &&
           strcmp(real, path) == 0;
}

static void refuse_place(struct load *load, const struct named *t, const char *what)
{
    diag_error(load->diags, t->at, "'%s' is in %s, expected a directory of its own", t->file, what);
}

/* Everything in there is a zone, or told to be none. */
static bool is_zone_directory(const char *path)
{
    struct stat st;
    return !zone_file_is_named(last_part(path)) && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void judge_zones(struct load *load, const struct named *t, const char *path)
{
    const struct yaml_node *zones = load->zones_node;
    struct yaml_items items = zones ? yaml_items(&zones) : (struct yaml_items){0};
    for (uint32_t i = 0; i < items.n; i++) {
        const struct yaml_node *node = items.v[i];
        if (node->kind != YAML_SCALAR)
            continue;
        const char *named = file_resolve(load->scratch, node->span.file, node->text);
        if (is_zone_directory(named) && is_within(path, named, true))
            refuse_place(load, t, "a directory of 'zones'");
        else if (is_same(path, named))
            diag_error(load->diags, t->at, "'%s' is a zone of this configuration", t->file);
    }
}

const char *written_file_judge(struct load *load, const char *file, struct span at)
{
    const struct named named = {file, at}, *t = &named;
    const char *path = find_file(load, t), *state = load->model->server.state_dir;
    if (!path)
        return NULL;
    if (state &&
        is_within(path, state, false)) /* whose names are ours; directories in it are not */
        refuse_place(load, t, "'state_dir'");
    judge_zones(load, t, path);
    for (size_t i = 0; i < load->sources.n; i++)
        if (is_same(path, load->sources.v[i].path))
            diag_error(load->diags, t->at,
                       "'%s' is read as configuration, expected a file that only Loadstar writes",
                       t->file);
    return path;
}
