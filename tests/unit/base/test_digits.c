/* SPDX-License-Identifier: Apache-2.0
 * Digits and decimal numbers, up to where 64 bits end. */
#include "base/digits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_digits(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef";
    for (unsigned c = 0; c < 256; c++) {
        int low = (int)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        const char *at = memchr(digits, low, strlen(digits));
        int value = at ? (int)(at - digits) : -1;
        assert_int_equal(hex_digit((uint8_t)c), value);
        assert_int_equal(is_digit((uint8_t)c), value >= 0 && value < 10);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max, value;
        bool ok;
    } cases[] = {
        {"0", 0, 0, true},
        {"1", 0, 0, false},
        {"007", 7, 7, true},
        {"65535", UINT16_MAX, UINT16_MAX, true},
        {"65536", UINT16_MAX, 0, false},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, 0, false}, /* one more: the sum wraps */
        {"18446744073709551620", UINT64_MAX, 0, false}, /* the product does */
        {"36893488147419103232", UINT64_MAX, 0, false}, /* twice, to 0 */
        {"", 9, 0, false},
        {"+1", 9, 0, false},
        {"-1", 9, 0, false},
        {" 1", 9, 0, false},
        {"1 ", 9, 0, false},
        {"1a", UINT64_MAX, 0, false},
        {"0x1", UINT64_MAX, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t out = 12345;
        assert_int_equal(decimal_parse(slice_str(cases[i].text), cases[i].max, &out), cases[i].ok);
        assert_int_equal(out, cases[i].ok ? cases[i].value : 12345);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
