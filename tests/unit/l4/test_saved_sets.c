/* SPDX-License-Identifier: Apache-2.0
 * The file of sets: what one start leaves to the next, also of services that are not told yet. */
#include "l4/saved_sets.h"

#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SETS 3

static char dir[] = "/tmp/saved-sets-XXXXXX";

/** One start of the program: its loop, its sets, its file. */
struct start {
    uv_loop_t loop;
    struct l4_set sets[SETS];
    struct l4_config config;
    struct set_table table;
    struct saved_sets *saved;
};

static void follow(struct start *s, const char *const names[], uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        s->sets[i] = (struct l4_set){.name = names[i], .pool = MODEL_NONE, .site = MODEL_NONE};
    s->config = (struct l4_config){.sets = s->sets, .n_sets = n};
    if (s->saved)
        saved_sets_keep(s->saved, &s->table, &s->config);
    set_table_follow(&s->table, &s->config);
    if (s->saved)
        saved_sets_offer(s->saved, &s->table, &s->config);
}

static void begin(struct start *s, const char *const names[], uint32_t n, size_t max_b)
{
    *s = (struct start){0};
    uv_loop_init(&s->loop);
    follow(s, names, n);
    s->saved = saved_sets_open(&s->loop, dir, max_b);
    saved_sets_offer(s->saved, &s->table, &s->config);
}

static void end(struct start *s)
{
    saved_sets_close(s->saved);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    set_table_free(&s->table);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

/** The file is not written yet. */
static enum set_verdict take(struct start *s, uint32_t i, uint64_t version, uint32_t weight)
{
    struct member_set set = {.version = version, .n = 1, .v = xcalloc(1, sizeof *set.v)};
    snprintf(set.name, sizeof set.name, "%s", s->table.v[i]->name);
    set.v[0] = (struct set_member){
        .key = "k", .addr = {.family = IP_V4, .b = {192, 0, 2, 1}}, .port = 80, .weight = weight};
    enum set_verdict verdict = set_table_tell(&s->table, i, &set, SET_TOLD);
    if (verdict != SET_OLD)
        saved_sets_write(s->saved, &s->table);
    return verdict;
}

static enum set_verdict tell(struct start *s, uint32_t i, uint64_t version, uint32_t weight)
{
    enum set_verdict verdict = take(s, i, version, weight);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    return verdict;
}

static void check(const struct start *s, uint32_t i, enum set_origin origin, uint64_t version)
{
    assert_int_equal(s->table.v[i]->origin, origin);
    assert_int_equal(work_set_version(s->table.v[i]), version);
    assert_int_equal(s->table.v[i]->now.n, origin != SET_UNKNOWN);
}

static int forget(void **state)
{
    char path[256];
    (void)state;
    snprintf(path, sizeof path, "%s/" SAVED_FILE, dir);
    assert_true(unlink(path) == 0 || errno == ENOENT);
    return 0;
}

static void sets_that_are_not_told_yet_stay(void **state)
{
    static const char *const all[] = {"a", "b", "c"};
    struct start s;
    (void)state;
    begin(&s, all, 3, SAVED_MAX);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(tell(&s, i, 10 + i, 1), SET_TAKEN);
    end(&s);

    begin(&s, all, 2, SAVED_MAX); /* c is not in the file of this start */
    check(&s, 1, SET_UNKNOWN, 11);
    assert_int_equal(tell(&s, 0, 20, 1), SET_TAKEN);
    end(&s);

    begin(&s, all, 3, SAVED_MAX);
    saved_sets_adopt(&s.table);
    check(&s, 0, SET_SAVED, 20);
    check(&s, 1, SET_SAVED, 11);
    check(&s, 2, SET_SAVED, 12);
    assert_int_equal(tell(&s, 1, 30, 1), SET_TAKEN);
    end(&s);

    begin(&s, all, 1, SAVED_MAX);
    saved_sets_adopt(&s.table);
    follow(&s, all, 3); /* a reload adds the others */
    saved_sets_adopt(&s.table);
    check(&s, 1, SET_SAVED, 30);
    check(&s, 2, SET_SAVED, 12);
    end(&s);
}

static void what_was_saved_is_a_floor(void **state)
{
    static const char *const names[] = {"a"};
    struct start s;
    (void)state;
    begin(&s, names, 1, SAVED_MAX);
    assert_int_equal(tell(&s, 0, 10, 1), SET_TAKEN);
    end(&s);
    begin(&s, names, 1, SAVED_MAX);
    assert_int_equal(tell(&s, 0, 9, 1), SET_OLD);
    assert_int_equal(tell(&s, 0, 10, 2), SET_OLD);
    check(&s, 0, SET_UNKNOWN, 10);
    assert_int_equal(tell(&s, 0, 10, 1), SET_TAKEN); /* the same, which is news now */
    check(&s, 0, SET_TOLD, 10);
    assert_int_equal(tell(&s, 0, 10, 1), SET_SAME);
    assert_int_equal(tell(&s, 0, 11, 2), SET_TAKEN);
    end(&s);
}

/* A service that a reload takes out and another brings back, or that has a list in between, is told
 * above what it was told; with and without a file. */
static void what_has_left_comes_back(void **state)
{
    static const char *const all[] = {"a", "b"}, *const one[] = {"a"};
    struct start s;
    (void)state;
    begin(&s, all, 2, SAVED_MAX);
    assert_int_equal(tell(&s, 1, 10, 1), SET_TAKEN);
    follow(&s, one, 1);
    assert_int_equal(tell(&s, 0, 5, 1), SET_TAKEN); /* the file is written without it */
    follow(&s, all, 2);
    check(&s, 1, SET_UNKNOWN, 10);
    assert_int_equal(tell(&s, 1, 9, 2), SET_OLD);
    saved_sets_adopt(&s.table);
    check(&s, 1, SET_SAVED, 10);
    assert_int_equal(tell(&s, 1, 9, 2), SET_OLD);
    follow(&s, one, 1); /* what was saved of it as well */
    assert_int_equal(tell(&s, 0, 6, 1), SET_SAME);
    end(&s);

    begin(&s, all, 2, SAVED_MAX);
    check(&s, 1, SET_UNKNOWN, 10);
    struct l4_listed listed = {.addr = {.family = IP_V4, .b = {192, 0, 2, 9}}, .port = 1};
    assert_int_equal(tell(&s, 1, 12, 1), SET_TAKEN);
    s.sets[1].listed = &listed;
    s.sets[1].n_listed = 1;
    saved_sets_keep(s.saved, &s.table, &s.config);
    set_table_follow(&s.table, &s.config);
    assert_int_equal(s.table.v[1]->origin, SET_LISTED);
    follow(&s, all, 2);
    check(&s, 1, SET_UNKNOWN, 12);
    end(&s);
}

static void of_those_that_have_left_few_are_kept(void **state)
{
    static const char *const none[] = {"a"};
    static char text[300][8];
    struct start s;
    (void)state;
    begin(&s, none, 1, SAVED_MAX);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(text[i], sizeof text[i], "s%u", i);
        follow(&s, (const char *const[]){text[i]}, 1);
        assert_int_equal(tell(&s, 0, 10 + i, 1), SET_TAKEN);
    }
    follow(&s, (const char *const[]){text[0], text[299]}, 2);
    check(&s, 0, SET_UNKNOWN, 0);
    check(&s, 1, SET_TOLD, 309);
    follow(&s, (const char *const[]){text[298], text[44]}, 2);
    check(&s, 0, SET_UNKNOWN, 308);
    check(&s, 1, SET_UNKNOWN, 54);
    end(&s);
}

static void what_could_not_be_read_is_not_written(void **state)
{
    static const char *const names[] = {"a", "b"};
    struct start s;
    (void)state;
    begin(&s, names, 2, 160); /* room for one */
    tell(&s, 0, 10, 1);
    assert_int_equal(saved_sets_error(s.saved), 0);
    tell(&s, 1, 10, 1);
    assert_int_equal(saved_sets_error(s.saved), EFBIG);
    end(&s);
    begin(&s, names, 2, 160);
    check(&s, 0, SET_UNKNOWN, 10);
    check(&s, 1, SET_UNKNOWN, 0);
    end(&s);
}

/* What is told while the file is written is in the next one, also when the end comes before that.
 */
static void all_that_come_at_once_are_saved(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    struct start s;
    (void)state;
    for (uint64_t version = 10; version < 30; version++) {
        begin(&s, names, 3, SAVED_MAX);
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(take(&s, i, version, 1), SET_TAKEN);
        end(&s);
        begin(&s, names, 3, SAVED_MAX);
        for (uint32_t i = 0; i < 3; i++)
            check(&s, i, SET_UNKNOWN, version);
        end(&s);
    }
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    forget(state);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sets_that_are_not_told_yet_stay, forget),
        cmocka_unit_test_teardown(what_was_saved_is_a_floor, forget),
        cmocka_unit_test_teardown(what_has_left_comes_back, forget),
        cmocka_unit_test_teardown(of_those_that_have_left_few_are_kept, forget),
        cmocka_unit_test_teardown(what_could_not_be_read_is_not_written, forget),
        cmocka_unit_test_teardown(all_that_come_at_once_are_saved, forget),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
