/* SPDX-License-Identifier: Apache-2.0
 * What the program decides, with the kernel's own sockets; skipped where BPF is not allowed. */
#include "l4/sockhash.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENT_MS 60000

static struct sockhash hash;
static char why[SOCKHASH_WHY_MAX];
static bool is_there;

/* client <-> fds[0] | fds[1] <-> member */
struct world {
    int client, member, fds[2];
    uint64_t keys[2];
};

static void connect_pair(int *a, int *b)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    *a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*a, (struct sockaddr *)&at, sizeof at), 0);
    *b = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(*b >= 0);
    close(listener);
    for (int i = 0; i < 2; i++)
        setsockopt(i ? *a : *b, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static struct world open_world(void)
{
    struct world w;
    if (!is_there) {
        print_message("no sockhash: %s\n", why);
        skip();
    }
    connect_pair(&w.client, &w.fds[0]);
    connect_pair(&w.fds[1], &w.member);
    for (int i = 0; i < 2; i++) {
        fcntl(w.fds[i], F_SETFL, O_NONBLOCK);
        assert_true(sockhash_prepare(w.fds[i]));
        w.keys[i] = sockhash_key(w.fds[i]);
        assert_true(w.keys[i] != 0);
    }
    return w;
}

static void close_world(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        sockhash_forget(&hash, w->keys[i]);
        close(w->fds[i]);
    }
    close(w->client);
    close(w->member);
}

static void say(int fd, char byte, size_t n)
{
    char out[65536];
    memset(out, byte, sizeof out);
    for (size_t part; n > 0; n -= part) {
        part = n < sizeof out ? n : sizeof out;
        assert_int_equal(send(fd, out, part, MSG_NOSIGNAL), part);
    }
}

/* n bytes, all the same, and in time. */
static void hear(int fd, char byte, size_t n)
{
    char in[65536];
    while (n > 0) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, PATIENT_MS), 1);
        ssize_t got = recv(fd, in, n < sizeof in ? n : sizeof in, 0);
        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(in[i], byte);
        n -= (size_t)got;
    }
}

static void await_passed(const struct world *w, unsigned nth, uint64_t n)
{
    for (int i = 0; i < PATIENT_MS && sockhash_way_of(&hash, w->keys[nth]).passed < n; i++)
        poll(NULL, 0, 1);
    assert_int_equal(sockhash_way_of(&hash, w->keys[nth]).passed, n);
}

static void await_acknowledged(int fd)
{
    int n = 1;
    for (int i = 0; i < PATIENT_MS && n > 0; i++) {
        assert_int_equal(ioctl(fd, SIOCOUTQ, &n), 0);
        poll(NULL, 0, 1);
    }
    assert_int_equal(n, 0);
}

static void relays_and_counts(void **state)
{
    (void)state;
    struct world w = open_world();
    uint64_t before = sockhash_written(w.fds[1]);
    say(w.client, 'e', 10); /* is there before */
    struct pollfd wait = {.fd = w.fds[0], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, PATIENT_MS), 1);
    assert_int_equal(sockhash_join(&hash, w.fds, w.keys), 0);
    hear(w.member, 'e', 10);
    say(w.member, 'a', 5000);
    hear(w.client, 'a', 5000);
    for (int i = 0; i < 100; i++) { /* more than the window in all, as it is acknowledged */
        say(w.client, 'q', 2000);
        hear(w.member, 'q', 2000);
        say(w.member, 'a', 1);
        hear(w.client, 'a', 1);
    }
    assert_int_equal(sockhash_way_of(&hash, w.keys[0]).redirected, 10 + 100 * 2000);
    assert_int_equal(sockhash_way_of(&hash, w.keys[1]).redirected, 5000 + 100);
    assert_int_equal(sockhash_way_of(&hash, w.keys[0]).passed, 0);
    assert_int_equal(sockhash_written(w.fds[1]) - before, 10 + 100 * 2000);
    close_world(&w);
}

/* A peer that does not read gets the window, and what its buffers hold of that; the rest, in order,
 * is for user space, though there may be room again. */
static void keeps_to_the_window(void **state)
{
    (void)state;
    struct world w = open_world();
    int small = 4096;
    setsockopt(w.client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(sockhash_join(&hash, w.fds, w.keys), 0);
    fcntl(w.member, F_SETFL, O_NONBLOCK);
    char out[10000];
    size_t sent = 0;
    memset(out, 'x', sizeof out);
    while (sockhash_way_of(&hash, w.keys[1]).passed == 0) {
        ssize_t n = send(w.member, out, sizeof out, MSG_NOSIGNAL);
        assert_true(n > 0);
        sent += (size_t)n;
        assert_true(sent < 4 << 20); /* it was bounded by now */
        poll(NULL, 0, 1);
    }
    struct sockhash_way way;
    do {
        way = sockhash_way_of(&hash, w.keys[1]);
    } while (way.redirected + way.passed < sent);
    assert_in_range(way.redirected, 1, SOCKHASH_WINDOW + 65536);
    hear(w.client, 'x', way.redirected);
    say(w.member, 'y', 10);
    await_passed(&w, 1, way.passed + 10);
    hear(w.fds[1], 'x', way.passed);
    hear(w.fds[1], 'y', 10);
    assert_int_equal(sockhash_way_of(&hash, w.keys[1]).redirected, way.redirected);
    close_world(&w);
}

static void stops_when_told(void **state)
{
    (void)state;
    struct world w = open_world();
    assert_int_equal(sockhash_join(&hash, w.fds, w.keys), 0);
    say(w.client, 'a', 100);
    hear(w.member, 'a', 100);
    sockhash_stop(&hash, w.fds[0], w.keys[0]);
    say(w.client, 'b', 100);
    await_passed(&w, 0, 100);
    hear(w.fds[0], 'b', 100);
    assert_int_equal(sockhash_way_of(&hash, w.keys[0]).redirected, 100);
    say(w.member, 'c', 100); /* the other way goes on */
    hear(w.client, 'c', 100);
    close_world(&w);
}

/* Nearly all of it at once, again and again. */
static void fills_the_window(void **state)
{
    (void)state;
    struct world w = open_world();
    assert_int_equal(sockhash_join(&hash, w.fds, w.keys), 0);
    for (int i = 0; i < 20; i++) {
        say(w.client, 'w', 60000);
        hear(w.member, 'w', 60000);
        await_acknowledged(w.fds[1]);
    }
    assert_int_equal(sockhash_way_of(&hash, w.keys[0]).passed, 0);
    close_world(&w);
}

static void no_such_key(void **state)
{
    (void)state;
    if (!is_there)
        skip();
    assert_int_equal(sockhash_way_of(&hash, 12345).redirected, 0);
    sockhash_forget(&hash, 12345);
    const int none[2] = {-1, -1};
    const uint64_t keys[2] = {1, 2};
    assert_true(sockhash_join(&hash, none, keys) < 0);
    sockhash_forget(&hash, 1);
    sockhash_forget(&hash, 2);
}

static int make(void **state)
{
    (void)state;
    is_there = sockhash_open(&hash, 16, why) == 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    sockhash_close(&hash);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relays_and_counts), cmocka_unit_test(keeps_to_the_window),
        cmocka_unit_test(stops_when_told),   cmocka_unit_test(fills_the_window),
        cmocka_unit_test(no_such_key),
    };
    return cmocka_run_group_tests(tests, make, end);
}
