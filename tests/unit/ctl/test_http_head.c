/* SPDX-License-Identifier: Apache-2.0
 * Heads of HTTP requests: what is taken, what is refused, in pieces of any size; queries; tags;
 * hosts. More of them, over a socket, are in tests/system/test_http_strict.py. */
#include "control/http_head.h"

#include "base/arena.h"
#include "base/rng.h"
#include "control/json.h"
#include "ctl/http_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct http_head head;
static char bytes[HTTP_HEAD_MAX];

/** Reads a head that must be whole. Returns the status. */
static int read_head(const char *text)
{
    struct http_scan scan = {0};
    const char *error = NULL;
    size_t n = strlen(text);
    memcpy(bytes, text, n);
    int found = http_head_find(&scan, bytes, n);
    if (found < 0)
        return found;
    assert_int_equal(found, n);
    int status = http_head_read(&head, bytes, n, &error);
    assert_true(status == 0 || error != NULL);
    return status;
}

#define HOST "Host: a\r\n"

static void test_what_is_told(void **state)
{
    (void)state;
    assert_int_equal(read_head("PUT /a%2fb%41?c=%20d&e HTTP/1.1\r\nhOsT: \t x.y:80 \t\r\n"
                               "Content-Length: 0012\r\nAuthorization: Bearer z\r\n"
                               "If-Match: \"a\"\r\nIf-Match: \"b\"\r\nIf-None-Match: *\r\n"
                               "Expect: 100-Continue\r\nConnection: keep-alive, Close\r\n\r\n"),
                     0);
    assert_string_equal(head.method, "PUT");
    assert_string_equal(head.path, "/a/bA");
    assert_string_equal(head.query, "c=%20d&e");
    assert_string_equal(head.host, "x.y:80");
    assert_string_equal(head.authorization, "Bearer z");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.content_length, 12);
    assert_int_equal(head.if_match.n, 2);
    assert_string_equal(head.if_match.v[1], "\"b\"");
    assert_string_equal(head.if_none_match.v[0], "*");
    assert_true(head.expects_continue && head.close && head.has_length);
    assert_int_equal(read_head("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_true(!head.host && !head.query && !head.close && !head.has_length && head.minor == 0);
}

/* Lines end in CR LF, and nothing else in them is CR or LF (RFC 9112 2.2). */
static void test_line_ends(void **state)
{
    static const char *const none[] = {"GET / HTTP/1.1\nHost: a\n\n",
                                       "GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n",
                                       "GET / HTTP/1.1\r\nHost: a\r\n\n",
                                       "GET / HTTP/1.1\r\nHost: a\rA: b\r\n\r\n", "\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(read_head(none[i]), -1);
}

static void test_lengths(void **state)
{
    (void)state;
    assert_int_equal(
        read_head("GET / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n"), 0);
    assert_true(head.content_length == UINT64_MAX);
    assert_int_equal(
        read_head("GET / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n"), 400);
}

/* As many field lines and lists as are taken, and one more. */
static void test_bounds(void **state)
{
    static char text[HTTP_HEAD_MAX];
    (void)state;
    for (int more = 0; more < 2; more++) {
        strcpy(text, "GET / HTTP/1.1\r\n" HOST);
        for (int i = 1; i < HTTP_FIELDS_MAX + more; i++)
            strcat(text, "A: b\r\n");
        strcat(text, "\r\n");
        assert_int_equal(read_head(text), more ? 431 : 0);
        strcpy(text, "GET / HTTP/1.1\r\n" HOST);
        for (int i = 0; i < HTTP_LISTED_MAX + more; i++)
            strcat(text, "If-Match: x\r\n");
        strcat(text, "\r\n");
        assert_int_equal(read_head(text), more ? 400 : 0);
        strcpy(text, more ? "ABCDEFGHIJKLMNOPQRSTU" : "ABCDEFGHIJKLMNOPQRST");
        strcat(text, " / HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(read_head(text), more ? 400 : 0);
    }
}

/* Whatever one byte of a head becomes, and however it is cut: one end, and no reading past it. */
static void test_any_byte_anywhere(void **state)
{
    static const char seed[] = "PUT /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    const size_t head_n = sizeof seed - 1 - 5;
    (void)state;
    for (size_t at = 0; at < head_n; at++)
        for (int byte = 0; byte < 256; byte++) {
            char *text = malloc(sizeof seed - 1); /* exactly: for the sanitizer */
            memcpy(text, seed, sizeof seed - 1);
            text[at] = (char)byte;
            struct http_scan scan = {0}, whole = {0};
            int found = 0, at_once = http_head_find(&whole, text, sizeof seed - 1);
            for (size_t n = 0; n < sizeof seed && found == 0; n++)
                found = http_head_find(&scan, text, n < sizeof seed - 1 ? n : sizeof seed - 1);
            assert_int_equal(found, at_once);
            const char *error;
            if (found > 0 && http_head_read(&head, text, (size_t)found, &error) == 0)
                assert_true(head.path[0] == '/' && head.host);
            free(text);
        }
}

static void test_queries(void **state)
{
    static const struct {
        const char *query, *json; /* NULL: refused */
    } cases[] = {
        {"", "{}"},
        {"a=b", "{\"a\":\"b\"}"},
        {"a", "{\"a\":\"\"}"},
        {"a=&b=c=d", "{\"a\":\"\",\"b\":\"c=d\"}"},
        {"&&a=1&", "{\"a\":\"1\"}"},
        {"a=x+y%2B%26", "{\"a\":\"x y+&\"}"},
        {"%61=1", "{\"a\":\"1\"}"},
        {"a=%c3%a4", "{\"a\":\"\xc3\xa4\"}"},
        {"a=1&a=2", NULL},
        {"a=1&%61=2", NULL},
        {"a=%00", NULL},
        {"a%00=1", NULL},
        {"a=%0", NULL},
        {"a=%", NULL},
        {"a=%x1", NULL},
        {"%ff=1", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *query = xstrdup(cases[i].query);
        json_t *object = json_object();
        const char *error = http_query_read(object, query);
        if (!error != !!cases[i].json)
            fail_msg("%s: %s", cases[i].query, error ? error : "taken");
        if (!error) {
            char *text = json_dumps(object, JSON_COMPACT);
            assert_string_equal(text, cases[i].json);
            free(text);
        }
        json_decref(object);
        free(query);
    }
}

static bool is_abc(void *arg, const char *tag, size_t n)
{
    (void)arg;
    return n == 3 && memcmp(tag, "abc", 3) == 0;
}

static void test_tags(void **state)
{
    static const struct {
        const char *list;
        bool strong, weak;
    } cases[] = {
        {"*", true, true},
        {"\"abc\"", true, true},
        {"W/\"abc\"", false, true},
        {"\"x\", \"abc\"", true, true},
        {"\"x\",,\"abc\",", true, true},
        {"\"x\", W/\"abc\"", false, true},
        {"\"ab\"", false, false},
        {"abc", false, false},
        {"\"abc", false, false},
        {"", false, false},
        {"\"x\" y \"abc\"", false, false},
        {"\"abcd\"", false, false},
        {"**", false, false},
        {"\"a,\"abc\"", false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_lines lines = {{"\"other\"", cases[i].list}, 2};
        if (http_tags_match(&lines, false, is_abc, NULL) != cases[i].strong ||
            http_tags_match(&lines, true, is_abc, NULL) != cases[i].weak)
            fail_msg("%s", cases[i].list);
    }
    assert_false(http_tags_match(&(struct http_lines){0}, true, is_abc, NULL));
}

static void test_hosts(void **state)
{
    static const struct {
        const char *host, *listens, *local;
        bool ours;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1:80", "192.0.2.1", "192.0.2.1", true},
        {"192.0.2.2", "0.0.0.0", "192.0.2.2", true},
        {"192.0.2.3", "0.0.0.0", "192.0.2.2", false},
        {"0.0.0.0", "0.0.0.0", "192.0.2.2", true},
        {"127.0.0.1", "192.0.2.1", "192.0.2.1", false},
        {"127.9.9.9", "127.0.0.1", "127.0.0.1", true},
        {"[::1]:8053", "127.0.0.1", "127.0.0.1", true},
        {"[2001:DB8::1]", "2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::1", "2001:db8::1", false},
        {"LocalHost:1", "192.0.2.1", "192.0.2.1", true},
        {"localhost.", "192.0.2.1", "192.0.2.1", true},
        {"localhost..", "192.0.2.1", "192.0.2.1", false},
        {"NS1.example.net:443", "192.0.2.1", "192.0.2.1", true},
        {"ns1.example.net.evil", "192.0.2.1", "192.0.2.1", false},
        {"evil.ns1.example.net", "192.0.2.1", "192.0.2.1", false},
        {".", "192.0.2.1", "192.0.2.1", false},
        {"", "192.0.2.1", "192.0.2.1", false},
        {":80", "192.0.2.1", "192.0.2.1", false},
        {"[]", "192.0.2.1", "192.0.2.1", false},
        {"[::1]x", "::1", "::1", false},
        {"[::1]:", "::1", "::1", true},
        {"192.0.2.1:8x", "192.0.2.1", "192.0.2.1", false},
    };
    static const char *const names[] = {"ns1.Example.net"};
    const struct str_list list = {names, 1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip listens, local;
        assert_int_equal(ip_parse(&listens, cases[i].listens), 0);
        assert_int_equal(ip_parse(&local, cases[i].local), 0);
        if (http_host_is_ours(cases[i].host, &listens, &local, &list) != cases[i].ours)
            fail_msg("%s at %s", cases[i].host, cases[i].local);
        assert_false(http_host_is_ours(NULL, &listens, &local, &list));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_bounds),       cmocka_unit_test(test_any_byte_anywhere),
        cmocka_unit_test(test_queries),      cmocka_unit_test(test_tags),
        cmocka_unit_test(test_hosts),        cmocka_unit_test(test_line_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
