/* SPDX-License-Identifier: Apache-2.0
 * What the process that takes over gets at its "go". */
#include "l4/estate.h"

#include "base/clock.h"
#include "l4/elders.h"
#include "l4/forwarder_pass.h"

#include <stdio.h>
#include <string.h>

struct will {
    const struct forwarder *f;
    int64_t now_ms;
    VEC(struct bequest_service) services;
    VEC(struct bequest_member) members;
    VEC(struct member *) known; /* ascending by address; members[i] is known[i] */
    VEC(struct bequest_flow) flows;
    VEC(struct bequest_source) sources;
};

/* ---- members and their flows ---- */

static int by_address(const void *a, const void *b)
{
    const struct member *x = *(struct member *const *)a, *y = *(struct member *const *)b;
    return (x > y) - (x < y);
}

static void write_members(struct will *will)
{
    uint32_t n;
    struct member *const *members = registry_members(will->f->registry, &n);
    for (uint32_t i = 0; i < n; i++)
        *vec_push(&will->known) = members[i];
    if (n)
        qsort(will->known.v, n, sizeof(struct member *), by_address);
    for (uint32_t i = 0; i < n; i++) {
        const struct member *from = will->known.v[i];
        struct bequest_member *to = vec_push(&will->members);
        snprintf(to->set, sizeof to->set, "%s", from->set);
        snprintf(to->key, sizeof to->key, "%s", from->key);
        memcpy(to->addr, from->addr.b, sizeof to->addr);
        to->family = from->addr.family;
        to->port = from->port;
        to->close_at_ms = atomic_load(&from->close_at_ms);
    }
}

static void write_flow(struct will *will, const struct bound_key *key, struct member *member,
                       int64_t seen_ms)
{
    struct member *const *found = will->known.n ? bsearch(&member, will->known.v, will->known.n,
                                                          sizeof(struct member *), by_address)
                                                : NULL;
    if (found)
        *vec_push(&will->flows) =
            (struct bequest_flow){*key, (uint32_t)(found - will->known.v), seen_ms};
}

/** Those that workers have, and behind them what another process had and nobody has gone on with:
 *  of two with one key the first is taken. */
static void write_flows(struct will *will)
{
    const struct bound *bound = will->f->bound;
    uint32_t n = 0, n_passed;
    for (uint32_t w = 0; w < will->f->n_workers; w++) {
        const struct udp_handed *passed = passing_flows(will->f->passing, w, &n_passed);
        for (uint32_t i = 0; i < n_passed; i++)
            write_flow(will, &passed[i].key, passed[i].member, passed[i].seen_ms);
    }
    const struct bequest_flow *before = bound ? bound_flows(bound, &n) : NULL;
    for (uint32_t i = 0; i < n; i++)
        write_flow(will, &before[i].key, bound_member(bound, before[i].member), before[i].seen_ms);
}

/* ---- clients ---- */

static const struct limits *limits_of(const struct forwarder *f, const char *service)
{
    uint32_t n;
    struct service_run *const *services = registry_services(f->registry, &n);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(services[i]->name, service) == 0)
            return services[i]->limits;
    return NULL;
}

static void write_sources(struct will *will, const struct remains *remains)
{
    for (uint32_t i = 0; i < remains->v.n; i++) {
        const struct remain *from = &remains->v.v[i];
        struct bequest_service *service = vec_push(&will->services);
        const struct limits *limits = limits_of(will->f, from->service);
        memcpy(service->name, from->service, sizeof service->name);
        service->time_ns = limits ? limits_time(limits) : 0;
        for (size_t k = 0; k < from->sources.n; k++)
            *vec_push(&will->sources) = (struct bequest_source){.client = from->sources.v[k].client,
                                                                .time = from->sources.v[k].time,
                                                                .open = from->sources.v[k].open,
                                                                .service = i};
    }
}

/** Of a process before this one. */
static void write_elders(void *arg, uint32_t pid, const struct counted_source *source)
{
    struct will *will = arg;
    for (uint32_t i = 0; i < will->services.n; i++)
        if (strcmp(will->services.v[i].name, source->run->name) == 0)
            *vec_push(&will->sources) = (struct bequest_source){
                .client = source->client, .open = source->open, .service = i, .holder = pid};
}

int estate_bequeath(const struct forwarder *f, struct remains *remains)
{
    struct will will = {.f = f, .now_ms = clock_mono_ms()};
    remains_take(remains, f->registry, will.now_ms);
    write_members(&will);
    write_flows(&will);
    write_sources(&will, remains);
    elders_each_source(f, write_elders, &will);
    const struct bequest bequest = {.services = will.services.v,
                                    .members = will.members.v,
                                    .flows = will.flows.v,
                                    .sources = will.sources.v,
                                    .n_services = (uint32_t)will.services.n,
                                    .n_members = (uint32_t)will.members.n,
                                    .n_flows = (uint32_t)will.flows.n,
                                    .n_sources = (uint32_t)will.sources.n};
    int fd = bequest_write(&bequest);
    vec_free(&will.services);
    vec_free(&will.members);
    vec_free(&will.known);
    vec_free(&will.flows);
    vec_free(&will.sources);
    return fd;
}
