/* SPDX-License-Identifier: Apache-2.0
 * Requests out of bytes: the same ones whatever the pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_long_bodies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
