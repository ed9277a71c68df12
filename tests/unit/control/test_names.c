/* SPDX-License-Identifier: Apache-2.0
 * Names of users, with a directory that hangs until it is let go: the loop never waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/diag.h"
#include "control/names.h"
#include "tests/unit/control/peers.h"

#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

/* The directory: one, as look-ups know nothing of who asks. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hangs;
    unsigned n_begun, n_ended;
} directory = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0, 0};

static void find_slowly(uid_t uid, char *name, size_t size)
{
    pthread_mutex_lock(&directory.lock);
    directory.n_begun++;
    while (directory.hangs)
        pthread_cond_wait(&directory.changed, &directory.lock);
    snprintf(name, size, uid < 1000 ? "user%u" : "", (unsigned)uid);
    directory.n_ended++;
    pthread_mutex_unlock(&directory.lock);
}

static void hang(bool hangs)
{
    pthread_mutex_lock(&directory.lock);
    directory.hangs = hangs;
    pthread_cond_broadcast(&directory.changed);
    pthread_mutex_unlock(&directory.lock);
}

static unsigned begun(void)
{
    pthread_mutex_lock(&directory.lock);
    unsigned n = directory.n_begun;
    pthread_mutex_unlock(&directory.lock);
    return n;
}

static unsigned ended(void)
{
    pthread_mutex_lock(&directory.lock);
    unsigned n = directory.n_ended;
    pthread_mutex_unlock(&directory.lock);
    return n;
}

struct scene {
    uv_loop_t loop;
    struct names *names;
    bool closed;
};

struct answer {
    unsigned n;
    char name[64];
};

static void on_name(void *arg, const char *name)
{
    struct answer *a = arg;
    a->n++;
    snprintf(a->name, sizeof a->name, "%s", name ? name : "-");
}

static void on_flag(void *arg)
{
    *(bool *)arg = true;
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    uv_loop_init(&s->loop);
    hang(false);
    directory.n_begun = directory.n_ended = 0;
    s->names = names_new(&s->loop, find_slowly);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    if (!s->closed)
        names_close(s->names, on_flag, &s->closed);
    RUN_UNTIL(&s->loop, s->closed);
    hang(false);
    RUN_UNTIL(&s->loop, ended() == begun()); /* what was left behind ends by itself */
    assert_int_equal(uv_loop_close(&s->loop), 0);
    free(s);
    return 0;
}

static void test_found_and_kept(void **state)
{
    struct scene *s = *state;
    struct answer a[5] = {0};
    names_find(s->names, 1, on_name, &a[0]);
    names_find(s->names, 2, on_name, &a[1]);
    names_find(s->names, 1, on_name, &a[2]);
    names_find(s->names, 1000, on_name, &a[3]);
    RUN_UNTIL(&s->loop, a[0].n && a[1].n && a[2].n && a[3].n);
    assert_string_equal(a[0].name, "user1");
    assert_string_equal(a[1].name, "user2");
    assert_string_equal(a[2].name, "user1");
    assert_string_equal(a[3].name, "-");
    assert_int_equal(begun(), 3);
    names_find(s->names, 2, on_name, &a[4]); /* known: at once */
    assert_int_equal(a[4].n, 1);
    assert_string_equal(a[4].name, "user2");
    names_find(s->names, 1000, on_name, &a[4]); /* that there is none, too */
    assert_int_equal(a[4].n, 2);
    assert_int_equal(begun(), 3);
    for (int i = 0; i < 4; i++)
        assert_int_equal(a[i].n, 1);
}

/* One thread hangs, whoever asks; each goes without a name after a while, and the next at once. */
static void test_directory_hangs(void **state)
{
    struct scene *s = *state;
    struct answer a[3] = {0}, again = {0};
    hang(true);
    for (uid_t i = 0; i < 3; i++)
        names_find(s->names, i, on_name, &a[i]);
    RUN_UNTIL(&s->loop, begun() == 1);
    assert_int_equal(a[0].n, 0);
    RUN_UNTIL(&s->loop, a[0].n && a[1].n && a[2].n);
    assert_int_equal(begun(), 1);
    assert_string_equal(a[2].name, "-");
    names_find(s->names, 0, on_name, &again);
    assert_int_equal(again.n, 1);
    assert_string_equal(again.name, "-");
    hang(false); /* what comes late is known from then on */
    for (again.n = 0; strcmp(again.name, "user0") != 0; uv_run(&s->loop, UV_RUN_NOWAIT))
        names_find(s->names, 0, on_name, &again);
    for (int i = 0; i < 3; i++)
        assert_int_equal(a[i].n, 1);
}

static void test_close_while_it_hangs(void **state)
{
    struct scene *s = *state;
    struct answer a[2] = {0};
    hang(true);
    names_find(s->names, 1, on_name, &a[0]);
    names_find(s->names, 2, on_name, &a[1]);
    RUN_UNTIL(&s->loop, begun() == 1);
    names_close(s->names, on_flag, &s->closed);
    assert_string_equal(a[0].name, "-");
    assert_string_equal(a[1].name, "-");
    RUN_UNTIL(&s->loop, s->closed);
    assert_int_equal(ended(), 0);
}

/* A table of a fixed size: whoever was not asked for longest is looked up again. */
static void test_many_users(void **state)
{
    struct scene *s = *state;
    for (uid_t i = 0; i < 2 * NAMES_KEPT_MAX; i++) {
        struct answer a = {0};
        names_find(s->names, i, on_name, &a);
        RUN_UNTIL(&s->loop, a.n);
    }
    assert_int_equal(begun(), 2 * NAMES_KEPT_MAX);
    struct answer last = {0}, first = {0};
    names_find(s->names, 2 * NAMES_KEPT_MAX - 1, on_name, &last);
    assert_int_equal(last.n, 1);
    names_find(s->names, 0, on_name, &first);
    assert_int_equal(first.n, 0);
    RUN_UNTIL(&s->loop, first.n);
    assert_string_equal(first.name, "user0");
}

static void test_passwd(void **state)
{
    struct scene *s = *state;
    struct answer a = {0};
    struct names *names = names_new(&s->loop, NULL);
    bool closed = false;
    names_find(names, 0, on_name, &a);
    RUN_UNTIL(&s->loop, a.n);
    const struct passwd *pw = getpwuid(0);
    assert_string_equal(a.name, pw ? pw->pw_name : "-");
    names_close(names, on_flag, &closed);
    RUN_UNTIL(&s->loop, closed);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_found_and_kept), TEST(test_directory_hangs),
                                       TEST(test_close_while_it_hangs), TEST(test_many_users),
                                       TEST(test_passwd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
