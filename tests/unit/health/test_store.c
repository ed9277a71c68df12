/* SPDX-License-Identifier: Apache-2.0
 * Files of the state directory: round trips, and every way in which they can be bad. */
#include "health/store.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char path[] = "/tmp/test-store-XXXXXX";

static int open_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(const char *text)
{
    assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

static struct rule make_rule(const char *target, const char *reason)
{
    struct rule rule = {.set_ms = 1000, .until_ms = INT64_MAX, .reason = xstrdup(reason)};
    assert_int_equal(target_parse(&rule.target, target), 0);
    return rule;
}

static void test_rules_round_trip(void **state)
{
    (void)state;
    struct rules rules = {0}, back = {0};
    struct buf problem = {0};
    struct rule rule = make_rule("ams", "quote \" and \\ and \xc3\xa9");
    rule.override = OVERRIDE_DRAIN;
    rules_set(&rules, rule);
    rule = make_rule("www/ams/1", "");
    rule.override = OVERRIDE_AUTO;
    rules_set(&rules, rule);
    rule = make_rule("www/*", "");
    rule.kind = RULE_WEIGHT;
    rule.weight = 0;
    rule.until_ms = 5000;
    rules_set(&rules, rule);
    rule = make_rule("www/x", "");
    rule.kind = RULE_WEIGHT;
    rule.weight = RULE_AUTO_WEIGHT;
    rules_set(&rules, rule);
    assert_int_equal(store_save_rules(&rules, path), 0);
    assert_int_equal(store_load_rules(&back, path, &problem), 0);
    assert_int_equal(back.n, rules.n);
    for (uint32_t i = 0; i < rules.n; i++) {
        assert_string_equal(back.v[i].target.text, rules.v[i].target.text);
        assert_string_equal(back.v[i].reason, rules.v[i].reason);
        assert_int_equal(back.v[i].kind, rules.v[i].kind);
        assert_int_equal(back.v[i].override, rules.v[i].override);
        assert_int_equal(back.v[i].weight, rules.v[i].weight);
        assert_int_equal(back.v[i].set_ms, rules.v[i].set_ms);
        assert_int_equal(back.v[i].until_ms, rules.v[i].until_ms);
    }
    rules_free(&rules);
    rules_free(&back);
    buf_free(&problem);
}

static const char *const bad_rules[] = {
    "",
    "{",
    "[]",
    "null",
    "{}",
    "{\"format\": 2, \"rules\": []}",
    "{\"format\": 1}",
    "{\"format\": 1, \"rules\": {}}",
    "{\"format\": 1, \"rules\": [1]}",
    "{\"format\": 1, \"rules\": [{}]}",
    "{\"format\": 1, \"rules\": [{\"target\": \"ams\"}]}",
    "{\"format\": 1, \"rules\": [{\"target\": \"\", \"state\": \"up\"}]}",
    "{\"format\": 1, \"rules\": [{\"target\": \"ams\", \"state\": \"sideways\"}]}",
    "{\"format\": 1, \"rules\": [{\"target\": \"ams\", \"state\": \"up\", \"weight\": 1}]}",
    "{\"format\": 1, \"rules\": [{\"target\": \"ams\", \"weight\": \"1\"}]}",
    "{\"format\": 1, \"rules\": [{\"target\": \"ams\", \"weight\": -2}]}",
    "{\"format\": 1, \"rules\": [{\"target\": \"ams\", \"weight\": 1000001}]}",
    "{\"format\": 1, \"rules\": [{\"target\": \"ams\", \"state\": \"up\"}, {\"target\": 5}]}",
    "{\"format\": 1, \"rules\": [], \"rules\": []}",
    "{\"format\": 1, \"rules\": []} tail",
    "\xff\xfe",
};

static void test_bad_rules_are_refused_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_rules); i++) {
        struct rules rules = {0};
        struct buf problem = {0};
        put(bad_rules[i]);
        if (store_load_rules(&rules, path, &problem) != E_SYNTAX)
            fail_msg("accepted: %s", bad_rules[i]);
        assert_int_equal(strncmp(problem.p, path, strlen(path)), 0);
        assert_int_equal(rules.n, 0);
        rules_free(&rules);
        buf_free(&problem);
    }
}

/* A file cut off anywhere is not taken for a shorter one. */
static void test_truncated_rules_are_refused(void **state)
{
    (void)state;
    struct rules rules = {0};
    struct arena *arena = arena_new();
    struct slice text;
    rules_set(&rules, make_rule("www/ams", "why"));
    struct rule rule = make_rule("www/iad", "");
    rule.override = OVERRIDE_DOWN;
    rules_set(&rules, rule);
    assert_int_equal(store_save_rules(&rules, path), 0);
    assert_int_equal(file_read(&text, arena, path, 65536), 0);
    rules_free(&rules);
    for (uint32_t n = 0; n < text.n; n++) {
        struct buf problem = {0};
        assert_int_equal(file_replace(path, text.p, n, 0600), 0);
        assert_int_equal(store_load_rules(&rules, path, &problem), E_SYNTAX);
        buf_free(&problem);
    }
    arena_free(arena);
}

static void test_missing_and_unreadable(void **state)
{
    (void)state;
    struct rules rules = {0};
    struct buf problem = {0};
    assert_int_equal(store_load_rules(&rules, "/nonexistent/overrides.json", &problem), 0);
    assert_int_equal(problem.n, 0);
    assert_int_equal(store_load_rules(&rules, "/tmp", &problem), E_SYSTEM);
    assert_non_null(strstr(problem.p, "/tmp: cannot be read: "));
    buf_free(&problem);
    assert_int_equal(store_save_rules(&rules, "/nonexistent/overrides.json"), E_SYSTEM);
    assert_int_equal(errno, ENOENT);
}

static void test_health_round_trip(void **state)
{
    (void)state;
    const struct site site = {.name = "am\"s"};
    const struct pool pool = {.name = "www"};
    const struct endpoint endpoints[3] = {{.label = "a"}, {.label = "b\\"}, {.label = "c"}};
    const struct model model = {
        .sites = &site, .pools = &pool, .endpoints = endpoints, .n_endpoints = 3};
    const struct endpoint_state states[3] = {
        {.checked = true, .health = HEALTH_UP, .since_ms = 11},
        {.checked = true, .health = HEALTH_DOWN, .since_ms = 22},
        {.checked = true, .health = HEALTH_UNKNOWN},
    };
    struct buf text = {0};
    struct saved_file saved;
    struct arena *arena = arena_new();
    store_render_health(&text, &model, states, 12345);
    put(text.p);
    buf_free(&text);
    assert_int_equal(store_load_health(&saved, arena, path, &text), 0);
    assert_int_equal(saved.saved_ms, 12345);
    assert_int_equal(saved.n, 2);
    assert_string_equal(saved.v[0].key, "www/am\"s/a");
    assert_int_equal(saved.v[0].health, HEALTH_UP);
    assert_int_equal(saved.v[0].since_ms, 11);
    assert_string_equal(saved.v[1].key, "www/am\"s/b\\");
    assert_int_equal(saved.v[1].health, HEALTH_DOWN);
    arena_free(arena);
}

static void test_odd_health_files(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{\"format\": 1}",
        "{\"format\": 1, \"endpoints\": 5}",
        "{\"format\": 1, \"endpoints\": {\"a\": 5, \"b\": [], \"c\": [1, \"x\"]}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct saved_file saved;
        struct buf problem = {0};
        struct arena *arena = arena_new();
        put(odd[i]);
        assert_int_equal(store_load_health(&saved, arena, path, &problem), 0);
        for (uint32_t j = 0; j < saved.n; j++)
            assert_int_equal(saved.v[j].health, HEALTH_UNKNOWN);
        arena_free(arena);
    }
}

static void test_freshness(void **state)
{
    (void)state;
    const int64_t now_ms = 10000000, minute_ms = 60000;
    assert_true(store_is_fresh(now_ms, now_ms, 5000));
    assert_true(store_is_fresh(now_ms - 5 * minute_ms, now_ms, 5000));
    assert_false(store_is_fresh(now_ms - 5 * minute_ms - 1, now_ms, 5000));
    assert_true(store_is_fresh(now_ms - 10 * minute_ms, now_ms, 60000));
    assert_false(store_is_fresh(now_ms - 10 * minute_ms - 1, now_ms, 60000));
    assert_true(store_is_fresh(now_ms + minute_ms, now_ms, 5000));
    assert_false(store_is_fresh(now_ms + minute_ms + 1, now_ms, 5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_round_trip),
        cmocka_unit_test(test_bad_rules_are_refused_whole),
        cmocka_unit_test(test_truncated_rules_are_refused),
        cmocka_unit_test(test_missing_and_unreadable),
        cmocka_unit_test(test_health_round_trip),
        cmocka_unit_test(test_odd_health_files),
        cmocka_unit_test(test_freshness),
    };
    return cmocka_run_group_tests(tests, open_file, remove_file);
}
