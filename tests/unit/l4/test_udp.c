/* SPDX-License-Identifier: Apache-2.0
 * The way of datagrams through the forwarder: nothing changed, nothing cut, in order, and answers
 * from where they were asked. */
#include "udp_rig.h"

static uint8_t got[UDP_MESSAGE_MAX];

static void ask_from(struct rig *rig, const char *client_addr, const void *data, size_t n)
{
    struct ip addr = rig_ip(client_addr), from;
    uint16_t port = 0;
    int fd = rig_socket(&addr, &port);
    const struct l4_listen *l = &rig->listens[0];
    assert_int_equal(rig_send(fd, NULL, &l->addr, l->port, data, n), n);
    assert_int_equal(rig_receive(rig, fd, got, &from, NULL), n);
    assert_memory_equal(got, data, n);
    assert_true(ip_equal(&from, &l->addr));
    close(fd);
}

static void test_echo(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    rig_follow(rig);
    ask_from(rig, "127.0.0.1", "hello", 5);
    ask_from(rig, "127.0.0.9", "world", 5);
    assert_int_equal(udp_n_flows(rig->worker.udp), 2);
    assert_int_equal(rig_result(rig, SERVICE_OK), 2);
    assert_int_equal(atomic_load(&rig->run->active), 2);
    rig_free(rig);
}

static void test_echo_v6(void **state)
{
    (void)state;
    struct rig *rig = rig_new("::1", 0);
    rig_member_open(rig, 0, "::1");
    rig_follow(rig);
    ask_from(rig, "::1", "hello", 5);
    rig_free(rig);
}

/** A member of the other family than the client's. */
static void test_families_differ(void **state)
{
    (void)state;
    struct rig *rig = rig_new("::1", 1);
    rig_follow(rig);
    ask_from(rig, "::1", "six to four", 11);
    rig_free(rig);
    rig = rig_new("127.0.0.1", 0);
    rig_member_open(rig, 0, "::1");
    rig_follow(rig);
    ask_from(rig, "127.0.0.1", "four to six", 11);
    rig_free(rig);
}

/** The answer comes from the address that was asked, also when one client asks two. */
static void test_wildcard(void **state)
{
    (void)state;
    struct rig *rig = rig_new("0.0.0.0", 2);
    rig_follow(rig);
    struct ip client = rig_ip("127.0.0.1");
    uint16_t port = 0, to_port = rig->listens[0].port;
    int fd = rig_socket(&client, &port);
    static const char *const asked[] = {"127.0.0.5", "127.0.0.6", "127.0.0.5"};
    for (unsigned i = 0; i < ARRAY_LEN(asked); i++) {
        struct ip to = rig_ip(asked[i]), from;
        assert_int_equal(rig_send(fd, NULL, &to, to_port, "x", 1), 1);
        assert_int_equal(rig_receive(rig, fd, got, &from, NULL), 1);
        assert_true(ip_equal(&from, &to));
    }
    struct flow_record records[4];
    assert_int_equal(rig_flows(rig, records, 4), 2);
    struct ip five = rig_ip("127.0.0.5");
    assert_true(ip_equal(&records[0].local, &five));
    close(fd);
    rig_free(rig);
}

static void test_wildcard_v6(void **state)
{
    (void)state;
    struct rig *rig = rig_new("::", 1);
    rig_follow(rig);
    struct ip client = rig_ip("::1"), from;
    uint16_t port = 0;
    int fd = rig_socket(&client, &port);
    assert_int_equal(rig_send(fd, NULL, &client, rig->listens[0].port, "x", 1), 1);
    assert_int_equal(rig_receive(rig, fd, got, &from, NULL), 1);
    assert_true(ip_equal(&from, &client));
    close(fd);
    rig_free(rig);
}

/** A question to all is answered from an address that is one's own. */
static void test_broadcast(void **state)
{
    (void)state;
    struct rig *rig = rig_new("0.0.0.0", 1);
    rig_follow(rig);
    struct ip client = rig_ip("127.0.0.1"), all = rig_ip("127.255.255.255"), from;
    uint16_t port = 0;
    int fd = rig_socket(&client, &port), on = 1;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on), 0);
    assert_int_equal(rig_send(fd, NULL, &all, rig->listens[0].port, "x", 1), 1);
    assert_int_equal(rig_receive(rig, fd, got, &from, NULL), 1);
    assert_true(ip_equal(&from, &client));
    close(fd);
    rig_free(rig);
}

static void test_two_listeners(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    rig->listens[1].addr = rig_ip("::1");
    rig->fds[1] = rig_socket(&rig->listens[1].addr, &rig->listens[1].port);
    rig->services[0].n_listens = 2;
    rig_follow(rig);
    struct ip four = rig_ip("127.0.0.1"), six = rig_ip("::1");
    uint16_t port4 = 0, port6 = 0;
    int fd4 = rig_socket(&four, &port4), fd6 = rig_socket(&six, &port6);
    for (int i = 0; i < 20; i++) { /* both in one turn */
        rig_send(fd4, NULL, &four, rig->listens[0].port, &i, sizeof i);
        rig_send(fd6, NULL, &six, rig->listens[1].port, &i, sizeof i);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(rig_receive(rig, fd4, got, NULL, NULL), sizeof i);
        assert_memory_equal(got, &i, sizeof i);
        assert_int_equal(rig_receive(rig, fd6, got, NULL, NULL), sizeof i);
        assert_memory_equal(got, &i, sizeof i);
    }
    close(fd4);
    close(fd6);
    rig_free(rig);
}

static void test_sizes(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    static uint8_t data[65507];
    static const size_t sizes[] = {0, 1, 1472, 1473, 9000, 65506, 65507, 0};
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    rig_follow(rig);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        ask_from(rig, "127.0.0.1", data, sizes[i]);
    rig_run(rig, 10);
    udp_publish(rig->worker.udp);
    uint64_t sum = 1 + 1472 + 1473 + 9000 + 65506 + 65507;
    assert_int_equal(atomic_load(&rig->run->bytes_in), sum);
    assert_int_equal(atomic_load(&rig->run->bytes_out), sum);
    assert_int_equal(atomic_load(&rig->members[0].member->bytes_in), sum);
    assert_int_equal(atomic_load(&rig->run->dropped), 0);
    rig_free(rig);
}

/** What is longest over IPv6 does not fit IPv4: dropped and counted, and the flow goes on. */
static void test_too_long_for_the_other_family(void **state)
{
    (void)state;
    struct rig *rig = rig_new("::1", 1);
    static uint8_t data[65527];
    struct ip client = rig_ip("::1");
    uint16_t port = 0;
    int fd = rig_socket(&client, &port);
    rig_follow(rig);
    const struct l4_listen *l = &rig->listens[0];
    assert_int_equal(rig_send(fd, NULL, &l->addr, l->port, data, sizeof data), sizeof data);
    rig_ask(rig, fd, 0, "next");
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 1);
    close(fd);
    rig_free(rig);
}

/* ---- bursts ---- */

#define PIECE 1200
#define PIECES 40

/** Sends PIECES datagrams of PIECE bytes, the last one shorter, as one burst. Datagram i begins
 *  with i. */
static void send_burst(int fd, const struct sockaddr *to, socklen_t len, uint8_t first)
{
    static uint8_t data[PIECE * PIECES];
    union udp_control control = {.b = {0}};
    uint16_t piece = PIECE;
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i % PIECE == 0 ? first + i / PIECE : i * 7 >> 2);
    struct iovec iov = {data, sizeof data - 500};
    struct msghdr h = {.msg_name = (void *)(uintptr_t)to,
                       .msg_namelen = len,
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(sizeof piece)};
    control.align = (struct cmsghdr){
        .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof piece)};
    memcpy(CMSG_DATA(&control.align), &piece, sizeof piece);
    assert_int_equal(sendmsg(fd, &h, 0), sizeof data - 500);
}

static void expect_burst(struct rig *rig, int fd, uint8_t first)
{
    for (unsigned i = 0; i < PIECES; i++) {
        unsigned n = i == PIECES - 1 ? PIECE - 500 : PIECE;
        assert_int_equal(rig_receive(rig, fd, got, NULL, NULL), n);
        assert_int_equal(got[0], (uint8_t)(first + i));
        for (unsigned j = 1; j < n; j++)
            assert_int_equal(got[j], (uint8_t)((i * PIECE + j) * 7 >> 2));
    }
}

/** Bursts of a client come to its member as they were, datagram by datagram; so do those back,
 *  which the flow takes as bursts when it had some. */
static void check_bursts(bool bursts)
{
    struct rig *rig = rig_new("127.0.0.1", 1);
    struct ip addr = rig_ip("127.0.0.1");
    struct sockaddr_storage name;
    uint16_t port = 0;
    int fd = rig_socket(&addr, &port), member = rig->members[0].fd;
    socklen_t len = ip_to_sockaddr(&name, &addr, rig->listens[0].port);
    rig->worker.udp->bursts = rig->worker.udp->bursts && bursts;
    rig_follow(rig);
    rig->members[0].fd = -1; /* the test answers for it */
    for (uint8_t i = 0; i < 3; i++) {
        send_burst(fd, (struct sockaddr *)&name, len, i);
        expect_burst(rig, member, i);
    }
    const struct udp_flow *flow = udp_flow_at(rig->worker.udp, 0);
    struct sockaddr_storage from;
    len = sizeof from;
    assert_int_equal(getsockname(flow->fd, (struct sockaddr *)&from, &len), 0);
    for (uint8_t i = 0; i < 20; i++) {
        send_burst(member, (struct sockaddr *)&from, len, i);
        expect_burst(rig, fd, i);
    }
    assert_true(flow->bulk);
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 0);
    assert_int_equal(atomic_load(&rig->run->bytes_in), 3 * (PIECE * PIECES - 500));
    assert_int_equal(atomic_load(&rig->run->bytes_out), 20 * (PIECE * PIECES - 500));
    close(fd);
    rig->members[0].fd = member;
    rig_free(rig);
}

static void test_bursts(void **state)
{
    (void)state;
    check_bursts(true);
}

static void test_without_bursts(void **state)
{
    (void)state;
    check_bursts(false);
}

/** Datagrams are counted one by one when they are dropped, also where they came as a burst. */
static void test_bursts_dropped(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    struct ip addr = rig_ip("127.0.0.1");
    struct sockaddr_storage name;
    uint16_t port = 0;
    int fd = rig_socket(&addr, &port), other = rig_socket(&addr, &(uint16_t){0});
    socklen_t len = ip_to_sockaddr(&name, &addr, rig->listens[0].port);
    rig_follow(rig);
    rig_ask(rig, fd, 0, "x");
    rig->members[0].state = MEMBER_DOWN;
    rig_follow(rig);
    send_burst(fd, (struct sockaddr *)&name, len, 0); /* of a flow that has no member */
    rig_run(rig, 20);
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), PIECES);
    send_burst(other, (struct sockaddr *)&name, len, 0); /* of one that cannot be had */
    rig_run(rig, 20);
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 2 * PIECES);
    close(fd);
    close(other);
    rig_free(rig);
}

/** A burst that the kernel does not take as one (more segments than it knows) goes in pieces. */
static void test_pieces(void **state)
{
    (void)state;
    struct udp_lane *lane = xcalloc(1, sizeof *lane);
    struct ip addr = rig_ip("127.0.0.1");
    struct sockaddr_storage name;
    uint16_t port = 0, port2 = 0;
    uint32_t dropped = 0;
    int in = rig_socket(&addr, &port), out = rig_socket(&addr, &port2);
    socklen_t len = ip_to_sockaddr(&name, &addr, port);
    assert_int_equal(connect(out, (struct sockaddr *)&name, len), 0);
    udp_lane_init(lane);
    uint8_t *data = lane->out_iov[0].iov_base;
    for (unsigned i = 0; i < 301; i++)
        data[i] = (uint8_t)(i * 3);
    lane->out_iov[0].iov_len = 301;
    lane->out_iov[1].iov_len = 1;
    udp_segment_put(lane, 0, 2);
    udp_segment_put(lane, 1, 0);
    assert_int_equal(udp_send(out, lane->out, 2, &dropped), 2);
    assert_int_equal(dropped, 0);
    for (unsigned i = 0; i < 301; i += 2) {
        assert_int_equal(recv(in, got, sizeof got, 0), i == 300 ? 1 : 2);
        assert_memory_equal(got, data + i, i == 300 ? 1 : 2);
    }
    assert_int_equal(recv(in, got, sizeof got, 0), 1);
    udp_lane_free(lane);
    free(lane);
    close(in);
    close(out);
}

/** One that no longer fits what the socket may have queued is dropped, and nobody waits. */
static void test_no_buffers(void **state)
{
    (void)state;
    struct udp_lane *lane = xcalloc(1, sizeof *lane);
    struct ip addr = rig_ip("127.0.0.1");
    uint16_t port = 0;
    uint32_t dropped = 0;
    int fd = rig_socket(&addr, &port);
    udp_lane_init(lane);
    for (uint32_t i = 0; i < UDP_BATCH; i++)
        udp_segment_put(lane, i, 0);
    for (uint32_t i = 0; i < 3; i++) { /* nowhere to send to: ENOTCONN, EDESTADDRREQ */
        lane->out_iov[i].iov_len = 10;
        udp_segment_put(lane, i, i == 1 ? 3 : 0);
    }
    assert_int_equal(udp_send(fd, lane->out, 3, &dropped), 3);
    assert_int_equal(dropped, 1 + 4 + 1);
    udp_lane_free(lane);
    free(lane);
    close(fd);
}

/** Many datagrams of few flows in one batch: each flow's order is kept. */
static void test_order(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 3);
    struct ip addr = rig_ip("127.0.0.1");
    int fds[3];
    rig_follow(rig);
    for (unsigned i = 0; i < 3; i++) {
        uint16_t port = 0;
        fds[i] = rig_socket(&addr, &port);
    }
    for (uint32_t i = 0; i < 150; i++)
        rig_send(fds[i * i % 3], NULL, &addr, rig->listens[0].port, &i, sizeof i);
    for (uint32_t i = 0; i < 150; i++) {
        assert_int_equal(rig_receive(rig, fds[i * i % 3], got, NULL, NULL), sizeof i);
        assert_memory_equal(got, &i, sizeof i);
    }
    for (unsigned i = 0; i < 3; i++)
        close(fds[i]);
    rig_free(rig);
}

/** More answers in a turn of the loop than a batch has room for. */
static void test_more_than_a_batch(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig->fds[1] = dup(rig->members[0].fd); /* is not answered for at first */
    rig_follow(rig);
    rig_member_close(rig, 0);
    for (uint32_t i = 0; i < 64; i++)
        client_send(rig, fd, i);
    int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
    while (udp_n_flows(rig->worker.udp) < 64 && clock_mono_ms() < end_ms)
        rig_turn(rig, 1);
    rig->members[0].fd = dup(rig->fds[1]);
    rig_echo(rig);
    for (uint32_t i = 0; i < 64; i++) {
        struct pollfd p = {.fd = udp_flow_at(rig->worker.udp, i)->fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
    }
    rig_turn(rig, 0);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(rig_receive(rig, fd, got, NULL, NULL), sizeof i);
    close(fd);
    rig_free(rig);
}

/** transparent: the member sees the client's address and port. */
static void test_transparent(void **state)
{
    (void)state;
    int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
    bool may = setsockopt(probe, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) == 0;
    close(probe);
    if (!may)
        skip();
    struct rig *rig = rig_new("127.0.0.1", 1);
    struct ip addr = rig_ip("127.0.0.77"), from;
    uint16_t port = 0;
    int fd = rig_socket(&addr, &port), member = rig->members[0].fd;
    rig->services[0].transparent = true;
    rig->n_ports = 0; /* the port is the client's */
    rig->members[0].fd = -1;
    rig_follow(rig);
    /* The client's socket has its address and port here, too, and may share them. */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    const struct l4_listen *l = &rig->listens[0];
    assert_int_equal(rig_send(fd, NULL, &l->addr, l->port, "x", 1), 1);
    assert_int_equal(rig_receive(rig, member, got, &from, NULL), 1);
    assert_true(ip_equal(&from, &addr));
    assert_int_equal(rig->worker.udp->ports.n, 0);
    close(fd);
    rig->members[0].fd = member;
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_echo_v6),
        cmocka_unit_test(test_families_differ),
        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_wildcard_v6),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_two_listeners),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_too_long_for_the_other_family),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_without_bursts),
        cmocka_unit_test(test_bursts_dropped),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_no_buffers),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_more_than_a_batch),
        cmocka_unit_test(test_transparent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
