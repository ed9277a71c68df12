/* SPDX-License-Identifier: Apache-2.0
 * The server name of a ClientHello: of one that OpenSSL has made, split at every byte and over
 * records of every size; of hellos put together here, also wrong ones. */
#include "l4/client_hello.h"

#include "base/buf.h"
#include "base/cursor.h"

#include <openssl/ssl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define BYTES(text) slice_of(text, sizeof(text) - 1)
enum { ANY = -1 };

struct seen {
    enum client_hello is;
    char name[CLIENT_HELLO_NAME_MAX];
    uint32_t n;
    const char *why;
    uint8_t alert;
};

static struct seen read_it(const void *p, size_t n)
{
    struct seen s = {.n = 99};
    /* A copy of the exact size, so that a sanitizer sees what is read beyond it. */
    uint8_t *copy = malloc(n ? n : 1);
    if (n > 0)
        memcpy(copy, p, n);
    s.is = client_hello_read(s.name, &s.n, slice_of(copy, n), &s.why, &s.alert);
    free(copy);
    assert_int_equal(s.is == CLIENT_HELLO_BAD, s.why != NULL);
    assert_int_equal(s.is == CLIENT_HELLO_BAD, s.alert != 0);
    assert_int_equal(s.n, strlen(s.name));
    return s;
}

static void assert_name(struct slice bytes, const char *name)
{
    struct seen s = read_it(bytes.p, bytes.n);
    assert_int_equal(s.is, CLIENT_HELLO_DONE);
    assert_string_equal(s.name, name);
}

static void assert_bad(struct slice bytes, int alert)
{
    struct seen s = read_it(bytes.p, bytes.n);
    assert_int_equal(s.is, CLIENT_HELLO_BAD);
    assert_string_equal(s.name, "");
    if (alert != ANY)
        assert_int_equal(s.alert, alert);
}

/* ---- one that OpenSSL has made ---- */

static struct buf hello_of_openssl(const char *name, int max_version)
{
    struct buf out = {0};
    char *p;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(ctx, max_version);
    SSL *ssl = SSL_new(ctx);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (name)
        SSL_set_tlsext_host_name(ssl, name);
    (void)SSL_connect(ssl);
    long n = BIO_get_mem_data(SSL_get_wbio(ssl), &p);
    assert_true(n > 0);
    buf_add(&out, p, (size_t)n);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return out;
}

/* The same handshake in records of `size` bytes. */
static struct buf in_records(const struct buf *hello, size_t size)
{
    struct buf out = {0};
    for (size_t at = 5; at < hello->n; at += size) {
        size_t n = hello->n - at < size ? hello->n - at : size;
        buf_add(&out, (uint8_t[]){22, 3, 1, (uint8_t)(n >> 8), (uint8_t)n}, 5);
        buf_add(&out, (const uint8_t *)hello->p + at, n);
    }
    return out;
}

static void check_all_prefixes(const struct buf *hello, const char *name)
{
    for (size_t i = 0; i < hello->n; i++)
        assert_int_equal(read_it(hello->p, i).is, CLIENT_HELLO_MORE);
    assert_name(slice_of(hello->p, hello->n), name);
}

static void test_openssl(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct buf hello = hello_of_openssl("API.Example.com", versions[i]);
        check_all_prefixes(&hello, "api.example.com");
        for (size_t size = 1; size < hello.n; size += size < 8 ? 1 : 37) {
            struct buf split = in_records(&hello, size);
            check_all_prefixes(&split, "api.example.com");
            buf_free(&split);
        }
        buf_puts(&hello, "what follows is of no interest");
        assert_name(slice_of(hello.p, hello.n), "api.example.com");
        buf_free(&hello);
        hello = hello_of_openssl(NULL, versions[i]);
        check_all_prefixes(&hello, "");
        buf_free(&hello);
    }
}

/* Cut in two at every byte of the handshake. */
static void test_openssl_in_two(void **state)
{
    (void)state;
    struct buf hello = hello_of_openssl("www.example.net", TLS1_3_VERSION);
    for (size_t cut = 1; cut < hello.n - 5; cut++) {
        struct buf out = {0};
        size_t rest = hello.n - 5 - cut;
        buf_add(&out, (uint8_t[]){22, 3, 1, (uint8_t)(cut >> 8), (uint8_t)cut}, 5);
        buf_add(&out, hello.p + 5, cut);
        assert_int_equal(read_it(out.p, out.n).is, CLIENT_HELLO_MORE);
        buf_add(&out, (uint8_t[]){22, 3, 3, (uint8_t)(rest >> 8), (uint8_t)rest}, 5);
        buf_add(&out, hello.p + 5 + cut, rest);
        assert_name(slice_of(out.p, out.n), "www.example.net");
        buf_free(&out);
    }
    buf_free(&hello);
}

/* ---- ones that are put together ---- */

static void add_u16(struct buf *out, size_t x)
{
    buf_add(out, (uint8_t[]){(uint8_t)(x >> 8), (uint8_t)x}, 2);
}

/* A hello in one record; `extensions` without their length, NULL: none at all. */
static struct buf hello_with(struct slice session, struct slice ciphers, struct slice compressions,
                             const struct buf *extensions)
{
    static const uint8_t begin[2 + 32] = {3, 3};
    struct buf body = {0}, out = {0};
    buf_add(&body, begin, sizeof begin);
    buf_add(&body, (uint8_t[]){(uint8_t)session.n}, 1);
    buf_add(&body, session.p, session.n);
    add_u16(&body, ciphers.n);
    buf_add(&body, ciphers.p, ciphers.n);
    buf_add(&body, (uint8_t[]){(uint8_t)compressions.n}, 1);
    buf_add(&body, compressions.p, compressions.n);
    if (extensions) {
        add_u16(&body, extensions->n);
        if (extensions->n > 0)
            buf_add(&body, extensions->p, extensions->n);
    }
    buf_add(&out, "\x16\x03\x01", 3);
    add_u16(&out, body.n + 4);
    buf_add(&out, "\1\0", 2);
    add_u16(&out, body.n);
    buf_add(&out, body.p, body.n);
    buf_free(&body);
    return out;
}

static void add_extension(struct buf *out, unsigned type, const void *p, size_t n)
{
    add_u16(out, type);
    add_u16(out, n);
    buf_add(out, p, n);
}

/* A list of names is a list of (type, length, text). */
static void add_name(struct buf *list, uint8_t type, struct slice name)
{
    buf_add(list, &type, 1);
    add_u16(list, name.n);
    buf_add(list, name.p, name.n);
}

static void add_list(struct buf *extensions, const struct buf *list)
{
    struct buf data = {0};
    add_u16(&data, list->n);
    buf_add(&data, list->p, list->n);
    add_extension(extensions, 0, data.p, data.n);
    buf_free(&data);
}

static struct buf hello_of_extensions(const struct buf *extensions)
{
    return hello_with(BYTES(""), BYTES("\x13\x01"), BYTES("\0"), extensions);
}

static struct seen read_name(struct slice name)
{
    struct buf list = {0}, extensions = {0};
    add_name(&list, 0, name);
    add_extension(&extensions, 0x0a0a, "", 0);
    add_list(&extensions, &list);
    add_extension(&extensions, 0xfe0d, "an outer ECH", 12);
    struct buf hello = hello_of_extensions(&extensions);
    struct seen s = read_it(hello.p, hello.n);
    buf_free(&list);
    buf_free(&extensions);
    buf_free(&hello);
    return s;
}

static void good_name(struct slice name, const char *want)
{
    struct seen s = read_name(name);
    assert_int_equal(s.is, CLIENT_HELLO_DONE);
    assert_string_equal(s.name, want);
}

static void bad_name(struct slice name)
{
    struct seen s = read_name(name);
    assert_int_equal(s.is, CLIENT_HELLO_BAD);
    assert_int_equal(s.alert, 47);
    assert_string_equal(s.name, "");
}

static void test_names(void **state)
{
    (void)state;
    char label[64 + 1], name[300];
    memset(label, 'a', 64);
    good_name(BYTES("a"), "a");
    good_name(BYTES("API.EXAMPLE.COM"), "api.example.com");
    good_name(BYTES("_x-0.Z.example."), "_x-0.z.example");
    good_name(BYTES("192.0.2.1"), "192.0.2.1");
    good_name(slice_of(label, 63), (label[63] = '\0', label));
    label[63] = 'a';
    bad_name(slice_of(label, 64));
    bad_name(BYTES(""));
    bad_name(BYTES("."));
    bad_name(BYTES(".a"));
    bad_name(BYTES("a..b"));
    bad_name(BYTES("a.."));
    bad_name(BYTES("a b"));
    bad_name(BYTES("a\0b"));
    bad_name(BYTES("a\n"));
    bad_name(BYTES("*.example.com"));
    bad_name(BYTES("b\xc3\xbc\x63her.example"));
    bad_name(BYTES("2001:db8::1"));
    bad_name(BYTES("a/b"));
    bad_name(BYTES("@"));
    bad_name(BYTES("["));
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 ? '.' : 'a';
    char want[254];
    memcpy(want, name, 253);
    want[253] = '\0';
    good_name(slice_of(name, 253), want);
    good_name(slice_of(name, 254), want); /* the dot at its end */
    bad_name(slice_of(name, 255));
    bad_name(slice_of(name, 300));
    for (size_t i = 1; i < sizeof name; i++)
        name[i] = i % 2 ? 'a' : '.';
    bad_name(slice_of(name, 254));
}

static void test_lists(void **state)
{
    (void)state;
    struct buf list = {0}, extensions = {0};
    add_name(&list, 7, BYTES("of a type to come"));
    add_list(&extensions, &list);
    struct buf hello = hello_of_extensions(&extensions);
    assert_name(slice_of(hello.p, hello.n), "");
    buf_free(&hello);

    list.n = extensions.n = 0;
    add_name(&list, 7, BYTES("of a type to come"));
    add_name(&list, 0, BYTES("one.example"));
    add_list(&extensions, &list);
    hello = hello_of_extensions(&extensions);
    assert_name(slice_of(hello.p, hello.n), "one.example");
    buf_free(&hello);

    add_list(&extensions, &list); /* a second extension */
    hello = hello_of_extensions(&extensions);
    assert_bad(slice_of(hello.p, hello.n), 47);
    buf_free(&hello);

    extensions.n = 0;
    add_name(&list, 0, BYTES("one.example")); /* a second name of the same type */
    add_list(&extensions, &list);
    hello = hello_of_extensions(&extensions);
    assert_bad(slice_of(hello.p, hello.n), 47);
    buf_free(&hello);
    buf_free(&list);
    buf_free(&extensions);
}

static void test_lengths_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        struct slice data; /* of server_name */
    } bad[] = {
        {{NULL, 0}},
        {{(const uint8_t *)"\0", 1}},
        {{(const uint8_t *)"\0\0", 2}},         /* an empty list */
        {{(const uint8_t *)"\0\5\0\0\1a", 6}},  /* the list is longer than the extension */
        {{(const uint8_t *)"\0\4\0\0\1ab", 7}}, /* .. shorter */
        {{(const uint8_t *)"\0\4\0\0\2a", 6}},  /* the name is longer than the list */
        {{(const uint8_t *)"\0\2\0\0", 4}},     /* cut in the length */
        {{(const uint8_t *)"\0\1\0", 3}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf extensions = {0};
        add_extension(&extensions, 0, bad[i].data.p ? bad[i].data.p : (const void *)"",
                      bad[i].data.n);
        struct buf hello = hello_of_extensions(&extensions);
        assert_bad(slice_of(hello.p, hello.n), 50);
        buf_free(&hello);
        buf_free(&extensions);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    char long_session[33] = {0};
    struct buf none = {0};
    struct {
        struct slice session, ciphers, compressions;
        bool good;
    } cases[] = {
        {BYTES(""), BYTES("\x13\x01"), BYTES("\0"), true},
        {slice_of(long_session, 32), BYTES("\x13\x01\x13\x02"), BYTES("\0\1"), true},
        {slice_of(long_session, 33), BYTES("\x13\x01"), BYTES("\0"), false},
        {BYTES(""), BYTES(""), BYTES("\0"), false},
        {BYTES(""), BYTES("\x13\x01\x13"), BYTES("\0"), false},
        {BYTES(""), BYTES("\x13\x01"), BYTES(""), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int with = 0; with < 2; with++) {
            struct buf hello = hello_with(cases[i].session, cases[i].ciphers, cases[i].compressions,
                                          with ? &none : NULL);
            if (cases[i].good)
                assert_name(slice_of(hello.p, hello.n), "");
            else
                assert_bad(slice_of(hello.p, hello.n), 50);
            buf_free(&hello);
        }
}

/* The length of the message is changed: what is cut off is missed, what is added is too much. */
static void test_messages_of_another_length(void **state)
{
    (void)state;
    struct buf hello = hello_of_openssl("a.example", TLS1_3_VERSION);
    const size_t len = hello.n - 9;
    for (size_t to = 0; to < len; to++) {
        struct buf cut = {0};
        buf_add(&cut, hello.p, hello.n);
        store_u16((uint8_t *)cut.p + 7, (uint16_t)to);
        struct seen s = read_it(cut.p, cut.n);
        /* Before the extensions an old one may end. */
        assert_true(s.is == CLIENT_HELLO_BAD || (s.is == CLIENT_HELLO_DONE && s.n == 0));
        buf_free(&cut);
    }
    store_u16((uint8_t *)hello.p + 3, (uint16_t)(len + 5));
    store_u16((uint8_t *)hello.p + 7, (uint16_t)(len + 1));
    buf_add(&hello, "\0", 1);
    assert_bad(slice_of(hello.p, hello.n), 50);
    buf_free(&hello);
}

/* ---- records ---- */

static void test_other_records(void **state)
{
    (void)state;
    assert_bad(BYTES("GET / HTTP/1.1\r\n"), 10);
    assert_bad(BYTES("\x80"), 10); /* SSL 2 */
    assert_bad(BYTES("\x14"), 10); /* change cipher spec, alert, application data */
    assert_bad(BYTES("\x15"), 10);
    assert_bad(BYTES("\x17"), 10);
    assert_bad(BYTES("\x16\x02"), 70);
    assert_bad(BYTES("\x16\x03\x01\0\0"), 10);
    assert_bad(BYTES("\x16\x03\x01\x40\x01"), 22);
    assert_bad(BYTES("\x16\x03\x01\0\4\2"), 10); /* a ServerHello */
    assert_int_equal(read_it("", 0).is, CLIENT_HELLO_MORE);
    assert_int_equal(read_it("\x16\x03\xff\x40\0", 5).is, CLIENT_HELLO_MORE);
    /* Between the parts of a hello there must be no other record. */
    struct buf hello = hello_of_openssl("a.example", TLS1_3_VERSION);
    struct buf split = in_records(&hello, 100);
    split.p[105] = 0x17;
    assert_bad(slice_of(split.p, split.n), 10);
    buf_free(&split);
    buf_free(&hello);
}

static void test_bounds(void **state)
{
    (void)state;
    static uint8_t bytes[2 * CLIENT_HELLO_MAX];
    /* A message whose length says that it will not fit is not waited for. */
    assert_bad(BYTES("\x16\x03\x01\x40\0\1\0\x3f\xf8"), 47);
    assert_bad(BYTES("\x16\x03\x01\x40\0\1\1\0\0"), 47);
    assert_int_equal(read_it("\x16\x03\x01\x40\0\1\0\x3f\xf7", 9).is, CLIENT_HELLO_MORE);
    /* The longest of one record is read; padding (RFC 7685) makes it so long. */
    struct buf extensions = {0};
    static uint8_t padding[CLIENT_HELLO_MAX - 5 - 4 - 43 - 4];
    add_extension(&extensions, 21, padding, sizeof padding - 2);
    struct buf hello = hello_of_extensions(&extensions);
    assert_true(hello.n <= CLIENT_HELLO_MAX && hello.n + 4 > CLIENT_HELLO_MAX);
    assert_name(slice_of(hello.p, hello.n), "");
    /* The same in records of a few bytes is refused once so much has come. */
    struct buf split = in_records(&hello, 3);
    assert_true(split.n > CLIENT_HELLO_MAX);
    assert_int_equal(read_it(split.p, CLIENT_HELLO_MAX - 1).is, CLIENT_HELLO_MORE);
    assert_bad(slice_of(split.p, CLIENT_HELLO_MAX), 47);
    assert_bad(slice_of(split.p, split.n), 47);
    /* Records that end with what is waited for are no way beyond it either. */
    memcpy(bytes, hello.p, hello.n);
    assert_name(slice_of(bytes, sizeof bytes), "");
    buf_free(&split);
    buf_free(&hello);
    buf_free(&extensions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openssl),
        cmocka_unit_test(test_openssl_in_two),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_lengths_that_are_wrong),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_messages_of_another_length),
        cmocka_unit_test(test_other_records),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
