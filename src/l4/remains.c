/* SPDX-License-Identifier: Apache-2.0
 * What clients have left in a process that has been replaced. */
#include "l4/remains.h"

#include <stdio.h>
#include <string.h>

static int by_client(const void *a, const void *b)
{
    const struct limits_source *x = a, *y = b;
    return (x->client > y->client) - (x->client < y->client);
}

static void add_source(void *arg, const struct limits_source *source)
{
    struct remain *remain = arg;
    *vec_push(&remain->sources) = *source;
}

static void take(struct remain *remain, const struct limits *limits, int64_t now_ms)
{
    remain->open = limits_open(limits);
    limits_each(limits, now_ms, add_source, remain);
    if (remain->sources.n)
        qsort(remain->sources.v, remain->sources.n, sizeof *remain->sources.v, by_client);
}

void remains_take(struct remains *remains, const struct registry *registry, int64_t now_ms)
{
    uint32_t n;
    struct service_run *const *services = registry_services(registry, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (!services[i]->limits)
            continue;
        struct remain *remain = vec_push(&remains->v);
        snprintf(remain->service, sizeof remain->service, "%s", services[i]->name);
        take(remain, services[i]->limits, now_ms);
    }
}

static const struct limits *limits_of(const struct registry *registry, const char *service)
{
    uint32_t n;
    struct service_run *const *services = registry_services(registry, &n);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(services[i]->name, service) == 0)
            return services[i]->limits;
    return NULL;
}

/** Both are ascending, and nobody is new. */
static json_t *fewer(const struct remain *before, const struct remain *now)
{
    json_t *list = json_array();
    for (size_t i = 0, k = 0; i < before->sources.n; i++) {
        const struct limits_source *was = &before->sources.v[i];
        while (k < now->sources.n && now->sources.v[k].client < was->client)
            k++;
        bool is = k < now->sources.n && now->sources.v[k].client == was->client;
        uint32_t open = is ? now->sources.v[k].open : 0;
        if (open >= was->open)
            continue;
        json_array_append_new(list, json_integer((json_int_t)was->client));
        json_array_append_new(list, json_integer(open));
    }
    return list;
}

json_t *remains_look(struct remains *remains, const struct registry *registry, int64_t now_ms)
{
    json_t *all = NULL;
    for (size_t i = 0; i < remains->v.n; i++) {
        struct remain *before = &remains->v.v[i], now = {0};
        const struct limits *limits = limits_of(registry, before->service);
        uint32_t open = limits ? limits_open(limits) : 0;
        if (open == before->open)
            continue;
        memcpy(now.service, before->service, sizeof now.service);
        if (limits)
            take(&now, limits, now_ms);
        json_t *list = fewer(before, &now);
        vec_free(&before->sources);
        *before = now;
        if (!all)
            all = json_object();
        json_object_set_new(all, now.service, list);
    }
    return all;
}

void remains_free(struct remains *remains)
{
    for (size_t i = 0; i < remains->v.n; i++)
        vec_free(&remains->v.v[i].sources);
    vec_free(&remains->v);
}
