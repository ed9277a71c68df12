/* SPDX-License-Identifier: Apache-2.0
 * Which files of a directory are zones. */
#include "config/zone_files.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

static bool has_suffix(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n > m && strcmp(text + n - m, suffix) == 0;
}

bool zone_file_is_named(const char *name)
{
    return name[0] != '.' &&
           (has_suffix(name, ".yaml") || has_suffix(name, ".yml") || has_suffix(name, ".zone"));
}

/** Whether nobody expects a file of that name to be read: hidden, or a backup that an editor or a
 *  package manager leaves. */
static bool is_litter(const char *name)
{
    static const char *const suffixes[] = {"~",        ".bak",     ".orig",     ".rej",
                                           ".swp",     ".swo",     ".tmp",      ".rpmnew",
                                           ".rpmsave", ".rpmorig", ".ucf-dist", ".ucf-old",
                                           ".ucf-new"};
    size_t n = strlen(name);
    if (name[0] == '.' || (n > 2 && name[0] == '#' && name[n - 1] == '#'))
        return true;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (has_suffix(name, suffixes[i]))
            return true;
    const char *dpkg = strstr(name, ".dpkg-"); /* .dpkg-old, .dpkg-dist, .dpkg-new, ... */
    return (dpkg && !strchr(dpkg + 1, '.')) || strcmp(name, "lost+found") == 0;
}

static int is_wanted(const struct dirent *entry)
{
    return zone_file_is_named(entry->d_name) || !is_litter(entry->d_name);
}

static int compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not by locale */
}

int zone_files_list(struct dirent ***entries, const char *path)
{
    return scandir(path, entries, is_wanted, compare);
}

void zone_files_free(struct dirent **entries, int n)
{
    for (int i = 0; i < n; i++)
        free(entries[i]);
    if (n >= 0)
        free(entries);
}

bool zone_files_digest(uint64_t *digest, const char *path)
{
    struct dirent **entries;
    int n = zone_files_list(&entries, path);
    *digest = 0;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        if (zone_file_is_named(name))
            *digest = hash_bytes(*digest, (const uint8_t *)name, (uint32_t)strlen(name) + 1);
    }
    zone_files_free(entries, n);
    return n >= 0;
}
