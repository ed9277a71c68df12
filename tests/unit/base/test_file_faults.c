/* SPDX-License-Identifier: Apache-2.0
 * Files of ours when the system fails, and when somebody else writes in the same directory. */
#include "base/file.h"

#include "base/diag.h"
#include "tests/unit/faults.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char dir[64], path[96], tmp[96], victim[96];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/loadstar-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/state", dir);
    snprintf(tmp, sizeof tmp, "%s/state.tmp", dir);
    snprintf(victim, sizeof victim, "%s/victim", dir);
    return 0;
}

static int remove_dir(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static unsigned count_entries(void)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void assert_content(const char *file, const char *content)
{
    struct arena *arena = arena_new();
    struct slice got;
    assert_int_equal(file_read(&got, arena, file, 1 << 20), 0);
    assert_string_equal((const char *)got.p, content);
    arena_free(arena);
}

static const int errors[] = {EIO, EMFILE, ENFILE, ENOMEM, EACCES, ENOSPC, EDQUOT, EROFS, EISDIR};

/* Whichever call of a replacement fails, the old content stays whole, nothing is left beside it,
 * and the caller learns why. Only the last one, which makes the new name durable, comes too late.
 */
static void every_failure_keeps_the_old(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        unsigned at = 0, n = 1;
        for (at = 1; at <= n; at++) {
            assert_int_equal(file_replace(path, "old", 3, 0600), 0);
            fault_arm(at, errors[i]);
            int code = file_replace(path, "newer", 5, 0600), error = errno;
            unsigned calls = fault_disarm();
            assert_int_equal(code, E_SYSTEM);
            assert_int_equal(error, errors[i]);
            assert_int_equal(count_entries(), 1);
            if (at == 1) { /* how many there are when none fails */
                fault_arm(0, 0);
                assert_int_equal(file_replace(path, "old", 3, 0600), 0);
                n = fault_disarm();
                /* Directory, file, mode, content, durable; name, durable. */
                assert_string_equal(fault.order, "oamwfnf");
            }
            if (at > 1)
                assert_in_range(calls, at, n);
            assert_content(path, at == n ? "newer" : "old");
        }
    }
}

static void every_failure_to_read_is_told(void **state)
{
    struct arena *arena = arena_new();
    struct slice got;
    (void)state;
    assert_int_equal(file_replace(path, "old", 3, 0600), 0);
    fault_arm(0, 0);
    assert_int_equal(file_read_own(&got, arena, path, 100), 0);
    unsigned n = fault_disarm();
    assert_string_equal(fault.order, "osr");
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        for (unsigned at = 1; at <= n; at++) {
            fault_arm(at, errors[i]);
            int code = file_read_own(&got, arena, path, 100), error = errno;
            fault_disarm();
            assert_int_equal(code, E_SYSTEM);
            assert_int_equal(error, errors[i]);
        }
    arena_free(arena);
}

static void a_trickle_is_whole(void **state)
{
    struct arena *arena = arena_new();
    struct slice got;
    (void)state;
    fault.trickle = true;
    int code = file_replace(path, "0123456789", 10, 0600);
    fault.trickle = false;
    assert_int_equal(code, 0);
    assert_content(path, "0123456789");
    fault.trickle = true;
    code = file_read(&got, arena, path, 10);
    fault.trickle = false;
    assert_int_equal(code, 0);
    assert_string_equal((const char *)got.p, "0123456789");
    arena_free(arena);
}

/* Whatever the process would take away. */
static void the_mode_is_as_asked_for(void **state)
{
    struct stat st;
    (void)state;
    mode_t before = umask(077);
    assert_int_equal(file_replace(path, "", 0, 0644), 0);
    umask(before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
}

/* What may be in the way, made in front of PATH or PATH.tmp. */
static void put_nothing(const char *at)
{
    (void)at;
}

static void put_file(const char *at)
{
    int fd = open(at, O_WRONLY | O_CREAT | O_EXCL, 0666);
    assert_true(fd >= 0);
    close(fd);
}

static void put_fifo(const char *at)
{
    assert_int_equal(mkfifo(at, 0666), 0);
}

static void put_link(const char *at)
{
    assert_int_equal(symlink(victim, at), 0);
}

static void put_dangling_link(const char *at)
{
    assert_int_equal(symlink("/nonexistent/x", at), 0);
}

static void put_loop(const char *at)
{
    assert_int_equal(symlink(at, at), 0);
}

static void put_hard_link(const char *at)
{
    assert_int_equal(link(victim, at), 0);
}

/* Where nodes cannot be made, there is none in the way. */
static void put_device(const char *at)
{
    if (mknod(at, S_IFCHR | 0666, makedev(1, 7)) != 0) /* /dev/full */
        print_message("no device can be made here: %s\n", strerror(errno));
}

static void put_terminal(const char *at)
{
    if (mknod(at, S_IFCHR | 0666, makedev(5, 0)) != 0) /* /dev/tty */
        print_message("no device can be made here: %s\n", strerror(errno));
}

static void (*const obstacles[])(const char *at) = {
    put_nothing, put_file,      put_fifo,   put_link,     put_dangling_link,
    put_loop,    put_hard_link, put_device, put_terminal,
};

/* Whatever is in the place of either name is replaced, and what it leads to is not touched; nor
 * does anything wait. */
static void nothing_in_the_way_is_followed(void **state)
{
    struct stat st;
    (void)state;
    alarm(60); /* one that hangs is one that fails */
    for (size_t i = 0; i < ARRAY_LEN(obstacles); i++)
        for (size_t k = 0; k < ARRAY_LEN(obstacles); k++) {
            unlink(path);
            unlink(tmp);
            unlink(victim);
            put_file(victim);
            assert_int_equal(chmod(victim, 0604), 0);
            obstacles[i](tmp);
            obstacles[k](path);
            assert_int_equal(file_replace(path, "ours", 4, 0640), 0);
            assert_int_equal(lstat(path, &st), 0);
            assert_true(S_ISREG(st.st_mode));
            assert_int_equal(st.st_mode & 07777, 0640);
            assert_int_equal(st.st_nlink, 1);
            assert_content(path, "ours");
            assert_content(victim, "");
            assert_int_equal(stat(victim, &st), 0);
            assert_int_equal(st.st_mode & 07777, 0604);
            assert_int_equal(access(tmp, F_OK), -1);
        }
    alarm(0);
}

/* A directory is not ours to remove. */
static void a_directory_in_the_way_is_told(void **state)
{
    const char *const places[] = {tmp, path};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        assert_int_equal(mkdir(places[i], 0700), 0);
        assert_int_equal(file_replace(path, "new", 3, 0600), E_SYSTEM);
        assert_int_equal(errno, EISDIR);
        assert_int_equal(count_entries(), 1); /* no PATH.tmp beside it */
        assert_int_equal(rmdir(places[i]), 0);
    }
}

static void links_are_not_read(void **state)
{
    struct arena *arena = arena_new();
    struct slice got;
    (void)state;
    for (size_t i = 2; i < ARRAY_LEN(obstacles); i++) {
        unlink(path);
        unlink(victim);
        put_file(victim);
        obstacles[i](path);
        struct stat st;
        if (obstacles[i] == put_hard_link || lstat(path, &st) != 0)
            continue;
        assert_int_equal(file_read_own(&got, arena, path, 100), E_SYSTEM);
        assert_int_equal(S_ISLNK(st.st_mode), errno == ELOOP);
        const char *why = file_error(E_SYSTEM, "1k");
        if (S_ISLNK(st.st_mode))
            assert_non_null(strstr(why, "symbolic link"));
        else if (obstacles[i] != put_terminal) /* which may not even be opened */
            assert_non_null(strstr(why, "not a regular file"));
    }
    unlink(path);
    assert_int_equal(file_replace(path, "1234", 4, 0600), 0);
    assert_int_equal(file_read_own(&got, arena, path, 3), E_RANGE);
    assert_string_equal(file_error(E_RANGE, "1k"), "it is larger than 1k");
    assert_int_equal(file_read_own(&got, arena, path, 4), 0);
    arena_free(arena);
}

/* What was put aside before stays, whatever it is. */
static void put_aside_one_after_the_other(void **state)
{
    static const char *const names[] = {"", ".2", ".3", ".4"};
    char *aside, expected[128], content[8];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(expected, sizeof expected, "%s.bad%s", path, names[i]);
        if (i == 1) { /* a link to nowhere is something, too */
            put_dangling_link(expected);
            continue;
        }
        snprintf(content, sizeof content, "%zu", i);
        assert_int_equal(file_replace(path, content, 1, 0600), 0);
        fault.old_fs = i == 3;
        assert_int_equal(file_put_aside(&aside, path, "bad"), 0);
        assert_string_equal(aside, expected);
        assert_content(aside, content);
        assert_int_equal(access(path, F_OK), -1);
        free(aside);
    }
    assert_int_equal(file_put_aside(&aside, path, "bad"), E_SYSTEM);
    assert_int_equal(errno, ENOENT);
    fault.old_fs = false;
    assert_int_equal(file_put_aside(&aside, path, "bad"), E_SYSTEM);
    assert_int_equal(errno, ENOENT);
    assert_null(aside);
    assert_int_equal(file_put_aside(&aside, "/nonexistent/x", "bad"), E_SYSTEM);
    assert_int_equal(count_entries(), ARRAY_LEN(names));
}

/* The directory that is worked in is the one that PATH named at the beginning. */
static void relative_paths(void **state)
{
    (void)state;
    char before[256];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(file_replace("state", "here", 4, 0600), 0);
    assert_int_equal(chdir(before), 0);
    assert_content(path, "here");
    assert_int_equal(file_replace("/nonexistent/x", "", 0, 0600), E_SYSTEM);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(file_replace("/dev/null/x", "", 0, 0600), E_SYSTEM);
    assert_int_equal(errno, ENOTDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_failure_keeps_the_old, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(every_failure_to_read_is_told, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_trickle_is_whole, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_mode_is_as_asked_for, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(nothing_in_the_way_is_followed, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_directory_in_the_way_is_told, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(links_are_not_read, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(put_aside_one_after_the_other, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(relative_paths, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
