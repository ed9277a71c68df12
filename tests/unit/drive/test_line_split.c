/* SPDX-License-Identifier: Apache-2.0
 * Lines of a stream, in whatever pieces: what they are, and what comes of those that are none. */
#include "drive/line_split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 8 };

static struct seen {
    char text[256]; /* each line with a bar behind it */
    const char *enough;
} seen;

static bool on_line(void *ctx, char *line, size_t n)
{
    struct seen *s = ctx;
    assert_int_equal(strlen(line), n);
    assert_true(n <= MAX);
    strncat(s->text, line, sizeof s->text - strlen(s->text) - 1);
    strncat(s->text, "|", sizeof s->text - strlen(s->text) - 1);
    return !s->enough || strcmp(s->enough, line) != 0;
}

static enum line_split_end feed(bool skips, const char *p, size_t n, size_t piece, size_t *left)
{
    char text[MAX + 2];
    struct line_split split = {.text = text, .max = MAX, .skips = skips};
    enum line_split_end end = LINE_SPLIT_MORE;
    seen.text[0] = '\0';
    for (size_t at = 0; at < n && end == LINE_SPLIT_MORE; at += piece)
        end = line_split_feed(&split, p + at, n - at < piece ? n - at : piece, on_line, &seen);
    *left = split.n;
    return end;
}

/* The bytes of a literal, in pieces of each size. */
#define EXPECT(skips, bytes, end, lines) expect(skips, bytes, sizeof(bytes) - 1, end, lines)
static void expect(bool skips, const char *p, size_t n, enum line_split_end end, const char *lines)
{
    size_t left;
    for (size_t piece = 1; piece <= n; piece++) {
        assert_int_equal(feed(skips, p, n, piece, &left), end);
        assert_string_equal(seen.text, lines);
    }
}

static int begin(void **state)
{
    (void)state;
    seen = (struct seen){0};
    return 0;
}

static void lines_are_given_without_their_ends(void **state)
{
    (void)state;
    for (unsigned skips = 0; skips < 2; skips++) {
        EXPECT(skips, "a\nbc\r\n\n\r\n\r\r\nend", LINE_SPLIT_MORE, "a|bc|||\r|");
        EXPECT(skips, "12345678\n12345678\r\n", LINE_SPLIT_MORE, "12345678|12345678|");
    }
}

static void what_is_no_line_ends_all(void **state)
{
    (void)state;
    EXPECT(false, "a\n123456789\nb\n", LINE_SPLIT_LONG, "a|");
    EXPECT(false, "a\n12345678\r\r\nb\n", LINE_SPLIT_LONG, "a|");
    EXPECT(false, "a\n12345678\rx\nb\n", LINE_SPLIT_LONG, "a|");
    EXPECT(false, "a\n1\0\nb\n", LINE_SPLIT_NUL, "a|");
}

static void what_is_no_line_is_left_out(void **state)
{
    (void)state;
    EXPECT(true, "a\n123456789\nb\nc\n", LINE_SPLIT_MORE, "a|b|c|");
    EXPECT(true, "a\n123456789012345678901234567890\r\n12345678\r\n", LINE_SPLIT_MORE,
           "a|12345678|");
    EXPECT(true, "a\n12345678\r\r\nb\n12345678\rx\nc\n", LINE_SPLIT_MORE, "a|b|c|");
    EXPECT(true,
           "a\n1\0"
           "2\nb\n\0\nc\n",
           LINE_SPLIT_MORE, "a|b|c|");
    EXPECT(true,
           "1234567890\0"
           "12\0\nb\n1\0"
           "23456789012\nc\n",
           LINE_SPLIT_MORE, "b|c|");
    EXPECT(true, "123456789\n123456789\n\n123456789\nd\n", LINE_SPLIT_MORE, "|d|");
}

static void a_line_that_is_left_out_is_not_kept(void **state)
{
    size_t left;
    (void)state;
    for (size_t piece = 1; piece <= 12; piece++) {
        assert_int_equal(feed(true, "a\n1234567890", 12, piece, &left), LINE_SPLIT_MORE);
        assert_int_equal(left, 0);
        assert_string_equal(seen.text, "a|");
    }
}

static void enough_is_enough(void **state)
{
    (void)state;
    seen.enough = "b";
    for (unsigned skips = 0; skips < 2; skips++)
        EXPECT(skips, "a\nb\nc\n", LINE_SPLIT_ENOUGH, "a|b|");
    EXPECT(true, "123456789\nb\nc\n", LINE_SPLIT_ENOUGH, "b|");
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_are_given_without_their_ends),
        TEST(what_is_no_line_ends_all),
        TEST(what_is_no_line_is_left_out),
        TEST(a_line_that_is_left_out_is_not_kept),
        TEST(enough_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
