/* SPDX-License-Identifier: Apache-2.0
 * The country table: complete, sorted, sane. */
#include "geo/geo.h"
#include "geo/subdivision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned count_countries(void)
{
    unsigned n = 0;
    for (char a = 'A'; a <= 'Z'; a++) {
        for (char b = 'A'; b <= 'Z'; b++) {
            const char code[3] = {a, b};
            const struct country *c = country_find(code);
            if (!c)
                continue;
            n++;
            assert_string_equal(c->code, code);
            assert_true(continent_exists(c->continent));
            assert_true(c->latitude >= -90 && c->latitude <= 90);
            assert_true(c->longitude >= -180 && c->longitude <= 180);
        }
    }
    return n;
}

static void test_table_is_complete(void **state)
{
    (void)state;
    assert_int_equal(count_countries(), 249 + 3); /* ISO 3166-1, and AP, EU, XK */
    assert_null(country_find("ZZ"));
    assert_null(country_find(""));
    assert_null(country_find("de"));
}

static void test_continents(void **state)
{
    (void)state;
    static const char *pairs[][2] = {{"NO", "EU"}, {"US", "NA"}, {"BR", "SA"}, {"SG", "AS"},
                                     {"ZA", "AF"}, {"AU", "OC"}, {"AQ", "AN"}, {"TR", "AS"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_string_equal(country_find(pairs[i][0])->continent, pairs[i][1]);
    assert_false(continent_exists("XX"));
    assert_false(continent_exists(""));
    assert_false(continent_exists("EUR"));
}

static void test_subdivisions(void **state)
{
    (void)state;
    char out[SUBDIVISION_MAX];
    assert_true(subdivision_make(out, "US", "ca"));
    assert_string_equal(out, "US-CA");
    assert_true(subdivision_make(out, "US", "US-CA"));
    assert_string_equal(out, "US-CA");
    assert_true(subdivision_make(out, "US", "New york"));
    assert_string_equal(out, "US-NY");
    assert_true(subdivision_make(out, "GB", "ENG"));
    assert_string_equal(out, "GB-ENG");
    assert_false(subdivision_make(out, "DE", "Bavaria"));
    assert_false(subdivision_make(out, "US", "Ontario"));
    assert_false(subdivision_make(out, "", "CA"));
    assert_false(subdivision_make(out, "US", ""));
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test(test_continents),
        cmocka_unit_test(test_subdivisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
