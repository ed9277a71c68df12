/* SPDX-License-Identifier: Apache-2.0
 * All zones: kin are compiled by several threads at once, those that have not changed are
 * taken over from the generation before, and one index leads to all of them. */
#include "compile/zones.h"
#include "compile/kin.h"
#include "compile/lint.h"

#include "base/parallel.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "dns/name.h"
#include "model/broken.h"
#include "model/kin.h"

#include <stdlib.h>

struct job {
    const struct model *model;
    const struct snapshot *before;
    struct kin kin;
    struct zone *zones; /* those of a kin beside each other */
    uint32_t *which;    /* by zone in `zones`: its index in the model */
    uint32_t *first;    /* by kin: its first in `zones`; n + 1 of them */
    struct part **parts;
    uint32_t *todo; /* the kin that are compiled */
    uint32_t n_todo;
};

/* --- gathering --- */

static void gather(struct job *job)
{
    const struct model *m = job->model;
    uint32_t n = job->kin.n, *at = xcalloc(n + 1, sizeof *at);
    job->zones = xmalloc(m->n_zones * sizeof *job->zones);
    job->which = xmalloc(m->n_zones * sizeof *job->which);
    job->first = xcalloc(n + 1, sizeof *job->first);
    job->todo = xmalloc(n * sizeof *job->todo);
    for (uint32_t i = 0; i < m->n_zones; i++)
        job->first[job->kin.of_zone[i] + 1]++;
    for (uint32_t f = 0; f < n; f++)
        job->first[f + 1] += job->first[f];
    for (uint32_t i = 0; i < m->n_zones; i++) {
        uint32_t f = job->kin.of_zone[i];
        uint32_t to = job->first[f] + at[f]++;
        job->zones[to] = m->zones[i];
        job->which[to] = i;
    }
    free(at);
}

/* The part of a kin whose zones are all kept; the loader keeps all of a kin or none. */
static struct part *part_before(const struct job *job, uint32_t kin)
{
    uint32_t kept = job->zones[job->first[kin]].kept;
    return kept == 0 ? NULL : job->before->parts[job->before->part_of_zone[kept - 1]];
}

static void sort_out(struct job *job)
{
    for (uint32_t f = 0; f < job->kin.n; f++) {
        struct part *part = part_before(job, f);
        job->parts[f] = part ? part_use(part) : part_new();
        if (!part)
            job->todo[job->n_todo++] = f;
    }
}

/* --- compiling --- */

static void compile_one(const struct job *job, uint32_t f)
{
    struct model alone = *job->model;
    alone.zones = job->zones + job->first[f];
    alone.n_zones = job->first[f + 1] - job->first[f];
    kin_compile(job->parts[f], &alone);
}

static void compile_next(void *arg, uint32_t i, uint32_t thread)
{
    const struct job *job = arg;
    (void)thread;
    compile_one(job, job->todo[i]);
}

/* --- zones that cannot be compiled while the others are --- */

static bool is_of(const struct zone *zone, const char *file)
{
    bool found = strcmp(zone->path, file) == 0;
    for (uint32_t i = 0; !found && i < zone->files.n; i++)
        found = strcmp(zone->files.v[i], file) == 0;
    return found;
}

/* Breaks the zone whose file an error of its kin names; false when it is none that was not
 * broken before. */
static bool break_by_file(const struct job *job, uint32_t f, const struct diag *error,
                          struct arena *arena)
{
    for (uint32_t i = job->first[f]; error->span.file && i < job->first[f + 1]; i++) {
        struct zone *zone = &job->zones[i];
        if (!is_of(zone, error->span.file))
            continue;
        bool fresh = !zone->broken;
        zone_break(arena, zone, error->span, "%s", error->text);
        return fresh;
    }
    return false;
}

static bool break_all(const struct job *job, uint32_t f, struct arena *arena)
{
    bool fresh = false;
    const struct diag *error = NULL;
    for (size_t i = 0; i < job->parts[f]->notes.n && !error; i++)
        if (job->parts[f]->notes.v[i].severity == DIAG_ERROR)
            error = &job->parts[f]->notes.v[i];
    for (uint32_t i = job->first[f]; error && i < job->first[f + 1]; i++) {
        fresh |= !job->zones[i].broken;
        zone_break(arena, &job->zones[i], error->span, "%s", error->text);
    }
    return fresh;
}

/* Each turn breaks a zone more, so that it ends. */
static void break_what_fails(const struct job *job, uint32_t f, struct arena *arena)
{
    bool fresh = true;
    while (fresh && job->parts[f]->notes.n_errors > 0) {
        const struct diags *notes = &job->parts[f]->notes;
        fresh = false;
        for (size_t i = 0; i < notes->n; i++)
            if (notes->v[i].severity == DIAG_ERROR)
                fresh |= break_by_file(job, f, &notes->v[i], arena);
        if (!fresh)
            fresh = break_all(job, f, arena);
        if (fresh) {
            part_release(job->parts[f]);
            job->parts[f] = part_new();
            compile_one(job, f);
        }
    }
}

static void break_zones(const struct job *job, struct model *model)
{
    struct zone *zones = arena_calloc(model->arena, model->n_zones, sizeof *zones);
    for (uint32_t f = 0; f < job->kin.n; f++)
        break_what_fails(job, f, model->arena);
    for (uint32_t i = 0; i < model->n_zones; i++)
        zones[job->which[i]] = job->zones[i];
    model->zones = zones;
}

/* --- the names above all zones --- */

/* Every ancestor of an outermost apex: NODE_OUTSIDE. */
static struct part *compile_outside(const struct job *job, struct diags *diags)
{
    struct strmap seen = {0};
    VEC(struct slice) names = {0};
    uint8_t bytes[sizeof(struct node) + NAME_WIRE_MAX + PART_UNIT], *to;
    struct part *part = part_new();
    uint64_t len = 0;
    if (job->kin.n == 0)
        *vec_push(&names) = slice_of("", 1);
    for (uint32_t f = 0; f < job->kin.n; f++) {
        struct slice name = job->model->zones[job->kin.top[f]].origin;
        while (name.n > 1) {
            name = name_parent(name);
            uint32_t id = (uint32_t)names.n;
            if (strmap_add(&seen, name, id) != id)
                break;
            *vec_push(&names) = name;
        }
    }
    for (size_t i = 0; i < names.n; i++)
        len += (sizeof(struct node) + names.v[i].n + PART_UNIT - 1) & ~(uint64_t)(PART_UNIT - 1);
    to = part_place(part, len);
    if (!to && len > 0)
        diag_error(diags, (struct span){.file = job->model->path},
                   "no room for the names above the zones: %llu bytes", (unsigned long long)len);
    part->places = xmalloc(names.n * sizeof *part->places);
    for (uint32_t at = part->start; to && part->n_names < names.n;) {
        struct slice name = names.v[part->n_names];
        size_t n = (sizeof(struct node) + name.n + PART_UNIT - 1) & ~(size_t)(PART_UNIT - 1);
        memset(bytes, 0, n);
        struct node header = {.flags = NODE_OUTSIDE, .name_len = (uint8_t)name.n};
        memcpy(bytes, &header, sizeof header);
        memcpy(bytes + sizeof header, name.p, name.n);
        memcpy(to, bytes, n);
        part->places[part->n_names++] = at;
        at += (uint32_t)(n / PART_UNIT);
        to += n;
    }
    part_seal(part);
    strmap_free(&seen);
    vec_free(&names);
    return part;
}

/* --- all of it --- */

/* What `before` has and this one has not, for the index. */
static void build_index(const struct job *job, struct snapshot *s)
{
    const struct snapshot *before = job->before;
    struct index_change change = {.before = before ? &before->index : NULL};
    struct part **fresh = xmalloc((job->n_todo + 1) * sizeof *fresh), **gone = NULL;
    for (uint32_t i = 0; i < job->n_todo; i++)
        fresh[change.n_fresh++] = s->parts[job->todo[i]];
    fresh[change.n_fresh++] = s->parts[s->n_parts - 1];
    if (before) {
        bool *still = xcalloc(before->n_parts, sizeof *still);
        gone = xmalloc(before->n_parts * sizeof *gone);
        for (uint32_t i = 0; i < job->model->n_zones; i++) {
            uint32_t kept = job->model->zones[i].kept;
            if (kept != 0)
                still[before->part_of_zone[kept - 1]] = true;
        }
        for (uint32_t i = 0; i < before->n_parts; i++) {
            if (!still[i])
                gone[change.n_gone++] = before->parts[i];
        }
        free(still);
    }
    change.gone = gone;
    change.fresh = fresh;
    index_build(&s->index, &change);
    for (uint32_t i = 0; i < change.n_fresh; i++) {
        free(fresh[i]->places);
        fresh[i]->places = NULL;
    }
    free(fresh);
    free(gone);
}

static void count_zones(const struct job *job, struct snapshot *s)
{
    s->part_of_zone = arena_calloc(s->arena, job->model->n_zones, sizeof *s->part_of_zone);
    for (uint32_t i = 0; i < job->model->n_zones; i++) {
        s->part_of_zone[i] = job->kin.of_zone[i];
        if (job->model->zones[i].kept == 0)
            s->n_read++;
        else
            s->n_kept++;
    }
}

/* `lenient` is the model whose zones may be broken, or NULL. */
static int compile(struct snapshot *snapshot, const struct model *model, struct model *lenient,
                   const struct snapshot *before, struct diags *diags)
{
    struct job job = {.model = model, .before = before};
    unsigned errors = diags->n_errors;
    if (!part_reserve()) {
        diag_error(diags, (struct span){.file = model->path},
                   "no addresses can be had for the zones, expected 256 MB at least (memory comes "
                   "later): see RLIMIT_AS (ulimit -v) and vm.overcommit_memory");
        return E_INVALID;
    }
    kin_find(&job.kin, model->zones, model->n_zones);
    gather(&job);
    snapshot->n_parts = job.kin.n;
    job.parts = snapshot->parts =
        arena_calloc(snapshot->arena, job.kin.n + 1, sizeof(struct part *));
    sort_out(&job);
    count_zones(&job, snapshot);
    parallel_for(job.n_todo, parallel_threads(job.n_todo), compile_next, &job);
    if (lenient)
        break_zones(&job, lenient);
    for (uint32_t f = 0; f < job.kin.n; f++)
        diags_append(diags, &job.parts[f]->notes);
    lint_pools(model, diags);
    if (diags->n_errors == errors) {
        snapshot->parts[snapshot->n_parts++] = compile_outside(&job, diags);
        if (diags->n_errors == errors)
            build_index(&job, snapshot);
    }
    free(job.zones);
    free(job.which);
    free(job.first);
    free(job.todo);
    kin_free(&job.kin);
    return diags->n_errors == errors ? 0 : E_INVALID;
}

int zones_compile(struct snapshot *snapshot, const struct model *model,
                  const struct snapshot *before, struct diags *diags)
{
    return compile(snapshot, model, NULL, before, diags);
}

int zones_compile_leniently(struct snapshot *snapshot, struct model *model, struct diags *diags)
{
    return compile(snapshot, model, model, NULL, diags);
}
