/* SPDX-License-Identifier: Apache-2.0
 * What becomes of places: networks over databases, what a database adds beyond countries, and the
 * partitions without what a steering cannot see. */
#include "geo_fixture.h"

/* Both stand, whatever lies below, and the clients are where the country is; a continent alone
 * hides a country of another one. */
static void test_country_beside_another_continent(void **state)
{
    (void)state;
    struct fixture f;
    struct mmdb_make m;
    fixture_init(&f);
    make_init(&m, 24, 4);
    make_text_network(&m, "192.0.2.0/24", put_flat_country(&m, "US"));
    fixture_database(&f, &m);
    struct geo_network *both = fixture_network(&f, "192.0.2.0/25");
    memcpy(both->country, "NO", 3);
    memcpy(both->continent, "AS", 3);
    memcpy(fixture_network(&f, "192.0.2.128/25")->continent, "AS", 3);
    fixture_load(&f);
    const struct place *p = fixture_find(&f, "192.0.2.1");
    assert_string_equal(p->country, "NO");
    assert_string_equal(p->continent, "AS");
    assert_true(p->located && p->coarse);
    assert_float_equal(p->latitude, country_find("NO")->latitude, 1e-6);
    p = fixture_find(&f, "192.0.2.129");
    assert_string_equal(p->country, "");
    assert_string_equal(p->continent, "AS");
    assert_false(p->located);
    fixture_free(&f);
}

/* Coordinates and the site are all that a distance looks at. */
static void test_locations_alone(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    const struct {
        const char *network, *country, *tag;
        double latitude;
    } known[] = {{"192.0.2.0/26", "DE", NULL, 50},
                 {"192.0.2.64/26", "FR", NULL, 50},
                 {"192.0.2.128/26", "DE", "office", 50},
                 {"192.0.2.192/26", "DE", NULL, 51}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct geo_network *network = fixture_network(&f, known[i].network);
        memcpy(network->country, known[i].country, 3);
        network->tag = known[i].tag;
        network->located = true;
        network->latitude = known[i].latitude;
    }
    fixture_load(&f);
    struct geo *reduced = geo_reduce(f.geo, (struct geo_wants){.location = true});
    struct ip ip;
    struct ip_prefix prefix;
    assert_true(trie_validate(reduced->base));
    assert_int_equal(reduced->n_places, 3);
    assert_int_equal(ip_parse(&ip, "192.0.2.1"), 0);
    const struct place *p = geo_find(reduced, &ip, &prefix);
    assert_true(p->located);
    assert_true((double)p->latitude == 50.0);
    assert_string_equal(p->country, "");
    assert_string_equal(p->continent, "");
    assert_int_equal(prefix.len, 25);
    assert_int_equal(ip_parse(&ip, "192.0.2.129"), 0);
    p = geo_find(reduced, &ip, &prefix);
    assert_null(p->tag);
    assert_int_equal(prefix.len, 26);
    geo_free(reduced);
    fixture_free(&f);
}

/* What databases say of clients, whatever networks and countries add. */
static void test_precision(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct fixture f;
        struct mmdb_make m;
        fixture_init(&f);
        make_init(&m, 24, 4);
        uint32_t city = make_here(&m) | MAKE_RECORD;
        if (kind == 0)
            city = put_flat_country(&m, "US");
        else if (kind == 1)
            put_flat_city(&m, 1, 30, -100);
        else
            city = put_asn(&m, 64500);
        make_text_network(&m, "192.0.2.0/24", city);
        fixture_database(&f, &m);
        struct geo_network *network = fixture_network(&f, "198.51.100.0/24");
        network->located = kind != 3;
        network->latitude = 50;
        memcpy(network->country, "DE", 3);
        fixture_load(&f);
        assert_int_equal(f.geo->precise, kind == 1);
        fixture_free(&f);
    }
}

static void test_reduced_partition(void **state)
{
    (void)state;
    struct fixture f;
    struct mmdb_make m;
    fixture_init(&f);
    make_init(&m, 24, 4);
    for (unsigned i = 0; i < 16; i++) { /* cities of one country */
        char text[32];
        uint32_t city = make_here(&m) | MAKE_RECORD;
        put_flat_city(&m, 1, 30 + i, -100);
        snprintf(text, sizeof text, "192.0.%u.0/24", i);
        make_text_network(&m, text, city);
    }
    make_text_network(&m, "198.51.100.0/24", put_asn(&m, 64500));
    fixture_database(&f, &m);
    fixture_load(&f);
    struct geo *reduced = geo_reduce(f.geo, (struct geo_wants){.subdivision = true});
    assert_true(trie_validate(reduced->base));
    assert_int_equal(reduced->n_places, 3); /* nothing, US-CA, known but not wanted */
    struct ip ip;
    struct ip_prefix prefix;
    assert_int_equal(ip_parse(&ip, "192.0.9.1"), 0);
    const struct place *p = geo_find(reduced, &ip, &prefix);
    assert_string_equal(p->subdivision, "US-CA");
    assert_false(p->located);
    assert_int_equal(prefix.len, 20);
    assert_int_equal(ip_parse(&ip, "198.51.100.1"), 0);
    p = geo_find(reduced, &ip, &prefix);
    assert_int_equal(p->asn, 0);
    assert_ptr_not_equal(p, &reduced->places[0]);
    assert_int_equal(ip_parse(&ip, "8.8.8.8"), 0);
    assert_ptr_equal(geo_find(reduced, &ip, &prefix), &reduced->places[0]);
    geo_free(reduced);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_country_beside_another_continent),
        cmocka_unit_test(test_locations_alone),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_reduced_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
