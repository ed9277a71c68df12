/* SPDX-License-Identifier: Apache-2.0
 * Whole configurations into models: every value lands where it belongs, defaults included. */
#include "files.h"
#include "zone_text.h"

#include "config/config.h"
#include "config/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint32_t site_index(const struct model *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_sites; i++)
        if (strcmp(m->sites[i].name, name) == 0)
            return i;
    return MODEL_NONE;
}

static const char loadstar_yaml[] =
    "server:\n"
    "  listen: [\"0.0.0.0:53\", \"[::]:53\", 192.0.2.1, \"2001:db8::1\"]\n"
    "  workers: auto\n"
    "  identity: ams1\n"
    "  user: loadstar\n"
    "  state_dir: /var/lib/loadstar\n"
    "control: /run/loadstar/control.sock\n"
    "http: {listen: \"127.0.0.1:8053\", token_file: api.token}\n"
    "geo:\n"
    "  databases: [geoip/country.mmdb]\n"
    "  networks: networks.yaml\n"
    "ecs: {enabled: true}\n"
    "pools: pools.yaml\n"
    "zones: zones/\n";

static const char networks_yaml[] = "192.0.2.0/24: {site: ams, tag: office}\n"
                                    "2001:db8::/32: {country: NO, continent: EU}\n"
                                    "0.0.0.0/0: {location: [-1.5, 100]}\n";

static const char pools_yaml[] =
    "sites:\n"
    "  ams: {location: [52.31, 4.76]}\n"
    "  iad: {location: [38.95, -77.45]}\n"
    "  sin: {location: [1.35, 103.99]}\n"
    "checks:\n"
    "  web:\n"
    "    type: http\n"
    "    port: 8080\n"
    "    path: /healthz\n"
    "    host: www.example.com\n"
    "    expect: {status: [200-299, 301], body: ready}\n"
    "    interval: 5s\n"
    "    timeout: 2s\n"
    "    rise: 2\n"
    "    fall: 3\n"
    "  quick: {type: tcp, interval: 500ms}\n"
    "  smtp: {type: exec, command: [/bin/check, -H, \"{address}\"]}\n"
    "  up: {type: pool, pool: www}\n"
    "  tls: {type: https, tls: {verify: no, sni: a.example, ca_file: pools.yaml}}\n"
    "maps:\n"
    "  world:\n"
    "    default: [iad, ams, sin]\n"
    "    continents:   {EU: [ams, iad], AS: [sin, ams]}\n"
    "    countries:    {IN: [sin, ams], NO: ams}\n"
    "    subdivisions: {US-CA: [iad]}\n"
    "    asns:         {64500: [ams]}\n"
    "    networks:     {203.0.113.0/24: [sin]}\n"
    "    tags:         {office: [ams]}\n"
    "pools:\n"
    "  www:\n"
    "    ttl: 30s\n"
    "    checks: [web]\n"
    "    steer: nearest\n"
    "    pick: weighted\n"
    "    answers: 1\n"
    "    min_up: 50%\n"
    "    on_all_down: serve_all\n"
    "    sites:\n"
    "      ams: [192.0.2.11, {address: 192.0.2.12, weight: 10}, \"2001:db8:1::11\"]\n"
    "      iad: [{address: 198.51.100.11, port: 9090, name: web7}]\n"
    "      sin: [2001:db8:3::11, 203.0.113.11]\n"
    "  cdn:\n"
    "    steer: {map: world}\n"
    "    sites: {ams: [{cname: Edge.EU.cdn.example.net}], sin: {cname: ap.othercdn.example.}}\n"
    "  all: {steer: all, pick: all, ttl: {min: 5s, max: 1m}, on_all_down: nodata,\n"
    "        sites: {ams: 192.0.2.1}}\n"
    "  order: {steer: {order: [sin, ams]}, pick: ordered, on_all_down: {fallback: www}, min_up: "
    "0.25,\n"
    "          sites: {ams: [192.0.2.1, \"2001:db8::1\"], sin: [192.0.2.2]}}\n"
    "  split: {steer: {split: {ams: 90, iad: 10}}, pick: sticky, on_all_down: servfail,\n"
    "          sites: {ams: [192.0.2.1], iad: [192.0.2.2]}}\n";

static const char zone_yaml[] =
    "zone: Example.com\n"
    "ttl: 1h\n"
    "soa: {mname: ns1, rname: host.master@example.com, refresh: 1h, retry: 15m, expire: 2w, "
    "minimum: 60s}\n"
    "records:\n"
    "  \"@\":    {NS: [ns1, ns2], MX: [\"10 mail\"], POOL: www}\n"
    "  ns1:    {A: 192.0.2.53, AAAA: \"2001:db8::53\"}\n"
    "  www:    {POOL: www}\n"
    "  \"*.cdn\": {POOL: cdn}\n"
    "  api:    {POOL: {pool: www, ttl: {min: 1s, max: 10s}, answers: 2}}\n"
    "  legacy: {CNAME: www}\n"
    "  text:   {TXT: [v=spf1 ip4:192.0.2.0/24 -all, '\"two\" \"strings\"', \"v=DKIM1; k=rsa\"]}\n"
    "  short:  {A: {ttl: 5m, data: [192.0.2.1, 192.0.2.2]}}\n"
    "  odd:    {TYPE65280: '\\# 2 abcd', CAA: '0 issue \"ca.example; x\"'}\n";

static struct model *load_whole(void)
{
    struct diags diags;
    struct model *m = NULL;
    files_write_text("loadstar.yaml", loadstar_yaml);
    files_write_text("networks.yaml", networks_yaml);
    files_write_text("pools.yaml", pools_yaml);
    files_write_text("zones/example.com.yaml", zone_yaml);
    files_write_text("geoip/country.mmdb", "");
    files_write_text("api.token", "secret\n");
    diags_init(&diags);
    int e = config_load(&m, "loadstar.yaml", &diags);
    diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    assert_int_equal(diags.n, 0);
    diags_free(&diags);
    return m;
}

static void test_server(void **state)
{
    (void)state;
    char text[IP_PORT_TEXT_MAX];
    cpu_set_t set;
    files_enter();
    struct model *m = load_whole();
    const struct server_config *s = &m->server;
    static const char *const listen[] = {"0.0.0.0:53", "[::]:53", "192.0.2.1:53",
                                         "[2001:db8::1]:53"};
    assert_int_equal(s->n_listen, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(ip_port_text(text, &s->listen[i].addr, s->listen[i].port), listen[i]);
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_int_equal(s->workers, CPU_COUNT(&set));
    assert_string_equal(s->identity, "ams1");
    assert_null(s->version);
    assert_string_equal(s->state_dir, "/var/lib/loadstar");
    assert_true(s->panic.share > 0.799 && s->panic.share < 0.801);
    assert_int_equal(s->panic.probes, 8);
    assert_int_equal(s->panic.sites, 2);
    assert_int_equal(s->tcp.max_connections, 1000);
    assert_int_equal(s->tcp.max_per_client, 100);
    assert_int_equal(s->tcp.idle_timeout_ms, 10000);
    assert_string_equal(m->control, "/run/loadstar/control.sock");
    assert_true(m->http.enabled);
    assert_int_equal(m->http.port, 8053);
    assert_string_equal(m->http.token_file, "api.token");
    assert_int_equal(m->geo.databases.n, 1);
    assert_string_equal(m->geo.databases.v[0], "geoip/country.mmdb");
    assert_true(m->ecs);
    model_free(m);
    files_leave();
}

static void test_networks(void **state)
{
    (void)state;
    char text[IP_PREFIX_TEXT_MAX];
    files_enter();
    struct model *m = load_whole();
    const struct geo_network *n = m->geo.networks;
    assert_int_equal(m->geo.n_networks, 3);
    assert_string_equal(ip_prefix_text(text, &n[0].prefix), "192.0.2.0/24");
    assert_int_equal(n[0].site, site_index(m, "ams"));
    assert_string_equal(n[0].tag, "office");
    assert_int_equal(n[1].site, MODEL_NONE);
    assert_string_equal(n[1].country, "NO");
    assert_string_equal(n[1].continent, "EU");
    assert_false(n[1].located);
    assert_true(n[2].located && n[2].latitude == -1.5 && n[2].longitude == 100);
    model_free(m);
    files_leave();
}

static void test_checks(void **state)
{
    (void)state;
    files_enter();
    struct model *m = load_whole();
    const struct check *c = m->checks;
    assert_int_equal(m->n_checks, 5);
    assert_int_equal(c[0].type, CHECK_HTTP);
    assert_int_equal(c[0].port, 8080);
    assert_string_equal(c[0].http.path, "/healthz");
    assert_string_equal(c[0].http.host, "www.example.com");
    assert_string_equal(c[0].http.method, "GET");
    assert_string_equal(c[0].http.body, "ready");
    assert_int_equal(c[0].http.max_body, 65536);
    assert_int_equal(c[0].http.n_status, 2);
    assert_int_equal(c[0].http.status[0].last, 299);
    assert_int_equal(c[0].http.status[1].first, 301);
    assert_int_equal(c[1].interval_ms, 500);
    assert_int_equal(c[1].timeout_ms, 500); /* the interval, where that is below 2 s */
    assert_int_equal(c[1].rise, 2);
    assert_int_equal(c[1].fall, 3);
    assert_int_equal(c[2].exec.n, 3);
    assert_string_equal(c[2].exec.v[2], "{address}");
    assert_int_equal(c[2].timeout_ms, 2000);
    assert_int_equal(c[3].pool, model_find_pool(m, "www"));
    assert_false(c[4].tls.verify);
    assert_true(c[0].tls.verify);
    assert_string_equal(c[4].tls.sni, "a.example");
    assert_string_equal(c[4].http.path, "/");
    assert_int_equal(c[4].http.n_status, 1);
    model_free(m);
    files_leave();
}

static void test_maps(void **state)
{
    (void)state;
    files_enter();
    struct model *m = load_whole();
    const struct map *w = &m->maps[0];
    assert_int_equal(w->default_sites.n, 3);
    assert_int_equal(w->default_sites.v[0], site_index(m, "iad"));
    assert_string_equal(w->continents.v[1].code, "AS");
    assert_int_equal(w->continents.v[1].sites.v[0], site_index(m, "sin"));
    assert_string_equal(w->countries.v[1].code, "NO"); /* not a boolean */
    assert_int_equal(w->countries.v[1].sites.n, 1);
    assert_string_equal(w->subdivisions.v[0].code, "US-CA");
    assert_int_equal(w->asns.v[0].asn, 64500);
    assert_int_equal(w->networks.v[0].network.len, 24);
    assert_string_equal(w->tags.v[0].tag, "office");
    assert_int_equal(w->asns.v[0].span.line, 26);
    model_free(m);
    files_leave();
}

static void test_pools(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    files_enter();
    struct model *m = load_whole();
    const struct pool *p = m->pools;
    assert_int_equal(m->n_pools, 5);
    assert_int_equal(p[0].ttl.min_s, 30);
    assert_int_equal(p[0].ttl.max_s, 30);
    assert_int_equal(p[0].steer, STEER_NEAREST);
    assert_true(p[0].min_up == 0.5 && p[0].has_v4 && p[0].has_v6 && !p[0].is_cname);
    assert_int_equal(p[0].fallback, MODEL_NONE);
    assert_int_equal(p[0].n_sites, 3);
    assert_int_equal(p[0].sites[1].first_endpoint, 3);
    assert_int_equal(p[0].sites[2].n_endpoints, 2);
    const struct endpoint *e = m->endpoints;
    assert_int_equal(e[0].weight, 1);
    assert_int_equal(e[1].weight, 10);
    assert_int_equal(e[3].port, 9090);
    assert_string_equal(endpoint_key(arena, m, 3), "www/iad/web7");
    assert_string_equal(endpoint_key(arena, m, 4), "www/sin/2001:db8:3::11");
    assert_true(p[1].is_cname && !p[1].has_v4);
    assert_int_equal(p[1].steer, STEER_MAP);
    assert_int_equal(p[1].map, 0);
    assert_int_equal(p[1].pick, PICK_WEIGHTED);
    assert_string_equal(e[6].label, "edge.eu.cdn.example.net");
    assert_int_equal(e[6].cname.n, 25);
    assert_string_equal(e[7].label, "ap.othercdn.example");
    assert_int_equal(p[2].steer, STEER_ALL);
    assert_int_equal(p[2].answers, ANSWERS_ALL);
    assert_int_equal(p[2].ttl.max_s, 60);
    assert_int_equal(p[2].on_all_down, ALL_DOWN_NODATA);
    assert_int_equal(p[3].order.n, 2);
    assert_int_equal(p[3].order.v[0], site_index(m, "sin"));
    assert_int_equal(p[3].on_all_down, ALL_DOWN_FALLBACK);
    assert_int_equal(p[3].fallback, 0);
    assert_true(p[3].min_up == 0.25);
    assert_int_equal(p[4].sites[0].split_weight, 90);
    assert_int_equal(p[4].sites[1].split_weight, 10);
    assert_int_equal(p[4].pick, PICK_STICKY);
    assert_int_equal(p[4].on_all_down, ALL_DOWN_SERVFAIL);
    assert_int_equal(model_find_pool(m, "none"), MODEL_NONE);
    assert_int_equal(site_index(m, "none"), MODEL_NONE);
    model_free(m);
    files_leave();
    arena_free(arena);
}

/* The serial is the time of change of the file. */
/* What sticky clients are assigned by: no names, and the same text for the same address. */
static void test_keys(void **state)
{
    static const struct {
        const char *key;
        uint32_t nth;
    } want[] = {{"192.0.2.1", 0},   {"192.0.2.1", 1}, {"old", 0},       {"2001:db8::9", 0},
                {"2001:db8::1", 0}, {"old", 0},       {"192.0.2.1", 2}, {"192.0.2.77", 0}};
    struct model *m;
    struct diags diags;
    (void)state;
    files_enter();
    files_write_text("loadstar.yaml", "pools: pools.yaml\n");
    files_write_text(
        "pools.yaml",
        "sites: {ams: {}, iad: {}}\n"
        "pools:\n"
        "  www: {steer: all, pick: sticky, sites: {ams: [{address: 192.0.2.1, name: w1},\n"
        "    {address: 192.0.2.1, port: 81, name: w2}, {address: 192.0.2.3, seed: old},\n"
        "    {address: \"2001:db8::2\", seed: \"2001:DB8:0::9\"}, \"2001:db8:0::1\",\n"
        "    {address: \"2001:db8::3\", seed: old, name: w3}],\n"
        "    iad: [192.0.2.1, {address: 192.0.2.4, seed: 192.0.2.77}]}}\n"
        "  cdn: {steer: all, pick: sticky, seed: www, sites: {ams: [{cname: A.Example., "
        "name: x}]}}\n");
    diags_init(&diags);
    int err = config_load(&m, "loadstar.yaml", &diags);
    diags_print(&diags, stderr);
    diags_free(&diags);
    assert_int_equal(err, 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_string_equal(m->endpoints[i].key, want[i].key);
        assert_int_equal(m->endpoints[i].key_nth, want[i].nth);
    }
    assert_string_equal(m->endpoints[8].key, "a.example");
    assert_null(m->pools[0].seed);
    assert_string_equal(m->pools[1].seed, "www");
    model_free(m);
    files_leave();
}

static void test_zone_yaml(void **state)
{
    (void)state;
    struct stat st;
    files_enter();
    struct model *m = load_whole();
    const struct zone *z = &m->zones[0];
    char expected[4000], *dump = zone_text_dump(z);
    assert_int_equal(stat("zones/example.com.yaml", &st), 0);
    assert_int_equal(z->mtime_s, st.st_mtime);
    snprintf(
        expected, sizeof expected,
        "example.com. 3600 15 000a046d61696c076578616d706c6503636f6d00\n"
        "example.com. 3600 2 036e7331076578616d706c6503636f6d00\n"
        "example.com. 3600 2 036e7332076578616d706c6503636f6d00\n"
        "example.com. 3600 6 036e7331076578616d706c6503636f6d000b686f73742e6d6173746572"
        "076578616d706c6503636f6d00%08x00000e1000000384001275000000003c\n"
        "legacy.example.com. 3600 5 03777777076578616d706c6503636f6d00\n"
        "ns1.example.com. 3600 1 c0000235\n"
        "ns1.example.com. 3600 28 20010db8000000000000000000000053\n"
        "odd.example.com. 3600 257 000569737375656361"
        "2e6578616d706c653b2078\n"
        "odd.example.com. 3600 65280 abcd\n"
        "short.example.com. 300 1 c0000201\n"
        "short.example.com. 300 1 c0000202\n"
        "text.example.com. 3600 16 0374776f07737472696e6773\n"
        "text.example.com. 3600 16 0e763d444b494d313b206b3d727361\n"
        "text.example.com. 3600 16 1c763d73706631206970343a3139322e302e322e302f3234202d616c6c\n",
        (unsigned)st.st_mtime);
    assert_string_equal(dump, expected);
    free(dump);
    assert_int_equal(z->n_pool_names, 4);
    assert_memory_equal(z->pool_names[2].owner, "\1*\3cdn\7example\3com", 19);
    assert_int_equal(z->pool_names[3].answers, 2);
    assert_true(z->pool_names[3].has_ttl);
    assert_int_equal(z->pool_names[3].ttl.min_s, 1);
    assert_int_equal(z->pool_names[3].ttl.max_s, 10);
    model_free(m);
    files_leave();
}

static void test_defaults(void **state)
{
    (void)state;
    struct diags diags;
    struct model *m = NULL;
    files_enter();
    files_write_text("sub/loadstar.yaml", "zones: [z/example.com.zone]\npools: [p.yaml, q.yaml]\n");
    files_write_text("sub/p.yaml", "pools: {www: {sites: {ams: [192.0.2.1]}}}\n");
    files_write_text("sub/q.yaml", "sites: {ams: }\n"); /* named in another file */
    mkdir("sub/z", 0700);
    files_write_text("sub/z/example.com.zone", "$TTL 1\n@ SOA a b 1 2 3 4 5\n");
    diags_init(&diags);
    int e = config_load(&m, "sub/loadstar.yaml", &diags);
    diags_print(&diags, stderr);
    diags_free(&diags);
    assert_int_equal(e, 0);
    assert_int_equal(m->server.n_listen, 2);
    assert_int_equal(m->server.listen[1].addr.family, IP_V6);
    assert_int_equal(m->server.listen[1].port, 53);
    assert_null(m->control);
    assert_false(m->http.enabled);
    assert_true(m->ecs);
    assert_int_equal(m->pools[0].ttl.min_s, 30);
    assert_int_equal(m->pools[0].answers, 1);
    assert_string_equal(m->zones[0].files.v[0], "sub/z/example.com.zone");
    model_free(m);
    files_leave();
}

static void test_hash(void **state)
{
    (void)state;
    files_enter();
    struct model *a = load_whole(), *b = load_whole();
    assert_true(a->file_hash == b->file_hash);
    model_free(b);
    files_write_text("zones/other.example.zone", "$TTL 1\n@ SOA a b 1 2 3 4 5\n");
    b = load_whole();
    assert_true(a->file_hash != b->file_hash);
    model_free(a);
    model_free(b);
    files_leave();
}

/* What is not found may be in the file that is broken: that one is told of, not every reference. */
static void test_broken_pools(void **state)
{
    (void)state;
    static const char *const broken[] = {"sites: {ams: {}\n", "- sites\n", ""};
    files_enter();
    model_free(load_whole());
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct diags diags;
        struct model *m = NULL;
        files_write_text("pools.yaml", broken[i]);
        diags_init(&diags);
        assert_true(config_load(&m, "loadstar.yaml", &diags) < 0);
        assert_int_equal(diags.n, 1);
        assert_string_equal(diags.v[0].span.file, "pools.yaml");
        diags_free(&diags);
    }
    files_leave();
}

/* Nine levels of nine aliases would be 387 million values. */
static void test_aliases(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct diags diags;
    diags_init(&diags);
    static const char good[] = "a: &x {k: v}\nb: [*x, *x]\n";
    const struct yaml_node *root = yaml_parse(arena, slice_of(good, sizeof good - 1), "f", &diags);
    assert_non_null(root);
    assert_int_equal(diags.n, 0);
    const struct yaml_node *b = yaml_get(root, "b");
    assert_string_equal(yaml_get(b->items[1], "k")->text, "v");
    static const char bomb[] =
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
        "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    assert_null(yaml_parse(arena, slice_of(bomb, sizeof bomb - 1), "f", &diags));
    assert_string_equal(diags.v[0].text, "aliases expand to more than 65536 values");
    diags_free(&diags);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server),       cmocka_unit_test(test_networks),
        cmocka_unit_test(test_checks),       cmocka_unit_test(test_maps),
        cmocka_unit_test(test_pools),        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_zone_yaml),    cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_hash),         cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_broken_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
