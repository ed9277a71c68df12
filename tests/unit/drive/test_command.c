/* SPDX-License-Identifier: Apache-2.0
 * Commands: what they get, what is kept of what they say, and that nothing of them is left. */
#include "drive/command.h"
#include "drive/internal.h"
#include "wait.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct run {
    struct drive *drive;
    struct command_spec spec;
    struct command *command;
    struct wait wait;
    struct command_result result;
    size_t n_output;
    uint64_t sum;
    unsigned n_done;
    bool in_start, done_in_start;
};

static void on_done(void *ctx, const struct command_result *result)
{
    struct run *r = ctx;
    r->result = *result;
    r->n_output = result->output.n;
    for (size_t i = 0; i < result->output.n; i++)
        r->sum += result->output.p[i];
    r->n_done++;
    r->done_in_start |= r->in_start;
    wait_came(&r->wait);
}

static void begin(void *arg)
{
    struct run *r = arg;
    r->in_start = true;
    r->command = command_run(r->drive, &r->spec, on_done, r);
    r->in_start = false;
}

static void run_open(struct run *r, const char *const *argv)
{
    *r = (struct run){.spec = {.argv = argv, .timeout_ms = 60000}};
    wait_init(&r->wait);
    assert_int_equal(drive_start(&r->drive, "tiers"), 0);
}

static void run_to_end(struct run *r)
{
    drive_post(r->drive, begin, r);
    assert_true(wait_for(&r->wait, 1));
}

static void run_close(struct run *r)
{
    drive_stop(r->drive);
    assert_int_equal(r->n_done, 1);
    assert_false(r->done_in_start);
}

#define SH(text) ((const char *const[]){"/bin/sh", "-c", (text), NULL})

static void expect_text(const struct run *r, const char *expected)
{
    char text[COMMAND_TEXT_MAX];
    command_text(text, &r->result);
    if (strcmp(text, expected) != 0)
        fail_msg("\"%s\", expected \"%s\"", text, expected);
}

/* ---- what it says ---- */

static void how_it_ended_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *command, *text;
        bool ok;
    } cases[] = {
        {"exit 0", "exited with 0", true},
        {"echo fine; exit 0", "exited with 0: fine", true},
        {"echo out; echo err >&2; exit 3", "exited with 3: err", false},
        {"echo; echo second; exit 1", "exited with 1: second", false},
        {"printf no-end; exit 1", "exited with 1: no-end", false},
        {"printf 'a\\033[31mb\\n'; exit 1", "exited with 1: a\\x1b[31mb", false},
        {"kill -KILL $$", "was killed by signal 9 (Killed)", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r;
        run_open(&r, SH(cases[i].command));
        run_to_end(&r);
        expect_text(&r, cases[i].text);
        assert_int_equal(command_ok(&r.result), cases[i].ok);
        run_close(&r);
    }
}

static unsigned rank_by_digit(const char *line)
{
    return (unsigned)(line[0] - '0');
}

static void the_line_that_tells_most_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *command, *text;
    } cases[] = {
        {"printf '1a\\n3b\\n2c\\n' >&2; exit 1", "exited with 1: 3b"},
        {"printf '3a\\n3b\\n' >&2; exit 1", "exited with 1: 3a"},
        {"printf '\\n0a\\n\\n' >&2; exit 1", "exited with 1: 0a"},
        {"printf '0a\\n1b' >&2; exit 1", "exited with 1: 1b"},
        {"echo 9out; echo 1err >&2; exit 1", "exited with 1: 1err"},
        {"echo 1a; echo 2b", "exited with 0: 2b"},
        {"exit 2", "exited with 2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r;
        run_open(&r, SH(cases[i].command));
        r.spec.rank = rank_by_digit;
        run_to_end(&r);
        expect_text(&r, cases[i].text);
        run_close(&r);
    }
}

static void what_cannot_be_started_is_told_later(void **state)
{
    (void)state;
    struct run r;
    static const char *const argv[] = {"/nonexistent/program", NULL};
    run_open(&r, argv);
    r.spec.input = "x";
    r.spec.n_input = 1;
    run_to_end(&r);
    assert_int_equal(r.result.error, ENOENT);
    expect_text(&r, "could not be started: No such file or directory");
    assert_false(command_ok(&r.result));
    run_close(&r);
}

static void its_output_is_bounded_and_never_blocks_it(void **state)
{
    (void)state;
    struct run r;
    run_open(&r,
             SH("head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero >&2; exit 7"));
    run_to_end(&r);
    assert_int_equal(r.result.status, 7);
    assert_true(strlen(r.result.line) < COMMAND_LINE_MAX);
    assert_int_equal(strncmp(r.result.line, "\\x00\\x00", 8), 0);
    run_close(&r);
}

static void all_of_its_output_is_kept_up_to_a_limit(void **state)
{
    (void)state;
    struct run r;
    run_open(&r, SH("head -c 200000 /dev/zero | tr '\\0' '\\1'; echo last >&2; exit 3"));
    r.spec.max_output = 200000;
    run_to_end(&r);
    assert_int_equal(r.result.status, 3);
    assert_false(r.result.too_much);
    assert_int_equal(r.n_output, 200000);
    assert_int_equal(r.sum, 200000);
    assert_string_equal(r.result.line, "last");
    run_close(&r);

    run_open(&r, SH("exit 0"));
    r.spec.max_output = 10;
    run_to_end(&r);
    assert_int_equal(r.n_output, 0);
    assert_true(command_ok(&r.result));
    run_close(&r);

    run_open(&r, SH("head -c 100 /dev/zero"));
    run_to_end(&r);
    assert_int_equal(r.n_output, 0);
    assert_true(command_ok(&r.result));
    run_close(&r);
}

static void a_command_that_writes_too_much_is_killed(void **state)
{
    (void)state;
    struct run r;
    run_open(&r, SH("yes; sleep 100"));
    r.spec.max_output = 1000;
    run_to_end(&r);
    assert_true(r.result.too_much);
    assert_false(command_ok(&r.result));
    assert_int_equal(r.n_output, 1000);
    expect_text(&r, "wrote more than 1000 bytes, and was killed");
    run_close(&r);

    /* What its exit has left in the pipe counts too. */
    run_open(&r, SH("printf 0123456789"));
    r.spec.max_output = 9;
    run_to_end(&r);
    assert_true(r.result.too_much);
    assert_int_equal(r.n_output, 9);
    run_close(&r);
}

/* ---- what it gets ---- */

static void its_environment_is_bounded(void **state)
{
    (void)state;
    struct run r;
    static const char *const env[] = {"LOADSTAR_TIER=edge", NULL};
    setenv("SECRET", "x", 1);
    setenv("NOTIFY_SOCKET", "/run/notify", 1);
    setenv("LANG", "C", 1);
    setenv("HOME", "/nowhere", 1);
    run_open(&r, SH("env | sed 's/=.*//' | sort | tr '\\n' ' '"));
    r.spec.env = env;
    run_to_end(&r);
    assert_string_equal(r.result.line, "HOME LANG LOADSTAR_PROBE LOADSTAR_TIER PATH PWD ");
    run_close(&r);
    run_open(&r, SH("echo $HOME $LOADSTAR_TIER$SECRET"));
    r.spec.env = env;
    run_to_end(&r);
    assert_string_equal(r.result.line, "/nowhere edge");
    run_close(&r);
}

static void its_files_are_its_own(void **state)
{
    (void)state;
    struct run r;
    int fd = open("/dev/null", O_RDONLY); /* that would be inherited */
    run_open(&r, SH("readlink /proc/self/fd/0; exit 0"));
    run_to_end(&r);
    assert_string_equal(r.result.line, "/dev/null");
    run_close(&r);
    run_open(&r, SH("for f in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
                    "[ -e /proc/$$/fd/$f ] && echo $f; done; echo none"));
    r.spec.input = "x";
    r.spec.n_input = 1;
    run_to_end(&r);
    assert_string_equal(r.result.line, "none");
    run_close(&r);
    close(fd);
}

static void its_input_comes_whole(void **state)
{
    (void)state;
    struct run r;
    size_t n = 5000000; /* far more than a pipe holds */
    char *input = malloc(n);
    memset(input, 'x', n);
    run_open(&r, SH("wc -c"));
    r.spec.input = input;
    r.spec.n_input = n;
    drive_post(r.drive, begin, &r);
    assert_true(wait_for(&r.wait, 1));
    assert_string_equal(r.result.line, "5000000");
    run_close(&r);
    run_open(&r, SH("cat; echo end"));
    r.spec.input = "";
    r.spec.n_input = 0;
    run_to_end(&r);
    assert_string_equal(r.result.line, "end");
    run_close(&r);
    free(input);
}

/* Nothing of SIGPIPE, and its exit is what counts. */
static void a_command_that_does_not_read_is_no_error(void **state)
{
    (void)state;
    static const char *const commands[] = {"exit 0", "exec <&-; sleep 0.1; exit 0",
                                           "head -c 1 > /dev/null; sleep 0.1; exit 0"};
    size_t n = 1000000;
    char *input = calloc(1, n);
    signal(SIGPIPE, SIG_DFL);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct run r;
        run_open(&r, SH(commands[i]));
        r.spec.input = input;
        r.spec.n_input = n;
        run_to_end(&r);
        assert_true(command_ok(&r.result));
        run_close(&r);
    }
    free(input);
}

/* ---- what is left ---- */

/* How many processes, but zombies, run with this mark among their arguments. */
static unsigned count_marked(const char *mark)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc");
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char path[300], line[4096];
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        int fd = atoi(entry->d_name) ? open(path, O_RDONLY) : -1;
        ssize_t got = fd >= 0 ? read(fd, line, sizeof line) : -1;
        if (fd >= 0)
            close(fd);
        n += got > 0 && memmem(line, (size_t)got, mark, strlen(mark)) != NULL;
    }
    closedir(dir);
    return n;
}

static bool comes_to(const char *mark, bool there)
{
    for (int tries = 0; tries < WAIT_S * 100; tries++) {
        if ((count_marked(mark) > 0) == there)
            return true;
        usleep(10000);
    }
    return false;
}

/* The mark is the time that it sleeps, nobody else's. */
static void make_mark(char mark[32])
{
    static unsigned n;
    snprintf(mark, 32, "7%d.%u", (int)getpid(), n++);
}

static void at_its_time_all_of_it_is_killed(void **state)
{
    (void)state;
    static const char *const hang[] = {"sleep %s", "sleep %s & sleep %s",
                                       "(trap '' TERM HUP INT; sleep %s) & sleep %s",
                                       "setsid sleep %s & sleep %s",
                                       "setsid sh -c \"setsid sleep %s & sleep 9%s\" & sleep 1000"};
    for (size_t i = 0; i < ARRAY_LEN(hang); i++) {
        struct run r;
        char mark[32], command[256];
        make_mark(mark);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        snprintf(command, sizeof command, hang[i], mark, mark);
#pragma GCC diagnostic pop
        run_open(&r, SH(command));
        r.spec.timeout_ms = 500;
        run_to_end(&r);
        assert_true(r.result.timed_out);
        expect_text(&r, "took longer than 0.5 s, and was killed");
        if (!comes_to(mark, false))
            fail_msg("left: %s", hang[i]);
        run_close(&r);
    }
}

static void what_outlives_its_command_is_killed(void **state)
{
    (void)state;
    struct run r;
    char mark[32], command[128];
    make_mark(mark);
    snprintf(command, sizeof command, "sleep %s & setsid sleep %s & sleep 0.2; exit 0", mark, mark);
    run_open(&r, SH(command));
    run_to_end(&r);
    assert_true(command_ok(&r.result));
    assert_true(comes_to(mark, false));
    run_close(&r);
}

static void cancel(void *arg)
{
    struct run *r = arg;
    command_cancel(r->command);
    wait_came(&r->wait);
}

static void one_that_is_cancelled_is_not_told(void **state)
{
    (void)state;
    struct run r;
    char mark[32], command[64];
    make_mark(mark);
    snprintf(command, sizeof command, "sleep %s", mark);
    run_open(&r, SH(command));
    drive_post(r.drive, begin, &r);
    assert_true(comes_to(mark, true));
    drive_post(r.drive, cancel, &r);
    assert_true(wait_for(&r.wait, 1));
    assert_true(comes_to(mark, false));
    drive_stop(r.drive);
    assert_int_equal(r.n_done, 0);
}

static void stopping_ends_commands_at_once(void **state)
{
    (void)state;
    struct run r;
    char mark[32], command[128];
    size_t n = 1000000;
    char *input = calloc(1, n);
    make_mark(mark);
    snprintf(command, sizeof command, "setsid sleep %s & sleep %s", mark, mark);
    run_open(&r, SH(command));
    r.spec.input = input;
    r.spec.n_input = n;
    drive_post(r.drive, begin, &r);
    assert_true(comes_to(mark, true));
    run_close(&r);
    assert_int_equal(r.result.error, ECANCELED);
    assert_true(comes_to(mark, false));
    free(input);
}

/* ---- begun at the end ---- */

static uv_timer_t late;

static void on_late_closed(uv_handle_t *timer)
{
    struct run *r = timer->data;
    drive_post(r->drive, begin, r);
}

static void on_late(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, on_late_closed);
}

static void open_late(void *arg)
{
    struct run *r = arg;
    uv_timer_init(drive_loop(r->drive), &late);
    late.data = r;
    uv_timer_start(&late, on_late, 20, 0);
}

/* By what was posted when the last handle had gone. */
static void a_command_that_is_begun_at_the_end_is_told(void **state)
{
    (void)state;
    struct run r;
    run_open(&r, SH("sleep 1000"));
    drive_post(r.drive, open_late, &r);
    run_close(&r);
    assert_int_equal(r.result.error, ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_it_ended_is_told),
        cmocka_unit_test(the_line_that_tells_most_is_kept),
        cmocka_unit_test(what_cannot_be_started_is_told_later),
        cmocka_unit_test(its_output_is_bounded_and_never_blocks_it),
        cmocka_unit_test(all_of_its_output_is_kept_up_to_a_limit),
        cmocka_unit_test(a_command_that_writes_too_much_is_killed),
        cmocka_unit_test(its_environment_is_bounded),
        cmocka_unit_test(its_files_are_its_own),
        cmocka_unit_test(its_input_comes_whole),
        cmocka_unit_test(a_command_that_does_not_read_is_no_error),
        cmocka_unit_test(at_its_time_all_of_it_is_killed),
        cmocka_unit_test(what_outlives_its_command_is_killed),
        cmocka_unit_test(one_that_is_cancelled_is_not_told),
        cmocka_unit_test(stopping_ends_commands_at_once),
        cmocka_unit_test(a_command_that_is_begun_at_the_end_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
