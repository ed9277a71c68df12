/* SPDX-License-Identifier: Apache-2.0
 * Levels of pools and sites: what they mean, and that what follows the changes is at any time what
 * one works out from all states. */
#include "settable_clock.h"
#include "world.h"

#include "base/clock.h"
#include "base/rng.h"
#include "health/level.h"

#include <stdio.h>
#include <string.h>

/* What a watcher was told, as text: "pool www: up -> down\n". */
struct watch {
    struct world *world;
    struct levels *levels;
    char text[2048];
    unsigned n_renumbered;
    char renumbered[256];
    uint8_t told_pools[64], told_sites[64]; /* as they were when last looked at */
    bool moved_pools[64], moved_sites[64];  /* since then */
};

static void on_moved(void *ctx, enum level_kind kind, uint32_t index, enum level from)
{
    struct watch *w = ctx;
    const struct model *m = w->world->model;
    size_t n = strlen(w->text);
    snprintf(w->text + n, sizeof w->text - n, "%s %s from %s\n",
             kind == LEVEL_OF_POOL ? "pool" : "site",
             kind == LEVEL_OF_POOL ? m->pools[index].name : m->sites[index].name, level_text(from));
    bool *moved = kind == LEVEL_OF_POOL ? w->moved_pools : w->moved_sites;
    if (!moved[index])
        assert_int_equal((kind == LEVEL_OF_POOL ? w->told_pools : w->told_sites)[index], from);
    moved[index] = true;
}

static void on_renumbered(void *ctx, const struct level_table *now, const uint32_t *pools,
                          const uint32_t *sites)
{
    struct watch *w = ctx;
    const struct model *m = w->world->model;
    assert_int_equal(now->n_pools, m->n_pools);
    w->n_renumbered++;
    w->renumbered[0] = '\0';
    for (uint32_t p = 0; p < m->n_pools; p++)
        snprintf(w->renumbered + strlen(w->renumbered), 64, "%s=%d ", m->pools[p].name,
                 (int)pools[p]);
    for (uint32_t s = 0; s < m->n_sites; s++)
        snprintf(w->renumbered + strlen(w->renumbered), 64, "%s=%d ", m->sites[s].name,
                 (int)sites[s]);
}

static void note_told(struct watch *w)
{
    const struct level_table *t = levels_now(w->levels);
    for (uint32_t p = 0; p < t->n_pools; p++)
        w->told_pools[p] = t->pools[p].level;
    for (uint32_t s = 0; s < t->n_sites; s++)
        w->told_sites[s] = t->sites[s].level;
    memset(w->moved_pools, 0, sizeof w->moved_pools);
    memset(w->moved_sites, 0, sizeof w->moved_sites);
}

static void watch(struct watch *watch, struct world *w)
{
    *watch = (struct watch){.world = w};
    const struct level_watcher watcher = {watch, on_moved, on_renumbered};
    watch->levels = levels_new(w->checker, &watcher);
    note_told(watch);
}

static void order(struct world *w, const char *target, enum override what)
{
    assert_int_equal(world_set(w, target, what, 0, "test"), 0);
}

static void weigh(struct world *w, const char *target, int64_t weight)
{
    assert_int_equal(world_weigh(w, target, weight), 0);
}

#define THREE_SITES "sites: {ams: {}, iad: {}, lab: {}}\n"
#define TWO_POOLS                                                                   \
    THREE_SITES                                                                     \
    "pools:\n"                                                                      \
    "  www: {steer: all, sites: {ams: [192.0.2.1, 192.0.2.2], iad: [192.0.2.3]}}\n" \
    "  api: {steer: all, min_up: 50%%, sites: {ams: [192.0.2.4, 192.0.2.5, 192.0.2.6]}}\n"

static enum level pool(struct watch *w, uint32_t i)
{
    return (enum level)levels_now(w->levels)->pools[i].level;
}

static enum level site(struct watch *w, uint32_t i)
{
    return (enum level)levels_now(w->levels)->sites[i].level;
}

static void test_what_they_mean(void **state)
{
    (void)state;
    struct world w;
    struct watch s;
    world_open(&w);
    world_configure(&w, NULL, TWO_POOLS);
    world_start(&w);
    watch(&s, &w);
    assert_int_equal(pool(&s, 0), LEVEL_UP);
    assert_int_equal(site(&s, 0), LEVEL_UP);
    assert_int_equal(site(&s, 2), LEVEL_UNUSED);
    order(&w, "www/ams/192.0.2.1", OVERRIDE_DOWN); /* one of two: the site goes on */
    assert_int_equal(levels_now(s.levels)->places[0].level, LEVEL_DEGRADED);
    assert_int_equal(pool(&s, 0), LEVEL_UP);
    assert_int_equal(site(&s, 0), LEVEL_UP);
    assert_string_equal(s.text, "");
    order(&w, "www/ams/192.0.2.2", OVERRIDE_DOWN);
    assert_int_equal(levels_now(s.levels)->places[0].level, LEVEL_DOWN);
    assert_int_equal(pool(&s, 0), LEVEL_DEGRADED);
    assert_int_equal(site(&s, 0), LEVEL_DEGRADED); /* api is there */
    assert_string_equal(s.text, "pool www from up\nsite ams from up\n");
    note_told(&s);
    order(&w, "api/ams/192.0.2.4", OVERRIDE_DOWN);
    order(&w, "api/ams/192.0.2.5", OVERRIDE_DOWN); /* 1 of 3 is below min_up, but serves */
    assert_int_equal(pool(&s, 1), LEVEL_DEGRADED);
    assert_int_equal(site(&s, 0), LEVEL_DOWN);
    note_told(&s);
    order(&w, "*/*/*", OVERRIDE_DOWN);
    assert_int_equal(pool(&s, 0), LEVEL_DOWN);
    assert_int_equal(pool(&s, 1), LEVEL_DOWN);
    note_told(&s);
    s.text[0] = '\0';
    order(&w, "*/*/*", OVERRIDE_AUTO);
    assert_string_equal(s.text, "pool www from down\npool api from down\nsite ams from down\n"
                                "site iad from down\n");
    levels_free(s.levels);
    world_stop(&w);
    world_close(&w);
}

/* A weight that an operator takes away is missed, one that the file does not give is not. */
static void test_weights(void **state)
{
    (void)state;
    struct world w;
    struct watch s;
    world_open(&w);
    world_configure(
        &w, NULL,
        "sites: {ams: {}}\n"
        "pools: {www: {steer: all, sites: {ams: [192.0.2.1, {address: 192.0.2.2, weight: 0}]}},\n"
        "        api: {steer: all, sites: {ams: [192.0.2.3, 192.0.2.4]}}}\n");
    world_start(&w);
    watch(&s, &w);
    assert_int_equal(levels_now(s.levels)->places[0].level, LEVEL_UP);
    weigh(&w, "api/ams/192.0.2.4", 0);
    assert_int_equal(levels_now(s.levels)->places[1].level, LEVEL_DEGRADED);
    assert_int_equal(levels_now(s.levels)->pools[1].n_up, 1);
    weigh(&w, "api/ams/192.0.2.4", -1);
    assert_int_equal(levels_now(s.levels)->places[1].level, LEVEL_UP);
    levels_free(s.levels);
    world_stop(&w);
    world_close(&w);
}

/* Since when a level is what it is: not since its last endpoint changed, and over reloads. */
static void test_since(void **state)
{
    (void)state;
    struct world w;
    struct watch s;
    world_open(&w);
    world_configure(&w, NULL, TWO_POOLS);
    world_start(&w);
    watch(&s, &w);
    settable_clock_advance_ms(60000);
    int64_t drained_ms = clock_wall_ms();
    order(&w, "www/ams/*", OVERRIDE_DRAIN);
    note_told(&s);
    settable_clock_advance_ms(60000);
    order(&w, "www/ams/192.0.2.1", OVERRIDE_DOWN); /* changes no level */
    assert_int_equal(levels_now(s.levels)->pools[0].since_ms, drained_ms);
    assert_int_equal(levels_now(s.levels)->sites[0].since_ms, drained_ms);
    settable_clock_advance_ms(60000);
    world_reload(&w, NULL,
                 "sites: {iad: {}, ams: {}}\n"
                 "pools:\n  api: {steer: all, sites: {ams: [192.0.2.4]}}\n  new: {steer: all, "
                 "sites: {ams: [192.0.2.8]}}\n"
                 "  www: {steer: all, sites: {ams: [192.0.2.1, 192.0.2.2], iad: [192.0.2.3]}}\n");
    const struct level_table *t = levels_now(s.levels); /* before the flush */
    assert_int_equal(s.n_renumbered, 2);                /* the first model is one */
    assert_string_equal(s.renumbered, "api=1 new=-1 www=0 iad=1 ams=0 ");
    assert_int_equal(t->pools[2].level, LEVEL_DEGRADED);
    assert_int_equal(t->pools[2].since_ms, drained_ms);
    assert_int_equal(t->places[t->pools[2].first_place].since_ms, drained_ms);
    assert_int_equal(t->sites[1].level, LEVEL_DEGRADED);
    assert_int_equal(t->sites[1].since_ms, drained_ms);
    struct level_table *copy = level_table_copy(t);
    assert_int_equal(copy->places[copy->pools[2].first_place].level, LEVEL_DOWN);
    assert_ptr_not_equal(copy->places, t->places);
    level_table_free(copy);
    levels_free(s.levels);
    world_stop(&w);
    world_close(&w);
}

/* ---- against working it out anew ---- */

static void compare(struct watch *s)
{
    const struct level_table *t = levels_now(s->levels);
    struct level_table *anew = level_table_new(s->world->model, checker_states(s->world->checker));
    assert_int_equal(t->n_places, anew->n_places);
    for (uint32_t i = 0; i < t->n_places; i++) {
        struct place_level a = t->places[i], b = anew->places[i];
        assert_true(a.level == b.level && a.n_up == b.n_up && a.n == b.n && a.site == b.site);
        assert_true(a.up_weight == b.up_weight && a.total_weight == b.total_weight);
    }
    for (uint32_t i = 0; i < t->n_pools; i++) {
        struct pool_level a = t->pools[i], b = anew->pools[i];
        assert_true(a.level == b.level && a.n_up == b.n_up && a.n == b.n);
        assert_int_equal(a.n_sites_up, b.n_sites_up);
        assert_true(s->moved_pools[i] || s->told_pools[i] == b.level);
    }
    for (uint32_t i = 0; i < t->n_sites; i++) {
        struct site_level a = t->sites[i], b = anew->sites[i];
        assert_true(a.level == b.level && a.n_up == b.n_up && a.n == b.n);
        assert_true(a.n_pools == b.n_pools && a.n_pools_up == b.n_pools_up);
        assert_true(s->moved_sites[i] || s->told_sites[i] == b.level);
    }
    level_table_free(anew);
    note_told(s);
    s->text[0] = '\0';
}

/* Random pools over some of five sites. */
static void random_pools(struct rng *rng, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "sites: {a: {}, b: {}, c: {}, d: {}, e: {}}\npools:\n");
    for (unsigned p = 0; p < 6; p++) {
        unsigned first = rng_below(rng, 5), many = 1 + rng_below(rng, 4);
        n += (size_t)snprintf(text + n, size - n, "  p%u: {steer: all, min_up: %u%%, sites: {", p,
                              rng_below(rng, 101));
        for (unsigned i = 0; i < many; i++) {
            n += (size_t)snprintf(text + n, size - n, "%s%c: [", i ? ", " : "",
                                  'a' + (first + i) % 5);
            for (unsigned e = 0, k = 1 + rng_below(rng, 3); e < k; e++)
                n += (size_t)snprintf(text + n, size - n, "%s{address: 192.0.2.%u, weight: %u}",
                                      e ? ", " : "", p * 20 + i * 4 + e + 1, rng_below(rng, 4));
            n += (size_t)snprintf(text + n, size - n, "]");
        }
        n += (size_t)snprintf(text + n, size - n, "}}\n");
    }
}

/* What is checked for a prefix set is no part of its site, and orders are not about it. */
static void test_checks_of_prefix_sets(void **state)
{
    (void)state;
    struct world w;
    struct watch s;
    char path[128];
    world_open(&w);
    snprintf(path, sizeof path, "%s/a.yaml", w.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("anycast: {d: {prefixes: 192.0.2.0/24, self: false, speaker: x, site: ams,\n"
          "  when: {checks: [{check: up, address: 127.0.0.1}]}}}\n"
          "speakers: {x: {type: exec, command: [/bin/true]}}\n",
          file);
    fclose(file);
    world_configure(&w, "anycast: a.yaml",
                    TWO_POOLS "checks: {up: {type: tcp, port: 9, interval: 1h}}\n");
    world_start(&w);
    watch(&s, &w);
    assert_int_equal(w.model->n_pools, 3);
    assert_int_equal(levels_now(s.levels)->sites[0].n_pools, 2);
    assert_int_equal(levels_now(s.levels)->sites[0].n, 5);
    order(&w, "ams", OVERRIDE_DOWN);
    order(&w, "*/*", OVERRIDE_DRAIN);
    weigh(&w, "*/ams/*", 7);
    const struct endpoint_state *checked = &checker_states(w.checker)[6];
    assert_int_equal(checked->override, OVERRIDE_AUTO);
    assert_int_equal(checked->weight_override, -1);
    assert_int_equal(checker_states(w.checker)[0].override, OVERRIDE_DRAIN);
    assert_int_equal(checker_states(w.checker)[0].weight_override, 7);
    assert_int_equal(world_set(&w, "anycast:d/ams/*", OVERRIDE_DOWN, 0, "test"), E_NOTFOUND);
    assert_int_equal(levels_now(s.levels)->sites[0].n_pools_up, 0);
    order(&w, "*/*", OVERRIDE_AUTO);
    order(&w, "ams", OVERRIDE_AUTO);
    weigh(&w, "*/ams/*", -1);
    assert_int_equal(site(&s, 0), LEVEL_UP);
    levels_free(s.levels);
    world_stop(&w);
    world_close(&w);
}

static void change_something(struct world *w, struct rng *rng)
{
    static const enum override orders[] = {OVERRIDE_AUTO, OVERRIDE_UP, OVERRIDE_DOWN,
                                           OVERRIDE_DRAIN};
    char target[32];
    switch (rng_below(rng, 3)) {
    case 0:
        snprintf(target, sizeof target, "p%u/*", rng_below(rng, 6));
        break;
    case 1:
        snprintf(target, sizeof target, "%c", 'a' + rng_below(rng, 5));
        break;
    default:
        snprintf(target, sizeof target, "*/*/192.0.2.%u", 1 + rng_below(rng, 120));
    }
    if (rng_below(rng, 4) == 0)
        (void)!world_weigh(w, target, (int64_t)rng_below(rng, 5) - 1);
    else
        (void)!world_set(w, target, orders[rng_below(rng, 4)], 0, NULL);
}

static void test_against_working_out_anew(void **state)
{
    (void)state;
    struct world w;
    struct watch s;
    struct rng rng = {20260510};
    char text[4096];
    world_open(&w);
    random_pools(&rng, text, sizeof text);
    world_configure(&w, NULL, "%s", text);
    world_start(&w);
    watch(&s, &w);
    for (unsigned step = 1; step <= 1500; step++) {
        for (unsigned k = rng_below(&rng, 3); k > 0; k--)
            change_something(&w, &rng);
        compare(&s);
        if (step % 100 == 0) {
            random_pools(&rng, text, sizeof text);
            world_reload(&w, NULL, "%s", text);
            note_told(&s);
            compare(&s);
        }
    }
    assert_int_equal(s.n_renumbered, 16);
    levels_free(s.levels);
    world_stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_they_mean),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_since),
        cmocka_unit_test(test_checks_of_prefix_sets),
        cmocka_unit_test(test_against_working_out_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
