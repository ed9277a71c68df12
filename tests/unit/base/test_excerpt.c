/* SPDX-License-Identifier: Apache-2.0
 * Excerpts: the caret stands under the character, whatever stands before it. */
#include "base/excerpt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const char *text, uint32_t line, uint32_t column, const char *expected)
{
    char path[] = "/tmp/excerpt-XXXXXX", *got = NULL;
    size_t n;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    FILE *out = open_memstream(&got, &n);
    excerpt_print(out, (struct span){path, line, column}, "");
    fclose(out);
    unlink(path);
    assert_string_equal(got, expected);
    free(got);
}

static void test_caret(void **state)
{
    (void)state;
    check("a: b\nc: d\n", 2, 4, "  2 | c: d\n    |    ^\n");
    check("a: b", 1, 1, "  1 | a: b\n    | ^\n");
    check("a: b\r\n", 1, 5, "  1 | a: b\n    |     ^\n");
    check("a\n", 1, 0, "  1 | a\n");
    check("a\n", 3, 1, "");
    check("\tb\n", 1, 2, "  1 |     b\n    |     ^\n");
    check("\xc3\xbc: x\n", 1, 4, "  1 | \xc3\xbc: x\n    |    ^\n");
    check("\xe6\xbc\xa2: x\n", 1, 4, "  1 | \xe6\xbc\xa2: x\n    |     ^\n");
    check("e\xcc\x81: x\n", 1, 5, "  1 | e\xcc\x81: x\n    |    ^\n");
    check("\x1b: x\n", 1, 4, "  1 | \\x1b: x\n    |       ^\n");
    check("\xef\xbb\xbf"
          "a: b\n",
          1, 4, "  1 | a: b\n    |    ^\n");
    check("x\n\xef\xbb\xbf"
          "a\n",
          2, 2, "  2 | \\ufeffa\n    |       ^\n");
    check("a\x80"
          "b\n",
          1, 2, "  1 | a\\x80b\n    |      ^\n");
}

static void test_long_lines(void **state)
{
    (void)state;
    char text[1002], expected[512], *p = expected;
    memset(text, 'a', 1000);
    text[499] = 'X';
    strcpy(text + 1000, "\n");
    p += sprintf(p, "  1 | ...");
    memset(p, 'a', 96);
    p[60] = 'X';
    p += 96;
    sprintf(p, "...\n    | %63s^\n", "");
    check(text, 1, 500, expected);
}

/* As long as may be shown: whole, wherever the caret is; one more is cut. */
static void test_line_that_just_fits(void **state)
{
    (void)state;
    char text[99], expected[512];
    memset(text, 'a', 96);
    strcpy(text + 96, "\n");
    sprintf(expected, "  1 | %.96s\n    | %89s^\n", text, "");
    check(text, 1, 90, expected);
    memset(text, 'a', 97);
    strcpy(text + 97, "\n");
    sprintf(expected, "  1 | ...%.68s\n    | %63s^\n", text, "");
    check(text, 1, 90, expected);
    sprintf(expected, "  1 | %.96s...\n    | %59s^\n", text, "");
    check(text, 1, 60, expected);
}

static void test_note(void **state)
{
    (void)state;
    char path[] = "/tmp/excerpt-XXXXXX", *got = NULL;
    size_t n;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "a: b\n", 5), 5);
    close(fd);
    FILE *out = open_memstream(&got, &n);
    excerpt_print(out, (struct span){path, 1, 4}, "first given here");
    fclose(out);
    unlink(path);
    assert_string_equal(got, "  1 | a: b\n    |    ^ first given here\n");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caret),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_line_that_just_fits),
        cmocka_unit_test(test_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
