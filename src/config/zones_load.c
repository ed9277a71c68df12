/* SPDX-License-Identifier: Apache-2.0
 * Zones are read by several threads at once, one zone by one thread.
 *
 * A thread has a `struct load` of its own, so that nothing is shared but what is only read (the
 * names of pools) and the number of the next zone. What a zone needs only while it is read, its
 * text above all, is freed before the next one. Zones whose files have not changed since the model
 * before are kept: of them only what describes them is copied. */
#include "config/zones_load.h"

#include "base/parallel.h"
#include "base/strmap.h"
#include "config/parts.h"
#include "config/sources.h"
#include "config/zone_broken.h"
#include "config/zonefile.h"
#include "config/zoneyaml.h"
#include "model/broken.h"
#include "model/budget.h"
#include "model/kin.h"

#include <stdlib.h>

/* What reading one zone leaves behind besides the zone. */
struct outcome {
    struct diags diags;
    struct source *sources;
    size_t n_sources;
};

struct job {
    const struct load *load;
    const struct zone_source *sources;
    struct zone *zones;
    struct outcome *outcomes;
    uint32_t *todo; /* the zones that are read */
    uint32_t n_todo;
    struct load loads[PARALLEL_MAX]; /* by thread: its arena has what it keeps of its zones */
};

static bool is_yaml(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static void read_zone(struct load *load, const struct zone_source *source, struct zone *out)
{
    struct zone_build build = {.load = load, .pack = load->pack, .pack_end = load->pack_end};
    if (is_yaml(source->path))
        zoneyaml_read(&build, source->path, source->named);
    else
        zonefile_read(&build, source->path, source->named);
    if (load->lenient && load->diags->n_errors > 0 && build.origin.n < 2)
        build.origin = zone_guess_origin(load->arena, source->path);
    zone_finish(&build, out);
}

static void read_next(void *arg, uint32_t piece, uint32_t thread)
{
    struct job *job = arg;
    struct load *load = &job->loads[thread];
    uint32_t i = job->todo[piece];
    struct outcome *outcome = &job->outcomes[i];
    diags_init(&outcome->diags);
    load->diags = &outcome->diags;
    load->scratch = arena_new();
    read_zone(load, &job->sources[i], &job->zones[i]);
    arena_free(load->scratch);
    outcome->sources = load->sources.v;
    outcome->n_sources = load->sources.n;
    memset(&load->sources, 0, sizeof load->sources);
}

static void read_zones(struct job *job)
{
    if (job->n_todo == 0)
        return;
    uint32_t threads = parallel_threads(job->n_todo);
    for (uint32_t i = 0; i < threads; i++)
        job->loads[i] = (struct load){.arena = arena_new(),
                                      .model = job->load->model,
                                      .pools = job->load->pools,
                                      .lenient = job->load->lenient};
    parallel_for(job->n_todo, threads, read_next, job);
    for (uint32_t i = 0; i < threads; i++)
        arena_adopt(job->load->model->records, job->loads[i].arena);
}

/* --- what is kept --- */

static bool is_unchanged(const struct load *load, const struct zone *zone)
{
    const struct model *before = load->before;
    if (zone->broken)
        return false;
    if (zone->n_pool_names && before->pools_digest != load->model->pools_digest)
        return false;
    for (uint32_t i = 0; i < zone->n_sources; i++) {
        if (!source_unchanged(&before->sources[zone->first_source + i], before->loaded_wall_ms))
            return false;
    }
    return zone->n_sources > 0;
}

static void keep_unchanged(struct job *job, size_t n)
{
    const struct model *before = job->load->before;
    struct strmap paths = {0};
    for (uint32_t i = 0; before && i < before->n_zones; i++)
        strmap_add(&paths, slice_str(before->zones[i].path), i);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t was = strmap_get(&paths, slice_str(job->sources[i].path));
        if (was == STRMAP_NONE || !is_unchanged(job->load, &before->zones[was])) {
            job->todo[job->n_todo++] = i;
            continue;
        }
        job->zones[i] = before->zones[was];
        job->zones[i].kept = was + 1;
        job->zones[i].records = NULL;
        job->zones[i].pool_names = NULL;
    }
    strmap_free(&paths);
}

/* By kin: the kin before that all its zones are kept of; MODEL_NONE: there is none. */
static uint32_t *match_kin(const struct kin *now, const struct kin *then, const struct zone *zones,
                           uint32_t n, uint32_t n_before)
{
    uint32_t *match = xmalloc(now->n * sizeof *match), *left = xcalloc(then->n, sizeof *left);
    for (uint32_t i = 0; i < n_before; i++)
        left[then->of_zone[i]]++;
    for (uint32_t f = 0; f < now->n; f++) {
        uint32_t kept = zones[now->top[f]].kept;
        match[f] = kept ? then->of_zone[kept - 1] : MODEL_NONE;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t *m = &match[now->of_zone[i]], kept = zones[i].kept;
        if (!kept || then->of_zone[kept - 1] != *m)
            *m = MODEL_NONE;
        else
            left[*m]--;
    }
    for (uint32_t f = 0; f < now->n; f++) {
        if (match[f] != MODEL_NONE && left[match[f]] != 0) /* one of them is gone */
            match[f] = MODEL_NONE;
    }
    free(left);
    return match;
}

/* A kin is compiled as a whole: a kept zone that got, lost or has a relative that changed is
 * read after all. */
static void add_relatives(struct job *job, uint32_t n)
{
    const struct model *before = job->load->before;
    struct kin now, then;
    job->n_todo = 0;
    if (!before)
        return;
    kin_find(&now, job->zones, n);
    kin_find(&then, before->zones, before->n_zones);
    uint32_t *match = match_kin(&now, &then, job->zones, n, before->n_zones);
    for (uint32_t i = 0; i < n; i++) {
        if (job->zones[i].kept && match[now.of_zone[i]] == MODEL_NONE)
            job->todo[job->n_todo++] = i;
    }
    free(match);
    kin_free(&now);
    kin_free(&then);
}

/* --- into the model --- */

static const struct diag *copy_notes(struct arena *arena, const struct diag *from, size_t n)
{
    struct diag *notes = arena_calloc(arena, n, sizeof *notes);
    for (size_t i = 0; i < n; i++) {
        const char *file = from[i].span.file;
        notes[i] = from[i];
        notes[i].span.file = file ? arena_strdup(arena, file) : NULL;
        notes[i].text = arena_strdup(arena, from[i].text);
    }
    return notes;
}

/* What describes the zone goes into the model's arena, whichever one it came from. */
static void settle(struct arena *arena, struct zone *zone)
{
    const char **files = arena_calloc(arena, zone->files.n, sizeof *files);
    for (uint32_t i = 0; i < zone->files.n; i++)
        files[i] = arena_strdup(arena, zone->files.v[i]);
    zone->files.v = files;
    zone->origin = slice_of(arena_copy(arena, zone->origin.p, zone->origin.n), zone->origin.n);
    zone->span.file = zone->span.file ? arena_strdup(arena, zone->span.file) : NULL;
    zone->notes = copy_notes(arena, zone->notes, zone->n_notes);
    zone->named_sites =
        arena_copy(arena, zone->named_sites, zone->n_named_sites * sizeof *zone->named_sites);
    zone->named_ttls =
        arena_copy(arena, zone->named_ttls, zone->n_named_ttls * sizeof *zone->named_ttls);
}

static void add_sources(struct load *load, struct zone *zone, const struct source *v, size_t n)
{
    zone->first_source = (uint32_t)load->sources.n;
    zone->n_sources = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        struct source *source = vec_push(&load->sources);
        *source = v[i];
        source->path = arena_strdup(load->arena, v[i].path);
    }
}

static void merge(struct load *load, const struct zone_source *source, struct outcome *outcome,
                  struct zone *zone)
{
    struct diags told = {.v = (struct diag *)(uintptr_t)zone->notes, .n = zone->n_notes};
    if (zone->kept) {
        diags_append(load->diags, &told);
        settle(load->arena, zone);
        add_sources(load, zone, load->before->sources + zone->first_source, zone->n_sources);
    } else {
        bool broken = load->lenient && outcome->diags.n_errors > 0;
        if (broken)
            zone_break_silently(zone);
        else
            diags_append(load->diags, &outcome->diags);
        zone->notes = outcome->diags.v;
        zone->n_notes = (uint32_t)outcome->diags.n;
        settle(load->arena, zone);
        add_sources(load, zone, outcome->sources, outcome->n_sources);
        diags_free(&outcome->diags);
        free(outcome->sources);
    }
    zone->path = arena_strdup(load->arena, source->path);
}

/* What a reading that is done again left behind. */
static void forget(struct outcome *outcome)
{
    if (outcome->diags.arena)
        diags_free(&outcome->diags);
    free(outcome->sources);
    *outcome = (struct outcome){0};
}

/* With what the zones included when they were read before. */
static bool fits(const struct job *job)
{
    const struct load *load = job->load;
    const struct model *before = load->before;
    struct strmap paths = {0};
    for (uint32_t i = 0; before && i < before->n_zones; i++)
        strmap_add(&paths, slice_str(before->zones[i].path), i);
    for (size_t k = 0; k < job->n_todo; k++) {
        const char *path = job->sources[job->todo[k]].path;
        uint32_t was = strmap_get(&paths, slice_str(path));
        const struct zone *zone = was == STRMAP_NONE ? NULL : &before->zones[was];
        budget_add_zone(load->budget, path);
        for (uint32_t i = 0; zone && i < zone->n_sources; i++) {
            const char *source = before->sources[zone->first_source + i].path;
            if (strcmp(source, path) != 0)
                budget_add_zone(load->budget, source);
        }
    }
    strmap_free(&paths);
    return budget_allows(load->budget, load->diags);
}

void zones_load(struct load *load, const struct zone_source *sources, size_t n, struct zone *out)
{
    struct job job = {.load = load, .sources = sources, .zones = out};
    load->model->records = arena_new();
    if (n == 0)
        return;
    job.outcomes = arena_calloc(load->scratch, n, sizeof *job.outcomes);
    job.todo = arena_calloc(load->scratch, n, sizeof *job.todo);
    keep_unchanged(&job, n);
    if (load->budget && !fits(&job))
        job.n_todo = 0; /* an error: nothing of it is used */
    do {
        for (size_t i = 0; i < job.n_todo; i++)
            forget(&job.outcomes[job.todo[i]]);
        read_zones(&job);
        add_relatives(&job, (uint32_t)n);
    } while (job.n_todo > 0);
    for (size_t i = 0; i < n; i++)
        merge(load, &sources[i], &job.outcomes[i], &out[i]);
}
