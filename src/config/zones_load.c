/* SPDX-License-Identifier: Apache-2.0
 * Zones are read by several threads at once, one zone by one thread.
 *
 * A thread has a `struct load` of its own, so that nothing is shared but what is only read (the
 * names of pools) and the number of the next zone. What a zone needs only while it is read, its
 * text above all, is freed before the next one. */
#include "config/zones_load.h"

#include "config/parts.h"
#include "config/zonefile.h"
#include "config/zoneyaml.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS_MAX 64

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
    size_t n;
    atomic_size_t next;
};

struct worker {
    struct job *job;
    struct arena *arena;
    pthread_t thread;
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
    zone_finish(&build, out);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct job *job = w->job;
    struct load load = {.arena = w->arena, .model = job->load->model, .pools = job->load->pools};
    for (size_t i; (i = atomic_fetch_add(&job->next, 1)) < job->n;) {
        struct outcome *outcome = &job->outcomes[i];
        diags_init(&outcome->diags);
        load.diags = &outcome->diags;
        load.scratch = arena_new();
        read_zone(&load, &job->sources[i], &job->zones[i]);
        arena_free(load.scratch);
        outcome->sources = load.sources.v;
        outcome->n_sources = load.sources.n;
        memset(&load.sources, 0, sizeof load.sources);
    }
    return NULL;
}

static void merge(struct load *load, struct outcome *outcome)
{
    diags_append(load->diags, &outcome->diags);
    diags_free(&outcome->diags);
    for (size_t i = 0; i < outcome->n_sources; i++)
        *vec_push(&load->sources) = outcome->sources[i];
    free(outcome->sources);
}

void zones_load(struct load *load, const struct zone_source *sources, size_t n, struct zone *out)
{
    struct worker workers[THREADS_MAX];
    size_t cores = usable_cores(), n_workers = n < cores ? n : cores, started = 1;
    if (n == 0)
        return;
    if (n_workers > THREADS_MAX)
        n_workers = THREADS_MAX;
    struct job job = {.load = load, .sources = sources, .zones = out, .n = n};
    job.outcomes = arena_calloc(load->scratch, n, sizeof *job.outcomes);
    for (size_t i = 0; i < n_workers; i++)
        workers[i] = (struct worker){.job = &job, .arena = arena_new()};
    /* This thread is the first of them; without the others it does their work, too. */
    while (started < n_workers &&
           pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
        started++;
    (void)work(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    for (size_t i = 0; i < n_workers; i++)
        arena_adopt(load->arena, workers[i].arena);
    for (size_t i = 0; i < n; i++)
        merge(load, &job.outcomes[i]);
}
