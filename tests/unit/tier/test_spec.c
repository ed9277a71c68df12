/* SPDX-License-Identifier: Apache-2.0
 * Specifications of tiers, made of a configuration that is gone by the time they are looked at. */
#include "../config/files.h"

#include "config/config.h"
#include "tier/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define MAIN \
    "server: {listen: [], state_dir: state, node: n1}\npools: pools.yaml\ntiers: tiers.yaml\n"

static struct tier_set *set_of(const char *pools, const char *tiers)
{
    struct diags diags;
    struct model *m = NULL;
    files_enter();
    files_write_text("loadstar.yaml", MAIN);
    files_write_text("pools.yaml", pools);
    files_write_text("tiers.yaml", tiers);
    diags_init(&diags);
    int e = config_load(&m, "loadstar.yaml", &diags);
    if (e != 0)
        diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    diags_free(&diags);
    struct tier_set *set = tier_set_new(m);
    model_free(m);
    files_leave();
    return set;
}

#define POOLS                                                                                    \
    "sites: {ams: {location: [52, 5]}, iad: {location: [39, -77]}}\n"                            \
    "pools:\n"                                                                                   \
    "  www: {sites: {ams: [{address: 192.0.2.80, port: 443}, 192.0.2.81], iad: [192.0.2.80]},\n" \
    "    weight_from: {tier: vip, target_sessions: 2000, min: 25%}}\n"                           \
    "  back: {min_up: 50%, on_all_down: nodata, sites: {\n"                                      \
    "    ams: [{address: 10.0.0.1, port: 80, name: web1, weight: 40}, {address: 10.0.0.2}],\n"   \
    "    iad: [{address: \"2001:db8::1\", weight: 200}]}}\n"                                     \
    "  alone: {sites: {ams: [198.51.100.1]}}\n"

static void test_everything_is_copied(void **state)
{
    (void)state;
    struct tier_set *set =
        set_of(POOLS, "tiers:\n"
                      "  push: {type: exec, pool: back, port: 1, command: [/bin/true, -x]}\n"
                      "  vip: {type: ipvs, pool: back, site: ams,\n"
                      "    service: {address: 192.0.2.80, port: 443, persistence: 5m}}\n");
    assert_string_equal(set->node, "n1");
    assert_string_equal(set->state_dir, "state");
    assert_int_equal(set->n_tiers, 2);
    /* www: 0, 1, 2; back: 3, 4, 5; alone: 6. Two are fronts, three members. */
    static const uint32_t endpoints[] = {0, 2, 3, 4, 5};
    assert_int_equal(set->n_endpoints, 5);
    assert_memory_equal(set->endpoints, endpoints, sizeof endpoints);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(tier_set_slot(set, endpoints[i]), i);
    assert_int_equal(tier_set_slot(set, 1), MODEL_NONE);
    assert_int_equal(tier_set_slot(set, 6), MODEL_NONE);
    assert_int_equal(tier_set_slot(set, 7), MODEL_NONE);

    const struct tier_spec *push = &set->tiers[0], *vip = &set->tiers[1];
    assert_string_equal(push->name, "push");
    assert_string_equal(push->site, "");
    assert_int_equal(push->n_members, 3);
    assert_int_equal(push->n_fronts, 0);
    assert_string_equal(push->config->exec.command[1], "-x");
    assert_null(push->config->exec.command[2]);
    assert_int_equal(push->members[2].port, 1);
    assert_string_equal(push->members[2].name, "iad-2001_db8__1");
    assert_string_equal(push->members[2].key, "back/iad/2001:db8::1");

    assert_string_equal(vip->name, "vip");
    assert_string_equal(vip->pool, "back");
    assert_string_equal(vip->site, "ams");
    assert_int_equal(vip->weight_max, 200);
    assert_false(vip->serve_all);
    assert_true(vip->min_up == 0.5);
    assert_int_equal(vip->n_members, 2);
    assert_string_equal(vip->members[0].key, "back/ams/web1");
    assert_string_equal(vip->members[0].name, "ams-web1");
    assert_string_equal(vip->members[0].site, "ams");
    assert_string_equal(vip->members[0].label, "web1");
    assert_int_equal(vip->members[0].port, 80);
    assert_int_equal(vip->members[0].slot, 2);
    assert_int_equal(vip->members[1].port, 443);
    assert_string_equal(vip->members[1].name, "ams-10.0.0.2");
    assert_int_equal(vip->n_fronts, 2);
    assert_int_equal(vip->fronts[0], 0);
    assert_int_equal(vip->fronts[1], 1);
    assert_string_equal(vip->config->service.scheduler, "wlc");
    assert_int_equal(vip->config->service.family, IP_V4);
    assert_int_equal(vip->config->service.persistence_len, 32);

    assert_int_equal(set->n_followers, 1);
    assert_int_equal(set->followers[0].from.tier, 1);
    assert_int_equal(set->followers[0].from.target_sessions, 2000);
    assert_true(set->followers[0].from.min == 0.25);
    assert_int_equal(set->followers[0].n, 2);
    assert_int_equal(set->followers[0].slots[1], 1);
    assert_true(set->followers[0].is_front[0]);

    assert_ptr_equal(tier_set_hold(set), set);
    tier_set_release(set);
    assert_string_equal(set->tiers[1].name, "vip");
    tier_set_release(set);
}

static void test_none(void **state)
{
    (void)state;
    assert_null(
        set_of("sites: {ams: {location: [52, 5]}}\npools: {www: {sites: {ams: [192.0.2.1]}}}\n",
               "tiers: {}\n"));
    tier_set_release(NULL);
}

/* Names in the tier: usable by any, unique, at most 60 bytes, and the same whoever else is there.
 */
static void test_names(void **state)
{
    (void)state;
    char pools[1024], longest[64], other[64];
    memset(longest, 'a', 63);
    longest[63] = '\0';
    memcpy(other, longest, sizeof other);
    other[62] = 'b';
    snprintf(pools, sizeof pools,
             "sites: {a-b: {location: [1, 2]}, a: {location: [3, 4]}}\n"
             "pools: {p: {sites: {a-b: [{address: 10.0.0.1, name: c}],\n"
             "  a: [{address: 10.0.0.2, name: b-c}, {address: 10.0.0.3, name: %s},\n"
             "      {address: 10.0.0.4, name: %s}]}}}\n",
             longest, other);
    struct tier_set *set =
        set_of(pools, "tiers: {t: {type: exec, pool: p, port: 1, command: [/bin/true]}}\n");
    const struct tier_member *v = set->tiers[0].members;
    assert_string_equal(v[0].name, "a-b-c");
    char hashed[80];
    snprintf(hashed, sizeof hashed, "%s", v[1].name);
    assert_memory_equal(hashed, "a-b-c-", 6);
    assert_int_equal(strlen(hashed), 14);
    assert_int_equal(strlen(v[2].name), 60);
    assert_int_equal(strlen(v[3].name), 60);
    assert_string_not_equal(v[2].name, v[3].name);
    tier_set_release(set);

    set = set_of("sites: {a-b: {location: [1, 2]}, a: {location: [3, 4]}}\n"
                 "pools: {p: {sites: {a-b: [{address: 10.0.0.1, name: c}],\n"
                 "  a: [{address: 10.0.0.9, name: x}, {address: 10.0.0.2, name: b-c}]}}}\n",
                 "tiers: {t: {type: exec, pool: p, port: 1, command: [/bin/true]}}\n");
    assert_string_equal(set->tiers[0].members[2].name, hashed);
    tier_set_release(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_copied),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
