/* SPDX-License-Identifier: Apache-2.0
 * Files that others follow: whole versions or none, on disks that are full, gone or hung. */
#include "drive/files.h"
#include "drive/internal.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- disks ---- */

/* The next fsync() hangs until it is let go. */
static atomic_bool hang_next;
static atomic_uint n_hung;
static sem_t let_go;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);

int __wrap_fsync(int fd)
{
    if (atomic_exchange(&hang_next, false)) {
        atomic_fetch_add(&n_hung, 1);
        while (sem_wait(&let_go) != 0)
            ;
    }
    return __real_fsync(fd);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    if (n >= 8 && memcmp(p, "too much", 8) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return __real_write(fd, p, n);
}

static char dir[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_files.XXXXXX");
    atomic_store(&n_hung, 0);
    sem_init(&let_go, 0, 0);
    return mkdtemp(dir) ? 0 : -1;
}

static int clear_up(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    sem_destroy(&let_go);
    return system(command);
}

static const char *in_dir(const char *name)
{
    static _Thread_local char paths[4][160];
    static _Thread_local unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, 160, "%s/%s", dir, name);
    return path;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_content(const char *path, const char *expected)
{
    char got[256] = "";
    FILE *file = fopen(path, "r");
    if (!file) {
        if (expected)
            fail_msg("%s is not there", path);
        return;
    }
    size_t n = fread(got, 1, sizeof got - 1, file);
    got[n] = '\0';
    fclose(file);
    if (!expected || strcmp(got, expected) != 0)
        fail_msg("%s has \"%s\", expected \"%s\"", path, got, expected ? expected : "no such file");
}

/* ---- works ---- */

enum op { READ, WRITE, REMOVE, CLOSE };

struct job {
    struct drive *drive;
    struct followed_file *file;
    enum op op;
    const char *suffix, *content;
    struct wait wait;
    int error;
    unsigned n_done;
    char got[256];
    bool in_start, done_in_start;
    struct job *then; /* begun when this one is done */
};

static void begin(void *arg);

static void on_done(void *ctx, int error)
{
    struct job *j = ctx;
    j->error = error;
    j->n_done++;
    j->done_in_start |= j->in_start;
    if (j->then)
        begin(j->then);
    wait_came(&j->wait);
}

static void on_read(void *ctx, int error, struct slice content)
{
    struct job *j = ctx;
    assert_int_equal(content.p[content.n], '\0');
    snprintf(j->got, sizeof j->got, "%.200s", (const char *)content.p);
    on_done(ctx, error);
}

static void begin(void *arg)
{
    struct job *j = arg;
    if (j->op == CLOSE) {
        followed_close(j->file);
        wait_came(&j->wait);
        return;
    }
    j->in_start = true;
    if (j->op == READ)
        followed_read(j->file, j->suffix, on_read, j);
    else if (j->op == WRITE)
        followed_write(j->file, j->suffix, slice_str(j->content), on_done, j);
    else
        followed_remove(j->file, j->suffix, on_done, j);
    j->in_start = false;
}

static void job_init(struct job *j, struct drive *drive, struct followed_file *file, enum op op,
                     const char *content)
{
    *j = (struct job){
        .drive = drive, .file = file, .op = op, .suffix = "", .content = content, .error = -1};
    wait_init(&j->wait);
}

static int finish(struct job *j)
{
    assert_true(wait_for(&j->wait, 1));
    assert_true(j->n_done <= 1 && !j->done_in_start);
    return j->error;
}

static int run(struct drive *drive, struct followed_file *file, enum op op, const char *content)
{
    struct job j;
    job_init(&j, drive, file, op, content);
    drive_post(drive, begin, &j);
    return finish(&j);
}

static void set_short_budget(void *arg)
{
    ((struct drive *)arg)->file_budget_ms = 50;
}

static void set_long_budget(void *arg)
{
    ((struct drive *)arg)->file_budget_ms = WAIT_S * 1000;
}

static struct drive *start(void)
{
    struct drive *drive;
    assert_int_equal(drive_start(&drive, "tiers"), 0);
    drive_post(drive, set_long_budget, drive);
    return drive;
}

static struct followed_file *open_file(struct drive *drive, const char *name)
{
    struct followed_file *file = followed_open(drive, in_dir(name));
    assert_non_null(file);
    return file;
}

static bool hangs(void)
{
    for (int i = 0; i < WAIT_S * 1000 && atomic_load(&n_hung) == 0; i++)
        usleep(1000);
    return atomic_load(&n_hung) == 1;
}

/* ---- as it should be ---- */

static void a_file_is_written_read_and_removed(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    struct job j;
    struct stat st;
    umask(077);
    assert_string_equal(followed_path(file), in_dir("web.conf"));
    assert_int_equal(run(drive, file, READ, NULL), ENOENT);
    assert_int_equal(run(drive, file, WRITE, "one"), 0);
    expect_content(in_dir("web.conf"), "one");
    assert_int_equal(stat(in_dir("web.conf"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(run(drive, file, WRITE, ""), 0);
    expect_content(in_dir("web.conf"), "");
    assert_int_equal(run(drive, file, WRITE, "two"), 0);
    job_init(&j, drive, file, READ, NULL);
    drive_post(drive, begin, &j);
    assert_int_equal(finish(&j), 0);
    assert_string_equal(j.got, "two");
    job_init(&j, drive, file, WRITE, "good");
    j.suffix = ".good";
    drive_post(drive, begin, &j);
    assert_int_equal(finish(&j), 0);
    expect_content(in_dir("web.conf.good"), "good");
    expect_content(in_dir("web.conf.tmp"), NULL);
    assert_int_equal(run(drive, file, REMOVE, NULL), 0);
    expect_content(in_dir("web.conf"), NULL);
    expect_content(in_dir("web.conf.good"), "good");
    assert_int_equal(run(drive, file, REMOVE, NULL), ENOENT);
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

/* What is begun by who was told goes on at once: the work before is over. */
static void one_after_the_other(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    struct job first, second, third;
    job_init(&first, drive, file, WRITE, "one");
    job_init(&second, drive, file, WRITE, "two");
    job_init(&third, drive, file, READ, NULL);
    first.then = &second;
    second.then = &third;
    drive_post(drive, begin, &first);
    assert_int_equal(finish(&third), 0);
    assert_string_equal(third.got, "two");
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

static void two_at_once_are_refused(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    struct followed_file *longer = open_file(drive, "web.conf2");
    struct job first, second, other;
    job_init(&first, drive, file, WRITE, "one");
    job_init(&second, drive, file, READ, NULL);
    job_init(&other, drive, longer, WRITE, "other");
    atomic_store(&hang_next, true);
    drive_post(drive, begin, &first);
    assert_true(hangs());
    drive_post(drive, begin, &second);
    drive_post(drive, begin, &other);
    assert_int_equal(finish(&second), EBUSY);
    assert_int_equal(finish(&other), 0);
    sem_post(&let_go);
    assert_int_equal(finish(&first), 0);
    expect_content(in_dir("web.conf"), "one");
    run(drive, file, CLOSE, NULL);
    run(drive, longer, CLOSE, NULL);
    drive_stop(drive);
}

/* ---- what is refused ---- */

static void a_name_that_is_none_is_refused(void **state)
{
    (void)state;
    struct drive *drive = start();
    static const char *const names[] = {"", ".", "..", "nowhere/x", "file/x"};
    static const int errors[] = {EISDIR, EISDIR, EISDIR, ENOENT, ENOTDIR};
    put(in_dir("file"), "");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        errno = 0;
        assert_null(followed_open(drive, in_dir(names[i])));
        assert_int_equal(errno, errors[i]);
    }
    drive_stop(drive);
}

static void a_file_that_is_a_link_is_refused(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    put(in_dir("elsewhere"), "theirs");
    assert_int_equal(symlink(in_dir("elsewhere"), in_dir("web.conf")), 0);
    assert_int_equal(run(drive, file, READ, NULL), ELOOP);
    assert_int_equal(run(drive, file, WRITE, "ours"), ELOOP);
    assert_int_equal(run(drive, file, REMOVE, NULL), ELOOP);
    expect_content(in_dir("elsewhere"), "theirs");
    unlink(in_dir("web.conf"));
    /* A link in the place of what is written first is not followed. */
    assert_int_equal(symlink(in_dir("elsewhere"), in_dir("web.conf.tmp")), 0);
    assert_int_equal(run(drive, file, WRITE, "ours"), 0);
    expect_content(in_dir("elsewhere"), "theirs");
    expect_content(in_dir("web.conf"), "ours");
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    assert_int_equal(mkfifo(in_dir("web.conf"), 0600), 0);
    assert_int_equal(run(drive, file, READ, NULL), EINVAL); /* and does not wait for a writer */
    assert_int_equal(run(drive, file, WRITE, "x"), EINVAL);
    unlink(in_dir("web.conf"));
    assert_int_equal(mkdir(in_dir("web.conf"), 0700), 0);
    assert_int_equal(run(drive, file, READ, NULL), EISDIR);
    assert_int_equal(run(drive, file, WRITE, "x"), EISDIR);
    assert_int_equal(run(drive, file, REMOVE, NULL), EISDIR);
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    char *large = malloc(FILE_CONTENT_MAX + 2u);
    memset(large, 'x', FILE_CONTENT_MAX + 1u);
    large[FILE_CONTENT_MAX + 1u] = '\0';
    assert_int_equal(run(drive, file, WRITE, large), EFBIG);
    expect_content(in_dir("web.conf"), NULL);
    put(in_dir("web.conf"), large);
    assert_int_equal(run(drive, file, READ, NULL), EFBIG);
    free(large);
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

/* ---- directories ---- */

static void a_link_that_comes_later_leads_nowhere(void **state)
{
    (void)state;
    struct drive *drive = start();
    assert_int_equal(mkdir(in_dir("real"), 0700), 0);
    assert_int_equal(mkdir(in_dir("evil"), 0700), 0);
    assert_int_equal(symlink("real", in_dir("way")), 0);
    struct followed_file *file = open_file(drive, "way/web.conf");
    /* One that was there when it was opened is followed; what it becomes is not. */
    unlink(in_dir("way"));
    assert_int_equal(symlink("evil", in_dir("way")), 0);
    assert_int_equal(run(drive, file, WRITE, "one"), 0);
    expect_content(in_dir("real/web.conf"), "one");
    expect_content(in_dir("evil/web.conf"), NULL);
    /* Nor is one in the place of the directory itself. */
    assert_int_equal(rename(in_dir("real"), in_dir("moved")), 0);
    assert_int_equal(symlink("evil", in_dir("real")), 0);
    assert_int_equal(run(drive, file, WRITE, "two"), 0);
    expect_content(in_dir("moved/web.conf"), "two");
    expect_content(in_dir("evil/web.conf"), NULL);
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

static void a_directory_that_is_made_anew_is_found(void **state)
{
    (void)state;
    struct drive *drive = start();
    assert_int_equal(mkdir(in_dir("run"), 0700), 0);
    struct followed_file *file = open_file(drive, "run/web.conf");
    assert_int_equal(run(drive, file, WRITE, "one"), 0);
    unlink(in_dir("run/web.conf"));
    assert_int_equal(rmdir(in_dir("run")), 0);
    assert_int_equal(run(drive, file, WRITE, "two"), ENOENT);
    /* A link in its place is no directory of ours. */
    assert_int_equal(mkdir(in_dir("evil"), 0700), 0);
    assert_int_equal(symlink("evil", in_dir("run")), 0);
    assert_int_equal(run(drive, file, WRITE, "two"), ELOOP);
    expect_content(in_dir("evil/web.conf"), NULL);
    unlink(in_dir("run"));
    assert_int_equal(mkdir(in_dir("run"), 0700), 0);
    assert_int_equal(run(drive, file, WRITE, "three"), 0);
    expect_content(in_dir("run/web.conf"), "three");
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

static void the_group_of_a_setgid_directory_is_the_files(void **state)
{
    (void)state;
    struct stat st;
    if (geteuid() != 0 || chown(dir, 0, 12345) != 0 || chmod(dir, 02770) != 0)
        skip();
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    assert_int_equal(run(drive, file, WRITE, "x"), 0);
    assert_int_equal(stat(in_dir("web.conf"), &st), 0);
    assert_int_equal(st.st_gid, 12345);
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

/* ---- disks that fail ---- */

static void a_write_that_fails_leaves_the_last_version(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    assert_int_equal(run(drive, file, WRITE, "good"), 0);
    assert_int_equal(run(drive, file, WRITE, "too much"), ENOSPC);
    expect_content(in_dir("web.conf"), "good");
    expect_content(in_dir("web.conf.tmp"), NULL);
    assert_int_equal(run(drive, file, WRITE, "again"), 0);
    expect_content(in_dir("web.conf"), "again");
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
}

/* The same by a file system that is full, and one that is read-only. */
static void a_full_disk_recovers(void **state)
{
    (void)state;
    char disk[160];
    snprintf(disk, sizeof disk, "%s", in_dir("disk"));
    assert_int_equal(mkdir(disk, 0755), 0);
    if (mount("none", disk, "tmpfs", MS_NOSUID, "size=64k") != 0)
        skip();
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "disk/web.conf");
    char *much = malloc(200001);
    memset(much, 'x', 200000);
    much[200000] = '\0';
    assert_int_equal(run(drive, file, WRITE, "good"), 0);
    assert_int_equal(run(drive, file, WRITE, much), ENOSPC);
    expect_content(in_dir("disk/web.conf"), "good");
    assert_int_equal(run(drive, file, WRITE, "again"), 0);
    assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(run(drive, file, WRITE, "more"), EROFS);
    expect_content(in_dir("disk/web.conf"), "again");
    assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT, NULL), 0);
    assert_int_equal(run(drive, file, WRITE, "more"), 0);
    expect_content(in_dir("disk/web.conf"), "more");
    run(drive, file, CLOSE, NULL);
    drive_stop(drive);
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
    free(much);
}

static void a_hung_write_holds_up_nobody_else(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    struct followed_file *other = open_file(drive, "other.conf");
    assert_int_equal(run(drive, file, WRITE, "before"), 0);
    drive_post(drive, set_short_budget, drive);
    atomic_store(&hang_next, true);
    assert_int_equal(run(drive, file, WRITE, "hung"), ETIMEDOUT);
    drive_post(drive, set_long_budget, drive);
    assert_true(hangs());
    /* Until it is back, all of this file fails at once, whoever opened it. */
    struct followed_file *again = open_file(drive, "web.conf");
    assert_int_equal(run(drive, file, READ, NULL), EBUSY);
    assert_int_equal(run(drive, again, WRITE, "second"), EBUSY);
    assert_int_equal(run(drive, other, WRITE, "fine"), 0);
    sem_post(&let_go);
    for (int i = 0; i < WAIT_S * 100; i++) {
        expect_content(in_dir("web.conf"), "before"); /* what came too late is not put in force */
        if (run(drive, again, READ, NULL) == 0)
            break;
        usleep(10000);
    }
    expect_content(in_dir("web.conf"), "before");
    expect_content(in_dir("web.conf.tmp"), NULL);
    assert_int_equal(run(drive, again, WRITE, "after"), 0);
    expect_content(in_dir("web.conf"), "after");
    run(drive, file, CLOSE, NULL);
    run(drive, again, CLOSE, NULL);
    run(drive, other, CLOSE, NULL);
    drive_stop(drive);
}

/* ---- the end ---- */

static void closing_tells_nobody(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    struct job hung, busy, closed;
    job_init(&hung, drive, file, WRITE, "hung");
    job_init(&busy, drive, file, WRITE, "busy");
    job_init(&closed, drive, file, CLOSE, NULL);
    atomic_store(&hang_next, true);
    drive_post(drive, begin, &hung);
    assert_true(hangs());
    drive_post(drive, begin, &busy);
    drive_post(drive, begin, &closed);
    assert_true(wait_for(&closed.wait, 1));
    sem_post(&let_go);
    drive_stop(drive);
    assert_int_equal(hung.n_done + busy.n_done, 0);
    expect_content(in_dir("web.conf"), NULL);
}

/* The thread of a hung write is left behind, and touches nothing of ours when it comes back. */
static void stopping_does_not_wait_for_a_hung_disk(void **state)
{
    (void)state;
    struct drive *drive = start();
    struct followed_file *file = open_file(drive, "web.conf");
    struct job hung, busy;
    job_init(&hung, drive, file, WRITE, "hung");
    job_init(&busy, drive, file, READ, NULL);
    atomic_store(&hang_next, true);
    drive_post(drive, begin, &hung);
    assert_true(hangs());
    drive_post(drive, begin, &busy);
    drive_stop(drive);
    assert_int_equal(hung.error, ECANCELED);
    assert_int_equal(busy.error, ECANCELED);
    assert_int_equal(hung.n_done + busy.n_done, 2);
    followed_close(file); /* on whatever thread, once nothing is under way */
    sem_post(&let_go);
    for (int i = 0; i < WAIT_S * 100 && access(in_dir("web.conf.tmp"), F_OK) == 0; i++)
        usleep(10000);
    expect_content(in_dir("web.conf"), NULL);
}

/* Many files while the drive stops: each is told once. */
static void stopping_tells_all_of_many(void **state)
{
    (void)state;
    enum { N_FILES = 40 };
    struct drive *drive = start();
    struct followed_file *files[N_FILES];
    struct job jobs[N_FILES];
    for (unsigned i = 0; i < N_FILES; i++) {
        char name[32];
        snprintf(name, sizeof name, "file%u", i);
        files[i] = open_file(drive, name);
        job_init(&jobs[i], drive, files[i], WRITE, "x");
        drive_post(drive, begin, &jobs[i]);
    }
    drive_stop(drive);
    for (unsigned i = 0; i < N_FILES; i++) {
        assert_int_equal(jobs[i].n_done, 1);
        assert_true(jobs[i].error == 0 || jobs[i].error == ECANCELED);
        followed_close(files[i]);
    }
    usleep(300000); /* threads that were left end */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, clear_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_written_read_and_removed),
        TEST(one_after_the_other),
        TEST(two_at_once_are_refused),
        TEST(a_name_that_is_none_is_refused),
        TEST(a_file_that_is_a_link_is_refused),
        TEST(what_is_no_file_is_refused),
        TEST(a_file_that_is_too_large_is_refused),
        TEST(a_link_that_comes_later_leads_nowhere),
        TEST(a_directory_that_is_made_anew_is_found),
        TEST(the_group_of_a_setgid_directory_is_the_files),
        TEST(a_write_that_fails_leaves_the_last_version),
        TEST(a_full_disk_recovers),
        TEST(a_hung_write_holds_up_nobody_else),
        TEST(closing_tells_nobody),
        TEST(stopping_does_not_wait_for_a_hung_disk),
        TEST(stopping_tells_all_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
