/* SPDX-License-Identifier: Apache-2.0
 * The UDP loop by itself: what it takes for a packet, and whom it answers. The source is included,
 * as the tests reach into a server that they shut down halfway. */
#include "io/udp.c"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>

#define HANGS 63 /* the length of a query that is not answered before `go_on` */
static sem_t hangs, go_on;

/** Sends every query back, and nothing for what is shorter than a header. */
void answer_batch(struct answer_ctx *ctx, const struct snapshot *snapshot,
                  struct answer_packet *packets, unsigned n)
{
    (void)snapshot;
    for (unsigned i = 0; i < n; i++) {
        struct answer_packet *p = &packets[i];
        if (p->query_len == HANGS) {
            sem_post(&hangs);
            sem_wait(&go_on);
        }
        p->response_len = p->query_len < 12 ? 0 : p->query_len;
        memcpy(p->response, p->query, p->response_len);
        ctx->stats.dropped += p->query_len < 12;
    }
}

struct world {
    struct udp_server *server;
    int client;
    struct io_stats stats; /* when it was closed */
};

/** Where the server listens, as a client reaches it. */
static void connect_to(struct world *w, const char *text)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    struct ip ip;
    uint16_t port;
    assert_int_equal(getsockname(w->server->fd, (struct sockaddr *)&sa, &n), 0);
    ip = ip_from_sockaddr((struct sockaddr *)&sa, &port);
    assert_int_equal(ip_parse(&ip, text), 0);
    n = ip_to_sockaddr(&sa, &ip, port);
    w->client = socket(sa.ss_family, SOCK_DGRAM, 0);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(w->client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(w->client, (struct sockaddr *)&sa, n), 0);
}

static void open_world(struct world *w, const char *listen, const char *ask)
{
    struct ip ip;
    memset(w, 0, sizeof *w);
    assert_int_equal(ip_parse(&ip, listen), 0);
    assert_int_equal(udp_open(&w->server, &ip, 0), 0);
    connect_to(w, ask);
}

static void close_world(struct world *w)
{
    udp_close(w->server, &w->stats);
    close(w->client);
}

static void send_query(const struct world *w, uint8_t id, size_t n)
{
    uint8_t query[64] = {id};
    assert_int_equal(send(w->client, query, n, 0), n);
}

static void expect_answer(const struct world *w, uint8_t id, size_t n)
{
    uint8_t response[128];
    assert_int_equal(recv(w->client, response, sizeof response, 0), n);
    assert_int_equal(response[0], id);
}

static const char *const places[][2] = {
    {"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"0.0.0.0", "127.7.7.7"}, {"::", "::1"}};

/** A wait that is shut down ends as if an empty packet had come from nobody: it is none, and those
 *  that come after it are answered all the same. */
static void the_end_of_a_wait_is_no_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct world w;
        open_world(&w, places[i][0], places[i][1]);
        shutdown(w.server->fd, SHUT_RD); /* every wait ends at once */
        assert_int_equal(udp_start(w.server, NULL, 0, -1), 0);
        for (uint8_t id = 1; id < 20; id++) {
            send_query(&w, id, 12);
            expect_answer(&w, id, 12);
        }
        close_world(&w);
        assert_int_equal(w.stats.udp_received, 19);
        assert_int_equal(w.stats.udp_sent, 19);
        assert_int_equal(w.stats.answer.dropped, 0);
    }
}

/** Empty packets that somebody did send are packets. */
static void an_empty_packet_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct world w;
        open_world(&w, places[i][0], places[i][1]);
        for (uint8_t id = 0; id < 10; id++)
            send_query(&w, id, 0);
        send_query(&w, 77, 20);
        assert_int_equal(udp_start(w.server, NULL, 0, -1), 0);
        expect_answer(&w, 77, 20);
        close_world(&w);
        assert_int_equal(w.stats.udp_received, 11);
        assert_int_equal(w.stats.answer.dropped, 10);
        assert_int_equal(w.stats.udp_sent, 1);
    }
}

static void wait_until_queued(const struct world *w)
{
    struct pollfd p = {.fd = w->server->fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 20000), 1);
}

/** A thread that hangs is stalled once there has been something to do for a second. */
static void a_thread_that_hangs_is_stalled(void **state)
{
    (void)state;
    struct world w;
    sem_init(&hangs, 0, 0);
    sem_init(&go_on, 0, 0);
    open_world(&w, "127.0.0.1", "127.0.0.1");
    send_query(&w, 1, 12);
    wait_until_queued(&w);
    assert_false(udp_stalled(w.server, 1)); /* it does not answer yet, */
    assert_false(udp_stalled(w.server, 9000));
    assert_int_equal(udp_start(w.server, NULL, 0, -1), 0);
    expect_answer(&w, 1, 12);
    assert_false(udp_stalled(w.server, 10000)); /* has nothing to do, */
    assert_false(udp_stalled(w.server, 20000));
    send_query(&w, 3, HANGS);
    sem_wait(&hangs);
    assert_false(udp_stalled(w.server, 30000)); /* has not been found idle with something to do, */
    assert_false(udp_stalled(w.server, 40000));
    send_query(&w, 0, 0); /* an empty datagram is one as well */
    send_query(&w, 2, 12);
    wait_until_queued(&w);
    assert_false(udp_stalled(w.server, 50000)); /* not for long, */
    assert_false(udp_stalled(w.server, 50000 + STALL_MS - 1));
    assert_true(udp_stalled(w.server, 50000 + STALL_MS));
    assert_true(udp_stalled(w.server, 60000));
    sem_post(&go_on);
    expect_answer(&w, 3, HANGS);
    expect_answer(&w, 2, 12);
    assert_false(udp_stalled(w.server, 60001));
    close_world(&w);
}

/** Turns count, not what is queued. */
static void a_busy_thread_is_not_stalled(void **state)
{
    (void)state;
    struct stall stall = {0};
    assert_false(stall_look(&stall, 5, true, 1000));
    assert_false(stall_look(&stall, 5, true, 1999));
    assert_false(stall_look(&stall, 6, true, 2000));
    assert_false(stall_look(&stall, 6, true, 2999));
    assert_true(stall_look(&stall, 6, true, 3000));
    assert_false(stall_look(&stall, 7, true, 4000));
    assert_false(stall_look(&stall, 7, false, 5500));
    assert_false(stall_look(&stall, 7, true, 6000));
    assert_true(stall_look(&stall, 7, true, 7000));
}

/** What was queued when the stop came is answered, whatever its number. */
static void the_rest_is_answered_at_the_end(void **state)
{
    (void)state;
    static const unsigned numbers[] = {1, ANSWER_BATCH - 1, ANSWER_BATCH, ANSWER_BATCH + 1, 200};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct world w;
        open_world(&w, "127.0.0.1", "127.0.0.1");
        for (unsigned k = 0; k < numbers[i]; k++)
            send_query(&w, (uint8_t)k, 12);
        atomic_store(&w.server->stop, true);
        assert_int_equal(udp_start(w.server, NULL, 0, -1), 0);
        for (unsigned k = 0; k < numbers[i]; k++)
            expect_answer(&w, (uint8_t)k, 12);
        close_world(&w);
        assert_int_equal(w.stats.udp_received, numbers[i]);
    }
}

/** A reply leaves by the route to its client, not by the interface that the query came in by; only
 *  a link-local address needs that. */
static void replies_leave_by_route(void **state)
{
    (void)state;
    union udp_control control = {0};
    struct msghdr h = {.msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    *c = (struct cmsghdr){.cmsg_level = IPPROTO_IP,
                          .cmsg_type = IP_PKTINFO,
                          .cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo))};
    struct in_pktinfo *v4 = (void *)CMSG_DATA(c);
    v4->ipi_ifindex = 7;
    reply_from(&h);
    assert_int_equal(v4->ipi_ifindex, 0);

    static const struct {
        struct in6_addr addr;
        unsigned kept;
    } v6[] = {{{.s6_addr = {0x20, 1}}, 0}, {{.s6_addr = {0xfe, 0x80, [15] = 1}}, 7}};
    for (size_t i = 0; i < ARRAY_LEN(v6); i++) {
        *c = (struct cmsghdr){.cmsg_level = IPPROTO_IPV6,
                              .cmsg_type = IPV6_PKTINFO,
                              .cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo))};
        struct in6_pktinfo *info = (void *)CMSG_DATA(c);
        *info = (struct in6_pktinfo){v6[i].addr, 7};
        reply_from(&h);
        assert_int_equal(info->ipi6_ifindex, v6[i].kept);
    }
}

/** The loop asks for what is published, though these tests do not look at it. */
static int publish(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct snapshot *snapshot = arena_calloc(arena, 1, sizeof *snapshot);
    snapshot->arena = arena;
    publish_snapshot(snapshot);
    return 0;
}

static int unpublish(void **state)
{
    (void)state;
    publish_shutdown();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_wait_is_no_packet),
        cmocka_unit_test(an_empty_packet_is_one),
        cmocka_unit_test(a_thread_that_hangs_is_stalled),
        cmocka_unit_test(a_busy_thread_is_not_stalled),
        cmocka_unit_test(the_rest_is_answered_at_the_end),
        cmocka_unit_test(replies_leave_by_route),
    };
    return cmocka_run_group_tests(tests, publish, unpublish);
}
