/* SPDX-License-Identifier: Apache-2.0
 * Taking over the path of a socket, and token files: what is refused, and what never is removed. */
#include "control/listen.h"
#include "control/token.h"

#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
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

/** Listens; returns 0 or the code. */
static int listen_at(struct place *place, struct listen_socket *socket)
{
    return listen_unix(socket, place->path, NULL, &place->diags);
}

static void drop(struct listen_socket *socket)
{
    close(socket->fd);
    assert_true(listen_unix_remove(socket));
}

static void test_mode(void **state)
{
    struct place *place = *state;
    struct listen_socket socket;
    struct stat st;
    mode_t before = umask(0);
    for (unsigned mask = 0; mask <= 0777; mask += 0111) { /* whatever the process was given */
        umask(mask);
        assert_int_equal(listen_at(place, &socket), 0);
        assert_int_equal(umask(mask), mask);
        assert_int_equal(lstat(place->path, &st), 0);
        assert_int_equal(st.st_mode, S_IFSOCK | 0660);
        drop(&socket);
        assert_int_equal(access(place->path, F_OK), -1);
    }
    umask(before);
}

static void test_live_is_refused_stale_replaced(void **state)
{
    struct place *place = *state;
    struct listen_socket first, second;
    assert_int_equal(listen_at(place, &first), 0);
    assert_int_equal(listen_at(place, &second), E_EXISTS);
    assert_last_error(place, "another test_listen is running on");
    close(first.fd); /* as after kill -9: the file is left */
    assert_int_equal(listen_at(place, &second), 0);
    assert_true(listen_unix_remove(&first)); /* no longer its own */
    assert_int_equal(access(place->path, F_OK), 0);
    drop(&second);
}

static void test_other_files_stay(void **state)
{
    struct place *place = *state;
    struct listen_socket socket;
    write_file(place->path, "precious", 0600);
    assert_int_equal(listen_at(place, &socket), E_INVALID);
    assert_last_error(place, "no socket");
    assert_int_equal(access(place->path, F_OK), 0);
    unlink(place->path);
    assert_int_equal(symlink("/nowhere/at/all", place->path), 0);
    assert_int_equal(listen_at(place, &socket), E_INVALID);
    assert_last_error(place, "no socket");
}

static void test_bad_paths(void **state)
{
    struct place *place = *state;
    struct listen_socket socket;
    char path[300];
    snprintf(path, sizeof path, "%s/%0200d", place->directory, 1);
    assert_int_equal(listen_unix(&socket, path, NULL, &place->diags), E_RANGE);
    assert_last_error(place, "too long");
    assert_int_equal(listen_unix(&socket, "/nowhere/at/all/x", NULL, &place->diags), E_SYSTEM);
    assert_last_error(place, "directory cannot be made");
    assert_int_equal(chmod(place->directory, 0777), 0);
    size_t n = place->diags.n;
    assert_int_equal(listen_at(place, &socket), 0);
    assert_last_error(place, "everybody may write to its directory");
    assert_int_equal(place->diags.n, n + 1);
    drop(&socket);
    assert_int_equal(chmod(place->directory, 01777), 0);
    assert_int_equal(listen_at(place, &socket), 0);
    assert_int_equal(place->diags.n, n + 1);
    drop(&socket);
}

/* The lock is a file that nobody else may open, and leaves nothing behind; one on the directory,
 * which anybody can take, holds up nobody. */
static void test_lock(void **state)
{
    struct place *place = *state;
    struct listen_socket socket;
    char lock[128];
    int directory = open(place->directory, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(directory, LOCK_EX), 0);
    assert_int_equal(listen_at(place, &socket), 0);
    drop(&socket);
    close(directory);
    snprintf(lock, sizeof lock, "%s/.file.lock", place->directory);
    assert_int_equal(access(lock, F_OK), -1);
    int held = open(lock, O_RDWR | O_CREAT, 0600);
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_int_equal(listen_at(place, &socket), E_SYSTEM);
    assert_last_error(place, "another program holds the lock on");
    close(held);
    assert_int_equal(listen_at(place, &socket), 0); /* left by one that was killed */
    drop(&socket);
    assert_int_equal(symlink(place->path, lock), 0);
    assert_int_equal(listen_at(place, &socket), E_SYSTEM);
    assert_int_equal(access(place->path, F_OK), -1); /* the link was not followed */
    unlink(lock);
}

#define SOMEBODY 65534 /* nobody on Debian; any number but 0 does */

/* Root in a directory of somebody else: what is made there is theirs from the first moment on. */
static void test_root_acts_as_the_owner(void **state)
{
    struct place *place = *state;
    struct listen_socket socket;
    struct stat st;
    char below[96];
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(place->directory, SOMEBODY, SOMEBODY), 0);
    assert_int_equal(listen_at(place, &socket), 0);
    assert_int_equal(lstat(place->path, &st), 0);
    assert_int_equal(st.st_uid, SOMEBODY);
    assert_int_equal(st.st_gid, SOMEBODY);
    drop(&socket);
    /* What that user may not do, root does not do in its place. */
    assert_int_equal(chmod(place->directory, 0555), 0);
    assert_int_equal(listen_at(place, &socket), E_SYSTEM);
    assert_int_equal(chmod(place->directory, 0755), 0);
    /* And root is root again. */
    snprintf(below, sizeof below, "%.60s/below", place->directory);
    assert_int_equal(mkdir(below, 0700), 0);
    assert_int_equal(lstat(below, &st), 0);
    assert_int_equal(st.st_uid, 0);
    /* Root's own directory below theirs: by way of its descriptor, as root. */
    snprintf(place->path, sizeof place->path, "%.80s/s", below);
    assert_int_equal(listen_at(place, &socket), 0);
    assert_int_equal(lstat(place->path, &st), 0);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(st.st_mode, S_IFSOCK | 0660);
    drop(&socket);
    assert_int_equal(rmdir(below), 0);
}

static void test_the_user_gets_it(void **state)
{
    struct place *place = *state;
    struct listen_socket socket;
    struct stat st;
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() != 0 || !nobody)
        skip();
    assert_int_equal(listen_unix(&socket, place->path, "nobody", &place->diags), 0);
    assert_int_equal(lstat(place->path, &st), 0);
    assert_int_equal(st.st_uid, nobody->pw_uid);
    drop(&socket);
    char made[96], path[128];
    assert_int_equal(chmod(place->directory, 0755), 0); /* they may pass through it */
    snprintf(made, sizeof made, "%s/made", place->directory);
    snprintf(path, sizeof path, "%s/s", made);
    for (int round = 0; round < 2; round++) { /* made, and found */
        assert_int_equal(listen_unix(&socket, path, "nobody", &place->diags), 0);
        assert_int_equal(lstat(made, &st), 0);
        assert_int_equal(st.st_uid, nobody->pw_uid);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_uid, nobody->pw_uid);
        drop(&socket);
    }
    assert_int_equal(rmdir(made), 0);
    assert_int_equal(place->diags.n, 0);
}

static void test_tokens(void **state)
{
    struct place *place = *state;
    struct token token = {0};
    assert_int_equal(token_judge(&token, "Bearer x"), TOKEN_OFF);
    write_file(place->path, "  s3cret \n", 0600);
    assert_int_equal(token_read(&token, place->path, (struct span){0}, &place->diags), 0);
    assert_string_equal(token.name, strrchr(place->path, '/') + 1);
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
    assert_int_equal(token_read(&token, place->path, (struct span){0}, &place->diags), E_SYSTEM);
    assert_last_error(place, "No such file");
    write_file(place->path, " \n", 0600);
    assert_int_equal(token_read(&token, place->path, (struct span){0}, &place->diags), E_INVALID);
    assert_last_error(place, "is empty");
    write_file(place->path, "s3cret", 0644);
    assert_int_equal(token_read(&token, place->path, (struct span){0}, &place->diags), E_INVALID);
    assert_last_error(place, "open to everybody");
    assert_int_equal(token_read(&token, place->directory, (struct span){0}, &place->diags),
                     E_INVALID);
    assert_last_error(place, "no regular file");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mode),
        TEST(test_lock),
        TEST(test_root_acts_as_the_owner),
        TEST(test_the_user_gets_it),
        TEST(test_live_is_refused_stale_replaced),
        TEST(test_other_files_stay),
        TEST(test_bad_paths),
        TEST(test_tokens),
        TEST(test_bad_token_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
