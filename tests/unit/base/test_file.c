/* SPDX-License-Identifier: Apache-2.0
 * Files, diagnostics. */
#include "base/file.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct dir {
    char path[64], file[96], tmp[96];
    struct arena *arena;
};

static int make_dir(void **state)
{
    struct dir *d = calloc(1, sizeof *d);
    snprintf(d->path, sizeof d->path, "/tmp/loadstar-test-XXXXXX");
    if (!d || !mkdtemp(d->path))
        return -1;
    snprintf(d->file, sizeof d->file, "%s/state", d->path);
    snprintf(d->tmp, sizeof d->tmp, "%s/state.tmp", d->path);
    d->arena = arena_new();
    *state = d;
    return 0;
}

static int remove_dir(void **state)
{
    struct dir *d = *state;
    unlink(d->file);
    rmdir(d->tmp);
    rmdir(d->path);
    arena_free(d->arena);
    free(d);
    return 0;
}

static void replace_then_read(void **state)
{
    struct dir *d = *state;
    struct slice got;
    struct stat st;
    assert_int_equal(file_replace(d->file, "first", 5, 0600), 0);
    assert_int_equal(file_replace(d->file, "second!", 7, 0640), 0);
    assert_int_equal(file_read(&got, d->arena, d->file, 100), 0);
    assert_int_equal(got.n, 7);
    assert_string_equal((const char *)got.p, "second!");
    assert_int_equal(stat(d->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(access(d->tmp, F_OK), -1);
    assert_int_equal(file_replace(d->file, "", 0, 0640), 0);
    assert_int_equal(file_read(&got, d->arena, d->file, 0), 0);
    assert_int_equal(got.n, 0);
}

/* A directory in the way of PATH.tmp: the old content must stay. */
static void failed_replace_keeps_the_old(void **state)
{
    struct dir *d = *state;
    struct slice got;
    assert_int_equal(file_replace(d->file, "old", 3, 0600), 0);
    assert_int_equal(mkdir(d->tmp, 0700), 0);
    errno = 0;
    assert_int_equal(file_replace(d->file, "new", 3, 0600), E_SYSTEM);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(file_read(&got, d->arena, d->file, 100), 0);
    assert_string_equal((const char *)got.p, "old");
}

static void read_errors(void **state)
{
    struct dir *d = *state;
    struct slice got;
    errno = 0;
    assert_int_equal(file_read(&got, d->arena, d->file, 100), E_SYSTEM);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(file_read(&got, d->arena, d->path, 100), E_SYSTEM);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(file_replace(d->file, "1234", 4, 0600), 0);
    assert_int_equal(file_read(&got, d->arena, d->file, 3), E_RANGE);
    /* Files that the kernel makes up have no size, and are not empty. */
    assert_int_equal(file_read(&got, d->arena, "/proc/self/status", 1 << 20), E_SYSTEM);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(file_read(&got, d->arena, "/proc/self/mem", 1 << 20), E_SYSTEM);
    assert_int_equal(file_replace(d->file, "", 0, 0600), 0);
    assert_int_equal(file_read(&got, d->arena, d->file, 100), 0);
    assert_int_equal(got.n, 0);
    unlink(d->file);
    assert_int_equal(mkfifo(d->file, 0600), 0);
    assert_int_equal(file_read(&got, d->arena, d->file, 100), E_SYSTEM);
    assert_int_equal(errno, EINVAL);
}

static void resolved_paths(void **state)
{
    struct dir *d = *state;
    assert_string_equal(file_resolve(d->arena, "/etc/l/a.yaml", "b.yaml"), "/etc/l/b.yaml");
    assert_string_equal(file_resolve(d->arena, "/a.yaml", "b"), "/b");
    assert_string_equal(file_resolve(d->arena, "a.yaml", "z/b"), "z/b");
    assert_string_equal(file_resolve(d->arena, "x/a.yaml", "../b"), "x/../b");
    assert_string_equal(file_resolve(d->arena, "/etc/a.yaml", "/b"), "/b");
}

static void diagnostics_are_sorted(void **state)
{
    (void)state;
    struct diags d;
    char *text = NULL;
    size_t n = 0;
    diags_init(&d);
    diag_error(&d, (struct span){"b.yaml", 9, 2}, "third %d", 3);
    diag_warning(&d, (struct span){"a.yaml", 1, 1}, "other file");
    diag_error(&d, (struct span){"b.yaml", 2, 5}, "second");
    diag_error(&d, (struct span){"b.yaml", 2, 5}, "same place");
    diag_error(&d, (struct span){"b.yaml", 2, 0}, "first");
    diag_error(&d, (struct span){"b.yaml", 0, 0}, "whole file");
    diag_error(&d, (struct span){0}, "nowhere");
    assert_int_equal(d.n_errors, 6);
    assert_int_equal(d.n_warnings, 1);
    FILE *f = open_memstream(&text, &n);
    diags_print(&d, f);
    fclose(f);
    assert_string_equal(text, "b.yaml: whole file\n"
                              "b.yaml:2: first\n"
                              "b.yaml:2:5: second\n"
                              "b.yaml:2:5: same place\n"
                              "b.yaml:9:2: third 3\n"
                              "a.yaml:1:1: warning: other file\n"
                              "nowhere\n");
    free(text);
    diags_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replace_then_read, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(failed_replace_keeps_the_old, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(read_errors, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(resolved_paths, make_dir, remove_dir),
        cmocka_unit_test(diagnostics_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
