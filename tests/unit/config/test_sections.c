/* SPDX-License-Identifier: Apache-2.0
 * A program that knows pools and no zones: what it reads, what it says, and what it links. */
#include "files.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

/* Defined by the readers of the other sections. A weak reference draws in nothing: where nothing
 * else does, it is null. */
extern char config_zones_is_linked __asm__("config_zones") __attribute__((weak));
extern char config_geo_is_linked __asm__("config_geo") __attribute__((weak));
extern char config_tiers_is_linked __asm__("config_tiers") __attribute__((weak));
extern char config_load_is_linked __asm__("config_load") __attribute__((weak));
extern char zonefile_is_linked __asm__("zonefile_read") __attribute__((weak));
extern char zoneyaml_is_linked __asm__("zoneyaml_read") __attribute__((weak));

static const struct config_section *const nothing[] = {NULL};
static const struct config_section *const pools[] = {&config_pools, NULL};

static int enter(void **state)
{
    (void)state;
    files_enter();
    files_write_text("loadstar.yaml", "pools: [pools.yaml, more.yaml]\nzones: nowhere/\n"
                                      "geo: {networks: none.yaml}\n");
    files_write_text("pools.yaml", "checks: {up: {type: tcp, port: 80}}\n"
                                   "pools: {p: {steer: all, checks: [up], sites: {a: "
                                   "[192.0.2.1]}}}\n");
    files_write_text("more.yaml", "sites: {a: {}}\n");
    return 0;
}

static int leave(void **state)
{
    (void)state;
    files_leave();
    return 0;
}

/* Reads the sections; the messages are `expected`. NULL when there was an error. */
static struct model *read_these(const struct config_section *const *sections, const char *expected)
{
    struct model *m = NULL;
    struct diags diags;
    char *text = NULL;
    size_t n;
    diags_init(&diags);
    int code = config_read(&m, "loadstar.yaml", sections, &(struct config_options){0}, &diags);
    FILE *out = open_memstream(&text, &n);
    diags_print(&diags, out);
    fclose(out);
    assert_string_equal(text, expected);
    assert_int_equal(code != 0, diags.n_errors != 0);
    free(text);
    diags_free(&diags);
    return code == 0 ? m : NULL;
}

/* Neither the zones nor the networks that are named exist. */
static void test_pools_alone(void **state)
{
    (void)state;
    struct model *m = read_these(pools, "");
    assert_non_null(m);
    assert_int_equal(m->n_pools, 1);
    assert_int_equal(m->n_endpoints, 1);
    assert_int_equal(m->n_checks, 1);
    assert_int_equal(m->n_zones, 0);
    assert_int_equal(m->server.n_listen, 0);
    assert_int_equal(m->geo.n_networks, 0);
    assert_int_equal(m->n_sources, 3);
    model_free(m);
}

static void test_mistakes_in_pools(void **state)
{
    (void)state;
    files_write_text("more.yaml", "sites: {b: {}}\n");
    assert_null(read_these(pools, "pools.yaml:2:47: unknown site 'a', expected b\n"));
}

/* Their files are not even opened. */
static void test_main_file_alone(void **state)
{
    (void)state;
    files_write_text("pools.yaml", "]\n");
    struct model *m = read_these(nothing, "");
    assert_non_null(m);
    assert_int_equal(m->n_pools, 0);
    assert_int_equal(m->n_sources, 1);
    model_free(m);
    files_write_text("loadstar.yaml", "poools: pools.yaml\n");
    assert_null(read_these(nothing, "loadstar.yaml:1:1: unknown key 'poools', did you mean "
                                    "'pools'?\n"));
}

static void test_links_no_more(void **state)
{
    (void)state;
    assert_null(&config_zones_is_linked);
    assert_null(&config_geo_is_linked);
    assert_null(&config_tiers_is_linked);
    assert_null(&config_load_is_linked);
    assert_null(&zonefile_is_linked);
    assert_null(&zoneyaml_is_linked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pools_alone, enter, leave),
        cmocka_unit_test_setup_teardown(test_mistakes_in_pools, enter, leave),
        cmocka_unit_test_setup_teardown(test_main_file_alone, enter, leave),
        cmocka_unit_test(test_links_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
