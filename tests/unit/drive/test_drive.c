/* SPDX-License-Identifier: Apache-2.0
 * The thread: what is posted runs there, in order, and at the end too. */
#include "drive/drive.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_THREADS = 4, N_POSTS = 2000 };

struct seen {
    struct drive *drive;
    unsigned n[N_THREADS], n_wrong;
    unsigned long runs_on;
};

struct post {
    struct seen *seen;
    unsigned thread, i;
};

static void on_post(void *arg)
{
    struct post *p = arg;
    if (p->seen->n[p->thread]++ != p->i)
        p->seen->n_wrong++;
    p->seen->runs_on = (unsigned long)pthread_self();
    free(p);
}

struct poster {
    pthread_t thread;
    struct seen *seen;
    unsigned number;
};

static void *post_many(void *arg)
{
    struct poster *poster = arg;
    for (unsigned i = 0; i < N_POSTS; i++) {
        struct post *p = malloc(sizeof *p);
        *p = (struct post){poster->seen, poster->number, i};
        drive_post(poster->seen->drive, on_post, p);
    }
    return NULL;
}

static void all_that_was_posted_runs_in_order(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct poster posters[N_THREADS];
    assert_int_equal(drive_start(&seen.drive, "tiers"), 0);
    for (unsigned i = 0; i < N_THREADS; i++) {
        posters[i] = (struct poster){.seen = &seen, .number = i};
        pthread_create(&posters[i].thread, NULL, post_many, &posters[i]);
    }
    for (unsigned i = 0; i < N_THREADS; i++)
        pthread_join(posters[i].thread, NULL);
    drive_stop(seen.drive);
    for (unsigned i = 0; i < N_THREADS; i++)
        assert_int_equal(seen.n[i], N_POSTS);
    assert_int_equal(seen.n_wrong, 0);
    assert_true(seen.runs_on != (unsigned long)pthread_self());
}

struct about_thread {
    char name[16];
    sigset_t blocked;
};

static void look_at_thread(void *arg)
{
    struct about_thread *about = arg;
    pthread_getname_np(pthread_self(), about->name, sizeof about->name);
    pthread_sigmask(SIG_SETMASK, NULL, &about->blocked);
}

static void the_thread_has_its_name_and_no_signals(void **state)
{
    (void)state;
    struct drive *drive;
    struct about_thread about = {0};
    sigset_t mine;
    assert_int_equal(drive_start(&drive, "a name that is far too long"), 0);
    drive_post(drive, look_at_thread, &about);
    drive_stop(drive);
    assert_string_equal(about.name, "a name that is ");
    assert_true(sigismember(&about.blocked, SIGTERM) && sigismember(&about.blocked, SIGPIPE) &&
                sigismember(&about.blocked, SIGCHLD));
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

/* ---- the end ---- */

struct late {
    struct drive *drive;
    uv_timer_t timer;
    unsigned n_left, n_run;
    bool closed;
};

static void post_another(void *arg)
{
    struct late *late = arg;
    late->n_run++;
    if (late->n_left-- > 0)
        drive_post(late->drive, post_another, late);
}

static void on_late_closed(uv_handle_t *handle)
{
    struct late *late = handle->data;
    late->closed = true;
    late->n_left = 3;
    post_another(late);
}

static void on_late_timer(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, on_late_closed);
}

static void open_timer(void *arg)
{
    struct late *late = arg;
    uv_timer_init(drive_loop(late->drive), &late->timer);
    late->timer.data = late;
    uv_timer_start(&late->timer, on_late_timer, 20, 0);
}

static void the_end_waits_for_handles_and_what_they_post(void **state)
{
    (void)state;
    struct late late = {0};
    assert_int_equal(drive_start(&late.drive, "tiers"), 0);
    drive_post(late.drive, open_timer, &late);
    drive_stop(late.drive);
    assert_true(late.closed);
    assert_int_equal(late.n_run, 4);
}

/* ---- the way back ---- */

struct back {
    struct mailbox *mailbox;
    unsigned n, n_of_all;
    uv_timer_t timer;
    unsigned n_at_timer;
    bool timed;
};

static void on_timer(uv_timer_t *timer);

static void on_back(void *arg)
{
    struct back *back = arg;
    if (back->n == 0 && back->timed)
        uv_timer_start(&back->timer, on_timer, 0, 0);
    if (++back->n == back->n_of_all)
        mailbox_close(back->mailbox);
}

static void send_back(void *arg)
{
    struct back *back = arg;
    for (unsigned i = 0; i < N_POSTS; i++)
        mailbox_post(back->mailbox, on_back, back);
}

static void what_comes_back_runs_on_the_other_loop(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct drive *drive;
    struct back back = {.n_of_all = 3 * N_POSTS};
    uv_loop_init(&loop);
    back.mailbox = mailbox_open(&loop);
    assert_int_equal(drive_start(&drive, "tiers"), 0);
    for (int i = 0; i < 3; i++)
        drive_post(drive, send_back, &back);
    uv_run(&loop, UV_RUN_DEFAULT); /* ends with the mailbox */
    assert_int_equal(back.n, back.n_of_all);
    drive_stop(drive);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct back *back = timer->data;
    back->n_at_timer = back->n;
    uv_close((uv_handle_t *)timer, NULL);
}

/* Many letters do not keep the loop from what else it has to do. */
static void a_full_mailbox_is_emptied_bit_by_bit(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct back back = {.n_of_all = N_POSTS, .timed = true};
    uv_loop_init(&loop);
    back.mailbox = mailbox_open(&loop);
    send_back(&back);
    uv_timer_init(&loop, &back.timer);
    back.timer.data = &back;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(back.n, N_POSTS);
    assert_true(back.n_at_timer > 0 && back.n_at_timer < N_POSTS);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* What nobody has fetched runs when it is closed: it may own something. */
static void closing_runs_what_is_left(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct back back = {.n_of_all = N_POSTS + 1};
    uv_loop_init(&loop);
    back.mailbox = mailbox_open(&loop);
    send_back(&back);
    mailbox_close(back.mailbox);
    assert_int_equal(back.n, N_POSTS);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_was_posted_runs_in_order),
        cmocka_unit_test(the_thread_has_its_name_and_no_signals),
        cmocka_unit_test(the_end_waits_for_handles_and_what_they_post),
        cmocka_unit_test(what_comes_back_runs_on_the_other_loop),
        cmocka_unit_test(a_full_mailbox_is_emptied_bit_by_bit),
        cmocka_unit_test(closing_runs_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
