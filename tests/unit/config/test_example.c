/* SPDX-License-Identifier: Apache-2.0
 * The samples that are shipped load without a word. */
#include "files.h"

#include "base/file.h"
#include "config/config.h"
#include "model/l4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
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

static void load(const char *path, uint32_t n_pools, uint32_t n_zones, uint32_t n_tiers,
                 uint32_t n_sets)
{
    struct diags diags;
    struct model *m = NULL;
    diags_init(&diags);
    int e = config_load(&m, path, &diags);
    diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    assert_int_equal(diags.n, n_zones ? 0 : 1); /* "no DNS is served" */
    assert_int_equal(m->n_pools, n_pools);
    assert_int_equal(m->n_zones, n_zones);
    assert_int_equal(m->n_tiers, n_tiers);
    assert_int_equal(m->n_prefix_sets, n_sets);
    model_free(m);
    diags_free(&diags);
}

static char *read_text(struct arena *arena, const char *path)
{
    struct slice text;
    assert_int_equal(file_read(&text, arena, path, 1 << 20), 0);
    return arena_strndup(arena, (const char *)text.p, text.n);
}

static void copy(const char *from, const char *to)
{
    struct arena *arena = arena_new();
    files_write_text(to, read_text(arena, from));
    arena_free(arena);
}

/* Replaces what is not longer by what stands instead, all over. */
static void replace(char *text, const char *old, const char *new)
{
    size_t n_old = strlen(old), n_new = strlen(new);
    assert_true(n_new <= n_old);
    assert_non_null(strstr(text, old));
    for (char *at = text; (at = strstr(at, old)); at += n_new) {
        memcpy(at, new, n_new);
        memmove(at + n_new, at + n_old, strlen(at + n_old) + 1);
    }
}

/* With the zones and the database that it names beside it, as an installation has them. */
static void test_example(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"contrib/doc/loadstar.example.yaml", "loadstar.yaml"},
        {"contrib/doc/pools.example.yaml", "pools.example.yaml"},
        {"contrib/doc/networks.example.yaml", "networks.example.yaml"},
        {"contrib/doc/tiers.example.yaml", "tiers.example.yaml"},
        {"contrib/doc/anycast.example.yaml", "anycast.example.yaml"},
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
    load("loadstar.yaml", 7, 2, 0, 0);
    /* With tiers, whose files go into directories that are there. */
    struct arena *arena = arena_new();
    char *text = read_text(arena, "loadstar.yaml");
    replace(text, "# tiers:", "tiers:");
    files_write_text("loadstar.yaml", text);
    files_write_text("upstreams/other.conf", "");
    files_write_text("eds/other.json", "");
    files_write_text("run/other.track", "");
    load("loadstar.yaml", 7, 2, 7, 0);
    replace(text, "# anycast:", "anycast:");
    files_write_text("loadstar.yaml", text);
    files_write_text("bird/other.conf", "");
    load("loadstar.yaml", 8, 2, 7, 7); /* one is of a check */
    arena_free(arena);
    files_leave();
}

static void test_quickstart(void **state)
{
    (void)state;
    char *path = source_path("contrib/quickstart/loadstar.yaml");
    load(path, 3, 2, 0, 0);
    free(path);
}

/* The blocks of YAML of a section, each of which begins with the name of its file. */
static void write_blocks(char *section)
{
    static const char begin[] = "```yaml\n# ";
    for (char *at = section; (at = strstr(at, begin));) {
        char *name = at + strlen(begin), *text = strchr(name, '\n'), *end = strstr(text, "```\n");
        assert_non_null(end);
        *text++ = *end = '\0';
        files_write_text(name, text);
        at = end + 1;
    }
}

/* What the documentation of tiers shows is taken as it stands, but for directories. */
static void test_tiers(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char *path = source_path("contrib/doc/tiers.md"), *text = read_text(arena, path);
    char *section = strstr(text, "## Configuration\n");
    assert_non_null(section);
    char *next = strstr(section + 3, "\n## ");
    assert_non_null(next);
    *next = '\0';
    replace(section, "/etc/nginx/upstreams/", "out/");
    replace(section, "/var/lib/loadstar/eds/", "out/");
    replace(section, "/run/loadstar/", "out/");
    files_enter();
    files_write_text("out/other", "");
    write_blocks(section);
    load("loadstar.yaml", 2, 0, 7, 0);
    files_leave();
    free(path);
    arena_free(arena);
}

static void load_l4(const char *name, uint32_t n_services, uint32_t n_sets, uint32_t n_pools)
{
    struct diags diags;
    struct model *m = NULL;
    char *path = source_path(name);
    diags_init(&diags);
    int e = config_l4_load(&m, path, &diags);
    diags_print(&diags, stderr);
    assert_int_equal(e, 0);
    assert_int_equal(diags.n, 0);
    assert_int_equal(m->l4->n_services, n_services);
    assert_int_equal(m->l4->n_sets, n_sets);
    assert_int_equal(m->n_pools, n_pools);
    model_free(m);
    diags_free(&diags);
    free(path);
}

/* Writes what stands in a comment, five characters in. */
static void write_comment(const char *name, char *text)
{
    static const char begin[] = "#     ";
    char *out = text, *end = text;
    for (char *line = text; *line; line = end + strspn(end, "\n")) {
        end = line + strcspn(line, "\n");
        if (strncmp(line, begin, strlen(begin)) != 0)
            continue;
        line += strlen(begin);
        memmove(out, line, (size_t)(end - line));
        out += end - line;
        *out++ = '\n';
    }
    *out = '\0';
    files_write_text(name, text);
}

static void test_l4(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char *path = source_path("contrib/example/l4/below.yaml");
    load_l4("contrib/example/l4/l4.yaml", 1, 1, 1);
    load_l4("contrib/example/l4/below.yaml", 3, 4, 0);
    /* And the tiers of loadstard that go with it. */
    files_enter();
    files_write_text("loadstar.yaml", "pools: pools.yaml\ntiers: tiers.yaml\n");
    files_write_text("pools.yaml", "sites: {a: {}}\npools:\n"
                                   "  web-backends: {sites: {a: [{address: 10.0.0.1, port: 80}]}}\n"
                                   "  api-pool: {sites: {a: [{address: 10.0.0.2, port: 80}]}}\n");
    write_comment("tiers.yaml", read_text(arena, path));
    load("loadstar.yaml", 2, 0, 3, 0);
    files_leave();
    free(path);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_quickstart),
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_l4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
