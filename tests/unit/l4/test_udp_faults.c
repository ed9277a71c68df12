/* SPDX-License-Identifier: Apache-2.0
 * System calls that fail, and how many there are: no flow waits, spins or leaks, and a batch costs
 * one call to receive and one a flow to send. */
#include "udp_rig.h"

#include "base/arena.h"

#include <linux/sock_diag.h>

static uint8_t got[UDP_MESSAGE_MAX];

/* ---- calls that are counted, and fail on order ---- */

static struct {
    unsigned send, sendmmsg, recvmmsg, socket;   /* calls */
    int send_error, socket_error, connect_error; /* 0: none */
    int receive_error, piece_error;
    unsigned n_pieces;          /* that go before piece_error */
    bool multicast;             /* IPv6 datagrams say that they came to all nodes */
    struct in_addr unreachable; /* connect_error is for this address alone */
    int stranger;               /* a socket that sends to whoever is about to connect; 0: none */
} calls;

int __real_sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags)
{
    calls.sendmmsg++;
    assert_true(flags & MSG_DONTWAIT);
    if (calls.send_error) {
        errno = calls.send_error;
        return -1;
    }
    return __real_sendmmsg(fd, v, n, flags);
}

int __real_recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *t);
int __wrap_recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *t);
int __wrap_recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *t)
{
    calls.recvmmsg++;
    assert_true(flags & MSG_DONTWAIT);
    if (calls.receive_error) {
        errno = calls.receive_error;
        return -1;
    }
    int got_n = __real_recvmmsg(fd, v, n, flags, t);
    for (int i = 0; calls.multicast && i < got_n; i++) {
        struct cmsghdr *c = CMSG_FIRSTHDR(&v[i].msg_hdr);
        if (c && c->cmsg_level == IPPROTO_IPV6)
            memcpy(CMSG_DATA(c), &(struct in6_addr){{{0xff, 2, [15] = 1}}}, 16);
    }
    return got_n;
}

ssize_t __real_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags)
{
    if (!calls.receive_error)
        return __real_recv(fd, p, n, flags);
    errno = calls.receive_error;
    return -1;
}

ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags)
{
    calls.send++;
    assert_true(flags & MSG_DONTWAIT);
    if (!calls.send_error)
        return __real_send(fd, p, n, flags);
    errno = calls.send_error;
    return -1;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *h, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *h, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *h, int flags)
{
    if (!calls.piece_error || calls.n_pieces-- > 0)
        return __real_sendmsg(fd, h, flags);
    calls.n_pieces = 0;
    errno = calls.piece_error;
    return -1;
}

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol)
{
    calls.socket++;
    if (!calls.socket_error)
        return __real_socket(family, type, protocol);
    errno = calls.socket_error;
    return -1;
}

/** Waits until something has come. */
static void settle_any(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
}

int __real_connect(int fd, const struct sockaddr *name, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t n)
{
    struct sockaddr_in in, own;
    socklen_t own_n = sizeof own;
    memcpy(&in, name, sizeof in);
    if (calls.stranger && getsockname(fd, (struct sockaddr *)&own, &own_n) == 0 && own.sin_port) {
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(
            sendto(calls.stranger, "forged", 6, 0, (struct sockaddr *)&own, sizeof own), 6);
        assert_int_equal(sendto(calls.stranger, "", 0, 0, (struct sockaddr *)&own, sizeof own), 0);
        settle_any(fd);
    }
    if (!calls.connect_error ||
        (calls.unreachable.s_addr && calls.unreachable.s_addr != in.sin_addr.s_addr))
        return __real_connect(fd, name, n);
    errno = calls.connect_error;
    return -1;
}

static uint32_t queued_bytes(int fd)
{
    uint32_t info[SK_MEMINFO_VARS];
    socklen_t n = sizeof info;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n), 0);
    return info[SK_MEMINFO_RMEM_ALLOC];
}

/** Waits until n datagrams of 4 bytes are in the socket: each takes as much of its memory as one
 *  does in a socket of its own. */
static void settle(int fd, uint32_t n)
{
    static uint32_t size;
    int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
    if (!size) {
        struct ip addr = rig_ip("127.0.0.1");
        uint16_t port = 0;
        int one = rig_socket(&addr, &port);
        struct pollfd p = {.fd = one, .events = POLLIN};
        rig_send(one, NULL, &addr, port, "four", 4);
        assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
        size = queued_bytes(one);
        close(one);
    }
    while (queued_bytes(fd) < n * size && clock_mono_ms() < end_ms)
        usleep(100);
    assert_int_equal(queued_bytes(fd), n * size);
}

static void test_calls(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 3);
    struct ip addr = rig_ip("127.0.0.1");
    int fds[4];
    rig_follow(rig);
    for (unsigned i = 0; i < 4; i++) {
        uint16_t port = 0;
        fds[i] = rig_socket(&addr, &port);
        rig_ask(rig, fds[i], 0, "x");
    }
    for (unsigned i = 0; i < 24; i++)
        rig_send(fds[i % 4], NULL, &addr, rig->listens[0].port, &i, sizeof i);
    settle(rig->fds[0], 24);
    calls.sendmmsg = calls.recvmmsg = 0;
    rig_turn(rig, 0);
    assert_int_equal(calls.recvmmsg, 1);
    assert_int_equal(calls.sendmmsg, 4);
    rig_echo(rig);
    for (uint32_t i = 0; i < 4; i++)
        settle(udp_flow_at(rig->worker.udp, i)->fd, 6);
    calls.sendmmsg = 0;
    rig_turn(rig, 0);
    assert_int_equal(calls.sendmmsg, 1); /* the answers of four flows */
    for (unsigned i = 0; i < 24; i++)
        rig_receive(rig, fds[i % 4], got, NULL, NULL);
    rig_send(fds[0], NULL, &addr, rig->listens[0].port, "four", 4);
    settle(rig->fds[0], 1);
    calls.sendmmsg = calls.send = 0;
    rig_turn(rig, 0);
    assert_int_equal(calls.sendmmsg, 0); /* one by itself */
    assert_int_equal(calls.send, 1);
    assert_int_equal(rig_receive(rig, fds[0], got, NULL, NULL), 4);
    assert_memory_equal(got, "four", 4);
    for (unsigned i = 0; i < 4; i++)
        close(fds[i]);
    rig_free(rig);
}

/** A full send buffer or device: dropped and counted, at one call for the rest of the batch where
 *  there is no room for any, and the flow goes on. */
static void check_send_error(int error, unsigned n_calls)
{
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    for (unsigned i = 0; i < 10; i++)
        client_send(rig, fd, 0);
    settle(rig->fds[0], 10);
    calls.sendmmsg = calls.send = 0;
    calls.send_error = error;
    rig_turn(rig, 0);
    calls.send_error = 0;
    assert_int_equal(calls.sendmmsg + calls.send, n_calls);
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 10);
    assert_int_equal(rig->n_failed, 0);
    clients_ask(rig, fd, 0, 1);
    client_send(rig, fd, 0);
    settle(rig->fds[0], 1);
    rig_turn(rig, 0);
    rig_echo(rig);
    settle(udp_flow_at(rig->worker.udp, 0)->fd, 1);
    calls.send_error = error; /* on the way back */
    rig_turn(rig, 0);
    calls.send_error = 0;
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 11);
    clients_ask(rig, fd, 0, 1);
    close(fd);
    rig_free(rig);
}

static void test_send_errors(void **state)
{
    (void)state;
    check_send_error(EAGAIN, 1);
    check_send_error(ENOBUFS, 10);
    check_send_error(EPERM, 10);
}

/** Refused by each socket that is tried: two tries and no more. */
static void check_refused_twice(int error)
{
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    for (unsigned i = 0; i < 10; i++)
        client_send(rig, fd, 0);
    settle(rig->fds[0], 10);
    calls.sendmmsg = 0;
    calls.send_error = error;
    rig_turn(rig, 0);
    calls.send_error = 0;
    assert_int_equal(calls.sendmmsg, 2);
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 10);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(atomic_load(&rig->members[i].member->refused), 1);
    clients_ask(rig, fd, 0, 1);
    close(fd);
    rig_free(rig);
}

static const int refusals[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, EACCES};

static void test_refused_twice(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(refusals); i++)
        check_refused_twice(refusals[i]);
}

/** What the socket towards the member says when it is read: a refusal, or nothing of the kind. */
static void check_read_error(int error, bool bulk, uint32_t n_refused)
{
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    struct udp_flow *flow = udp_flow_at(rig->worker.udp, 0);
    flow->bulk = bulk;
    calls.receive_error = error;
    udp_flow_ready(&rig->worker, &flow->source, EPOLLIN);
    calls.receive_error = 0;
    assert_int_equal(atomic_load(&rig->members[0].member->refused), n_refused);
    assert_int_equal(flow->refused, n_refused > 0);
    clients_ask(rig, fd, 0, 1);
    close(fd);
    rig_free(rig);
}

static void test_read_errors(void **state)
{
    (void)state;
    for (unsigned bulk = 0; bulk < 2; bulk++) {
        for (unsigned i = 0; i < ARRAY_LEN(refusals); i++)
            check_read_error(refusals[i], bulk, 1);
        check_read_error(EAGAIN, bulk, 0);
        check_read_error(ENOMEM, bulk, 0);
    }
}

/** A burst that goes in pieces and is refused half way: what is left can go elsewhere, no piece
 *  goes twice. Other errors lose the piece. */
static void check_pieces(int error, uint32_t done, size_t left, uint32_t dropped)
{
    struct ip addr = rig_ip("127.0.0.1");
    uint16_t port = 0;
    int fd = rig_socket(&addr, &port);
    struct sockaddr_storage name;
    struct udp_lane *lane = xcalloc(1, sizeof *lane);
    uint32_t n_dropped = 0;
    udp_lane_init(lane);
    lane->out_iov[0].iov_len = 450;
    udp_segment_put(lane, 0, 100);
    lane->out[0].msg_hdr.msg_name = &name;
    lane->out[0].msg_hdr.msg_namelen = ip_to_sockaddr(&name, &addr, port);
    memset(lane->out_iov[0].iov_base, 0, 450);
    calls.send_error = EMSGSIZE;
    calls.piece_error = error;
    calls.n_pieces = 2;
    assert_int_equal(udp_send(fd, lane->out, 1, &n_dropped), done);
    calls.send_error = calls.piece_error = 0;
    assert_int_equal(n_dropped, dropped);
    assert_int_equal(lane->out_iov[0].iov_len, left);
    assert_ptr_equal(lane->out_iov[0].iov_base, lane->buffers + 450 - left);
    udp_lane_free(lane);
    free(lane);
    close(fd);
}

static void test_pieces_refused(void **state)
{
    (void)state;
    check_pieces(EHOSTUNREACH, 0, 250, 0);
    check_pieces(ECONNREFUSED, 0, 250, 0);
    check_pieces(ENOBUFS, 1, 450, 3);
}

/** A group is nothing that an answer can come from: the kernel finds an address. */
static void test_multicast(void **state)
{
    (void)state;
    struct rig *rig = rig_new("::", 1);
    struct ip client = rig_ip("::1"), from;
    uint16_t port = 0;
    int fd = rig_socket(&client, &port);
    rig_follow(rig);
    calls.multicast = true;
    assert_int_equal(rig_send(fd, NULL, &client, rig->listens[0].port, "x", 1), 1);
    assert_int_equal(rig_receive(rig, fd, got, &from, NULL), 1);
    calls.multicast = false;
    assert_true(ip_equal(&from, &client));
    close(fd);
    rig_free(rig);
}

/** Nothing to make a flow of: refused, nothing is left over, and it is not the members' fault. */
static void check_no_room(int *fault, int error, enum service_result result)
{
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig_follow(rig);
    uint32_t before = count_fds();
    *fault = error;
    for (uint32_t i = 0; i < 10; i++)
        client_send(rig, fd, i);
    settle(rig->fds[0], 10);
    calls.socket = 0;
    rig_run(rig, 5);
    *fault = 0;
    assert_int_equal(calls.socket, 1); /* the others cost no search */
    assert_int_equal(rig_result(rig, result), 10);
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    assert_int_equal(limits_open(rig->run->limits), 0);
    assert_int_equal(atomic_load(&rig->run->active), 0);
    assert_int_equal(atomic_load(&rig->members[0].member->active), 0);
    assert_int_equal(rig->n_failed, 0);
    assert_int_equal(count_fds(), before);
    pass_ms(rig, UDP_NO_ROOM_MS);
    clients_ask(rig, fd, 0, 10);
    close(fd);
    rig_free(rig);
}

static void test_no_room(void **state)
{
    (void)state;
    check_no_room(&calls.socket_error, EMFILE, SERVICE_NO_ROOM);
    check_no_room(&calls.socket_error, ENFILE, SERVICE_NO_ROOM);
    check_no_room(&calls.connect_error, EAGAIN, SERVICE_NO_PORT); /* of the host */
    check_no_room(&calls.connect_error, EADDRNOTAVAIL, SERVICE_NO_PORT);
}

/** A member without a route fails, and another is taken; when there is none, that is said. */
static void test_no_route(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_member_open(rig, 1, "127.0.0.2");
    rig_follow(rig);
    calls.connect_error = ENETUNREACH;
    memcpy(&calls.unreachable, rig->members[1].addr.b, 4);
    clients_ask(rig, fd, 0, 40);
    assert_int_equal(atomic_load(&rig->members[0].member->active), 40);
    assert_int_equal(atomic_load(&rig->members[1].member->active), 0);
    assert_true(atomic_load(&rig->members[1].member->refused) > 0);
    assert_int_equal(rig->n_failed, 1);
    calls.unreachable.s_addr = 0;
    client_send(rig, fd, 50);
    rig_run(rig, 10);
    assert_int_equal(rig_result(rig, SERVICE_NO_MEMBER), 1);
    assert_int_equal(limits_open(rig->run->limits), 40);
    calls.connect_error = 0;
    close(fd);
    rig_free(rig);
}

/** A flow whose member has refused and that cannot have another socket keeps the one it has. */
static void test_no_room_to_move(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    uint32_t dead = rig->members[1].n_got > 0;
    rig_member_close(rig, dead);
    client_send(rig, fd, 0);
    rig_run(rig, 10);
    calls.socket_error = EMFILE;
    calls.socket = 0;
    for (int i = 0; i < 3; i++)
        udp_flow_move(rig->worker.udp, udp_flow_at(rig->worker.udp, 0));
    calls.socket_error = 0;
    assert_int_equal(calls.socket, 1);
    pass_ms(rig, UDP_NO_ROOM_MS);
    calls.socket_error = EMFILE;
    client_send(rig, fd, 0);
    settle(rig->fds[0], 1);
    rig_run(rig, 10);
    calls.socket_error = 0;
    pass_ms(rig, UDP_NO_ROOM_MS);
    assert_int_equal(udp_n_flows(rig->worker.udp), 1);
    assert_int_equal(atomic_load(&rig->members[dead].member->active), 1);
    clients_ask(rig, fd, 0, 1);
    assert_int_equal(atomic_load(&rig->members[!dead].member->active), 1);
    close(fd);
    rig_free(rig);
}

/** What a stranger sends to a shared port between its bind() and connect() is no answer. */
static void test_stranger_before_connect(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    struct ip addr = rig_ip("127.0.0.1");
    uint16_t port = 0;
    int fd = clients_open();
    rig->n_ports = 1;
    rig->services[0].balance = L4_ROUND_ROBIN;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    calls.stranger = rig_socket(&addr, &port);
    clients_ask(rig, fd, 1, 1);
    assert_int_equal(udp_n_flows(rig->worker.udp), 2);
    assert_int_equal(rig->worker.udp->ports.n, 1);
    rig_run(rig, 10);
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), -1);
    close(calls.stranger);
    calls.stranger = 0;
    close(fd);
    rig_free(rig);
}

/** That the way is narrower than it was is told in place of sending: the datagram goes all the
 * same, and nobody has failed. */
static void test_narrower_way(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    client_send(rig, fd, 0);
    settle(rig->fds[0], 1);
    calls.send_error = EMSGSIZE;
    rig_turn(rig, 0);
    calls.send_error = 0;
    assert_int_equal(rig_receive(rig, fd, got, NULL, NULL), 4);
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 0);
    assert_int_equal(rig->n_failed, 0);
    close(fd);
    rig_free(rig);
}

/** Of a storm that is refused by the limits nobody asks whose its addresses are. */
static void test_whose_address(void **state)
{
    (void)state;
    struct rig *rig = rig_new("0.0.0.0", 1);
    struct ip to = rig_ip("127.0.0.1");
    int fd = clients_open();
    rig->services[0].limits.connections = 1;
    rig_follow(rig);
    for (unsigned full = 0; full < 2; full++) {
        calls.socket = 0;
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(
                rig_send(rig->fds[0], "127.0.0.9", &to, rig->listens[0].port, "ball", 4), 4);
        settle(rig->fds[0], 5);
        rig_run(rig, 5);
        assert_int_equal(calls.socket, full ? 0 : 5);
        assert_int_equal(rig_result(rig, SERVICE_LIMITED), full ? 5 : 0);
        assert_int_equal(limits_open(rig->run->limits), full);
        rig_send(fd, "127.1.0.1", &to, rig->listens[0].port, "four", 4);
        if (!full)
            assert_int_equal(rig_receive(rig, fd, got, NULL, NULL), 4);
    }
    close(fd);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),           cmocka_unit_test(test_send_errors),
        cmocka_unit_test(test_refused_twice),   cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_multicast),       cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_pieces_refused),  cmocka_unit_test(test_no_route),
        cmocka_unit_test(test_no_room_to_move), cmocka_unit_test(test_stranger_before_connect),
        cmocka_unit_test(test_narrower_way),    cmocka_unit_test(test_whose_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
