/* SPDX-License-Identifier: Apache-2.0
 * The country table: complete, sorted, sane. */
#include "geo/geo.h"
#include "geo/subdivision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

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
            assert_non_null(strstr("AF AN AS EU NA OC SA", c->continent));
            assert_int_equal(strlen(c->continent), 2);
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

/* Airports, which sites are often called after; and what is just across a border of a box. */
static void test_inland(void **state)
{
    (void)state;
    static const struct {
        const char *what, *country; /* NULL: not sure */
        double latitude, longitude;
    } places[] = {
        {"IAD", "US", 38.94, -77.46},
        {"JFK", "US", 40.64, -73.78},
        {"BOS", "US", 42.36, -71.01},
        {"MIA", "US", 25.79, -80.29},
        {"ATL", "US", 33.64, -84.43},
        {"ORD", "US", 41.98, -87.90},
        {"DFW", "US", 32.90, -97.04},
        {"DEN", "US", 39.86, -104.67},
        {"SJC", "US", 37.36, -121.93},
        {"LAX", "US", 33.94, -118.41},
        {"SEA", "US", 47.45, -122.31},
        {"YVR", "CA", 49.19, -123.18},
        {"YYZ", "CA", 43.68, -79.63},
        {"YUL", "CA", 45.47, -73.74},
        {"MEX", "MX", 19.44, -99.07},
        {"QRO", "MX", 20.62, -100.19},
        {"GRU", "BR", -23.43, -46.47},
        {"GIG", "BR", -22.81, -43.25},
        {"EZE", "AR", -34.82, -58.54},
        {"BOG", "CO", 4.70, -74.15},
        {"LHR", "GB", 51.47, -0.45},
        {"MAN", "GB", 53.35, -2.27},
        {"EDI", "GB", 55.95, -3.37},
        {"CDG", "FR", 49.01, 2.55},
        {"MRS", "FR", 43.44, 5.21},
        {"FRA", "DE", 50.03, 8.57},
        {"TXL", "DE", 52.55, 13.29},
        {"DUS", "DE", 51.28, 6.77},
        {"MUC", "DE", 48.35, 11.79},
        {"MAD", "ES", 40.47, -3.56},
        {"BCN", "ES", 41.30, 2.08},
        {"MXP", "IT", 45.63, 8.72},
        {"FCO", "IT", 41.80, 12.24},
        {"ARN", "SE", 59.65, 17.92},
        {"WAW", "PL", 52.17, 20.97},
        {"IST", "TR", 41.26, 28.74},
        {"SVO", "RU", 55.97, 37.41},
        {"LED", "RU", 59.80, 30.26},
        {"OVB", "RU", 55.01, 82.65},
        {"VVO", "RU", 43.40, 132.15},
        {"RUH", "SA", 24.96, 46.70},
        {"JED", "SA", 21.68, 39.16},
        {"BOM", "IN", 19.09, 72.87},
        {"DEL", "IN", 28.57, 77.10},
        {"MAA", "IN", 12.99, 80.17},
        {"CCU", "IN", 22.65, 88.45},
        {"PEK", "CN", 40.08, 116.58},
        {"PVG", "CN", 31.14, 121.81},
        {"SZX", "CN", 22.64, 113.81},
        {"CTU", "CN", 30.58, 103.95},
        {"HND", "JP", 35.55, 139.78},
        {"KIX", "JP", 34.43, 135.24},
        {"FUK", "JP", 33.59, 130.45},
        {"CTS", "JP", 42.78, 141.69},
        {"ICN", "KR", 37.46, 126.44},
        {"CGK", "ID", -6.13, 106.66},
        {"SYD", "AU", -33.95, 151.18},
        {"PER", "AU", -31.94, 115.97},
        {"JNB", "ZA", -26.14, 28.25},
        {"CPT", "ZA", -33.96, 18.60},
        /* Neighbours. */
        {"Windsor, Ontario", NULL, 42.31, -83.03},
        {"Niagara Falls, Ontario", NULL, 43.09, -79.08},
        {"Victoria, British Columbia", NULL, 48.43, -123.37},
        {"Tijuana", NULL, 32.51, -117.04},
        {"Nuevo Laredo", NULL, 27.48, -99.52},
        {"Nassau", NULL, 25.05, -77.36},
        {"Strasbourg", NULL, 48.57, 7.75},
        {"Salzburg", NULL, 47.80, 13.04},
        {"AMS", NULL, 52.31, 4.76},
        {"ZRH", NULL, 47.46, 8.55},
        {"GVA", NULL, 46.24, 6.11},
        {"LUX", NULL, 49.62, 6.20},
        {"BRU", NULL, 50.90, 4.48},
        {"CPH", NULL, 55.62, 12.66},
        {"PRG", NULL, 50.10, 14.26},
        {"VIE", NULL, 48.11, 16.57},
        {"DUB", NULL, 53.42, -6.27},
        {"Monaco", NULL, 43.73, 7.42},
        {"Gibraltar", NULL, 36.15, -5.35},
        {"LIS", NULL, 38.77, -9.13},
        {"SIN", NULL, 1.35, 103.99},
        {"HKG", NULL, 22.31, 113.91},
        {"Macau", NULL, 22.15, 113.59},
        {"TPE", NULL, 25.08, 121.23},
        {"CMB", NULL, 7.18, 79.88},
        {"DAC", NULL, 23.84, 90.40},
        {"KTM", NULL, 27.70, 85.36},
        {"LHE", NULL, 31.52, 74.40},
        {"MVD", NULL, -34.84, -56.03},
        {"ASU", NULL, -25.24, -57.52},
        {"Maseru", NULL, -29.31, 27.48},
        {"MTS", NULL, -26.53, 31.31},
        {"PUS", "KR", 35.18, 128.94},
        {"TLL", NULL, 59.41, 24.83},
        {"HEL", NULL, 60.32, 24.96},
        {"TSE", NULL, 51.02, 71.47},
        {"BAH", NULL, 26.27, 50.64},
        {"nowhere", NULL, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *found = country_inland(places[i].latitude, places[i].longitude);
        const char *want = places[i].country;
        if (!found != !want || (want && strcmp(found, want) != 0))
            fail_msg("%s: %s, expected %s", places[i].what, found ? found : "-", want ? want : "-");
        assert_true(!want || country_find(want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test(test_continents),
        cmocka_unit_test(test_subdivisions),
        cmocka_unit_test(test_inland),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
