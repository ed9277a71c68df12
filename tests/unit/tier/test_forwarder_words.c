/* SPDX-License-Identifier: Apache-2.0
 * What loadstar-l4 says, and what it is told: words of lines, members, targets. */
#include "tier/forwarder_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static enum forwarder_word word_of(const char *text)
{
    struct forwarder_line line;
    forwarder_line_read(&line, text, strlen(text));
    enum forwarder_word word = line.word;
    forwarder_line_free(&line);
    return word;
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum forwarder_word word;
    } cases[] = {
        {"", FORWARDER_NONSENSE},
        {"[]", FORWARDER_NONSENSE},
        {"{}", FORWARDER_NONSENSE},
        {"HTTP/1.1 400 Bad Request", FORWARDER_NONSENSE},
        {"{\"ok\": true}", FORWARDER_NONSENSE},
        {"{\"ok\": true, \"result\": []}", FORWARDER_NONSENSE},
        {"{\"ok\": 1, \"result\": {}}", FORWARDER_NONSENSE},
        {"{\"ok\": true, \"ok\": true, \"result\": {}}", FORWARDER_NONSENSE},
        {"{\"ok\": true, \"result\": {}}", FORWARDER_RESULT},
        {"{\"ok\": false}", FORWARDER_REFUSAL},
        {"{\"event\": 1}", FORWARDER_NONSENSE},
        {"{\"event\": \"else\"}", FORWARDER_OTHER},
        {"{\"event\": \"failed\"}", FORWARDER_OTHER},
        {"{\"event\": \"failed\", \"what\": \"slow\"}", FORWARDER_OTHER},
        {"{\"event\": \"failed\", \"what\": \"refused\"}", FORWARDER_FAILED},
        {"{\"event\": \"failed\", \"what\": \"timeout\"}", FORWARDER_FAILED},
        {"{\"event\": \"sessions\"}", FORWARDER_OTHER},
        {"{\"event\": \"sessions\", \"members\": {}}", FORWARDER_OTHER},
        {"{\"event\": \"sessions\", \"members\": []}", FORWARDER_SESSIONS},
        {"{\"event\": \"rtt\"}", FORWARDER_OTHER},
        {"{\"event\": \"rtt\", \"networks\": {}}", FORWARDER_OTHER},
        {"{\"event\": \"rtt\", \"networks\": []}", FORWARDER_RTT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(word_of(cases[i].text), cases[i].word);
}

static void test_refusals(void **state)
{
    (void)state;
    struct forwarder_line line;
    static const char known[] = "{\"ok\": false, \"error\": \"no\", \"code\": \"invalid\"}",
                      unknown[] = "{\"ok\": false, \"code\": \"not_found\"}";
    forwarder_line_read(&line, known, sizeof known - 1);
    assert_string_equal(line.error, "no");
    assert_false(line.unknown);
    forwarder_line_free(&line);
    forwarder_line_read(&line, unknown, sizeof unknown - 1);
    assert_string_equal(line.error, "");
    assert_true(line.unknown);
    forwarder_line_free(&line);
}

static void test_sessions_entries(void **state)
{
    (void)state;
    static const struct {
        const char *text, *key;
        int64_t active;
    } cases[] = {
        {"{\"key\": \"a\", \"active\": 3}", "a", 3},
        {"{\"key\": \"a\", \"active\": 0}", "a", 0},
        {"{\"key\": \"a\", \"active\": -1}", NULL, -1},
        {"{\"key\": \"a\"}", NULL, -1},
        {"{\"active\": 3}", NULL, 3},
        {"{\"key\": 1, \"active\": 3}", NULL, 3},
        {"7", NULL, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t active;
        json_t *entry = json_loads(cases[i].text, JSON_DECODE_ANY, NULL);
        const char *key = forwarder_sessions_entry(entry, &active);
        assert_int_equal(!key, !cases[i].key);
        if (key)
            assert_string_equal(key, cases[i].key);
        if (cases[i].key)
            assert_int_equal(active, cases[i].active);
        json_decref(entry);
    }
}

/* ---- readings ---- */

#define MEMBER(service, key, rest)                                                               \
    "{\"service\": \"" service "\", \"key\": \"" key "\", \"address\": \"10.0.0.1\", \"port\": " \
    "80, " rest "}"
#define UP "\"weight\": 7, \"state\": \"up\""
#define RESULT(members) "{\"version\": 5, \"members\": [" members "]}"

static int take(struct forwarder_reading *reading, const char *text)
{
    char error[FORWARDER_ERROR_MAX] = "";
    json_t *result = json_loads(text, 0, NULL);
    assert_non_null(result);
    int e = forwarder_reading_take(reading, result, "web", error);
    assert_int_equal(e != 0, error[0] != '\0');
    json_decref(result);
    return e;
}

static void test_reading(void **state)
{
    (void)state;
    struct forwarder_reading r;
    assert_int_equal(
        take(&r,
             RESULT(MEMBER("web", "p/ams/a", UP ", \"active\": 3, \"total\": 9") ", " MEMBER(
                 "other", "p/ams/a",
                 UP) ", " MEMBER("web", "b",
                                 "\"weight\": 0, \"state\": \"drain\"") ", " MEMBER("web", "c",
                                                                                    "\"weight\": "
                                                                                    "65536, "
                                                                                    "\"state\": "
                                                                                    "\"down\""))),
        0);
    assert_int_equal(r.version, 5);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.n_others, 1);
    assert_string_equal(r.v[0].key, "p/ams/a");
    assert_int_equal(r.v[0].seen.port, 80);
    assert_int_equal(r.v[0].seen.serving.serves, SERVES_READY);
    assert_int_equal(r.v[0].seen.serving.weight, 7);
    assert_int_equal(r.v[0].seen.active, 3);
    assert_int_equal(r.v[0].seen.n_total, 9);
    assert_true(r.v[0].seen.is_ours);
    assert_int_equal(r.v[1].seen.serving.serves, SERVES_DRAIN);
    assert_int_equal(r.v[1].seen.active, -1);
    assert_int_equal(r.v[2].seen.serving.serves, SERVES_DOWN);
    assert_int_equal(r.v[2].seen.serving.weight, UINT16_MAX);
    forwarder_reading_free(&r);
    assert_int_equal(take(&r, "{\"version\": 0, \"members\": []}"), 0);
    assert_int_equal(r.n, 0);
    forwarder_reading_free(&r);
}

/* What is measured of connects, where it is told, and is what it can be. */
static void test_measures(void **state)
{
    (void)state;
    struct forwarder_reading r;
    static const char text[] = RESULT(MEMBER(
        "web", "a",
        UP
        ", \"refused\": 3, \"timeouts\": 0, \"connect_ms\": {\"p50\": 0.25, \"p99\": 2}, "
        "\"rtt_ms\": {\"p50\": null, \"p99\": null}") ", " MEMBER("web", "b",
                                                                  UP
                                                                  ", \"refused\": -3, "
                                                                  "\"timeouts\": 1, "
                                                                  "\"connect_ms\": 7, "
                                                                  "\"rtt_ms\": {\"p50\": -1, "
                                                                  "\"p99\": \"x\"}") ", " MEMBER("w"
                                                                                                 "e"
                                                                                                 "b",
                                                                                                 "c",
                                                                                                 UP));
    assert_int_equal(take(&r, text), 0);
    const struct observed *a = &r.v[0].seen;
    assert_true(a->measures);
    assert_int_equal(a->n_refused, 3);
    assert_int_equal(a->n_timeouts, 0);
    assert_true(a->connect_ms.p50 == 0.25 && a->connect_ms.p99 == 2);
    assert_true(a->rtt_ms.p50 < 0 && a->rtt_ms.p99 < 0);
    for (uint32_t i = 1; i < 3; i++) {
        const struct observed *seen = &r.v[i].seen;
        assert_true(!seen->measures && seen->n_refused == 0 && seen->n_timeouts == 0);
        assert_true(seen->connect_ms.p50 < 0 && seen->rtt_ms.p50 < 0 && seen->rtt_ms.p99 < 0);
    }
    forwarder_reading_free(&r);
}

static void test_next_version(void **state)
{
    (void)state;
    const int64_t now_ms = 1800000000000;
    assert_int_equal(forwarder_next_version(0, now_ms), now_ms);
    assert_int_equal(forwarder_next_version(now_ms, now_ms), now_ms + 1);
    assert_int_equal(forwarder_next_version(now_ms + 9, now_ms), now_ms + 10);
    assert_int_equal(forwarder_next_version(FORWARDER_VERSION_MAX - 1, now_ms),
                     FORWARDER_VERSION_MAX);
    assert_int_equal(forwarder_next_version(FORWARDER_VERSION_MAX, now_ms), 1);
}

static void test_readings_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"members\": []}",
        "{\"version\": -1, \"members\": []}",
        "{\"version\": 1.5, \"members\": []}",
        "{\"version\": 4611686018427387904, \"members\": []}",
        "{\"version\": 1, \"members\": {}}",
        RESULT(MEMBER("web", "", UP)),
        RESULT(MEMBER("web", "a", "\"weight\": -1, \"state\": \"up\"")),
        RESULT(MEMBER("web", "a", "\"weight\": 1")),
        RESULT(MEMBER("web", "a", "\"state\": \"up\"")),
        RESULT(MEMBER("web", "a", "\"weight\": 1, \"state\": \"unknown\"")),
        RESULT("{\"service\": \"web\", \"key\": \"a\", \"address\": \"x\", \"port\": 80, " UP "}"),
        RESULT("{\"service\": \"web\", \"key\": \"a\", \"address\": \"::1\", \"port\": 0, " UP "}"),
        RESULT("{\"service\": \"web\", \"address\": \"::1\", \"port\": 1, " UP "}"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct forwarder_reading r;
        assert_int_equal(take(&r, bad[i]), E_SYNTAX);
        assert_null(r.v);
    }
}

/* ---- telling ---- */

static void assert_line(struct buf *line, const char *want)
{
    assert_int_equal(line->p[line->n - 1], '\n');
    json_t *said = json_loads(line->p, 0, NULL), *wanted = json_loads(want, 0, NULL);
    if (!json_equal(said, wanted))
        fail_msg("%s instead of %s", line->p, want);
    json_decref(said);
    json_decref(wanted);
    buf_free(line);
}

static struct tier_row row_of(uint8_t last, uint32_t member, struct serving target)
{
    return (struct tier_row){.addr = {.b = {10, 0, 0, last}, .family = IP_V4},
                             .port = 80,
                             .member = member,
                             .target = target};
}

static void test_telling(void **state)
{
    (void)state;
    struct buf out = {0};
    struct forwarder_reading before;
    const struct tier_member members[] = {
        {.key = "p/a/0"}, {.key = "p/a/1"}, {.key = "p/a/2"}, {.key = "p/a/3"}, {.key = "p/a/4"}};
    const struct tier_spec spec = {.members = members, .n_members = 5};
    const struct tier_row rows[] = {
        row_of(10, 0, (struct serving){SERVES_READY, 100}),
        row_of(11, 1, (struct serving){SERVES_READY, 0}),
        row_of(12, 2, (struct serving){SERVES_DOWN, 0}),
        row_of(13, 3, (struct serving){SERVES_MAINT, 0}),
        row_of(14, 4, (struct serving){SERVES_GONE, 0}),
        row_of(1, MODEL_NONE, (struct serving){SERVES_DRAIN, 0}), /* it has left */
        row_of(2, MODEL_NONE, (struct serving){SERVES_DRAIN, 0}), /* nobody has a key of it */
    };
    assert_int_equal(take(&before, RESULT(MEMBER("web", "p/a/old", UP))), 0);
    forwarder_tell(&out, "web", "", 8, &spec, rows, 7, &before);
    assert_line(&out,
                "{\"command\": \"members\", \"service\": \"web\", \"version\": 8, \"members\": ["
                "{\"key\": \"p/a/0\", \"address\": \"10.0.0.10\", \"port\": 80, \"weight\": 100, "
                "\"state\": \"up\"},"
                "{\"key\": \"p/a/1\", \"address\": \"10.0.0.11\", \"port\": 80, \"weight\": 0, "
                "\"state\": \"up\"},"
                "{\"key\": \"p/a/2\", \"address\": \"10.0.0.12\", \"port\": 80, \"weight\": 0, "
                "\"state\": \"down\"},"
                "{\"key\": \"p/a/3\", \"address\": \"10.0.0.13\", \"port\": 80, \"weight\": 0, "
                "\"state\": \"down\"},"
                "{\"key\": \"p/a/old\", \"address\": \"10.0.0.1\", \"port\": 80, \"weight\": 0, "
                "\"state\": \"drain\"}]}");
    forwarder_reading_free(&before);
    forwarder_ask(&out, "web");
    assert_line(&out, "{\"command\": \"members\", \"service\": \"web\"}");
}

static void test_took(void **state)
{
    (void)state;
    json_t *result = json_pack("{s:s, s:i}", "service", "web", "version", 8);
    assert_true(forwarder_took(result, "web", 8));
    assert_false(forwarder_took(result, "web", 9));
    assert_false(forwarder_took(result, "we", 8));
    json_decref(result);
    result = json_object();
    assert_false(forwarder_took(result, "web", 8));
    json_decref(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_sessions_entries),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_measures),
        cmocka_unit_test(test_next_version),
        cmocka_unit_test(test_readings_refused),
        cmocka_unit_test(test_telling),
        cmocka_unit_test(test_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
