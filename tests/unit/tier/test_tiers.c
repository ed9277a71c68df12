/* SPDX-License-Identifier: Apache-2.0
 * All tiers, from the checker's states to tables on the thread and back: orders, reloads, looks,
 * the end. In real time, as there are two threads. */
#include "table_tier.h"

#include "../health/world.h"

#include "base/clock.h"
#include "tier/drivers.h"
#include "tier/tiers.h"

#include <stdio.h>
#include <unistd.h>

#define POOLS                                                                                     \
    "sites: {ams: {location: [52, 4]}, iad: {location: [38, -77]}}\n"                             \
    "pools: {web: {sites: {ams: [{address: 10.0.0.1, port: 80}, {address: 10.0.0.2, port: 80}], " \
    "iad: [{address: 10.0.0.3, port: 80}]}}}\n"
#define TIERS "tiers: tiers.yaml\n"

struct both {
    struct world world;
    struct tiers *tiers;
    struct table_tier a, b;
    unsigned n_changed, n_looked;
    bool ended;
};

const struct driver_type *driver_of(enum tier_type type)
{
    (void)type;
    return &table_driver;
}

static uint32_t hastened[8], n_hastened;

static char hastened_by[16];

void __wrap_checker_hasten(struct checker *checker, uint32_t endpoint, const char *who);

void __wrap_checker_hasten(struct checker *checker, uint32_t endpoint, const char *who)
{
    (void)checker;
    snprintf(hastened_by, sizeof hastened_by, "%s", who);
    assert_true(n_hastened < 8);
    hastened[n_hastened++] = endpoint;
}

/* ---- the world ---- */

static void write_tiers(struct both *w, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/tiers.yaml", w->world.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void on_changed(void *ctx)
{
    ((struct both *)ctx)->n_changed++;
}

static void table_init(struct table_tier *table, const char *name)
{
    pthread_mutex_init(&table->lock, NULL);
    table->name = name;
}

static void switch_to(void *ctx)
{
    struct both *w = ctx;
    struct tier_set *set = tier_set_new(w->world.model);
    assert_int_equal(tiers_prepare(w->tiers, set, &w->world.diags), 0);
    tiers_switch(w->tiers, set, w->world.model);
    tier_set_release(set);
}

static void start(struct both *w)
{
    const struct tiers_host host = {.ctx = w, .changed = on_changed};
    world_start(&w->world);
    assert_int_equal(tiers_start(&w->tiers, &w->world.loop, &host, &w->world.diags), 0);
    tiers_follow(w->tiers, w->world.checker);
    switch_to(w);
    w->world.moved = switch_to;
    w->world.moved_ctx = w;
}

static void open_both(struct both *w, const char *tiers)
{
    memset(w, 0, sizeof *w);
    world_open(&w->world);
    table_init(&w->a, "a");
    table_init(&w->b, "b");
    table_tiers[0] = &w->a;
    table_tiers[1] = &w->b;
    write_tiers(w, tiers);
    world_configure(&w->world, TIERS, POOLS);
    start(w);
}

static void reload(struct both *w, const char *tiers)
{
    write_tiers(w, tiers);
    world_reload(&w->world, TIERS, POOLS);
}

typedef bool until(struct both *w);

static bool wait_ms(struct both *w, until *is_so, int ms)
{
    int64_t end_ms = clock_mono_ms() + ms;
    while (!is_so(w)) {
        if (clock_mono_ms() > end_ms)
            return false;
        uv_run(&w->world.loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    return true;
}

static void wait_for(struct both *w, until *is_so)
{
    assert_true(wait_ms(w, is_so, 30000));
}

static void on_stopped(void *ctx)
{
    ((struct both *)ctx)->ended = true;
}

static bool has_ended(struct both *w)
{
    return w->ended;
}

static int64_t stop_tiers(struct both *w)
{
    int64_t began_ms = clock_mono_ms();
    w->ended = false;
    tiers_stop(w->tiers, on_stopped, w);
    wait_for(w, has_ended);
    return clock_mono_ms() - began_ms;
}

static void close_both(struct both *w)
{
    stop_tiers(w);
    world_stop(&w->world);
    world_close(&w->world);
    assert_int_equal(w->a.n_opened, w->a.n_closed);
    assert_int_equal(w->b.n_opened, w->b.n_closed);
}

/* ---- what is so ---- */

static unsigned count(struct table_tier *table, enum serves serves, int weight)
{
    unsigned n = 0;
    table_lock(table);
    for (uint32_t i = 0; i < table->n; i++)
        n += table->v[i].serving.serves == serves &&
             (weight < 0 || table->v[i].serving.weight == weight);
    table_unlock(table);
    return n;
}

static uint32_t look_at(struct table_tier *table, const uint32_t *counter)
{
    table_lock(table);
    uint32_t n = *counter;
    table_unlock(table);
    return n;
}

static enum tier_state state_of(struct both *w, uint32_t tier)
{
    uint32_t n;
    struct tier_view **views = tiers_views(w->tiers, &n);
    assert_true(tier < n);
    enum tier_state state = views[tier]->state;
    for (uint32_t i = 0; i < n; i++)
        tier_view_release(views[i]);
    free(views);
    return state;
}

static bool a_is_right(struct both *w)
{
    return count(&w->a, SERVES_READY, 100) == 3 && state_of(w, 0) == TIER_OK;
}

static bool both_are_right(struct both *w)
{
    return a_is_right(w) && count(&w->b, SERVES_READY, 100) == 2 && state_of(w, 1) == TIER_OK;
}

static bool a_drains(struct both *w)
{
    return count(&w->a, SERVES_DRAIN, -1) == 3;
}

static bool a_is_gone(struct both *w)
{
    table_lock(&w->a);
    bool gone = !w->a.exists && w->a.n == 0 && w->a.n_closed == 1;
    table_unlock(&w->a);
    return gone;
}

static bool a_is_empty(struct both *w)
{
    table_lock(&w->a);
    bool empty = !w->a.exists && w->a.n == 0;
    table_unlock(&w->a);
    return empty;
}

static bool has_looked(struct both *w)
{
    return w->n_looked > 0;
}

static bool has_been_told(struct both *w)
{
    return w->n_changed > 0;
}

static void set_fault(struct table_tier *table, enum table_fault observe, enum table_fault apply)
{
    table_lock(table);
    table->observe = observe;
    table->apply = apply;
    table_unlock(table);
}

static void give_sessions(struct table_tier *table, int64_t n)
{
    table_lock(table);
    for (uint32_t i = 0; i < table->n; i++)
        table->v[i].active = n;
    table_unlock(table);
}

/* ---- tests ---- */

#define A "  a: {type: exec, pool: web, command: [/bin/true]}\n"
#define B "  b: {type: exec, pool: web, site: ams, command: [/bin/true]}\n"

static void test_tiers_follow_states(void **state)
{
    struct both w;
    (void)state;
    open_both(&w, "tiers:\n" A B);
    assert_int_equal(state_of(&w, 0), TIER_APPLYING); /* nothing is known yet */
    wait_for(&w, both_are_right);
    wait_for(&w, has_been_told);
    close_both(&w);
}

static bool one_is_down(struct both *w)
{
    return count(&w->a, SERVES_MAINT, -1) == 1 && count(&w->b, SERVES_MAINT, -1) == 1 &&
           count(&w->a, SERVES_READY, 100) == 2 && count(&w->b, SERVES_READY, 100) == 1;
}

static void test_orders_arrive(void **state)
{
    struct both w;
    (void)state;
    open_both(&w, "tiers:\n" A B);
    wait_for(&w, both_are_right);
    world_set(&w.world, "web/ams/10.0.0.1", OVERRIDE_DOWN, 0, "");
    wait_for(&w, one_is_down);
    world_set(&w.world, "web/ams/10.0.0.1", OVERRIDE_AUTO, 0, "");
    wait_for(&w, both_are_right);
    close_both(&w);
}

static bool b_is_right(struct both *w)
{
    return count(&w->b, SERVES_READY, 100) == 2 && state_of(w, 1) == TIER_OK;
}

static void test_the_dead_hold_up_nobody(void **state)
{
    struct both w;
    (void)state;
    memset(&w, 0, sizeof w);
    w.a.observe = TABLE_IS_SILENT;
    world_open(&w.world);
    table_init(&w.a, "a");
    table_init(&w.b, "b");
    table_tiers[0] = &w.a;
    table_tiers[1] = &w.b;
    write_tiers(&w, "tiers:\n" A B);
    world_configure(&w.world, TIERS, POOLS);
    start(&w);
    wait_for(&w, b_is_right);
    assert_int_equal(state_of(&w, 0), TIER_APPLYING);
    close_both(&w); /* at once */
}

static void test_a_reload_goes_on(void **state)
{
    struct both w;
    (void)state;
    open_both(&w, "tiers:\n" A B);
    wait_for(&w, both_are_right);
    uint32_t n = look_at(&w.a, &w.a.n_applied);
    for (int i = 0; i < 5; i++) {
        reload(&w, "tiers:\n" A B);
        assert_int_equal(state_of(&w, 0), TIER_OK); /* as it was seen last */
        wait_for(&w, both_are_right);
    }
    assert_int_equal(look_at(&w.a, &w.a.n_opened), 1);
    assert_int_equal(look_at(&w.a, &w.a.n_applied), n);
    close_both(&w);
}

static bool b_has_been_respecified(struct both *w)
{
    return look_at(&w->b, &w->b.n_respecified) > 0;
}

static void test_what_leaves_drains(void **state)
{
    struct both w;
    (void)state;
    open_both(&w, "tiers:\n" A B);
    wait_for(&w, both_are_right);
    give_sessions(&w.a, 1);
    reload(&w, "tiers:\n" B);
    wait_for(&w, b_has_been_respecified);
    uint32_t n;
    struct tier_view **views = tiers_views(w.tiers, &n);
    assert_int_equal(n, 1);
    assert_string_equal(views[0]->spec->name, "b");
    tier_view_release(views[0]);
    free(views);
    wait_for(&w, a_drains);
    assert_int_equal(look_at(&w.a, &w.a.n_closed), 0);
    reload(&w, "tiers:\n" A B); /* back before it was over: it was never away */
    wait_for(&w, both_are_right);
    assert_int_equal(look_at(&w.a, &w.a.n_opened), 1);
    give_sessions(&w.a, 0);
    reload(&w, "tiers:\n" B);
    wait_for(&w, a_is_gone);
    write_tiers(&w, "tiers: {}\n"); /* and none at all */
    world_reload(&w.world, NULL, POOLS);
    assert_null(tiers_set(w.tiers));
    views = tiers_views(w.tiers, &n);
    assert_int_equal(n, 0);
    free(views);
    close_both(&w);
}

static void on_look(void *arg)
{
    ((struct both *)arg)->n_looked++;
}

static void test_looks(void **state)
{
    struct both w;
    (void)state;
    open_both(&w, "tiers:\n" A B);
    wait_for(&w, both_are_right);
    uint32_t applied = look_at(&w.a, &w.a.n_applied), observed = look_at(&w.b, &w.b.n_observed);
    table_lock(&w.a);
    w.a.v[0].serving.weight = 5;
    table_unlock(&w.a);
    tiers_look(w.tiers, 0, on_look, &w);
    wait_for(&w, has_looked);
    uint32_t n;
    struct tier_view **views = tiers_views(w.tiers, &n);
    assert_int_equal(views[0]->n_diff, 1); /* the views are there before the look is done */
    for (uint32_t i = 0; i < n; i++)
        tier_view_release(views[i]);
    free(views);
    assert_int_equal(look_at(&w.a, &w.a.n_applied), applied);
    assert_int_equal(look_at(&w.b, &w.b.n_observed), observed);
    w.n_looked = 0;
    set_fault(&w.b, TABLE_IS_SILENT, TABLE_WELL);
    int64_t began_ms = clock_mono_ms();
    tiers_look(w.tiers, MODEL_NONE, on_look, &w);
    wait_for(&w, has_looked);
    assert_in_range(clock_mono_ms() - began_ms, 4900, 20000); /* who does not answer is left out */
    tiers_look(w.tiers, MODEL_NONE, on_look, &w);             /* one that the end ends */
    close_both(&w);
    assert_int_equal(w.n_looked, 2);
}

static bool has_hastened(struct both *w)
{
    (void)w;
    return n_hastened > 0;
}

static void meet(struct both *w, struct table_tier *table, uint32_t member)
{
    table_lock(table);
    table->meets = member + 1;
    table_unlock(table);
    w->n_looked = 0;
    n_hastened = 0;
    tiers_look(w->tiers, MODEL_NONE, on_look, w);
}

/* What clients of a tier met comes to the checker as what that knows; of a set that is not in force
 * any more it does not. */
static void test_failures_that_are_met(void **state)
{
    struct both w;
    (void)state;
    open_both(&w, "tiers:\n" A "  b: {type: exec, pool: web, site: iad, command: [/bin/true]}\n");
    wait_for(&w, a_is_right);
    meet(&w, &w.a, 1);
    wait_for(&w, has_hastened);
    assert_int_equal(hastened[0], 1);
    meet(&w, &w.b, 0);
    wait_for(&w, has_hastened);
    assert_int_equal(hastened[0], 2);
    assert_int_equal(n_hastened, 1);
    assert_string_equal(hastened_by, "tier b");
    wait_for(&w, has_looked);
    uint32_t n;
    struct tier_view **views = tiers_views(w.tiers, &n);
    assert_int_equal(views[1]->n_met, 1);
    for (uint32_t i = 0; i < n; i++)
        tier_view_release(views[i]);
    free(views);
    /* The loop does not run before there is another set. */
    meet(&w, &w.b, 0);
    for (int i = 0; i < 30000 && look_at(&w.b, &w.b.meets); i++)
        usleep(1000);
    assert_int_equal(look_at(&w.b, &w.b.meets), 0);
    switch_to(&w);
    wait_for(&w, has_looked);
    assert_int_equal(n_hastened, 0);
    close_both(&w);
}

static void test_the_end_leaves_all_as_it_is(void **state)
{
    struct both w;
    (void)state;
    open_both(&w, "tiers:\n" A B);
    wait_for(&w, both_are_right);
    uint32_t n = look_at(&w.a, &w.a.n_applied);
    stop_tiers(&w);
    assert_int_equal(w.a.n_applied, n);
    assert_int_equal(count(&w.a, SERVES_READY, 100), 3);
    /* And the next start finds it right, and ours. */
    const struct tiers_host host = {.ctx = &w, .changed = on_changed};
    assert_int_equal(tiers_start(&w.tiers, &w.world.loop, &host, &w.world.diags), 0);
    tiers_follow(w.tiers, w.world.checker);
    switch_to(&w);
    wait_for(&w, both_are_right);
    assert_int_equal(look_at(&w.a, &w.a.n_applied), n);
    reload(&w, "tiers:\n" B);
    wait_for(&w, a_is_empty);
    close_both(&w);
}

static void test_the_end_drains_what_is_to_be_drained(void **state)
{
    struct both w;
    (void)state;
    open_both(&w, "tiers:\n  a: {type: exec, pool: web, on_exit: drain, command: [/bin/true]}\n" B);
    wait_for(&w, both_are_right);
    give_sessions(&w.a, 1);
    stop_tiers(&w);
    assert_int_equal(count(&w.a, SERVES_DRAIN, -1), 3);
    assert_int_equal(count(&w.b, SERVES_READY, 100), 2);
    const struct tiers_host host = {.ctx = &w, .changed = on_changed};
    assert_int_equal(tiers_start(&w.tiers, &w.world.loop, &host, &w.world.diags), 0);
    tiers_follow(w.tiers, w.world.checker);
    switch_to(&w);
    wait_for(&w, both_are_right);
    set_fault(&w.a, TABLE_IS_SILENT, TABLE_IS_SILENT);
    assert_in_range(stop_tiers(&w), 3000, 20000); /* one that does not answer is not waited for */
    assert_int_equal(tiers_start(&w.tiers, &w.world.loop, &host, &w.world.diags), 0);
    tiers_follow(w.tiers, w.world.checker);
    close_both(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiers_follow_states),
        cmocka_unit_test(test_orders_arrive),
        cmocka_unit_test(test_the_dead_hold_up_nobody),
        cmocka_unit_test(test_a_reload_goes_on),
        cmocka_unit_test(test_what_leaves_drains),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_failures_that_are_met),
        cmocka_unit_test(test_the_end_leaves_all_as_it_is),
        cmocka_unit_test(test_the_end_drains_what_is_to_be_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
