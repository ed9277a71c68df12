/* SPDX-License-Identifier: Apache-2.0
 * What is said of files that are no MaxMind database. */
#include "geo/mistaken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EXPECTED ", expected a MaxMind database"
#define CUT "is cut off, or no MaxMind database: the metadata that ends one is missing"

struct mistaken_case {
    const char *bytes;
    uint32_t n; /* 0: as long as the text */
    const char *expected;
};

static void check(const void *bytes, uint32_t n, const char *expected)
{
    char out[MISTAKEN_MAX];
    uint8_t exact[512]; /* of which no byte past the file is looked at, or the sanitizer tells */
    memcpy(exact, bytes, n);
    assert_string_equal(mistaken_text(out, slice_of(exact, n)), expected);
}

static void check_all(const struct mistaken_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(cases[i].bytes, cases[i].n ? cases[i].n : (uint32_t)strlen(cases[i].bytes),
              cases[i].expected);
}

static void test_text(void **state)
{
    static const struct mistaken_case cases[] = {
        {"", 0, "is empty" EXPECTED},
        {"\n", 0, "is empty" EXPECTED},
        {"\xef\xbb\xbf \r\n\t", 0, "is empty" EXPECTED},
        {"<html>403</html>\n", 0, "starts with '<html>'" EXPECTED},
        {"\xef\xbb\xbf\n  <!DOCTYPE html>\n<html>", 0, "starts with '<!DOCTYPE html>'" EXPECTED},
        {"Invalid license key\nsorry", 0, "starts with 'Invalid license key'" EXPECTED},
        {"a > b", 0, "starts with 'a > b'" EXPECTED},
        {"{\"error\": 1}", 0, "starts with '{\"error\": 1}'" EXPECTED},
        {"a\r\nb", 0, "starts with 'a'" EXPECTED},
        {"0123456789012345678901234567890123456789", 0,
         "starts with '0123456789012345678901234567890123456789'" EXPECTED},
        {"0123456789012345678901234567890123456789+", 0,
         "starts with '0123456789012345678901234567890123456789'" EXPECTED},
        {"012345678901234567890123456789012345678\xc3\xa4", 0,
         "starts with '012345678901234567890123456789012345678'" EXPECTED},
        {"x,y\n\x01", 0, CUT},
        {"ab\xff", 0, CUT},
        {"ab\xc3", 0, CUT},
        {"a\xe2\x80\xae", 0, CUT},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_packed(void **state)
{
    static const struct mistaken_case cases[] = {
        {"\x1f\x8b\x08", 3, "is compressed (gzip): unpack it"},
        {"\x1f\x8b", 2, "is compressed (gzip): unpack it"},
        {"\x1f", 1, CUT},
        {"\x1f\x9d\x90", 3, "is compressed (compress): unpack it"},
        {"BZh91AY&SY", 0, "is compressed (bzip2): unpack it"},
        {"\xfd"
         "7zXZ\0",
         6, "is compressed (xz): unpack it"},
        {"\x28\xb5\x2f\xfd", 4, "is compressed (zstd): unpack it"},
        {"\x04\x22\x4d\x18", 4, "is compressed (lz4): unpack it"},
        {"PK\3\4", 4, "is an archive (zip): unpack it, the database is inside"},
        {"7z\xbc\xaf\x27\x1c", 6, "is an archive (7z): unpack it, the database is inside"},
        {"\xff\xfe<\0h\0", 6, "is text in UTF-16" EXPECTED},
        {"\xfe\xff\0<\0h", 6, "is text in UTF-16" EXPECTED},
        {"\0", 1, "has nothing but zero bytes" EXPECTED},
        {"\0\0\0\0", 4, "has nothing but zero bytes" EXPECTED},
        {"\0\0\0\1", 4, CUT},
        {"\0\0\1\0\0\2", 6, CUT},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_tar(void **state)
{
    uint8_t file[512] = "GeoLite2-Country_20260101/";
    (void)state;
    memcpy(file + 257, "ustar", 5);
    check(file, 512, "is an archive (tar): unpack it, the database is inside");
    check(file, 262, "is an archive (tar): unpack it, the database is inside");
    check(file, 261, CUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_tar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
