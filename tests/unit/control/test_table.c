/* SPDX-License-Identifier: Apache-2.0
 * Tables: widths from content, nothing that speaks to the terminal, color only when asked for. */
#include "control/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_widths(void **state)
{
    struct buf out = {0};
    struct table *table = table_new("NAME N> WHY");
    (void)state;
    table_cell(table, STYLE_NONE, "a");
    table_cell(table, STYLE_NONE, "%d", 12345);
    table_cell(table, STYLE_NONE, "short");
    table_cell(table, STYLE_NONE, "r\xc3\xa4kt");
    table_cell(table, STYLE_NONE, "%d", 7);
    table_cell(table, STYLE_NONE, "%s", "");
    table_finish(table, &out, 2, false);
    assert_string_equal(out.p, "  NAME      N  WHY\n"
                               "  a     12345  short\n"
                               "  r\xc3\xa4kt      7  \n");
    buf_free(&out);
}

static void test_color(void **state)
{
    struct buf out = {0};
    struct table *table = table_new("A B");
    (void)state;
    table_cell(table, STYLE_BAD, "x");
    table_cell(table, STYLE_NONE, "y");
    table_finish(table, &out, 0, true);
    assert_string_equal(out.p, "\033[1mA\033[0m  \033[1mB\033[0m\n\033[31mx\033[0m  y\n");
    buf_free(&out);
}

static void test_control_characters(void **state)
{
    struct buf out = {0};
    struct table *table = table_new("A");
    (void)state;
    table_cell(table, STYLE_NONE, "a\033[2Jb\nc\x7f");
    table_finish(table, &out, 0, false);
    table_styled(&out, STYLE_NONE, false, "\a");
    assert_string_equal(out.p, "A\na\\x1b[2Jb\\nc\\x7f\n\\x07");
    buf_free(&out);
}

static void test_no_rows(void **state)
{
    struct buf out = {0};
    (void)state;
    table_finish(table_new("A B"), &out, 0, true);
    assert_int_equal(out.n, 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_color),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_no_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
