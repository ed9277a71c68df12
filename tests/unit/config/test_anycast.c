/* SPDX-License-Identifier: Apache-2.0
 * What prefix sets and speakers are read as: defaults, forms, whom `self` asks, what is held, and
 * the pools that checks get. */
#include "files.h"

#include "base/clock.h"
#include "config/config.h"
#include "dns/types.h"
#include "model/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES "sites: {ams: {location: [52, 5]}, iad: {location: [39, -77]}}\n"
#define POOLS                                                                                 \
    SITES                                                                                     \
    "checks: {uplink: {type: tcp, port: 179}, web: {type: http}, far: {type: exec, command: " \
    "[/bin/true]}}\n"                                                                         \
    "pools:\n"                                                                                \
    "  www: {checks: [web], sites: {ams: [192.0.2.11], iad: [192.0.2.12]}}\n"

static struct model *load_with(const char *main_text, const char *pools, const char *anycast)
{
    struct diags diags;
    struct model *m = NULL;
    files_enter();
    files_write_text("loadstar.yaml", main_text);
    files_write_text("pools.yaml", pools);
    files_write_text("anycast.yaml", anycast);
    files_write_text("more.yaml", "anycast: {}\nspeakers: {late: {type: gobgp, as: 1}}\n");
    files_write_text("tiers.yaml", "tiers:\n  vip: {type: exec, pool: www, port: 80, command: "
                                   "[/bin/true], service: {address: 198.51.100.80, port: 80}}\n");
    files_write_text("zones/example.com.yaml",
                     "zone: example.com\nsoa: {mname: ns1, rname: hostmaster}\n"
                     "records: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.53}}\n");
    diags_init(&diags);
    int e = config_load(&m, "loadstar.yaml", &diags);
    if (e != 0 || diags.n_warnings)
        diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    assert_int_equal(diags.n_warnings, 0);
    diags_free(&diags);
    files_leave();
    return m;
}

#define MAIN(server)                                                                          \
    "server: {" server "}\ncontrol: run/control.sock\npools: pools.yaml\ntiers: tiers.yaml\n" \
    "anycast: [anycast.yaml, more.yaml]\nzones: zones/\n"

static struct model *load(const char *anycast)
{
    return load_with(MAIN("listen: [192.0.2.53, \"192.0.2.54:5353\", \"[2001:db8::53]:53\"], site: "
                          "iad, state_dir: s"),
                     POOLS, anycast);
}

#define LATE "anycast:\n  late: {prefixes: [203.0.113.0/24], speaker: late, self: false}\n"

static void is_ip(const struct ip *ip, const char *text)
{
    char out[IP_TEXT_MAX];
    assert_string_equal(ip->family ? ip_text(out, ip) : "", text);
}

static void is_prefix(const struct ip_prefix *p, const char *text)
{
    char out[IP_PREFIX_TEXT_MAX];
    assert_string_equal(ip_prefix_text(out, p), text);
}

static void test_defaults(void **state)
{
    (void)state;
    struct model *m = load(LATE "  a: {prefixes: 192.0.2.53/32, speaker: late}\n");
    assert_int_equal(m->n_prefix_sets, 2);
    assert_int_equal(m->n_pools, 1);
    const struct prefix_set *s = &m->prefix_sets[1];
    assert_string_equal(s->name, "a");
    assert_int_equal(s->span.line, 3);
    assert_int_equal(s->n_prefixes, 1);
    is_prefix(&s->prefixes[0], "192.0.2.53/32");
    assert_int_equal(s->speaker, 0);
    assert_int_equal(s->site, 1);
    assert_false(s->self.off);
    is_ip(&s->self.addr, "192.0.2.53");
    assert_int_equal(s->self.port, 53);
    assert_int_equal(s->self.type, TYPE_SOA);
    assert_true(slice_equal(s->self.name, slice_of("\7example\3com", 13)));
    assert_int_equal(s->when.n_pools + s->when.n_endpoints, 0);
    assert_int_equal(s->full.n_pools + s->full.n_endpoints, 0);
    assert_int_equal(s->degraded.prepend, 0);
    assert_false(s->degraded.has_med);
    assert_int_equal(s->n_communities + s->n_large_communities, 0);
    assert_true(s->next_hop_self);
    assert_int_equal(s->rise_ms, 10000);
    assert_int_equal(s->fall_ms, 2000);
    assert_int_equal(s->shutdown, ANYCAST_GRACEFUL);
    assert_int_equal(s->drain_ms, 30000);
    assert_int_equal(s->hold, ANYCAST_HOLD_TUN);
    assert_null(s->interface);
    assert_int_equal(s->n_addresses, 1);
    is_prefix(&s->addresses[0], "192.0.2.53/32");
    assert_null(s->on_announce.command);
    assert_null(s->on_withdraw.command);
    assert_int_equal(s->on_announce.timeout_ms, 5000);
    assert_int_equal(s->on_withdraw.timeout_ms, 5000);
    assert_false(s->on_announce.required);
    assert_false(s->allow_wide);
    assert_true(m->prefix_sets[0].self.off);
    assert_int_equal(m->prefix_sets[0].n_addresses, 0);
    model_free(m);
}

static void test_all_keys(void **state)
{
    (void)state;
    struct model *m =
        load(LATE "  dns:\n    prefixes: [192.0.2.0/23, \"2001:db8::/32\"]\n    speaker: late\n    "
                  "site: ams\n"
                  "    self: {address: 192.0.2.54, name: WWW.example.com., type: aaaa}\n"
                  "    when: {pools: {www: {min_up: 30%, site: ams}},\n"
                  "           checks: {check: uplink, address: 198.51.100.1}}\n"
                  "    full: {pools: {www: {min_up: 0.7}}}\n"
                  "    degraded: {prepend: 16, med: 4294967295, communities: no-peer}\n"
                  "    communities: [\"0:65535\", no-export, 65001:1]\n"
                  "    large_communities: [\"4294967295:0:7\"]\n"
                  "    next_hop: [\"2001:db8:1::1\", 198.51.100.9]\n"
                  "    rise: 100ms\n    fall: 0\n    shutdown: graceful\n    drain_time: 10m\n"
                  "    hold: none\n    interface: lo\n"
                  "    on_announce: {command: [bin/up, a], timeout: 100ms, required: true}\n"
                  "    on_withdraw: {command: [down, b c]}\n    allow: [wide]\n");
    const struct prefix_set *s = &m->prefix_sets[1];
    assert_int_equal(s->n_prefixes, 2);
    assert_int_equal(s->site, 0);
    is_ip(&s->self.addr, "192.0.2.54");
    assert_int_equal(s->self.port, 5353);
    assert_int_equal(s->self.type, TYPE_AAAA);
    assert_true(slice_equal(s->self.name, slice_of("\3www\7example\3com", 17)));
    assert_int_equal(s->when.n_pools, 1);
    assert_int_equal(s->when.pools[0].pool, 0);
    assert_int_equal(s->when.pools[0].site, 0);
    assert_float_equal(s->when.pools[0].min_up, 0.3, 1e-9);
    assert_int_equal(s->full.pools[0].site, MODEL_NONE);
    assert_float_equal(s->full.pools[0].min_up, 0.7, 1e-9);
    assert_int_equal(s->degraded.prepend, 16);
    assert_true(s->degraded.has_med);
    assert_int_equal(s->degraded.med, UINT32_MAX);
    assert_int_equal(s->degraded.communities[0].high, 65535);
    assert_int_equal(s->degraded.communities[0].low, 65284);
    assert_int_equal(s->n_communities, 3);
    assert_int_equal(s->communities[0].high, 0);
    assert_int_equal(s->communities[0].low, 65535);
    assert_int_equal(s->communities[1].low, 65281);
    assert_int_equal(s->communities[2].high, 65001);
    assert_int_equal(s->n_large_communities, 1);
    assert_int_equal(s->large_communities[0].v[0], UINT32_MAX);
    assert_int_equal(s->large_communities[0].v[1], 0);
    assert_int_equal(s->large_communities[0].v[2], 7);
    assert_false(s->next_hop_self);
    is_ip(&s->next_hop_v4, "198.51.100.9");
    is_ip(&s->next_hop_v6, "2001:db8:1::1");
    assert_int_equal(s->rise_ms, 100);
    assert_int_equal(s->fall_ms, 0);
    assert_int_equal(s->drain_ms, 600000);
    assert_int_equal(s->hold, ANYCAST_HOLD_NONE);
    assert_string_equal(s->interface, "lo");
    assert_string_equal(s->on_announce.command[0], "bin/up");
    assert_string_equal(s->on_announce.command[1], "a");
    assert_null(s->on_announce.command[2]);
    assert_int_equal(s->on_announce.timeout_ms, 100);
    assert_true(s->on_announce.required);
    assert_string_equal(s->on_withdraw.command[1], "b c");
    assert_true(s->allow_wide);
    assert_int_equal(s->n_addresses, 3);
    is_prefix(&s->addresses[0], "192.0.2.53/32");
    is_prefix(&s->addresses[1], "192.0.2.54/32");
    is_prefix(&s->addresses[2], "2001:db8::53/128");
    assert_true(model_brings_address(m, &s->addresses[1].addr)); /* on the interface */
    model_free(m);
}

/* An address is held once, by the set whose prefix is the longest; tiers' are among them. */
static void test_held(void **state)
{
    (void)state;
    struct model *m = load(LATE "  wide: {prefixes: 192.0.2.0/24, speaker: late, hold: none}\n"
                                "  one: {prefixes: 192.0.2.53/32, speaker: late}\n"
                                "  vip: {prefixes: 198.51.100.0/24, speaker: late}\n");
    const struct prefix_set *wide = &m->prefix_sets[1], *vip = &m->prefix_sets[3];
    assert_int_equal(wide->n_addresses, 1);
    is_prefix(&wide->addresses[0], "192.0.2.54/32");
    assert_int_equal(m->prefix_sets[2].n_addresses, 1);
    assert_int_equal(vip->n_addresses, 1);
    is_prefix(&vip->addresses[0], "198.51.100.80/32");
    assert_true(vip->self.off); /* nobody answers DNS there */
    struct ip brought = m->prefix_sets[2].addresses[0].addr, free_of = wide->addresses[0].addr;
    assert_true(model_brings_address(m, &brought));
    assert_true(model_brings_address(m, &vip->addresses[0].addr));
    assert_false(model_brings_address(m, &free_of)); /* hold: none without an interface */
    model_free(m);
}

static void test_every_address(void **state)
{
    (void)state;
    struct model *m =
        load_with(MAIN("listen: [\"0.0.0.0:5300\", \"[::]:53\"]"), POOLS,
                  LATE "  v4: {prefixes: [203.0.113.53/32], speaker: late}\n"
                       "  v6: {prefixes: [\"2001:db8::53/128\"], speaker: late, next_hop: "
                       "\"2001:db8::9\"}\n"
                       "  wide: {prefixes: [198.18.0.0/24], self: {address: 198.18.0.7}, speaker: "
                       "late}\n");
    is_ip(&m->prefix_sets[1].self.addr, "203.0.113.53");
    assert_int_equal(m->prefix_sets[1].self.port, 5300);
    is_ip(&m->prefix_sets[2].self.addr, "2001:db8::53");
    assert_int_equal(m->prefix_sets[2].self.port, 53);
    assert_int_equal(m->prefix_sets[3].self.port, 5300);
    assert_int_equal(m->prefix_sets[3].n_addresses, 1);
    is_prefix(&m->prefix_sets[3].addresses[0], "198.18.0.7/32");
    model_free(m);
}

/* Of zones that cannot be read the first that can be is asked for; of none that can, any. */
static void test_broken_zones(void **state)
{
    (void)state;
    static const char good[] = "zone: good.example\nsoa: {mname: ns1, rname: a}\n"
                               "records: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.53}}\n",
                      bad[] =
                          "zone: bad.example\nsoa: {mname: ns1, rname: a}\nrecords: {\"@\": 1}\n";
    const struct config_options lenient = {.lenient = true};
    for (int with_good = 0; with_good < 2; with_good++) {
        struct diags diags;
        struct model *m = NULL;
        diags_init(&diags);
        files_enter();
        files_write_text("loadstar.yaml", "server: {listen: 192.0.2.53}\npools: pools.yaml\n"
                                          "anycast: anycast.yaml\nzones: zones/\n");
        files_write_text("pools.yaml", SITES);
        files_write_text("anycast.yaml", "anycast: {a: {prefixes: 192.0.2.53/32, speaker: x}}\n"
                                         "speakers: {x: {type: gobgp}}\n");
        files_write_text("zones/a.yaml", bad);
        if (with_good)
            files_write_text("zones/b.yaml", good);
        assert_int_equal(config_reload(&m, "loadstar.yaml", &lenient, &diags), 0);
        assert_true(slice_equal(m->prefix_sets[0].self.name, with_good
                                                                 ? slice_of("\4good\7example", 14)
                                                                 : slice_of("\3bad\7example", 13)));
        model_free(m);
        diags_free(&diags);
        files_leave();
    }
}

/* ---- the pools of checks ---- */

static void test_checks(void **state)
{
    (void)state;
    struct model *m =
        load(LATE "  a: {prefixes: 192.0.2.53/32, speaker: late, site: ams,\n"
                  "    when: {checks: [{check: uplink, address: 198.51.100.1},\n"
                  "      {check: far, address: 198.51.100.1}, {check: uplink, address: "
                  "\"2001:db8:9::1\"}]},\n"
                  "    full: {checks: [{check: far, address: 198.51.100.2},\n"
                  "      {check: uplink, address: 198.51.100.1}]}, degraded: {med: 1}}\n"
                  "  b: {prefixes: 192.0.2.54/32, speaker: late,\n"
                  "    when: {checks: [{check: uplink, address: 198.51.100.1}]}}\n");
    assert_int_equal(m->n_pools, 3);
    assert_int_equal(m->n_endpoints, 7);
    assert_int_equal(model_steering_pools(m), 1);
    assert_int_equal(model_steering_endpoints(m), 2);
    const struct pool *a = &m->pools[1], *b = &m->pools[2];
    assert_string_equal(a->name, "anycast:a");
    assert_true(a->of_anycast);
    assert_false(m->pools[0].of_anycast);
    assert_int_equal(a->n_sites, 1);
    assert_int_equal(a->sites[0].site, 0);
    assert_int_equal(a->sites[0].first_endpoint, 2);
    assert_int_equal(a->sites[0].n_endpoints, 4);
    assert_true(a->has_v4 && a->has_v6 && a->sites[0].has_v4 && a->sites[0].has_v6);
    assert_int_equal(a->fallback, MODEL_NONE);
    assert_int_equal(a->weight_from.tier, MODEL_NONE);
    assert_int_equal(b->sites[0].site, 1); /* the server's */
    assert_int_equal(b->sites[0].first_endpoint, 6);
    static const char *const labels[] = {"uplink@198.51.100.1", "far@198.51.100.1",
                                         "uplink@2001:db8:9::1", "far@198.51.100.2"};
    for (uint32_t i = 0; i < 4; i++) {
        const struct endpoint *e = &m->endpoints[2 + i];
        assert_string_equal(e->label, labels[i]);
        assert_int_equal(e->pool, 1);
        assert_int_equal(e->site, 0);
        assert_int_equal(e->weight, 1);
        assert_int_equal(endpoint_checks(m, e)->n, 1);
        assert_int_equal(endpoint_checks(m, e)->v[0], labels[i][0] == 'f' ? 2 : 0);
        assert_int_equal(m->answer_ttls[1], 0);
    }
    const struct prefix_set *s = &m->prefix_sets[1];
    static const uint32_t when[] = {2, 3, 4}, full[] = {5, 2};
    assert_int_equal(s->when.n_endpoints, 3);
    assert_memory_equal(s->when.endpoints, when, sizeof when);
    assert_int_equal(s->full.n_endpoints, 2);
    assert_memory_equal(s->full.endpoints, full, sizeof full);
    assert_int_equal(m->prefix_sets[2].when.endpoints[0], 6);
    model_free(m);
}

static bool count(void *ctx, uint32_t endpoint)
{
    (void)endpoint;
    ++*(uint32_t *)ctx;
    return true;
}

/* No order is about what is checked for a set. */
static void test_no_target(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "ams", "*", "*/*", "anycast:a/ams", "anycast:*/*/*", "*/*/uplink@198.51.100.1"};
    static const uint32_t expected[] = {1, 2, 2, 0, 0, 0};
    struct model *m = load(LATE "  a: {prefixes: 192.0.2.53/32, speaker: late, site: ams,\n"
                                "    when: {checks: [{check: uplink, address: 198.51.100.1}]}}\n");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct target t;
        uint32_t n = 0;
        assert_int_equal(target_parse(&t, targets[i]), 0);
        target_visit(&t, m, count, &n);
        assert_int_equal(n, expected[i]);
        assert_false(target_matches(&t, m, 2));
        target_free(&t);
    }
    model_free(m);
}

/* A configuration without sites gets one. */
static void test_no_sites(void **state)
{
    (void)state;
    struct model *m = load_with(
        "server: {listen: 192.0.2.53}\ncontrol: c\npools: pools.yaml\nanycast: anycast.yaml\n"
        "zones: zones/\n",
        "checks: {uplink: {type: tcp, port: 179}}\npools: {}\nsites: {}\n",
        "anycast: {a: {prefixes: 192.0.2.53/32, speaker: x, when: {checks: [{check: uplink, "
        "address: 198.51.100.1}]}}}\nspeakers: {x: {type: exec, command: [/bin/true]}}\n");
    assert_int_equal(m->n_sites, 1);
    assert_string_equal(m->sites[0].name, "anycast");
    assert_int_equal(m->prefix_sets[0].site, MODEL_NONE);
    assert_int_equal(m->n_pools, 1);
    model_free(m);
}

/* ---- speakers ---- */

static void test_speakers(void **state)
{
    (void)state;
    struct model *m = load(
        "anycast:\n"
        "  a: {prefixes: 192.0.2.53/32, speaker: b}\n  c: {prefixes: 192.0.2.54/32, speaker: e}\n"
        "  d: {prefixes: 203.0.113.0/24, self: off, speaker: f}\n"
        "  e: {prefixes: 203.0.114.0/24, self: off, speaker: r}\n"
        "  f: {prefixes: 203.0.115.0/24, self: off, speaker: s}\n"
        "  g: {prefixes: 203.0.116.0/24, self: off, speaker: g}\n"
        "  h: {prefixes: 203.0.117.0/24, self: off, speaker: x}\n"
        "  i: {prefixes: 203.0.118.0/24, self: off, speaker: late}\n"
        "  j: {prefixes: 203.0.119.0/24, self: off, speaker: t}\n"
        "speakers:\n"
        "  b: {type: bird, socket: run/bird.ctl, file: out.conf, as: 4200000000}\n"
        "  e: {type: exabgp, next_hop: [\"2001:db8::1\", 198.51.100.1], interval: 1s}\n"
        "  f: {type: exabgp, via: fifo, to: in, from: out}\n"
        "  r: {type: frr}\n"
        "  s: {type: frr, vtysh: [bin/vtysh, -d, bgpd], timeout: 1s}\n"
        "  t: {type: frr, vtysh: [vtysh], socket: v}\n"
        "  g: {type: gobgp, command: [gobgp, -u, 127.0.0.1]}\n"
        "  x: {type: exec, command: [bin/x]}\n");
    const struct speaker *v = m->speakers;
    assert_int_equal(m->n_speakers, 9);
    assert_int_equal(v[0].type, SPEAKER_BIRD);
    assert_string_equal(v[0].socket, "run/bird.ctl");
    assert_string_equal(v[0].file, "out.conf");
    assert_int_equal(v[0].as, 4200000000u);
    assert_int_equal(v[0].interval_ms, 10000);
    assert_int_equal(v[0].timeout_ms, 5000);
    assert_null(v[0].command);
    assert_int_equal(v[1].exabgp.via, EXABGP_PROCESS);
    assert_string_equal(v[1].socket, "run/exabgp-e.sock");
    is_ip(&v[1].next_hop_v4, "198.51.100.1");
    is_ip(&v[1].next_hop_v6, "2001:db8::1");
    assert_int_equal(v[1].interval_ms, 1000);
    assert_int_equal(v[1].as, 0);
    assert_int_equal(v[2].exabgp.via, EXABGP_FIFO);
    assert_string_equal(v[2].exabgp.to, "in");
    assert_string_equal(v[2].exabgp.from, "out");
    assert_null(v[2].socket);
    assert_string_equal(v[3].socket, "/run/frr/bgpd.vty");
    assert_null(v[3].command);
    assert_null(v[4].socket);
    assert_string_equal(v[4].command[0], "bin/vtysh");
    assert_string_equal(v[4].command[2], "bgpd");
    assert_null(v[4].command[3]);
    assert_int_equal(v[4].timeout_ms, 1000);
    assert_string_equal(v[5].socket, "v");
    assert_string_equal(v[5].command[0], "vtysh");
    assert_string_equal(v[6].command[2], "127.0.0.1");
    assert_string_equal(v[7].command[0], "bin/x");
    assert_string_equal(v[8].name, "late");
    assert_string_equal(v[8].command[0], "gobgp");
    assert_null(v[8].command[1]);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_all_keys),
        cmocka_unit_test(test_held),         cmocka_unit_test(test_every_address),
        cmocka_unit_test(test_broken_zones), cmocka_unit_test(test_checks),
        cmocka_unit_test(test_no_target),    cmocka_unit_test(test_no_sites),
        cmocka_unit_test(test_speakers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
