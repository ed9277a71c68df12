/* SPDX-License-Identifier: Apache-2.0
 * Documents as text: what is shown of each, and that none makes it fall over, whatever its members
 * are (another release may have written it). */
#include "control/json.h"
#include "ctl/documents.h"
#include "ctl/render.h"
#include "tests/unit/out/tiers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS_MAX 100

/** Renders; the caller frees the text. */
static char *text_of(enum ctl_command command, const json_t *document, bool color)
{
    struct buf out = {0};
    render_result(&out, command, document, (struct screen){.color = color});
    buf_puts(&out, "");
    char *text = xcalloc(1, out.n + 1);
    if (out.n)
        memcpy(text, out.p, out.n);
    buf_free(&out);
    return text;
}

static void assert_shows(enum ctl_command command, const json_t *document, const char *const *words)
{
    char *text = text_of(command, document, false);
    for (; *words; words++)
        if (!strstr(text, *words))
            fail_msg("\"%s\" is not in:\n%s", *words, text);
    assert_null(strchr(text, '\033'));
    free(text);
}

/** Each member, and each item of a list, is replaced by things of every type, and left out. */
static void spoil(enum ctl_command command, json_t *document, json_t *inner)
{
    static const char *const others[] = {"null",   "true",     "-1",
                                         "1e308",  "\"\"",     "\"a\\nb\\u0007\"",
                                         "[]",     "{}",       "[[]]",
                                         "[null]", "{\"x\":1}"};
    const char *keys[KEYS_MAX], *key;
    json_t *value;
    size_t at, n = 0;
    json_object_foreach(inner, key, value)
    {
        assert_true(n < KEYS_MAX);
        keys[n++] = xstrdup(key);
    }
    for (size_t k = 0; k < n; k++) {
        json_t *kept = json_incref(json_object_get(inner, keys[k]));
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
            json_object_set_new(inner, keys[k], json_loads(others[i], JSON_DECODE_ANY, NULL));
            free(text_of(command, document, i % 2));
        }
        json_object_del(inner, keys[k]);
        free(text_of(command, document, false));
        json_object_set_new(inner, keys[k], kept);
        spoil(command, document, kept);
        free((char *)(uintptr_t)keys[k]);
    }
    json_array_foreach(inner, at, value)
    {
        json_t *kept = json_incref(value);
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
            json_array_set_new(inner, at, json_loads(others[i], JSON_DECODE_ANY, NULL));
            free(text_of(command, document, i % 2));
        }
        json_array_set_new(inner, at, kept);
        if (at < 2)
            spoil(command, document, kept);
    }
}

static void check(enum ctl_command command, json_t *document, const char *const *words)
{
    assert_shows(command, document, words);
    spoil(command, document, document);
    json_t *empty = json_object();
    free(text_of(command, empty, true));
    json_decref(empty);
    json_decref(document);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_documents(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_down(s, 2, "refused\x1b[31m");
    check(CTL_STATUS, document_status(&s->facts),
          WORDS("0000000000000abc, the same on disk", "problems", "warning: pool"));
    check(CTL_POOLS, document_pools(&s->facts, WINDOW_ALL), WORDS("POOL", "order ams iad sin"));
    check(CTL_ENDPOINTS, document_endpoints(&s->facts, MODEL_NONE, WINDOW_ALL),
          WORDS("ENDPOINT", "down", "refused\\x1b[31m"));
    check(CTL_SITES, document_sites(&s->facts, WINDOW_ALL), WORDS("SITE", "iad"));
    check(CTL_CHECKS, document_checks(&s->facts, WINDOW_ALL), WORDS("no checks"));
    scene_free(s);
}

static void test_tiers(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct made_tiers *t = tiers_made(s);
    t->diff[0] = "~ m0 ready 100 -> drain\x1b[31m";
    t->view[0].diff = t->diff;
    t->view[0].n_diff = 1;
    made_waits(&t->rows[0][1], DRAIN_WAIT, 2, 1090000 + 9000);
    check(CTL_TIERS, document_tiers(&s->facts, "", false, WINDOW_ALL),
          WORDS("edge", "1 to change"));
    check(CTL_TIERS, document_tiers(&s->facts, "edge", false, WINDOW_ALL),
          WORDS("www/ams/e1", "wait, 9s left"));
    check(CTL_TIERS, document_tiers(&s->facts, "", true, WINDOW_ALL), WORDS("1 change\n"));
    check(CTL_HEALTHY,
          json_loads("{\"target\":\"www\",\"healthy\":null,\"state\":\"up\",\"up\":1,\"total\":2,"
                     "\"why\":\"w\"}",
                     0, NULL),
          WORDS("www: cannot tell, up, 1 of 2 endpoints serve: w"));
    check(CTL_DRAIN,
          json_loads("{\"stage\":\"dns\",\"dns_left_s\":90,\"tiers\":[{\"name\":\"edge\","
                     "\"active\":1,\"left\":1},{\"name\":\"b\",\"state\":\"stale\"}]}",
                     0, NULL),
          WORDS("dns: answers for 1m 30s more; edge: 1 session, b: stale\n"));
    check(CTL_SET,
          json_loads("{\"target\":\"ams\",\"state\":\"drain\",\"endpoints\":1,\"drain\":{"
                     "\"outcome\":\"undone\",\"why\":\"bob\"}}",
                     0, NULL),
          WORDS("not waited for any more: bob\n"));
    scene_free(s);
}

static void test_replies(void **state)
{
    (void)state;
    check(CTL_SET,
          json_loads("{\"target\":\"www/"
                     "ams\",\"state\":\"drain\",\"until\":\"x\",\"matched\":[\"www/ams/a\"],"
                     "\"endpoints\":1,\"effects\":[\"www: moves\"],\"warnings\":[\"w\"]}",
                     0, NULL),
          WORDS("www/ams", "www: moves"));
    check(CTL_WEIGHT,
          json_loads(
              "{\"target\":\"www/ams\",\"weight\":7,\"matched\":[\"www/ams/a\"],\"endpoints\":200,"
              "\"effects\":[],\"warnings\":[]}",
              0, NULL),
          WORDS("7"));
    check(CTL_RELOAD,
          json_loads("{\"generation\":3,\"hash\":\"ab\",\"zones_read\":1,\"zones_kept\":2,"
                     "\"warnings\":[\"f:1:2: w\"]}",
                     0, NULL),
          WORDS("generation 3 serves", "f:1:2: w"));
    check(CTL_EVENTS,
          json_loads("{\"last\":1,\"events\":[{\"id\":1,\"at\":\"2026-01-01T00:00:00.000Z\","
                     "\"target\":\"a/b/c\","
                     "\"from\":\"up\",\"to\":\"down\",\"reason\":\"r\",\"effect\":\"e\"}]}",
                     0, NULL),
          WORDS("a/b/c", "down"));
    check(CTL_GEO,
          json_loads("{\"address\":\"192.0.2.1\",\"prefix\":\"192.0.2.0/"
                     "24\",\"source\":\"s\",\"country\":\"NL\","
                     "\"steerings\":[{\"pools\":[\"www\"],\"class\":0,\"scope\":24,\"placed\":true,"
                     "\"rule\":\"r\",\"sites\":[{\"site\":\"ams\",\"distance_km\":1.5}]}]}",
                     0, NULL),
          WORDS("192.0.2.1", "NL", "ams"));
    check(CTL_STOP, json_loads("{\"stopping\":true,\"pid\":1}", 0, NULL), WORDS("loadstard stops"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_documents),
                                       cmocka_unit_test(test_tiers),
                                       cmocka_unit_test(test_replies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
