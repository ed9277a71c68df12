/* SPDX-License-Identifier: Apache-2.0
 * Taking over the path of a socket, and token files: what is refused, and what never is removed. */
#include "ctl/listen.h"
#include "ctl/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char directory[64], path[96];
    struct diags diags;
};

static int set_up(void **state)
{
    static struct place place;
    snprintf(place.directory, sizeof place.directory, "/tmp/ls-listen-XXXXXX");
    if (!mkdtemp(place.directory))
        return -1;
    snprintf(place.path, sizeof place.path, "%s/file", place.directory);
    diags_init(&place.diags);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    diags_free(&place->diags);
    unlink(place->path);
    return rmdir(place->directory);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_last_error(const struct place *place, const char *words)
{
    assert_true(place->diags.n > 0);
    const char *text = place->diags.v[place->diags.n - 1].text;
    if (!strstr(text, words))
        fail_msg("\"%s\", expected \"%s\"", text, words);
}

static void test_mode(void **state)
{
    struct place *place = *state;
    struct stat st;
    int fd = listen_unix(place->path, NULL, &place->diags);
    assert_true(fd >= 0);
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    close(fd);
}

static void test_live_is_refused_stale_replaced(void **state)
{
    struct place *place = *state;
    int fd = listen_unix(place->path, NULL, &place->diags);
    assert_true(fd >= 0);
    assert_int_equal(listen_unix(place->path, NULL, &place->diags), E_EXISTS);
    assert_last_error(place, "another loadstard is running on");
    close(fd); /* as after kill -9: the file is left */
    fd = listen_unix(place->path, NULL, &place->diags);
    assert_true(fd >= 0);
    close(fd);
}

static void test_other_files_stay(void **state)
{
    struct place *place = *state;
    write_file(place->path, "precious", 0600);
    assert_int_equal(listen_unix(place->path, NULL, &place->diags), E_INVALID);
    assert_last_error(place, "no socket");
    assert_int_equal(access(place->path, F_OK), 0);
}

static void test_bad_paths(void **state)
{
    struct place *place = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/%0200d", place->directory, 1);
    assert_int_equal(listen_unix(path, NULL, &place->diags), E_RANGE);
    assert_last_error(place, "too long");
    assert_int_equal(listen_unix("/nowhere/at/all/x", NULL, &place->diags), E_SYSTEM);
    assert_last_error(place, "directory cannot be made");
}

static void test_tokens(void **state)
{
    struct place *place = *state;
    struct token token = {0};
    assert_int_equal(token_judge(&token, "Bearer x"), TOKEN_OFF);
    write_file(place->path, "  s3cret \n", 0600);
    assert_int_equal(token_read(&token, place->path, &place->diags), 0);
    assert_int_equal(token_judge(&token, NULL), TOKEN_MISSING);
    assert_int_equal(token_judge(&token, "Basic s3cret"), TOKEN_MISSING);
    assert_int_equal(token_judge(&token, "Bearer s3cre"), TOKEN_WRONG);
    assert_int_equal(token_judge(&token, "Bearer s3cret "), TOKEN_WRONG);
    assert_int_equal(token_judge(&token, "Bearer "), TOKEN_WRONG);
    assert_int_equal(token_judge(&token, "bearer  s3cret"), TOKEN_RIGHT);
}

static void test_bad_token_files(void **state)
{
    struct place *place = *state;
    struct token token;
    assert_int_equal(token_read(&token, place->path, &place->diags), E_SYSTEM);
    assert_last_error(place, "No such file");
    write_file(place->path, " \n", 0600);
    assert_int_equal(token_read(&token, place->path, &place->diags), E_INVALID);
    assert_last_error(place, "is empty");
    write_file(place->path, "s3cret", 0644);
    assert_int_equal(token_read(&token, place->path, &place->diags), E_INVALID);
    assert_last_error(place, "open to everybody");
    assert_int_equal(token_read(&token, place->directory, &place->diags), E_INVALID);
    assert_last_error(place, "no regular file");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mode),
        TEST(test_live_is_refused_stale_replaced),
        TEST(test_other_files_stay),
        TEST(test_bad_paths),
        TEST(test_tokens),
        TEST(test_bad_token_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
