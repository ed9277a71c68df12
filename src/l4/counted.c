/* SPDX-License-Identifier: Apache-2.0
 * What clients have open in another process. */
#include "l4/counted.h"

#include "l4/limits.h"
#include "l4/plan_build.h"

#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct counted_source *x = a, *y = b;
    uintptr_t m = (uintptr_t)x->run, n = (uintptr_t)y->run;
    return m != n ? (m > n) - (m < n) : (x->client > y->client) - (x->client < y->client);
}

static struct counted_source *find(const struct counted *counted, struct service_run *run,
                                   uint64_t client)
{
    const struct counted_source key = {.run = run, .client = client};
    return counted->sources.n
               ? bsearch(&key, counted->sources.v, counted->sources.n, sizeof key, compare)
               : NULL;
}

static void sort(struct counted *counted)
{
    if (counted->sources.n)
        qsort(counted->sources.v, counted->sources.n, sizeof *counted->sources.v, compare);
}

static void add(struct counted *counted, struct service_run *run, uint64_t client, uint32_t open)
{
    if (open > 0)
        *vec_push(&counted->sources) = (struct counted_source){run, client, open};
}

/* ---- taking over ---- */

static const struct l4_service *service_of(const struct l4_config *config, const char *name)
{
    for (uint32_t i = 0; i < config->n_services; i++)
        if (strcmp(config->services[i].name, name) == 0)
            return &config->services[i];
    return NULL;
}

/** Of clients of service number `nth` of the file, of all processes together. */
static void adopt(struct counted *all, const struct bequest *file, uint32_t nth,
                  struct service_run *run, bool udp, int64_t now_ms)
{
    for (uint32_t i = 0; i < file->n_sources; i++) {
        const struct bequest_source *from = &file->sources[i];
        if (from->service != nth || from->holder != 0)
            continue;
        const struct limits_source source = {from->client, from->time, udp ? 0 : from->open};
        add(all, run, source.client, limits_adopt(run->limits, &source, now_ms));
    }
}

void counted_adopt(struct counted *all, const struct bequest *file, const struct l4_config *config,
                   struct registry *registry, int64_t now_ms)
{
    for (uint32_t i = 0; i < file->n_services; i++) {
        const struct l4_service *service = service_of(config, file->services[i].name);
        if (!service)
            continue;
        struct service_run *run = plan_service_run(registry, service);
        *vec_push(&all->runs) = run;
        limits_set_time(run->limits, file->services[i].time_ns, now_ms);
        adopt(all, file, i, run, service->udp, now_ms);
    }
    sort(all);
}

static struct service_run *run_of(const struct counted *counted, const char *name)
{
    for (size_t i = 0; i < counted->runs.n; i++)
        if (strcmp(counted->runs.v[i]->name, name) == 0)
            return counted->runs.v[i];
    return NULL;
}

static void hold(struct counted *counted, struct registry *registry, struct service_run *run)
{
    if (!run_of(counted, run->name))
        *vec_push(&counted->runs) = registry_service(registry, run->name);
}

void counted_split(struct counted *part, struct counted *all, const struct bequest *file,
                   struct registry *registry, uint32_t holder)
{
    for (uint32_t i = 0; i < file->n_sources; i++) {
        const struct bequest_source *from = &file->sources[i];
        if (from->holder != holder)
            continue;
        struct service_run *run = run_of(all, file->services[from->service].name);
        struct counted_source *source = run ? find(all, run, from->client) : NULL;
        uint32_t open = source && source->open < from->open ? source->open : from->open;
        if (!source)
            continue;
        source->open -= open;
        add(part, run, from->client, open);
        hold(part, registry, run);
    }
    sort(part);
}

/* ---- once they end ---- */

static void follow(struct counted *counted, struct service_run *run, uint64_t client, int64_t open)
{
    struct counted_source *source = find(counted, run, client);
    if (!source || open < 0 || open >= source->open)
        return;
    limits_release(run->limits, client, source->open - (uint32_t)open);
    source->open = (uint32_t)open;
}

void counted_follow(struct counted *counted, const json_t *fewer)
{
    for (size_t i = 0; i < counted->runs.n; i++) {
        struct service_run *run = counted->runs.v[i];
        const json_t *list = json_object_get(fewer, run->name);
        for (size_t k = 0; k + 1 < json_array_size(list); k += 2)
            follow(counted, run, (uint64_t)json_integer_value(json_array_get(list, k)),
                   json_integer_value(json_array_get(list, k + 1)));
    }
}

void counted_end(struct counted *counted)
{
    for (size_t i = 0; i < counted->sources.n; i++) {
        const struct counted_source *source = &counted->sources.v[i];
        limits_release(source->run->limits, source->client, source->open);
    }
    counted->sources.n = 0;
}

void counted_free(struct counted *counted, struct registry *registry)
{
    for (size_t i = 0; i < counted->runs.n; i++)
        registry_drop_service(registry, counted->runs.v[i]);
    vec_free(&counted->sources);
    vec_free(&counted->runs);
}
