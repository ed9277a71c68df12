/* SPDX-License-Identifier: Apache-2.0
 * When the member of a silent connection is asked whether it is there: by looks, each connection at
 * a time of its own, before the kernel's timer does. */
#include "l4/tcp_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOK_S (TCP_LOOK_MS / 1000)

static int get(const struct tcp_conn *c, int level, int option)
{
    int value = -1;
    socklen_t n = sizeof value;
    assert_int_equal(getsockopt(c->sides[TCP_MEMBER].fd, level, option, &value, &n), 0);
    return value;
}

static int idle_s(const struct tcp_conn *c)
{
    return get(c, IPPROTO_TCP, TCP_KEEPIDLE);
}

static struct tcp_conn open_one(void)
{
    struct tcp_conn c = {0};
    c.sides[TCP_MEMBER].fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(c.sides[TCP_MEMBER].fd >= 0);
    return c;
}

static void close_one(struct tcp_conn *c)
{
    close(c->sides[TCP_MEMBER].fd);
}

static void begins_at_the_first_look(void **state)
{
    (void)state;
    struct tcp_conn c = open_one();
    assert_int_equal(get(&c, SOL_SOCKET, SO_KEEPALIVE), 0);
    tcp_keep_alive(&c, false);
    assert_int_equal(get(&c, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(get(&c, IPPROTO_TCP, TCP_KEEPINTVL), 20);
    assert_int_equal(get(&c, IPPROTO_TCP, TCP_KEEPCNT), 3);
    assert_int_equal(idle_s(&c), 90);
    close_one(&c);
}

/** Looks until the member is asked; returns how many. The kernel asks at once: so long it has
 *  certainly not heard anything. */
static int silent_looks(struct tcp_conn *c)
{
    int n = 0;
    do {
        tcp_keep_alive(c, true);
        n++;
        assert_true(n * LOOK_S <= 90);
    } while (idle_s(c) == 90);
    assert_int_equal(idle_s(c), LOOK_S);
    return n;
}

static void a_silent_one_is_asked(void **state)
{
    (void)state;
    struct tcp_conn c = open_one();
    tcp_keep_alive(&c, false);
    assert_int_equal(silent_looks(&c), 4); /* 60 to 75 s after the last byte */
    for (int i = 0; i < 10; i++) {
        tcp_keep_alive(&c, true); /* once each time: the look after it is for the answer */
        assert_int_equal(idle_s(&c), 90);
        assert_int_equal(silent_looks(&c), 4);
    }
    close_one(&c);
}

static void one_that_talks_is_not(void **state)
{
    (void)state;
    struct tcp_conn c = open_one();
    for (int i = 0; i < 40; i++) {
        tcp_keep_alive(&c, i % 4 != 0); /* a byte each minute */
        assert_int_equal(idle_s(&c), 90);
    }
    assert_int_equal(silent_looks(&c), 1); /* as 39 was the third */
    tcp_keep_alive(&c, false);             /* it has answered with bytes */
    assert_int_equal(idle_s(&c), 90);
    assert_int_equal(silent_looks(&c), 4);
    close_one(&c);
}

static void silent_from_the_start(void **state)
{
    (void)state;
    struct tcp_conn c = open_one();
    assert_int_equal(silent_looks(&c), 4);
    assert_int_equal(get(&c, SOL_SOCKET, SO_KEEPALIVE), 1);
    close_one(&c);
}

/* A look knows by the bytes that have moved, either way, whether one is silent. */
static void looks_find_silence(void **state)
{
    (void)state;
    const struct worker_host host = {0};
    struct worker worker = {.now_ms = 1000000, .host = &host};
    struct tcp tcp = {.worker = &worker};
    struct tcp_conn c = open_one();
    c.sides[TCP_CLIENT].fd = c.sides[TCP_MEMBER].fd;
    c.active_ms = worker.now_ms;
    c.idle_ms = 3600000;
    wheel_init(&worker.wheel, worker.now_ms);
    for (int i = 0; i < 20; i++) {
        c.ways[i % 2].bytes++;
        tcp_look(&tcp, &c);
        assert_int_equal(idle_s(&c), 90);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(idle_s(&c), 90);
        tcp_look(&tcp, &c);
    }
    assert_int_equal(idle_s(&c), LOOK_S);
    wheel_stop(&c.timer.entry);
    close_one(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_at_the_first_look), cmocka_unit_test(a_silent_one_is_asked),
        cmocka_unit_test(one_that_talks_is_not),    cmocka_unit_test(silent_from_the_start),
        cmocka_unit_test(looks_find_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
