/* SPDX-License-Identifier: Apache-2.0
 * Local ports: one a flow while there are some, shared by flows of different members then, never by
 * two of one; who finds none is refused, and nobody else is worse off. */
#include "udp_rig.h"

#include "l4/local_ports.h"
#include "l4/setup.h"
#include "l4/shortage.h"

static uint8_t got[UDP_MESSAGE_MAX];

static const struct udp_flow *flow_at(const struct rig *rig, uint32_t i)
{
    const struct udp_flow *flow = udp_flow_at(rig->worker.udp, i);
    return flow->peer ? flow : NULL;
}

static uint16_t port_of(const struct udp_flow *flow)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    uint16_t port;
    assert_int_equal(getsockname(flow->fd, (struct sockaddr *)&name, &len), 0);
    ip_from_sockaddr((struct sockaddr *)&name, &port);
    return port;
}

/* Each flow is in the list of its port, once; lists have nothing else; those of one port have one
 * port, and different members; those of different ports have different ones. */
static void check_ports(const struct rig *rig)
{
    const struct udp *udp = rig->worker.udp;
    static uint8_t seen[65536];
    uint32_t n = 0;
    memset(seen, 0, sizeof seen);
    for (uint32_t port = 0; port < udp->ports.n; port++) {
        uint32_t first = udp->ports.first[port];
        assert_int_not_equal(first, UDP_NONE);
        uint16_t number = port_of(udp_flow_at(udp, first));
        assert_int_equal(seen[number]++, 0);
        for (uint32_t at = first; at != UDP_NONE; at = udp_flow_at(udp, at)->beside, n++) {
            const struct udp_flow *flow = udp_flow_at(udp, at);
            assert_int_equal(flow->port, port);
            assert_int_equal(port_of(flow), number);
            for (uint32_t other = flow->beside; other != UDP_NONE;
                 other = udp_flow_at(udp, other)->beside)
                assert_true(udp_flow_at(udp, other)->peer->member->addr.b[3] !=
                                flow->peer->member->addr.b[3] ||
                            udp_flow_at(udp, other)->peer->member->port !=
                                flow->peer->member->port);
        }
    }
    assert_int_equal(n, udp->n_flows);
}

/* The next member's flows find no port of their own, and all have their answers. */
static void test_shared(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 4);
    int fd = clients_open();
    rig->n_ports = 100;
    rig->services[0].balance = L4_ROUND_ROBIN;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 100);
    assert_int_equal(rig->worker.udp->ports.n, 100);
    check_ports(rig);
    clients_ask(rig, fd, 100, 200);
    assert_int_equal(udp_n_flows(rig->worker.udp), 300);
    assert_int_equal(rig->worker.udp->ports.n, 100);
    check_ports(rig);
    for (int i = 0; i < 3; i++)
        clients_ask(rig, fd, 0, 300);
    assert_int_equal(rig_result(rig, SERVICE_NO_PORT), 0);
    assert_int_equal(rig->n_failed, 0);
    pass_ms(rig, 6000);
    clients_ask(rig, fd, 150, 50); /* the others are idle, whoever had a port first */
    pass_ms(rig, 6000);
    assert_int_equal(udp_n_flows(rig->worker.udp), 50);
    check_ports(rig);
    clients_ask(rig, fd, 150, 50);
    clients_ask(rig, fd, 0, 100);
    check_ports(rig);
    pass_ms(rig, 11000);
    assert_int_equal(rig->worker.udp->ports.n, 0);
    close(fd);
    rig_free(rig);
}

/* One member: as many flows as there are ports. Those beyond are refused, for nobody's fault; those
 * that are open go on, and one that ends makes room. */
static void test_used_up(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig->n_ports = 20;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 20);
    for (uint32_t i = 20; i < 60; i++)
        client_send(rig, fd, i);
    rig_run(rig, 20);
    assert_int_equal(udp_n_flows(rig->worker.udp), 20);
    assert_int_equal(rig_result(rig, SERVICE_NO_PORT), 40);
    assert_int_equal(rig_result(rig, SERVICE_NO_ROOM), 0);
    assert_int_equal(limits_open(rig->run->limits), 20);
    assert_int_equal(rig->n_failed, 0);
    assert_int_equal(atomic_load(&rig->members[0].member->refused), 0);
    assert_false(member_is_ejected(rig->members[0].member, rig->worker.now_ms));
    clients_ask(rig, fd, 0, 20);
    check_ports(rig);
    pass_ms(rig, 6000);
    clients_ask(rig, fd, 1, 19);
    pass_ms(rig, 6000);
    clients_ask(rig, fd, 70, 1);
    assert_int_equal(udp_n_flows(rig->worker.udp), 20);
    pass_ms(rig, 11000);
    struct udp_peer *peer = rig->worker.udp->sets[0].peers[0];
    peer->no_port_until_ms = rig->worker.now_ms + 3600000; /* until then none is looked for */
    client_send(rig, fd, 80);
    rig_run(rig, 20);
    assert_int_equal(rig_result(rig, SERVICE_NO_PORT), 41);
    rig->skew_ms += 3600000;
    clients_ask(rig, fd, 80, 1);
    check_ports(rig);
    close(fd);
    rig_free(rig);
}

/* Of two sets that name one place no two flows share a port: answers could not be told apart. */
static void test_one_place_twice(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open(), other = rig->members[1].fd;
    rig->n_ports = 20;
    rig->members[1].addr = rig->members[0].addr;
    rig->members[1].port = rig->members[0].port;
    rig->members[1].fd = -1;
    rig->services[0].balance = L4_ROUND_ROBIN;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 20);
    client_send(rig, fd, 20);
    rig_run(rig, 20);
    assert_int_equal(rig_result(rig, SERVICE_NO_PORT), 1);
    check_ports(rig);
    close(other);
    close(fd);
    rig_free(rig);
}

/* Another member has room: it gets what one cannot have. */
static void test_passed_over(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig->n_ports = 20;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 20);
    rig_member_open(rig, 1, "127.0.0.1");
    rig->members[0].weight = 100;
    rig_follow(rig);
    clients_ask(rig, fd, 20, 20);
    assert_int_equal(atomic_load(&rig->members[1].member->active), 20);
    assert_int_equal(rig_result(rig, SERVICE_NO_PORT), 0);
    check_ports(rig);
    close(fd);
    rig_free(rig);
}

/* Flows move when all ports are taken: a port that is free again, or another's, is theirs. Nor does
 * a storm that is refused keep them from it. */
static void check_moves(uint32_t n)
{
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig->n_ports = 30;
    rig->services[0].balance = L4_ROUND_ROBIN;
    rig->services[0].limits.connections = n;
    rig_follow(rig);
    clients_ask(rig, fd, 0, n);
    rig_member_open(rig, 2, "127.0.0.1");
    rig->members[0].state = MEMBER_DOWN;
    rig->members[1].weight = 0;
    rig_follow(rig);
    check_ports(rig);
    clients_ask(rig, fd, 0, n);
    assert_int_equal(atomic_load(&rig->members[0].member->active), 0);
    assert_int_equal(atomic_load(&rig->members[2].member->active), n / 2);
    assert_int_equal(udp_n_flows(rig->worker.udp), n);
    check_ports(rig);
    clients_ask(rig, fd, 0, n);
    close(fd);
    rig_free(rig);
}

static void test_moves(void **state)
{
    (void)state;
    check_moves(30);
    check_moves(50);
    check_moves(60); /* both members have every port */
}

/* The only port there is is free again with the move. */
static void test_moves_alone(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    int fd = clients_open();
    rig->n_ports = 1;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t down = atomic_load(&rig->members[1].member->active);
        rig->members[down].state = MEMBER_DOWN;
        rig->members[!down].state = MEMBER_UP;
        rig_follow(rig);
        clients_ask(rig, fd, 0, 1);
        assert_int_equal(atomic_load(&rig->members[down].member->active), 0);
        check_ports(rig);
    }
    close(fd);
    rig_free(rig);
}

static void test_moves_in_a_storm(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig->n_ports = 10;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 10);
    rig_member_open(rig, 1, "127.0.0.1");
    rig->members[0].state = MEMBER_DOWN;
    rig_follow(rig);
    for (uint32_t i = 0; i < 10; i++) {
        client_send(rig, fd, 100 + i);
        clients_ask(rig, fd, i, 1);
    }
    check_ports(rig);
    close(fd);
    rig_free(rig);
}

/* A plan that has fewer ports: what is open stays. */
static void test_lowered(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 1);
    int fd = clients_open();
    rig_follow(rig);
    clients_ask(rig, fd, 0, 40);
    rig->n_ports = 10;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 40);
    client_send(rig, fd, 41);
    rig_run(rig, 10);
    assert_int_equal(rig_result(rig, SERVICE_NO_PORT), 1);
    rig->n_ports = 100;
    rig_follow(rig);
    pass_ms(rig, UDP_NO_ROOM_MS);
    clients_ask(rig, fd, 0, 100);
    check_ports(rig);
    close(fd);
    rig_free(rig);
}

/* What a stranger sends to a port that is about to be shared is no answer. */
static void test_strangers(void **state)
{
    (void)state;
    struct rig *rig = rig_new("127.0.0.1", 2);
    struct ip addr = rig_ip("127.0.0.1");
    uint16_t port = 0;
    int fd = clients_open(), stranger = rig_socket(&addr, &port);
    rig->n_ports = 1;
    rig->services[0].balance = L4_ROUND_ROBIN;
    rig_follow(rig);
    clients_ask(rig, fd, 0, 1);
    port = port_of(flow_at(rig, 0));
    clients_ask(rig, fd, 1, 1);
    assert_int_equal(port_of(flow_at(rig, 1)), port);
    rig_send(stranger, NULL, &addr, port, "forged", 6);
    rig_run(rig, 10);
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), -1);
    close(stranger);
    close(fd);
    rig_free(rig);
}

static void put_file(char path[static 32], const char *text)
{
    snprintf(path, 32, "/tmp/ls-ports-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static uint32_t allowed_but(const char *range, const char *reserved)
{
    char range_path[32], reserved_path[32];
    put_file(range_path, range);
    put_file(reserved_path, reserved);
    uint32_t n = local_ports_allowed(range_path, reserved_path);
    unlink(range_path);
    unlink(reserved_path);
    return n;
}

static uint32_t allowed(const char *range)
{
    return allowed_but(range, "\n");
}

static void test_range(void **state)
{
    (void)state;
    const uint32_t delivered = 28232 - 3529;
    assert_int_equal(local_ports_allowed("/nonexistent", "/nonexistent"), delivered);
    assert_int_equal(allowed("32768\t60999\n"), delivered);
    assert_int_equal(allowed("1024\t65535\n"), 64512 - 8064);
    assert_int_equal(allowed("1\t65535\n"), 65535 - 8191);
    assert_int_equal(allowed("2000\t2000\n"), 1);
    static const char *const bad[] = {"", "x", "0 5\n", "5\n", "10 9\n", "1 65536\n", "1 99999999"};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(allowed(bad[i]), delivered);
}

/* The kernel gives none of these to who does not ask for one by its number. */
static void test_reserved(void **state)
{
    (void)state;
    assert_int_equal(allowed_but("1001 1800\n", "\n"), 700);
    assert_int_equal(allowed_but("1001 1800\n", "80,443,999-1000,1801-65535\n"), 700);
    assert_int_equal(allowed_but("1001 1800\n", "1001-1400\n"), 350);
    assert_int_equal(allowed_but("1001 1800\n", "80,900-1400\n"), 350);
    assert_int_equal(allowed_but("1001 1800\n", "1401-2000,2002"), 350);
    assert_int_equal(allowed_but("1001 1800\n", "1005,1100-1397,1800\n"), 438);
    assert_int_equal(allowed_but("1001 1800\n", "1-65535\n"), 0);
    assert_int_equal(allowed_but("1001 1800\n", "1001-1800,1001-1800\n"), 0);
    assert_int_equal(allowed_but("32768 60999\n", "32768-50999\n"), 8750);
    static const char *const bad[] = {"", "x", "-", "1000-900", "1400-1300", ",", "70000-80000"};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(allowed_but("1001 1800\n", bad[i]), 700);
}

static size_t warnings(const struct l4_service *service, const struct l4_set *set)
{
    static const struct pool_site sites[] = {{.site = 3, .n_endpoints = 2},
                                             {.site = 5, .n_endpoints = 4}};
    static const struct pool pool = {.sites = sites, .n_sites = 2};
    const struct model model = {.pools = &pool, .n_pools = 1};
    const struct l4_config config = {
        .services = service, .n_services = 1, .sets = set, .n_sets = 1};
    struct diags diags;
    diags_init(&diags);
    setup_warn_of_ports(&config, &model, 100, &diags);
    size_t n = diags.n;
    assert_int_equal(diags.n_errors, 0);
    if (n)
        assert_int_equal(diags.v[0].span.line, 7);
    diags_free(&diags);
    return n;
}

/* Only of what was asked for in words and cannot be had. */
static void test_warning(void **state)
{
    (void)state;
    const struct l4_set two = {.n_listed = 2, .pool = MODEL_NONE, .site = MODEL_NONE};
    const struct l4_set all = {.pool = 0, .site = MODEL_NONE}, one = {.pool = 0, .site = 5};
    const struct l4_set told = {.pool = MODEL_NONE, .site = MODEL_NONE};
    struct l4_service s = {
        .name = "dns", .udp = true, .limits = {.connections = 200, .connections_at.line = 7}};
    assert_int_equal(warnings(&s, &two), 0);
    s.limits.connections = 201;
    assert_int_equal(warnings(&s, &two), 1);
    assert_int_equal(warnings(&s, &told), 0);
    s.limits.connections = 400;
    assert_int_equal(warnings(&s, &one), 0);
    s.limits.connections = 401;
    assert_int_equal(warnings(&s, &one), 1);
    assert_int_equal(warnings(&s, &all), 0);
    s.limits.connections = 601;
    assert_int_equal(warnings(&s, &all), 1);
    s.transparent = true;
    assert_int_equal(warnings(&s, &all), 0);
    s.transparent = false;
    s.udp = false;
    assert_int_equal(warnings(&s, &all), 0);
    s.udp = true;
    s.limits.connections_at.line = 0;
    assert_int_equal(warnings(&s, &all), 0);
}

/* Told when it begins, then once a minute; wrong for a minute after the last. */
static void test_shortage(void **state)
{
    (void)state;
    struct registry *registry = registry_new();
    struct service_run *run = registry_service(registry, "dns");
    shortage_look(registry, 1000);
    assert_false(shortage_is(run, 1000));
    atomic_store(&run->results[SERVICE_NO_ROOM], 5);
    shortage_look(registry, 2000);
    assert_false(shortage_is(run, 2000));
    atomic_store(&run->results[SERVICE_NO_PORT], 5);
    shortage_look(registry, 3000);
    assert_true(shortage_is(run, 3000));
    assert_int_equal(run->shortage.n_told, 5);
    atomic_store(&run->results[SERVICE_NO_PORT], 9);
    shortage_look(registry, 62999);
    assert_int_equal(run->shortage.n_told, 5);
    assert_true(shortage_is(run, 122998));
    assert_false(shortage_is(run, 122999));
    atomic_store(&run->results[SERVICE_NO_PORT], 10);
    shortage_look(registry, 63000);
    assert_int_equal(run->shortage.n_told, 10);
    registry_drop_service(registry, run);
    registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_used_up),
        cmocka_unit_test(test_one_place_twice),
        cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_moves_alone),
        cmocka_unit_test(test_moves_in_a_storm),
        cmocka_unit_test(test_lowered),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_shortage),
        cmocka_unit_test(test_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
