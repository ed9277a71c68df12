/* SPDX-License-Identifier: Apache-2.0
 * What the system refuses: memory for a read, a place among what is watched, pipes. And what it is
 * told to bound, by what it says of a connection. */
#include "forward_world.h"

#include <sys/epoll.h>

/* tcpi_min_rtt in struct tcp_info of linux/tcp.h; that of netinet/tcp.h ends before */
#define MIN_RTT_AT 148

static unsigned min_rtt_us;                           /* told */
static _Atomic unsigned n_received, n_sent, n_unsent; /* how often it is bounded */
static _Atomic unsigned fail_recv, fail_watch, n_pipes_tried;

ssize_t __real_recv(int fd, void *bytes, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t n, int flags);
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_pipe2(int ends[2], int flags);
int __real_connect(int fd, const struct sockaddr *to, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t n);
int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *n);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *n);
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t n);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t n);

/* The program's: those of the tests are patient, its own are not. */
ssize_t __wrap_recv(int fd, void *bytes, size_t n, int flags)
{
    if (fail_recv > 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK)) {
        fail_recv--;
        errno = ENOMEM;
        return -1;
    }
    return __real_recv(fd, bytes, n, flags);
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && fail_watch > 0) {
        fail_watch--;
        errno = ENOSPC;
        return -1;
    }
    return __real_epoll_ctl(epoll, op, fd, event);
}

int __wrap_pipe2(int ends[2], int flags)
{
    (void)ends, (void)flags;
    n_pipes_tried++;
    errno = EMFILE;
    return -1;
}

/* Buffers have grown, and the round trip is what the test says. */
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *n)
{
    if (level == SOL_SOCKET && (option == SO_RCVBUF || option == SO_SNDBUF)) {
        *(int *)value = 6 << 20;
        return 0;
    }
    int code = __real_getsockopt(fd, level, option, value, n);
    if (code == 0 && level == IPPROTO_TCP && option == TCP_INFO &&
        *n >= MIN_RTT_AT + sizeof min_rtt_us)
        memcpy((char *)value + MIN_RTT_AT, &min_rtt_us, sizeof min_rtt_us);
    return code;
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t n)
{
    n_received += level == SOL_SOCKET && option == SO_RCVBUF;
    n_sent += level == SOL_SOCKET && option == SO_SNDBUF;
    n_unsent += level == IPPROTO_TCP && option == TCP_NOTSENT_LOWAT;
    return __real_setsockopt(fd, level, option, value, n);
}

static _Atomic uint16_t port_without; /* towards it no local port is left; of all: 1 */
static _Atomic unsigned n_without;

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t n)
{
    uint16_t port = ntohs(((const struct sockaddr_in *)(const void *)to)->sin_port);
    if (to->sa_family == AF_INET && port_without != 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) &&
        (port_without == 1 || port_without == port)) {
        n_without++;
        errno = EADDRNOTAVAIL;
        return -1;
    }
    return __real_connect(fd, to, n);
}

static void want_of_memory_is_nobodys_reset(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int backend = listening(16);
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int client = client_of(w.port), member = accepted(backend);
    SAY(client, "hello");
    HEAR(member, "hello");
    fail_recv = 1;
    SAY(client, "more");
    hear_reset(client);
    WAIT_UNTIL(w.n_ended == 1);
    assert_string_equal(w.last_end, "no memory");
    close(client), close(member), close(backend);
    world_close(&w);
}

static void a_listener_that_cannot_be_watched_is_tried_again(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int backend = listening(16);
    fail_watch = 2; /* the second time it is tried again, too */
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int client = client_of(w.port), member = accepted(backend);
    SAY(client, "hello");
    HEAR(member, "hello");
    assert_int_equal(fail_watch, 0);
    close(client), close(member), close(backend);
    WAIT_UNTIL(w.n_ended == 1);
    world_close(&w);
}

/* Bulk is copied then, and the system is not asked for a pipe at each turn. */
static void pipes_that_are_refused_are_not_asked_for_again_at_once(void **state)
{
    (void)state;
    static char block[1 << 16];
    struct world w;
    world_open(&w);
    int backend = listening(16);
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int client = client_of(w.port), member = accepted(backend);
    int64_t began_ms = world_now_ms();
    n_pipes_tried = 0;
    for (unsigned i = 0; i < 400; i++) {
        say(client, block, sizeof block);
        assert_int_equal(__real_recv(member, block, sizeof block, MSG_WAITALL), sizeof block);
    }
    int64_t seconds = (world_now_ms() - began_ms) / 1000;
    assert_true(n_pipes_tried >= 1);
    assert_true(n_pipes_tried <= seconds + 2);
    close(client), close(member), close(backend);
    WAIT_UNTIL(w.n_ended == 1);
    world_close(&w);
}

/* Four megabytes, so that it is looked at more than once. */
static void bulk_with_round_trip(uint32_t us)
{
    static char block[1 << 16];
    struct world w;
    world_open(&w);
    int backend = listening(16);
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int client = client_of(w.port), member = accepted(backend);
    min_rtt_us = us;
    n_received = n_sent = n_unsent = 0;
    for (unsigned i = 0; i < 64; i++) {
        say(member, block, sizeof block);
        assert_int_equal(__real_recv(client, block, sizeof block, MSG_WAITALL), sizeof block);
    }
    world_settle(&w);
    close(client), close(member), close(backend);
    WAIT_UNTIL(w.n_ended == 1);
    world_close(&w);
}

/* The one way that is bulk, once. Who is far may need all that the kernel gives: what waits behind
 * that is bounded only. */
static void what_the_kernel_holds_is_bounded_by_the_round_trip(void **state)
{
    (void)state;
    bulk_with_round_trip(50);
    assert_true(n_received == 1 && n_sent == 1 && n_unsent == 0);
    bulk_with_round_trip(50000);
    assert_true(n_received == 0 && n_sent == 0 && n_unsent == 1);
}

/* Which is not the member's fault: another one is tried, though the service allows no second try,
 * and nobody is blamed or taken out. */
static void a_member_without_a_local_port_is_passed_over(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int backends[2] = {listening(16), listening(16)};
    w.service.connect_retries = 0;
    WORLD_MEMBERS_ARE(&w, up(port_of(backends[0])), up(port_of(backends[1])));
    port_without = port_of(backends[0]);
    n_without = 0;
    for (unsigned i = 0; i < 8; i++) {
        int client = client_of(w.port), member = accepted(backends[1]);
        SAY(member, "hello");
        HEAR(client, "hello");
        close(client), close(member);
    }
    port_without = 0;
    WAIT_UNTIL(w.n_ended == 8);
    struct member *m = world_member(&w, 0, port_of(backends[0]));
    assert_int_equal(m->failures + m->refused + m->timeouts + w.n_failed, 0);
    assert_int_equal(m->ejected_until_ms, 0);
    assert_true(n_without > 0);
    close(backends[0]), close(backends[1]);
    world_close(&w);
}

/* Of all members: refused as that, without asking the kernel each time; and it passes. */
static void without_local_ports_it_is_said(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int backend = listening(16);
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    port_without = 1;
    n_without = 0;
    int64_t began_ms = world_now_ms();
    for (unsigned i = 0; i < 50; i++) {
        refused_client_of(w.port);
    }
    WAIT_UNTIL(w.n_ended == 50);
    int64_t ms = world_now_ms() - began_ms;
    assert_int_equal(world_result(&w, SERVICE_NO_PORT), 50);
    assert_string_equal(w.last_end, "no local port towards a member");
    assert_true(n_without >= 1 && n_without <= ms / 100 + 1);
    port_without = 0;
    while (world_result(&w, SERVICE_OK) == 0) { /* when the moment is over */
        uint32_t before = w.n_ended;
        int client = client_of(w.port);
        WAIT_UNTIL(w.n_ended > before || world_result(&w, SERVICE_OK) > 0);
        close(client);
    }
    close(accepted(backend));
    close(backend);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_nobodys_reset),
        cmocka_unit_test(a_listener_that_cannot_be_watched_is_tried_again),
        cmocka_unit_test(pipes_that_are_refused_are_not_asked_for_again_at_once),
        cmocka_unit_test(a_member_without_a_local_port_is_passed_over),
        cmocka_unit_test(without_local_ports_it_is_said),
        cmocka_unit_test(what_the_kernel_holds_is_bounded_by_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
