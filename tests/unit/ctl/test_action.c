/* SPDX-License-Identifier: Apache-2.0
 * Orders from the request to the reply, over a real checker: what is changed, what is told of it,
 * what a dry run leaves alone, and why an order is refused. */
#include "tests/unit/health/settable_clock.h"
#include "tests/unit/health/world.h"

#include "base/buf.h"
#include "control/json.h"
#include "ctl/action.h"
#include "ctl/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct scene {
    struct world w;
    struct arena *arena;
    struct generation generation;
    struct snapshot snapshot;
    json_t *reply; /* of the latest */
    char error[CTL_TEXT_MAX];
    int code;
    bool done;
};

static struct scene *scene_open(const char *server, const char *pools)
{
    struct scene *s = xcalloc(1, sizeof *s);
    world_open(&s->w);
    world_configure(&s->w, server, "%s", pools);
    world_start(&s->w);
    s->arena = arena_new();
    s->generation = (struct generation){
        .number = 1, .model = s->w.model, .snapshot = &s->snapshot, .n_holds = 1000};
    static const struct place unknown;
    struct geo geo = {.base = trie_new(0), .places = &unknown, .n_places = 1};
    const struct steer_memory memory = {.alone_bytes = UINT64_MAX};
    assert_int_equal(steer_compile(&s->generation.steerings, s->arena, s->w.model, &geo, &memory,
                                   &s->w.diags),
                     0);
    trie_free(geo.base);
    return s;
}

static void scene_close(struct scene *s)
{
    json_decref(s->reply);
    world_stop(&s->w);
    world_close(&s->w);
    arena_free(s->arena);
    free(s);
}

static void on_done(void *arg, int code, json_t *result, const char *error)
{
    struct scene *s = arg;
    s->reply = result;
    s->code = code;
    snprintf(s->error, sizeof s->error, "%s", error ? error : "");
    s->done = true;
}

static bool is_done(struct world *w, void *arg)
{
    (void)w;
    return ((struct scene *)arg)->done;
}

static int run(struct scene *s, struct ctl_request request, const char *target)
{
    struct facts facts = {.generation = &s->generation, .states = checker_states(s->w.checker)};
    json_decref(s->reply);
    s->reply = NULL;
    s->done = false;
    snprintf(request.target, sizeof request.target, "%s", target);
    snprintf(request.actor.text, sizeof request.actor.text, "alice (uid 1000)");
    action_run(&s->w.loop, s->w.checker, &facts, &request, on_done, s);
    assert_true(s->done || world_wait(&s->w, is_done, s));
    assert_int_equal(s->code == 0, s->reply != NULL);
    return s->code;
}

static int set(struct scene *s, const char *target, enum override state)
{
    return run(s, (struct ctl_request){.command = CTL_SET, .state = state}, target);
}

static bool list_has(const struct scene *s, const char *key, const char *text)
{
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(s->reply, key), i,
                       item) if (strcmp(json_text_of(item, ""), text) == 0) return true;
    return false;
}

static int64_t number(const struct scene *s, const char *key)
{
    return json_get_int(s->reply, key, -1);
}

static bool shows(const struct scene *s, const char *text)
{
    struct buf out = {0};
    render_action(&out, s->reply, (struct screen){0});
    bool shown = strstr(out.p, text) != NULL;
    if (!shown)
        print_message("%s", out.p);
    buf_free(&out);
    return shown;
}

#define POOLS                                                                                 \
    SITES "pools:\n"                                                                          \
          "  www: {steer: {order: [ams, iad]}, ttl: 60s, sites: {ams: [{address: 192.0.2.1, " \
          "name: w1}, 192.0.2.2], iad: [192.0.2.3]}}\n"                                       \
          "  old: {steer: {order: [ams]}, sites: {ams: [192.0.2.4]}}\n"                       \
          "  top: {steer: {order: [ams]}, on_all_down: {fallback: old}, sites: {ams: "        \
          "[192.0.2.5]}}\n"

static void test_what_is_told(void **state)
{
    struct scene *s = scene_open(NULL, POOLS);
    (void)state;
    assert_int_equal(set(s, "www/ams", OVERRIDE_DRAIN), 0);
    assert_string_equal(json_get_text(s->reply, "id", ""), "@1");
    assert_true(list_has(s, "matched", "www/ams/w1"));
    assert_true(list_has(s, "matched", "www/ams/192.0.2.2"));
    assert_int_equal(number(s, "endpoints"), 2);
    assert_int_equal(number(s, "endpoints_changed"), 2);
    assert_int_equal(number(s, "pools_changed"), 1);
    assert_int_equal(number(s, "old_answers_s"), 60);
    assert_true(list_has(s, "effects", "www: answers move from ams to iad"));
    assert_int_equal(json_array_size(json_object_get(s->reply, "warnings")), 0);
    assert_true(shows(s, "clients may come for up to 1m more (TTL)\n"));
    assert_int_equal(world_state(&s->w, 0)->override, OVERRIDE_DRAIN);
    assert_string_equal(checker_orders(s->w.checker)->v[0]->author, "alice (uid 1000)");
    /* The same again: another order, the same answers. */
    assert_int_equal(set(s, "www/ams", OVERRIDE_DRAIN), 0);
    assert_int_equal(number(s, "pools_changed"), 0);
    assert_int_equal(number(s, "old_answers_s"), 0);
    assert_int_equal(number(s, "removed_total"), 1);
    assert_true(shows(s, "removes @1 www/ams drain\nno answer changes\n"));
    scene_close(s);
}

/* By the verdict, whatever on_all_down says: orders are never overruled. */
static void test_nothing_left(void **state)
{
    struct scene *s = scene_open(NULL, POOLS);
    (void)state;
    assert_int_equal(set(s, "old/ams", OVERRIDE_DRAIN), 0);
    assert_true(list_has(s, "warnings", "pool old answers NODATA"));
    assert_int_equal(json_array_size(json_object_get(s->reply, "warnings")), 1);
    assert_int_equal(set(s, "top/ams", OVERRIDE_DRAIN), 0); /* what it falls back to gives none */
    assert_true(list_has(s, "warnings", "pool top answers NODATA"));
    assert_int_equal(set(s, "old/ams", OVERRIDE_AUTO), 0);
    assert_int_equal(set(s, "top/ams", OVERRIDE_AUTO), 0);
    assert_int_equal(set(s, "top/ams", OVERRIDE_DRAIN), 0);
    assert_int_equal(json_array_size(json_object_get(s->reply, "warnings")), 0);
    assert_int_equal(number(s, "pools_changed"), 1);
    assert_int_equal(run(s, (struct ctl_request){.command = CTL_WEIGHT, .weight = 0}, "old/*/*"),
                     0);
    assert_true(list_has(s, "warnings", "pool old answers NODATA"));
    scene_close(s);
}

static void test_dry_run(void **state)
{
    struct scene *s = scene_open(NULL, POOLS);
    (void)state;
    struct ctl_request request = {.command = CTL_SET, .state = OVERRIDE_DRAIN, .dry_run = true};
    assert_int_equal(run(s, request, "www/ams"), 0);
    assert_true(list_has(s, "effects", "www: answers move from ams to iad"));
    assert_null(json_object_get(s->reply, "id"));
    assert_true(shows(s, "dry run, nothing is changed: www/ams: drain, 2 endpoints\n"));
    assert_int_equal(checker_orders(s->w.checker)->n, 0);
    assert_int_equal(world_state(&s->w, 0)->override, OVERRIDE_AUTO);
    assert_int_equal(set(s, "www/ams", OVERRIDE_DRAIN), 0);
    request.state = OVERRIDE_AUTO;
    assert_int_equal(run(s, request, "@1"), 0);
    assert_int_equal(number(s, "removed_total"), 1);
    assert_true(list_has(s, "effects", "www: answers move from iad to ams"));
    assert_int_equal(checker_orders(s->w.checker)->n, 1);
    request = (struct ctl_request){.command = CTL_WEIGHT, .weight = 5, .dry_run = true};
    assert_int_equal(run(s, request, "www/iad"), 0);
    assert_int_equal(world_state(&s->w, 2)->weight_override, -1);
    scene_close(s);
}

/* What waits beneath is named, and what is taken away. */
static void test_layers(void **state)
{
    struct scene *s = scene_open(NULL, POOLS);
    (void)state;
    struct ctl_request request = {.command = CTL_SET, .state = OVERRIDE_DOWN};
    snprintf(request.reason, sizeof request.reason, "broken disk");
    assert_int_equal(run(s, request, "www/ams/192.0.2.1"), 0); /* it has a name */
    request = (struct ctl_request){.command = CTL_SET, .state = OVERRIDE_DRAIN, .for_ms = 60000};
    assert_int_equal(run(s, request, "ams"), 0);
    assert_true(shows(s, "lies above @1 www/ams/192.0.2.1 down: broken disk, which waits\n"));
    assert_non_null(json_object_get(s->reply, "until"));
    assert_int_equal(set(s, "www/ams/w1", OVERRIDE_AUTO), 0);
    assert_string_equal(json_get_text(s->reply, "id", ""), "@3"); /* over the drain */
    assert_true(shows(s, "removes @1 www/ams/192.0.2.1 down: broken disk\n"));
    assert_int_equal(set(s, "@3", OVERRIDE_AUTO), 0);
    assert_int_equal(set(s, "@2", OVERRIDE_DOWN), E_INVALID);
    assert_non_null(strstr(s->error, "takes \"auto\" alone"));
    assert_int_equal(set(s, "@2", OVERRIDE_AUTO), 0);
    assert_int_equal(set(s, "@2", OVERRIDE_AUTO), E_NOTFOUND);
    assert_non_null(strstr(s->error, "there is no order @2"));
    assert_int_equal(checker_orders(s->w.checker)->n, 0);
    scene_close(s);
}

static void test_volatile(void **state)
{
    struct scene *s = scene_open(NULL, POOLS);
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "mkdir %s/state/overrides.json.tmp", s->w.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(set(s, "ams", OVERRIDE_DRAIN), E_SYSTEM);
    assert_non_null(strstr(s->error, "nothing was changed: it could not be saved"));
    assert_non_null(strstr(s->error, "--volatile"));
    assert_int_equal(checker_summary(s->w.checker).disk_error, EISDIR);
    struct ctl_request request = {.command = CTL_SET, .state = OVERRIDE_DRAIN, .is_volatile = true};
    assert_int_equal(run(s, request, "www/ams"), 0);
    assert_true(shows(s, "warning: volatile: this order is kept in memory only"));
    assert_int_equal(world_state(&s->w, 0)->override, OVERRIDE_DRAIN);
    assert_int_equal(checker_summary(s->w.checker).n_volatile, 1);
    snprintf(command, sizeof command, "rmdir %s/state/overrides.json.tmp", s->w.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(set(s, "www/iad", OVERRIDE_DRAIN), 0); /* the disk works again */
    assert_int_equal(checker_summary(s->w.checker).disk_error, 0);
    scene_close(s);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *target, *why;
    } cases[] = {
        {"www", "www is a pool, not a site: 'www/*' means all of it"},
        {"amz", "there is no site 'amz', did you mean 'ams'?"},
        {"www/amz", "pool www has no site 'amz', did you mean 'ams'?"},
        {"wwv/ams", "there is no pool 'wwv', did you mean 'www'?"},
        {"www/ams/w2", "www/ams has no endpoint 'w2', did you mean 'w1'?"},
        {"www/iad/w*", "none of www/iad matches it"},
        {"www//x", "expected POOL/SITE/ADDRESS, POOL/SITE or SITE"},
        {"*/ams/nowhere", "expected POOL/SITE/ADDRESS, POOL/SITE or SITE"},
    };
    struct scene *s = scene_open(NULL, POOLS);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_not_equal(set(s, cases[i].target, OVERRIDE_DRAIN), 0);
        if (!strstr(s->error, cases[i].why))
            fail_msg("%s: %s", cases[i].target, s->error);
    }
    assert_int_not_equal(set(s, "www/amz", OVERRIDE_AUTO), 0);
    assert_int_equal(checker_orders(s->w.checker)->n, 0);
    scene_close(s);
}

/* 14 pools that move, 12 that have nothing else, one that falls back. */
static void test_groups(void **state)
{
    struct buf pools = {0};
    (void)state;
    buf_puts(&pools, SITES "pools:\n");
    for (int i = 1; i <= 14; i++)
        buf_printf(&pools,
                   "  m%02d: {steer: {order: [ams, iad]}, ttl: %ds, sites: {ams: [192.0.2.1], "
                   "iad: [192.0.2.2]}}\n",
                   i, i);
    for (int i = 1; i <= 12; i++)
        buf_printf(&pools, "  n%02d: {steer: {order: [ams]}, sites: {ams: [192.0.2.1]}}\n", i);
    buf_puts(&pools, "  top: {steer: {order: [ams]}, on_all_down: {fallback: sorry}, sites: {ams: "
                     "[192.0.2.1]}}\n"
                     "  sorry: {steer: {order: [iad]}, sites: {iad: [192.0.2.9]}}\n");
    struct scene *s = scene_open(NULL, pools.p);
    struct ctl_request request = {.command = CTL_SET, .state = OVERRIDE_DRAIN};
    assert_int_equal(run(s, request, "ams"), 0);
    assert_int_equal(number(s, "pools_changed"), 27);
    assert_true(list_has(s, "effects", "14 pools move to iad"));
    assert_true(list_has(s, "effects", "pool top answers what pool sorry does"));
    assert_int_equal(json_array_size(json_object_get(s->reply, "effects")), 2);
    assert_true(list_has(s, "warnings",
                         "12 pools answer NODATA: n01, n02, n03, n04, n05, n06, n07, n08, n09, "
                         "n10 and 2 more"));
    assert_int_equal(number(s, "old_answers_s"), 30);
    assert_int_equal(set(s, "ams", OVERRIDE_AUTO), 0);
    request.verbose = true;
    assert_int_equal(run(s, request, "ams"), 0);
    assert_true(list_has(s, "effects", "m14: answers move from ams to iad"));
    scene_close(s);
    buf_free(&pools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_dry_run),      cmocka_unit_test(test_layers),
        cmocka_unit_test(test_volatile),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
