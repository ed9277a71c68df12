/* SPDX-License-Identifier: Apache-2.0
 * The samples that are shipped load without a word. */
#include "files.h"

#include "base/file.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

/* $srcdir is set by `make check`. */
static char *source_path(const char *path)
{
    const char *srcdir = getenv("srcdir");
    char *relative, *absolute;
    assert_true(asprintf(&relative, "%s/%s", srcdir ? srcdir : ".", path) > 0);
    absolute = realpath(relative, NULL);
    if (!absolute)
        fail_msg("%s is missing", relative);
    free(relative);
    return absolute;
}

static void load(const char *path, uint32_t n_pools, uint32_t n_zones)
{
    struct diags diags;
    struct model *m = NULL;
    diags_init(&diags);
    int e = config_load(&m, path, &diags);
    diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    assert_int_equal(diags.n, 0);
    assert_int_equal(m->n_pools, n_pools);
    assert_int_equal(m->n_zones, n_zones);
    model_free(m);
    diags_free(&diags);
}

static void copy(const char *from, const char *to)
{
    struct arena *arena = arena_new();
    struct slice text;
    assert_int_equal(file_read(&text, arena, from, 1 << 20), 0);
    files_write(to, text.p, text.n);
    arena_free(arena);
}

/* With the zones and the database that it names beside it, as an installation has them. */
static void test_example(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"contrib/doc/loadstar.example.yaml", "loadstar.yaml"},
        {"contrib/doc/pools.example.yaml", "pools.example.yaml"},
        {"contrib/doc/networks.example.yaml", "networks.example.yaml"},
        {"zones/example.com.yaml", "zones/example.com.yaml"},
        {"zones/example.org.zone", "zones/example.org.zone"},
    };
    char *paths[ARRAY_LEN(files)];
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        paths[i] = source_path(files[i][0]);
    files_enter();
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        copy(paths[i], files[i][1]);
        free(paths[i]);
    }
    files_write_text("geoip/country.mmdb", "");
    files_write_text("api.token", "secret\n");
    load("loadstar.yaml", 7, 2);
    files_leave();
}

static void test_quickstart(void **state)
{
    (void)state;
    char *path = source_path("contrib/quickstart/loadstar.yaml");
    load(path, 3, 2);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_quickstart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
