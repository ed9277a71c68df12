/* SPDX-License-Identifier: Apache-2.0
 * PROXY headers: vectors made by hand from the specification, every prefix of a valid one, what
 * must be refused and how soon, and what is written read back. */
#include "l4/proxy_header.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text) slice_of(text, sizeof(text) - 1)

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

static void assert_ip(const struct ip *ip, const char *text)
{
    struct ip want = ip_of(text);
    assert_true(ip_equal(ip, &want));
}

static enum proxy_read read_it(struct proxy_header *header, struct slice bytes, uint32_t *n)
{
    const char *why = NULL;
    *n = 0;
    enum proxy_read is = proxy_header_read(header, bytes, n, &why);
    assert_int_equal(is == PROXY_BAD, why != NULL);
    return is;
}

/* The header is all of `bytes`; with more behind it it is the same; with less it is not there. */
static struct proxy_header whole(struct slice bytes)
{
    static uint8_t more[1024];
    struct proxy_header header, again;
    uint32_t n;
    for (uint32_t i = 0; i < bytes.n; i++)
        assert_int_equal(read_it(&header, slice_of(bytes.p, i), &n), PROXY_MORE);
    memcpy(more, bytes.p, bytes.n);
    memcpy(more + bytes.n, "\r\nGET /", 7);
    assert_int_equal(read_it(&again, slice_of(more, bytes.n + 7), &n), PROXY_DONE);
    assert_int_equal(n, bytes.n);
    assert_int_equal(read_it(&header, bytes, &n), PROXY_DONE);
    assert_int_equal(n, bytes.n);
    assert_memory_equal(&header, &again, sizeof header);
    return header;
}

static void refused(struct slice bytes)
{
    struct proxy_header header;
    uint32_t n;
    assert_int_equal(read_it(&header, bytes, &n), PROXY_BAD);
}

static void test_version_1(void **state)
{
    (void)state;
    struct proxy_header h = whole(BYTES("PROXY TCP4 192.0.2.1 198.51.100.80 56324 443\r\n"));
    assert_false(h.local);
    assert_ip(&h.client, "192.0.2.1");
    assert_ip(&h.server, "198.51.100.80");
    assert_int_equal(h.client_port, 56324);
    assert_int_equal(h.server_port, 443);
    h = whole(BYTES("PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:2 0 65535\r\n"));
    assert_ip(&h.client, "2001:db8::1");
    assert_ip(&h.server, "2001:db8::2");
    assert_int_equal(h.client_port, 0);
    assert_int_equal(h.server_port, 65535);
    h = whole(BYTES("PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n"));
    assert_ip(&h.client, "192.0.2.1");
    assert_ip(&h.server, "2001:db8::2");
    assert_true(whole(BYTES("PROXY UNKNOWN\r\n")).local);
    assert_true(whole(BYTES("PROXY UNKNOWN \1 anything \r at all\r\n")).local);
}

/* The longest that the specification knows: 107 bytes. */
static void test_version_1_length(void **state)
{
    (void)state;
    static const char full[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    char line[128] = "PROXY UNKNOWN ", longer[128];
    strcat(strcat(strcat(strcat(line, full), " "), full), " 65535 65535\r\n");
    assert_int_equal(strlen(line), 107);
    assert_true(whole(slice_str(line)).local);
    strcpy(longer, line);
    strcpy(longer + 105, "1\r\n");
    refused(slice_of(longer, 108));
    refused(slice_of(longer, 107)); /* it will not be one any more */
    struct proxy_header h;
    uint32_t n;
    assert_int_equal(read_it(&h, slice_of(longer, 106), &n), PROXY_MORE);
}

static void test_version_1_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "PROXY TCP4 192.0.2.1 198.51.100.80 56324 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80\r\n",
        "PROXY TCP4 192.0.2.1\r\n",
        "PROXY TCP4 \r\n",
        "PROXY TCP4\r\n",
        "PROXY \r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.80 56324 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.80 56324 443\r\n",
        "PROXY UNKNOWNTCP4 192.0.2.1 198.51.100.80 56324 443\r\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.80 56324 443\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.80 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80  56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 56324  443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 56324 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 56324 443 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 056324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 +1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 1 -1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 1 00\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.80 56324 443\r\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.80 56324 443\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.80 56324 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.80 56324 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.80 56324 443\r\n",
        "PROXY TCP6 2001:db8::1 198.51.100.80 56324 443\r\n",
        "PROXY TCP6 2001:db8::1%1 2001:db8::2 56324 443\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.80 56324 443\r\n",
        "PROXY unknown\r\n",
        "PROXY\tTCP4",
        "proxy ",
        "GET / HTTP/1.1\r\n",
        "\x16\x03\x01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(slice_str(bad[i]));
    refused(BYTES("PROXY TCP4 192.0.2.1\0 198.51.100.80 56324 443\r\n"));
    refused(BYTES("PROXY TCP4 192.0.2.1 198.51.100.80 56324 443\0\r\n"));
}

static void test_version_2(void **state)
{
    (void)state;
    struct proxy_header h =
        whole(BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\x50\xdc\4\1\xbb"));
    assert_false(h.local);
    assert_ip(&h.client, "192.0.2.1");
    assert_ip(&h.server, "198.51.100.80");
    assert_int_equal(h.client_port, 56324);
    assert_int_equal(h.server_port, 443);
    h = whole(BYTES(SIGNATURE "\x21\x21\0\x24 \1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                              "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\2\0\1\xff\xff"));
    assert_ip(&h.client, "2001:db8::1");
    assert_ip(&h.server, "192.0.2.2");
    assert_int_equal(h.client_port, 1);
    assert_int_equal(h.server_port, 65535);
    /* TLVs (here NOOP, and an ALPN) are part of the header. */
    h = whole(BYTES(SIGNATURE "\x21\x11\0\x15\xc0\0\2\1\xc6\x33\x64\x50\xdc\4\1\xbb"
                              "\4\0\1\0\1\0\2h2"));
    assert_ip(&h.client, "192.0.2.1");
}

static void test_version_2_local(void **state)
{
    (void)state;
    assert_true(whole(BYTES(SIGNATURE "\x20\0\0\0")).local);
    assert_true(
        whole(BYTES(SIGNATURE "\x20\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\x50\xdc\4\1\xbb")).local);
    assert_true(whole(BYTES(SIGNATURE "\x20\xff\0\3abc")).local); /* the rest is to be ignored */
    assert_true(whole(BYTES(SIGNATURE "\x21\0\0\0")).local);
    assert_true(whole(BYTES(SIGNATURE "\x21\0\0\5abcde")).local);
    uint8_t unix_[16 + 216] = SIGNATURE "\x21\x31\0\xd8/run/a";
    assert_true(whole(slice_of(unix_, sizeof unix_)).local);
    uint8_t longest[PROXY_HEADER_MAX + 1] = SIGNATURE "\x20\0\2\x08";
    assert_true(whole(slice_of(longest, PROXY_HEADER_MAX)).local);
    longest[15] = 9;
    refused(slice_of(longest, 16)); /* without waiting for it */
}

static void test_version_2_refused(void **state)
{
    (void)state;
    refused(BYTES(SIGNATURE "\x11"));
    refused(BYTES(SIGNATURE "\x31"));
    refused(BYTES(SIGNATURE "\x22"));
    refused(BYTES(SIGNATURE "\x2f"));
    refused(BYTES("\r\n\r\n\0\r\nQUIT\r"));
    refused(BYTES("\r\n\r\n\r"));
    refused(BYTES(SIGNATURE "\x21\x12\0\x0c")); /* a datagram */
    refused(BYTES(SIGNATURE "\x21\x22\0\x24"));
    refused(BYTES(SIGNATURE "\x21\x32\0\xd8"));
    refused(BYTES(SIGNATURE "\x21\x10\0\x0c"));
    refused(BYTES(SIGNATURE "\x21\x01\0\0"));
    refused(BYTES(SIGNATURE "\x21\x41\0\x0c"));
    refused(BYTES(SIGNATURE "\x21\x11\0\x0b")); /* too short for its addresses */
    refused(BYTES(SIGNATURE "\x21\x21\0\x23"));
    refused(BYTES(SIGNATURE "\x21\x31\0\xd7"));
    refused(BYTES(SIGNATURE "\x21\x11\xff\xff"));
}

static void assert_written(enum l4_proxy version, const struct proxy_header *header,
                           struct slice want)
{
    uint8_t out[PROXY_WRITE_MAX];
    uint32_t n = proxy_header_write(out, version, header);
    assert_int_equal(n, want.n);
    assert_memory_equal(out, want.p, want.n);
}

static void test_writing(void **state)
{
    (void)state;
    struct proxy_header h = {.client = ip_of("192.0.2.1"),
                             .server = ip_of("198.51.100.80"),
                             .client_port = 56324,
                             .server_port = 443};
    assert_written(L4_PROXY_NONE, &h, BYTES(""));
    assert_written(L4_PROXY_V1, &h, BYTES("PROXY TCP4 192.0.2.1 198.51.100.80 56324 443\r\n"));
    assert_written(L4_PROXY_V2, &h,
                   BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\x50\xdc\4\1\xbb"));
    h.server = ip_of("2001:db8::2");
    assert_written(L4_PROXY_V1, &h, BYTES("PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 443\r\n"));
    assert_written(L4_PROXY_V2, &h,
                   BYTES(SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"
                                   " \1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\2\xdc\4\1\xbb"));
    h.local = true;
    assert_written(L4_PROXY_V1, &h, BYTES("PROXY UNKNOWN\r\n"));
    assert_written(L4_PROXY_V2, &h, BYTES(SIGNATURE "\x20\0\0\0"));
}

static struct ip random_ip(struct rng *rng)
{
    struct ip ip = {.family = rng_below(rng, 2) ? IP_V4 : IP_V6};
    for (unsigned i = 0; i < (ip.family == IP_V4 ? 4 : 16); i++)
        ip.b[i] = rng_below(rng, 4) ? (uint8_t)rng_below(rng, 256) : 0;
    if (ip.family == IP_V6)
        ip.b[0] = 0x20;
    return ip;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    struct rng rng = {.state = 7};
    for (int i = 0; i < 2000; i++) {
        struct proxy_header h = {.client = random_ip(&rng),
                                 .server = random_ip(&rng),
                                 .client_port = (uint16_t)rng_below(&rng, 65536),
                                 .server_port = (uint16_t)rng_below(&rng, 65536)};
        for (enum l4_proxy version = L4_PROXY_V1; version <= L4_PROXY_V2; version++) {
            uint8_t out[PROXY_WRITE_MAX];
            uint32_t n = proxy_header_write(out, version, &h);
            struct proxy_header back = whole(slice_of(out, n));
            assert_true(!back.local && ip_equal(&back.client, &h.client));
            assert_true(ip_equal(&back.server, &h.server));
            assert_int_equal(back.client_port, h.client_port);
            assert_int_equal(back.server_port, h.server_port);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_1),         cmocka_unit_test(test_version_1_length),
        cmocka_unit_test(test_version_1_refused), cmocka_unit_test(test_version_2),
        cmocka_unit_test(test_version_2_local),   cmocka_unit_test(test_version_2_refused),
        cmocka_unit_test(test_writing),           cmocka_unit_test(test_what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
