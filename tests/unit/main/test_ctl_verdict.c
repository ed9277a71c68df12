/* SPDX-License-Identifier: Apache-2.0
 * What loadstarctl's exit code says. */
#include "main/ctl_output.h"
#include "main/ctl_verdict.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int of(const struct ctl_request *request, const char *text)
{
    json_t *result = json_loads(text, 0, NULL);
    assert_non_null(result);
    int code = verdict_of(request, result);
    json_decref(result);
    return code;
}

static void diffs(void **state)
{
    static const struct {
        const char *tiers;
        int code;
    } rows[] = {
        {"", EXIT_DONE},
        {"{\"state\": \"ok\", \"diff\": []}", EXIT_DONE},
        {"{\"state\": \"ok\"}", EXIT_DONE},
        {"{\"state\": \"applying\", \"diff\": [\"+ a\"]}", EXIT_CHANGES},
        {"{\"state\": \"ok\", \"diff\": [\"+ a\"]}, {\"state\": \"ok\", \"diff\": []}",
         EXIT_CHANGES},
        {"{\"state\": \"ok\", \"diff\": [\"+ a\"]}, {\"state\": \"stale\"}", EXIT_REFUSED},
        {"{\"state\": \"refused\", \"diff\": []}", EXIT_REFUSED},
        {"{\"state\": \"unreachable\"}, {\"state\": \"ok\", \"diff\": [\"+ a\"]}", EXIT_REFUSED},
        {"{}", EXIT_REFUSED},
    };
    struct ctl_request request = {.command = CTL_TIERS, .diff = true};
    char text[256];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "{\"tiers\": [%s]}", rows[i].tiers);
        assert_int_equal(of(&request, text), rows[i].code);
    }
    request.diff = false;
    assert_int_equal(of(&request, "{\"tiers\": [{\"state\": \"stale\"}]}"), EXIT_DONE);
}

static void drains(void **state)
{
    struct ctl_request request = {.command = CTL_SET, .wait_ms = 1};
    (void)state;
    assert_int_equal(of(&request, "{\"drain\": {\"outcome\": \"done\"}}"), EXIT_DONE);
    assert_int_equal(of(&request, "{\"drain\": {\"outcome\": \"time_over\"}}"), EXIT_REFUSED);
    assert_int_equal(of(&request, "{\"drain\": {\"outcome\": \"undone\"}}"), EXIT_REFUSED);
    assert_int_equal(of(&request, "{}"), EXIT_REFUSED);
    request.wait_ms = 0;
    assert_int_equal(of(&request, "{}"), EXIT_DONE);
}

static int of_health(const char *text, const char *unknown)
{
    json_t *reply = text ? json_loads(text, 0, NULL) : NULL;
    assert_true(!text || reply);
    int code = verdict_of_health(reply, unknown);
    json_decref(reply);
    return code;
}

static void health(void **state)
{
    static const char *const cannot_tell[] = {NULL, "{}", "{\"result\": {\"healthy\": null}}",
                                              "{\"code\": \"busy\"}"};
    (void)state;
    assert_int_equal(of_health("{\"result\": {\"healthy\": true}}", NULL), EXIT_DONE);
    assert_int_equal(of_health("{\"result\": {\"healthy\": true}}", "down"), EXIT_DONE);
    assert_int_equal(of_health("{\"result\": {\"healthy\": false}}", NULL), EXIT_REFUSED);
    assert_int_equal(of_health("{\"result\": {\"healthy\": false}}", "up"), EXIT_REFUSED);
    assert_int_equal(of_health("{\"code\": \"not_found\"}", "up"), EXIT_USAGE);
    assert_int_equal(of_health("{\"code\": \"invalid\"}", NULL), EXIT_USAGE);
    for (size_t i = 0; i < sizeof cannot_tell / sizeof *cannot_tell; i++) {
        assert_int_equal(of_health(cannot_tell[i], NULL), EXIT_UNKNOWN);
        assert_int_equal(of_health(cannot_tell[i], "up"), EXIT_DONE);
        assert_int_equal(of_health(cannot_tell[i], "down"), EXIT_REFUSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diffs),
        cmocka_unit_test(drains),
        cmocka_unit_test(health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
