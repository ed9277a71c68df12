/* SPDX-License-Identifier: Apache-2.0
 * Prints what loadstar-l4's tables cost: nanoseconds of CPU for a pick of each kind, for building
 * the tables, for a connection's limits; and what moves in Maglev's table when a member goes. */
#include "l4/balance.h"
#include "l4/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PICKS 4000000
#define FLOWS 4096 /* hashes that are drawn beforehand */

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct balance_input *make_members(struct registry *registry, uint32_t n, bool weighted)
{
    struct balance_input *v = calloc(n, sizeof *v);
    for (uint32_t i = 0; i < n; i++) {
        char key[MEMBER_KEY_MAX];
        struct ip ip = {.family = IP_V4, .b = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        snprintf(key, sizeof key, "web/ams/m%u", i);
        v[i].member = registry_member(registry, "web", key, &ip, 80);
        v[i].weight = weighted ? 1 + i * 37 % 100 : 1;
        v[i].member->active = i * 31 % 64;
    }
    return v;
}

static uint64_t hashes[FLOWS];

/* Without those of drawing the hashes, and of the loop. */
static void measure_picks(enum l4_balance kind, const char *name, uint32_t n)
{
    struct registry *registry = registry_new();
    struct arena *arena = arena_new();
    struct balance_input *members = make_members(registry, n, true);
    struct balance_cursor cursor = {.rng = {1}};
    struct balance_flow flow = {.now_ms = 1};
    const struct balance *b = balance_new(arena, kind, members, n);
    uint32_t sum = 0;
    double start = cpu_ns();
    for (uint32_t i = 0; i < PICKS; i++) {
        flow.hash = hashes[i % FLOWS];
        sum += balance_pick(b, &cursor, &flow);
    }
    double each = (cpu_ns() - start) / PICKS;
    printf("pick   %-12s %5u members %7.1f ns   (%u)\n", name, n, each, sum % 10);
    free(members);
    arena_free(arena);
    registry_free(registry);
}

static void measure_build(enum l4_balance kind, const char *name, uint32_t n, bool weighted)
{
    struct registry *registry = registry_new();
    struct balance_input *members = make_members(registry, n, weighted);
    double best = 1e18;
    size_t size = 0;
    for (unsigned i = 0; i < 7; i++) {
        struct arena *arena = arena_new();
        double start = cpu_ns();
        balance_new(arena, kind, members, n);
        double took = cpu_ns() - start;
        best = took < best ? took : best;
        size = arena_size(arena);
        arena_free(arena);
    }
    printf("build  %-12s %5u members %-8s %8.0f us %8zu bytes\n", name, n,
           weighted ? "weighted" : "even", best / 1e3, size);
    free(members);
    registry_free(registry);
}

static double moved(const struct balance *before, const struct balance *after, uint32_t gone)
{
    struct balance_cursor cursor = {.rng = {1}};
    struct balance_flow flow = {.now_ms = 1};
    uint32_t n = 1000000, others = 0;
    for (uint32_t i = 0; i < n; i++) {
        flow.hash = UINT64_MAX / n * i;
        uint32_t was = balance_pick(before, &cursor, &flow);
        others += was != gone && balance_pick(after, &cursor, &flow) != was;
    }
    return 100.0 * others / n;
}

/* Hashes of other members that go elsewhere when one goes, as points: of up to ten members. */
static void measure_disruption(uint32_t n)
{
    struct registry *registry = registry_new();
    struct arena *arena = arena_new();
    struct balance_input *members = make_members(registry, n, false);
    const struct balance *all = balance_new(arena, L4_MAGLEV, members, n);
    double sum = 0, most = 0;
    uint32_t tried = 0;
    for (uint32_t gone = 0; gone < n; gone += (n + 9) / 10) {
        members[gone].weight = 0;
        double points = moved(all, balance_new(arena, L4_MAGLEV, members, n), gone);
        members[gone].weight = 1;
        sum += points;
        most = points > most ? points : most;
        tried++;
    }
    printf("moved  maglev       %5u members: %.2f points of the others' (at most %.2f)\n", n,
           sum / tried, most);
    free(members);
    arena_free(arena);
    registry_free(registry);
}

static void measure_limits(uint32_t sources)
{
    struct limits *limits = limits_new(65536);
    struct l4_service service = {.limits = {100000, 500, 0, 1000000}};
    struct rng rng = {3};
    limits_set(limits, &service);
    uint32_t in = 0, n = 2000000;
    double start = cpu_ns();
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = rng_below(&rng, sources);
        struct ip a = {.family = IP_V4,
                       .b = {10, (uint8_t)(k >> 16), (uint8_t)(k >> 8), (uint8_t)k}};
        if (limits_enter(limits, &a, i / 100) != LIMITS_OK)
            continue;
        in++;
        limits_leave(limits, &a);
    }
    printf("limits enter, leave %8u sources %7.1f ns   (%u %% in)\n", sources,
           (cpu_ns() - start) / n, in / (n / 100));
    limits_free(limits);
}

int main(void)
{
#define NAME(constant, word, doc) {constant, word},
    static const struct {
        enum l4_balance kind;
        const char *name;
    } kinds[] = {L4_BALANCES(NAME)};
    static const uint32_t sizes[] = {10, 100, 256, 1000};
    struct rng rng = {7};
    for (uint32_t i = 0; i < FLOWS; i++)
        hashes[i] = rng_next(&rng);
    for (uint32_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (uint32_t i = 0; i < ARRAY_LEN(sizes); i++)
            measure_picks(kinds[k].kind, kinds[k].name, sizes[i]);
    static const uint32_t builds[] = {10, 100, 1000, 5000};
    for (uint32_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (uint32_t i = 0; i < 2 * ARRAY_LEN(builds); i++)
            measure_build(kinds[k].kind, kinds[k].name, builds[i / 2], i % 2);
    for (uint32_t i = 0; i < ARRAY_LEN(builds); i++)
        measure_disruption(builds[i]);
    measure_limits(100);
    measure_limits(10000);
    measure_limits(10000000);
    return 0;
}
