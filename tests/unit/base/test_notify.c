/* SPDX-License-Identifier: Apache-2.0
 * What the service manager hears. */
#include "base/notify.h"

#include "base/attr.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/** A manager's socket at `name`, as $NOTIFY_SOCKET has it. */
static int manager_at(const char *name)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    memcpy(sa.sun_path, name, n);
    if (*name == '@')
        sa.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
                     0);
    return fd;
}

static void expect_heard(int fd, const char *what)
{
    char text[2048];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_string_equal(text, what);
}

static void tells_by_path_and_abstract_name(void **state)
{
    (void)state;
    char names[3][sizeof((struct sockaddr_un *)0)->sun_path + 1];
    snprintf(names[0], sizeof names[0], "/tmp/ls-notify-%d", (int)getpid());
    snprintf(names[1], sizeof names[1], "@ls-notify-%d", (int)getpid());
    memset(names[2], 'x', sizeof names[2] - 1); /* as long as there can be */
    snprintf(names[2], sizeof names[2], "@ls-%d", (int)getpid());
    names[2][strlen(names[2])] = 'x';
    names[2][sizeof names[2] - 1] = '\0';
    for (size_t i = 0; i < 3; i++) {
        int fd = manager_at(names[i]);
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_open();
        assert_null(getenv("NOTIFY_SOCKET"));
        notify_manager("READY=1\nSTATUS=%u zones", 3u);
        expect_heard(fd, "READY=1\nSTATUS=3 zones");
        close(fd);
    }
    unlink(names[0]);
}

static void nobody_listens(void **state)
{
    (void)state;
    char too_long[200];
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    const char *names[] = {NULL, "", "@", "/", "relative", "vsock:2:3", too_long};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i])
            setenv("NOTIFY_SOCKET", names[i], 1);
        setenv("WATCHDOG_USEC", "1000000", 1);
        notify_open();
        notify_manager("READY=1");
        assert_null(getenv("NOTIFY_SOCKET"));
        assert_int_equal(
            names[i] && strlen(names[i]) == 1 && *names[i] == '/' ? 0 : notify_watchdog_ms(), 0);
    }
}

/** The descriptor is had before they run out. */
static void tells_without_descriptors(void **state)
{
    (void)state;
    char name[64];
    struct rlimit before, none;
    snprintf(name, sizeof name, "@ls-notify-%d", (int)getpid());
    int fd = manager_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_open();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){3, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_true(open("/dev/null", O_RDONLY) < 0);
    notify_manager("READY=1");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect_heard(fd, "READY=1");
    close(fd);
}

static void the_watchdog_hears_twice(void **state)
{
    (void)state;
    char name[64], own[32], others[32];
    snprintf(name, sizeof name, "@ls-notify-%d", (int)getpid());
    snprintf(own, sizeof own, "%d", (int)getpid());
    snprintf(others, sizeof others, "%d", (int)getppid());
    const struct {
        const char *usec, *pid;
        uint64_t ms;
    } cases[] = {
        {NULL, NULL, 0},
        {"30000000", NULL, 15000},
        {"30000000", own, 15000},
        {"30000000", others, 0},
        {"30000000", "", 0},
        {"1", own, 1},
        {"3999", own, 1},
        {"4000", own, 2},
        {"0", own, 0},
        {"", own, 0},
        {"-5", own, 0},
        {"12x", own, 0},
        {"99999999999999999999999", own, 0},
    };
    int fd = manager_at(name);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setenv("NOTIFY_SOCKET", name, 1);
        unsetenv("WATCHDOG_PID");
        if (cases[i].usec)
            setenv("WATCHDOG_USEC", cases[i].usec, 1);
        if (cases[i].pid)
            setenv("WATCHDOG_PID", cases[i].pid, 1);
        notify_open();
        assert_int_equal(notify_watchdog_ms(), cases[i].ms);
        assert_null(getenv("WATCHDOG_USEC"));
        assert_null(getenv("WATCHDOG_PID"));
    }
    close(fd);
}

/* A process that takes our place is told what we were, and we say nothing more. */
static void another_takes_over(void **state)
{
    (void)state;
    const char *name = "@loadstar-test-notify-heir";
    char heard[64];
    int fd = manager_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
    notify_open();
    assert_string_equal(notify_variables()[0], "NOTIFY_SOCKET=@loadstar-test-notify-heir");
    assert_string_equal(notify_variables()[1], "WATCHDOG_USEC=2000000");
    assert_null(notify_variables()[2]);
    notify_close();
    notify_manager("READY=1");
    assert_int_equal(recv(fd, heard, sizeof heard, 0), -1);
    assert_int_equal(notify_watchdog_ms(), 0);
    notify_open();
    assert_null(notify_variables()[0]);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_by_path_and_abstract_name),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(tells_without_descriptors),
        cmocka_unit_test(the_watchdog_hears_twice),
        cmocka_unit_test(another_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
