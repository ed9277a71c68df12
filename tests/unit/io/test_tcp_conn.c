/* SPDX-License-Identifier: Apache-2.0
 * One TCP connection by itself, on a pair of sockets: framing over any cut, peers that do not take
 * their answers, what is kept for them, and the end. */
#include "base/arena.h"
#include "base/rng.h"
#include "io/tcp_conn.h"
#include "snapshot/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define QUERY 12u
#define BIG 5000u /* what a query that begins with 'B' is answered with */

/** Sends queries back; 'B' gets a long answer, 'J' none, as what is no DNS. */
void answer_batch(struct answer_ctx *ctx, const struct snapshot *snapshot,
                  struct answer_packet *packets, unsigned n)
{
    (void)snapshot;
    assert_in_range(n, 1, ANSWER_BATCH);
    for (unsigned i = 0; i < n; i++) {
        struct answer_packet *p = &packets[i];
        p->response_len = p->query[0] == 'J' ? 0 : p->query[0] == 'B' ? BIG : p->query_len;
        memset(p->response, p->query[0], p->response_len);
        memcpy(p->response, p->query, p->response_len ? p->query_len : 0);
        ctx->stats.queries[1]++;
    }
}

struct world {
    struct tcp_scratch *scratch;
    struct tcp_conn conn;
    int peer;
};

static void open_world(struct world *w)
{
    int ends[2];
    memset(w, 0, sizeof *w);
    w->scratch =
        mmap(NULL, sizeof *w->scratch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(w->scratch, MAP_FAILED);
    tcp_scratch_init(w->scratch);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    w->conn.source.fd = ends[0];
    w->peer = ends[1];
}

static void close_world(struct world *w)
{
    tcp_conn_forget(&w->conn, w->scratch);
    assert_int_equal(w->scratch->kept, 0);
    close(w->conn.source.fd);
    close(w->peer);
    munmap(w->scratch, sizeof *w->scratch);
}

/** Appends a framed query of the kind, with a number in it. */
static size_t put(uint8_t *to, char kind, uint16_t number)
{
    memset(to, 0, 2 + QUERY);
    store_u16(to, QUERY);
    to[2] = (uint8_t)kind;
    store_u16(to + 3, number);
    return 2 + QUERY;
}

static void peer_sends(const struct world *w, const uint8_t *p, size_t n)
{
    assert_int_equal(send(w->peer, p, n, 0), n);
}

/** Reads one whole answer; returns its number. */
static unsigned peer_takes(const struct world *w)
{
    uint8_t head[2], text[65535];
    size_t have = 0;
    assert_int_equal(recv(w->peer, head, 2, 0), 2);
    while (have < load_u16(head)) {
        ssize_t n = recv(w->peer, text + have, load_u16(head) - have, 0);
        assert_true(n > 0);
        have += (size_t)n;
    }
    return load_u16(text + 1);
}

/** Cut anywhere, a stream is the same queries. */
static void any_cut_is_the_same(void **state)
{
    (void)state;
    struct rng rng = {.state = 3};
    for (unsigned round = 0; round < 200; round++) {
        struct world w;
        uint8_t stream[100 * (2 + QUERY)];
        size_t n = 0, sent = 0;
        open_world(&w);
        for (uint16_t i = 0; i < 100; i++)
            n += put(stream + n, 'Q', i);
        unsigned longest = 1 + rng_below(&rng, round % 2 ? 5 : 900);
        for (uint16_t taken = 0; sent < n;) {
            size_t piece = 1 + rng_below(&rng, longest);
            if (piece > n - sent)
                piece = n - sent;
            peer_sends(&w, stream + sent, piece);
            sent += piece;
            assert_true(tcp_conn_read(&w.conn, w.scratch));
            assert_int_equal(w.scratch->kept, sent % (2 + QUERY));
            assert_int_equal(tcp_conn_is_idle(&w.conn), sent % (2 + QUERY) == 0);
            while (taken < sent / (2 + QUERY))
                assert_int_equal(peer_takes(&w), taken++);
        }
        close_world(&w);
    }
}

static void nothing_new_is_no_end(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    assert_true(tcp_conn_read(&w.conn, w.scratch));
    assert_true(tcp_conn_is_idle(&w.conn));
    shutdown(w.peer, SHUT_WR);
    assert_false(tcp_conn_read(&w.conn, w.scratch));
    close_world(&w);
}

/** While answers wait nothing more is answered; then all is, in order. */
static void one_who_does_not_take_is_not_read_from(void **state)
{
    (void)state;
    struct world w;
    static uint8_t stream[600 * (2 + QUERY)];
    size_t n = 0;
    int small = 4096;
    open_world(&w);
    setsockopt(w.conn.source.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    for (uint16_t i = 0; i < 600; i++)
        n += put(stream + n, 'B', i);
    peer_sends(&w, stream, n);
    assert_true(tcp_conn_read(&w.conn, w.scratch));
    assert_non_null(w.conn.out);
    assert_true(w.conn.progress);
    assert_true(w.scratch->kept <= ANSWER_BATCH * (2 + BIG) + n); /* one batch of answers */
    assert_int_equal(w.scratch->kept, w.conn.in_len + w.conn.out_len);
    uint64_t answered = w.scratch->answer.stats.queries[1];
    assert_in_range(answered, 1, 599);
    assert_true(tcp_conn_write(&w.conn, w.scratch)); /* no room yet */
    assert_int_equal(w.scratch->answer.stats.queries[1], answered);
    uint8_t head[2], text[BIG];
    for (uint16_t i = 0; i < 600; i++) {
        size_t have = 0;
        while (have < 2 + BIG) {
            uint8_t *to = have < 2 ? head + have : text + have - 2;
            ssize_t got = recv(w.peer, to, have < 2 ? 2 - have : 2 + BIG - have, 0);
            if (got < 0) {
                assert_int_equal(errno, EAGAIN);
                assert_true(w.conn.out || w.conn.in);
                assert_true(w.conn.out ? tcp_conn_write(&w.conn, w.scratch)
                                       : tcp_conn_read(&w.conn, w.scratch));
                continue;
            }
            have += (size_t)got;
        }
        assert_int_equal(load_u16(head), BIG);
        assert_int_equal(load_u16(text + 1), i);
    }
    assert_true(tcp_conn_is_idle(&w.conn));
    assert_int_equal(w.scratch->answer.stats.queries[1], 600);
    close_world(&w);
}

/** What comes before junk is answered, what comes behind it is not, and that is the end. */
static void junk_is_the_end(void **state)
{
    (void)state;
    for (unsigned before = 0; before < 80; before += 13) {
        struct world w;
        uint8_t stream[100 * (2 + QUERY)];
        size_t n = 0;
        open_world(&w);
        for (uint16_t i = 0; i < before; i++)
            n += put(stream + n, 'Q', i);
        n += put(stream + n, 'J', 999);
        n += put(stream + n, 'Q', 1000);
        peer_sends(&w, stream, n);
        assert_false(tcp_conn_read(&w.conn, w.scratch));
        for (uint16_t i = 0; i < before; i++)
            assert_int_equal(peer_takes(&w), i);
        uint8_t more;
        assert_true(recv(w.peer, &more, 1, 0) < 0);
        close_world(&w);
    }
}

static void a_broken_peer_is_the_end(void **state)
{
    (void)state;
    struct world w;
    uint8_t stream[2 + QUERY];
    open_world(&w);
    size_t n = put(stream, 'B', 1);
    peer_sends(&w, stream, n);
    shutdown(w.peer, SHUT_RD);
    assert_false(tcp_conn_read(&w.conn, w.scratch));
    close_world(&w);
}

/** The longest message there can be, in pieces. */
static void the_longest_query_is_taken(void **state)
{
    (void)state;
    struct world w;
    static uint8_t stream[2 + 65535];
    open_world(&w);
    store_u16(stream, 65535);
    stream[2] = 'Q';
    for (size_t sent = 0; sent < sizeof stream;) {
        size_t piece = sizeof stream - sent < 9000 ? sizeof stream - sent : 9000;
        peer_sends(&w, stream + sent, piece);
        sent += piece;
        assert_true(tcp_conn_read(&w.conn, w.scratch));
        if (sent < sizeof stream)
            assert_int_equal(w.scratch->kept, sent);
    }
    assert_null(w.conn.in);
    assert_int_equal(w.scratch->answer.stats.queries[1], 1);
    close_world(&w);
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
        cmocka_unit_test(any_cut_is_the_same),
        cmocka_unit_test(nothing_new_is_no_end),
        cmocka_unit_test(one_who_does_not_take_is_not_read_from),
        cmocka_unit_test(junk_is_the_end),
        cmocka_unit_test(a_broken_peer_is_the_end),
        cmocka_unit_test(the_longest_query_is_taken),
    };
    return cmocka_run_group_tests(tests, publish, unpublish);
}
