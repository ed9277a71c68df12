/* SPDX-License-Identifier: Apache-2.0
 * Requests out of bytes: the same ones whatever the pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/diag.h"
#include "ctl/http_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct http_input *in, const char *bytes, size_t n)
{
    assert_true(in->n + n <= sizeof in->bytes);
    memcpy(in->bytes + in->n, bytes, n);
    in->n += n;
}

/** Feeds text by pieces; writes what was seen: METHOD PATH BODY, a line each, or the refusal. */
static void feed(char *out, const char *text, size_t piece)
{
    struct http_input *in = calloc(1, sizeof *in);
    size_t n = strlen(text), at = 0;
    enum http_input_state state = HTTP_INPUT_HEAD;
    const char *error;
    int status;
    *out = '\0';
    while (at < n && state != HTTP_INPUT_WRONG) {
        size_t more = n - at < piece ? n - at : piece;
        add(in, text + at, more);
        at += more;
        while ((state = http_input_look(in, &status, &error)) == HTTP_INPUT_WHOLE) {
            out += sprintf(out, "%s %s %.*s\n", in->head.method, in->head.path,
                           (int)in->head.content_length, in->bytes + in->head_n);
            http_input_drop(in);
        }
    }
    static const char *const states[] = {"head", "body"};
    if (state == HTTP_INPUT_WRONG)
        sprintf(out, "%d", status);
    else
        sprintf(out, "%s", in->n ? states[state] : "-");
    free(in);
}

#define HOST "Host: a\r\n"

static void test_pieces(void **state)
{
    static const struct {
        const char *text, *seen;
    } cases[] = {
        {"GET /a HTTP/1.1\r\n" HOST "\r\n", "GET /a \n-"},
        {"\r\nGET /a HTTP/1.1\r\n" HOST "\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n",
         "GET /a \nGET /b \n-"},
        {"PUT /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyzGET /b HTTP/1.1\r\n" HOST "\r\nG",
         "PUT /a xyz\nGET /b \nhead"},
        {"PUT /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxy", "body"},
        {"PUT /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n",
         "PUT /a \nGET /b \n-"},
        {"GET /a HTTP/1.1\nHost: a\n\n", "400"},
        {"GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\n", "GET /a \n400"},
        {"GET /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "411"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece <= strlen(cases[i].text); piece++) {
            char seen[512];
            feed(seen, cases[i].text, piece);
            if (strcmp(seen, cases[i].seen) != 0)
                fail_msg("%s by %zu: \"%s\"", cases[i].text, piece, seen);
        }
}

/** A head of exactly `n` bytes. */
static void add_head(struct http_input *in, size_t n)
{
    static const char before[] = "GET /a HTTP/1.1\r\n" HOST "X: ", after[] = "\r\n\r\n";
    add(in, before, sizeof before - 1);
    size_t fill = n - (sizeof before - 1) - (sizeof after - 1);
    memset(in->bytes + in->n, 'x', fill);
    in->n += fill;
    add(in, after, sizeof after - 1);
}

static void test_bounds(void **state)
{
    const char *error;
    int status;
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct http_input *in = calloc(1, sizeof *in);
        add_head(in, HTTP_HEAD_MAX + (size_t)over);
        assert_int_equal(http_input_look(in, &status, &error),
                         over ? HTTP_INPUT_WRONG : HTTP_INPUT_WHOLE);
        assert_int_equal(status, over ? 431 : 0);
        *in = (struct http_input){0};
        add_head(in, HTTP_HEAD_MAX + 4);
        in->n = HTTP_HEAD_MAX - 1 + (size_t)over; /* not whole, and it cannot become so */
        assert_int_equal(http_input_look(in, &status, &error),
                         over ? HTTP_INPUT_WRONG : HTTP_INPUT_HEAD);
        free(in);
    }
}

/* A body that is too long is not waited for; one that is just not is whole when all of it is. */
static void test_long_bodies(void **state)
{
    const char *error;
    int status;
    char text[128];
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct http_input *in = calloc(1, sizeof *in);
        int n = snprintf(text, sizeof text, "PUT /a HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
                         HTTP_BODY_MAX + over);
        add(in, text, (size_t)n);
        assert_int_equal(http_input_look(in, &status, &error),
                         over ? HTTP_INPUT_WHOLE : HTTP_INPUT_BODY);
        if (!over) {
            in->n += HTTP_BODY_MAX - 1;
            assert_int_equal(http_input_look(in, &status, &error), HTTP_INPUT_BODY);
            in->n++;
            assert_int_equal(http_input_look(in, &status, &error), HTTP_INPUT_WHOLE);
            http_input_drop(in);
            assert_int_equal(in->n, 0);
        }
        free(in);
    }
}

static size_t long_max(const struct http_head *head)
{
    return strcmp(head->path, "/long") == 0 ? 40000 : 0;
}

/** Feeds by pieces into wherever they go; returns whether all of `seen` came out of it. */
static bool feed_long(struct http_long_bodies *longs, const char *text, size_t n, size_t piece,
                      const size_t *lengths, size_t n_lengths)
{
    struct http_input *in = calloc(1, sizeof *in);
    const char *error;
    int status;
    size_t at = 0, k = 0;
    enum http_input_state state = HTTP_INPUT_HEAD;
    in->longs = longs;
    while (state != HTTP_INPUT_WRONG) {
        state = http_input_look(in, &status, &error);
        if (state == HTTP_INPUT_WHOLE) {
            size_t length;
            const char *body = http_input_body(in, &length);
            bool as_sent = k < n_lengths && length == lengths[k++];
            for (size_t i = 0; as_sent && i < length; i++)
                as_sent = body[i] == (char)('a' + i % 23);
            assert_true(as_sent);
            assert_int_equal(longs->n, length > HTTP_BODY_MAX);
            http_input_drop(in);
            continue;
        }
        if (at == n)
            break;
        size_t space;
        char *p = http_input_space(in, &space);
        size_t more = n - at < piece ? n - at : piece;
        more = more < space ? more : space;
        assert_true(more > 0);
        memcpy(p, text + at, more);
        http_input_add(in, more);
        at += more;
    }
    http_input_free(in);
    free(in);
    assert_int_equal(longs->n, 0);
    return state == HTTP_INPUT_HEAD && k == n_lengths;
}

static size_t add_request(char *out, const char *path, size_t length)
{
    size_t n = (size_t)sprintf(out, "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", path,
                               length);
    for (size_t i = 0; i < length; i++)
        out[n++] = (char)('a' + i % 23);
    return n;
}

/** Some requests may have longer bodies; what follows one is the next request. */
static void test_bodies_that_may_be_long(void **state)
{
    static const size_t pieces[] = {1, 7, 1000, 16385, 32768, 100000};
    static const size_t lengths[] = {17000, 3, 40000, HTTP_BODY_MAX + 1, HTTP_BODY_MAX, 0};
    static char text[200000];
    struct http_long_bodies longs = {.max = long_max};
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        n += add_request(text + n, "/long", lengths[i]);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        assert_true(feed_long(&longs, text, n, pieces[i], lengths, ARRAY_LEN(lengths)));
}

static void test_bounds_of_long_bodies(void **state)
{
    static const struct {
        const char *path;
        size_t length;
        unsigned n;
        int status; /* 0: its body is waited for */
        bool too_long;
    } rows[] = {
        {"/long", 40000, 0, 0, false},
        {"/long", 40001, 0, 0, true},
        {"/else", 20000, 0, 0, true},
        {"/long", 40000, HTTP_LONG_BODIES_MAX - 1, 0, false},
        {"/long", 40000, HTTP_LONG_BODIES_MAX, 503, false},
        {"/long", HTTP_BODY_MAX, HTTP_LONG_BODIES_MAX, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_long_bodies longs = {.n = rows[i].n, .max = long_max};
        struct http_input *in = calloc(1, sizeof *in);
        char text[128];
        const char *error;
        int status;
        in->longs = &longs;
        int n =
            snprintf(text, sizeof text, "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                     rows[i].path, rows[i].length);
        add(in, text, (size_t)n);
        enum http_input_state seen = http_input_look(in, &status, &error);
        assert_int_equal(status, rows[i].status);
        assert_int_equal(seen, rows[i].status     ? HTTP_INPUT_WRONG
                               : rows[i].too_long ? HTTP_INPUT_WHOLE
                                                  : HTTP_INPUT_BODY);
        if (!rows[i].status)
            assert_int_equal(http_input_too_long(in), rows[i].too_long);
        http_input_free(in);
        assert_int_equal(longs.n, rows[i].n);
        free(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_long_bodies),
                                       cmocka_unit_test(test_bodies_that_may_be_long),
                                       cmocka_unit_test(test_bounds_of_long_bodies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
