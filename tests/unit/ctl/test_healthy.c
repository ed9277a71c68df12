/* SPDX-License-Identifier: Apache-2.0
 * Whether a pool is healthy: by min_up, and not told where it hangs on what is not known. */
#include "ctl/healthy.h"

#include "control/json.h"
#include "tests/unit/out/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NO, YES, UNKNOWN };

static void expect(struct scene *s, const char *target, int expected, int64_t n_unknown)
{
    int code;
    char error[CTL_TEXT_MAX];
    json_t *document = healthy_document(&s->facts, target, &code, error);
    assert_int_equal(code, 0);
    assert_non_null(document);
    const json_t *healthy = json_object_get(document, "healthy");
    int found = json_is_null(healthy) ? UNKNOWN : json_is_true(healthy) ? YES : NO;
    if (found != expected || json_get_int(document, "unknown", -1) != n_unknown)
        fail_msg("%s: %s", target, json_dumps(document, 0));
    assert_int_equal(found == UNKNOWN, *json_get_text(document, "why", "") != '\0');
    json_decref(document);
}

/* www: ams e0 (weight 1), e1 (weight 3); iad e2; sin e3. */
static void test_levels(void **state)
{
    struct scene *s = scene_new();
    struct pool *pool = (struct pool *)(uintptr_t)&s->world->model.pools[0];
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        s->world->states[i].checked = true;
    expect(s, "www", YES, 0);
    expect(s, "www/ams", YES, 0);
    scene_down(s, 1, "timeout");
    expect(s, "www/ams", YES, 0);
    pool->min_up = 0.5; /* a quarter is up */
    scene_levels(s);
    expect(s, "www/ams", NO, 0);
    expect(s, "www", YES, 0);
    scene_down(s, 2, "timeout");
    scene_down(s, 3, "timeout");
    expect(s, "www", NO, 0); /* some serve, and no site is up */
    s->world->states[1].override = OVERRIDE_UP;
    scene_levels(s);
    expect(s, "www", YES, 0);
    expect(s, "www/iad", NO, 0);
    scene_free(s);
}

static void test_unknown(void **state)
{
    struct scene *s = scene_new();
    struct endpoint_state *e = s->world->states;
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        e[i].checked = true;
    e[0].health = HEALTH_UNKNOWN;
    e[0].assumed_up = true;
    scene_levels(s);
    expect(s, "www/ams", YES, 1); /* e1 is up, whatever e0 is */
    scene_down(s, 1, "timeout");
    expect(s, "www/ams", UNKNOWN, 1);
    expect(s, "www", YES, 1);
    e[0].assumed_up = false; /* nobody is sent there, and yet it may be up */
    scene_levels(s);
    expect(s, "www/ams", UNKNOWN, 1);
    e[0].remembered = true; /* as before the restart, until there is a result */
    expect(s, "www/ams", NO, 0);
    e[0].assumed_up = true;
    scene_levels(s);
    expect(s, "www/ams", YES, 0);
    e[0].override = OVERRIDE_DOWN; /* an order is sure */
    scene_levels(s);
    expect(s, "www/ams", NO, 0);
    e[0].override = OVERRIDE_AUTO;
    e[0].checked = false; /* no checks: up for ever */
    e[0].health = HEALTH_UP;
    scene_levels(s);
    expect(s, "www/ams", YES, 0);
    scene_free(s);
}

static void test_doubt(void **state)
{
    struct scene *s = scene_new();
    struct endpoint_state *e = s->world->states;
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        e[i].checked = e[i].frozen = true;
    expect(s, "www", UNKNOWN, 4);
    e[2].frozen = false;
    expect(s, "www", YES, 3);
    expect(s, "www/ams", UNKNOWN, 2);
    for (uint32_t i = 0; i < 4; i++)
        e[i].frozen = false, e[i].stale = true;
    expect(s, "www", UNKNOWN, 4);
    scene_down(s, 2, "refused");
    expect(s, "www/iad", UNKNOWN, 1); /* it was down then */
    e[2].stale = false;
    expect(s, "www/iad", NO, 0);
    scene_free(s);
}

/* A weight of 0 serves nobody, known or not. */
static void test_weights(void **state)
{
    struct scene *s = scene_new();
    struct endpoint_state *e = s->world->states;
    (void)state;
    e[2].checked = true;
    e[2].weight_override = 0;
    e[2].health = HEALTH_UNKNOWN;
    e[2].assumed_up = true;
    scene_levels(s);
    expect(s, "www/iad", NO, 1);
    scene_free(s);
}

static void test_starting(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    s->facts.ready = false;
    expect(s, "www", UNKNOWN, 0);
    scene_free(s);
}

static void test_targets(void **state)
{
    static const struct {
        const char *target, *error;
        int code;
    } wrong[] = {
        {"ww", "there is no pool \"ww\", did you mean www?", E_NOTFOUND},
        {"www/x", "pool www has no site \"x\"", E_NOTFOUND},
        {"www/", "target: expected POOL, POOL/SITE or anycast:NAME", E_SYNTAX},
        {"/ams", "target: expected POOL, POOL/SITE or anycast:NAME", E_SYNTAX},
        {"www/ams/e0", "target: expected POOL, POOL/SITE or anycast:NAME", E_SYNTAX},
        {"ams", "there is no pool \"ams\"", E_NOTFOUND},
    };
    struct scene *s = scene_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        int code;
        char error[CTL_TEXT_MAX];
        assert_null(healthy_document(&s->facts, wrong[i].target, &code, error));
        assert_int_equal(code, wrong[i].code);
        assert_string_equal(error, wrong[i].error);
    }
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),   cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_doubt),    cmocka_unit_test(test_weights),
        cmocka_unit_test(test_starting), cmocka_unit_test(test_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
