/* SPDX-License-Identifier: Apache-2.0
 * Requests: what is taken, what is refused and in which words; any bytes are survived. */
#include "base/rng.h"
#include "control/protocol.h"
#include "ctl/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/** As a line of the control socket. */
static int parse_line(struct ctl_request *request, const char *text, size_t n,
                      char error[CTL_TEXT_MAX])
{
    struct protocol_request line;
    error[0] = '\0';
    int code = protocol_read(&line, text, n, error);
    if (code == 0)
        code = request_from_json(request, line.object, error);
    protocol_free(&line);
    return code;
}

static int parse(struct ctl_request *request, const char *text, char error[CTL_TEXT_MAX])
{
    return parse_line(request, text, strlen(text), error);
}

static void test_set(void **state)
{
    struct ctl_request r;
    char error[CTL_TEXT_MAX];
    (void)state;
    assert_int_equal(parse(&r,
                           "{\"command\":\"set\",\"target\":\"www/ams\",\"state\":\"drain\","
                           "\"for\":\"90m\",\"reason\":\"kernel\"}",
                           error),
                     0);
    assert_int_equal(r.command, CTL_SET);
    assert_string_equal(r.target, "www/ams");
    assert_int_equal(r.state, OVERRIDE_DRAIN);
    assert_int_equal(r.for_ms, 90 * 60 * 1000);
    assert_string_equal(r.reason, "kernel");
    assert_int_equal(
        parse(&r, "{\"command\":\"set\",\"target\":\"a\",\"state\":\"up\",\"for\":60}", error), 0);
    assert_int_equal(r.for_ms, 60000);
    assert_false(r.dry_run || r.is_volatile || r.verbose);
    assert_int_equal(
        parse(&r,
              "{\"command\":\"weight\",\"target\":\"a\",\"weight\":\"auto\",\"for\":60,"
              "\"reason\":\"x\",\"dry_run\":true,\"volatile\":true,\"verbose\":true}",
              error),
        0);
    assert_true(r.dry_run && r.is_volatile && r.verbose && r.for_ms == 60000);
}

static void expect_set(const char *target, const char *word, bool of_sets, int value)
{
    struct ctl_request r;
    char error[CTL_TEXT_MAX], text[256];
    snprintf(text, sizeof text, "{\"command\":\"set\",\"target\":\"%s\",\"state\":\"%s\"}", target,
             word);
    if (parse(&r, text, error))
        fail_msg("%s: %s", text, error);
    assert_int_equal(r.of_sets, of_sets);
    assert_int_equal(of_sets ? (int)r.announce : (int)r.state, value);
    assert_string_equal(request_state_text(&r), word);
}

static void test_set_prefix_sets(void **state)
{
    struct ctl_request r;
    char error[CTL_TEXT_MAX];
    (void)state;
    expect_set("anycast:dns", "announce", true, ANNOUNCE_YES);
    expect_set("anycast:*", "withdraw", true, ANNOUNCE_WITHDRAW);
    expect_set("anycast:dns", "drain", true, ANNOUNCE_DRAIN);
    expect_set("anycast:dns", "auto", true, ANNOUNCE_AUTO);
    expect_set("anycast:dns/ams/x", "up", false, OVERRIDE_UP); /* a pool's name */
    expect_set("ams", "drain", false, OVERRIDE_DRAIN);
    expect_set("@7", "auto", false, OVERRIDE_AUTO);
    assert_int_equal(parse(&r,
                           "{\"command\":\"set\",\"state\":\"announce\",\"target\":"
                           "\"anycast:dns\",\"force\":true,\"volatile\":true}",
                           error),
                     0);
    assert_true(r.force && r.is_volatile);
    assert_int_equal(parse(&r,
                           "{\"command\":\"set\",\"target\":\"anycast:dns\",\"state\":\"drain\","
                           "\"wait\":true}",
                           error),
                     0);
    assert_int_equal(parse(&r, "{\"command\":\"anycast\",\"name\":\"dns\",\"wait\":\"9\"}", error),
                     0);
    assert_int_equal(r.command, CTL_ANYCAST);
    assert_int_equal(r.wait_ms, 9000);
}

static void test_weight(void **state)
{
    struct ctl_request r;
    char error[CTL_TEXT_MAX];
    (void)state;
    assert_int_equal(parse(&r, "{\"command\":\"weight\",\"target\":\"a\",\"weight\":0}", error), 0);
    assert_int_equal(r.weight, 0);
    assert_int_equal(
        parse(&r, "{\"command\":\"weight\",\"target\":\"a\",\"weight\":\"auto\"}", error), 0);
    assert_int_equal(r.weight, -1);
}

static void test_explain(void **state)
{
    struct ctl_request r;
    char error[CTL_TEXT_MAX], text[IP_PREFIX_TEXT_MAX];
    (void)state;
    assert_int_equal(
        parse(&r,
              "{\"command\":\"explain\",\"name\":\"www.example.com\",\"type\":\"AAAA\","
              "\"ecs\":\"192.0.2.77/24\"}",
              error),
        0);
    assert_string_equal(r.name, "www.example.com");
    assert_string_equal(r.type, "AAAA");
    assert_string_equal(ip_prefix_text(text, &r.ecs), "192.0.2.0/24");
    assert_int_equal(r.address.family, IP_NONE);
}

static void test_defaults(void **state)
{
    struct ctl_request r;
    char error[CTL_TEXT_MAX];
    (void)state;
    assert_int_equal(parse(&r, " {\"command\" : \"events\"} ", error), 0);
    assert_true(r.after == UINT64_MAX);
    assert_int_equal(r.limit, 100);
    assert_int_equal(parse(&r, "{\"command\":\"events\",\"after\":\"7\",\"limit\":3}", error), 0);
    assert_int_equal(r.after, 7);
    assert_int_equal(r.limit, 3);
}

static void test_reload(void **state)
{
    struct ctl_request r;
    char error[CTL_TEXT_MAX];
    (void)state;
    assert_int_equal(parse(&r, "{\"command\":\"reload\"}", error), 0);
    assert_false(r.force);
    assert_int_equal(parse(&r, "{\"command\":\"reload\",\"force\":true}", error), 0);
    assert_true(r.force);
    assert_int_equal(parse(&r, "{\"command\":\"reload\",\"force\":false}", error), 0);
    assert_false(r.force);
}

/* Each text is refused, and the error has these words. */
static void test_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "no JSON"},
        {"[1]", "expected a JSON object"},
        {"{\"command\":\"status\"", "no JSON, at byte"},
        {"{}", "command: expected one of status, pools"},
        {"{\"command\":7}", "command: expected one of"},
        {"{\"command\":\"reload\",\"force\":\"yes\"}", "force: expected true or false"},
        {"{\"command\":\"stop\",\"force\":true}", "stop takes no argument \"force\""},
        {"{\"command\":\"status\",\"command\":\"stop\"}", "duplicate"},
        {"{\"command\":\"status\",\"pool\":\"www\"}", "status takes no argument \"pool\""},
        {"{\"command\":\"geo\"}", "geo: \"address\" is missing"},
        {"{\"command\":\"geo\",\"address\":\"1.2.3\"}", "address: expected an IPv4 or IPv6"},
        {"{\"command\":\"geo\",\"address\":null}", "address: expected an IPv4 or IPv6"},
        {"{\"command\":\"set\",\"target\":\"a\"}", "\"state\" is missing"},
        {"{\"command\":\"set\",\"target\":\"\",\"state\":\"up\"}", "target: expected a text"},
        {"{\"command\":\"set\",\"target\":\"a\",\"state\":\"away\"}",
         "state: expected up, down, drain or auto"},
        {"{\"command\":\"set\",\"target\":\"anycast:dns\",\"state\":\"up\"}",
         "state: of a prefix set expected announce, withdraw, drain or auto"},
        {"{\"command\":\"set\",\"target\":\"www/ams\",\"state\":\"announce\"}",
         "state: expected up, down, drain or auto; announce and withdraw are of prefix sets"},
        {"{\"command\":\"set\",\"target\":\"anycast:dns\",\"state\":\"drain\",\"force\":true}",
         "force: only with announce"},
        {"{\"command\":\"set\",\"target\":\"www/ams\",\"state\":\"up\",\"force\":true}",
         "force: only with announce"},
        {"{\"command\":\"set\",\"target\":\"anycast:dns\",\"state\":\"withdraw\",\"wait\":true}",
         "wait: only a drain"},
        {"{\"command\":\"weight\",\"target\":\"anycast:dns\",\"weight\":1}",
         "weight: a prefix set has none"},
        {"{\"command\":\"anycast\",\"wait\":5,\"after\":\"3:edge\"}", "wait: after is a version"},
        {"{\"command\":\"anycast\",\"diff\":true}", "anycast takes no argument \"diff\""},
        {"{\"command\":\"set\",\"target\":\"a\",\"state\":\"up\",\"for\":\"soon\"}",
         "for: expected a duration"},
        {"{\"command\":\"set\",\"target\":\"a\",\"state\":\"up\",\"for\":0}",
         "for: expected a duration from 1s to 366d"},
        {"{\"command\":\"set\",\"target\":\"a\",\"state\":\"up\",\"for\":-5}", "for: expected"},
        {"{\"command\":\"set\",\"target\":\"a\",\"state\":\"up\",\"reason\":\"a\\nb\"}",
         "reason: has a control character at byte 2"},
        {"{\"command\":\"weight\",\"target\":\"a\",\"weight\":1000001}",
         "weight: expected a number from 0 to 1000000, or auto"},
        {"{\"command\":\"weight\",\"target\":\"a\",\"weight\":1.5}", "weight: expected"},
        {"{\"command\":\"weight\",\"target\":\"a\",\"weight\":-1}", "weight: expected"},
        {"{\"command\":\"set\",\"target\":\"a\",\"state\":\"up\",\"dry_run\":1}",
         "dry_run: expected true or false"},
        {"{\"command\":\"orders\",\"target\":\"a\"}", "orders takes no argument \"target\""},
        {"{\"command\":\"reload\",\"volatile\":true}", "reload takes no argument \"volatile\""},
        {"{\"command\":\"events\",\"limit\":1001}", "limit: expected a number from 0 to 1000"},
        {"{\"command\":\"events\",\"after\":\"1x\"}", "after: expected a number"},
        {"{\"command\":\"pools\",\"after\":7}", "after: expected a text"},
        {"{\"command\":\"sites\",\"after\":\"ams\"}", "after: expected the \"next\" of"},
        {"{\"command\":\"checks\",\"limit\":0}", "limit: expected a number from 1 to 10000"},
        {"{\"command\":\"endpoints\",\"limit\":10001}", "limit: expected a number from 0 to 10000"},
        {"{\"command\":\"status\",\"limit\":1}", "status takes no argument \"limit\""},
        {"{\"command\":\"explain\",\"name\":\"a\",\"client\":\"::1\",\"ecs\":\"::/0\"}",
         "not both"},
        {"{\"command\":\"explain\",\"name\":\"a\",\"ecs\":\"192.0.2.0/33\"}", "ecs: expected"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ctl_request r;
        char error[CTL_TEXT_MAX];
        int code = parse(&r, cases[i].text, error);
        if (code >= 0 || !strstr(error, cases[i].words))
            fail_msg("%s: code %d, error \"%s\", expected \"%s\"", cases[i].text, code, error,
                     cases[i].words);
    }
}

/* A text of `digits` and a unit, and the number alone: neither wraps into a short time. */
static void test_durations_never_wrap(void **state)
{
    static const char *const units[] = {"w", "d", "h", "m", "s", "ms", ""};
    static const char *const numbers[] = {"30500568905",
                                          "213503982335",
                                          "4294967297",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551617",
                                          "99999999999999999999999999"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        for (size_t k = 0; k < ARRAY_LEN(units); k++) {
            struct ctl_request r;
            char text[256], error[CTL_TEXT_MAX];
            bool quoted = units[k][0] || strlen(numbers[i]) > 19;
            snprintf(text, sizeof text,
                     "{\"command\":\"set\",\"target\":\"a\",\"state\":\"up\",\"for\":%s%s%s%s}",
                     quoted ? "\"" : "", numbers[i], units[k], quoted ? "\"" : "");
            int code = parse(&r, text, error);
            if (code == 0) /* only in milliseconds is any of them shorter than 366 days */
                assert_true(strcmp(units[k], "ms") == 0 && r.for_ms < INT64_C(366) * 86400000 &&
                            r.for_ms == strtoll(numbers[i], NULL, 10));
            else
                assert_int_equal(r.for_ms, 0);
        }
}

static void test_too_long(void **state)
{
    struct ctl_request r;
    char text[4096], error[CTL_TEXT_MAX];
    (void)state;
    snprintf(text, sizeof text, "{\"command\":\"set\",\"state\":\"up\",\"target\":\"%*s\"}", 2000,
             "x");
    assert_int_equal(parse(&r, text, error), E_RANGE);
    assert_non_null(strstr(error, "too long"));
    snprintf(text, sizeof text, "{\"command\":\"status\",\"%0*d\":1}", 2000, 1);
    assert_int_equal(parse(&r, text, error), E_INVALID);
}

/* Bytes changed at random: no crash, and an error is always said. */
static void test_mutations(void **state)
{
    static const char seed[] = "{\"command\":\"set\",\"target\":\"www/ams/192.0.2.1\",\"state\":"
                               "\"drain\",\"for\":\"2h\",\"reason\":\"\\u00e4\"}";
    struct rng rng = {1};
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[sizeof seed], error[CTL_TEXT_MAX] = "";
        struct ctl_request r;
        memcpy(text, seed, sizeof seed);
        for (uint32_t k = rng_below(&rng, 4); k-- > 0;)
            text[rng_below(&rng, sizeof seed - 1)] = (char)rng_below(&rng, 256);
        int code = parse_line(&r, text, sizeof seed - 1, error);
        assert_true(code <= 0 && (code == 0) == (error[0] == '\0'));
    }
}

static void test_tiers(void **state)
{
    static const struct {
        const char *line, *error;
    } wrong[] = {
        {"{\"command\":\"tiers\",\"wait\":61}", "wait: expected a number from 0 to 60"},
        {"{\"command\":\"tiers\",\"wait\":true}", "wait: expected a number"},
        {"{\"command\":\"tiers\",\"wait\":5,\"after\":\"3:edge\"}", "wait: after is a version"},
        {"{\"command\":\"tiers\",\"after\":\"x\"}", "after: expected a number"},
        {"{\"command\":\"tiers\",\"after\":\":x\"}", "after: expected the \"next\""},
        {"{\"command\":\"tiers\",\"wait\":5,\"diff\":true}", "wait: a diff looks at once"},
        {"{\"command\":\"tiers\",\"diff\":\"1\"}", "diff: expected true or false"},
        {"{\"command\":\"healthy\"}", "healthy: \"target\" is missing"},
        {"{\"command\":\"drain\",\"target\":\"a\",\"wait\":3}", "drain takes no argument \"wait\""},
    };
    struct ctl_request r;
    char error[CTL_TEXT_MAX];
    (void)state;
    assert_int_equal(parse(&r, "{\"command\":\"tiers\"}", error), 0);
    assert_true(r.name[0] == '\0' && r.wait_ms == 0 && r.after == UINT64_MAX && !r.diff);
    assert_int_equal(
        parse(&r, "{\"command\":\"tiers\",\"name\":\"e\",\"wait\":\"60\",\"after\":\"17\"}", error),
        0);
    assert_string_equal(r.name, "e");
    assert_true(r.wait_ms == 60000 && r.after == 17 && r.from[0] == '\0');
    assert_int_equal(parse(&r, "{\"command\":\"tiers\",\"after\":\"3:edge\",\"limit\":2}", error),
                     0);
    assert_string_equal(r.from, "3:edge");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_true(parse(&r, wrong[i].line, error) < 0);
        if (strncmp(error, wrong[i].error, strlen(wrong[i].error)) != 0)
            fail_msg("%s: %s", wrong[i].line, error);
    }
}

static void test_waits(void **state)
{
#define DRAIN "{\"command\":\"set\",\"target\":\"ams\",\"state\":\"drain\","
    struct ctl_request r;
    char error[CTL_TEXT_MAX];
    (void)state;
    assert_int_equal(parse(&r, DRAIN "\"wait\":true}", error), 0);
    assert_int_equal(r.wait_ms, CTL_WAIT_DEFAULT);
    assert_int_equal(parse(&r, DRAIN "\"wait\":false}", error), 0);
    assert_int_equal(r.wait_ms, 0);
    assert_int_equal(parse(&r, DRAIN "\"wait\":\"10m\",\"for\":\"1h\"}", error), 0);
    assert_true(r.wait_ms == 600000 && r.for_ms == 3600000);
    assert_int_equal(parse(&r, DRAIN "\"wait\":\"0s\"}", error), E_RANGE);
    assert_int_equal(parse(&r, DRAIN "\"wait\":\"soon\"}", error), E_SYNTAX);
    assert_int_equal(parse(&r, DRAIN "\"wait\":true,\"dry_run\":true}", error), E_INVALID);
    assert_string_equal(error, "wait: a dry run drains nothing");
    assert_int_equal(
        parse(&r, "{\"command\":\"set\",\"target\":\"a\",\"state\":\"down\",\"wait\":true}", error),
        E_INVALID);
    assert_string_equal(error, "wait: only a drain is waited for");
    assert_int_equal(
        parse(&r, "{\"command\":\"weight\",\"target\":\"a\",\"weight\":1,\"wait\":true}", error),
        E_INVALID);
}

static void test_windows(void **state)
{
    static const char *const lists[] = {"pools", "endpoints", "sites", "checks"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct ctl_request r;
        char error[CTL_TEXT_MAX], text[128];
        snprintf(text, sizeof text, "{\"command\":\"%s\"}", lists[i]);
        assert_int_equal(parse(&r, text, error), 0);
        assert_int_equal(r.limit, 0);
        assert_string_equal(r.from, "");
        snprintf(text, sizeof text, "{\"command\":\"%s\",\"limit\":\"10000\",\"after\":\"3:a b\"}",
                 lists[i]);
        assert_int_equal(parse(&r, text, error), 0);
        assert_int_equal(r.limit, 10000);
        assert_string_equal(r.from, "3:a b");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),   cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_waits),     cmocka_unit_test(test_set),
        cmocka_unit_test(test_weight),    cmocka_unit_test(test_explain),
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_set_prefix_sets),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_mutations), cmocka_unit_test(test_durations_never_wrap),
        cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
