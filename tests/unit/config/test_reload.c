/* SPDX-License-Identifier: Apache-2.0
 * Which zones a reload reads again, whether files are those that were read, and what a lenient load
 * makes of zones that cannot be read. */
#include "files.h"

#include "config/config.h"
#include "config/sources.h"
#include "config/zone_broken.h"
#include "dns/name.h"
#include "model/broken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ZONE_TEXT                         \
    "$TTL 300\n"                          \
    "@ IN SOA ns1 hostmaster 1 2 3 4 5\n" \
    "@ IN NS ns1\n"                       \
    "ns1 IN A 192.0.2.53\n"

static int enter(void **state)
{
    (void)state;
    files_enter();
    files_write_text("loadstar.yaml", "zones: zones/\npools: pools.yaml\n");
    files_write_text("pools.yaml",
                     "sites: {a: {}}\npools: {p: {steer: all, sites: {a: [192.0.2.1]}}, "
                     "q: {steer: all, sites: {a: [192.0.2.1]}}}\n");
    files_write_text("zones/a.test.zone", ZONE_TEXT);
    files_write_text("zones/b.test.zone", ZONE_TEXT "p IN POOL p\n$INCLUDE part.inc\n");
    files_write_text("zones/part.inc", "x IN A 192.0.2.9\n");
    files_write_text("zones/sub.a.test.zone", ZONE_TEXT);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    files_leave();
    return 0;
}

/* Past the tick within which a change could be missed. */
static void let_settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
}

static struct model *load(const struct model *before, bool lenient, unsigned *n_errors)
{
    struct model *m = NULL;
    struct diags diags;
    diags_init(&diags);
    let_settle();
    int code =
        config_reload(&m, "loadstar.yaml",
                      &(struct config_options){.before = before, .lenient = lenient}, &diags);
    if (n_errors)
        *n_errors = diags.n_errors;
    else if (code != 0)
        diags_print(&diags, stderr);
    assert_int_equal(code != 0, diags.n_errors != 0);
    diags_free(&diags);
    return m;
}

static const struct zone *zone_of(const struct model *m, const char *path)
{
    for (uint32_t i = 0; i < m->n_zones; i++)
        if (strcmp(m->zones[i].path, path) == 0)
            return &m->zones[i];
    return NULL;
}

/* Loads anew after a change; `kept` are the zones that are not read again, in their order. */
static struct model *reload(struct model *before, const char *kept)
{
    char now[256] = "";
    struct model *m = load(before, false, NULL);
    assert_non_null(m);
    for (uint32_t i = 0; i < m->n_zones; i++) {
        const struct zone *zone = &m->zones[i];
        if (zone->kept) {
            strcat(now, zone->path + strlen("zones/"));
            strcat(now, " ");
            assert_string_equal(before->zones[zone->kept - 1].path, zone->path);
        }
    }
    assert_string_equal(now, kept);
    model_free(before);
    return m;
}

#define ALL "a.test.zone b.test.zone sub.a.test.zone "

static void test_what_is_read_again(void **state)
{
    (void)state;
    struct model *m = load(NULL, false, NULL);
    assert_non_null(m);
    m = reload(m, ALL);
    m = reload(m, ALL);
    files_write_text("zones/part.inc", "x IN A 192.0.2.8\n");
    m = reload(m, "a.test.zone sub.a.test.zone ");
    /* Of one kin all are read, or none. */
    files_write_text("zones/sub.a.test.zone", ZONE_TEXT "y IN A 192.0.2.8\n");
    m = reload(m, "b.test.zone ");
    unlink("zones/sub.a.test.zone");
    m = reload(m, "b.test.zone ");
    files_write_text("zones/new.a.test.zone", ZONE_TEXT);
    m = reload(m, "b.test.zone ");
    files_write_text("zones/c.test.zone", ZONE_TEXT);
    m = reload(m, "a.test.zone b.test.zone new.a.test.zone ");
    /* What zones know of pools. */
    files_write_text("pools.yaml", "sites: {a: {}}\npools: {p: {ttl: 5s, steer: all, sites: {a: "
                                   "[192.0.2.1]}}}\n");
    m = reload(m, "a.test.zone c.test.zone new.a.test.zone ");
    model_free(m);
}

/* Zones of a few records are packed one behind the other, not into a chunk each. */
static bool names_site(const struct model *m, uint32_t site)
{
    return m->pools[model_find_pool(m, "p")].named[site];
}

/* A zone that is kept still asks for a site; what that is numbered by makes it be read again. */
static void test_named_sites_are_kept(void **state)
{
    (void)state;
    files_write_text("pools.yaml", "sites: {a: {}, b: {}}\npools: {p: {steer: all, sites: {a: "
                                   "[192.0.2.1], b: [192.0.2.2]}}}\n");
    files_write_text("zones/b.test.zone", ZONE_TEXT "p IN POOL p/b\n");
    struct model *m = load(NULL, false, NULL);
    assert_true(names_site(m, 1) && !names_site(m, 0));
    m = reload(m, ALL);
    assert_true(names_site(m, 1) && !names_site(m, 0));
    files_write_text("pools.yaml", "sites: {a: {}, b: {}}\npools: {p: {steer: all, sites: {b: "
                                   "[192.0.2.2], a: [192.0.2.1]}}}\n");
    m = reload(m, "a.test.zone sub.a.test.zone ");
    assert_true(names_site(m, 0) && !names_site(m, 1));
    files_write_text("pools.yaml", "sites: {a: {}, b: {}}\npools: {p: {steer: all, sites: {b: "
                                   "[192.0.2.2, \"2001:db8::1\"], a: [192.0.2.1]}}}\n");
    m = reload(m, "a.test.zone sub.a.test.zone ");
    files_write_text("pools.yaml", "sites: {a: {}, b: {}}\npools: {p: {steer: all, sites: {b: "
                                   "[192.0.2.2], a: [192.0.2.1, \"2001:db8::1\"]}}}\n");
    m = reload(m, "a.test.zone sub.a.test.zone ");
    model_free(m);
}

static void test_small_zones_share_memory(void **state)
{
    (void)state;
    char path[64];
    enum { N = 1000 };
    for (unsigned i = 0; i < N; i++) {
        snprintf(path, sizeof path, "zones/n%u.test.zone", i);
        files_write_text(path, ZONE_TEXT);
    }
    struct model *m = load(NULL, false, NULL);
    assert_non_null(m);
    assert_int_equal(m->n_zones, N + 3);
    assert_true(arena_size(m->records) < (size_t)N * 16384);
    model_free(m);
}

/* A look without memory. */
static int disk_hash(uint64_t *hash, const struct model *m)
{
    struct disk_memory *memory = NULL;
    int code = config_disk_hash(hash, m, &memory);
    disk_memory_free(memory);
    return code;
}

static void test_same_size_and_times(void **state)
{
    struct stat st;
    (void)state;
    struct model *m = load(NULL, false, NULL);
    assert_int_equal(stat("zones/a.test.zone", &st), 0);
    /* Another content in the same inode with the same size, and its old time put back. */
    int fd = open("zones/a.test.zone", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "4", 1, 5), 1);
    close(fd);
    assert_int_equal(utimensat(AT_FDCWD, "zones/a.test.zone",
                               (struct timespec[]){st.st_atim, st.st_mtim}, 0),
                     0);
    uint64_t hash;
    assert_int_equal(disk_hash(&hash, m), 0);
    assert_true(hash != m->file_hash);
    m = reload(m, "b.test.zone ");
    model_free(m);
}

static void test_source_unchanged(void **state)
{
    (void)state;
    let_settle();
    struct model *m = load(NULL, false, NULL);
    const struct source *s = &m->sources[0];
    assert_true(source_unchanged(s, m->loaded_wall_ms));
    /* Changed so shortly before that it may have changed once more unseen. */
    assert_false(source_unchanged(s, s->ctime_ns / 1000000 + 1));
    struct source other = *s;
    other.inode++;
    assert_false(source_unchanged(&other, m->loaded_wall_ms));
    other = *s;
    other.size++;
    assert_false(source_unchanged(&other, m->loaded_wall_ms));
    other = *s;
    other.path = "gone.yaml";
    assert_false(source_unchanged(&other, m->loaded_wall_ms));
    model_free(m);
}

static void test_disk_hash(void **state)
{
    uint64_t hash;
    (void)state;
    struct model *m = load(NULL, false, NULL);
    assert_int_equal(disk_hash(&hash, m), 0);
    assert_true(hash == m->file_hash);
    files_write_text("zones/README", "not a zone\n");
    assert_int_equal(disk_hash(&hash, m), 0);
    assert_true(hash == m->file_hash);
    files_write_text("zones/new.yml", "zone: c.test\n");
    assert_int_equal(disk_hash(&hash, m), 0);
    assert_true(hash != m->file_hash);
    unlink("zones/new.yml");
    assert_int_equal(disk_hash(&hash, m), 0);
    assert_true(hash == m->file_hash);
    unlink("zones/part.inc");
    assert_int_equal(disk_hash(&hash, m), 0);
    assert_true(hash != m->file_hash);
    unlink("loadstar.yaml");
    assert_int_equal(disk_hash(&hash, m), E_SYSTEM);
    model_free(m);
}

/* --- lenient --- */

static void assert_fault(const struct zone *zone, const char *words)
{
    assert_non_null(zone);
    assert_true(zone->broken);
    assert_int_equal(zone->n_records + zone->n_pool_names, 0);
    assert_non_null(strstr(zone_fault(zone)->text, words));
}

static void test_lenient(void **state)
{
    unsigned n_errors;
    (void)state;
    files_write_text("zones/b.test.zone", ZONE_TEXT "p IN POOL gone\n");
    assert_null(load(NULL, false, &n_errors));
    assert_int_equal(n_errors, 1);
    struct model *m = load(NULL, true, &n_errors);
    assert_int_equal(n_errors, 0);
    assert_int_equal(m->n_zones, 3);
    assert_int_equal(m->n_unnamed, 0);
    assert_fault(zone_of(m, "zones/b.test.zone"), "unknown pool 'gone'");
    assert_false(zone_of(m, "zones/a.test.zone")->broken);
    /* A broken one is never kept, though its file is as it was. */
    assert_null(load(m, false, &n_errors));
    assert_int_equal(n_errors, 1);
    files_write_text("zones/b.test.zone", ZONE_TEXT);
    m = reload(m, "a.test.zone sub.a.test.zone ");
    model_free(m);
}

static void test_lenient_twice(void **state)
{
    unsigned n_errors;
    (void)state;
    files_write_text("zones/x.zone", "$ORIGIN b.test.\n" ZONE_TEXT);
    struct model *m = load(NULL, true, &n_errors);
    assert_int_equal(n_errors, 0);
    assert_int_equal(m->n_zones, 3);
    assert_int_equal(m->n_unnamed, 1);
    assert_fault(zone_of(m, "zones/b.test.zone"), "given twice");
    assert_fault(&m->unnamed[0], "given twice");
    model_free(m);
    /* Of two files for a zone, one that can be read is served. */
    files_write_text("zones/b.test.zone", ZONE_TEXT "x IN A 1.2\n");
    m = load(NULL, true, &n_errors);
    assert_int_equal(m->n_zones, 3);
    assert_int_equal(m->n_unnamed, 1);
    assert_false(zone_of(m, "zones/x.zone")->broken);
    assert_fault(&m->unnamed[0], "1.2");
    model_free(m);
}

static void test_guesses(void **state)
{
    static const struct {
        const char *path, *text, *name;
    } cases[] = {
        {"example.com.zone", "", "example.com."},
        {"Example.COM.zone", "", "example.com."},
        {"db.zone", "; x\n$ORIGIN example.org.\n", "example.org."},
        {"db.zone", "$origin\texample.org. ; x\n", "example.org."},
        {"db.zone", "x\n", "db."},
        {"example.com.zone", "$ORIGIN .\n", "example.com."},
        {"db.zone", "$ORIGIN .\n", "db."},
        {"x.yaml", "ttl: 5\nzone: example.net # x\n", "example.net."},
        {"x.yml", "zone: \"example.net.\"\n", "example.net."},
        {"x.yaml", "records: {zone: a.b}\n", "x."},
        {"a.b.yaml", "\tzone: y.z\n", "a.b."},
        {"a.b.yaml", "zone: [\n", "a.b."},
        {"%.yaml", "zone: {}\n", ""},
        {"a..b.zone", "", ""},
        {".zone", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_new();
        char name[NAME_TEXT_MAX] = "";
        files_write_text(cases[i].path, cases[i].text);
        struct slice origin = zone_guess_origin(arena, cases[i].path);
        if (origin.n)
            name_to_text(name, origin);
        assert_string_equal(name, cases[i].name);
        unlink(cases[i].path);
        arena_free(arena);
    }
    struct arena *arena = arena_new();
    assert_int_equal(zone_guess_origin(arena, "gone.test.zone").n, strlen("\4gone\4test") + 1);
    arena_free(arena);
}

static void test_peek_user(void **state)
{
    static const struct {
        const char *text, *user;
    } cases[] = {
        {"server: {user: nobody}\n", "nobody"},
        {"server: {}\n", NULL},
        {"server: x\n", NULL},
        {"- server\n", NULL},
        {"server: {user: []}\n", NULL},
        {"server: [\n", NULL},
        {"server: {user: }\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_new();
        struct span at;
        files_write_text("peek.yaml", cases[i].text);
        const char *user = config_peek_user(arena, "peek.yaml", &at);
        assert_int_equal(!user, !cases[i].user);
        if (user) {
            assert_string_equal(user, cases[i].user);
            assert_int_equal(at.line, 1);
            assert_int_equal(at.column, 16);
        }
        assert_null(config_peek_user(arena, "gone.yaml", &at));
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_read_again, enter, leave),
        cmocka_unit_test_setup_teardown(test_named_sites_are_kept, enter, leave),
        cmocka_unit_test_setup_teardown(test_small_zones_share_memory, enter, leave),
        cmocka_unit_test_setup_teardown(test_same_size_and_times, enter, leave),
        cmocka_unit_test_setup_teardown(test_source_unchanged, enter, leave),
        cmocka_unit_test_setup_teardown(test_disk_hash, enter, leave),
        cmocka_unit_test_setup_teardown(test_lenient, enter, leave),
        cmocka_unit_test_setup_teardown(test_lenient_twice, enter, leave),
        cmocka_unit_test_setup_teardown(test_guesses, enter, leave),
        cmocka_unit_test_setup_teardown(test_peek_user, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
