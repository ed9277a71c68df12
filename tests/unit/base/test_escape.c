/* SPDX-License-Identifier: Apache-2.0
 * Escaping: every code point there is, and every run of stray bytes, through every form of it. */
#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static size_t encode(char out[5], uint32_t code)
{
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(n == 1 ? code : lead[n] | code);
    out[n] = '\0';
    return n;
}

/* The kinds that must never pass, written apart from the table of the code. */
static bool is_dangerous(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 ||
           c == 0x2029 || (c >= 0x200b && c <= 0x200d) || c == 0x2060 || c == 0xfeff ||
           (c >= 0xe0000 && c <= 0xe007f) || (c & 0xfffe) == 0xfffe;
}

static bool is_ordinary(uint32_t c)
{
    return (c >= 0x20 && c <= 0x7e) || (c >= 0xa1 && c <= 0xac) || (c >= 0xae && c <= 0x2ff) ||
           (c >= 0x370 && c <= 0x3ff && c != 0x378) || (c >= 0x400 && c <= 0x4ff) ||
           (c >= 0x5d0 && c <= 0x5ea) || (c >= 0x621 && c <= 0x64a) ||
           (c >= 0x2190 && c <= 0x2bff) || (c >= 0x3041 && c <= 0x3096) ||
           (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) ||
           (c >= 0x1f300 && c <= 0x1f64f);
}

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char raw[5], out[32], expected[16];
        if (code >= 0xd800 && code <= 0xdfff)
            continue; /* no characters: among the stray bytes */
        size_t n = encode(raw, code);
        uint32_t read = UINT32_MAX;
        assert_int_equal(utf8_read((uint8_t *)raw, (uint8_t *)raw + n, &read), n);
        assert_int_equal(read, code);
        if (is_dangerous(code) != escape_is_needed(code) &&
            (is_dangerous(code) || is_ordinary(code)))
            fail_msg("U+%04X", code);
        size_t length = escape_text(out, sizeof out, slice_of(raw, n));
        assert_int_equal(length, strlen(out));
        if (!escape_is_needed(code)) {
            assert_memory_equal(out, raw, n + 1);
            continue;
        }
        snprintf(expected, sizeof expected,
                 code < 0x80      ? "\\x%02x"
                 : code <= 0xffff ? "\\u%04x"
                                  : "\\U%08x",
                 code);
        if (code == '\n' || code == '\r' || code == '\t')
            snprintf(expected, sizeof expected, "\\%c",
                     code == '\n'   ? 'n'
                     : code == '\r' ? 'r'
                                    : 't');
        assert_string_equal(out, expected);
    }
}

/* Bytes that are no UTF-8, alone and in pairs before and after a letter: one escape each. */
static void test_stray_bytes(void **state)
{
    (void)state;
    for (unsigned byte = 0x80; byte <= 0xff; byte++) {
        char raw[2] = {(char)byte, 'a'}, out[16], expected[16];
        snprintf(expected, sizeof expected, "\\x%02xa", byte);
        escape_text(out, sizeof out, slice_of(raw, 2));
        assert_string_equal(out, expected);
        snprintf(expected, sizeof expected, "\\x%02x", byte);
        escape_text(out, sizeof out, slice_of(raw, 1));
        assert_string_equal(out, expected);
    }
    static const struct {
        const char *raw, *out;
    } cases[] = {
        {"\xc0\xaf", "\\xc0\\xaf"}, /* overlong */
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
        {"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
        {"\xe2\x80", "\\xe2\\x80"},                   /* cut short */
        {"\xf0\x9f\x98"
         "a",
         "\\xf0\\x9f\\x98"
         "a"},
        {"\xe2\x82\xac", "\xe2\x82\xac"},
        {"C:\\dir", "C:\\dir"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        escape_text(out, sizeof out, slice_str(cases[i].raw));
        assert_string_equal(out, cases[i].out);
        escape_text(out, sizeof out, slice_str(cases[i].out)); /* twice is as once */
        assert_string_equal(out, cases[i].out);
    }
}

/* Whatever room there is, nothing is cut in two and nothing is written past it. */
static void test_bounds(void **state)
{
    (void)state;
    static const char raw[] = "a\x1b\xc2\x9b\xe2\x80\xae\xf3\xa0\x80\x81z\xe2\x82\xac";
    static const char whole[] = "a\\x1b\\u009b\\u202e\\U000e0001z\xe2\x82\xac";
    static const size_t ends[] = {0, 1, 5, 11, 17, 27, 28, 31};
    for (size_t size = 1; size <= sizeof whole; size++) {
        char *out = malloc(size);
        size_t n = escape_text(out, size, slice_str(raw)), best = 0;
        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
            if (ends[i] < size)
                best = ends[i];
        assert_int_equal(n, best);
        assert_memory_equal(out, whole, n);
        assert_int_equal(out[n], '\0');
        free(out);
    }
}

static void test_to_buf_and_arena(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct buf out = {0};
    const char *clean = "plain \xc3\xbc";
    escape_add(&out, slice_of("", 0));
    assert_string_equal(out.p, "");
    escape_add(&out, slice_of("x\0\ny", 4));
    assert_string_equal(out.p, "x\\x00\\ny");
    assert_ptr_equal(escape_in(arena, clean), clean);
    assert_string_equal(escape_in(arena, "a\xe2\x80\xaf"
                                         "b"),
                        "a\\u202fb");
    buf_free(&out);
    arena_free(arena);
}

static void test_json(void **state)
{
    (void)state;
    struct buf out = {0};
    escape_json(&out,
                slice_str("{\n\t\"a\": \"\\n\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x80\x81\xc3\xbc\"}"));
    assert_string_equal(out.p, "{\n\t\"a\": \"\\n\\u007f\\u009b\\u202e\\udb40\\udc01\xc3\xbc\"}");
    buf_free(&out);
}

static void test_width(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        unsigned width;
    } cases[] = {{'a', 1},     {0xfc, 1},   {0x301, 0},  {0x4e2d, 2}, {0xac00, 2},
                 {0x1f600, 2}, {0x20ac, 1}, {0xff21, 2}, {0x3099, 0}, {0x430, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_width(cases[i].code), cases[i].width);
}

/* What follows the text in memory is not looked at, even where it would complete a character. */
static void test_character_cut_by_the_end(void **state)
{
    static const char *const whole[] = {"\xc3\xa4", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        for (size_t n = 1; n < strlen(whole[i]); n++) {
            const uint8_t *p = (const uint8_t *)whole[i];
            struct buf out = {0};
            uint32_t code;
            assert_int_equal(utf8_read(p, p + n, &code), 0);
            escape_add(&out, slice_of(p, n));
            assert_int_equal(out.n, 4 * n);
            buf_free(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_character_cut_by_the_end),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_stray_bytes),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_to_buf_and_arena),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
