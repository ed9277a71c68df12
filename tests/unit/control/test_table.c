/* SPDX-License-Identifier: Apache-2.0
 * Tables: widths from content, nothing that speaks to the terminal, color only when asked for. */
#include "control/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN ((struct screen){0})
#define COLOR ((struct screen){.color = true})

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
    table_finish(table, &out, 2, PLAIN);
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
    table_finish(table, &out, 0, COLOR);
    assert_string_equal(out.p, "\033[1mA\033[0m  \033[1mB\033[0m\n\033[31mx\033[0m  y\n");
    buf_free(&out);
}

static void test_control_characters(void **state)
{
    struct buf out = {0};
    struct table *table = table_new("A");
    (void)state;
    table_cell(table, STYLE_NONE, "a\033[2Jb\nc\x7f");
    table_finish(table, &out, 0, PLAIN);
    table_styled(&out, STYLE_NONE, PLAIN, "\a");
    assert_string_equal(out.p, "A\na\\x1b[2Jb\\nc\\x7f\n\\x07");
    buf_free(&out);
}

static void test_no_rows(void **state)
{
    struct buf out = {0};
    (void)state;
    table_finish(table_new("A B"), &out, 0, COLOR);
    assert_int_equal(out.n, 0);
    buf_free(&out);
}

/** One row; the rendering at a width. */
static const char *at_width(struct buf *out, unsigned width, const char *a, const char *b,
                            const char *c)
{
    struct table *table = table_new("NAME SITES WHY");
    buf_free(out);
    table_cell(table, STYLE_NONE, "%s", a);
    table_cell(table, STYLE_BAD, "%s", b);
    table_cell(table, STYLE_NONE, "%s", c);
    table_finish(table, out, 0, (struct screen){false, width});
    return strchr(out->p, '\n') + 1;
}

static void test_narrow_screens(void **state)
{
    static const char a[] = "a-name-that-is-typed", b[] = "ams 1/2, iad 2/2",
                      c[] = "connect refused by peer";
    struct buf out = {0};
    (void)state;
    assert_string_equal(at_width(&out, 0, a, b, c),
                        "a-name-that-is-typed  ams 1/2, iad 2/2  connect refused by peer\n");
    assert_string_equal(at_width(&out, 63, a, b, c),
                        "a-name-that-is-typed  ams 1/2, iad 2/2  connect refused by peer\n");
    assert_string_equal(
        at_width(&out, 62, a, b, c),
        "a-name-that-is-typed  ams 1/2, iad 2/2  connect refused by pe\xe2\x80\xa6\n");
    assert_string_equal(
        at_width(&out, 54, a, b, c),
        "a-name-that-is-typed  ams 1/2, iad 2\xe2\x80\xa6  connect refuse\xe2\x80\xa6\n");
    assert_string_equal(at_width(&out, 10, a, b, c), /* no column is less than that */
                        "a-name-that-is-typed  ams 1/2, ia\xe2\x80\xa6  connect ref\xe2\x80\xa6\n");
    buf_free(&out);
}

/* Between characters, whatever they take: two columns here, and three bytes. */
static void test_wide_characters_are_cut_whole(void **state)
{
    static const char wide[] = "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2"
                               "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2";
    struct buf out = {0};
    char want[64];
    (void)state;
    for (unsigned width = 25; width < 27; width++) {
        snprintf(want, sizeof want, "n     s      %.*s\xe2\x80\xa6\n", 3 * (((int)width - 14) / 2),
                 wide);
        assert_string_equal(at_width(&out, width, "n", "s", wide), want);
    }
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_color),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_narrow_screens),
        cmocka_unit_test(test_wide_characters_are_cut_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
