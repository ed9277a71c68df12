/* SPDX-License-Identifier: Apache-2.0
 * What bounds flows: idleness, limits, a drain, listeners that go; and that storms cost nothing
 * but what was agreed. */
#include "udp_rig.h"

static uint8_t got[UDP_MESSAGE_MAX];

/** A flow ends when neither side has sent anything for idle_timeout, whatever its timer was set to;
 *  its descriptor goes with it. */
static void test_idle(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig_stand_still(rig);
    rig_follow(rig);
    uint32_t before = count_fds();
    clients_ask(rig, fd, 0, 20);
    assert_int_equal(count_fds(), before + 20);
    pass_ms(rig, 6000);
    clients_ask(rig, fd, 0, 10);
    pass_ms(rig, 6000); /* 10 were last seen 12 s ago, 10 6 s */
    assert_int_equal(udp_n_flows(rig->worker.udp), 10);
    assert_int_equal(count_fds(), before + 10);
    assert_string_equal(rig->end, "idle");
    pass_ms(rig, 3900);
    assert_int_equal(udp_n_flows(rig->worker.udp), 10);
    pass_ms(rig, 200);
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    assert_int_equal(count_fds(), before);
    assert_int_equal(limits_open(rig->run->limits), 0);
    close(fd);
    rig_free(rig);
}

/** The member's datagrams keep a flow open, too. */
static void test_kept_by_the_member(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open(), member = rig->members[0].fd;
    rig_stand_still(rig);
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    const struct udp_flow *flow = udp_flow_at(rig->worker.udp, 0);
    assert_int_equal(getsockname(flow->fd, (struct sockaddr *)&name, &len), 0);
    for (unsigned i = 0; i < 10; i++) {
        pass_ms(rig, 4000);
        assert_int_equal(sendto(member, "tick", 4, 0, (struct sockaddr *)&name, len), 4);
        assert_int_equal(rig_receive(rig, fd, got, NULL, NULL), 4);
    }
    assert_int_equal(udp_n_flows(rig->worker.udp), 1);
    close(fd);
    rig_free(rig);
}

/** Full: new flows are refused and counted, those that are there go on. */
static void test_full(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig->services[0].limits.connections = 10;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 10);
    for (uint32_t i = 10; i < 60; i++)
        client_send(rig, fd, i);
    rig_run(rig, 10);
    assert_int_equal(udp_n_flows(rig->worker.udp), 10);
    assert_int_equal(rig_result(rig, SERVICE_LIMITED), 50);
    clients_ask(rig, fd, 0, 10);
    rig->services[0].limits.connections = 30;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 30);
    rig->services[0].limits.connections = 5; /* less than are open: those stay */
    rig_follow(rig);
    clients_ask(rig, fd, 0, 30);
    pass_ms(rig, 10000);
    clients_ask(rig, fd, 100, 5);
    client_send(rig, fd, 5);
    rig_run(rig, 10);
    assert_int_equal(udp_n_flows(rig->worker.udp), 5);
    close(fd);
    rig_free(rig);
}

/** The table of one worker is full although the service is not (more workers, less flows). */
static void test_table_full(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig->services[0].limits.connections = 8;
    rig_follow(rig);
    rig->services[0].limits.connections = 100;
    limits_set(rig->run->limits, &rig->services[0]);
    clients_ask(rig, fd, 0, rig->worker.udp->max_flows);
    client_send(rig, fd, 1000);
    rig_run(rig, 10);
    assert_int_equal(rig_result(rig, SERVICE_NO_ROOM), 1);
    assert_int_equal(limits_open(rig->run->limits), rig->worker.udp->max_flows);
    close(fd);
    rig_free(rig);
}

static void test_of_a_source(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    struct ip addr = rig_ip("127.0.0.3");
    int fds[6], fd = clients_open();
    rig->services[0].limits.per_source = 4;
    rig_follow(rig);
    for (unsigned i = 0; i < 6; i++) {
        uint16_t port = 0;
        fds[i] = rig_socket(&addr, &port);
        if (i < 4)
            rig_ask(rig, fds[i], 0, "x");
        else
            rig_send(fds[i], NULL, &rig->listens[0].addr, rig->listens[0].port, "x", 1);
    }
    rig_run(rig, 10);
    assert_int_equal(rig_result(rig, SERVICE_SOURCE), 2);
    clients_ask(rig, fd, 0, 10); /* others */
    rig_ask(rig, fds[0], 0, "y");
    pass_ms(rig, 10000);
    rig_ask(rig, fds[5], 0, "x");
    for (unsigned i = 0; i < 6; i++)
        close(fds[i]);
    close(fd);
    rig_free(rig);
}

/** Sources that come once: memory and descriptors stay within the limit, and who has a flow gets
 *  its answers all the while. */
static void test_storm(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 3);
    int storm = clients_open(), fd = clients_open();
    struct udp *udp = rig->worker.udp;
    rig->services[0].limits.connections = 1000;
    rig_stand_still(rig); /* none is idle before the storm is over */
    rig_follow(rig);
    rig_ask(rig, fd, 0, "here");
    uint32_t before = count_fds();
    for (uint32_t i = 0; i < 40000; i++) {
        client_send(rig, storm, i);
        if (i % 50 == 0)
            rig_run(rig, 2);
        if (i % 5000 == 0)
            rig_ask(rig, fd, 0, "still here");
        while (recv(storm, got, sizeof got, MSG_DONTWAIT) >= 0)
            ;
    }
    assert_int_equal(udp_n_flows(udp), 1000);
    assert_int_equal(udp->n_made, 1024);
    assert_int_equal(udp->mask, 2047);
    assert_int_equal(count_fds(), before + 999);
    assert_true(rig_result(rig, SERVICE_LIMITED) > 30000);
    pass_ms(rig, 10000);
    assert_int_equal(udp_n_flows(udp), 0);
    clients_ask(rig, fd, 0, 100);
    close(storm);
    close(fd);
    rig_free(rig);
}

/** A drain takes no new flows; those that are open go on both ways until close_at_ms. */
static void test_drain(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig->services[0].idle_timeout_ms = 600000;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 3);
    udp_drain(rig->worker.udp, rig->worker.now_ms + 30000, false);
    rig_follow(rig);
    for (uint32_t i = 10; i < 14; i++)
        client_send(rig, fd, i);
    clients_ask(rig, fd, 0, 3);
    pass_ms(rig, 20000);
    clients_ask(rig, fd, 0, 3);
    udp_publish(rig->worker.udp);
    assert_int_equal(atomic_load(&rig->run->dropped), 4);
    assert_int_equal(udp_n_flows(rig->worker.udp), 3);
    assert_int_equal(rig_result(rig, SERVICE_OK), 3);
    pass_ms(rig, 11000);
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    assert_string_equal(rig->end, "drained");
    close(fd);
    rig_free(rig);
}

/** Where another process goes on with the listeners, what comes stays in them for it; answers go on
 *  until close_at_ms. */
static void test_drain_passed(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open(), member = rig->members[0].fd;
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    rig->services[0].idle_timeout_ms = 600000;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 3);
    const struct udp_flow *flow = udp_flow_at(rig->worker.udp, 0);
    assert_int_equal(getsockname(flow->fd, (struct sockaddr *)&name, &len), 0);
    udp_drain(rig->worker.udp, rig->worker.now_ms + 30000, true);
    rig_follow(rig); /* does not bring the listener back */
    rig->listens[1].addr = rig_ip("127.0.0.2");
    rig->fds[1] = rig_socket(&rig->listens[1].addr, &rig->listens[1].port);
    rig->services[0].n_listens = 2;
    rig_follow(rig); /* nor does it read a new one */
    assert_int_equal(rig->worker.udp->n_listeners, 1);
    client_send(rig, fd, 9);
    rig_run(rig, 10);
    assert_int_equal(udp_n_flows(rig->worker.udp), 3);
    assert_int_equal(recv(rig->fds[0], got, sizeof got, MSG_DONTWAIT), 4);
    pass_ms(rig, 20000);
    assert_int_equal(sendto(member, "late", 4, 0, (struct sockaddr *)&name, len), 4);
    assert_int_equal(rig_receive(rig, fd, got, NULL, NULL), 4);
    pass_ms(rig, 11000);
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    assert_string_equal(rig->end, "drained");
    close(fd);
    rig_free(rig);
}

/** A listener that the plan no longer has: its flows end, the others' go on; the entry is used
 *  again. */
static void test_listener_goes(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    struct ip addr = rig_ip("127.0.0.1");
    uint16_t port = 0;
    int fd = rig_socket(&addr, &port), second;
    rig->listens[1].addr = rig_ip("127.0.0.2");
    second = rig->fds[1] = rig_socket(&rig->listens[1].addr, &rig->listens[1].port);
    rig->services[0].n_listens = 2;
    rig_follow(rig);
    rig_ask(rig, fd, 0, "a");
    rig_ask(rig, fd, 1, "b");
    assert_int_equal(udp_n_flows(rig->worker.udp), 2);
    rig->services[0].n_listens = 1;
    rig_follow(rig);
    assert_int_equal(udp_n_flows(rig->worker.udp), 1);
    assert_string_equal(rig->end, "closed");
    rig_send(fd, NULL, &rig->listens[1].addr, rig->listens[1].port, "c", 1);
    rig_run(rig, 10);
    assert_int_equal(udp_n_flows(rig->worker.udp), 1);
    rig_ask(rig, fd, 0, "d");
    rig->services[0].n_listens = 2;
    rig_follow(rig);
    assert_int_equal(rig_receive(rig, fd, got, NULL, NULL), 1); /* "c" has waited */
    assert_int_equal(got[0], 'c');
    assert_int_equal(rig->worker.udp->n_listeners, 2);
    assert_int_equal(rig->fds[1], second);
    close(fd);
    rig_free(rig);
}

/** Answers that wait while a plan comes leave by the listener that they are for, even if its entry
 *  is another's then. */
static void test_answers_wait(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    struct ip addr = rig_ip("127.0.0.1"), from;
    uint16_t port = 0, second = 0;
    int fd = rig_socket(&addr, &port), member = rig->members[0].fd;
    rig_follow(rig);
    rig_ask(rig, fd, 0, "a");
    struct udp_flow *flow = udp_flow_at(rig->worker.udp, 0);
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    assert_int_equal(getsockname(flow->fd, (struct sockaddr *)&name, &len), 0);
    assert_int_equal(sendto(member, "b", 1, 0, (struct sockaddr *)&name, len), 1);
    struct pollfd p = {.fd = flow->fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
    udp_flow_ready(&rig->worker, &flow->source, EPOLLIN);
    int before = rig->fds[0];
    struct ip asked = rig->listens[0].addr;
    rig->listens[0].addr = rig_ip("127.0.0.2");
    rig->fds[0] = rig_socket(&rig->listens[0].addr, &second);
    rig->listens[0].port = second;
    rig_follow(rig);
    assert_int_equal(rig->worker.udp->n_listeners, 1);
    assert_int_equal(rig_receive(rig, fd, got, &from, NULL), 1);
    assert_true(ip_equal(&from, &asked));
    close(before);
    close(fd);
    rig_free(rig);
}

/** A socket that another service has now is another listener. */
static void test_service_is_another(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 5);
    rig->services[0].name = "echo2";
    rig_follow(rig);
    uint32_t n = 0;
    registry_services(rig->registry, &n);
    assert_int_equal(n, 1); /* the other has no flows left, and is forgotten */
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    clients_ask(rig, fd, 0, 5);
    assert_int_equal(atomic_load(&rig->run->active), 5);
    close(fd);
    rig_free(rig);
}

/** No member at all: refused at once, and counted. */
static void test_no_members(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 0);
    int fd = clients_open();
    rig_follow(rig);
    for (uint32_t i = 0; i < 10; i++)
        client_send(rig, fd, i);
    rig_run(rig, 10);
    assert_int_equal(rig_result(rig, SERVICE_NO_MEMBER), 10);
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    assert_int_equal(limits_open(rig->run->limits), 0);
    rig_member_open(rig, 0, "127.0.0.1");
    rig_follow(rig);
    clients_ask(rig, fd, 0, 10);
    close(fd);
    rig_free(rig);
}

/** What claims to come from one of our own listeners would go round for ever. */
static void check_own(const char *listen, const char *second, unsigned from, const char *source,
                      const char *to)
{
    struct rig *rig = rig_new(listen, 1);
    rig->listens[1].addr = rig_ip(second);
    rig->fds[1] = rig_socket(&rig->listens[1].addr, &rig->listens[1].port);
    rig->services[0].n_listens = 2;
    rig_follow(rig);
    struct ip addr = rig_ip(to);
    rig_send(rig->fds[from], source, &addr, rig->listens[0].port, "ball", 4);
    rig_run(rig, 20);
    udp_publish(rig->worker.udp);
    assert_int_equal(udp_n_flows(rig->worker.udp), 0);
    assert_int_equal(atomic_load(&rig->run->dropped), 1);
    assert_int_equal(rig->members[0].n_got, 0);
    assert_int_equal(limits_open(rig->run->limits), 0);
    rig_free(rig);
}

static void test_from_ourselves(void **state)
{
    (void)state;
    check_own("127.0.0.1", "127.0.0.2", 0, NULL, "127.0.0.1");
    check_own("127.0.0.1", "127.0.0.2", 1, NULL, "127.0.0.1");
    check_own("0.0.0.0", "127.0.0.2", 0, NULL, "127.0.0.1");
    check_own("0.0.0.0", "127.0.0.2", 1, NULL, "127.0.0.1");
    check_own("127.0.0.1", "0.0.0.0", 1, NULL, "127.0.0.1");
    /* Of several addresses that are all ours. */
    check_own("0.0.0.0", "127.0.0.2", 0, "127.0.0.9", "127.0.0.1");
    check_own("127.0.0.1", "0.0.0.0", 1, "127.0.0.9", "127.0.0.1");
    check_own("0.0.0.0", "0.0.0.0", 1, "127.0.0.9", "127.0.0.8");
    check_own("::", "::", 1, NULL, "::1");
}

/** The address or the port of a listener alone is anybody's; port 0 is nobody's. */
static void test_beside_ourselves(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    struct ip addr = rig_ip("127.0.0.1"), other = rig_ip("127.0.0.9");
    uint16_t port = 0, same = rig->listens[0].port;
    int fd = rig_socket(&addr, &port), beside = rig_socket(&other, &same);
    rig_follow(rig);
    rig_ask(rig, fd, 0, "a");
    rig_ask(rig, beside, 0, "b");
    struct udp *udp = rig->worker.udp;
    struct udp_key key = {.client = {127, 0, 0, 1}};
    assert_null(udp_flow_begin(udp, udp->listeners[0], &key, udp_key_hash(udp, &key)));
    assert_int_equal(udp_n_flows(udp), 2);
    key.port_be = htons(same);
    assert_false(udp_is_answerable(udp, udp->listeners[0], &key));
    struct udp_listener six = *udp->listeners[0]; /* 7f00:1:: is not 127.0.0.1 */
    six.v6 = true;
    assert_true(udp_is_answerable(udp, &six, &key));
    close(fd);
    close(beside);
    rig_free(rig);
}

static void test_records(void **state)
{
    (void)state;
    struct flow_record records[16];
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 10);
    clients_ask(rig, fd, 0, 10);
    struct udp *udp = rig->worker.udp;
    struct flow_look look = {.out = records, .max = 16, .left = 4};
    uint32_t at = 0;
    for (uint32_t n = 4; n <= 12; n += 4, look.left = 4) {
        assert_true(udp_flows(udp, &look, &at));
        assert_int_equal(look.left, 0);
        assert_int_equal(at, n);
        assert_int_equal(look.n, n < 10 ? n : 10);
    }
    look.left = udp->n_made;
    assert_false(udp_flows(udp, &look, &at));
    assert_int_equal(at, udp->n_made);
    assert_int_equal(look.n, 10);
    struct flow_record first = records[0];
    look = (struct flow_look){.out = records, .max = 1, .left = 16};
    at = 0;
    assert_true(udp_flows(udp, &look, &at));
    assert_true(at == 1 && look.left == 15 && look.n == 1);
    assert_int_equal(records[0].client_port, first.client_port);
    const struct flow_record *r = &records[0];
    assert_string_equal(r->service, "echo");
    assert_string_equal(r->key, "pool/site/0");
    assert_true(ip_equal(&r->local, &rig->listens[0].addr));
    assert_int_equal(r->local_port, rig->listens[0].port);
    assert_true(ip_equal(&r->member, &rig->members[0].addr));
    assert_int_equal(r->member_port, rig->members[0].port);
    assert_int_equal(r->client.b[0], 127);
    assert_true(r->client_port != 0 && r->udp);
    assert_int_equal(r->bytes_in, 8);
    assert_int_equal(r->bytes_out, 8);
    assert_true(r->connect_us > 0);
    assert_true(llabs(clock_wall_ms() - r->begun_ms) < 60000);
    close(fd);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_kept_by_the_member),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_table_full),
        cmocka_unit_test(test_of_a_source),
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_passed),
        cmocka_unit_test(test_listener_goes),
        cmocka_unit_test(test_answers_wait),
        cmocka_unit_test(test_service_is_another),
        cmocka_unit_test(test_no_members),
        cmocka_unit_test(test_from_ourselves),
        cmocka_unit_test(test_beside_ourselves),
        cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
