/* SPDX-License-Identifier: Apache-2.0
 * Replies to HTTP probes: a table, each case whole, byte by byte, and split at every place. */
#include "health/http_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct number_range ok_status[] = {{200, 299}},
                                 two_ranges[] = {{200, 204}, {301, 301}};

enum end { OPEN, CLOSE }; /* what follows the bytes */

struct reply_case {
    const char *bytes;
    const char *body; /* wanted; NULL: not looked at */
    enum end end;
    enum http_verdict verdict;
    const char *reason; /* NULL: none yet */
    uint32_t max_body;  /* 0: 64k */
    bool head;
};

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define PASS "status 200"
#define FOUND "status 200, body contains \"ready\""

static const struct reply_case cases[] = {
    /* status */
    {"HTTP/1.1 200 OK\r\n\r\n", NULL, OPEN, HTTP_PASS, PASS, 0, false},
    {"HTTP/1.0 200 OK\r\n\r\n", NULL, OPEN, HTTP_PASS, PASS, 0, false},
    {"HTTP/1.1 200\r\n\r\n", NULL, OPEN, HTTP_PASS, PASS, 0, false},
    {"HTTP/1.1 200 OK\n\n", NULL, OPEN, HTTP_PASS, PASS, 0, false},
    {"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", NULL, OPEN, HTTP_PASS, "status 204", 0, false},
    {"HTTP/1.1 503 Nope\r\n", NULL, OPEN, HTTP_FAIL, "status 503, expected 200-299", 0, false},
    {"HTTP/1.1 301 Moved\r\n", NULL, OPEN, HTTP_FAIL, "status 301, expected 200-299", 0, false},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", NULL, OPEN, HTTP_PASS, PASS, 0, false},
    {"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 500 X\r\n", NULL, OPEN, HTTP_FAIL,
     "status 500, expected 200-299", 0, false},
    {"HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\n\r\nready", "ready",
     CLOSE, HTTP_PASS, FOUND, 0, false},
    {"HTTP/1.1 101 Switching\r\n", NULL, OPEN, HTTP_FAIL, "status 101, expected 200-299", 0, false},
    /* not HTTP */
    {"SSH-2.0-OpenSSH_9.2\r\n", NULL, OPEN, HTTP_FAIL,
     "not an HTTP/1 reply: \"SSH-2.0-OpenSSH_9.2\"", 0, false},
    {"HTTP/2 200\r\n", NULL, OPEN, HTTP_FAIL, "not an HTTP/1 reply: \"HTTP/2 200\"", 0, false},
    {"HTTP/1.1 2000 OK\r\n", NULL, OPEN, HTTP_FAIL, "not an HTTP/1 reply: \"HTTP/1.1 2000 OK\"", 0,
     false},
    {"\r\n", NULL, OPEN, HTTP_FAIL, "not an HTTP/1 reply: \"\"", 0, false},
    {"0123456789012345678901234567890123456789012345678901234567890123456789", NULL, OPEN,
     HTTP_FAIL, "not an HTTP/1 reply: \"0123456789012345678901234567890123456789\"", 0, false},
    /* ends too early */
    {"", NULL, CLOSE, HTTP_FAIL, "connection closed before the response header", 0, false},
    {"HTTP/1.1 200 O", NULL, CLOSE, HTTP_FAIL, "connection closed before the response header", 0,
     false},
    {"HTTP/1.1 200 OK\r\nServer: x", NULL, CLOSE, HTTP_FAIL,
     "connection closed within the response header", 0, false},
    {"HTTP/1.1 200 OK\r\n", NULL, OPEN, HTTP_OPEN, NULL, 0, false},
    /* body by length */
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready", "ready", OPEN, HTTP_PASS, FOUND, 0,
     false},
    {"HTTP/1.1 200 OK\r\ncontent-length:5 \r\n\r\nready", "ready", OPEN, HTTP_PASS, FOUND, 0,
     false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nrereadyy", "ready", OPEN, HTTP_PASS, FOUND, 0,
     false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nready", "ready", OPEN, HTTP_FAIL,
     "body does not contain \"ready\" (4 bytes read)", 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "ready", OPEN, HTTP_FAIL,
     "body does not contain \"ready\" (0 bytes read)", 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nread", "ready", CLOSE, HTTP_FAIL,
     "connection closed after 4 of 10 bytes of the body", 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nread", "ready", OPEN, HTTP_OPEN, NULL, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nready", "ready", OPEN,
     HTTP_PASS, FOUND, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n", "ready", OPEN, HTTP_FAIL,
     "the response has a bad Content-Length: \"6\"", 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", NULL, OPEN, HTTP_FAIL,
     "the response has a bad Content-Length: \"-1\"", 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n", NULL, OPEN, HTTP_FAIL,
     "the response has a bad Content-Length: \"99999999999999999999\"", 0, false},
    /* body to the close */
    {"HTTP/1.0 200 OK\r\n\r\nnot ready yet", "ready", OPEN, HTTP_PASS, FOUND, 0, false},
    {"HTTP/1.0 200 OK\r\n\r\nnope", "ready", OPEN, HTTP_OPEN, NULL, 0, false},
    {"HTTP/1.0 200 OK\r\n\r\nnope", "ready", CLOSE, HTTP_FAIL,
     "body does not contain \"ready\" (4 bytes read)", 0, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\nready", "ready", OPEN,
     HTTP_PASS, FOUND, 0, false},
    /* chunks */
    {CHUNKED "5\r\nready\r\n0\r\n\r\n", "ready", OPEN, HTTP_PASS, FOUND, 0, false},
    {CHUNKED "2\r\nre\r\n3\r\nady\r\n0\r\n\r\n", "ready", OPEN, HTTP_PASS, FOUND, 0, false},
    {CHUNKED "1\r\nr\r\n1\r\ne\r\n1\r\na\r\n1\r\nd\r\n1\r\ny\r\n", "ready", OPEN, HTTP_PASS, FOUND,
     0, false},
    {CHUNKED "A;x=y\r\n0123456789\r\n00005 \r\nready\r\n", "ready", OPEN, HTTP_PASS, FOUND, 0,
     false},
    {CHUNKED "4\r\nread\r\n0\r\nTrailer: ready\r\n\r\n", "ready", OPEN, HTTP_FAIL,
     "body does not contain \"ready\" (4 bytes read)", 0, false},
    {CHUNKED "4\r\nread\r\n0\r\n", "ready", CLOSE, HTTP_FAIL,
     "connection closed within the body, after 4 bytes", 0, false},
    {CHUNKED "4\r\nreXX\r\nzz\r\n", "ready", OPEN, HTTP_FAIL,
     "the response has a bad chunk size: \"zz\"", 0, false},
    {CHUNKED "4\r\nreadY\r\n", "ready", OPEN, HTTP_FAIL,
     "a chunk of the response does not end where its size says", 0, false},
    {CHUNKED "FFFFFFFFFFFFFFFFFF\r\n", "ready", OPEN, HTTP_FAIL,
     "the response has a bad chunk size: \"FFFFFFFFFFFFFFFFFF\"", 0, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: "
     "3\r\n\r\n5\r\nready\r\n",
     "ready", OPEN, HTTP_PASS, FOUND, 0, false},
    /* no body by definition */
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "ready", OPEN, HTTP_FAIL,
     "body does not contain \"ready\" (0 bytes read)", 0, true},
    {"HTTP/1.1 204 No\r\n\r\n", "ready", OPEN, HTTP_FAIL,
     "body does not contain \"ready\" (0 bytes read)", 0, false},
    /* bounds */
    {"HTTP/1.1 200 OK\r\n\r\n0123ready", "ready", OPEN, HTTP_FAIL,
     "body does not contain \"ready\" (first 8 bytes read)", 8, false},
    {"HTTP/1.1 200 OK\r\n\r\n012ready", "ready", OPEN, HTTP_PASS, FOUND, 8, false},
    {CHUNKED "4\r\n0123\r\n5\r\nready\r\n", "ready", OPEN, HTTP_FAIL,
     "body does not contain \"ready\" (first 8 bytes read)", 8, false},
    /* the search falls back within the text */
    {"HTTP/1.1 200 OK\r\n\r\nabababac", "ababac", OPEN, HTTP_PASS,
     "status 200, body contains \"ababac\"", 0, false},
    {"HTTP/1.1 200 OK\r\n\r\naaab", "aab", OPEN, HTTP_PASS, "status 200, body contains \"aab\"", 0,
     false},
    {"HTTP/1.1 200 OK\r\n\r\nx", "", OPEN, HTTP_PASS, PASS, 0, false},
};

static struct http_wanted wanted_of(const struct reply_case *c, struct arena *arena)
{
    return (struct http_wanted){
        .status = ok_status,
        .n_status = 1,
        .body = c->body,
        .fallback = c->body ? http_body_fallback(arena, c->body) : NULL,
        .max_body = c->max_body ? c->max_body : 65536,
        .head = c->head,
    };
}

static void check_reply(const struct reply_case *c, struct http_reply *r)
{
    if (c->end == CLOSE)
        http_reply_end(r);
    if (r->verdict != c->verdict)
        fail_msg("verdict %d (%s) of: %s", r->verdict, r->reason, c->bytes);
    if (c->reason)
        assert_string_equal(r->reason, c->reason);
}

static void test_table(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply_case *c = &cases[i];
        struct http_wanted wanted = wanted_of(c, arena);
        struct http_reply r;
        size_t n = strlen(c->bytes);
        for (size_t split = 0; split <= n; split++) {
            http_reply_init(&r, &wanted);
            http_reply_feed(&r, c->bytes, split);
            http_reply_feed(&r, c->bytes + split, n - split);
            check_reply(c, &r);
        }
        http_reply_init(&r, &wanted);
        for (size_t j = 0; j < n; j++)
            http_reply_feed(&r, c->bytes + j, 1);
        check_reply(c, &r);
    }
    arena_free(arena);
}

/* The verdict is there with the last byte that it needs, not later. */
static void test_stops_early(void **state)
{
    (void)state;
    static const struct {
        const char *needed, *body;
    } early[] = {
        {"HTTP/1.1 503 No\r\n", NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nxxready", "ready"},
        {CHUNKED "fffff\r\nready", "ready"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(early); i++) {
        const struct reply_case c = {.body = early[i].body};
        struct http_wanted wanted = wanted_of(&c, arena);
        struct http_reply r;
        size_t n = strlen(early[i].needed);
        http_reply_init(&r, &wanted);
        assert_int_equal(http_reply_feed(&r, early[i].needed, n - 1), HTTP_OPEN);
        assert_int_not_equal(http_reply_feed(&r, early[i].needed + n - 1, 1), HTTP_OPEN);
    }
    arena_free(arena);
}

static void test_bounds_of_the_header(void **state)
{
    (void)state;
    const struct reply_case c = {.body = NULL};
    struct arena *arena = arena_new();
    struct http_wanted wanted = wanted_of(&c, arena);
    static const char *const endless[] = {"X-Header: abcdefghijklmnopqrstuvwxyz\r\n", "y",
                                          "HTTP/1.1 100 Continue\r\n\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        struct http_reply r;
        http_reply_init(&r, &wanted);
        if (i < 2)
            http_reply_feed(&r, "HTTP/1.1 200 OK\r\n", 17);
        size_t fed = 0, n = strlen(endless[i]);
        for (; fed < 100000 && http_reply_feed(&r, endless[i], n) == HTTP_OPEN; fed += n)
            ;
        assert_int_equal(r.verdict, HTTP_FAIL);
        assert_string_equal(r.reason, "the response header is longer than 32k");
        assert_true(fed < HTTP_HEADER_MAX + 100);
    }
    arena_free(arena);
}

static void test_long_body_in_small_chunks(void **state)
{
    (void)state;
    const struct reply_case c = {.body = "ready"};
    struct arena *arena = arena_new();
    struct http_wanted wanted = wanted_of(&c, arena);
    struct http_reply r;
    http_reply_init(&r, &wanted);
    http_reply_feed(&r, CHUNKED, strlen(CHUNKED));
    for (int i = 0; i < 65535; i++)
        assert_int_equal(http_reply_feed(&r, "1\r\nx\r\n", 6), HTTP_OPEN);
    assert_int_equal(http_reply_feed(&r, "1\r\nx\r\n", 6), HTTP_FAIL);
    assert_string_equal(r.reason, "body does not contain \"ready\" (first 64k read)");
    arena_free(arena);
}

static void test_ranges_in_the_reason(void **state)
{
    (void)state;
    struct http_wanted wanted = {.status = two_ranges, .n_status = 2};
    struct http_reply r;
    http_reply_init(&r, &wanted);
    http_reply_feed(&r, "HTTP/1.1 404 No\r\n", 17);
    assert_string_equal(r.reason, "status 404, expected 200-204,301");
    http_reply_init(&r, &wanted);
    assert_int_equal(http_reply_feed(&r, "HTTP/1.1 301 M\r\n\r\n", 18), HTTP_PASS);
}

static void test_phases(void **state)
{
    (void)state;
    const struct reply_case c = {.body = "ready"};
    struct arena *arena = arena_new();
    struct http_wanted wanted = wanted_of(&c, arena);
    struct http_reply r;
    http_reply_init(&r, &wanted);
    assert_string_equal(http_reply_phase(&r), "waiting for the response header");
    http_reply_feed(&r, CHUNKED, strlen(CHUNKED));
    assert_string_equal(http_reply_phase(&r), "reading the body");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_stops_early),
        cmocka_unit_test(test_bounds_of_the_header),
        cmocka_unit_test(test_long_body_in_small_chunks),
        cmocka_unit_test(test_ranges_in_the_reason),
        cmocka_unit_test(test_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
