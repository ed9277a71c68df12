/* SPDX-License-Identifier: Apache-2.0
 * Addresses and prefixes. */
#include "base/ip.h"

#include "base/diag.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct ip parsed(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(&ip, text), 0);
    return ip;
}

static void address_text_round_trips(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0.0.0.0", "192.0.2.1",   "255.255.255.255",  "::",
        "::1",     "2001:db8::1", "::ffff:192.0.2.1", "fe80::1:2:3:4"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char out[IP_TEXT_MAX];
        struct ip ip = parsed(texts[i]);
        assert_string_equal(ip_text(out, &ip), texts[i]);
    }
    struct ip none = {0};
    char out[IP_TEXT_MAX];
    assert_string_equal(ip_text(out, &none), "none");
}

static void address_syntax_errors(void **state)
{
    (void)state;
    static const char *const texts[] = {"",         "1.2.3",      "1.2.3.4.5", "256.1.1.1",
                                        "01.2.3.4", " 1.2.3.4",   "1.2.3.4 ",  ":",
                                        ":::",      "1::2::3",    "12345::",   "fe80::1%eth0",
                                        "[::1]",    "example.com"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ip ip;
        assert_int_equal(ip_parse(&ip, texts[i]), E_SYNTAX);
    }
}

static void prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        const char *masked;
    } cases[] = {
        {"192.0.2.0/24", 0, "192.0.2.0/24"},
        {"192.0.2.1", 0, "192.0.2.1/32"},
        {"0.0.0.0/0", 0, "0.0.0.0/0"},
        {"192.0.2.1/24", E_RANGE, "192.0.2.0/24"},
        {"255.255.255.255/9", E_RANGE, "255.128.0.0/9"},
        {"2001:db8::/32", 0, "2001:db8::/32"},
        {"2001:db8::1", 0, "2001:db8::1/128"},
        {"2001:db8::1/127", E_RANGE, "2001:db8::/127"},
        {"::/0", 0, "::/0"},
        {"192.0.2.0/33", E_SYNTAX, NULL},
        {"::/129", E_SYNTAX, NULL},
        {"192.0.2.0/", E_SYNTAX, NULL},
        {"192.0.2.0/2x", E_SYNTAX, NULL},
        {"192.0.2.0/-1", E_SYNTAX, NULL},
        {"/24", E_SYNTAX, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip_prefix p;
        char out[IP_PREFIX_TEXT_MAX];
        assert_int_equal(ip_prefix_parse(&p, cases[i].text), cases[i].result);
        if (cases[i].masked)
            assert_string_equal(ip_prefix_text(out, &p), cases[i].masked);
    }
}

static void ports(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        const char *out;
    } cases[] = {
        {"192.0.2.1", 0, "192.0.2.1:53"},
        {"192.0.2.1:5300", 0, "192.0.2.1:5300"},
        {"[2001:db8::1]:5300", 0, "[2001:db8::1]:5300"},
        {"[::]", 0, "[::]:53"},
        {"::1", 0, "[::1]:53"},
        {"2001:db8::1:5300", 0, "[2001:db8::1:5300]:53"},
        {"192.0.2.1:65536", E_RANGE, NULL},
        {"192.0.2.1:", E_SYNTAX, NULL},
        {"192.0.2.1:+1", E_SYNTAX, NULL},
        {"[::1", E_SYNTAX, NULL},
        {"[::1]x", E_SYNTAX, NULL},
        {"[::1]:", E_SYNTAX, NULL},
        {"[192.0.2.1]:53", E_SYNTAX, NULL},
        {":53", E_SYNTAX, NULL},
        {"", E_SYNTAX, NULL},
        {"localhost:53", E_SYNTAX, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip ip;
        uint16_t port = 53;
        char out[IP_PORT_TEXT_MAX];
        assert_int_equal(ip_port_parse(&ip, &port, cases[i].text), cases[i].result);
        if (cases[i].out)
            assert_string_equal(ip_port_text(out, &ip, port), cases[i].out);
    }
}

static bool bit_of(const struct ip *ip, unsigned i)
{
    return ip->b[i / 8] >> (7 - i % 8) & 1;
}

/* ip_mask() and ip_in_prefix() against their definitions, bit by bit. */
static void masks_and_containment(void **state)
{
    (void)state;
    struct rng rng = {7};
    for (unsigned round = 0; round < 20000; round++) {
        struct ip_prefix p = {.addr.family = round % 2 ? IP_V4 : IP_V6};
        unsigned bits = ip_bits(&p.addr);
        struct ip ip = {.family = p.addr.family};
        for (unsigned i = 0; i < bits / 8; i++)
            ip.b[i] = (uint8_t)rng_next(&rng);
        p.addr = ip;
        p.len = (uint8_t)rng_below(&rng, bits + 1);
        ip_mask(&p.addr, p.len);
        for (unsigned i = 0; i < bits; i++)
            assert_int_equal(bit_of(&p.addr, i), i < p.len ? bit_of(&ip, i) : 0);
        assert_true(ip_in_prefix(&ip, &p));
        unsigned flip = rng_below(&rng, bits);
        ip.b[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
        assert_int_equal(ip_in_prefix(&ip, &p), flip >= p.len);
        struct ip_prefix same = p;
        assert_true(ip_prefix_equal(&p, &same));
        same.len++;
        assert_false(ip_prefix_equal(&p, &same));
        p.addr.b[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
        same.len = p.len;
        assert_false(ip_prefix_equal(&p, &same));
    }
    struct ip v4 = parsed("0.0.0.0");
    struct ip_prefix v6 = {.addr = parsed("::"), .len = 0};
    assert_false(ip_in_prefix(&v4, &v6));
}

static void socket_addresses(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ip ip = parsed(texts[i]), back;
        struct sockaddr_storage ss;
        uint16_t port = 0;
        socklen_t n = ip_to_sockaddr(&ss, &ip, 5300);
        assert_int_equal(n, i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        back = ip_from_sockaddr((struct sockaddr *)&ss, &port);
        assert_true(ip_equal(&ip, &back));
        assert_int_equal(port, 5300);
    }
    struct sockaddr_storage other = {.ss_family = AF_UNIX};
    uint16_t port;
    assert_int_equal(ip_from_sockaddr((struct sockaddr *)&other, &port).family, IP_NONE);
}

static void embedded_ipv4(void **state)
{
    (void)state;
    static const struct {
        const char *v6, *v4;
        unsigned before;
    } cases[] = {
        {"::ffff:192.0.2.33", "192.0.2.33", 96},
        {"2002:c000:221::1", "192.0.2.33", 16},
        /* Teredo: ~3fff:fdd2 */
        {"2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45", 96},
        {"64:ff9b::192.0.2.33", "192.0.2.33", 96},
        {"64:ff9b:1::192.0.2.33", NULL, 0},
        {"2001:db8::192.0.2.33", NULL, 0},
        {"2001:1::192.0.2.33", NULL, 0},
        {"::192.0.2.33", NULL, 0},
        {"2003::1", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip v6 = parsed(cases[i].v6), v4;
        unsigned before = 0;
        assert_int_equal(ip_embedded_v4(&v6, &v4, &before), cases[i].v4 != NULL);
        if (!cases[i].v4)
            continue;
        char out[IP_TEXT_MAX];
        assert_string_equal(ip_text(out, &v4), cases[i].v4);
        assert_int_equal(before, cases[i].before);
    }
    struct ip plain = parsed("192.0.2.1"), v4;
    unsigned before;
    assert_false(ip_embedded_v4(&plain, &v4, &before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_text_round_trips),
        cmocka_unit_test(address_syntax_errors),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(ports),
        cmocka_unit_test(masks_and_containment),
        cmocka_unit_test(socket_addresses),
        cmocka_unit_test(embedded_ipv4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
