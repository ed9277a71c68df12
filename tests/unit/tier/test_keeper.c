/* SPDX-License-Identifier: Apache-2.0
 * Records on disk: read once, written soon, at the end, and before something is made. On a real
 * drive, in real time. */
#include "tier/keeper.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static _Atomic unsigned n_errors, n_notices, n_warnings;

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)fmt;
    n_errors += level == LOG_LEVEL_ERROR;
    n_warnings += level == LOG_LEVEL_WARNING;
    n_notices += level == LOG_LEVEL_NOTICE;
}

struct kept {
    char dir[64], path[80];
    struct drive *drive;
    struct keeper *keeper;
    _Atomic unsigned n_ready, n_done, n_ends;
    const char *move_to, *tier;
    bool waits;
};

/* ---- on the thread ---- */

static void on_ready(void *ctx)
{
    ((struct kept *)ctx)->n_ready++;
}

static void on_done(void *ctx)
{
    ((struct kept *)ctx)->n_done++;
}

static void on_end(void *ctx)
{
    ((struct kept *)ctx)->n_ends++;
}

static void do_open(void *arg)
{
    struct kept *k = arg;
    k->keeper = keeper_open(k->drive);
}

static void do_move(void *arg)
{
    struct kept *k = arg;
    keeper_move(k->keeper, k->move_to, on_ready, k);
}

static void do_set(void *arg)
{
    struct kept *k = arg;
    keeper_set(k->keeper, k->tier, NULL, 0, true);
    k->n_done++;
}

static void do_set_and_sync(void *arg)
{
    struct kept *k = arg;
    keeper_set(k->keeper, k->tier, NULL, 0, true);
    k->waits = keeper_sync(k->keeper, on_done, k);
    if (!k->waits)
        k->n_done++;
}

static void do_set_sync_and_forget(void *arg)
{
    struct kept *k = arg;
    keeper_set(k->keeper, k->tier, NULL, 0, true);
    k->waits = keeper_sync(k->keeper, on_done, k);
    keeper_forget(k->keeper, k);
    k->n_ends++;
}

static void do_close(void *arg)
{
    struct kept *k = arg;
    keeper_close(k->keeper, on_end, k);
}

/* ---- the test's side ---- */

static void wait_for(const _Atomic unsigned *n, unsigned at_least)
{
    int64_t end_ms = clock_mono_ms() + 30000;
    while (*n < at_least) {
        assert_true(clock_mono_ms() < end_ms);
        usleep(1000);
    }
}

static void begin(struct kept *k)
{
    memset(k, 0, sizeof *k);
    n_errors = n_notices = n_warnings = 0;
    strcpy(k->dir, "/tmp/keeper-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    snprintf(k->path, sizeof k->path, "%s/" RECORDS_FILE, k->dir);
    assert_int_equal(drive_start(&k->drive, "test"), 0);
    drive_post(k->drive, do_open, k);
    k->move_to = k->dir;
    drive_post(k->drive, do_move, k);
    wait_for(&k->n_ready, 1);
}

static void end(struct kept *k)
{
    unsigned n = k->n_ends;
    drive_post(k->drive, do_close, k);
    wait_for(&k->n_ends, n + 1);
    drive_stop(k->drive);
}

static void clean_up(struct kept *k)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", k->dir);
    assert_int_equal(system(command), 0);
}

static void post(struct kept *k, void (*fn)(void *arg), const char *tier)
{
    unsigned n = k->n_done;
    k->tier = tier;
    drive_post(k->drive, fn, k);
    wait_for(&k->n_done, n + 1);
}

/** Whether the file says that the tier's object was made by us. */
static bool is_on_disk(const struct kept *k, const char *dir, const char *tier)
{
    char path[96];
    struct arena *arena = arena_new();
    struct records *records = records_new();
    struct slice text;
    (void)k;
    snprintf(path, sizeof path, "%s/" RECORDS_FILE, dir);
    bool has = file_read(&text, arena, path, 1 << 20) == 0 && records_read(records, text) == 0 &&
               records_has(records, tier, NULL, 0);
    records_free(records);
    arena_free(arena);
    return has;
}

static void test_written_soon_and_at_the_end(void **state)
{
    struct kept k;
    (void)state;
    begin(&k);
    post(&k, do_set, "one");
    int64_t end_ms = clock_mono_ms() + 30000;
    while (!is_on_disk(&k, k.dir, "one") && clock_mono_ms() < end_ms)
        usleep(5000);
    assert_true(is_on_disk(&k, k.dir, "one"));
    post(&k, do_set, "two");
    end(&k);
    assert_true(is_on_disk(&k, k.dir, "two"));
    assert_int_equal(n_errors, 0);
    clean_up(&k);
}

static void test_there_before_it_goes_on(void **state)
{
    struct kept k;
    (void)state;
    begin(&k);
    post(&k, do_set_and_sync, "one");
    assert_true(k.waits);
    assert_true(is_on_disk(&k, k.dir, "one"));
    post(&k, do_set_and_sync, "one"); /* no news */
    assert_false(k.waits);
    k.tier = "two";
    unsigned n = k.n_done;
    drive_post(k.drive, do_set_sync_and_forget, &k);
    wait_for(&k.n_ends, 1);
    end(&k);
    assert_true(is_on_disk(&k, k.dir, "two"));
    assert_int_equal(k.n_done, n); /* who went is not called */
    clean_up(&k);
}

static void test_known_at_the_next_start(void **state)
{
    struct kept k;
    char dir[64];
    (void)state;
    begin(&k);
    post(&k, do_set, "one");
    end(&k);
    strcpy(dir, k.dir);
    FILE *file = fopen(k.path, "a");
    assert_non_null(file);
    fputs("damage\n", file);
    fclose(file);
    memset(&k, 0, sizeof k);
    assert_int_equal(drive_start(&k.drive, "test"), 0);
    drive_post(k.drive, do_open, &k);
    k.move_to = dir;
    drive_post(k.drive, do_move, &k);
    wait_for(&k.n_ready, 1);
    assert_true(records_has(keeper_records(k.keeper), "one", NULL, 0)); /* nobody writes now */
    assert_int_equal(n_warnings, 1);
    end(&k);
    strcpy(k.dir, dir);
    clean_up(&k);
}

static void test_what_cannot_be_written(void **state)
{
    struct kept k;
    char inside[96];
    (void)state;
    begin(&k);
    snprintf(inside, sizeof inside, "%s/x", k.path);
    assert_int_equal(mkdir(k.path, 0700), 0);
    assert_int_equal(mkdir(inside, 0700), 0);
    post(&k, do_set_and_sync, "one"); /* goes on all the same */
    assert_int_equal(n_errors, 1);
    post(&k, do_set_and_sync, "two"); /* and is not waited for again */
    assert_false(k.waits);
    usleep(2500000);
    assert_int_equal(n_errors, 1);
    assert_int_equal(rmdir(inside), 0);
    assert_int_equal(rmdir(k.path), 0);
    wait_for(&n_notices, 1);
    assert_true(is_on_disk(&k, k.dir, "two"));
    end(&k);
    clean_up(&k);
}

static void test_another_directory(void **state)
{
    struct kept k;
    char other[80];
    (void)state;
    begin(&k);
    post(&k, do_set_and_sync, "one");
    snprintf(other, sizeof other, "%s/other", k.dir);
    assert_int_equal(mkdir(other, 0700), 0);
    k.move_to = other;
    drive_post(k.drive, do_move, &k);
    wait_for(&k.n_ready, 2);
    post(&k, do_set_and_sync, "two");
    assert_true(is_on_disk(&k, other, "one"));
    assert_true(is_on_disk(&k, other, "two"));
    assert_false(is_on_disk(&k, k.dir, "two"));
    k.move_to = NULL; /* nowhere: nothing is waited for */
    drive_post(k.drive, do_move, &k);
    wait_for(&k.n_ready, 3);
    post(&k, do_set_and_sync, "three");
    assert_false(k.waits);
    end(&k);
    assert_false(is_on_disk(&k, other, "three"));
    clean_up(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_soon_and_at_the_end),
        cmocka_unit_test(test_there_before_it_goes_on),
        cmocka_unit_test(test_known_at_the_next_start),
        cmocka_unit_test(test_what_cannot_be_written),
        cmocka_unit_test(test_another_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
