/* SPDX-License-Identifier: Apache-2.0
 * Arguments of commands: what is taken, and what is refused in which words. */
#include "l4/command_args.h"

#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct values {
    char text[COMMAND_TEXT_MAX];
    uint64_t number;
    bool flag;
    int64_t duration, weight;
};

static int read_args(struct values *v, const char *json, char error[COMMAND_ERROR_MAX])
{
    const struct command_arg args[] = {
        {.key = "text", .kind = ARG_TEXT, .to = v->text, .is_required = true},
        {.key = "number", .kind = ARG_NUMBER, .to = &v->number, .max = 100},
        {.key = "flag", .kind = ARG_FLAG, .to = &v->flag},
        {.key = "duration", .kind = ARG_DURATION, .to = &v->duration},
        {.key = "weight", .kind = ARG_WEIGHT, .to = &v->weight},
        {0},
    };
    json_t *object = json_loads(json, 0, NULL);
    assert_non_null(object);
    int code = command_args_read(object, args, error);
    json_decref(object);
    return code;
}

static void taken(void **state)
{
    (void)state;
    struct values v = {.number = 7, .weight = 3};
    char error[COMMAND_ERROR_MAX];
    assert_int_equal(read_args(&v, "{\"command\":\"c\",\"text\":\"x\"}", error), 0);
    assert_string_equal(v.text, "x");
    assert_int_equal(v.number, 7); /* what is not given stays */
    assert_int_equal(read_args(&v,
                               "{\"command\":\"c\",\"text\":\"y\",\"number\":100,\"flag\":true,"
                               "\"duration\":\"90s\",\"weight\":\"auto\"}",
                               error),
                     0);
    assert_int_equal(v.number, 100);
    assert_true(v.flag);
    assert_int_equal(v.duration, 90000);
    assert_int_equal(v.weight, COMMAND_WEIGHT_AUTO);
    assert_int_equal(read_args(&v,
                               "{\"command\":\"c\",\"text\":\"y\",\"number\":0,\"duration\":1,"
                               "\"weight\":1000000}",
                               error),
                     0);
    assert_int_equal(v.number, 0);
    assert_int_equal(v.duration, 1000);
    assert_int_equal(v.weight, 1000000);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *member, *error;
        int code;
    } cases[] = {
        {"\"other\":1",
         "c takes no argument \"other\" of loadstar-l4, expected: text, number, flag, duration, "
         "weight",
         E_INVALID},
        {"\"text\":\"\"", "text: expected a text that is not empty", E_SYNTAX},
        {"\"text\":7", "text: expected a text that is not empty", E_SYNTAX},
        {"\"text\":\"a\\nb\"", "text: has a control character at byte 2", E_SYNTAX},
        {"\"text\":\"a\\u007f\"", "text: has a control character at byte 2", E_SYNTAX},
        {"\"text\":\"x\",\"number\":101", "number: expected a number from 0 to 100", E_RANGE},
        {"\"text\":\"x\",\"number\":-1", "number: expected a number from 0 to 100", E_RANGE},
        {"\"text\":\"x\",\"number\":\"1\"", "number: expected a number from 0 to 100", E_RANGE},
        {"\"text\":\"x\",\"number\":1.5", "number: expected a number from 0 to 100", E_RANGE},
        {"\"text\":\"x\",\"flag\":1", "flag: expected true or false", E_SYNTAX},
        {"\"text\":\"x\",\"duration\":\"soon\"",
         "duration: expected a duration, like 90s, 30m, 2h "
         "or 1d",
         E_SYNTAX},
        {"\"text\":\"x\",\"duration\":true",
         "duration: expected a duration, like 90s, 30m, 2h or 1d", E_SYNTAX},
        {"\"text\":\"x\",\"duration\":\"999ms\"", "duration: expected a duration from 1s to 366d",
         E_RANGE},
        {"\"text\":\"x\",\"duration\":\"367d\"", "duration: expected a duration from 1s to 366d",
         E_RANGE},
        {"\"text\":\"x\",\"weight\":1000001",
         "weight: expected a number from 0 to 1000000, or auto", E_RANGE},
        {"\"text\":\"x\",\"weight\":-1", "weight: expected a number from 0 to 1000000, or auto",
         E_RANGE},
        {"\"text\":\"x\",\"weight\":\"less\"",
         "weight: expected a number from 0 to 1000000, or auto", E_RANGE},
        {"\"flag\":true", "text: is missing", E_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct values v = {0};
        char json[256], error[COMMAND_ERROR_MAX] = "";
        snprintf(json, sizeof json, "{\"command\":\"c\",%s}", cases[i].member);
        assert_int_equal(read_args(&v, json, error), cases[i].code);
        assert_string_equal(error, cases[i].error);
    }
}

static void the_longest_text(void **state)
{
    (void)state;
    struct values v = {0};
    char json[COMMAND_TEXT_MAX + 64], error[COMMAND_ERROR_MAX];
    for (int more = 0; more < 2; more++) {
        char text[COMMAND_TEXT_MAX + 2] = "";
        memset(text, 'x', (size_t)(COMMAND_TEXT_MAX - 1 + more));
        snprintf(json, sizeof json, "{\"command\":\"c\",\"text\":\"%s\"}", text);
        assert_int_equal(read_args(&v, json, error), more ? E_RANGE : 0);
    }
    assert_string_equal(error, "text: is too long, expected at most 1023 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken),
        cmocka_unit_test(refused),
        cmocka_unit_test(the_longest_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
