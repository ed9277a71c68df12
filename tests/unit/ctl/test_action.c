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
    struct anycast_view *view; /* NULL: none yet */
};

/* As though each pool had a name, without a TTL of its own. */
static void name_pools(struct model *m)
{
    uint32_t *ttls = arena_calloc(m->arena, m->n_pools, sizeof *ttls);
    for (uint32_t i = 0; i < m->n_pools; i++)
        ttls[i] = m->pools[i].ttl.max_s;
    m->answer_ttls = ttls;
}

static struct scene *scene_open(const char *server, const char *pools)
{
    struct scene *s = xcalloc(1, sizeof *s);
    world_open(&s->w);
    world_configure(&s->w, server, "%s", pools);
    name_pools(s->w.model);
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

static const struct prefix_set sets[] = {{.name = "dns", .site = 0},
                                         {.name = "web", .site = MODEL_NONE}};

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
    struct facts facts = {.generation = &s->generation,
                          .states = checker_states(s->w.checker),
                          .anycast = {&s->view, s->view != NULL, NULL, 0}};
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
        {"www//x", "expected POOL/SITE/ADDRESS, POOL/SITE, SITE or anycast:NAME"},
        {"*/ams/nowhere", "expected POOL/SITE/ADDRESS, POOL/SITE, SITE or anycast:NAME"},
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

static struct scene *open_with_sets(void)
{
    struct scene *s = scene_open(NULL, POOLS);
    s->w.model->prefix_sets = sets;
    s->w.model->n_prefix_sets = ARRAY_LEN(sets);
    return s;
}

static int announce(struct scene *s, const char *target, enum announce_order order, bool force)
{
    return run(s,
               (struct ctl_request){
                   .command = CTL_SET, .of_sets = true, .announce = order, .force = force},
               target);
}

static void test_prefix_sets(void **state)
{
    struct scene *s = open_with_sets();
    struct anycast_spec spec = {.name = "dns", .site = "ams"};
    struct anycast_input self = {.name = "self", .known = true, .reason = "no answer in 1 s"};
    struct anycast_view view = {
        .spec = &spec, .state = ANNOUNCER_ANNOUNCED, .inputs = &self, .n_inputs = 1};
    (void)state;
    assert_int_equal(announce(s, "anycast:dns", ANNOUNCE_DRAIN, false), 0);
    assert_string_equal(json_get_text(s->reply, "state", ""), "drain");
    assert_string_equal(json_get_text(s->reply, "id", ""), "@1");
    assert_true(list_has(s, "prefix_sets", "dns"));
    assert_true(shows(s, "@1 anycast:dns: drain, 1 prefix set\n"));
    assert_true(shows(s, "anycast dns: is drained as it is configured, then withdrawn\n"));
    assert_int_equal(number(s, "endpoints"), 0);

    s->view = &view;
    assert_int_equal(announce(s, "anycast:*", ANNOUNCE_YES, true), 0);
    assert_int_equal(number(s, "prefix_sets_total"), 2);
    assert_true(json_is_true(json_object_get(s->reply, "forced")));
    assert_true(list_has(s, "warnings",
                         "nothing is answering at the addresses of dns, what comes there is lost: "
                         "no answer in 1 s"));
    assert_true(list_has(s, "warnings",
                         "forced: web stays announced even when nothing answers at its addresses "
                         "any more"));
    assert_true(shows(s,
                      "anycast dns: is announced whatever its conditions and its own answers say; "
                      "it is announced\n"));
    self.ok = true; /* it answers: still a warning, of what may come */
    assert_int_equal(announce(s, "anycast:dns", ANNOUNCE_YES, true), 0);
    assert_true(shows(s, "warning: forced: dns stays announced even when"));
    assert_true(shows(s, "@3 anycast:dns: announce, forced, 1 prefix set\n"));

    /* A site's order reaches its sets, unless one on them is above it. */
    assert_int_equal(set(s, "ams", OVERRIDE_DRAIN), 0);
    assert_true(list_has(s, "prefix_sets", "dns"));
    assert_int_equal(number(s, "prefix_sets_total"), 1);
    assert_true(list_has(s, "warnings", "anycast dns stays as order @3 has it: announce"));
    assert_int_equal(announce(s, "anycast:*", ANNOUNCE_AUTO, false), 0);
    assert_true(shows(s, "removes @3 anycast:dns announce, forced\n"));
    assert_true(shows(s, "anycast dns: is drained as it is configured, then withdrawn; it is "
                         "announced\n"));
    assert_int_equal(set(s, "@4", OVERRIDE_AUTO), 0);
    assert_true(shows(s, "anycast dns: is announced by its conditions; it is announced\n"));
    assert_int_equal(checker_orders(s->w.checker)->n, 0);
    scene_close(s);
}

static void test_refused_prefix_sets(void **state)
{
    struct scene *s = open_with_sets();
    (void)state;
    assert_int_equal(announce(s, "anycast:dsn", ANNOUNCE_DRAIN, false), E_NOTFOUND);
    assert_string_equal(s->error, "there is no prefix set 'dsn', did you mean 'dns'?");
    assert_int_equal(announce(s, "anycast:x*", ANNOUNCE_DRAIN, false), E_NOTFOUND);
    assert_string_equal(s->error, "no prefix set matches 'x*'");
    assert_int_equal(announce(s, "anycast:", ANNOUNCE_DRAIN, false), E_SYNTAX);
    s->w.model->n_prefix_sets = 0;
    assert_int_equal(announce(s, "anycast:dns", ANNOUNCE_DRAIN, false), E_NOTFOUND);
    assert_string_equal(s->error, "there is no prefix set 'dns': none is configured");
    scene_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told),
        cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_dry_run),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_volatile),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_prefix_sets),
        cmocka_unit_test(test_refused_prefix_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
