/* SPDX-License-Identifier: Apache-2.0
 * Explanations: configurations are loaded from files, states set by hand, and the document and its
 * text compared as a whole. */
#include "control/json.h"
#include "ctl/explain.h"
#include "dns/types.h"
#include "load/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_S 1000000

static const char main_file[] = "server: {listen: [\"127.0.0.1:5399\"], workers: 1}\n"
                                "geo: {networks: networks.yaml}\n"
                                "pools: pools.yaml\n"
                                "zones: [example.test.yaml]\n";

static const char networks_file[] =
    "20.1.0.0/16: {country: DE, continent: EU, location: [50.11, 8.68]}\n"
    "20.2.0.0/16: {site: sin}\n"
    "20.3.0.0/16: {country: US, continent: NA, location: [39.96, -83.0]}\n";

static const char pools_file[] = "sites:\n"
                                 "  ams: {location: [52.31, 4.76]}\n"
                                 "  iad: {location: [38.95, -77.45]}\n"
                                 "  sin: {location: [1.35, 103.99]}\n"
                                 "checks: {web: {type: tcp, port: 80, interval: 5s}}\n"
                                 "maps: {world: {default: [iad], countries: {DE: [ams, iad]}}}\n"
                                 "pools:\n"
                                 "  www:\n"
                                 "    ttl: {min: 5s, max: 60s}\n"
                                 "    checks: [web]\n"
                                 "    steer: nearest\n"
                                 "    pick: ordered\n"
                                 "    min_up: 60%\n"
                                 "    on_all_down: {fallback: spare}\n"
                                 "    sites:\n"
                                 "      ams: [192.0.2.11, 192.0.2.12]\n"
                                 "      iad: [{address: 198.51.100.11, name: web7, weight: 3}]\n"
                                 "  spare:\n"
                                 "    steer: {map: world}\n"
                                 "    pick: ordered\n"
                                 "    sites: {iad: [198.51.100.99], sin: [203.0.113.9]}\n"
                                 "  split:\n"
                                 "    steer: {split: {ams: 100, iad: 0}}\n"
                                 "    sites: {ams: [192.0.2.15], iad: [\"2001:db8::16\"]}\n";

static const char zone_file[] = "zone: example.test\n"
                                "ttl: 1h\n"
                                "soa: {mname: ns1, rname: hostmaster, serial: 7, minimum: 60s}\n"
                                "records:\n"
                                "  \"@\": {NS: ns1}\n"
                                "  ns1: {A: 192.0.2.53}\n"
                                "  www: {POOL: www}\n"
                                "  \"*.wild\": {POOL: {pool: www, ttl: 9s}}\n"
                                "  split: {POOL: split}\n"
                                "  at-iad: {POOL: {pool: www/iad, ttl: {min: 1s, max: 9s}}}\n"
                                "  alias: {CNAME: www}\n"
                                "  sub: {NS: ns.sub}\n"
                                "  ns.sub: {A: 192.0.2.54}\n";

struct fixture {
    char dir[64];
    struct generation *generation;
    struct endpoint_state states[16];
    struct facts facts;
};

static void put_file(const struct fixture *f, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static void remove_files(const struct fixture *f)
{
    static const char *const names[] = {"loadstar.yaml", "networks.yaml", "pools.yaml",
                                        "example.test.yaml"};
    char path[128];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        unlink(path);
    }
    rmdir(f->dir);
}

static int load(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct diags diags;
    char path[128];
    strcpy(f->dir, "/tmp/test_explain.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    put_file(f, "loadstar.yaml", main_file);
    put_file(f, "networks.yaml", networks_file);
    put_file(f, "pools.yaml", pools_file);
    put_file(f, "example.test.yaml", zone_file);
    snprintf(path, sizeof path, "%s/loadstar.yaml", f->dir);
    diags_init(&diags);
    const struct load_options options = {.purpose = LOAD_START};
    int err = generation_load(&f->generation, path, &options, &diags);
    if (err != 0)
        diags_print(&diags, stderr);
    diags_free(&diags);
    remove_files(f);
    assert_int_equal(err, 0);
    for (uint32_t e = 0; e < f->generation->model->n_endpoints; e++) {
        f->states[e] = (struct endpoint_state){.health = HEALTH_UP,
                                               .weight_override = -1,
                                               .override_until_s = INT64_MAX,
                                               .weight_until_s = INT64_MAX,
                                               .flip_s = FLIP_NEVER};
        if (f->generation->model->endpoints[e].pool != 0)
            continue;
        f->states[e].checked = true;
        f->states[e].flip_s = 15;
        strcpy(f->states[e].reason, "web: connected");
    }
    f->facts = (struct facts){
        .generation = f->generation, .states = f->states, .now_ms = NOW_S * INT64_C(1000)};
    *state = f;
    return 0;
}

static int unload(void **state)
{
    struct fixture *f = *state;
    snapshot_free(f->generation->snapshot);
    generation_free(f->generation);
    free(f);
    return 0;
}

static void down(struct fixture *f, uint32_t endpoint)
{
    f->states[endpoint].health = HEALTH_DOWN;
    f->states[endpoint].flip_s = 10;
    strcpy(f->states[endpoint].reason, "web: connect refused");
}

static json_t *explain(struct fixture *f, const char *name, uint16_t type, const char *ecs)
{
    struct explain_question question = {.name = name, .type = type};
    char error[EXPLAIN_ERROR_MAX] = "";
    if (ecs != NULL)
        assert_int_equal(ip_prefix_parse(&question.ecs, ecs), 0);
    generation_fill_views(f->generation, f->states);
    json_t *document = explain_document(&f->facts, &question, error);
    assert_string_equal(error, "");
    assert_non_null(document);
    return document;
}

static void expect_text(struct fixture *f, const char *name, uint16_t type, const char *ecs,
                        const char *want)
{
    struct buf out = {0};
    json_t *document = explain(f, name, type, ecs);
    explain_text(&out, document, (struct screen){0});
    assert_string_equal(out.p, want);
    buf_free(&out);
    json_decref(document);
}

static void expect(struct fixture *f, const char *name, uint16_t type, const char *ecs,
                   const char *key, const char *want)
{
    json_t *document = explain(f, name, type, ecs);
    assert_string_equal(json_get_text(document, key, "(none)"), want);
    json_decref(document);
}

static void steered_name_reads_from_client_to_answer(void **state)
{
    struct fixture *f = *state;
    down(f, 0);
    expect_text(
        f, "www.Example.test", TYPE_A, "20.1.2.0/24",
        "www.Example.test. A: NOERROR\n"
        "  because    iad is the first site up that has the type\n"
        "  client     20.1.2.0/24 (client subnet of the query)\n"
        "  place      EU, DE, 50.11,8.68 (networks of 20.1.0.0/16)\n"
        "  pool       www, class 0: nearest to 50.11,8.68\n"
        "             #  SITE    STATE  DISTANCE  WHY\n"
        "             1  ams     down     367 km  1 of 2 endpoints up, but weight 1 of 2 is below "
        "min_up 60%; 192.0.2.11 down: web: "
        "connect refused\n"
        "             2  iad <-  up      6553 km  1 of 1 endpoint up\n"
        "  pick       ordered\n"
        "             SITE  ADDRESS           STATE  WEIGHT  SHARE  WHY\n"
        "             iad   198.51.100.11 <-  up          3      -  web: connected\n"
        "  records    www.Example.test. 10 A 198.51.100.11\n"
        "  ttl        derived: check web of www/ams/192.0.2.11 could flip in 10s, within 5s..1m\n"
        "  scope      /15 around the client\n"
        "  limit      127.0.0.0/24: exempt, never limited\n");
}

static void fallback_tells_of_both_pools(void **state)
{
    struct fixture *f = *state;
    for (uint32_t e = 0; e < 3; e++)
        down(f, e);
    f->states[2].override = OVERRIDE_DRAIN;
    f->states[2].override_until_s = NOW_S + 4;
    strcpy(f->states[2].override_reason, "disk");
    expect_text(
        f, "x.wild.example.test.", TYPE_A, "20.2.0.0/20",
        "x.wild.example.test. A: NOERROR\n"
        "  because    no endpoint of pool www is up, which falls back to spare; sin comes first, "
        "and is up\n"
        "  wildcard   *.wild.example.test.\n"
        "  client     20.2.0.0/20 (client subnet of the query)\n"
        "  place      site sin, 1.35,103.99 (networks of 20.2.0.0/16)\n"
        "  pool       www, class 0: nearest to site sin (geo.networks)\n"
        "             #  SITE  STATE  DISTANCE  WHY\n"
        "             1  ams   down   10514 km  none of 2 endpoints up; 192.0.2.11 "
        "down: web: connect refused\n"
        "             2  iad   down   15532 km  none of 1 endpoint up; web7 drain!: disk\n"
        "  pool       spare, class 1: geo.networks, site sin; then map world, default\n"
        "             #  SITE    STATE  DISTANCE  WHY\n"
        "             1  sin <-  up         0 km  1 of 1 endpoint up\n"
        "             2  iad     up     15532 km  1 of 1 endpoint up\n"
        "  pick       ordered\n"
        "             SITE  ADDRESS         STATE  WEIGHT  SHARE  WHY\n"
        "             sin   203.0.113.9 <-  up          1      -  no checks\n"
        "  records    x.wild.example.test. 4 A 203.0.113.9\n"
        "  ttl        capped by the override of www/iad/web7 that ends in 4s; else 9s fixed, set "
        "at "
        "the name\n"
        "  scope      /16 around the client\n"
        "  limit      127.0.0.0/24: exempt, never limited\n");
}

static void static_names_say_where_they_lie(void **state)
{
    struct fixture *f = *state;
    expect_text(
        f, "nothing.example.test", TYPE_A, NULL,
        "nothing.example.test. A: NXDOMAIN\n"
        "  because    the name does not exist; its closest encloser is example.test.\n"
        "  zone       example.test.\n"
        "  authority  example.test. 60 SOA ns1.example.test. hostmaster.example.test. 7 3600 "
        "900 1209600 60\n"
        "  ttl        negative: the smaller of the SOA's TTL and its minimum\n"
        "  scope      /0: the same for every client\n"
        "  limit      127.0.0.0/24: exempt, never limited\n");
    expect(f, "ns1.example.test", TYPE_A, NULL, "reason", "records of the zone");
    expect(f, "ns1.example.test", TYPE_TXT, NULL, "reason", "the name exists, but has no TXT");
    expect(f, "wild.example.test", TYPE_A, NULL, "reason",
           "the name is an empty non-terminal: there are only names below it");
    expect(f, "a.sub.example.test", TYPE_A, NULL, "delegation", "sub.example.test.");
    expect(f, "a.sub.example.test", TYPE_A, NULL, "ttl_reason", "of the zone's records");
    expect(f, "elsewhere.test", TYPE_A, NULL, "reason", "no zone served here contains the name");
    expect(f, "elsewhere.test", TYPE_A, NULL, "rcode", "REFUSED");
    expect(f, "example.test", TYPE_AXFR, NULL, "reason", "questions of type AXFR are not answered");
    expect(f, "alias.example.test", TYPE_A, NULL, "pool", "www");
    expect(f, "www.example.test", TYPE_MX, NULL, "reason", "the name exists, but has no MX");
}

static void reasons_without_an_answer(void **state)
{
    struct fixture *f = *state;
    expect(f, "www.example.test", TYPE_AAAA, NULL, "reason",
           "no site of pool www has AAAA, by configuration");
    expect(f, "www.example.test", TYPE_AAAA, NULL, "pool", "www");
    for (uint32_t e = 0; e < f->generation->model->n_endpoints; e++)
        f->states[e].override = OVERRIDE_DOWN;
    expect(f, "www.example.test", TYPE_A, NULL, "reason",
           "no endpoint of pool www is up, which falls back to spare; every endpoint is down or "
           "drained by order, or has weight 0");
    for (uint32_t e = 3; e < f->generation->model->n_endpoints; e++) {
        f->states[e].override = OVERRIDE_AUTO;
        f->states[e].health = HEALTH_DOWN;
    }
    expect(f, "www.example.test", TYPE_A, "20.1.0.0/24", "reason",
           "no endpoint of pool www is up, which falls back to spare; no endpoint is up: serve_all "
           "answers with those that are down");
}

/* "no endpoint is up" is said only where it is so. */
static void reasons_leave_out_what_is_up_elsewhere(void **state)
{
    struct fixture *f = *state;
    for (uint32_t e = 0; e < 4; e++)
        down(f, e);
    f->states[1].health = HEALTH_UP;
    f->states[1].weight_override = 0;
    expect(
        f, "www.example.test", TYPE_A, "20.1.0.0/24", "reason",
        "no endpoint that has a weight of pool www is up, which falls back to spare; no endpoint "
        "in this client's sites is up: serve_all answers with those that are down");
    f->states[4].health = HEALTH_DOWN;
    f->states[1].health = HEALTH_DOWN;
    expect(f, "www.example.test", TYPE_A, "20.1.0.0/24", "reason",
           "no endpoint of pool www is up, which falls back to spare; no endpoint is up: serve_all "
           "answers with those that are down");
    /* Of the reserve of a split, the three states. */
    expect(f, "split.example.test", TYPE_A, NULL, "reason", "ams was drawn by weight");
    down(f, 5);
    expect(f, "split.example.test", TYPE_A, NULL, "reason",
           "no endpoint with A is up: serve_all answers with those that are down");
    expect(f, "split.example.test", TYPE_AAAA, NULL, "reason",
           "no site with a weight is up: iad is a reserve");
    f->states[6].health = HEALTH_DOWN;
    expect(f, "split.example.test", TYPE_A, NULL, "reason",
           "no endpoint is up: serve_all answers with those that are down");
}

static void one_site_alone(void **state)
{
    struct fixture *f = *state;
    expect_text(f, "at-iad.example.test", TYPE_A, "20.1.2.0/24",
                "at-iad.example.test. A: NOERROR\n"
                "  because    the name asks for site iad alone\n"
                "  client     20.1.2.0/24 (client subnet of the query)\n"
                "  place      EU, DE, 50.11,8.68 (networks of 20.1.0.0/16)\n"
                "  pool       www: site iad alone, as the name asks\n"
                "             #  SITE    STATE  DISTANCE  WHY\n"
                "             1  iad <-  up      6553 km  1 of 1 endpoint up\n"
                "             -  ams     up            -  2 of 2 endpoints up; not for this name\n"
                "  pick       ordered\n"
                "             SITE  ADDRESS           STATE  WEIGHT  SHARE  WHY\n"
                "             iad   198.51.100.11 <-  up          3      -  web: connected\n"
                "  records    at-iad.example.test. 9 A 198.51.100.11\n"
                "  ttl        derived: check web of www/iad/web7 could flip in 15s, clamped to "
                "1s..9s, set at "
                "the name\n"
                "  scope      /0: the same for every client\n"
                "  limit      127.0.0.0/24: exempt, never limited\n");
    expect(f, "at-iad.example.test", TYPE_AAAA, NULL, "reason",
           "site iad of pool www has no AAAA, by configuration");
    down(f, 2);
    expect(f, "at-iad.example.test", TYPE_A, "20.2.0.0/24", "reason",
           "no endpoint in site iad of pool www is up, which falls back to spare; sin comes first, "
           "and is up");
    expect(f, "www.example.test", TYPE_A, "20.2.0.0/24", "reason", "ams comes first, and is up");
}

static void fallbacks_keep_their_own_ttl(void **state)
{
    struct fixture *f = *state;
    for (uint32_t e = 0; e < 3; e++)
        down(f, e);
    expect(f, "www.example.test", TYPE_A, NULL, "ttl_reason", "30s fixed, of pool spare");
    expect(f, "at-iad.example.test", TYPE_A, NULL, "ttl_reason",
           "derived: check web of www/iad/web7 could flip in 10s, clamped to 1s..9s, set at the "
           "name");
}

static void subnets_that_nothing_places_say_so(void **state)
{
    struct fixture *f = *state;
    expect(f, "www.example.test", TYPE_A, "10.1.2.0/24", "client", "127.0.0.1");
    expect(f, "www.example.test", TYPE_A, "10.1.2.0/24", "source", "resolver");
    expect(f, "www.example.test", TYPE_A, "10.1.2.0/24", "source_reason",
           "nothing places the client subnet: the resolver's address decides");
    expect(f, "www.example.test", TYPE_A, "0.0.0.0/0", "source_reason",
           "the client subnet is empty, for privacy: the resolver's address decides");
    json_t *document = explain(f, "www.example.test", TYPE_A, "10.1.2.0/23");
    assert_int_equal(json_get_int(document, "ecs_scope", -1), 23);
    json_decref(document);
}

static void bad_names_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
        "a..b",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct explain_question question = {.name = names[i], .type = TYPE_A};
        char error[EXPLAIN_ERROR_MAX] = "";
        assert_null(explain_document(&f->facts, &question, error));
        assert_non_null(strstr(error, "is no domain name"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(steered_name_reads_from_client_to_answer, load, unload),
        cmocka_unit_test_setup_teardown(fallback_tells_of_both_pools, load, unload),
        cmocka_unit_test_setup_teardown(static_names_say_where_they_lie, load, unload),
        cmocka_unit_test_setup_teardown(reasons_without_an_answer, load, unload),
        cmocka_unit_test_setup_teardown(reasons_leave_out_what_is_up_elsewhere, load, unload),
        cmocka_unit_test_setup_teardown(one_site_alone, load, unload),
        cmocka_unit_test_setup_teardown(fallbacks_keep_their_own_ttl, load, unload),
        cmocka_unit_test_setup_teardown(subnets_that_nothing_places_say_so, load, unload),
        cmocka_unit_test_setup_teardown(bad_names_are_refused, load, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
