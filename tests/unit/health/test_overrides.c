/* SPDX-License-Identifier: Apache-2.0
 * Rules of the operator: globs, who wins, what a new rule removes, expiry. */
#include "health/overrides.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_glob(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"abc", "abc", true},
        {"abc", "abd", false},
        {"a*", "abc", true},
        {"*c", "abc", true},
        {"a*c", "abc", true},
        {"a*c", "ac", true},
        {"a*c", "acd", false},
        {"*b*", "abc", true},
        {"**", "x", true},
        {"a*b*c", "aXbXbXc", true},
        {"a*b*c", "aXcXb", false},
        {"web?", "web1", false},
        {"[a]", "a", false},
        {"ams*", "ams", true},
        {"2001:db8:*", "2001:db8:1::11", true},
        {"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"a*", "a*b", true}, /* patterns as text: covers */
        {"ab*", "a*b", false},
        {"*", "*", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (glob_match(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("%s against %s", cases[i].pattern, cases[i].text);
}

static void make_pattern(struct rng *rng, char *out)
{
    uint32_t n = rng_below(rng, 5);
    for (uint32_t i = 0; i < n; i++)
        out[i] = "ab*"[rng_below(rng, 3)];
    out[n] = '\0';
}

/* All texts over {a,b} up to 6 long decide what the patterns have in common. */
static void test_overlap_and_cover_against_all_texts(void **state)
{
    (void)state;
    struct rng rng = {.state = 7};
    for (int round = 0; round < 3000; round++) {
        char a[5], b[5], text[8];
        make_pattern(&rng, a);
        make_pattern(&rng, b);
        bool overlap = false, cover = true;
        for (unsigned n = 0; n <= 6; n++)
            for (unsigned bits = 0; bits < 1u << n; bits++) {
                for (unsigned i = 0; i < n; i++)
                    text[i] = bits >> i & 1 ? 'b' : 'a';
                text[n] = '\0';
                bool in_a = glob_match(a, text), in_b = glob_match(b, text);
                overlap |= in_a && in_b;
                cover &= in_a || !in_b;
            }
        if (glob_overlap(a, b) != overlap)
            fail_msg("overlap of %s and %s", a, b);
        if (glob_match(a, b) && !cover)
            fail_msg("%s does not cover %s", a, b);
    }
}

static void set(struct rules *rules, const char *target, enum override o, int64_t until_ms)
{
    struct rule rule = {
        .kind = RULE_STATE, .override = o, .until_ms = until_ms, .reason = xstrdup("")};
    assert_int_equal(target_parse(&rule.target, target), 0);
    rules_set(rules, rule);
}

static void set_weight(struct rules *rules, const char *target, int64_t weight)
{
    struct rule rule = {
        .kind = RULE_WEIGHT, .weight = weight, .until_ms = INT64_MAX, .reason = xstrdup("")};
    assert_int_equal(target_parse(&rule.target, target), 0);
    rules_set(rules, rule);
}

static enum override get(const struct rules *rules, const char *site, const char *label)
{
    const struct rule *rule = rules_find(rules, RULE_STATE, "www", site, label);
    return rule ? rule->override : OVERRIDE_AUTO;
}

#define FOREVER INT64_MAX

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *target, *pool, *site, *label;
    } good[] = {
        {"ams", "*", "ams", "*"},
        {"www/ams", "www", "ams", "*"},
        {"www/ams/192.0.2.1", "www", "ams", "192.0.2.1"},
        {"*/a*/2001:db8::1", "*", "a*", "2001:db8::1"},
        {"a/b/c/d", "a", "b", "c/d"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct target t;
        assert_int_equal(target_parse(&t, good[i].target), 0);
        assert_string_equal(t.text, good[i].target);
        assert_string_equal(t.pool, good[i].pool);
        assert_string_equal(t.site, good[i].site);
        assert_string_equal(t.label, good[i].label);
        target_free(&t);
    }
    static const char *const bad[] = {"", "/", "www/", "/ams", "www//x", "www/ams/"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct target t;
        assert_int_equal(target_parse(&t, bad[i]), E_SYNTAX);
    }
}

static void test_last_rule_wins(void **state)
{
    (void)state;
    struct rules rules = {0};
    set(&rules, "www/ams", OVERRIDE_DRAIN, FOREVER);
    set(&rules, "www/ams/1", OVERRIDE_UP, FOREVER);
    assert_int_equal(get(&rules, "ams", "1"), OVERRIDE_UP);
    assert_int_equal(get(&rules, "ams", "2"), OVERRIDE_DRAIN);
    assert_int_equal(get(&rules, "iad", "1"), OVERRIDE_AUTO);
    assert_int_equal(rules.n, 2);
    rules_free(&rules);
}

static void test_new_rule_removes_what_it_covers(void **state)
{
    (void)state;
    struct rules rules = {0};
    set(&rules, "www/ams/1", OVERRIDE_UP, FOREVER);
    set(&rules, "www/iad", OVERRIDE_DOWN, FOREVER);
    set_weight(&rules, "www/ams", 5);
    set(&rules, "www/ams", OVERRIDE_DRAIN, FOREVER);
    assert_int_equal(get(&rules, "ams", "1"), OVERRIDE_DRAIN);
    assert_int_equal(rules.n, 3); /* the weight is of another kind */
    set(&rules, "*", OVERRIDE_DOWN, FOREVER);
    assert_int_equal(rules.n, 2);
    rules_free(&rules);
}

static void test_auto_removes(void **state)
{
    (void)state;
    struct rules rules = {0};
    set(&rules, "www/ams", OVERRIDE_DRAIN, FOREVER);
    set(&rules, "www/ams", OVERRIDE_AUTO, FOREVER);
    assert_int_equal(rules.n, 0);
    set(&rules, "www/ams", OVERRIDE_AUTO, FOREVER);
    assert_int_equal(rules.n, 0);
    rules_free(&rules);
}

static void test_auto_stays_as_an_exception(void **state)
{
    (void)state;
    struct rules rules = {0};
    set(&rules, "ams", OVERRIDE_DRAIN, FOREVER);
    set(&rules, "www/ams/1", OVERRIDE_AUTO, FOREVER);
    assert_int_equal(rules.n, 2);
    assert_int_equal(get(&rules, "ams", "1"), OVERRIDE_AUTO);
    assert_int_equal(get(&rules, "ams", "2"), OVERRIDE_DRAIN);
    set(&rules, "ams", OVERRIDE_AUTO, FOREVER); /* nothing left to except from */
    assert_int_equal(rules.n, 0);
    rules_free(&rules);
}

static void test_exception_goes_with_an_expired_rule(void **state)
{
    (void)state;
    struct rules rules = {0};
    set(&rules, "ams", OVERRIDE_DRAIN, 1000);
    set(&rules, "www/ams/1", OVERRIDE_AUTO, FOREVER);
    set(&rules, "www/iad", OVERRIDE_DOWN, 2000);
    assert_int_equal(rules_next_expiry_ms(&rules), 1000);
    assert_int_equal(rules_expire(&rules, 999), 0);
    assert_int_equal(rules_expire(&rules, 1000), 1);
    assert_int_equal(rules.n, 1);
    assert_int_equal(rules_next_expiry_ms(&rules), 2000);
    rules_free(&rules);
}

static void test_weights(void **state)
{
    (void)state;
    struct rules rules = {0};
    set_weight(&rules, "www/*", 3);
    set_weight(&rules, "www/ams/1", RULE_AUTO_WEIGHT);
    assert_int_equal(rules_find(&rules, RULE_WEIGHT, "www", "ams", "2")->weight, 3);
    assert_null(rules_find(&rules, RULE_WEIGHT, "www", "ams", "1"));
    assert_null(rules_find(&rules, RULE_STATE, "www", "ams", "2"));
    rules_free(&rules);
}

/* A rule of one kind keeps no exception of the other one alive. */
static void test_kinds_do_not_mix(void **state)
{
    (void)state;
    struct rules rules = {0};
    set_weight(&rules, "www/*", 5);
    set(&rules, "www/ams/1", OVERRIDE_AUTO, FOREVER);
    assert_int_equal(rules.n, 1);
    assert_int_equal(rules.v[0].kind, RULE_WEIGHT);
    set_weight(&rules, "*", RULE_AUTO_WEIGHT);
    set(&rules, "www/*", OVERRIDE_DRAIN, FOREVER);
    set_weight(&rules, "www/ams/1", RULE_AUTO_WEIGHT);
    assert_int_equal(rules.n, 1);
    assert_int_equal(rules.v[0].kind, RULE_STATE);
    rules_free(&rules);
}

/* Two lists of one rule each are equal when what they order is. */
static void test_equal_lists(void **state)
{
    static const struct {
        const char *target;
        enum override override;
        int64_t weight; /* -2: a state */
        int64_t until_ms;
        const char *reason;
    } v[] = {
        {"ams", OVERRIDE_DRAIN, -2, FOREVER, ""},  {"iad", OVERRIDE_DRAIN, -2, FOREVER, ""},
        {"ams", OVERRIDE_DOWN, -2, FOREVER, ""},   {"ams", OVERRIDE_DRAIN, -2, 5, ""},
        {"ams", OVERRIDE_DRAIN, -2, FOREVER, "a"}, {"ams", OVERRIDE_UP, 5, FOREVER, ""},
        {"ams", OVERRIDE_UP, 6, FOREVER, ""},
    };
    struct rules lists[ARRAY_LEN(v)] = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct rule rule = {.override = v[i].override,
                            .until_ms = v[i].until_ms,
                            .set_ms = (int64_t)i, /* when does not count */
                            .reason = xstrdup(v[i].reason)};
        assert_int_equal(target_parse(&rule.target, v[i].target), 0);
        rule.kind = v[i].weight == -2 ? RULE_STATE : RULE_WEIGHT;
        rule.weight = v[i].weight;
        rules_append(&lists[i], rule);
    }
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        for (size_t k = 0; k < ARRAY_LEN(v); k++)
            assert_int_equal(rules_equal(&lists[i], &lists[k]), i == k);
    struct rules copy;
    rules_copy(&copy, &lists[0]);
    copy.v[0].set_ms++;
    assert_true(rules_equal(&copy, &lists[0]));
    struct rules none = {0};
    assert_false(rules_equal(&copy, &none));
    assert_false(rules_equal(&none, &copy));
    rules_free(&copy);
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        rules_free(&lists[i]);
}

static void test_copy_is_deep(void **state)
{
    (void)state;
    struct rules rules = {0}, copy;
    set(&rules, "www/ams", OVERRIDE_DRAIN, FOREVER);
    rules_copy(&copy, &rules);
    rules_free(&rules);
    assert_int_equal(get(&copy, "ams", "1"), OVERRIDE_DRAIN);
    rules_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_overlap_and_cover_against_all_texts),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_last_rule_wins),
        cmocka_unit_test(test_new_rule_removes_what_it_covers),
        cmocka_unit_test(test_auto_removes),
        cmocka_unit_test(test_auto_stays_as_an_exception),
        cmocka_unit_test(test_exception_goes_with_an_expired_rule),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_kinds_do_not_mix),
        cmocka_unit_test(test_equal_lists),
        cmocka_unit_test(test_copy_is_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
