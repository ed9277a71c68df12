/* SPDX-License-Identifier: Apache-2.0
 * What tiers are read as: defaults, forms, members with ports and ways, fronts, weights. */
#include "files.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SITES "sites: {ams: {location: [52, 5]}, iad: {location: [39, -77]}}\n"

static struct model *load(const char *server, const char *pools, const char *tiers)
{
    struct diags diags;
    struct model *m = NULL;
    char main_text[512];
    snprintf(main_text, sizeof main_text,
             "server: {listen: [], state_dir: state%s}\nhttp: {listen: \"127.0.0.1:8053\"}\n"
             "pools: pools.yaml\ntiers: [tiers.yaml, more.yaml]\n",
             server);
    files_enter();
    files_write_text("loadstar.yaml", main_text);
    files_write_text("pools.yaml", pools);
    files_write_text("tiers.yaml", tiers);
    files_write_text("more.yaml", "tiers: {}\n");
    files_write_text("out/there", "\n");
    diags_init(&diags);
    int e = config_load(&m, "loadstar.yaml", &diags);
    if (e != 0)
        diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    diags_free(&diags);
    files_leave();
    return m;
}

static const char pools[] =
    SITES "pools:\n"
          "  back: {sites: {ams: [{address: 10.0.0.1, port: 80, name: a}, 10.0.0.2,\n"
          "    {address: \"2001:db8::7\", name: c}], iad: [10.1.0.1]}}\n"
          "  www: {slow_start: 1m, sites: {ams: [{address: 192.0.2.80, port: 443}, 192.0.2.81],\n"
          "    iad: [{address: 192.0.2.80, port: 80}]}}\n"
          "  other: {sites: {iad: [192.0.2.80]}}\n";

static void test_defaults(void **state)
{
    (void)state;
    struct model *m =
        load("", pools,
             "tiers:\n"
             "  i: {type: ipvs, pool: www, service: {address: 192.0.2.90, port: 8}}\n"
             "  h: {type: haproxy, pool: www, service: {port: 1}, backend: 'b:1', socket: s,\n"
             "      agent: {listen: \"[::1]:9\"}}\n"
             "  n: {type: nginx, pool: www, service: {port: 1}, upstream: w, file: out/a}\n"
             "  e: {type: envoy, pool: www, service: {port: 1}, cluster: c, eds: {rest: on}}\n"
             "  k: {type: keepalived, pool: www, track_file: out/b}\n"
             "  x: {type: exec, pool: www, service: {port: 1}, command: [bin/push, -a]}\n"
             "  l: {type: l4, pool: www, members: {ams/192.0.2.81: {port: 1}}, socket: c,\n"
             "    service: web}\n");
    assert_int_equal(m->n_tiers, 7);
    assert_int_equal(m->server.site, MODEL_NONE);
    for (uint32_t i = 0; i < 7; i++) {
        const struct tier *t = &m->tiers[i];
        assert_int_equal(t->type, TIER_IPVS + i);
        assert_int_equal(t->pool, 1);
        assert_int_equal(t->site, MODEL_NONE);
        assert_false(t->adopt);
        assert_false(t->reset_on_down);
        assert_int_equal(t->on_remove, TIER_LEAVE_DEFAULT);
        assert_int_equal(t->on_exit, TIER_LEAVE_DEFAULT);
        assert_int_equal(t->interval_ms, 30000);
        assert_int_equal(t->drain_timeout_ms, 300000);
        assert_int_equal(t->n_members, 3);
        assert_int_equal(t->n_fronts, 0);
        assert_false(t->has_behind);
        assert_true(!t->member_paths == (i != 0));
    }
    const struct tier *i = &m->tiers[0], *h = &m->tiers[1], *n = &m->tiers[2], *e = &m->tiers[3],
                      *k = &m->tiers[4], *x = &m->tiers[5];
    assert_string_equal(i->service.scheduler, "wlc");
    assert_int_equal(i->service.protocol, TIER_TCP);
    assert_int_equal(i->service.family, IP_V4);
    assert_int_equal(i->service.persistence_s, 0);
    assert_int_equal(i->service.persistence_len, 32);
    assert_int_equal(i->member_paths[0].forward, TIER_FORWARD_NAT);
    assert_int_equal(i->member_paths[0].upper, 0);
    assert_string_equal(h->haproxy.backend, "b:1");
    assert_string_equal(h->socket, "s");
    assert_int_equal(h->haproxy.agent.addr.family, IP_V6);
    assert_int_equal(h->haproxy.agent.port, 9);
    assert_string_equal(n->nginx.test[2], "loadstar-nginx-test.service");
    assert_null(n->nginx.test[3]);
    assert_string_equal(n->nginx.reload[2], "nginx");
    assert_null(n->nginx.reload[3]);
    assert_int_equal(n->nginx.reload_interval_ms, 2000);
    assert_false(n->nginx.stream);
    assert_string_equal(n->file, "out/a");
    assert_true(e->envoy.rest);
    assert_null(e->file);
    assert_int_equal(k->keepalived.weight_when_down, -254);
    assert_string_equal(k->file, "out/b");
    assert_int_equal(k->member_ports[0], 443);
    assert_int_equal(k->member_ports[1], 0);
    assert_string_equal(x->exec.command[0], "bin/push");
    assert_string_equal(x->exec.command[1], "-a");
    assert_null(x->exec.command[2]);
    assert_int_equal(x->exec.timeout_ms, 30000);
    assert_int_equal(x->exec.command_at.line, 8);
    assert_string_equal(m->tiers[6].socket, "c");
    assert_int_equal(m->tiers[6].socket_at.line, 9);
    assert_string_equal(m->tiers[6].l4.service, "web");
    model_free(m);
}

static void test_all_keys(void **state)
{
    (void)state;
    struct model *m =
        load(", site: ams", pools,
             "tiers:\n"
             "  i: {type: ipvs, pool: back, service: {fwmark: 10, family: ipv6, scheduler: mh,\n"
             "      persistence: {timeout: 1h, prefix: 64}}, adopt: true, drain: {timeout: 10m},\n"
             "      interval: 5s, on_remove: leave, on_exit: drain, on_down: reset,\n"
             "      forward: {tunnel: gue, port: 6080}, thresholds: {upper: 9, lower: 3}}\n"
             "  n: {type: nginx, pool: back, port: 9, mode: stream, upstream: w, file: out/a,\n"
             "      test: [a/b, -t], reload: [c], reload_interval: 500ms, site: \"*\"}\n");
    const struct tier *i = &m->tiers[0], *n = &m->tiers[1];
    assert_int_equal(m->server.site, 0);
    assert_int_equal(i->site, 0);
    assert_int_equal(i->n_members, 3);
    assert_int_equal(i->service.fwmark, 10);
    assert_int_equal(i->service.family, IP_V6);
    assert_int_equal(i->service.persistence_s, 3600);
    assert_int_equal(i->service.persistence_len, 64);
    assert_true(i->adopt);
    assert_true(i->reset_on_down);
    assert_int_equal(i->drain_timeout_ms, 600000);
    assert_int_equal(i->interval_ms, 5000);
    assert_int_equal(i->on_remove, TIER_LEAVE_LEAVE);
    assert_int_equal(i->on_exit, TIER_LEAVE_DRAIN);
    assert_int_equal(i->member_paths[2].forward, TIER_FORWARD_TUNNEL);
    assert_int_equal(i->member_paths[2].tunnel, TIER_TUNNEL_GUE);
    assert_int_equal(i->member_paths[2].tunnel_port, 6080);
    assert_int_equal(i->member_paths[2].upper, 9);
    assert_int_equal(i->member_paths[2].lower, 3);
    /* By mark: an endpoint's port, or the one that the client asked for. */
    assert_int_equal(i->member_ports[0], 80);
    assert_int_equal(i->member_ports[1], 0);
    assert_int_equal(n->site, MODEL_NONE);
    assert_int_equal(n->n_members, 4);
    assert_true(n->nginx.stream);
    assert_string_equal(n->nginx.test[0], "a/b");
    assert_string_equal(n->nginx.reload[0], "c");
    assert_null(n->nginx.reload[1]);
    assert_int_equal(n->nginx.reload_interval_ms, 500);
    model_free(m);
}

/* An exception, the tier, the endpoint, the service: in this order. */
static void test_ports(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        uint16_t ports[3];
    } cases[] = {
        {"service: {port: 7}", {80, 7, 7}},
        {"service: {port: 7}, port: 8", {8, 8, 8}},
        {"service: {port: 7}, port: 8, members: {ams/a: {port: 9}}", {9, 8, 8}},
        {"service: {port: 7}, members: {\"ams/*\": {port: 9}, ams/c: {port: 6}}", {9, 9, 6}},
        {"service: {port: 7}, members: {ams/c: {port: 6}, ams: {port: 9}}", {9, 9, 9}},
        {"port: 5, members: {\"ams/2001:DB8:0::7\": {port: 6}}", {5, 5, 6}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char tiers[256];
        snprintf(tiers, sizeof tiers,
                 "tiers: {x: {type: exec, pool: back, site: ams, command: [a], %s}}\n",
                 cases[i].keys);
        struct model *m = load("", pools, tiers);
        assert_memory_equal(m->tiers[0].member_ports, cases[i].ports, sizeof cases[i].ports);
        model_free(m);
    }
}

/* Each thing that an exception says holds by itself; the last that says it. */
static void test_paths(void **state)
{
    (void)state;
    struct model *m =
        load("", pools,
             "tiers:\n  i: {type: ipvs, pool: back, service: {address: 192.0.2.1, port: 80},\n"
             "    thresholds: {upper: 50}, forward: dr, members: {\n"
             "    \"ams/*\": {thresholds: {upper: 9, lower: 3}}, ams/a: {forward: tunnel},\n"
             "    ams/c: {forward: {tunnel: gre}}, iad: {forward: nat, port: 81}}}\n");
    const struct tier_path *p = m->tiers[0].member_paths;
    static const struct tier_path expected[] = {
        {TIER_FORWARD_TUNNEL, TIER_TUNNEL_IPIP, 0, 9, 3},
        {TIER_FORWARD_DR, TIER_TUNNEL_IPIP, 0, 9, 3},
        {TIER_FORWARD_TUNNEL, TIER_TUNNEL_GRE, 0, 9, 3},
        {TIER_FORWARD_NAT, TIER_TUNNEL_IPIP, 0, 50, 0},
    };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(p[i].forward, expected[i].forward);
        assert_int_equal(p[i].tunnel, expected[i].tunnel);
        assert_int_equal(p[i].tunnel_port, expected[i].tunnel_port);
        assert_int_equal(p[i].upper, expected[i].upper);
        assert_int_equal(p[i].lower, expected[i].lower);
    }
    assert_int_equal(m->tiers[0].member_ports[3], 81);
    model_free(m);
}

/* back: 0..3, www: 4 (192.0.2.80:443), 5, 6 (192.0.2.80:80), other: 7 (192.0.2.80) */
static void test_fronts(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        uint32_t n, fronts[4];
    } cases[] = {
        {"service: {address: 192.0.2.80, port: 443}", 2, {4, 7}},
        {"service: {address: 192.0.2.80, port: 80}", 2, {6, 7}},
        {"service: {address: 192.0.2.80, port: 1}", 1, {7}},
        {"service: {address: 192.0.2.80}", 3, {4, 6, 7}},
        {"service: {address: 192.0.2.82, port: 443}", 0, {0}},
        {"service: {address: 192.0.2.80, port: 443}, behind: www/ams", 3, {4, 5, 7}},
        {"behind: [\"*/iad/192.0.2.*\", www/ams/192.0.2.81, \"www/*/192.0.2.81\"]", 3, {5, 6, 7}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char tiers[256];
        snprintf(tiers, sizeof tiers,
                 "tiers: {x: {type: exec, pool: back, port: 1, command: [a], %s}}\n",
                 cases[i].keys);
        struct model *m = load("", pools, tiers);
        const struct tier *t = &m->tiers[0];
        assert_int_equal(t->n_fronts, cases[i].n);
        assert_memory_equal(t->fronts, cases[i].fronts, cases[i].n * sizeof *t->fronts);
        assert_int_equal(t->has_behind, strstr(cases[i].keys, "behind") != NULL);
        model_free(m);
    }
    /* A member is no front of its own tier. */
    struct model *m = load("", pools,
                           "tiers: {x: {type: exec, pool: www, site: ams, port: 443,\n"
                           "  command: [a], service: {address: 192.0.2.80}}}\n");
    assert_int_equal(m->tiers[0].n_fronts, 2);
    assert_int_equal(m->tiers[0].fronts[0], 6);
    model_free(m);
}

static void test_slow_start(void **state)
{
    (void)state;
    struct model *m =
        load("", pools,
             "tiers:\n  a: {type: exec, pool: back, port: 1, command: [a], "
             "slow_start: 30s}\n"
             "  b: {type: exec, pool: www, service: {port: 1}, command: [a], slow_start: 1m}\n");
    assert_int_equal(m->pools[0].slow_start_ms, 30000);
    assert_int_equal(m->pools[0].slow_start_at.line, 2);
    assert_int_equal(m->pools[1].slow_start_ms, 60000);
    assert_string_equal(m->pools[1].slow_start_at.file, "pools.yaml");
    assert_int_equal(m->pools[2].slow_start_ms, 0);
    model_free(m);
}

static void test_weight_from(void **state)
{
    (void)state;
    struct model *m =
        load("",
             SITES "pools:\n"
                   "  a: {sites: {ams: [{address: 10.0.0.1, port: 80}]},\n"
                   "    weight_from: {tier: t, target_sessions: 9, min: 5%, low: 0.5, high: 90%}}\n"
                   "  b: {sites: {ams: [192.0.2.1]}, weight_from: {tier: t, target_sessions: 1}}\n"
                   "  c: {sites: {ams: [192.0.2.1]}}\n",
             "tiers:\n  x: {type: exec, pool: a, command: [a]}\n"
             "  t: {type: ipvs, pool: a, service: {address: 192.0.2.1, port: 1}}\n");
    const struct weight_from *a = &m->pools[0].weight_from, *b = &m->pools[1].weight_from;
    assert_int_equal(a->tier, 1);
    assert_int_equal(a->target_sessions, 9);
    assert_true(a->min == 0.05 && a->low == 0.5 && a->high == 0.9);
    assert_int_equal(b->tier, 1);
    assert_true(b->min == 0.1 && b->low == 0.8 && b->high == 1.0);
    assert_int_equal(b->span.line, 5);
    assert_int_equal(m->pools[2].weight_from.tier, MODEL_NONE);
    model_free(m);
}

/* A reading whose time grew with the square of its size would take minutes of this. */
static void test_large(void **state)
{
    (void)state;
    char *pool_text = NULL, *tier_text = NULL;
    size_t n;
    FILE *out = open_memstream(&pool_text, &n);
    fputs(SITES "pools:\n  big: {sites: {ams: [", out);
    for (unsigned i = 0; i < 4000; i++)
        fprintf(out, "{address: 10.%u.%u.1, port: 80, name: w%u}, ", i / 250, i % 250, i);
    fputs("]}}\n", out);
    for (unsigned p = 0; p < 200; p++) {
        fprintf(out, "  p%u: {sites: {ams: [", p);
        for (unsigned i = 0; i < 100; i++)
            fprintf(out, "{address: 10.%u.%u.2, port: 80}, ", p, i);
        fprintf(out, "], iad: [{address: 192.0.2.%u, port: 443}]}}\n", p);
    }
    fclose(out);
    out = open_memstream(&tier_text, &n);
    fputs("tiers:\n  big: {type: nginx, pool: big, upstream: b, file: out/big, members: {", out);
    for (unsigned i = 0; i < 1000; i++)
        fprintf(out, "ams/w%u: {port: %u}, ", 4 * i, i + 1);
    fputs("}}\n", out);
    for (unsigned p = 0; p < 200; p++)
        fprintf(out,
                "  t%u: {type: haproxy, pool: p%u, site: ams, backend: b, socket: s%u,\n"
                "    service: {address: 192.0.2.%u, port: 443}, behind: p%u/iad}\n",
                p, p, p, p, p);
    fclose(out);
    clock_t began = clock(); /* of the processor */
    struct model *m = load("", pool_text, tier_text);
    int64_t took_ms = (int64_t)(clock() - began) * 1000 / CLOCKS_PER_SEC;
    print_message("          201 tiers, 24,000 members: %d ms\n", (int)took_ms);
    assert_int_equal(m->tiers[0].n_members, 4000);
    assert_int_equal(m->tiers[0].member_ports[3996], 1000);
    assert_int_equal(m->tiers[0].member_ports[3999], 80);
    for (unsigned p = 0; p < 200; p++)
        assert_int_equal(m->tiers[1 + p].n_fronts, 1);
    assert_true(took_ms < 20000);
    model_free(m);
    free(pool_text);
    free(tier_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_all_keys),
        cmocka_unit_test(test_ports),       cmocka_unit_test(test_paths),
        cmocka_unit_test(test_fronts),      cmocka_unit_test(test_slow_start),
        cmocka_unit_test(test_weight_from), cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
