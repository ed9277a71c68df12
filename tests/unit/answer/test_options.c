/* SPDX-License-Identifier: Apache-2.0
 * What stands in the OPT beside the answer, and what is signed with keys that nobody knows:
 * cookies, extended errors, TSIG; and that all of it together never has more room than there is. */
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

#define L3 L63 "." L63 "." L63

/* 255 bytes on the wire. */
#define LONGEST \
    L63 "." L63 "." L63 ".abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi."

/* The same within example.com. */
#define LONGEST_WITHIN \
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvw." L63 "." L63 "." L63 ".example.com."

static int setup(void **state)
{
    struct served *s = served_new();
    served_zone(s, "example.com.",
                "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n@ 3600 NS ns1\n"
                "ns1 3600 A 192.0.2.53\nwww 60 A 192.0.2.1\n* 60 CNAME www\n");
    assert_int_equal(served_compile(s), 0);
    served_limit(s, (struct server_config){.rate_limit.off = true});
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    served_free(*state);
    return 0;
}

#define SAYS_OF(s, name, type, expected, ...) \
    assert_string_equal(served_ask(s, name, type, (struct ask){__VA_ARGS__}), expected)
#define SAYS(name, type, expected, ...) \
    assert_string_equal(served_ask(*state, name, type, (struct ask){__VA_ARGS__}), expected)
#define WWW "NOERROR aa | www.example.com. 60 IN A 192.0.2.1 | |"

static void test_cookies(void **state)
{
    struct served *s = *state;
    SAYS("www.example.com.", "A", WWW " | edns 1232 cookie 24", .cookie = 8);
    SAYS("www.example.com.", "A", WWW " | edns 1232 cookie 24", .cookie = 8, .tcp = true);
    SAYS("www.example.com.", "A", WWW " | edns 1232 cookie 24", .cookie = 16);
    SAYS("www.example.com.", "A", WWW " | edns 1232 cookie 24", .cookie = 40);
    SAYS("www.example.com.", "A", WWW " | edns 1232 ecs /24/0 cookie 24 nsid ams1", .cookie = 24,
         .nsid = true, .subnet = "192.0.2.0/24");
    for (uint8_t n = 1; n < 64; n++) {
        bool valid = n == 8 || (n >= 16 && n <= 40);
        SAYS("www.example.com.", "A",
             valid ? WWW " | edns 1232 cookie 24" : "FORMERR | | | | edns 1232", .cookie = n);
    }
    /* A good one comes back as it is. */
    const uint8_t *good = served_cookie(s, "192.0.2.250");
    SAYS("www.example.com.", "A", WWW " | edns 1232 cookie 24", .cookie = 24, .cookie_bytes = good);
    assert_memory_equal(s->response + s->packet.response_len - COOKIE_LEN, good, COOKIE_LEN);
    s->snapshot->limits.cookies.on = false;
    SAYS("www.example.com.", "A", WWW " | edns 1232", .cookie = 8);
    s->snapshot->limits.cookies.on = true;
}

/* With errors, too, so that a client takes them for ours (RFC 7873 5.3). */
static void test_cookies_with_errors(void **state)
{
    SAYS("www.example.net.", "A", "REFUSED | | | | edns 1232 cookie 24 ede 20", .cookie = 8);
    SAYS("www.example.com.", "A", "NOTIMP | | | | edns 1232 cookie 24 ede 21", .cookie = 8,
         .flags = 4 << 11);
    SAYS("www.example.com.", "A", "BADVERS | | | | edns 1232", .cookie = 8, .version = 1);
}

/* RFC 7873 5.4: no question, but a cookie. */
static void ask_without_question(struct served *s, const struct ask *a)
{
    uint32_t len = served_query(s->query, ".", 0, a);
    memmove(s->query + DNS_HEADER_LEN, s->query + DNS_HEADER_LEN + 5, len - DNS_HEADER_LEN - 5);
    store_u16(s->query + 4, 0);
    served_send(s, len - 5, a);
}

static void test_without_question(void **state)
{
    struct served *s = *state;
    const struct {
        struct ask ask;
        const char *said;
    } of[] = {
        {{.cookie = 8}, "NOERROR | | | | edns 1232 cookie 24"},
        {{.cookie = 8, .tcp = true}, "NOERROR | | | | edns 1232 cookie 24"},
        {{.cookie = 24, .cookie_bytes = served_cookie(s, "192.0.2.250")},
         "NOERROR | | | | edns 1232 cookie 24"},
        {{.cookie = 24}, "BADCOOKIE | | | | edns 1232 cookie 24"},
        {{.cookie = 20}, "BADCOOKIE | | | | edns 1232 cookie 24"},
        {{.cookie = 9}, "FORMERR | | | | edns 1232"},
        {{.nsid = true}, "FORMERR | | | | edns 1232"},
        {{.no_edns = true}, "FORMERR | | |"},
        {{.cookie = 8, .flags = 5 << 11}, "NOTIMP | | | | edns 1232 cookie 24 ede 21"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(of); i++) {
        ask_without_question(s, &of[i].ask);
        assert_string_equal(served_said(s), of[i].said);
        assert_int_equal(load_u16(s->response + 4), 0);
    }
    s->snapshot->limits.cookies.on = false;
    ask_without_question(s, &(struct ask){.cookie = 8});
    assert_string_equal(served_said(s), "FORMERR | | | | edns 1232");
    s->snapshot->limits.cookies.on = true;
}

static void test_extended_errors(void **state)
{
    SAYS("www.example.net.", "A", "REFUSED | | | | edns 1232 ede 20");
    SAYS("www.example.net.", "A", "REFUSED | | |", .no_edns = true);
    SAYS("example.com.", "AXFR", "REFUSED | | | | edns 1232 ede 18", .tcp = true);
    SAYS("example.com.", "IXFR", "REFUSED | | | | edns 1232 ede 18");
    SAYS("www.example.com.", "A", "NOTIMP | | | | edns 1232 ede 21", .flags = 5 << 11);
    SAYS("nope.www.example.com.", "A",
         "NXDOMAIN aa | | example.com. 60 IN SOA ns1.example.com. hostmaster.example.com. 1 3600 "
         "900 "
         "604800 60 | | edns 1232");
}

/* The longest of questions in the smallest of buffers, with identities of all lengths. */
static void test_all_fits(void **state)
{
    static const char *const names[] = {
        LONGEST,
        LONGEST_WITHIN,
        "a.example.com.",
    };
    struct served *s = *state;
    struct slice before = s->snapshot->identity;
    char identity[600];
    unsigned n_nsid = 0, n_ede = 0;
    memset(identity, 'x', sizeof identity);
    for (unsigned i = 0; i < 3 * sizeof identity * 4; i++) {
        struct ask a = {.udp_size = 512,
                        .nsid = true,
                        .keepalive = true,
                        .cookie = i & 1 ? 8 : 40,
                        .tcp = (i & 3) == 3,
                        .subnet = i & 2 ? "2001:db8::1/128" : "192.0.2.1/32"};
        const char *name = names[i / 4 % 3];
        s->snapshot->identity = slice_of(identity, i / 12);
        const char *said = served_ask(s, name, "A", a);
        assert_true(a.tcp || s->packet.response_len <= 512);
        assert_non_null(strstr(said, " cookie 24"));
        assert_non_null(strstr(said, i & 2 ? " ecs /128/0" : " ecs /32/0"));
        assert_int_equal(strstr(said, "REFUSED") != NULL, i / 4 % 3 == 0);
        n_nsid += strstr(said, " nsid x") != NULL;
        n_ede += strstr(said, " ede 20") != NULL;
    }
    s->snapshot->identity = before;
    assert_true(n_nsid > 1000 && n_ede > 500);
}

/* --- what a message holds --- */

static struct served *serve_addresses(unsigned n, const char *also)
{
    struct served *s = served_new();
    struct buf text = {0};
    buf_printf(&text, "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n@ 3600 NS ns1\n%s", also);
    for (unsigned i = 0; i < n; i++)
        buf_printf(&text, "* 60 A 10.0.%u.%u\n", i / 256, i % 256);
    served_zone(s, "example.com.", text.p);
    buf_free(&text);
    return s;
}

#define FIT (MESSAGE_SET_MAX / 16) /* A records */

/* The largest set is whole with whatever is asked, and one more is refused at load. */
static void test_largest_set(void **state)
{
    (void)state;
    static const struct ask all = {
        .tcp = true, .nsid = true, .keepalive = true, .cookie = 40, .subnet = "2001:db8::1/128"};
    struct served *s = serve_addresses(FIT, "");
    assert_int_equal(served_compile(s), 0);
    served_limit(s, (struct server_config){.rate_limit.off = true});
    const char *said = served_ask(s, LONGEST_WITHIN, "A", all);
    assert_ptr_equal(strstr(said, "NOERROR aa | "), said);
    assert_int_equal(load_u16(s->response + 6), FIT);
    assert_non_null(strstr(said, "| edns 1232 ecs /128/0 cookie 24 keepalive 100 nsid ams1"));
    s->snapshot->identity = slice_of(said, 60000); /* no answer is lost for the sake of a name */
    said = served_ask(s, LONGEST_WITHIN, "A", all);
    assert_ptr_equal(strstr(said, "NOERROR aa | "), said);
    assert_int_equal(load_u16(s->response + 6), FIT);
    assert_null(strstr(said, "nsid"));
    served_free(s);
    s = serve_addresses(FIT + 1, "");
    assert_int_not_equal(served_compile(s), 0);
    assert_non_null(strstr(s->diags.v[0].text, "an RRset has to fit into one message"));
    served_free(s);
}

/* By TCP, a chain ends where the rest does not fit: its target is asked for by itself. */
static void test_chain_too_long_for_a_message(void **state)
{
    (void)state;
    struct served *s = serve_addresses(FIT, "to 60 CNAME " L3 ".one\n" L3 ".one 60 CNAME " L3
                                            ".two\nmoved 60 DNAME one\n");
    assert_int_equal(served_compile(s), 0);
    SAYS_OF(s, "to.example.com.", "A",
            "NOERROR aa | to.example.com. 60 IN CNAME " L3 ".one.example.com.; " L3
            ".one.example.com. 60 IN CNAME " L3 ".two.example.com. | |",
            .tcp = true, .no_edns = true);
    SAYS_OF(s, L3 ".moved.example.com.", "A",
            "NOERROR aa | moved.example.com. 60 IN DNAME one.example.com.; " L3
            ".moved.example.com. 60 IN CNAME " L3 ".one.example.com.; " L3
            ".one.example.com. 60 IN CNAME " L3 ".two.example.com. | | | edns 1232",
            .tcp = true);
    SAYS_OF(s, "to.example.com.", "A", "NOERROR aa tc | | | | edns 1232", .udp_size = 1232);
    served_free(s);
}

/* --- TSIG --- */

#define ALGORITHM "\13hmac-sha256"

struct tsig {
    const char *key; /* wire format */
    size_t key_len;
    unsigned class_, mac, others; /* class, length of MAC and of other data */
    int rdlen_off;
    bool in_answer, not_last, twice;
};

static uint32_t add_tsig(uint8_t *p, const struct tsig *t)
{
    struct writer w = writer_of(p, 700);
    writer_bytes(&w, t->key, (uint32_t)t->key_len);
    writer_u16(&w, TYPE_TSIG);
    writer_u16(&w, (uint16_t)t->class_);
    writer_u32(&w, 0);
    writer_u16(&w, (uint16_t)((int)(sizeof ALGORITHM + 16 + t->mac + t->others) + t->rdlen_off));
    writer_bytes(&w, ALGORITHM, sizeof ALGORITHM);
    writer_bytes(&w, "\0\0\x65\x53\xf1\0\1\x2c", 8);
    writer_u16(&w, (uint16_t)t->mac);
    for (unsigned i = 0; i < t->mac; i++)
        writer_u8(&w, (uint8_t)i);
    writer_u16(&w, 0x1234);
    writer_u16(&w, 0);
    writer_u16(&w, (uint16_t)t->others);
    for (unsigned i = 0; i < t->others; i++)
        writer_u8(&w, 0);
    return (uint32_t)(w.p - p);
}

static const char *ask_signed(struct served *s, const struct tsig *t, const struct ask *a)
{
    uint32_t len = served_query(s->query, "www.example.com.", TYPE_A, a);
    len += add_tsig(s->query + len, t);
    if (t->twice)
        len += add_tsig(s->query + len, t);
    if (t->not_last) {
        static const uint8_t txt[] = {0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 2, 1, 'x'};
        memcpy(s->query + len, txt, sizeof txt);
        len += sizeof txt;
    }
    s->query[t->in_answer ? 7 : 11] =
        (uint8_t)(s->query[t->in_answer ? 7 : 11] + 1 + t->twice + t->not_last);
    served_send(s, len, a);
    return served_said(s);
}

#define KEY(text) .key = (text), .key_len = sizeof(text)
#define GOOD .class_ = CLASS_ANY, .mac = 32

/* RFC 8945 5.2.1: NOTAUTH, with a TSIG that says BADKEY and is empty. */
static void test_tsig(void **state)
{
    static const uint8_t back[] = "\3key\5other\0\0\xfa\0\xff\0\0\0\0\0\x1d" ALGORITHM
                                  "\0\0\0\x65\x53\xf1\0\1\x2c\0\0\x12\x34\0\x11\0\0";
    struct served *s = *state;
    static const struct ask asks[] = {
        {.no_edns = true}, {.udp_size = 1232}, {.tcp = true}, {.cookie = 8}};
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        struct tsig t = {KEY("\3key\5other"), GOOD};
        const char *said = ask_signed(s, &t, &asks[i]);
        assert_ptr_equal(strstr(said, "NOTAUTH"), said);
        assert_int_equal(load_u16(s->response + 10), asks[i].no_edns ? 1 : 2);
        assert_memory_equal(s->response + s->packet.response_len - (sizeof back - 1), back,
                            sizeof back - 1);
        assert_true(asks[i].cookie || s->packet.response_len < s->packet.query_len);
    }
    /* The key's name as a pointer to the question's. */
    struct tsig t = {.key = "\xc0\x0c", .key_len = 2, GOOD};
    assert_non_null(strstr(ask_signed(s, &t, &asks[1]), "NOTAUTH"));
}

static void test_tsig_malformed(void **state)
{
    static const struct tsig of[] = {
        {KEY("\3key"), .class_ = CLASS_IN, .mac = 32}, {KEY("\3key"), GOOD, .rdlen_off = -1},
        {KEY("\3key"), GOOD, .rdlen_off = -40},        {KEY("\3key"), GOOD, .rdlen_off = 1},
        {KEY("\3key"), GOOD, .in_answer = true},       {KEY("\3key"), GOOD, .not_last = true},
        {KEY("\3key"), GOOD, .twice = true},           {.key = "\xc0\xff", .key_len = 2, GOOD},
        {.key = "\xc0\x29", .key_len = 2, GOOD}, /* to itself */
    };
    struct served *s = *state;
    for (unsigned i = 0; i < ARRAY_LEN(of); i++) {
        const char *said = ask_signed(s, &of[i], &(struct ask){.no_edns = true});
        if (strcmp(said, "FORMERR | | |") != 0)
            fail_msg("TSIG %u: %s", i, said);
    }
}

/* Where it has no room: TC, and the client asks again by TCP. */
static void test_tsig_too_long(void **state)
{
    struct served *s = *state;
    static const char key[] = "\77" L63 "\77" L63 "\77" L63 "\75"
                              "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi";
    struct tsig t = {.key = key, .key_len = sizeof key, GOOD};
    for (unsigned i = 0; i < 2; i++) {
        struct ask a = {.no_edns = true, .tcp = i};
        uint32_t len = served_query(s->query, LONGEST, TYPE_A, &a);
        len += add_tsig(s->query + len, &t);
        s->query[11] = 1;
        served_send(s, len, &a);
        const char *said = served_said(s);
        assert_ptr_equal(strstr(said, a.tcp ? "NOTAUTH |" : "NOTAUTH tc |"), said);
        assert_int_equal(load_u16(s->response + 10), i);
        assert_true(a.tcp || s->packet.response_len <= 512);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_cookies_with_errors),
        cmocka_unit_test(test_without_question),
        cmocka_unit_test(test_extended_errors),
        cmocka_unit_test(test_all_fits),
        cmocka_unit_test(test_tsig),
        cmocka_unit_test(test_largest_set),
        cmocka_unit_test(test_chain_too_long_for_a_message),
        cmocka_unit_test(test_tsig_malformed),
        cmocka_unit_test(test_tsig_too_long),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
