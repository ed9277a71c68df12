/* SPDX-License-Identifier: Apache-2.0
 * loadstard's side of the guard, against a test that plays the guard. */
#include "anycast/guard.h"
#include "base/buf.h"
#include "base/diag.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000 /* generous: the machine may be busy */

static struct drive *drive;
static struct guard *guard;
static int fd; /* the guard's end */
static atomic_bool alive;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf diary; /* what the host was told */

/* ---- the host ---- */

static void note(const char *text)
{
    pthread_mutex_lock(&lock);
    buf_printf(&diary, "%s; ", text);
    pthread_mutex_unlock(&lock);
}

static void on_tun(void *ctx, const char *ifname, bool there, bool carrier, const char *error)
{
    char text[256];
    (void)ctx;
    snprintf(text, sizeof text, "%s %s %s%s%.40s", ifname, there ? "there" : "gone",
             carrier ? "up" : "down", *error ? ": " : "", error);
    note(text);
}

static void on_late(void *ctx)
{
    (void)ctx;
    note("late");
}

static void on_lost(void *ctx)
{
    (void)ctx;
    note("lost");
}

static bool is_alive(void *ctx)
{
    (void)ctx;
    return alive;
}

/** Until the host was told just this since the last time. */
static void expect(const char *text)
{
    bool same = false;
    for (int i = 0; i < PATIENCE_MS && !same; i++) {
        poll(NULL, 0, 1);
        pthread_mutex_lock(&lock);
        same = strcmp(diary.p ? diary.p : "", text) == 0;
        pthread_mutex_unlock(&lock);
    }
    if (!same)
        fail_msg("told '%s', expected '%s'", diary.p ? diary.p : "", text);
    buf_free(&diary);
    diary = (struct buf){0};
}

/* ---- the guard ---- */

static void say(const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static char *read_line(void)
{
    static char line[GUARD_LINE_MAX + 1];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    ssize_t n = recv(fd, line, GUARD_LINE_MAX, 0);
    assert_true(n >= 0);
    line[n] = '\0';
    return line;
}

/** The next line that is no beat, which is answered. */
static char *next_line(void)
{
    char *line;
    while (strcmp(line = read_line(), "beat") == 0)
        say("ok beat");
    return line;
}

/* ---- on the thread ---- */

struct call {
    void (*fn)(void);
    atomic_bool done;
};

static void run_call(void *arg)
{
    struct call *call = arg;
    call->fn();
    call->done = true;
}

/** Runs it on the drive's thread, and waits for it. */
static void on_thread(void (*fn)(void))
{
    struct call call = {.fn = fn};
    drive_post(drive, run_call, &call);
    for (int i = 0; i < PATIENCE_MS && !call.done; i++)
        poll(NULL, 0, 1);
    assert_true(call.done);
}

static int ours;
static void open_it(void)
{
    const struct guard_host host = {
        .drive = drive, .tun = on_tun, .late = on_late, .lost = on_lost};
    guard = guard_open(&host, ours, is_alive);
}

static void close_it(void)
{
    guard_close(guard, true);
}

static int set_up(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    ours = fds[0];
    fd = fds[1];
    alive = true;
    assert_int_equal(drive_start(&drive, "test"), 0);
    on_thread(open_it);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    on_thread(close_it);
    drive_stop(drive);
    if (fd >= 0)
        close(fd);
    buf_free(&diary);
    diary = (struct buf){0};
    return 0;
}

static struct ip_prefix prefixes[2];

static void ask_tun(void)
{
    assert_int_equal(ip_prefix_parse(&prefixes[0], "192.0.2.53/32"), 0);
    assert_int_equal(ip_prefix_parse(&prefixes[1], "2001:db8::53/128"), 0);
    guard_tun(guard, "ls-dns", prefixes, 2);
}

static void ask_up(void)
{
    guard_carrier(guard, "ls-dns", true);
}

static void ask_down(void)
{
    guard_carrier(guard, "ls-dns", false);
}

static void ask_gone(void)
{
    guard_gone(guard, "ls-dns");
}

/** One interface, announced. */
static void bring_up(void)
{
    on_thread(ask_tun);
    assert_string_equal(next_line(), "tun ls-dns 192.0.2.53/32 2001:db8::53/128");
    say("ok tun ls-dns");
    expect("ls-dns there down; ");
    on_thread(ask_up);
    assert_string_equal(next_line(), "carrier ls-dns 1");
    say("ok carrier ls-dns 1");
    expect("ls-dns there up; ");
}

/* ---- tests ---- */

static void what_is_asked_is_answered(void **state)
{
    (void)state;
    bring_up();
    on_thread(ask_tun);
    next_line();
    say("error tun ls-dns cannot\\x20add");
    expect("ls-dns there up: cannot add; ");
    on_thread(ask_down);
    assert_string_equal(next_line(), "carrier ls-dns 0");
    say("ok carrier ls-dns 0");
    expect("ls-dns there down; ");
    on_thread(ask_gone);
    assert_string_equal(next_line(), "gone ls-dns");
    say("ok gone ls-dns");
    expect("ls-dns gone down; ");
    on_thread(ask_tun);
    next_line();
    say("error tun ls-dns taken");
    expect("ls-dns gone down: taken; ");
}

static void it_beats_while_all_is_well(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(read_line(), "beat");
        say("ok beat");
    }
    alive = false;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 3 * GUARD_BEAT_MS) == 1) { /* one may have been under way */
        assert_string_equal(read_line(), "beat");
        say("ok beat");
    }
    /* One that is not beaten to owes no answer. */
    assert_int_equal(poll(&p, 1, GUARD_PATIENCE_MS + 3 * GUARD_BEAT_MS), 0);
    alive = true;
    assert_string_equal(read_line(), "beat");
    expect("");
}

static void what_it_took_down_is_told(void **state)
{
    (void)state;
    bring_up();
    say("late");
    expect("ls-dns there down: the guard has taken it down, as there wa; late; ");
    assert_string_equal(next_line(), "back");
    on_thread(ask_up);
    assert_string_equal(next_line(), "carrier ls-dns 1");
    say("ok carrier ls-dns 1");
    expect("ls-dns there up; ");
}

static void strange_words_change_nothing(void **state)
{
    (void)state;
    bring_up();
    static const char *const strange[] = {
        "ok carrier ls-dns 7", "ok tun lo", "gone ls-dns", "\x1b[2J", "hello 0", "hello 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(strange); i++)
        say(strange[i]);
    char *big = calloc(1, 20000);
    memset(big, 'a', 19999);
    say(big);
    free(big);
    say("ok carrier ls-dns 0");
    expect("ls-dns there down; ");
}

static void it_ends(void **state)
{
    (void)state;
    bring_up();
    close(fd);
    fd = -1;
    expect("ls-dns gone down: the guard has ended; it takes a restart ; lost; ");
    on_thread(ask_tun); /* of nobody */
    on_thread(ask_up);
    expect("");
}

/** One that hangs is killed, and reaped. */
static void it_hangs(void **state)
{
    (void)state;
    char hello[32];
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    bring_up();
    snprintf(hello, sizeof hello, "hello %d", (int)pid);
    say(hello);
    expect("ls-dns gone down: the guard has ended; it takes a restart ; lost; ");
    for (int i = 0; i < PATIENCE_MS && kill(pid, 0) == 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static bool is_none(const char *line)
{
    size_t n = strlen(line);
    return n > 5 && strcmp(line + n - 5, " none") == 0;
}

static void fill(void)
{
    static char text[30000];
    struct last_will will = {.socket = "/run/a", .text = slice_of(text, sizeof text)};
    memset(text, 'a', sizeof text);
    for (uint32_t i = 0; i < GUARD_WILLS_MAX; i++)
        assert_true(guard_will(guard, i, &will));
    ask_tun();
    ask_up();
    ask_down();
    ask_up();
    ask_gone();
    ask_tun();
    ask_down();
    ask_up();
    for (uint32_t i = 0; i < GUARD_WILLS_MAX; i++)
        assert_true(guard_will(guard, i, NULL));
}

/** While it does not read, one line of each kind waits; what an interface was before it went is not
 *  mixed with what it is afterwards. */
static void what_waits_is_what_is_meant_now(void **state)
{
    (void)state;
    unsigned n_long = 0, n_none = 0;
    on_thread(fill);
    char *line;
    struct buf rest = {0};
    while (strncmp(line = next_line(), "will ", 5) == 0) {
        n_none += is_none(line);
        n_long += !is_none(line);
    }
    for (unsigned i = 0; i < 4; i++, line = next_line())
        buf_printf(&rest, "%.15s; ", line);
    buf_printf(&rest, "%.15s; ", line);
    assert_string_equal(rest.p, "tun ls-dns 192.; carrier ls-dns ; gone ls-dns; tun ls-dns 192.; "
                                "carrier ls-dns ; ");
    assert_string_equal(line, "carrier ls-dns 1");
    assert_true(n_long > 0 && n_long < GUARD_WILLS_MAX);
    while (n_none < GUARD_WILLS_MAX)
        n_none += is_none(next_line());
    buf_free(&rest);
}

static void tell_wills(void)
{
    static const char *const one[] = {"/bin/a", "b c", "", NULL}, *const two[] = {"d", NULL};
    static const char *const *const then[] = {two, two, NULL};
    static char much[GUARD_LINE_MAX];
    struct last_will will = {.argv = one, .then = then};
    memset(much, 'a', sizeof much);
    assert_true(guard_will(guard, 3, &will));
    will = (struct last_will){.socket = "/run/a b", .text = slice_str("x\ny\n")};
    assert_true(guard_will(guard, 4, &will));
    will.text = slice_of(much, sizeof much);
    assert_false(guard_will(guard, 5, &will));
    will.text = slice_of(much, sizeof much - 100);
    assert_true(guard_will(guard, 5, &will));
    will = (struct last_will){0};
    assert_true(guard_will(guard, 6, &will));
    will.socket = "/run/a";
    assert_false(guard_will(guard, GUARD_WILLS_MAX, &will));
}

static void wills_are_told(void **state)
{
    (void)state;
    on_thread(tell_wills);
    assert_string_equal(next_line(), "will 3 argv /bin/a b\\x20c \\- \\; d \\; d");
    assert_string_equal(next_line(), "will 4 vty /run/a\\x20b x\\x0ay\\x0a");
    assert_string_equal(next_line(), "will 5 none");
    assert_int_equal(strncmp(next_line(), "will 5 vty /run/a\\x20b aaa", 25), 0);
    assert_string_equal(next_line(), "will 6 none");
}

static void the_end_is_said(void **state)
{
    (void)state;
    bring_up();
    on_thread(close_it);
    assert_string_equal(next_line(), "bye");
    assert_string_equal(next_line(), ""); /* the end of the file */
    close(fd);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    ours = fds[0];
    fd = fds[1];
    on_thread(open_it); /* for the end of the test */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_is_answered),
        TEST(it_beats_while_all_is_well),
        TEST(what_it_took_down_is_told),
        TEST(strange_words_change_nothing),
        TEST(it_ends),
        TEST(it_hangs),
        TEST(what_waits_is_what_is_meant_now),
        TEST(wills_are_told),
        TEST(the_end_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
