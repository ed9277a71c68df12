/* SPDX-License-Identifier: Apache-2.0
 * Specifications of prefix sets, made of a configuration that is gone by the time they are looked
 * at. */
#include "../config/files.h"

#include "anycast/spec.h"
#include "config/config.h"
#include "dns/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static struct anycast_set *set_of(const char *server, const char *anycast)
{
    struct diags diags;
    struct model *m = NULL;
    char text[512];
    snprintf(text, sizeof text,
             "server: {listen: [192.0.2.53, 192.0.2.54]%s}\npools: pools.yaml\n"
             "anycast: anycast.yaml\nzones: zones/\n",
             server);
    files_enter();
    files_write_text("loadstar.yaml", text);
    files_write_text(
        "pools.yaml",
        "sites: {ams: {location: [52, 5]}, iad: {location: [39, -77]}}\n"
        "checks: {up: {type: tcp, port: 179}, web: {type: http}}\n"
        "pools: {www: {checks: [web], sites: {ams: [192.0.2.1], iad: [192.0.2.2]}}}\n");
    files_write_text("anycast.yaml", anycast);
    files_write_text("zones/example.com.yaml",
                     "zone: example.com\nsoa: {mname: ns1, rname: hostmaster}\n"
                     "records: {\"@\": {NS: ns1}, ns1: {A: 192.0.2.53}}\n");
    diags_init(&diags);
    int e = config_load(&m, "loadstar.yaml", &diags);
    if (e != 0)
        diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    diags_free(&diags);
    struct anycast_set *set = anycast_set_new(m);
    model_free(m);
    files_leave();
    return set;
}

static void is_condition(const struct anycast_condition *c, const char *name, bool is_full,
                         uint32_t pool, uint32_t site, uint32_t endpoint)
{
    assert_string_equal(c->name, name);
    assert_int_equal(c->is_full, is_full);
    assert_int_equal(c->pool, pool);
    assert_int_equal(c->site, site);
    assert_int_equal(c->endpoint, endpoint);
}

static void test_everything_is_copied(void **state)
{
    (void)state;
    struct anycast_set *set =
        set_of(", node: n1, state_dir: state, site: iad",
               "anycast:\n"
               "  other: {prefixes: 192.0.2.54/32, speaker: push, hold: none, interface: lo,\n"
               "    shutdown: immediate, rise: 1s, fall: 3s, site: ams}\n"
               "  dns:\n    prefixes: [192.0.2.53/32, 192.0.2.52/31]\n    speaker: local\n"
               "    self: {name: www.example.com, type: A, address: 192.0.2.53}\n"
               "    allow: wide\n"
               "    when: {pools: {www: {min_up: 30%, site: ams}}, checks: [{check: up, address: "
               "198.51.100.1}]}\n"
               "    full: {pools: {www: {min_up: 70%}}, checks: [{check: web, address: "
               "\"2001:db8::1\"}]}\n"
               "    degraded: {prepend: 2, communities: [\"1:2\"]}\n"
               "    communities: [\"3:4\", \"5:6\"]\n    large_communities: [\"7:8:9\"]\n"
               "    drain_time: 1m\n"
               "    on_announce: {command: [bin/up, x], required: on}\n"
               "    on_withdraw: {command: [down]}\n"
               "speakers:\n"
               "  push: {type: exec, command: [/bin/true, -x]}\n"
               "  local: {type: bird, socket: b.ctl, file: b.conf, as: 65001}\n");
    assert_string_equal(set->node, "n1");
    assert_string_equal(set->state_dir, "state");
    assert_int_equal(set->n_sets, 2);
    assert_int_equal(set->n_speakers, 2);
    assert_string_equal(set->speakers[0].command[1], "-x");
    assert_null(set->speakers[0].command[2]);
    assert_string_equal(set->speakers[1].socket, "b.ctl");
    assert_string_equal(set->speakers[1].file, "b.conf");
    assert_string_equal(set->speakers[1].file_at.file, "anycast.yaml");

    const struct anycast_spec *other = &set->sets[0], *dns = &set->sets[1];
    assert_string_equal(other->name, "other");
    assert_string_equal(other->site, "ams");
    assert_null(other->ifname);
    assert_string_equal(other->config->interface, "lo");
    assert_int_equal(other->speaker, 0);
    assert_int_equal(other->n_conditions, 0);
    assert_false(other->timing.graceful);
    assert_int_equal(other->timing.rise_ms, 1000);
    assert_int_equal(other->timing.fall_ms, 3000);

    assert_string_equal(dns->site, "iad");
    assert_string_equal(dns->ifname, "ls-dns");
    assert_int_equal(dns->speaker, 1);
    assert_true(dns->timing.graceful);
    assert_int_equal(dns->timing.drain_ms, 60000);
    assert_int_equal(dns->config->n_prefixes, 2);
    assert_int_equal(dns->config->prefixes[1].len, 31);
    assert_int_equal(dns->n_addresses, 1);
    assert_int_equal(dns->addresses[0].len, 32);
    assert_int_equal(dns->addresses[0].addr.b[3], 53);
    assert_true(slice_equal(dns->config->self.name, slice_of("\3www\7example\3com", 17)));
    assert_int_equal(dns->config->self.type, TYPE_A);
    assert_int_equal(dns->config->n_communities, 2);
    assert_int_equal(dns->config->communities[1].low, 6);
    assert_int_equal(dns->config->degraded.communities[0].high, 1);
    assert_int_equal(dns->config->large_communities[0].v[2], 9);
    assert_string_equal(dns->config->on_announce.command[0], "bin/up");
    assert_string_equal(dns->config->on_announce.command[1], "x");
    assert_string_equal(dns->config->on_withdraw.command[0], "down");
    assert_int_equal(dns->config->site, MODEL_NONE);
    assert_int_equal(dns->config->when.n_pools + dns->config->full.n_endpoints, 0);
    assert_int_equal(dns->n_conditions, 4);
    is_condition(&dns->conditions[0], "pool www/ams", false, 0, 0, MODEL_NONE);
    is_condition(&dns->conditions[1], "check up 198.51.100.1", false, 1, 1, 2);
    is_condition(&dns->conditions[2], "pool www", true, 0, MODEL_NONE, MODEL_NONE);
    is_condition(&dns->conditions[3], "check web 2001:db8::1", true, 1, 1, 3);
    assert_float_equal(dns->conditions[2].min_up, 0.7, 1e-9);
    anycast_set_release(set);
}

static void test_holds(void **state)
{
    (void)state;
    struct anycast_set *set = set_of("", "anycast: {a: {prefixes: 192.0.2.53/32, speaker: x}}\n"
                                         "speakers: {x: {type: exec, command: [/bin/true]}}\n");
    assert_string_equal(set->node, "");
    assert_null(set->state_dir);
    assert_string_equal(set->sets[0].site, "");
    assert_ptr_equal(anycast_set_hold(set), set);
    anycast_set_release(set);
    assert_string_equal(set->sets[0].name, "a");
    anycast_set_release(set);
    anycast_set_release(NULL);
}

static void test_none(void **state)
{
    (void)state;
    assert_null(set_of("", "anycast: {}\nspeakers: {}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_copied),
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
