/* SPDX-License-Identifier: Apache-2.0
 * Text from outside, made fit for logs and JSON. */
#include "health/trial.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *from, *to;
} cases[] = {
    {"", ""},
    {"disk full", "disk full"},
    {"a\tb\nc\x7f", "a b c\\x7f"},
    {"trailing \r\n", "trailing"},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"cut \xe2\x82", "cut \\xe2\\x82"},
    {"\xff\xfe", "\\xff\\xfe"},
    {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
    {"\x80", "\\x80"},
    {"status \xc2\x9b 500 \xe2\x80\xae", "status \\u009b 500 \\u202e"},
    {"\x1b[2J", "\\x1b[2J"},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[REASON_MAX];
        strcpy(text, cases[i].from);
        reason_clean(text);
        assert_string_equal(text, cases[i].to);
    }
}

/* What grows by being escaped is cut at a whole escape. */
static void test_bound(void **state)
{
    (void)state;
    char text[REASON_MAX];
    memset(text, 0x9b, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    reason_clean(text);
    assert_int_equal(strlen(text), (REASON_MAX - 1) / 4 * 4);
    assert_string_equal(text + strlen(text) - 4, "\\x9b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
