/* SPDX-License-Identifier: Apache-2.0
 * What databases of both schemas and networks say of an address, together and in turn; and what is
 * refused, with which words. */
#include "geo_fixture.h"

#include "base/rng.h"

static const struct {
    unsigned record_bits, ip_version;
} formats[] = {{24, 4}, {28, 4}, {32, 4}, {24, 6}, {28, 6}, {32, 6}};

static void test_flat_schema(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(formats); i++) {
        struct fixture f;
        struct mmdb_make m;
        fixture_init(&f);
        make_init(&m, formats[i].record_bits, formats[i].ip_version);
        uint32_t de = put_flat_country(&m, "DE"), us = put_flat_country(&m, "us");
        make_text_network(&m, "192.0.2.0/24", de);
        make_text_network(&m, "192.0.2.128/25", us);
        if (formats[i].ip_version == 6)
            make_text_network(&m, "2001:db8::/32", us);
        fixture_database(&f, &m);
        fixture_load(&f);
        const struct place *p = fixture_find(&f, "192.0.2.1");
        assert_string_equal(p->country, "DE");
        assert_string_equal(p->continent, "EU");
        assert_true(p->located && p->coarse);
        assert_memory_equal(p->source, "loadstar-geo-", 13);
        assert_string_equal(fixture_find(&f, "192.0.2.200")->country, "US");
        assert_string_equal(fixture_find(&f, "::ffff:192.0.2.200")->country, "US");
        assert_string_equal(fixture_find(&f, "192.0.3.1")->country, "");
        assert_ptr_equal(fixture_find(&f, "192.0.3.1"), &f.geo->places[0]);
        if (formats[i].ip_version == 6)
            assert_string_equal(fixture_find(&f, "2001:db8::1")->country, "US");
        fixture_free(&f);
    }
}

static void test_flat_city(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct fixture f;
        struct mmdb_make m;
        fixture_init(&f);
        make_init(&m, 28, 6);
        uint32_t at = make_here(&m) | MAKE_RECORD;
        put_flat_city(&m, kind, 37.7749, -122.4194);
        make_text_network(&m, "203.0.113.0/24", at);
        fixture_database(&f, &m);
        fixture_load(&f);
        const struct place *p = fixture_find(&f, "203.0.113.9");
        assert_string_equal(p->subdivision, "US-CA");
        assert_string_equal(p->continent, "NA");
        assert_true(p->located && !p->coarse);
        assert_float_equal(p->latitude, 37.7749, 1e-4);
        assert_float_equal(p->longitude, -122.4194, 1e-4);
        fixture_free(&f);
    }
}

/* A city of MaxMind's, with the country's map shared by a pointer. */
static uint32_t put_maxmind_city(struct mmdb_make *m, uint32_t country_map)
{
    uint32_t at = make_here(m) | MAKE_RECORD;
    put_map(&m->data, 4);
    put_text(&m->data, "country");
    put_pointer(&m->data, country_map);
    put_text(&m->data, "location");
    put_map(&m->data, 3);
    put_text(&m->data, "accuracy_radius");
    put_u16(&m->data, 20);
    put_text(&m->data, "latitude");
    put_double(&m->data, 45.5);
    put_text(&m->data, "longitude");
    put_double(&m->data, -73.6);
    put_text(&m->data, "registered_country");
    put_map(&m->data, 1);
    put_text(&m->data, "iso_code");
    put_text(&m->data, "FR");
    put_text(&m->data, "subdivisions");
    put_array(&m->data, 2);
    for (unsigned i = 0; i < 2; i++) {
        put_map(&m->data, 1);
        put_text(&m->data, "iso_code");
        put_text(&m->data, i ? "XX" : "QC");
    }
    return at;
}

static void test_maxmind_schema(void **state)
{
    (void)state;
    struct fixture f;
    struct mmdb_make m;
    fixture_init(&f);
    make_init(&m, 28, 6);
    uint32_t country_map = make_here(&m);
    put_map(&m.data, 1);
    put_text(&m.data, "iso_code");
    put_text(&m.data, "CA");
    uint32_t city = put_maxmind_city(&m, country_map);
    uint32_t registered = put_maxmind_country(&m, "registered_country", "JP", "AS");
    uint32_t odd = put_maxmind_country(&m, "country", "CY", "AS");
    make_text_network(&m, "192.0.2.0/24", city);
    make_text_network(&m, "198.51.100.0/24", registered);
    make_text_network(&m, "203.0.113.0/24", odd);
    fixture_database(&f, &m);
    fixture_load(&f);
    const struct place *p = fixture_find(&f, "192.0.2.1");
    assert_string_equal(p->country, "CA");
    assert_string_equal(p->continent, "NA");
    assert_string_equal(p->subdivision, "CA-QC");
    assert_float_equal(p->latitude, 45.5, 1e-6);
    assert_string_equal(fixture_find(&f, "198.51.100.1")->country, "JP");
    assert_string_equal(fixture_find(&f, "203.0.113.1")->continent, "AS"); /* as the database has */
    fixture_free(&f);
}

static void test_leaf_over_all_of_ipv4(void **state)
{
    (void)state;
    struct fixture f;
    struct mmdb_make m;
    fixture_init(&f);
    make_init(&m, 24, 6);
    uint32_t de = put_flat_country(&m, "DE");
    make_text_network(&m, "::/64", de);
    make_text_network(&m, "2002::/16", put_flat_country(&m, "FR")); /* an alias: passed over */
    fixture_database(&f, &m);
    fixture_load(&f);
    assert_string_equal(fixture_find(&f, "8.8.8.8")->country, "DE");
    assert_string_equal(fixture_find(&f, "2002:0808:0808::1")->country, "DE");
    assert_string_equal(fixture_find(&f, "::1")->country, "DE");
    assert_string_equal(fixture_find(&f, "2a00::1")->country, "");
    fixture_free(&f);
}

/* One record of a schema, as its publisher has it, and what it says. A value is text, or a number
 * behind '#'. */
static const struct {
    const char *keys[16]; /* key, value, .. */
    const char *country, *continent, *subdivision;
    uint32_t asn;
    bool located;
} schemas[] = {
    /* ipinfo lite */
    {{"as_domain", "google.com", "as_name", "Google LLC", "asn", "AS15169", "continent",
      "North America", "continent_code", "NA", "country", "United States", "country_code", "US"},
     "US",
     "NA",
     "",
     15169,
     false},
    /* ipinfo country_asn */
    {{"as_name", "Google LLC", "asn", "AS15169", "continent", "NA", "continent_name",
      "North America", "country", "US", "country_name", "United States"},
     "US",
     "NA",
     "",
     15169,
     false},
    /* ipinfo country */
    {{"continent", "EU", "continent_name", "Europe", "country", "DE", "country_name", "Germany"},
     "DE",
     "EU",
     "",
     0,
     false},
    /* ipinfo location, with coordinates as text and as numbers */
    {{"city", "Mountain View", "country", "US", "lat", "37.4", "lng", "-122.1", "region",
      "California", "region_code", "CA"},
     "US",
     "NA",
     "US-CA",
     0,
     true},
    {{"city", "Toronto", "country_code", "CA", "latitude", "43.7", "longitude", "-79.4", "region",
      "Ontario", "region_code", "ON"},
     "CA",
     "NA",
     "CA-ON",
     0,
     true},
    /* iplocate ip-to-country and ip-to-asn */
    {{"country_code", "AU", "country", "Australia", "continent_code", "OC"}, "AU", "OC", "", 0, 0},
    {{"asn", "#13335", "country_code", "US", "name", "CLOUDFLARENET", "org", "Cloudflare"},
     "US",
     "NA",
     "",
     13335,
     false},
    /* numbers of AS as people write them */
    {{"asn", "13335"}, "", "", "", 13335, false},
    {{"asn", "as4294967295"}, "", "", "", UINT32_MAX, false},
    {{"asn", "AS1", "autonomous_system_number", "#2"}, "", "", "", 2, false},
    {{"asn", "AS7", "autonomous_system_number", "none"}, "", "", "", 7, false},
    /* and what is none of them, beside something that is known */
    {{"country", "DE", "asn", "AS"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "asn", "AS0"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "asn", "AS4294967296"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "asn", "AS-1"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "asn", "AS1e3"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "asn", "0x10"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "asn", "AS15169 Google"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "asn", " 5"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "asn", "99999999999999999999999999999999"}, "DE", "EU", "", 0, false},
    {{"country", "DE", "continent", "Europe", "lat", "91", "lng", "0"}, "DE", "EU", "", 0, false},
    {{"country_code", "DE", "country", "US"}, "DE", "EU", "", 0, false},
    {{"country_code", "-", "country", "US"}, "US", "NA", "", 0, false},
    {{"continent", "AS"}, "", "AS", "", 0, false},
};

static void test_flat_schemas_of_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        struct fixture f;
        struct mmdb_make m;
        unsigned n = 0;
        fixture_init(&f);
        make_init(&m, 24, 4);
        uint32_t at = make_here(&m) | MAKE_RECORD;
        while (schemas[i].keys[2 * n])
            n++;
        put_map(&m.data, n);
        for (unsigned k = 0; k < n; k++) {
            const char *value = schemas[i].keys[2 * k + 1];
            put_text(&m.data, schemas[i].keys[2 * k]);
            if (*value == '#')
                put_u32(&m.data, (uint32_t)strtoul(value + 1, NULL, 10));
            else
                put_text(&m.data, value);
        }
        make_text_network(&m, "192.0.2.0/24", at);
        fixture_database(&f, &m);
        fixture_load(&f);
        const struct place *p = fixture_find(&f, "192.0.2.1");
        if (strcmp(p->country, schemas[i].country) != 0 ||
            strcmp(p->continent, schemas[i].continent) != 0 ||
            strcmp(p->subdivision, schemas[i].subdivision) != 0 || p->asn != schemas[i].asn ||
            (p->located && !p->coarse) != schemas[i].located)
            fail_msg("schema %zu: %s %s %s AS%u %d", i, p->country, p->continent, p->subdivision,
                     p->asn, p->located && !p->coarse);
        fixture_free(&f);
    }
}

/* Of two databases with an AS number, the first counts; the later one fills what it lacks. */
static void test_the_first_asn_counts(void **state)
{
    (void)state;
    struct fixture f;
    struct mmdb_make m;
    fixture_init(&f);
    make_init(&m, 24, 4);
    make_text_network(&m, "192.0.2.0/24", put_asn(&m, 64500));
    fixture_database(&f, &m);
    make_init(&m, 24, 4);
    make_text_network(&m, "192.0.0.0/16", put_asn(&m, 64501));
    fixture_database(&f, &m);
    fixture_load(&f);
    assert_int_equal(fixture_find(&f, "192.0.2.1")->asn, 64500);
    assert_int_equal(fixture_find(&f, "192.0.3.1")->asn, 64501);
    fixture_free(&f);
}

static void test_later_databases_add(void **state)
{
    (void)state;
    struct fixture f;
    struct mmdb_make m;
    fixture_init(&f);
    make_init(&m, 24, 6);
    uint32_t us = put_flat_country(&m, "US"), de = put_flat_country(&m, "DE");
    make_text_network(&m, "192.0.2.0/24", us);
    make_text_network(&m, "198.51.100.0/24", de);
    fixture_database(&f, &m);
    make_init(&m, 24, 4);
    make_text_network(&m, "192.0.2.0/25", put_asn(&m, 64500));
    fixture_database(&f, &m);
    make_init(&m, 32, 4);
    uint32_t city = make_here(&m) | MAKE_RECORD;
    put_flat_city(&m, 0, 37.7, -122.4);
    make_text_network(&m, "0.0.0.0/0", city);
    fixture_database(&f, &m);
    fixture_load(&f);

    const struct place *p = fixture_find(&f, "192.0.2.1");
    assert_string_equal(p->country, "US");
    assert_int_equal(p->asn, 64500);
    assert_string_equal(p->subdivision, "US-CA");
    assert_true(p->located && !p->coarse);
    assert_int_equal(fixture_find(&f, "192.0.2.129")->asn, 0);
    p = fixture_find(&f, "198.51.100.1"); /* a city of another country adds nothing */
    assert_string_equal(p->country, "DE");
    assert_string_equal(p->subdivision, "");
    assert_true(p->coarse);
    assert_string_equal(fixture_find(&f, "8.8.8.8")->subdivision, "US-CA");
    assert_string_equal(fixture_find(&f, "2001:db8::1")->country, "");
    fixture_free(&f);
}

/* Norway served from Asia: a map finds the clients by either. Without a country beside it, a
 * continent hides the one that contradicts it. */
static void test_network_with_country_and_continent(void **state)
{
    static const struct {
        const char *country, *continent, *expected_country, *expected_continent;
    } cases[] = {
        {"NO", "AS", "NO", "AS"}, {"NO", "EU", "NO", "EU"}, {"NO", "", "NO", "EU"},
        {"TR", "AS", "TR", "AS"}, {"", "AS", "", "AS"},     {"", "NA", "US", "NA"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        struct mmdb_make m;
        fixture_init(&f);
        make_init(&m, 24, 6);
        make_text_network(&m, "0.0.0.0/0", put_flat_country(&m, "US"));
        fixture_database(&f, &m);
        struct geo_network *network = fixture_network(&f, "10.0.0.0/8");
        strcpy(network->country, cases[i].country);
        strcpy(network->continent, cases[i].continent);
        fixture_load(&f);
        const struct place *p = fixture_find(&f, "10.9.0.1");
        assert_string_equal(p->country, cases[i].expected_country);
        assert_string_equal(p->continent, cases[i].expected_continent);
        const struct country *country = country_find(cases[i].expected_country);
        assert_int_equal(p->located, country != NULL);
        if (country)
            assert_float_equal(p->latitude, country->latitude, 1e-4);
        fixture_free(&f);
    }
}

static void test_networks_lie_over_databases(void **state)
{
    (void)state;
    static const struct site sites[] = {
        {.name = "ams", .located = true, .latitude = 52.31, .longitude = 4.76}, {.name = "dark"}};
    struct fixture f;
    struct mmdb_make m;
    fixture_init(&f);
    f.model.sites = sites;
    f.model.n_sites = 2;
    make_init(&m, 24, 6);
    uint32_t city = make_here(&m) | MAKE_RECORD;
    put_flat_city(&m, 0, 37.7, -122.4);
    make_text_network(&m, "0.0.0.0/0", city);
    fixture_database(&f, &m);

    fixture_network(&f, "10.1.0.0/16")->tag = "lab"; /* inherits from the one around it, below */
    fixture_network(&f, "10.0.0.0/8")->site = 0;
    memcpy(fixture_network(&f, "10.2.0.0/16")->country, "NO", 3);
    memcpy(fixture_network(&f, "10.3.0.0/16")->continent, "AS", 3);
    memcpy(fixture_network(&f, "10.4.0.0/16")->continent, "NA", 3);
    struct geo_network *here = fixture_network(&f, "2001:db8::/32");
    here->located = true;
    here->latitude = 1.5;
    here->longitude = 2.5;
    fixture_network(&f, "172.16.0.0/12")->site = 1;
    memcpy(fixture_network(&f, "::ffff:192.0.2.0/120")->country, "SE", 3);
    fixture_load(&f);

    const struct place *p = fixture_find(&f, "10.9.0.1");
    assert_int_equal(p->site, 0);
    assert_string_equal(p->country, "US");
    assert_float_equal(p->latitude, 52.31, 1e-4);
    assert_true(strstr(p->source, "networks, loadstar-geo-") == p->source);
    p = fixture_find(&f, "10.1.0.1");
    assert_string_equal(p->tag, "lab");
    assert_int_equal(p->site, 0);
    p = fixture_find(&f, "10.2.0.1");
    assert_string_equal(p->country, "NO");
    assert_string_equal(p->continent, "EU");
    assert_string_equal(p->subdivision, "");
    assert_true(p->coarse);
    assert_float_equal(p->latitude, 59.91, 1e-4);
    p = fixture_find(&f, "10.3.0.1");
    assert_string_equal(p->continent, "AS");
    assert_string_equal(p->country, "");
    assert_false(p->located);
    p = fixture_find(&f, "10.4.0.1");
    assert_string_equal(p->country, "US"); /* agrees with the continent */
    p = fixture_find(&f, "2001:db8::1");
    assert_true(p->located && !p->coarse);
    assert_int_equal(p->site, MODEL_NONE);
    p = fixture_find(&f, "172.16.0.1");
    assert_int_equal(p->site, 1);
    assert_float_equal(p->latitude, 37.7, 1e-4); /* the site has no place of its own */
    assert_string_equal(fixture_find(&f, "192.0.2.77")->country, "SE");
    assert_int_equal(fixture_find(&f, "192.0.3.1")->site, MODEL_NONE);
    fixture_free(&f);
}

static void test_network_that_is_a_window_warns(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    memcpy(fixture_network(&f, "2002::/16")->country, "SE", 3);
    fixture_load(&f);
    assert_int_equal(f.diags.n_warnings, 1);
    assert_int_equal(f.diags.v[0].span.line, 1);
    assert_string_equal(fixture_find(&f, "2002::1")->country, "");
    fixture_free(&f);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    f.paths[0] = xstrdup("/nonexistent/country.mmdb");
    f.model.geo.databases.n = 1;
    fixture_refused(&f, "cannot read the geo database: No such file or directory");
    fixture_said(&f, 0, "/nonexistent/country.mmdb");
    fixture_free(&f);
}

static void test_not_a_database(void **state)
{
    (void)state;
    static const char *texts[] = {"", "hello", "\xab\xcd\xefMaxMind.com",
                                  "\xab\xcd\xefMaxMind.com\xe1"};
    static const char *wants[] = {"is empty, expected a MaxMind database",
                                  "starts with 'hello', expected a MaxMind database",
                                  "its metadata", "its metadata"};
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_bytes(&f, texts[i], strlen(texts[i]));
        fixture_refused(&f, wants[i]);
        fixture_free(&f);
    }
}

static void small_database(struct buf *file)
{
    struct mmdb_make m;
    make_init(&m, 24, 6);
    uint32_t de = put_flat_country(&m, "DE"), us = put_flat_country(&m, "US");
    make_text_network(&m, "192.0.2.0/24", de);
    make_text_network(&m, "2001:db8::/32", us);
    make_text_network(&m, "198.51.100.0/22", put_maxmind_city(&m, de & ~MAKE_RECORD));
    make_file(&m, file);
    make_free(&m);
}

static void test_truncated(void **state)
{
    (void)state;
    struct buf file = {0};
    small_database(&file);
    struct fixture f;
    fixture_init(&f);
    fixture_bytes(&f, file.p, file.n - 60);
    fixture_refused(&f, "broken MaxMind DB: its metadata");
    fixture_free(&f);

    fixture_init(&f);
    fixture_bytes(&f, file.p + 200, file.n - 200); /* as if the tree's begin were lost */
    fixture_refused(&f, "MaxMind DB: ");
    fixture_free(&f);

    char *marker = memmem(file.p, file.n, "\xab\xcd\xefMaxMind.com", 14);
    fixture_init(&f);
    fixture_bytes(&f, marker, file.n - (size_t)(marker - file.p));
    fixture_refused(&f, "truncated MaxMind DB: a tree of ");
    fixture_free(&f);
    buf_free(&file);
}

/* Wherever a file ends too early, no sign of the end is left, and a tree is no text. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    struct buf file = {0};
    small_database(&file);
    char *marker = memmem(file.p, file.n, "\xab\xcd\xefMaxMind.com", 14);
    for (size_t n = 1; n < (size_t)(marker - file.p) + 14; n++) {
        struct fixture f;
        fixture_init(&f);
        fixture_bytes(&f, file.p, n);
        fixture_refused(&f, n > 3 ? ": is cut off, or no MaxMind database" : "MaxMind database");
        assert_int_equal(f.diags.n_errors, 1);
        fixture_free(&f);
    }
    buf_free(&file);
}

/* The metadata are there, at the end as they should be. */
static void test_database_in_an_archive(void **state)
{
    (void)state;
    struct buf database = {0}, file = {0};
    char head[512] = "country.mmdb";
    small_database(&database);
    memcpy(head + 257, "ustar", 5);
    buf_add(&file, head, sizeof head);
    buf_add(&file, database.p, database.n);
    struct fixture f;
    fixture_init(&f);
    fixture_bytes(&f, file.p, file.n);
    fixture_refused(&f, "is an archive (tar): unpack it");
    fixture_free(&f);
    buf_free(&file);
    buf_free(&database);
}

static void test_directory_for_a_database(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    f.paths[0] = xstrdup("/");
    f.paths[1] = xstrdup("/dev/null");
    f.model.geo.databases.n = 2;
    fixture_refused(&f, "/: is a directory, expected the file of a database");
    assert_string_equal(f.diags.v[1].text, "/dev/null: is a device or pipe, expected a file");
    f.model.geo.databases.n = 0;
    free((void *)(uintptr_t)f.paths[0]);
    free((void *)(uintptr_t)f.paths[1]);
    fixture_free(&f);
}

static void test_useless_database_says_what_is_there(void **state)
{
    (void)state;
    struct fixture f;
    struct mmdb_make m;
    fixture_init(&f);
    make_init(&m, 24, 4);
    uint32_t at = make_here(&m) | MAKE_RECORD;
    put_map(&m.data, 2);
    put_text(&m.data, "isp");
    put_text(&m.data, "Example");
    put_text(&m.data, "country");
    put_text(&m.data, "Germany"); /* a scalar where MaxMind has a map */
    make_text_network(&m, "192.0.2.0/24", at);
    const char *path = fixture_database(&f, &m);
    fixture_refused(&f, "useless geo database");
    fixture_said(&f, 0, path);
    assert_non_null(strstr(f.diags.v[0].text, "Found: isp, country"));
    assert_non_null(strstr(f.diags.v[0].text, "country_code"));
    assert_non_null(strstr(f.diags.v[0].text, "country.iso_code"));
    fixture_free(&f);
}

static void test_all_broken_databases_are_listed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_bytes(&f, "x", 1);
    fixture_bytes(&f, "y", 1);
    fixture_refused(&f, "starts with 'x'");
    assert_int_equal(f.diags.n_errors, 2);
    fixture_said(&f, 1, f.paths[1]);
    assert_non_null(strstr(f.diags.v[1].text, "starts with 'y'"));
    fixture_free(&f);
}

static void test_too_many_databases(void **state)
{
    (void)state;
    const char *paths[32] = {0};
    struct span places[32] = {[31] = {"loadstar.yaml", 77, 9}};
    struct fixture f;
    fixture_init(&f);
    f.model.geo.database_spans = places;
    f.model.geo.databases = (struct str_list){paths, ARRAY_LEN(paths)};
    fixture_refused(&f, "32 geo databases; at most 31");
    assert_int_equal(f.diags.v[0].span.line, 77);
    f.model.geo.databases.n = 0;
    fixture_free(&f);
}

static void test_tree_with_a_cycle(void **state)
{
    (void)state;
    struct mmdb_make m;
    struct fixture f;
    fixture_init(&f);
    make_init(&m, 24, 6);
    uint32_t de = put_flat_country(&m, "DE");
    make_text_network(&m, "2a00::/12", de);
    m.nodes.v[m.nodes.n - 1].child[1] = 0;
    fixture_database(&f, &m);
    fixture_refused(&f, "search tree");
    fixture_free(&f);
}

static void test_deeply_nested_record(void **state)
{
    (void)state;
    struct mmdb_make m;
    struct fixture f;
    fixture_init(&f);
    make_init(&m, 24, 6);
    uint32_t at = make_here(&m) | MAKE_RECORD;
    put_map(&m.data, 1);
    put_text(&m.data, "x");
    for (unsigned i = 0; i < 1000000; i++)
        put_array(&m.data, 1);
    make_text_network(&m, "2a00::/12", at);
    fixture_database(&f, &m);
    fixture_refused(&f, "a record cannot be read");
    fixture_free(&f);
}

/* Whatever bytes are flipped: refused or read, but never a crash. For the sanitizers. */
static void test_flipped_bytes(void **state)
{
    (void)state;
    struct buf file = {0};
    small_database(&file);
    struct rng rng = {.state = 4};
    for (unsigned i = 0; i < 300; i++) {
        struct fixture f;
        char *copy = xmalloc(file.n);
        fixture_init(&f);
        memcpy(copy, file.p, file.n);
        for (unsigned k = 1 + rng_below(&rng, 8); k--;)
            copy[rng_below(&rng, (uint32_t)file.n)] = (char)rng_next(&rng);
        fixture_bytes(&f, copy, file.n);
        if (geo_load(&f.geo, &f.model, &f.diags) == 0)
            assert_true(trie_validate(f.geo->base));
        else
            assert_true(f.diags.n_errors == 1);
        fixture_free(&f);
        free(copy);
    }
    buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_schema),
        cmocka_unit_test(test_flat_city),
        cmocka_unit_test(test_maxmind_schema),
        cmocka_unit_test(test_flat_schemas_of_others),
        cmocka_unit_test(test_the_first_asn_counts),
        cmocka_unit_test(test_leaf_over_all_of_ipv4),
        cmocka_unit_test(test_later_databases_add),
        cmocka_unit_test(test_network_with_country_and_continent),
        cmocka_unit_test(test_networks_lie_over_databases),
        cmocka_unit_test(test_network_that_is_a_window_warns),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_not_a_database),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_database_in_an_archive),
        cmocka_unit_test(test_directory_for_a_database),
        cmocka_unit_test(test_useless_database_says_what_is_there),
        cmocka_unit_test(test_all_broken_databases_are_listed),
        cmocka_unit_test(test_too_many_databases),
        cmocka_unit_test(test_tree_with_a_cycle),
        cmocka_unit_test(test_deeply_nested_record),
        cmocka_unit_test(test_flipped_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
