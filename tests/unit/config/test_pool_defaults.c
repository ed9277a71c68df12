/* SPDX-License-Identifier: Apache-2.0
 * What pools, checks and endpoints take from elsewhere: `defaults` of their file, the pool's
 * checks, the address that is answered. */
#include "files.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define SITES                                                                            \
    "sites: {ams: {location: [52.31, 4.76]}, iad: {location: [38.95, -77.45]}, x: {}}\n" \
    "maps: {world: {default: [iad, ams]}}\n"

/* pools.yaml, and more.yaml beside it. */
static struct model *load(const char *pools, const char *more)
{
    struct diags diags;
    struct model *m = NULL;
    files_enter();
    files_write_text("loadstar.yaml", "pools: [pools.yaml, more.yaml]\n");
    files_write_text("pools.yaml", pools);
    files_write_text("more.yaml", more);
    diags_init(&diags);
    int e = config_load(&m, "loadstar.yaml", &diags);
    diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    diags_free(&diags);
    files_leave();
    return m;
}

static const struct pool *pool_of(const struct model *m, const char *name)
{
    uint32_t i = model_find_pool(m, name);
    assert_int_not_equal(i, MODEL_NONE);
    return &m->pools[i];
}

static const struct check *check_of(const struct model *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_checks; i++)
        if (strcmp(m->checks[i].name, name) == 0)
            return &m->checks[i];
    fail_msg("no check %s", name);
    return NULL;
}

static void test_pools(void **state)
{
    (void)state;
    struct model *m =
        load(SITES
             "pools:\n"
             "  plain: {sites: {ams: [192.0.2.1]}}\n"
             "  own: {ttl: 5s, checks: [], steer: all, pick: ordered, answers: 1, min_up: 0,\n"
             "    on_all_down: serve_all, sites: {x: [192.0.2.1], ams: [192.0.2.2]}}\n"
             "  names: {checks: [run], steer: all, on_all_down: nodata, sites: {ams: [{cname: "
             "a.example}]}}\n"
             "  sorry: {sites: {ams: [192.0.2.9]}}\n"
             "checks: {web: {type: tcp, port: 80}, run: {type: exec, command: [/bin/true]}}\n"
             "defaults: {pool: {ttl: {min: 1s, max: 9s}, checks: [web], steer: {map: world},\n"
             "  pick: all, answers: 3, min_up: 50%, on_all_down: {fallback: sorry}}}\n",
             "pools: {other: {sites: {ams: [192.0.2.1]}}}\n");
    const struct pool *p = pool_of(m, "plain");
    assert_int_equal(p->ttl.min_s, 1);
    assert_int_equal(p->ttl.max_s, 9);
    assert_int_equal(p->checks.n, 1);
    assert_string_equal(m->checks[p->checks.v[0]].name, "web");
    assert_int_equal(p->steer, STEER_MAP);
    assert_int_equal(p->map, 0);
    assert_int_equal(p->pick, PICK_ALL);
    assert_int_equal(p->answers, 3);
    assert_true(p->min_up == 0.5);
    assert_int_equal(p->on_all_down, ALL_DOWN_FALLBACK);
    assert_ptr_equal(&m->pools[p->fallback], pool_of(m, "sorry"));

    p = pool_of(m, "own");
    assert_int_equal(p->ttl.max_s, 5);
    assert_int_equal(p->checks.n, 0);
    assert_int_equal(p->steer, STEER_ALL);
    assert_int_equal(p->pick, PICK_ORDERED);
    assert_int_equal(p->answers, 1);
    assert_true(p->min_up == 0.0);
    assert_int_equal(p->on_all_down, ALL_DOWN_SERVE_ALL);
    assert_int_equal(p->fallback, MODEL_NONE);

    p = pool_of(m, "names"); /* a name has one CNAME */
    assert_int_equal(p->pick, PICK_WEIGHTED);
    assert_int_equal(p->answers, 1);

    p = pool_of(m, "sorry"); /* not to itself */
    assert_int_equal(p->on_all_down, ALL_DOWN_SERVE_ALL);
    assert_int_equal(p->fallback, MODEL_NONE);
    assert_int_equal(p->ttl.min_s, 1);

    p = pool_of(m, "other"); /* of another file */
    assert_int_equal(p->ttl.min_s, 30);
    assert_int_equal(p->checks.n, 0);
    assert_int_equal(p->steer, STEER_NEAREST);
    model_free(m);
}

static void test_each_file_has_its_own(void **state)
{
    (void)state;
    struct model *m = load(SITES "defaults: {pool: {ttl: 1s}, check: {fall: 9}}\n"
                                 "checks: {a: {type: tcp, port: 1}}\n"
                                 "pools: {a: {checks: [a], sites: {ams: [192.0.2.1]}}}\n",
                           "pools: {b: {checks: [b], sites: {ams: [192.0.2.1]}}}\n"
                           "checks: {b: {type: tcp, port: 2}}\n"
                           "defaults: {pool: {ttl: 2s}}\n");
    assert_int_equal(pool_of(m, "a")->ttl.min_s, 1);
    assert_int_equal(pool_of(m, "b")->ttl.min_s, 2);
    assert_int_equal(check_of(m, "a")->fall, 9);
    assert_int_equal(check_of(m, "b")->fall, 3);
    model_free(m);
}

static void test_checks(void **state)
{
    (void)state;
    struct model *m =
        load("sites: {ams: {}}\n"
             "defaults: {check: {interval: 10s, timeout: 3s, rise: 4, fall: 1}}\n"
             "checks: {a: {type: tcp, port: 1}, b: {type: tcp, port: 1, interval: 1s, rise: 2},\n"
             "  c: {type: tcp, port: 1, timeout: 7s}}\n"
             "pools: {a: {checks: [a, b, c], sites: {ams: [192.0.2.1]}}}\n",
             "{}\n");
    const struct check *c = check_of(m, "a");
    assert_int_equal(c->interval_ms, 10000);
    assert_int_equal(c->timeout_ms, 3000);
    assert_int_equal(c->rise, 4);
    assert_int_equal(c->fall, 1);
    c = check_of(m, "b"); /* a default gives way to the interval */
    assert_int_equal(c->interval_ms, 1000);
    assert_int_equal(c->timeout_ms, 1000);
    assert_int_equal(c->rise, 2);
    assert_int_equal(check_of(m, "c")->timeout_ms, 7000);
    model_free(m);
}

static void test_endpoints(void **state)
{
    (void)state;
    struct model *m = load(
        "sites: {ams: {}}\n"
        "checks: {a: {type: tcp, port: 1}, b: {type: tcp, port: 2}}\n"
        "pools:\n"
        "  a: {checks: [a], sites: {ams: [192.0.2.1, {address: 192.0.2.2, checks: []},\n"
        "    {address: 192.0.2.3, checks: [b, a], probe: {address: \"2001:db8::1\", port: 9}},\n"
        "    {address: 192.0.2.4, port: 7, probe: {port: 8}}]}}\n"
        "  n: {checks: [b], sites: {ams: [{cname: a.example, probe: {address: 192.0.2.7}}]}}\n",
        "{}\n");
    const struct endpoint *e = m->endpoints;
    assert_int_equal(endpoint_checks(m, &e[0])->n, 1);
    assert_ptr_equal(endpoint_probed(&e[0]), &e[0].addr);
    assert_int_equal(endpoint_checks(m, &e[1])->n, 0);
    assert_int_equal(endpoint_checks(m, &e[2])->n, 2);
    assert_string_equal(m->checks[endpoint_checks(m, &e[2])->v[0]].name, "b");
    assert_int_equal(endpoint_probed(&e[2])->family, IP_V6);
    assert_int_equal(e[2].addr.family, IP_V4);
    assert_int_equal(e[2].probe.port, 9);
    assert_ptr_equal(endpoint_probed(&e[3]), &e[3].addr);
    assert_int_equal(e[3].port, 7);
    assert_int_equal(e[3].probe.port, 8);
    assert_int_equal(e[4].addr.family, IP_NONE);
    assert_int_equal(endpoint_probed(&e[4])->b[3], 7);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_each_file_has_its_own),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
