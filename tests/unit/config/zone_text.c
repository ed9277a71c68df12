/* SPDX-License-Identifier: Apache-2.0
 * Zones as lines of text that can be compared. */
#include "zone_text.h"

#include "files.h"

#include "base/buf.h"
#include "base/vec.h"
#include "config/config.h"
#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

struct model *zone_text_load(const char *name, const char *text)
{
    char path[300];
    struct diags diags;
    struct model *model = NULL;
    snprintf(path, sizeof path, "zones/%s.zone", name);
    files_write_text("loadstar.yaml", "pools: pools.yaml\nzones: zones/\n");
    files_write_text("pools.yaml",
                     "sites: {ams: {}, iad: {}}\npools: {www: {sites: {ams: [192.0.2.1]}}, "
                     "api: {steer: all, sites: {ams: [192.0.2.2], iad: [192.0.2.3]}}}\n");
    files_write_text(path, text);
    diags_init(&diags);
    if (config_load(&model, "loadstar.yaml", &diags) != 0)
        model = NULL;
    diags_print(&diags, stderr);
    diags_free(&diags);
    return model;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *zone_text_sort(char *text)
{
    VEC(char *) lines = {0};
    struct buf out = {0};
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        *vec_push(&lines) = line;
    if (lines.n)
        qsort(lines.v, lines.n, sizeof *lines.v, compare_lines);
    for (size_t i = 0; i < lines.n; i++)
        buf_printf(&out, "%s\n", lines.v[i]);
    vec_free(&lines);
    free(text);
    return out.p ? out.p : xstrdup("");
}

char *zone_text_dump(const struct zone *zone)
{
    struct buf out = {0};
    char name[NAME_TEXT_MAX];
    for (size_t i = 0; i < zone->n_records; i++) {
        const struct record *r = &zone->records[i];
        buf_printf(&out, "%s %u %u ", name_to_text(name, slice_of(r->owner, r->owner_len)),
                   r->ttl_s, r->type);
        for (unsigned j = 0; j < r->rdlen; j++)
            buf_printf(&out, "%02x", r->rdata[j]);
        buf_puts(&out, "\n");
    }
    return zone_text_sort(out.p ? out.p : xstrdup(""));
}
