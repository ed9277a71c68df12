/* SPDX-License-Identifier: Apache-2.0
 * Prints what a plan costs loadstar-l4's main thread, in milliseconds of CPU: of a long list whose
 * members are all ordered, and of many sets of which one has changed. */
#include "l4/plan_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PLANS 7

struct scene {
    struct l4_service *services;
    struct l4_set *sets;
    struct l4_config config;
    struct model model;
    struct setup setup;
    struct set_table table;
    struct registry *registry;
    struct listeners *listeners;
    struct plan *last;
};

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void on_unheld(void *ctx, struct plan *plan)
{
    plan_unbuild(plan, ((struct scene *)ctx)->registry);
}

static void open_scene(struct scene *s, uint32_t n_sets, enum l4_balance kind,
                       const struct l4_listed *listed, uint32_t n_listed)
{
    struct diags diags;
    diags_init(&diags);
    *s = (struct scene){.registry = registry_new()};
    s->services = calloc(n_sets, sizeof *s->services);
    s->sets = calloc(n_sets, sizeof *s->sets);
    for (uint32_t i = 0; i < n_sets; i++) {
        char *name = malloc(16);
        snprintf(name, 16, "s%u", i);
        s->sets[i] = (struct l4_set){.name = name,
                                     .pool = MODEL_NONE,
                                     .site = MODEL_NONE,
                                     .listed = listed,
                                     .n_listed = n_listed};
        s->services[i] = (struct l4_service){.name = name, .balance = kind, .set = i};
    }
    s->config = (struct l4_config){
        .services = s->services, .n_services = n_sets, .sets = s->sets, .n_sets = n_sets};
    s->model.l4 = &s->config;
    s->setup = (struct setup){.n_holds = 1, .model = &s->model};
    set_table_follow(&s->table, &s->config);
    if (listeners_open(&s->listeners, &s->config, 1, NULL, &diags) != 0)
        abort();
    diags_free(&diags);
}

/** Held by the caller alone. */
static void make_plan(struct scene *s)
{
    const struct plan_parts parts = {.setup = &s->setup,
                                     .listeners = s->listeners,
                                     .sets = &s->table,
                                     .before = s->last,
                                     .registry = s->registry,
                                     .now_ms = 1,
                                     .unheld = on_unheld,
                                     .ctx = s};
    struct plan *plan = plan_build(&parts);
    if (s->last)
        plan_release(s->last);
    s->last = plan;
}

static void close_scene(struct scene *s)
{
    plan_release(s->last);
    listeners_release(s->listeners);
    set_table_free(&s->table);
    registry_free(s->registry);
    for (uint32_t i = 0; i < s->config.n_sets; i++)
        free((char *)(uintptr_t)s->sets[i].name);
    free(s->services);
    free(s->sets);
}

static double best_of(struct scene *s, void (*change)(struct scene *s, uint32_t nth))
{
    double best = 1e18;
    make_plan(s);
    for (uint32_t i = 0; i < PLANS; i++) {
        change(s, i);
        double began = cpu_ms();
        make_plan(s);
        double took = cpu_ms() - began;
        best = took < best ? took : best;
    }
    return best;
}

static void change_nothing(struct scene *s, uint32_t nth)
{
    (void)s, (void)nth;
}

static void measure_orders(uint32_t n)
{
    struct scene s;
    struct l4_listed *listed = calloc(n, sizeof *listed);
    for (uint32_t i = 0; i < n; i++)
        listed[i] = (struct l4_listed){.addr = {.family = IP_V4,
                                                .b = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}},
                                       .port = 80,
                                       .weight = 1};
    open_scene(&s, 1, L4_LEAST_CONN, listed, n);
    double began = cpu_ms();
    for (uint32_t i = 0; i < n; i++) {
        struct list_order *order = work_set_order(s.table.v[0], s.table.v[0]->now.v[i].key);
        order->has_weight = true;
        order->weight = 2;
        order->weight_until_ms = INT64_MAX;
    }
    double given = cpu_ms() - began, made = best_of(&s, change_nothing);
    printf("orders of %5u members of a list: given in %7.2f ms, a plan %7.2f ms\n", n, given, made);
    close_scene(&s);
    free(listed);
}

static void tell(struct scene *s, uint32_t nth, uint64_t version, uint32_t weight)
{
    struct member_set set = {.version = version, .n = 10, .v = calloc(10, sizeof *set.v)};
    for (uint32_t i = 0; i < set.n; i++) {
        snprintf(set.v[i].key, sizeof set.v[i].key, "p/ams/%u", i);
        set.v[i].addr = (struct ip){.family = IP_V4, .b = {10, 0, 0, (uint8_t)i}};
        set.v[i].port = 80;
        set.v[i].weight = i ? 10 : weight;
    }
    if (set_table_tell(&s->table, nth, &set, SET_TOLD) != SET_TAKEN)
        abort();
}

static void change_one(struct scene *s, uint32_t nth)
{
    tell(s, 0, nth + 2, nth + 1);
}

static void measure_sets(enum l4_balance kind, const char *name, uint32_t n)
{
    struct scene s;
    open_scene(&s, n, kind, NULL, 0);
    for (uint32_t i = 0; i < n; i++)
        tell(&s, i, 1, 10);
    printf("%-11s %4u sets of 10, one has changed: a plan %7.2f ms\n", name, n,
           best_of(&s, change_one));
    close_scene(&s);
}

int main(void)
{
    measure_orders(1000);
    measure_orders(20000);
    measure_sets(L4_MAGLEV, "maglev", 1);
    measure_sets(L4_MAGLEV, "maglev", 200);
    measure_sets(L4_ROUND_ROBIN, "round_robin", 200);
    return 0;
}
