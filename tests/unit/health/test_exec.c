/* SPDX-License-Identifier: Apache-2.0
 * Commands of exec checks: what they inherit, what ends with them, and how they share slots. */
#include "world.h"

#include "health/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL                              \
    "sites: {ams: {location: [52, 4]}}\n" \
    "checks: {c: {type: exec, interval: 1h, timeout: 10s, fall: 1, command: %s}}\n"

static void start(struct world *w, const char *command)
{
    world_configure(w, NULL,
                    POOL "pools: {www: {checks: [c], sites: {ams: [{address: 192.0.2.1, port: 9, "
                         "name: web7}]}}}\n",
                    command);
    world_start(w);
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

static bool is_gone(struct world *w, void *mark)
{
    world_run(w, CHORES_MS, NULL, NULL); /* what has left its group is found now and then */
    return count_marked(mark) == 0;
}

static bool is_there(struct world *w, void *mark)
{
    (void)w;
    return count_marked(mark) > 0;
}

/* A command, with its mark where %s is. The mark is the time that it sleeps, nobody else's. */
static const struct {
    const char *what, *command;
    bool ends; /* by itself */
} leavers[] = {
    {"in the group", "[/bin/sh, -c, 'sleep %s & exit 0']", true},
    {"in the group, failed", "[/bin/sh, -c, 'sleep %s & exit 3']", true},
    {"of a subshell", "[/bin/sh, -c, '(sleep %s &) ; exit 0']", true},
    {"deaf", "[/bin/sh, -c, '(trap \"\" TERM HUP; sleep %s) & exit 0']", true},
    {"in a session of its own", "[/bin/sh, -c, 'setsid sleep %s & sleep 0.1; exit 0']", true},
    {"twice away", "[/bin/sh, -c, 'setsid sh -c \"setsid sleep %s & sleep 9%s\" & sleep 0.1']",
     true},
    {"that hang", "[/bin/sh, -c, 'sleep %s & sleep %s']", false},
    {"that hang, away", "[/bin/sh, -c, 'setsid sleep %s & sleep 0.1; sleep %s']", false},
};

static void format_leaver(char *out, size_t max, size_t i, const char *mark)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    snprintf(out, max, leavers[i].command, mark, mark);
#pragma GCC diagnostic pop
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(leavers); i++) {
        struct world w;
        char command[256], mark[32];
        snprintf(mark, sizeof mark, "7%d.%zu", (int)getpid(), i);
        format_leaver(command, sizeof command, i, mark);
        world_open(&w);
        start(&w, command);
        if (!leavers[i].ends) {
            assert_true(world_wait(&w, is_there, mark));
            world_run(&w, 11000, NULL, NULL); /* the timeout */
        }
        assert_true(world_wait(&w, world_all_tried, NULL));
        if (!world_wait(&w, is_gone, mark))
            fail_msg("left: %s", leavers[i].what);
        world_stop(&w);
        world_close(&w);
    }
}

static void test_nothing_is_left_by_a_stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(leavers); i++) {
        struct world w;
        char command[256], mark[32];
        if (leavers[i].ends)
            continue;
        snprintf(mark, sizeof mark, "8%d.%zu", (int)getpid(), i);
        format_leaver(command, sizeof command, i, mark);
        world_open(&w);
        start(&w, command);
        assert_true(world_wait(&w, is_there, mark));
        if (strstr(command, "setsid")) /* once it has left */
            usleep(300000);
        world_stop(&w);
        for (int tries = 0; tries < 6000 && count_marked(mark) > 0; tries++)
            usleep(10000); /* killed, and not gone yet */
        assert_int_equal(count_marked(mark), 0);
        world_close(&w);
    }
}

static void test_a_reload_ends_commands(void **state)
{
    (void)state;
    struct world w;
    char command[128], mark[32];
    snprintf(mark, sizeof mark, "6%d", (int)getpid());
    snprintf(command, sizeof command, "[/bin/sh, -c, 'sleep %s & sleep %s']", mark, mark);
    world_open(&w);
    start(&w, command);
    assert_true(world_wait(&w, is_there, mark));
    world_reload(&w, NULL,
                 "sites: {ams: {location: [52, 4]}}\n"
                 "pools: {www: {sites: {ams: [192.0.2.1]}}}\n");
    assert_true(world_wait(&w, is_gone, mark));
    world_stop(&w);
    world_close(&w);
}

/* Writers that have left the group and never end a line hold nobody up. */
static void test_endless_output(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    start(&w, "[/bin/sh, -c, 'setsid cat /dev/zero & sleep 0.2; exit 0']");
    assert_true(world_wait(&w, world_all_tried, NULL));
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    world_stop(&w);
    start(&w, "[/bin/sh, -c, 'head -c 20000000 /dev/zero; exit 0']");
    assert_true(world_wait(&w, world_all_tried, NULL));
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    world_stop(&w);
    world_close(&w);
}

/* ---- what is inherited ---- */

/* How many commands ran before is of no interest: LOADSTAR_PROBE=PID.N. */
static void mask_number(char *reason)
{
    char *at = strstr(reason, "LOADSTAR_PROBE=");
    at = at ? strchr(at, '.') : NULL;
    if (!at || strspn(at + 1, "0123456789") == 0)
        return;
    char *rest = at + 1 + strspn(at + 1, "0123456789");
    at[1] = 'N';
    memmove(at + 2, rest, strlen(rest) + 1);
}

static void expect_reason(const char *command, const char *expected)
{
    struct world w;
    world_open(&w);
    start(&w, command);
    assert_true(world_wait(&w, world_all_tried, NULL));
    char reason[REASON_MAX];
    snprintf(reason, sizeof reason, "%s", world_state(&w, 0)->reason + strlen("c: "));
    mask_number(reason);
    if (strcmp(reason, expected) != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", command, reason, expected);
    world_stop(&w);
    world_close(&w);
}

static void test_environment(void **state)
{
    (void)state;
    char path[4096], expected[REASON_MAX];
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    setenv("PATH", "/usr/bin:/bin", 1);
    setenv("TZ", "UTC", 1);
    setenv("LANG", "C", 1);
    setenv("NOTIFY_SOCKET", "/run/notify", 1);
    setenv("WATCHDOG_USEC", "1000000", 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("SECRET", "x", 1);
    snprintf(expected, sizeof expected,
             "PATH=/usr/bin:/bin LANG=C TZ=UTC LOADSTAR_PROBE=%ld.N LOADSTAR_ADDRESS=192.0.2.1 "
             "LOADSTAR_PORT=9 LOADSTAR_NAME=web7 LOADSTAR_POOL=www LOADSTAR_SITE=ams "
             "LOADSTAR_CHECK=c",
             (long)getpid());
    expect_reason("[/usr/bin/xargs, -0, -a, /proc/self/environ, echo]", expected);
    unsetenv("LANG");
    unsetenv("TZ");
    expect_reason(
        "[/bin/sh, -c, 'echo \"$LANG$TZ-$NOTIFY_SOCKET$SECRET$LISTEN_FDS$WATCHDOG_USEC\"']", "-");
    unsetenv("PATH"); /* then the usual one */
    expect_reason("[sh, -c, 'echo $PATH']",
                  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    setenv("PATH", path, 1);
}

static void test_files_and_signals(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY); /* that would be inherited */
    assert_true(fd >= 0);
    signal(SIGUSR1, SIG_IGN);
    expect_reason("[/bin/sh, -c, 'readlink /proc/self/fd/0']", "/dev/null");
    expect_reason("[/bin/sh, -c, 'for f in 3 4 5 6 7 8 9 10 11 12 13 14 15; do "
                  "[ -e /proc/$$/fd/$f ] && echo $f; done; echo none']",
                  "none");
    expect_reason("[/bin/sh, -c, 'grep -c SigIgn:.*[08]0000000$ /proc/self/status']", "1");
    close(fd);
}

/* ---- slots ---- */

static const char two_pools[] =
    "sites: {ams: {location: [52, 4]}}\n"
    "checks: {c: {type: exec, interval: 60s, timeout: 60s, fall: 1,\n"
    "             command: [/bin/sh, -c, '[ \"$LOADSTAR_POOL\" = good ] || sleep 100']}}\n"
    "pools:\n"
    "  bad: {checks: [c], sites: {ams: [192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5,\n"
    "        192.0.2.6, 192.0.2.7, 192.0.2.8, 192.0.2.9, 192.0.2.10]}}\n"
    "  good: {checks: [c], sites: {ams: [192.0.2.21, 192.0.2.22, 192.0.2.23, 192.0.2.24]}}\n";

static bool good_are_up(struct world *w, void *arg)
{
    (void)arg;
    unsigned n = 0;
    for (uint32_t e = 0; e < w->model->n_endpoints; e++)
        n += world_state(w, e)->health == HEALTH_UP;
    return n == 4;
}

/* One pool's scripts hang, as many as there are slots and more: the other's run. */
static void test_hung_scripts_hold_up_their_own(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    world_configure(&w, "  exec_concurrency: 4", "%s", two_pools);
    world_start(&w);
    assert_true(checker_summary(w.checker).n_in_flight <= 4);
    assert_true(world_wait(&w, good_are_up, NULL));
    assert_true(checker_summary(w.checker).n_in_flight <= 4);
    world_stop(&w);
    world_close(&w);
}

/* A program that is gone, and comes back. */
static void test_a_program_that_vanishes(void **state)
{
    (void)state;
    struct world w;
    char path[128], command[160];
    world_open(&w);
    snprintf(path, sizeof path, "/tmp/exec-%d.sh", (int)getpid());
    snprintf(command, sizeof command, "cp /bin/true %s", path);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "[%s]", path);
    start(&w, command);
    assert_true(world_wait(&w, world_all_tried, NULL));
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    unlink(path);
    world_run(&w, 3600000, NULL, NULL);
    struct probe_info info;
    checker_probes(w.checker, &info, 1);
    assert_int_equal(info.n_untried, 1);
    assert_int_equal(world_state(&w, 0)->health, HEALTH_UP);
    assert_non_null(strstr(world_state(&w, 0)->reason, "; before: exec exited 0"));
    world_stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_nothing_is_left_by_a_stop),
        cmocka_unit_test(test_a_reload_ends_commands),
        cmocka_unit_test(test_endless_output),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_files_and_signals),
        cmocka_unit_test(test_hung_scripts_hold_up_their_own),
        cmocka_unit_test(test_a_program_that_vanishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
