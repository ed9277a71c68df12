/* SPDX-License-Identifier: Apache-2.0
 * Two loops of one process that run commands: neither takes the end of the other's. */
#include "drive/command.h"
#include "drive/process.h"
#include "drive/program.h"
#include "wait.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_COMMANDS = 150, N_AT_ONCE = 4 };

/* Commands end before whoever has started them knows that they are there. */
int __real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                       const posix_spawnattr_t *attr, char *const *argv, char *const *env);
int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                       const posix_spawnattr_t *attr, char *const *argv, char *const *env);

int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                       const posix_spawnattr_t *attr, char *const *argv, char *const *env)
{
    int code = __real_posix_spawn(pid, path, files, attr, argv, env);
    usleep(5000);
    return code;
}

/* ---- the loop of the first thread, as that of the checker ---- */

struct here {
    uv_loop_t loop;
    uv_timer_t sweep;
    struct processes processes;
    struct slot {
        struct process process; /* first */
        struct here *here;
        int expected;
    } slots[N_AT_ONCE];
    unsigned n_started, n_ended, n_wrong, n_running;
};

static void run_here(struct slot *slot);

static void on_exited_here(struct process *process, int status, int signal)
{
    struct slot *slot = (struct slot *)process;
    struct here *h = slot->here;
    h->n_ended++;
    h->n_running--;
    h->n_wrong += status != slot->expected || signal != 0;
    if (h->n_started < N_COMMANDS)
        run_here(slot);
}

static void run_here(struct slot *slot)
{
    char variable[PROCESS_VARIABLE_MAX], script[64];
    struct here *h = slot->here;
    slot->expected = (int)(h->n_started++ % 200);
    snprintf(script, sizeof script, "(exit 7) & setsid true & exit %d", slot->expected);
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    process_variable(variable, &slot->process);
    char *env[] = {(char[]){"PATH=/usr/bin:/bin"}, variable, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct process_files files = {.in = -1, .out = null, .err = null};
    slot->process.exited = on_exited_here;
    assert_int_equal(
        process_start(&h->processes, &slot->process, argv, env, "/usr/bin:/bin", &files), 0);
    h->n_running++;
    close(null);
}

/* Sweeps all the time: what it may take, it takes. */
static void on_sweep(uv_timer_t *timer)
{
    struct here *h = timer->data;
    processes_sweep(&h->processes);
}

static void on_ended(struct processes *all)
{
    (void)all;
}

static void here_open(struct here *h)
{
    memset(h, 0, sizeof *h);
    uv_loop_init(&h->loop);
    processes_init(&h->processes, &h->loop);
    h->processes.ended = on_ended;
    uv_timer_init(&h->loop, &h->sweep);
    h->sweep.data = h;
    uv_timer_start(&h->sweep, on_sweep, 0, 1);
    for (unsigned i = 0; i < N_AT_ONCE; i++)
        h->slots[i].here = h;
}

static void here_close(struct here *h)
{
    processes_stop(&h->processes);
    uv_close((uv_handle_t *)&h->processes.child, NULL);
    uv_close((uv_handle_t *)&h->sweep, NULL);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&h->loop), 0);
}

/* ---- the drive ---- */

struct there {
    struct drive *drive;
    unsigned n_started, n_wrong;
    atomic_uint n_ended;
};

struct expected {
    struct there *there;
    int status;
};

static void run_there(struct there *t);

static void on_done(void *ctx, const struct command_result *result)
{
    struct expected *e = ctx;
    struct there *t = e->there;
    t->n_wrong += result->error || result->timed_out || result->status != e->status;
    atomic_fetch_add(&t->n_ended, 1);
    free(e);
    if (t->n_started < N_COMMANDS)
        run_there(t);
}

static void run_there(struct there *t)
{
    char script[64];
    struct expected *e = malloc(sizeof *e);
    *e = (struct expected){t, (int)(t->n_started++ % 200)};
    snprintf(script, sizeof script, "(exit 9) & setsid true & exit %d", e->status);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const struct command_spec spec = {.argv = argv, .timeout_ms = 60000};
    command_run(t->drive, &spec, on_done, e);
}

static void begin_there(void *arg)
{
    for (int i = 0; i < N_AT_ONCE; i++)
        run_there(arg);
}

static void neither_takes_the_end_of_the_others(void **state)
{
    (void)state;
    struct here here;
    struct there there = {0};
    here_open(&here);
    assert_int_equal(drive_start(&there.drive, "tiers"), 0);
    drive_post(there.drive, begin_there, &there);
    for (int i = 0; i < N_AT_ONCE; i++)
        run_here(&here.slots[i]);
    time_t over = time(NULL) + 5 * WAIT_S;
    while ((here.n_ended < N_COMMANDS || atomic_load(&there.n_ended) < N_COMMANDS) &&
           time(NULL) < over)
        uv_run(&here.loop, UV_RUN_ONCE);
    assert_int_equal(here.n_ended, N_COMMANDS);
    assert_int_equal(atomic_load(&there.n_ended), N_COMMANDS);
    drive_stop(there.drive);
    assert_int_equal(here.n_wrong, 0);
    assert_int_equal(there.n_wrong, 0);
    here_close(&here);
}

/* ---- descendants ---- */

struct one {
    struct drive *drive;
    const char *script;
    struct wait wait;
    struct command_result result;
};

static void on_one(void *ctx, const struct command_result *result)
{
    struct one *one = ctx;
    one->result = *result;
    wait_came(&one->wait);
}

static void begin_one(void *arg)
{
    struct one *one = arg;
    const char *const argv[] = {"/bin/sh", "-c", one->script, NULL};
    const struct command_spec spec = {.argv = argv, .timeout_ms = 60000};
    command_run(one->drive, &spec, on_one, one);
}

/* A descendant that has left its group lives for as long as its command, however often the other
 * loop looks for what has outlived its own. The middle one ends, so that it is a child of ours. The
 * command waits until it has spoken. */
static void descendants_of_the_others_commands_live(void **state)
{
    (void)state;
    struct here here;
    struct one one = {.script =
                          "d=$(mktemp -d); export d; "
                          "sh -c 'setsid sh -c \"sleep 0.5; echo it lived; rmdir $d\" & exit 0'; "
                          "while [ -d $d ]; do sleep 0.1; done"};
    wait_init(&one.wait);
    here_open(&here);
    run_here(&here.slots[0]); /* from now on it is their reaper as well */
    assert_int_equal(drive_start(&one.drive, "tiers"), 0);
    drive_post(one.drive, begin_one, &one);
    time_t over = time(NULL) + WAIT_S;
    for (bool done = false; !done && time(NULL) < over;) {
        uv_run(&here.loop, UV_RUN_ONCE);
        pthread_mutex_lock(&one.wait.lock);
        done = one.wait.n > 0;
        pthread_mutex_unlock(&one.wait.lock);
    }
    drive_stop(one.drive);
    assert_string_equal(one.result.line, "it lived");
    here_close(&here);
}

static void numbers_are_the_processes(void **state)
{
    (void)state;
    char a[PROCESS_VARIABLE_MAX], b[PROCESS_VARIABLE_MAX];
    struct process first = {0}, second = {0};
    process_variable(a, &first);
    process_variable(b, &second);
    assert_string_not_equal(a, b);
    assert_true(first.number > 0 && second.number == first.number + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_the_processes),
        cmocka_unit_test(neither_takes_the_end_of_the_others),
        cmocka_unit_test(descendants_of_the_others_commands_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
