/* SPDX-License-Identifier: Apache-2.0
 * Workers on real loopback sockets, with an answer_batch() that only turns queries round: what the
 * transports do, apart from what is answered. */
#include "base/arena.h"
#include "base/count.h"
#include "base/cursor.h"
#include "io/host.h"
#include "io/workers.h"
#include "snapshot/publish.h"
#include "tests/unit/free_port.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/** Sends the query back with QR set, and says in byte 3 which transport it came by. Nothing for
 * what is no query. */
void answer_batch(struct answer_ctx *ctx, const struct snapshot *snapshot,
                  struct answer_packet *packets, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct answer_packet *p = &packets[i];
        p->response_len = 0;
        if (p->query_len < 12 || snapshot->generation == 0) {
            count_add(&ctx->stats.dropped, 1);
            continue;
        }
        memcpy(p->response, p->query, p->query_len);
        p->response[2] |= 0x80;
        p->response[3] = p->tcp;
        p->response_len = p->query_len;
        count_add(&ctx->stats.queries[p->tcp], 1);
    }
}

static struct snapshot *make_snapshot(void)
{
    struct arena *arena = arena_new();
    struct snapshot *s = arena_calloc(arena, 1, sizeof *s);
    s->arena = arena;
    s->generation = 1;
    return s;
}

static struct listen_addr address(const char *text, uint16_t port)
{
    struct listen_addr l = {.port = port};
    assert_int_equal(ip_parse(&l.addr, text), 0);
    return l;
}

/** A socket connected to ADDRESS:port, with a timeout. */
static int connect_to(const char *text, uint16_t port, int type)
{
    struct listen_addr l = address(text, port);
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, &l.addr, port);
    int fd = socket(sa.ss_family, type, 0);
    struct timeval tv = {.tv_sec = 60};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, n), 0);
    return fd;
}

/** A socket of another program's, as it were. */
static int bind_udp(const char *text, uint16_t port)
{
    struct listen_addr l = address(text, port);
    struct sockaddr_storage sa;
    socklen_t n = ip_to_sockaddr(&sa, &l.addr, port);
    int fd = socket(sa.ss_family, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    return fd;
}

static void fill(uint8_t query[12], uint16_t id)
{
    memset(query, 0, 12);
    store_u16(query, id);
}

static void expect_udp(const char *text, uint16_t port, uint16_t id)
{
    uint8_t query[12], response[64];
    int fd = connect_to(text, port, SOCK_DGRAM); /* connected: takes answers from there only */
    fill(query, id);
    assert_int_equal(send(fd, query, sizeof query, 0), sizeof query);
    assert_int_equal(recv(fd, response, sizeof response, 0), sizeof query);
    assert_int_equal(load_u16(response), id);
    assert_int_equal(response[2], 0x80);
    assert_int_equal(response[3], 0);
    close(fd);
}

static void expect_tcp(const char *text, uint16_t port, uint16_t id)
{
    uint8_t query[14], response[64];
    int fd = connect_to(text, port, SOCK_STREAM);
    store_u16(query, 12);
    fill(query + 2, id);
    assert_int_equal(send(fd, query, sizeof query, 0), sizeof query);
    assert_int_equal(recv(fd, response, 14, MSG_WAITALL), 14);
    assert_int_equal(load_u16(response + 2), id);
    assert_int_equal(response[5], 1);
    close(fd);
}

static struct server_config config(const struct listen_addr *listen, uint32_t n)
{
    return (struct server_config){
        .listen = listen,
        .n_listen = n,
        .workers = 2,
        .tcp = {.max_connections = 100, .max_per_client = 50, .idle_timeout_ms = 5000},
    };
}

static struct workers *start(const struct server_config *server)
{
    struct workers *w = NULL;
    struct diags diags;
    diags_init(&diags);
    if (workers_bind(&w, server, 100, &diags) != 0)
        diags_print(&diags, stderr);
    assert_non_null(w);
    publish_snapshot(make_snapshot());
    assert_int_equal(workers_start(w, &diags), 0);
    diags_free(&diags);
    return w;
}

#define PATIENCE_MS 60000

/** Counters lag by a batch: waits until so many packets were received and answered or dropped. */
static void wait_for_udp(const struct workers *w, uint64_t n)
{
    struct io_stats stats;
    for (unsigned i = 0; i < PATIENCE_MS; i++) {
        workers_stats(w, &stats);
        if (stats.udp_received + stats.udp_kernel_drops >= n &&
            stats.udp_sent + stats.udp_send_errors + stats.answer.dropped >= stats.udp_received)
            return;
        usleep(1000);
    }
    fail_msg("%llu packets received, expected %llu", (unsigned long long)stats.udp_received,
             (unsigned long long)n);
}

static void finish(struct workers *w)
{
    workers_stop(w);
    publish_shutdown();
}

static void answers_on_every_address(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port), address("127.0.0.2", port),
                                   address("::1", port)};
    struct server_config server = config(listen, 3);
    struct workers *w = start(&server);
    const char *texts[] = {"127.0.0.1", "127.0.0.2", "::1"};
    for (uint16_t i = 0; i < 60; i++) { /* many ports: the kernel spreads them over workers */
        expect_udp(texts[i % 3], port, i);
        expect_tcp(texts[i % 3], port, i);
    }
    struct io_stats stats;
    wait_for_udp(w, 60);
    for (unsigned i = 0; i < PATIENCE_MS; i++) {
        workers_stats(w, &stats);
        if (stats.tcp_open == 0 && stats.answer.queries[1] == 60)
            break;
        usleep(1000);
    }
    assert_int_equal(stats.udp_received, 60);
    assert_int_equal(stats.udp_sent, 60);
    assert_int_equal(stats.answer.queries[0], 60);
    assert_int_equal(stats.answer.queries[1], 60);
    assert_int_equal(stats.tcp_accepted, 60);
    assert_int_equal(stats.tcp_open, 0);
    assert_int_equal(stats.udp_kernel_drops, 0);
    finish(w);
}

/** On a wildcard address an answer comes from the address that was asked, or a client drops it. */
static void wildcard_answers_from_where_it_was_asked(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("0.0.0.0", port), address("::", port)};
    struct server_config server = config(listen, 2);
    struct workers *w = start(&server);
    for (uint16_t i = 0; i < 40; i++) {
        char text[32];
        snprintf(text, sizeof text, "127.0.%u.%u", i, i + 1);
        expect_udp(text, port, i);
    }
    expect_udp("::1", port, 77);
    finish(w);
}

/** Junk between queries of one batch costs no query its answer. */
static void junk_is_passed_over(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port)};
    struct server_config server = config(listen, 1);
    struct workers *w = start(&server);
    int fd = connect_to("127.0.0.1", port, SOCK_DGRAM);
    bool seen[200] = {false};
    for (uint16_t i = 0; i < 200; i++) {
        uint8_t query[12];
        fill(query, i);
        send(fd, query, i % 3 == 0 ? 5 : i % 7 == 0 ? 0 : sizeof query, 0);
        seen[i] = i % 3 == 0 || i % 7 == 0;
    }
    for (unsigned i = 0; i < 200; i++)
        while (!seen[i]) {
            uint8_t response[64];
            assert_int_equal(recv(fd, response, sizeof response, 0), 12);
            assert_true(load_u16(response) < 200);
            seen[load_u16(response)] = true;
        }
    close(fd);
    finish(w);
}

static void an_address_in_use_is_refused(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port)};
    struct server_config server = config(listen, 1);
    struct workers *w = start(&server), *other = NULL;
    struct diags diags;
    diags_init(&diags);
    assert_int_not_equal(workers_bind(&other, &server, 100, &diags), 0);
    assert_int_equal(diags.n_errors, 1);
    assert_non_null(strstr(diags.v[0].text, "address already in use"));
    assert_non_null(strstr(diags.v[0].text, "127.0.0.1:"));
    assert_null(other);
    diags_free(&diags);
    finish(w);
}

/** Asks one address without end, until told to stop; every query must be answered. */
struct asker {
    uint16_t port;
    atomic_bool stop;
    unsigned n;
};

static void *ask(void *arg)
{
    struct asker *a = arg;
    while (!atomic_load(&a->stop)) {
        expect_udp("127.0.0.1", a->port, (uint16_t)a->n++);
        if (a->n % 8 == 0)
            expect_tcp("127.0.0.1", a->port, (uint16_t)a->n);
    }
    return NULL;
}

static void reload_adds_and_drops_addresses(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr one[] = {address("127.0.0.1", port)};
    struct listen_addr two[] = {address("127.0.0.2", port), address("127.0.0.1", port)};
    struct listen_addr bad[] = {address("127.0.0.1", port), address("127.0.0.3", port),
                                address("127.0.0.4", port)};
    struct server_config a = config(one, 1), b = config(two, 2), c = config(bad, 3);
    int others = bind_udp("127.0.0.4", port);
    struct workers *w = start(&a);
    struct asker asker = {.port = port};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask, &asker), 0);
    struct diags diags;
    for (unsigned i = 0; i < 20; i++) {
        diags_init(&diags);
        assert_int_equal(workers_reload(w, &b, 100, &diags), 0);
        expect_udp("127.0.0.2", port, (uint16_t)i);
        expect_tcp("127.0.0.2", port, (uint16_t)i);
        assert_int_not_equal(workers_reload(w, &c, 100, &diags), 0); /* the last is another's */
        assert_int_equal(diags.n_errors, 1);
        expect_udp("127.0.0.2", port, (uint16_t)i); /* nothing changed */
        assert_int_equal(workers_reload(w, &a, 100, &diags), 0);
        diags_free(&diags);
    }
    struct io_stats before, after;
    workers_stats(w, &before);
    atomic_store(&asker.stop, true);
    pthread_join(thread, NULL);
    workers_stats(w, &after);
    assert_true(before.udp_received >= 40); /* those of the dropped listeners are not forgotten */
    assert_true(after.udp_received >= before.udp_received);
    close(others);
    finish(w);
}

/** Queries that were queued when the stop came are answered. */
static void stop_answers_what_is_queued(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port)};
    struct server_config server = config(listen, 1);
    struct workers *w = start(&server);
    int fd = connect_to("127.0.0.1", port, SOCK_DGRAM);
    for (uint16_t i = 0; i < 100; i++) {
        uint8_t query[12];
        fill(query, i);
        send(fd, query, sizeof query, 0);
    }
    workers_stop(w);
    for (unsigned n = 0; n < 100; n++) {
        uint8_t response[64];
        assert_int_equal(recv(fd, response, sizeof response, 0), 12);
    }
    close(fd);
    publish_shutdown();
}

/** What ends the wait of a thread is no packet. */
static void dropping_an_address_counts_nothing(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port), address("127.0.0.2", port),
                                   address("::1", port), address("0.0.0.0", port)};
    struct server_config one = config(listen, 1), all = config(listen, 4);
    struct workers *w = start(&one);
    struct diags diags;
    struct io_stats stats;
    diags_init(&diags);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(workers_reload(w, &all, 100, &diags), 0);
        expect_udp("127.0.0.2", port, (uint16_t)i);
        assert_int_equal(workers_reload(w, &one, 100, &diags), 0);
    }
    wait_for_udp(w, 20);
    workers_stats(w, &stats);
    assert_int_equal(stats.udp_received, 20);
    assert_int_equal(stats.answer.dropped, 0);
    diags_free(&diags);
    finish(w);
}

/** An address that is given up by one reload and wanted by the next is never a closed door: what
 *  the old socket had accepted is answered, and the new one takes over. */
static void an_address_comes_back_at_once(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port), address("127.0.0.2", port)};
    struct server_config one = config(listen, 1), two = config(listen, 2);
    struct workers *w = start(&two);
    struct diags diags;
    diags_init(&diags);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(workers_reload(w, &one, 100, &diags), 0);
        assert_int_equal(workers_reload(w, &two, 100, &diags), 0);
        expect_tcp("127.0.0.2", port, (uint16_t)i);
    }
    diags_free(&diags);
    finish(w);
}

/** When a reload is over, nothing listens on what it dropped. */
static void a_dropped_address_is_free_when_that_is_said(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port), address("127.0.0.2", port)};
    struct server_config one = config(listen, 1), two = config(listen, 2);
    struct workers *w = start(&two);
    struct diags diags;
    diags_init(&diags);
    for (unsigned i = 0; i < 100; i++) {
        struct sockaddr_storage sa;
        socklen_t n = ip_to_sockaddr(&sa, &listen[1].addr, port);
        assert_int_equal(workers_reload(w, &one, 100, &diags), 0);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_not_equal(connect(fd, (struct sockaddr *)&sa, n), 0);
        close(fd);
        assert_int_equal(workers_reload(w, &two, 100, &diags), 0);
    }
    diags_free(&diags);
    finish(w);
}

/** An address that no interface has is bound, and says so. */
static void an_address_may_come_later(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port), address("240.0.0.77", port)};
    struct server_config server = config(listen, 2);
    struct workers *w = NULL;
    struct diags diags;
    struct io_shares shares;
    diags_init(&diags);
    assert_int_equal(host_check(&(struct model){.server = server}, &diags), 0);
    assert_int_equal(workers_bind(&w, &server, 100, &diags), 0);
    assert_int_equal(diags.n, 1);
    assert_non_null(strstr(diags.v[0].text, "240.0.0.77:"));
    assert_non_null(strstr(diags.v[0].text, "no interface"));
    workers_shares(w, &shares);
    assert_false(shares.listeners[0].absent);
    assert_true(shares.listeners[1].absent);
    io_shares_free(&shares);
    diags_free(&diags);
    workers_stop(w);
}

/** The core number i of those that we may use. */
static unsigned usable_core(const cpu_set_t *set, unsigned i)
{
    unsigned cpu = 0;
    while (!CPU_ISSET(cpu, set) || i-- > 0)
        cpu++;
    return cpu;
}

/** Asks n times from as many ports, on one core. On loopback the packets are taken in there. */
static void ask_from_core(const char *text, uint16_t port, unsigned cpu, unsigned n)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    for (unsigned i = 0; i < n; i++)
        expect_udp(text, port, (uint16_t)i);
}

/** How many of `n` new packets, all from one core, each of the workers got. */
static void expect_share(const struct workers *w, struct io_shares *before, unsigned worker,
                         unsigned n)
{
    struct io_shares now;
    uint64_t sum = n;
    for (unsigned i = 0; i < before->n_workers; i++)
        sum += before->workers[i].udp_received;
    wait_for_udp(w, sum);
    workers_shares(w, &now);
    for (unsigned i = 0; i < now.n_workers; i++)
        assert_int_equal(now.workers[i].udp_received - before->workers[i].udp_received,
                         i == worker ? n : 0);
    io_shares_free(before);
    *before = now;
}

static void packets_go_to_the_worker_of_their_core(void **state)
{
    (void)state;
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    unsigned n_cores = (unsigned)CPU_COUNT(&all);
    if (n_cores < 2) {
        print_message("skipped: needs two cores\n");
        skip();
    }
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port), address("::1", port)};
    struct server_config by_core = config(listen, 2), by_hash = config(listen, 2);
    by_core.workers = by_hash.workers = n_cores;
    by_core.dispatch = DISPATCH_CPU;
    by_hash.dispatch = DISPATCH_HASH;
    struct workers *w = start(&by_core);
    struct io_shares shares;
    workers_shares(w, &shares);
    for (unsigned i = 0; i < n_cores; i++) {
        ask_from_core("127.0.0.1", port, usable_core(&all, i), 40);
        expect_share(w, &shares, i, 40);
        ask_from_core("::1", port, usable_core(&all, i), 40);
        expect_share(w, &shares, i, 40);
    }
    struct diags diags;
    diags_init(&diags);
    assert_int_equal(workers_reload(w, &by_hash, 100, &diags), 0);
    ask_from_core("127.0.0.1", port, usable_core(&all, 0), 100);
    wait_for_udp(w, n_cores * 80 + 100);
    io_shares_free(&shares);
    workers_shares(w, &shares);
    uint64_t others = 0;
    for (unsigned i = 1; i < n_cores; i++)
        others += shares.workers[i].udp_received - 80;
    assert_true(others > 0);
    assert_int_equal(workers_reload(w, &by_core, 100, &diags), 0);
    ask_from_core("127.0.0.1", port, usable_core(&all, 1), 40);
    expect_share(w, &shares, 1, 40);
    assert_int_equal(diags.n, 0);
    diags_free(&diags);
    io_shares_free(&shares);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    finish(w);
}

/** Every packet is either answered or counted as dropped, also over a reload. */
static void what_overflows_is_counted(void **state)
{
    (void)state;
    uint16_t port = free_port();
    struct listen_addr listen[] = {address("127.0.0.1", port), address("127.0.0.2", port)};
    struct server_config two = config(listen, 2), one = config(listen, 1);
    struct workers *w = NULL;
    struct diags diags;
    diags_init(&diags);
    assert_int_equal(workers_bind(&w, &two, 100, &diags), 0);
    int fd = connect_to("127.0.0.1", port, SOCK_DGRAM);
    uint8_t query[12];
    fill(query, 1);
    unsigned sent = 0; /* all to one worker, as they come from one port */
    for (; sent < 50000; sent++)
        assert_int_equal(send(fd, query, sizeof query, 0), sizeof query);
    publish_snapshot(make_snapshot());
    assert_int_equal(workers_start(w, &diags), 0);
    wait_for_udp(w, sent);
    assert_int_equal(workers_reload(w, &one, 100, &diags), 0);
    struct io_shares shares;
    struct io_stats stats;
    workers_shares(w, &shares);
    workers_stats(w, &stats);
    assert_int_equal(shares.n_listeners, 1);
    assert_true(shares.listeners[0].udp_kernel_drops > 0);
    assert_int_equal(shares.listeners[0].udp_kernel_drops + shares.listeners[0].udp_received, sent);
    assert_int_equal(shares.workers[0].udp_kernel_drops + shares.workers[1].udp_kernel_drops,
                     stats.udp_kernel_drops);
    assert_int_equal(stats.udp_kernel_drops, shares.listeners[0].udp_kernel_drops);
    io_shares_free(&shares);
    diags_free(&diags);
    close(fd);
    finish(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_on_every_address),
        cmocka_unit_test(wildcard_answers_from_where_it_was_asked),
        cmocka_unit_test(junk_is_passed_over),
        cmocka_unit_test(an_address_in_use_is_refused),
        cmocka_unit_test(reload_adds_and_drops_addresses),
        cmocka_unit_test(dropping_an_address_counts_nothing),
        cmocka_unit_test(an_address_comes_back_at_once),
        cmocka_unit_test(a_dropped_address_is_free_when_that_is_said),
        cmocka_unit_test(an_address_may_come_later),
        cmocka_unit_test(stop_answers_what_is_queued),
        cmocka_unit_test(packets_go_to_the_worker_of_their_core),
        cmocka_unit_test(what_overflows_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
