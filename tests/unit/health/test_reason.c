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
    {"a\tb\nc\x7f", "a b c"},
    {"trailing \r\n", "trailing"},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"cut \xe2\x82", "cut ??"},
    {"cut \xf0\x9f\x98", "cut ???"},
    {"\xff\xfe", "??"},
    {"overlong \xc0\xaf \xe0\x80\xaf", "overlong ?? ???"},
    {"surrogate \xed\xa0\x80", "surrogate ???"},
    {"beyond \xf4\x90\x80\x80", "beyond ????"},
    {"\x80", "?"},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[64];
        strcpy(text, cases[i].from);
        reason_clean(text);
        assert_string_equal(text, cases[i].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
