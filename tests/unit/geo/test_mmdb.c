/* SPDX-License-Identifier: Apache-2.0
 * Random databases: what is found at an address against the list of networks they were made from.
 * The shipped database: our walk of its tree against libmaxminddb's own look-up of an address. */
#include "geo_fixture.h"

#include "base/rng.h"

#include <maxminddb.h>

#define MAX_NETWORKS 40

/* What a network was made to say. */
struct made {
    struct ip_prefix prefix;
    const char *country; /* "": none */
    uint32_t asn;
};

struct random_database {
    struct mmdb_make make;
    struct made networks[MAX_NETWORKS + 1]; /* later ones lie over earlier ones */
    unsigned n;
    uint32_t shared;            /* a country's map that others point to, or MAKE_EMPTY */
    const char *shared_country; /* that of `shared` */
};

static const char *countries[] = {"DE", "US", "SG", "BR", "ZA", "AU"};

/* Either schema, with maps shared by pointers now and then. */
static uint32_t random_record(struct random_database *db, struct rng *rng, struct made *made)
{
    struct mmdb_make *m = &db->make;
    const char *country = countries[rng_below(rng, ARRAY_LEN(countries))];
    uint32_t kind = rng_below(rng, 4);
    if (kind == 2) {
        made->asn = 1 + rng_below(rng, 5);
        return put_asn(m, made->asn);
    }
    made->country = country;
    if (kind == 0)
        return put_flat_country(m, country);
    if (kind == 1)
        return put_maxmind_country(m, "country", country, country_find(country)->continent);
    if (db->shared == MAKE_EMPTY) {
        db->shared = make_here(m);
        db->shared_country = country;
        put_map(&m->data, 1);
        put_text(&m->data, "iso_code");
        put_text(&m->data, country);
    }
    made->country = db->shared_country;
    uint32_t at = make_here(m) | MAKE_RECORD;
    put_map(&m->data, 1);
    put_text(&m->data, "country");
    put_pointer(&m->data, db->shared);
    return at;
}

static struct ip_prefix random_network(struct rng *rng, const struct random_database *db)
{
    struct ip_prefix p = {.addr.family =
                              db->make.ip_version == 6 && rng_below(rng, 2) ? IP_V6 : IP_V4};
    unsigned bits = ip_bits(&p.addr);
    for (unsigned i = 0; i < bits / 8; i++)
        p.addr.b[i] = (uint8_t)rng_next(rng);
    if (p.addr.family == IP_V6)
        p.addr.b[0] = (uint8_t)(0x20 + rng_below(rng, 16));
    p.len = (uint8_t)(1 + rng_below(rng, bits));
    if (db->n > 0 && rng_below(rng, 2)) { /* nested in an earlier one, or around it */
        const struct ip_prefix *near = &db->networks[rng_below(rng, db->n)].prefix;
        if (near->addr.family == p.addr.family)
            for (unsigned i = 0; i < near->len / 8u; i++)
                p.addr.b[i] = near->addr.b[i];
    }
    ip_mask(&p.addr, p.len);
    return p;
}

static void random_make(struct random_database *db, struct rng *rng)
{
    static const unsigned bits[] = {24, 28, 32};
    *db = (struct random_database){.shared = MAKE_EMPTY};
    make_init(&db->make, bits[rng_below(rng, 3)], rng_below(rng, 4) ? 6 : 4);
    unsigned n = 1 + rng_below(rng, MAX_NETWORKS);
    for (unsigned i = 0; i < n; i++) {
        struct made made = {.prefix = random_network(rng, db), .country = ""};
        bool empty = i > 0 && rng_below(rng, 8) == 0;
        make_network(&db->make, &made.prefix, empty ? MAKE_EMPTY : random_record(db, rng, &made));
        db->networks[db->n++] = made;
    }
    /* Never left without a record, which would be refused. */
    struct made *last = &db->networks[db->n++];
    *last = (struct made){.country = "JP"};
    assert_int_equal(ip_prefix_parse(&last->prefix, "203.0.113.7/32"), 0);
    make_network(&db->make, &last->prefix, put_flat_country(&db->make, "JP"));
}

/* --- the oracle of random databases: the list of networks --- */

/* IPv4 lies below ::/96. */
static struct ip_prefix in_v6(const struct ip_prefix *p)
{
    struct ip_prefix out = *p;
    if (p->addr.family == IP_V4) {
        out = (struct ip_prefix){.addr.family = IP_V6, .len = (uint8_t)(96 + p->len)};
        memcpy(out.addr.b + 12, p->addr.b, 4);
    }
    return out;
}

static bool lies_in(const struct ip *ip, const struct ip_prefix *network)
{
    struct ip_prefix n = in_v6(network);
    struct ip a = in_v6(&(struct ip_prefix){.addr = *ip, .len = 0}).addr;
    ip_mask(&a, n.len);
    return memcmp(a.b, n.addr.b, sizeof a.b) == 0;
}

static void check_made(struct fixture *f, const struct random_database *db, const struct ip *ip)
{
    struct made want = {.country = ""};
    struct ip_prefix prefix;
    char text[IP_TEXT_MAX];
    for (unsigned i = db->n; i-- > 0;)
        if (lies_in(ip, &db->networks[i].prefix)) {
            want = db->networks[i];
            break;
        }
    const struct place *place = geo_find(f->geo, ip, &prefix);
    if (strcmp(place->country, want.country) != 0 || place->asn != want.asn)
        fail_msg("%s: %s AS%u, made to be %s AS%u", ip_text(text, ip), place->country, place->asn,
                 want.country, want.asn);
}

/* --- the oracle of the shipped database: the library's look-up --- */

static void value_text(MMDB_entry_s *entry, char out[8], const char *const *path)
{
    MMDB_entry_data_s data;
    out[0] = '\0';
    if (MMDB_aget_value(entry, &data, path) == MMDB_SUCCESS && data.has_data &&
        data.type == MMDB_DATA_TYPE_UTF8_STRING)
        snprintf(out, 8, "%.*s", (int)data.data_size, data.utf8_string);
}

static void check_looked_up(struct fixture *f, const MMDB_s *db, const struct ip *ip)
{
    struct sockaddr_storage ss;
    struct ip_prefix prefix;
    int error;
    char country[8] = "", text[IP_TEXT_MAX];
    (void)ip_to_sockaddr(&ss, ip, 0);
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(db, (struct sockaddr *)&ss, &error);
    assert_int_equal(error, MMDB_SUCCESS);
    if (found.found_entry)
        value_text(&found.entry, country, (const char *[]){"country_code", NULL});
    const struct place *place = geo_find(f->geo, ip, &prefix);
    if (strcmp(place->country, country) != 0)
        fail_msg("%s: %s, libmaxminddb has %s", ip_text(text, ip), place->country, country);
}

static struct ip random_client(struct rng *rng, const struct random_database *db)
{
    struct ip_prefix p = db->networks[rng_below(rng, db->n)].prefix;
    unsigned from = p.len;
    if (from > 0 && rng_below(rng, 3) == 0) { /* next to a network */
        from--;
        p.addr.b[from / 8] ^= (uint8_t)(0x80 >> from % 8);
    }
    for (unsigned i = p.len; i < ip_bits(&p.addr); i++)
        if (rng_below(rng, 2))
            p.addr.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return p.addr;
}

static void test_random_databases(void **state)
{
    (void)state;
    struct rng rng = {.state = 5};
    for (unsigned i = 0; i < 1000; i++) {
        struct random_database db;
        struct fixture f;
        fixture_init(&f);
        random_make(&db, &rng);
        fixture_database(&f, &db.make);
        fixture_load(&f);
        for (unsigned k = 0; k < 40; k++) {
            struct ip ip = random_client(&rng, &db), v4;
            unsigned before;
            if (ip.family == IP_V4 || !ip_embedded_v4(&ip, &v4, &before))
                check_made(&f, &db, &ip);
        }
        fixture_free(&f);
    }
}

/* The database that is shipped, at random addresses, by way of the compiled table. */
static void test_shipped_database(void **state)
{
    (void)state;
    const char *srcdir = getenv("srcdir");
    char path[512];
    snprintf(path, sizeof path, "%s/geoip/country.mmdb", srcdir ? srcdir : ".");
    if (access(path, R_OK) != 0)
        skip();
    struct fixture f;
    MMDB_s peer;
    fixture_init(&f);
    f.paths[0] = path;
    f.model.geo.databases.n = 1;
    fixture_load(&f);
    f.model.geo.databases.n = 0; /* not the fixture's to remove */
    assert_int_equal(MMDB_open(path, MMDB_MODE_MMAP, &peer), MMDB_SUCCESS);
    const struct lpm *lpm = lpm_compile(f.geo->arena, f.geo->base);
    assert_true(lpm_validate(lpm));
    struct rng rng = {.state = 6};
    for (unsigned i = 0; i < 50000; i++) {
        struct ip ip = {.family = i % 2 ? IP_V6 : IP_V4}, v4;
        unsigned before;
        for (unsigned k = 0; k < ip_bits(&ip) / 8; k++)
            ip.b[k] = (uint8_t)rng_next(&rng);
        if (i % 2)
            ip.b[0] = 0x20 | (ip.b[0] & 15);
        if (i % 2 && ip_embedded_v4(&ip, &v4, &before))
            continue;
        check_looked_up(&f, &peer, &ip);
        assert_int_equal(lpm_lookup(lpm, &ip).value, trie_get(f.geo->base, &ip));
    }
    MMDB_close(&peer);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped_database),
        cmocka_unit_test(test_random_databases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
