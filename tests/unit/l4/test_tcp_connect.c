/* SPDX-License-Identifier: Apache-2.0
 * Ways to a member: refusal, silence, others that are tried, and what becomes of it when the plan
 * changes meanwhile. */
#include "forward_world.h"

static void echo_of(int client, int member)
{
    SAY(client, "hello");
    HEAR(member, "hello");
    SAY(member, "yes?");
    HEAR(client, "yes?");
}

/* A listener whose queue is full: what is sent to it is dropped. */
struct hole {
    int listener;
    int fillers[64];
    unsigned n;
};

/* As the kernel tells it: of a listener these are how many wait, and how many may but one. */
static bool is_full(int listener)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    assert_int_equal(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &n), 0);
    return info.tcpi_unacked > info.tcpi_sacked;
}

static void hole_dig(struct hole *hole)
{
    hole->listener = listening(0);
    hole->n = 0;
    while (!is_full(hole->listener)) {
        uint32_t waits = hole->n + 1;
        struct tcp_info info;
        socklen_t n = sizeof info;
        assert_true(hole->n < 64);
        hole->fillers[hole->n++] = client_of(port_of(hole->listener));
        WAIT_UNTIL(getsockopt(hole->listener, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
                   info.tcpi_unacked >= waits);
    }
}

static void hole_fill(struct hole *hole)
{
    for (unsigned i = 0; i < hole->n; i++)
        close(hole->fillers[i]);
    close(hole->listener);
}

static void another_is_tried_on_refusal(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int closed = refusing(), backend = listening(64);
    struct member *bad = world_member(&w, 0, port_of(closed));
    WORLD_MEMBERS_ARE(&w, up(port_of(closed)), up(port_of(backend)));
    for (unsigned i = 0; i < 10; i++) {
        int client = client_of(w.port), member = accepted(backend);
        echo_of(client, member);
        close(client);
        hear_end(member);
        close(member);
    }
    WAIT_UNTIL(w.n_ended == 10);
    assert_int_equal(world_result(&w, SERVICE_OK), 10);
    /* after its third failure it is left alone for a while */
    assert_int_equal(atomic_load(&bad->refused), MEMBER_FAILURES);
    assert_int_equal(w.n_failed, MEMBER_FAILURES);
    assert_int_equal(w.n_timed_out, 0);
    assert_true(member_is_ejected(bad, world_now_ms()));
    close(closed), close(backend);
    world_close(&w);
}

/* Where a client's member is always the same, too. */
static void none_is_tried_twice(void **state)
{
    (void)state;
    static const enum l4_balance kinds[] = {L4_SOURCE_HASH, L4_MAGLEV, L4_LEAST_CONN};
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct world w;
        int closed[5];
        world_open(&w);
        w.service.balance = kinds[k];
        w.service.connect_retries = 5;
        w.n_members[0] = 6;
        for (unsigned i = 0; i < 5; i++) {
            closed[i] = refusing();
            w.members[0][i] = up(port_of(closed[i]));
        }
        int backend = listening(64);
        w.members[0][5] = up(port_of(backend));
        world_give(&w);
        world_settle(&w);
        int client = client_of(w.port), member = accepted(backend);
        echo_of(client, member);
        close(client), close(member), close(backend);
        for (unsigned i = 0; i < 5; i++) {
            assert_true(atomic_load(&world_member(&w, 0, port_of(closed[i]))->refused) <= 1);
            close(closed[i]);
        }
        world_close(&w);
    }
}

static void when_all_refuse_the_client_is_reset(void **state)
{
    (void)state;
    struct world w;
    int closed[4];
    world_open(&w);
    w.n_members[0] = 4;
    for (unsigned i = 0; i < 4; i++) {
        closed[i] = refusing();
        w.members[0][i] = up(port_of(closed[i]));
    }
    world_give(&w);
    world_settle(&w);
    refused_client_of(w.port);
    WAIT_UNTIL(w.n_ended == 1);
    assert_int_equal(w.n_failed, 3); /* the first, and two retries */
    assert_int_equal(w.last.tries, 3);
    assert_int_equal(w.last.result, SERVICE_NO_MEMBER);
    assert_int_equal(world_result(&w, SERVICE_NO_MEMBER), 1);
    for (unsigned i = 0; i < 4; i++)
        close(closed[i]);
    world_close(&w);
}

static void another_is_tried_on_silence(void **state)
{
    (void)state;
    struct world w;
    struct hole hole;
    world_open(&w);
    w.service.connect_timeout_ms = 1000;
    hole_dig(&hole);
    int backend = listening(64);
    WORLD_MEMBERS_ARE(&w, up(port_of(hole.listener)), up(port_of(backend)));
    for (unsigned i = 0; i < 2; i++) {
        int client = client_of(w.port);
        SAY(client, "said before there was a member");
        int member = accepted(backend);
        HEAR(member, "said before there was a member");
        echo_of(client, member);
        close(client), close(member);
    }
    assert_true(w.n_timed_out >= 1);
    assert_int_equal(w.n_failed, w.n_timed_out);
    close(backend);
    hole_fill(&hole);
    world_close(&w);
}

static void a_client_that_goes_is_not_waited_for(void **state)
{
    (void)state;
    struct world w;
    struct hole hole;
    world_open(&w);
    hole_dig(&hole);
    WORLD_MEMBERS_ARE(&w, up(port_of(hole.listener)));
    int client = client_of(w.port);
    WAIT_UNTIL(atomic_load(&world_member(&w, 0, port_of(hole.listener))->active) == 1);
    reset(client);
    WAIT_UNTIL(world_result(&w, SERVICE_CLIENT) == 1);
    assert_int_equal(w.n_failed, 0);
    hole_fill(&hole);
    world_close(&w);
}

/* What is tried when the plan changes goes by the new one. */
static void a_new_plan_holds_for_those_that_connect(void **state)
{
    (void)state;
    struct world w;
    struct hole hole;
    world_open(&w);
    w.service.connect_timeout_ms = 3000;
    hole_dig(&hole);
    int backend = listening(64);
    uint16_t silent = port_of(hole.listener);
    WORLD_MEMBERS_ARE(&w, up(silent));
    int client = client_of(w.port);
    WAIT_UNTIL(atomic_load(&world_member(&w, 0, silent)->active) == 1);
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)), up(silent));
    int member = accepted(backend);
    echo_of(client, member);
    close(client), close(member), close(backend);
    hole_fill(&hole);
    world_close(&w);
}

/* A set is known by its name, whatever its place, and only if the service has it. */
static void a_plan_with_other_sets_sends_nobody_to_them(void **state)
{
    (void)state;
    for (unsigned kept = 0; kept < 3; kept++) { /* renamed; another service's; in another place */
        struct world w;
        struct hole hole;
        world_open(&w);
        hole_dig(&hole);
        int backend = listening(64), others = listening(64);
        uint16_t silent = port_of(hole.listener);
        WORLD_MEMBERS_ARE(&w, up(silent));
        int client = client_of(w.port);
        struct member *left = world_member(&w, 0, silent);
        WAIT_UNTIL(atomic_load(&left->active) == 1);
        atomic_store(&left->close_at_ms, world_now_ms());
        w.sets[0].name = "other";
        w.n_members[1] = kept > 0;
        w.n_sets = 1 + (kept > 0);
        w.sets[1].name = "web";
        w.members[1][0] = up(port_of(backend));
        w.service.set = kept == 2;
        WORLD_MEMBERS_ARE(&w, up(port_of(others)));
        if (kept == 2) {
            int member = accepted(backend);
            echo_of(client, member);
            close(member);
        } else {
            hear_reset(client);
            WAIT_UNTIL(w.n_ended == 1);
            assert_int_equal(w.last.result, SERVICE_NO_MEMBER);
        }
        close(client), close(backend), close(others);
        hole_fill(&hole);
        world_close(&w);
    }
}

/* The one that is left is gone from the plan, and its time has come: no blame, another one. */
static void a_member_that_is_left_is_not_waited_for(void **state)
{
    (void)state;
    struct world w;
    struct hole hole;
    world_open(&w);
    hole_dig(&hole);
    int backend = listening(64);
    uint16_t silent = port_of(hole.listener);
    WORLD_MEMBERS_ARE(&w, up(silent));
    int client = client_of(w.port);
    WAIT_UNTIL(atomic_load(&world_member(&w, 0, silent)->active) == 1);
    atomic_store(&world_member(&w, 0, silent)->close_at_ms, world_now_ms());
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int member = accepted(backend);
    echo_of(client, member);
    assert_int_equal(w.n_failed, 0);
    close(client), close(member), close(backend);
    hole_fill(&hole);
    world_close(&w);
}

/* That was no failure: it takes none of the tries. */
static void nor_does_it_cost_a_try(void **state)
{
    (void)state;
    struct world w;
    struct hole hole;
    world_open(&w);
    w.service.connect_retries = 0;
    hole_dig(&hole);
    int backend = listening(64);
    uint16_t silent = port_of(hole.listener);
    WORLD_MEMBERS_ARE(&w, up(silent));
    int client = client_of(w.port);
    WAIT_UNTIL(atomic_load(&world_member(&w, 0, silent)->active) == 1);
    atomic_store(&world_member(&w, 0, silent)->close_at_ms, world_now_ms());
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    int member = accepted(backend);
    echo_of(client, member);
    close(client), close(member), close(backend);
    WAIT_UNTIL(w.n_ended == 1);
    assert_int_equal(w.last.tries, 1);
    hole_fill(&hole);
    world_close(&w);
}

static void the_proxy_header_comes_first(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    int backend = listening(64);
    w.service.proxy_send = L4_PROXY_V1;
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    char line[108];
    int client = client_of(w.port);
    int n = snprintf(line, sizeof line, "PROXY TCP4 127.0.0.1 127.0.0.1 %u %u\r\n", port_of(client),
                     w.port);
    int member = accepted(backend);
    hear(member, line, (size_t)n); /* though the client has said nothing */
    echo_of(client, member);
    close(client), close(member);
    w.service.proxy_send = L4_PROXY_V2;
    world_give(&w);
    world_settle(&w);
    client = client_of(w.port);
    SAY(client, "hello");
    member = accepted(backend);
    uint16_t from = htons(port_of(client)), to = htons(w.port);
    char v2[28] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01";
    memcpy(v2 + 24, &from, 2);
    memcpy(v2 + 26, &to, 2);
    hear(member, v2, sizeof v2);
    HEAR(member, "hello");
    close(client), close(member), close(backend);
    world_close(&w);
}

/* 127.0.0.0/8 is this machine's: no routes have to be made for the way back. */
static void a_transparent_service_comes_from_the_client(void **state)
{
    (void)state;
    struct world w;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f00004d)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof to;
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setsockopt(client, SOL_IP, IP_TRANSPARENT, &(int){1}, sizeof(int)) != 0) {
        close(client);
        skip(); /* takes CAP_NET_ADMIN */
    }
    world_open(&w);
    int backend = listening(64);
    w.service.transparent = true;
    WORLD_MEMBERS_ARE(&w, up(port_of(backend)));
    to.sin_port = htons(w.port);
    patient(client);
    assert_int_equal(bind(client, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
    int member = accepted(backend);
    assert_int_equal(getpeername(member, (struct sockaddr *)&to, &n), 0);
    assert_int_equal(to.sin_addr.s_addr, from.sin_addr.s_addr);
    echo_of(client, member);
    close(client), close(member), close(backend);
    WAIT_UNTIL(w.n_ended == 1);
    w.n_fds--; /* the client's was opened before */
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_is_tried_on_refusal),
        cmocka_unit_test(none_is_tried_twice),
        cmocka_unit_test(when_all_refuse_the_client_is_reset),
        cmocka_unit_test(another_is_tried_on_silence),
        cmocka_unit_test(a_client_that_goes_is_not_waited_for),
        cmocka_unit_test(a_new_plan_holds_for_those_that_connect),
        cmocka_unit_test(a_plan_with_other_sets_sends_nobody_to_them),
        cmocka_unit_test(a_member_that_is_left_is_not_waited_for),
        cmocka_unit_test(nor_does_it_cost_a_try),
        cmocka_unit_test(the_proxy_header_comes_first),
        cmocka_unit_test(a_transparent_service_comes_from_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
