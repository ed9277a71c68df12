/* SPDX-License-Identifier: Apache-2.0
 * Documents, and their renderings, of facts made by hand. */
#include "control/json.h"
#include "ctl/documents.h"
#include "ctl/render.h"
#include "tests/unit/out/facts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const json_t *at(const json_t *document, const char *list, size_t i)
{
    const json_t *item = json_array_get(json_object_get(document, list), i);
    assert_non_null(item);
    return item;
}

static void assert_text(const json_t *object, const char *key, const char *expected)
{
    assert_string_equal(json_get_text(object, key, "(absent)"), expected);
}

static bool has_problem(const json_t *status, const char *severity, const char *words)
{
    const json_t *problem;
    size_t i;
    json_array_foreach(json_object_get(status, "problems"), i,
                       problem) if (strcmp(json_get_text(problem, "severity", ""), severity) == 0 &&
                                    strstr(json_get_text(problem, "text", ""), words)) return true;
    return false;
}

static void assert_rendered(enum ctl_command command, const json_t *document, const char *words)
{
    struct buf out = {0};
    render_result(&out, command, document, (struct screen){0});
    if (!strstr(out.p, words))
        fail_msg("\"%s\" is not in:\n%s", words, out.p);
    assert_null(strchr(out.p, '\033'));
    buf_free(&out);
}

static void test_endpoints(void **state)
{
    struct scene *s = scene_new();
    struct endpoint_state *drained = &s->world->states[1];
    (void)state;
    scene_down(s, 0, "connect refused \xff");
    drained->override = OVERRIDE_DRAIN;
    drained->override_since_ms = 1060000;
    drained->override_until_s = 1090 + 1800;
    drained->weight_override = 5;
    snprintf(drained->override_reason, sizeof drained->override_reason, "kernel");
    json_t *document = document_endpoints(&s->facts, MODEL_NONE, WINDOW_ALL);
    assert_int_equal(json_array_size(json_object_get(document, "endpoints")), 4);

    const json_t *e = at(document, "endpoints", 0);
    assert_text(e, "target", "www/ams/e0");
    assert_text(e, "state", "down");
    assert_text(e, "why", "connect refused \\xff"); /* no UTF-8, but no reason to lose the rest */
    assert_int_equal(json_get_int(e, "since_s", -1), 10);

    e = at(document, "endpoints", 1);
    assert_text(e, "state", "drain!");
    assert_text(e, "why", "kernel");
    assert_true(json_is_false(json_object_get(e, "serves")));
    assert_int_equal(json_get_int(e, "weight", -1), 5);
    assert_int_equal(json_get_int(e, "configured_weight", -1), 3);
    assert_int_equal(json_get_int(e, "since_s", -1), 30);
    assert_int_equal(json_get_int(json_object_get(e, "override"), "left_s", -1), 1800);
    assert_rendered(CTL_ENDPOINTS, document,
                    "www/ams/e1  drain!  30s        5!      -  kernel (30m left)");
    json_decref(document);
    scene_free(s);
}

static void test_pools_and_sites(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    json_t *document = document_pools(&s->facts, WINDOW_ALL);
    assert_text(at(document, "pools", 0), "state", "up");
    json_decref(document);

    scene_down(s, 2, "timeout");
    document = document_pools(&s->facts, WINDOW_ALL);
    const json_t *pool = at(document, "pools", 0);
    assert_text(pool, "state", "degraded");
    assert_text(pool, "steer", "order ams iad sin");
    assert_int_equal(json_get_int(pool, "up", -1), 3);
    assert_true(json_is_false(json_object_get(at(pool, "sites", 1), "up")));
    assert_rendered(CTL_POOLS, document, "ams 2/2, iad 0/1, sin 1/1");
    json_decref(document);

    document = document_sites(&s->facts, WINDOW_ALL);
    assert_text(at(document, "sites", 1), "state", "down");
    assert_text(at(document, "sites", 0), "state", "up");
    assert_rendered(CTL_SITES, document, "38.95, -77.45");
    json_decref(document);
    scene_free(s);
}

/* What the panic guard holds is told wherever a state is. */
static void test_frozen(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    s->world->states[0].frozen = s->world->states[2].frozen = true;
    s->world->states[2].override = OVERRIDE_DOWN;
    s->facts.health.panic = true;
    s->facts.health.n_frozen = 2;
    scene_levels(s);

    json_t *document = document_endpoints(&s->facts, MODEL_NONE, WINDOW_ALL);
    assert_true(json_is_true(json_object_get(at(document, "endpoints", 0), "frozen")));
    assert_true(json_is_false(json_object_get(at(document, "endpoints", 1), "frozen")));
    assert_rendered(CTL_ENDPOINTS, document, "www/ams/e0  up, frozen");
    assert_rendered(CTL_ENDPOINTS, document, "www/ams/e1  up ");
    assert_rendered(CTL_ENDPOINTS, document, "down! "); /* an order stands above */
    json_decref(document);

    document = document_pools(&s->facts, WINDOW_ALL);
    const json_t *pool = at(document, "pools", 0);
    assert_int_equal(json_get_int(pool, "frozen", -1), 2);
    assert_int_equal(json_get_int(at(pool, "sites", 0), "frozen", -1), 1);
    assert_int_equal(json_get_int(at(pool, "sites", 2), "frozen", -1), 0);
    assert_rendered(CTL_POOLS, document, "degraded, frozen");
    json_decref(document);

    document = document_sites(&s->facts, WINDOW_ALL);
    assert_int_equal(json_get_int(at(document, "sites", 0), "frozen", -1), 1);
    assert_rendered(CTL_SITES, document, "up, frozen");
    json_decref(document);

    document = document_status(&s->facts);
    assert_int_equal(json_get_int(json_object_get(document, "endpoints"), "frozen", -1), 2);
    assert_true(has_problem(document, "error", "2 endpoints are frozen until targets answer"));
    json_decref(document);
    scene_free(s);
}

/* An order given at `set_ms`; it ends at `until_ms`. */
static void add_order(struct orders *orders, const char *target, struct order words)
{
    struct order *o = order_new();
    assert_int_equal(target_parse(&o->target, target), 0);
    snprintf(o->node, sizeof o->node, "n");
    o->number = ++orders->last_number;
    o->time_ms = o->set_ms = words.set_ms;
    o->kind = words.kind;
    o->override = words.override;
    o->weight = words.weight;
    o->until_ms = words.until_ms ? words.until_ms : ORDER_FOREVER;
    o->is_volatile = words.is_volatile;
    order_set_words(o, "alice (uid 1000)", words.reason);
    assert_true(orders_add(orders, o));
}

static char kernel[] = "kernel";

static void test_status(void **state)
{
    struct scene *s = scene_new();
    struct orders orders = {.node = "n"};
    (void)state;
    s->world->model.server.state_dir = "/var/lib/loadstar";
    s->facts.rates[0] = 12.34;
    json_t *document = document_status(&s->facts);
    assert_int_equal(json_array_size(json_object_get(document, "problems")), 0);
    assert_text(json_object_get(document, "config"), "hash", "0000000000000abc");
    json_t *counts = json_object_get(document, "counts");
    assert_int_equal(json_integer_value(json_object_get(counts, "zones_read")), 2);
    assert_int_equal(json_integer_value(json_object_get(counts, "zones_kept")), 3);
    assert_rendered(CTL_STATUS, document, "the same on disk");
    assert_rendered(CTL_STATUS, document, "12.3/s over 1s");
    assert_rendered(CTL_STATUS, document, "problems   none");
    json_decref(document);

    s->facts.reload.gone = "a.test.\nb.test.";
    s->facts.reload.n_gone = 22;
    s->world->model.server.n_listen = 0;
    document = document_status(&s->facts);
    assert_int_equal(json_array_size(json_object_get(document, "problems")), 4);
    assert_rendered(CTL_STATUS, document, "zone a.test. is gone");
    assert_rendered(CTL_STATUS, document, "zone b.test. is gone");
    assert_rendered(CTL_STATUS, document, "2 more zones are gone");
    assert_rendered(CTL_STATUS, document, "'listen' is empty: no DNS is served");
    json_decref(document);
    s->facts.reload.gone = "";
    s->facts.reload.n_gone = 0;
    s->world->model.server.n_listen = 1;

    for (uint32_t i = 0; i < 4; i++)
        scene_down(s, i, "timeout");
    add_order(&orders, "www/ams",
              (struct order){.override = OVERRIDE_DRAIN,
                             .set_ms = 1000 * 1000,
                             .until_ms = 1150 * 1000,
                             .reason = kernel});
    s->facts.orders = &orders;
    s->facts.reload = (struct reload_info){.at_ms = 1085000,
                                           .failed = true,
                                           .errors = "a.yaml:3:7: bad\nb.yaml:1:1: worse",
                                           .n_failed = 1};
    s->facts.disk = DISK_CHANGED;
    s->facts.health.panic = true;
    s->world->model.server.state_dir = NULL;
    document = document_status(&s->facts);
    assert_text(at(document, "problems", 0), "severity", "error");
    assert_true(has_problem(document, "error", "last reload failed"));
    assert_true(has_problem(document, "error", "a.yaml:3:7: bad"));
    assert_true(has_problem(document, "error", "panic guard"));
    assert_true(has_problem(document, "error", "pool www is down"));
    assert_true(has_problem(document, "warning", "no server.state_dir"));
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(document, "reload"), "errors")), 2);
    assert_int_equal(json_get_int(at(document, "overrides", 0), "left_s", -1), 60);
    assert_rendered(CTL_STATUS, document, "b.yaml:1:1: worse");
    assert_rendered(CTL_STATUS, document, "not what is on disk");
    assert_rendered(CTL_STATUS, document,
                    "@1  www/ams  drain  1m 30s  1m            2  alice (uid 1000)  kernel");
    json_decref(document);
    orders_free(&orders);
    scene_free(s);
}

/* Two pools over ams and iad, and one over iad alone. */
static struct scene *scene_of_pools(void)
{
    struct scene *s = scene_new();
    for (unsigned i = 0; i < 2; i++) {
        world_pool(s->world)->steer = STEER_ALL;
        for (uint32_t site = i; site < 2; site++) {
            world_site(s->world, site);
            world_endpoint(s->world, IP_V4, 1);
        }
    }
    s->world->model.server.state_dir = "/var/lib/loadstar";
    scene_levels(s);
    return s;
}

/* A line for each cause, not for each pool. */
/* They are listed, and are nobody's trouble but the prefix set's. */
static void test_checks_of_prefix_sets(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    s->world->model.server.state_dir = "/var/lib/loadstar";
    scene_checks(s);
    scene_down(s, 4, "uplink: connect refused");
    json_t *document = document_status(&s->facts);
    assert_int_equal(json_array_size(json_object_get(document, "problems")), 0);
    assert_int_equal(json_get_int(json_object_get(document, "counts"), "pools", -1), 1);
    assert_int_equal(json_get_int(json_object_get(document, "counts"), "endpoints", -1), 4);
    assert_int_equal(json_get_int(json_object_get(document, "endpoints"), "down", -1), 0);
    json_decref(document);
    document = document_sites(&s->facts, WINDOW_ALL);
    const json_t *ams = at(document, "sites", 0);
    assert_text(ams, "state", "up");
    assert_text(ams, "why", "");
    assert_int_equal(json_get_int(ams, "total", -1), 2);
    assert_int_equal(json_array_size(json_object_get(ams, "pools")), 1);
    json_decref(document);
    document = document_pools(&s->facts, WINDOW_ALL);
    assert_text(at(document, "pools", 1), "name", "anycast:dns");
    assert_text(at(document, "pools", 1), "state", "down");
    json_decref(document);
    document = document_endpoints(&s->facts, MODEL_NONE, WINDOW_ALL);
    assert_int_equal(json_array_size(json_object_get(document, "endpoints")), 5);
    json_decref(document);
    scene_free(s);
}

static void test_problems_by_cause(void **state)
{
    struct scene *s = scene_of_pools();
    (void)state;
    scene_down(s, 2, "web: timeout"); /* iad of www, of other, of third, which has nothing else */
    scene_down(s, 5, "web: timeout");
    scene_down(s, 6, "other: timeout");
    json_t *document = document_status(&s->facts);
    assert_int_equal(json_array_size(json_object_get(document, "problems")), 1);
    const json_t *problem = at(document, "problems", 0);
    assert_text(problem, "severity", "error");
    assert_text(problem, "text",
                "site iad: 3 endpoints of 3 pools down: timeout: 1 pool down, 2 degraded: third, "
                "www, other");
    assert_text(problem, "site", "iad");
    assert_int_equal(json_get_int(problem, "pools", -1), 3);
    assert_int_equal(json_get_int(problem, "pools_down", -1), 1);
    json_decref(document);

    s->world->states[4].override = OVERRIDE_DRAIN; /* another cause: of one pool */
    scene_levels(s);
    document = document_status(&s->facts);
    assert_int_equal(json_array_size(json_object_get(document, "problems")), 2);
    assert_true(has_problem(document, "error", "2 pools down, 1 degraded: other, third, www"));
    assert_true(has_problem(document, "error", "pool other is down: ams: none of 1 endpoint up"));
    json_decref(document);
    scene_free(s);
}

/* Orders that nothing of the configuration obeys are told, of either kind, and those without an end
 * when they are old; those that others decide for, and exceptions from others, are none of them. */
static void test_orders_to_look_at(void **state)
{
    static const struct {
        const char *target;
        struct order words;
        const char *problem; /* NULL: none */
    } cases[] = {
        {"www/aMs",
         {.override = OVERRIDE_DRAIN, .set_ms = 1090000},
         "the override of www/aMs (order @1) matches no"},
        {"x",
         {.kind = ORDER_WEIGHT, .weight = 0, .set_ms = 1090000},
         "the weight of x (order @1) matches no endpoint"},
        {"www/ams", {.override = OVERRIDE_DRAIN, .set_ms = 1090000}, NULL},
        {"www/ams", {.kind = ORDER_WEIGHT, .weight = 5, .set_ms = 1090000}, NULL},
        {"x", {.override = OVERRIDE_AUTO, .set_ms = 1090000}, NULL},
        {"x", {.kind = ORDER_WEIGHT, .weight = -1, .set_ms = 1090000}, NULL},
        {"www/ams",
         {.override = OVERRIDE_DRAIN, .set_ms = 1030000},
         "order @1 (www/ams drain by alice (uid 1000)) has no end, and is 1m old"},
        {"www/ams", {.override = OVERRIDE_DRAIN, .set_ms = 1031000}, NULL},
        {"www/ams", {.override = OVERRIDE_DRAIN, .set_ms = 1030000, .until_ms = 2000000}, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene *s = scene_new();
        struct orders orders = {.node = "n"};
        add_order(&orders, cases[i].target, cases[i].words);
        s->world->model.server.state_dir = "/var/lib/loadstar";
        s->world->model.server.override_reminder_s = 60;
        s->facts.orders = &orders;
        json_t *document = document_status(&s->facts);
        size_t n = json_array_size(json_object_get(document, "problems"));
        if (cases[i].problem && !has_problem(document, "warning", cases[i].problem))
            fail_msg("not told: %s", cases[i].problem);
        assert_int_equal(n, cases[i].problem != NULL);
        json_decref(document);
        orders_free(&orders);
        scene_free(s);
    }
}

/* Endpoints of a pool, two at a time: as they stand in the whole document. */
static void test_pages_of_a_list(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    json_t *whole = document_endpoints(&s->facts, 0, WINDOW_ALL);
    size_t n = json_array_size(json_object_get(whole, "endpoints")), seen = 0;
    char after[CTL_NAME_MAX] = "";
    assert_true(n > 2);
    assert_null(json_object_get(whole, "next"));
    do {
        json_t *page = document_endpoints(&s->facts, 0, &(struct window){after, 2});
        const json_t *list = json_object_get(page, "endpoints");
        for (size_t i = 0; i < json_array_size(list); i++)
            assert_true(json_equal(json_array_get(list, i), at(whole, "endpoints", seen++)));
        snprintf(after, sizeof after, "%s", json_get_text(page, "next", ""));
        json_decref(page);
    } while (after[0]);
    assert_int_equal(seen, n);
    json_decref(whole);
    scene_free(s);
}

static void test_orders(void **state)
{
    struct scene *s = scene_new();
    struct orders orders = {.node = "n"};
    (void)state;
    json_t *document = document_orders(&s->facts);
    assert_rendered(CTL_ORDERS, document, "no orders");
    json_decref(document);
    add_order(&orders, "ams", (struct order){.override = OVERRIDE_DRAIN, .set_ms = 1000000});
    add_order(
        &orders, "www/ams/e0",
        (struct order){
            .override = OVERRIDE_UP, .set_ms = 1060000, .until_ms = 1150000, .reason = kernel});
    add_order(&orders, "www/ams/e0",
              (struct order){.override = OVERRIDE_DOWN, .set_ms = 1080000, .is_volatile = true});
    add_order(&orders, "nowhere",
              (struct order){.kind = ORDER_WEIGHT, .weight = 3, .set_ms = 1090000});
    s->facts.orders = &orders;
    document = document_orders(&s->facts);
    assert_text(document, "node", "n");
    const json_t *lost = at(document, "orders", 0), *decides = at(document, "orders", 1),
                 *covered = at(document, "orders", 2), *partly = at(document, "orders", 3);
    assert_text(lost, "why", "matches no endpoint of this configuration");
    assert_int_equal(json_get_int(lost, "weight", -1), 3);
    assert_text(decides, "id", "@3");
    assert_text(decides, "why", "(absent)");
    assert_true(json_is_true(json_object_get(decides, "volatile")));
    assert_text(covered, "why", "covered by @3");
    assert_text(covered, "by", "alice (uid 1000)");
    assert_text(covered, "reason", "kernel");
    assert_int_equal(json_get_int(covered, "left_s", -1), 60);
    assert_int_equal(json_get_int(covered, "since_s", -1), 30);
    assert_text(partly, "why", "partly covered by @3");
    assert_int_equal(json_get_int(partly, "endpoints", -1), 1);
    assert_int_equal(json_get_int(partly, "matches", -1), 2);
    assert_rendered(CTL_ORDERS, document,
                    "@2  www/ams/e0  up        30s     1m                   0        1  alice (uid "
                    "1000)  covered by @3");
    json_decref(document);
    orders_free(&orders);
    scene_free(s);
}

/* A state directory that cannot be written is an error until it can. */
static void test_state_dir(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    s->world->model.server.state_dir = "/var/lib/loadstar";
    s->facts.health.disk_error = ENOSPC;
    s->facts.health.disk_since_ms = 1090000 - 12 * 60000;
    json_t *document = document_status(&s->facts);
    assert_true(has_problem(document, "error",
                            "state directory /var/lib/loadstar cannot be written: No space left on "
                            "device, since 12m; orders are refused, --volatile works"));
    const json_t *dir = json_object_get(document, "state_dir");
    assert_true(json_is_false(json_object_get(dir, "writable")));
    assert_text(dir, "error", "No space left on device");
    json_decref(document);
    s->facts.health.disk_error = 0;
    document = document_status(&s->facts);
    assert_true(json_is_true(json_object_get(json_object_get(document, "state_dir"), "writable")));
    assert_int_equal(json_array_size(json_object_get(document, "problems")), 0);
    json_decref(document);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_pages_of_a_list),
        cmocka_unit_test(test_pools_and_sites),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_checks_of_prefix_sets),
        cmocka_unit_test(test_problems_by_cause),
        cmocka_unit_test(test_orders_to_look_at),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_state_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
