/* SPDX-License-Identifier: Apache-2.0
 * A temporary directory that a test works in. */
#include "files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/loadstar-test-XXXXXX";
static int back = -1;

void files_enter(void)
{
    strcpy(directory + sizeof directory - 7, "XXXXXX");
    back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(back >= 0);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
}

void files_write(const char *path, const void *data, size_t n)
{
    const char *slash = strchr(path, '/');
    if (slash) {
        char *parent = strndup(path, (size_t)(slash - path));
        mkdir(parent, 0700);
        free(parent);
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

void files_write_text(const char *path, const char *text)
{
    files_write(path, text, strlen(text));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void files_leave(void)
{
    assert_int_equal(fchdir(back), 0);
    close(back);
    assert_int_equal(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
