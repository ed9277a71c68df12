/* SPDX-License-Identifier: Apache-2.0
 * Members that the protocol has for itself, and the lines it makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/diag.h"
#include "control/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *line;
    int code;
    const char *id, *error, *object;
    bool progress;
} cases[] = {
    {"{}", 0, NULL, NULL, "{}", false},
    {"{\"command\":\"x\"}", 0, NULL, NULL, "{\"command\":\"x\"}", false},
    {"{\"v\":1,\"id\":\"\",\"progress\":false}", 0, "\"\"", NULL, "{}", false},
    {"{\"id\":12345678901,\"progress\":true,\"a\":1}", 0, "12345678901", NULL, "{\"a\":1}", true},
    {"{\"id\":-0.5}", 0, "-0.5", NULL, "{}", false},
    {"{\"id\":\"a\\n\\u0007\\u202eb\"}", 0, "\"a\\n\\u0007\\u202eb\"", NULL, "{}", false},
    {"{\"id\":null}", E_SYNTAX, NULL, "id: expected a string or a number", NULL, false},
    {"{\"id\":[1]}", E_SYNTAX, NULL, "id: expected a string or a number", NULL, false},
    {"{\"id\":true}", E_SYNTAX, NULL, "id: expected a string or a number", NULL, false},
    {"{\"v\":2,\"id\":9}", E_INVALID, "9",
     "v: this program speaks version 1 of the control protocol, not 2", NULL, false},
    {"{\"v\":0}", E_INVALID, NULL, "protocol, not 0", NULL, false},
    {"{\"v\":1.0}", E_INVALID, NULL, "protocol, not 1.0", NULL, false},
    {"{\"v\":\"1\"}", E_INVALID, NULL, "protocol, not \"1\"", NULL, false},
    {"{\"v\":null}", E_INVALID, NULL, "protocol, not null", NULL, false},
    {"{\"v\":{\"a\":[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]}}", E_INVALID,
     NULL, "not {\"a\":[\"x", NULL, false},
    {"{\"id\":1,\"progress\":1}", E_SYNTAX, "1", "progress: expected true or false", NULL, false},
    {"{\"id\":1,\"id\":2}", E_SYNTAX, NULL, "no JSON, at byte", NULL, false},
    {"[1]", E_SYNTAX, NULL, "expected a JSON object", NULL, false},
    {"7", E_SYNTAX, NULL, "no JSON", NULL, false},
    {"{\"id\":1", E_SYNTAX, NULL, "no JSON, at byte", NULL, false},
    {"{\"id\":1e999}", E_SYNTAX, NULL, "no JSON", NULL, false},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct protocol_request r;
        char error[PROTOCOL_ERROR_MAX] = "";
        int code = protocol_read(&r, cases[i].line, strlen(cases[i].line), error);
        if (code != cases[i].code || !r.id != !cases[i].id ||
            (r.id && strcmp(r.id, cases[i].id) != 0) || r.wants_progress != cases[i].progress ||
            (cases[i].error && !strstr(error, cases[i].error)))
            fail_msg("%s: %d, id %s, \"%s\"", cases[i].line, code, r.id ? r.id : "-", error);
        char *object = r.object ? json_dumps(r.object, JSON_COMPACT) : NULL;
        assert_int_equal(!object, !cases[i].object);
        if (object)
            assert_string_equal(object, cases[i].object);
        free(object);
        protocol_free(&r);
    }
}

/** An identifier of `n` bytes, of characters of two bytes each but for the first of odd ones. */
static int read_long_id(struct protocol_request *r, size_t n)
{
    char line[1024], error[PROTOCOL_ERROR_MAX];
    size_t at = (size_t)sprintf(line, "{\"id\":\"");
    if (n % 2)
        line[at++] = 'x';
    for (size_t i = 0; i < n / 2; i++)
        at += (size_t)sprintf(line + at, "\xc3\xbc");
    at += (size_t)sprintf(line + at, "\"}");
    return protocol_read(r, line, at, error);
}

static void test_long_identifiers(void **state)
{
    struct protocol_request r;
    (void)state;
    assert_int_equal(read_long_id(&r, LOADSTAR_CONTROL_ID_MAX), 0);
    assert_int_equal(strlen(r.id), LOADSTAR_CONTROL_ID_MAX + 2);
    protocol_free(&r);
    assert_int_equal(read_long_id(&r, LOADSTAR_CONTROL_ID_MAX + 1), E_RANGE);
    assert_null(r.id);
    protocol_free(&r);
}

/* `text` n times over, as a list under "a"; commas between. */
static int read_many(const char *text, size_t n, char error[PROTOCOL_ERROR_MAX])
{
    static char line[16u << 20];
    struct protocol_request r;
    size_t at = (size_t)snprintf(line, sizeof line, "{\"a\":[");
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%s", i ? "," : "", text);
    at += (size_t)snprintf(line + at, sizeof line - at, "]}");
    assert_true(at < sizeof line);
    int code = protocol_read(&r, line, at, error);
    if (code == 0)
        assert_int_equal(json_array_size(json_object_get(r.object, "a")), n);
    protocol_free(&r);
    return code;
}

/* What would take hundreds of megabytes is not read; what a whole set takes is. */
static void test_heavy_ones(void **state)
{
    static const char *const heavy[] = {"7", "{}", "[]", "[[]]", "\"\\\"\",[]"};
    char error[PROTOCOL_ERROR_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++) {
        assert_int_equal(read_many(heavy[i], 1100000, error), E_RANGE);
        assert_string_equal(error, "the request has too many values");
    }
    assert_int_equal(read_many("7", PROTOCOL_WEIGHT_MAX - 15, error), 0);
    assert_int_equal(read_many("7", PROTOCOL_WEIGHT_MAX - 14, error), E_RANGE);
    assert_int_equal(
        read_many("{\"key\":\"web/ams/member\",\"address\":\"2001:db8::1\",\"port\":443,"
                  "\"weight\":100,\"state\":\"up\"}",
                  65536, error),
        0);
    assert_int_equal(read_many("\"{[,,,\\\"[[[[,,,,\"", 500000, error), 0); /* of texts */
}

static void expect_line(char *line, size_t n, const char *want)
{
    assert_int_equal(strlen(line), n);
    assert_string_equal(line, want);
    free(line);
}

static void test_lines(void **state)
{
    struct page page = {0};
    size_t n;
    (void)state;
    json_t *value = json_pack("{s:s}", "a", "\xe2\x80\xae");
    char *line = protocol_reply("7", &(struct control_reply){.result = value}, &n);
    expect_line(line, n, "{\"id\":7,\"ok\":true,\"result\":{\"a\":\"\\u202e\"}}\n");
    line = protocol_reply(NULL, &(struct control_reply){.page = &page}, &n);
    expect_line(line, n, "{\"ok\":true,\"result\":");
    line = protocol_reply(NULL, &(struct control_reply){.code = E_SYSTEM, .error = "a\"\xff"}, &n);
    expect_line(line, n, "{\"ok\":false,\"error\":\"a\\\"\\\\xff\",\"code\":\"failed\"}\n");
    line = protocol_reply(NULL, &(struct control_reply){.code = E_NOTFOUND, .error = "a"}, &n);
    expect_line(line, n, "{\"ok\":false,\"error\":\"a\",\"code\":\"not_found\"}\n");
    line = protocol_reply(NULL,
                          &(struct control_reply){.code = E_RANGE, .error = "a", .busy = true}, &n);
    expect_line(line, n, "{\"ok\":false,\"error\":\"a\",\"code\":\"busy\"}\n");
    line = protocol_progress("\"i\"", value, &n);
    expect_line(line, n, "{\"id\":\"i\",\"progress\":{\"a\":\"\\u202e\"}}\n");
    assert_string_equal(protocol_end(), "}\n");
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests),
                                       cmocka_unit_test(test_long_identifiers),
                                       cmocka_unit_test(test_heavy_ones),
                                       cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
