/* SPDX-License-Identifier: Apache-2.0
 * Files of the state directory: round trips, and every way in which they can be bad. */
#include "health/store.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
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

#define RULES(rules) "{\"format\": 1, \"rules\": [" rules "]}"
#define AMS(rest) RULES("{\"target\": \"ams\", \"set_ms\": 1, " rest "}")
#define UP "\"state\": \"up\""

/* What a damaged file may say, and what is said of it. */
static const struct {
    const char *text, *problem;
} bad_rules[] = {
    {"", ":1:0: not JSON"},
    {"{", ":1:1: not JSON"},
    {"[]", "\"format\" is not a number"},
    {"null", "not JSON"},
    {"{}", "\"format\" is not a number"},
    {"\xff\xfe", "not JSON"},
    {"{\"format\": \"1\", \"rules\": []}", "\"format\" is not a number"},
    {"{\"format\": 1.0, \"rules\": []}", "\"format\" is not a number"},
    {"{\"format\": 0, \"rules\": []}", "\"format\" is not a number"},
    {"{\"format\": -1, \"rules\": []}", "\"format\" is not a number"},
    {"{\"format\": 2, \"rules\": []}", "checksum"},
    {"{\"format\": 3, \"rules\": []}", "checksum"},
    {"{\"format\": 9223372036854775807, \"rules\": []}", "checksum"},
    {"{\"format\": 9223372036854775808, \"rules\": []}", "not JSON"},
    {"{\"format\": 2, \"rules\": [], \"sha256\": 5}", "checksum"},
    {"{\"format\": 2, \"rules\": [], \"sha256\": \"\"}", "checksum"},
    {"{\"format\": 1, \"rules\": [], \"sha256\": \"00\"}", "checksum"},
    {"{\"format\": 1}", "\"rules\" is not a list"},
    {"{\"format\": 1, \"rules\": {}}", "\"rules\" is not a list"},
    {"{\"format\": 1, \"rules\": [], \"rules\": []}", "not JSON"},
    {"{\"format\": 1, \"rules\": []} tail", "not JSON"},
    {RULES("1"), "rule 1 has no valid state or weight"},
    {RULES("{}"), "rule 1 has no valid state or weight"},
    {RULES("{\"target\": \"ams\"}"), "no valid state or weight"},
    {AMS("\"state\": \"sideways\""), "no valid state or weight"},
    {AMS("\"state\": 1"), "no valid state or weight"},
    {AMS(UP ", \"weight\": 1"), "no valid state or weight"},
    {AMS("\"weight\": \"1\""), "no valid state or weight"},
    {AMS("\"weight\": 1.5"), "no valid state or weight"},
    {AMS("\"weight\": -1"), "no valid state or weight"},
    {AMS("\"weight\": -2"), "no valid state or weight"},
    {AMS("\"weight\": 1000001"), "no valid state or weight"},
    {AMS("\"weight\": 9223372036854775807"), "no valid state or weight"},
    {RULES("{\"target\": \"\", \"set_ms\": 1, " UP "}"), "no valid target"},
    {RULES("{\"target\": 5, \"set_ms\": 1, " UP "}"), "no valid target"},
    {RULES("{\"target\": \"a//b\", \"set_ms\": 1, " UP "}"), "no valid target"},
    {RULES("{\"set_ms\": 1, " UP "}"), "no valid target"},
    {RULES("{\"target\": \"ams\", " UP "}"), "no valid set_ms"},
    {RULES("{\"target\": \"ams\", \"set_ms\": -1, " UP "}"), "no valid set_ms"},
    {RULES("{\"target\": \"ams\", \"set_ms\": 1.0, " UP "}"), "no valid set_ms"},
    {RULES("{\"target\": \"ams\", \"set_ms\": 253402300800000, " UP "}"), "no valid set_ms"},
    {AMS(UP ", \"until_ms\": \"never\""), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": null"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": 1e3"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": true"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": -1"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": 253402300800000"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": 9223372036854775807"), "until_ms that is no time"},
    {AMS(UP ", \"until_ms\": 92233720368547758070"), "not JSON"},
    {AMS(UP ", \"reason\": 5"), "a reason that is no text"},
    {AMS(UP ", \"reason\": null"), "a reason that is no text"},
    {RULES("{\"target\": \"ams\", \"set_ms\": 1, " UP "}, {\"target\": 5}"), "rule 2 "},
};

static void test_bad_rules_are_refused_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_rules); i++) {
        struct rules rules = {0};
        struct buf problem = {0};
        put(bad_rules[i].text);
        if (store_load_rules(&rules, path, &problem) != E_SYNTAX)
            fail_msg("accepted: %s", bad_rules[i].text);
        assert_int_equal(strncmp(problem.p, path, strlen(path)), 0);
        if (!strstr(problem.p, bad_rules[i].problem))
            fail_msg("%s: %s", bad_rules[i].text, problem.p);
        assert_int_equal(rules.n, 0);
        rules_free(&rules);
        buf_free(&problem);
    }
}

/* The format before checksums, as that version wrote it. */
static void test_format_1_is_read(void **state)
{
    struct rules rules = {0};
    struct buf problem = {0};
    (void)state;
    put("{\n  \"format\": 1,\n  \"rules\": [\n    {\"target\": \"www/ams\", \"state\": \"drain\", "
        "\"set_ms\": 0, \"until_ms\": 253402300799999, \"reason\": \"disk\"},\n"
        "    {\"target\": \"iad\", \"weight\": 1000000, \"set_ms\": 5},\n"
        "    {\"target\": \"www/iad/a\", \"weight\": null, \"set_ms\": 6}]}");
    assert_int_equal(store_load_rules(&rules, path, &problem), 0);
    assert_int_equal(rules.n, 3);
    assert_int_equal(rules.v[0].override, OVERRIDE_DRAIN);
    assert_int_equal(rules.v[0].until_ms, RULE_TIME_MAX_MS);
    assert_string_equal(rules.v[0].reason, "disk");
    assert_int_equal(rules.v[1].weight, 1000000);
    assert_int_equal(rules.v[1].until_ms, INT64_MAX);
    assert_int_equal(rules.v[2].weight, RULE_AUTO_WEIGHT);
    rules_free(&rules);
}

/* A later version's file is no damage: its checksum says that it is as it was written. */
static void test_a_later_format_is_told_apart(void **state)
{
    static const char rest[] = "{\"format\":3,\"layers\":[],\"rules\":{}}";
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct rules rules = {0};
    struct buf text = {0}, problem = {0};
    (void)state;
    SHA256((const uint8_t *)rest, strlen(rest), digest);
    buf_puts(&text, "{\"rules\": {}, \"layers\": [], \"format\": 3, \"sha256\": \"");
    for (size_t i = 0; i < sizeof digest; i++)
        buf_printf(&text, "%02x", digest[i]);
    buf_puts(&text, "\"}");
    put(text.p);
    assert_int_equal(store_load_rules(&rules, path, &problem), E_INVALID);
    assert_non_null(strstr(problem.p, "written by a later version, in format 3; this one knows 2"));
    buf_free(&text);
    buf_free(&problem);
}

static bool same_times(const struct rules *a, const struct rules *b)
{
    bool same = true;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = a->v[i].set_ms == b->v[i].set_ms;
    return same;
}

/* Any byte that is not what was written: the file is refused, or says the same all the same. */
static void test_every_changed_byte_is_noticed(void **state)
{
    static const uint8_t other[] = {0, '0', '9', ' ', '"', '}', ',', 'A'};
    struct rules rules = {0};
    struct arena *arena = arena_new();
    struct slice text;
    unsigned n_refused = 0;
    (void)state;
    struct rule rule = make_rule("www/ams", "why not \xc3\xa9");
    rule.override = OVERRIDE_DRAIN;
    rule.until_ms = 1893456000000;
    rules_set(&rules, rule);
    rule = make_rule("www/iad/*", "");
    rule.kind = RULE_WEIGHT;
    rule.weight = 10;
    rules_set(&rules, rule);
    assert_int_equal(store_save_rules(&rules, path), 0);
    assert_int_equal(file_read(&text, arena, path, 65536), 0);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (uint32_t at = 0; at < text.n; at++) {
        for (unsigned k = 0; k < 8 + ARRAY_LEN(other); k++) {
            uint8_t byte = k < 8 ? (uint8_t)(text.p[at] ^ 1u << k) : other[k - 8];
            struct rules back = {0};
            struct buf problem = {0};
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
            int code = store_load_rules(&back, path, &problem);
            if (code != 0)
                assert_int_equal(code, E_SYNTAX);
            else if (!rules_equal(&back, &rules) || !same_times(&back, &rules))
                fail_msg("byte %u as %u: other rules", at, byte);
            n_refused += code != 0;
            rules_free(&back);
            buf_free(&problem);
        }
        assert_int_equal(pwrite(fd, &text.p[at], 1, at), 1);
    }
    close(fd);
    assert_true(n_refused > 12 * text.n);
    rules_free(&rules);
    arena_free(arena);
}

/* Whatever `set` takes is taken at the next start. */
static void test_the_longest_target_comes_back(void **state)
{
    char text[TARGET_MAX + 2];
    struct rules rules = {0}, back = {0};
    struct target target;
    struct buf problem = {0};
    (void)state;
    memset(text, 'a', sizeof text);
    text[TARGET_MAX + 1] = '\0';
    assert_int_equal(target_parse(&target, text), E_SYNTAX);
    text[TARGET_MAX] = '\0';
    rules_set(&rules, make_rule(text, ""));
    assert_int_equal(store_save_rules(&rules, path), 0);
    assert_int_equal(store_load_rules(&back, path, &problem), 0);
    assert_true(rules_equal(&rules, &back));
    rules_free(&rules);
    rules_free(&back);
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
    const struct saved_health known[] = {{"www/am\"s/a", HEALTH_UP, 11},
                                         {"www/am\"s/b\\", HEALTH_DOWN, 22}};
    struct buf text = {0};
    struct saved_file saved;
    struct arena *arena = arena_new();
    store_render_health(&text, known, ARRAY_LEN(known), 12345);
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

static void test_bad_health_files_are_refused_whole(void **state)
{
#define HEALTH(endpoints) "{\"format\": 1, \"saved_ms\": 5, \"endpoints\": {" endpoints "}}"
    static const char *const bad[] = {
        "",
        "[]",
        "{\"format\": 1}",
        "{\"format\": 2, \"saved_ms\": 5, \"endpoints\": {}}",
        "{\"format\": 1, \"saved_ms\": 5, \"endpoints\": 5}",
        "{\"format\": 1, \"endpoints\": {}}",
        "{\"format\": 1, \"saved_ms\": \"5\", \"endpoints\": {}}",
        "{\"format\": 1, \"saved_ms\": -9223372036854775808, \"endpoints\": {}}",
        "{\"format\": 1, \"saved_ms\": 9223372036854775807, \"endpoints\": {}}",
        HEALTH("\"a\": 5"),
        HEALTH("\"a\": []"),
        HEALTH("\"a\": [\"up\"]"),
        HEALTH("\"a\": [1, 5]"),
        HEALTH("\"a\": [\"sideways\", 5]"),
        HEALTH("\"a\": [\"up\", \"5\"]"),
        HEALTH("\"a\": [\"up\", -1]"),
        HEALTH("\"a\": [\"up\", 253402300800000]"),
        HEALTH("\"a\": [\"up\", 5, 5]"),
        HEALTH("\"a\": [\"up\", 5], \"b\": 5"),
        HEALTH("\"a\": [\"up\", 5], \"a\": [\"up\", 5]"),
    };
    struct saved_file saved;
    struct buf problem = {0};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(bad[i]);
        if (store_load_health(&saved, arena, path, &problem) != E_SYNTAX)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(saved.n, 0);
        assert_int_equal(strncmp(problem.p, path, strlen(path)), 0);
        buf_free(&problem);
    }
    put(HEALTH("\"a\": [\"up\", 0], \"b\": [\"down\", 253402300799999]"));
    assert_int_equal(store_load_health(&saved, arena, path, &problem), 0);
    assert_int_equal(saved.n, 2);
    arena_free(arena);
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
    assert_false(store_is_fresh(INT64_MIN, now_ms, UINT32_MAX));
    assert_false(store_is_fresh(INT64_MAX, now_ms, UINT32_MAX));
    assert_false(store_is_fresh(INT64_MAX, INT64_MIN, UINT32_MAX));
    assert_true(store_is_fresh(now_ms - 10 * (int64_t)UINT32_MAX, now_ms, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_round_trip),
        cmocka_unit_test(test_bad_rules_are_refused_whole),
        cmocka_unit_test(test_format_1_is_read),
        cmocka_unit_test(test_a_later_format_is_told_apart),
        cmocka_unit_test(test_every_changed_byte_is_noticed),
        cmocka_unit_test(test_the_longest_target_comes_back),
        cmocka_unit_test(test_truncated_rules_are_refused),
        cmocka_unit_test(test_missing_and_unreadable),
        cmocka_unit_test(test_health_round_trip),
        cmocka_unit_test(test_bad_health_files_are_refused_whole),
        cmocka_unit_test(test_freshness),
    };
    return cmocka_run_group_tests(tests, open_file, remove_file);
}
