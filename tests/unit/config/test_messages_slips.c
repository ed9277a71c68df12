/* SPDX-License-Identifier: Apache-2.0
 * What is said about the usual slips in zones: those that are taken for something else. */
#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define ZONE              \
    "zone: example.com\n" \
    "soa: {mname: ns1, rname: hostmaster}\n"
#define SOA                                        \
    "$TTL 300\n"                                   \
    "@ SOA ns1 hostmaster 1 3600 900 604800 300\n" \
    "@ NS ns1\n"                                   \
    "ns1 A 192.0.2.53\n"
#define Y "zones/example.com.yaml"
#define Z "zones/example.org.zone"
#define RUN(cases) check_messages(cases, sizeof(cases) / sizeof *(cases))

static void test_parentheses(void **state)
{
    static const struct message_case cases[] = {
        {Z, "$TTL 1\n@ SOA ns1 h ( 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n",
         Z ":2:13: '(' is never closed, expected ')'\n"},
        /* a pair further down closes nothing, nor does one in a comment or in quotes */
        {Z, "$TTL 1\n@ SOA ns1 h ( 1 2 3 4 5 ; )\n@ NS ns1\nt TXT \")\"\nu TXT ( a )\n",
         Z ":2:13: '(' is never closed, expected ')'\n"},
        {Z, SOA "t TXT ( ( a )\nb A 192.0.2.1\n", Z ":5:7: '(' is never closed, expected ')'\n"},
        {Z, SOA "a MX 10 ( mail\nb A 192.0.2.1\nc A x\n",
         Z ":5:9: '(' is never closed, expected ')'\n"},
        {Z, SOA "a POOL www (\nb A 192.0.2.1\n", Z ":5:12: '(' is never closed, expected ')'\n"},
        {Z, SOA "a ( A 192.0.2.1\n", Z ":5:3: '(' is never closed, expected ')'\n"},
        {Y, ZONE "records: {a: {MX: 10 mail (}}\n", Y ":3:19: '(' is never closed, expected ')'\n"},
        /* what is wrong between two that match is told where it is */
        {Z, SOA "a MX ( 10\n  mail x )\nb A x\n",
         Z ":6:8: 'x', expected the end of the line\n" Z ":7:5: 'x', expected an IPv4 address\n"},
        {Z, SOA "a MX ( 10 mail x ) \"b\n", Z ":5:16: 'x', expected the end of the line\n"},
        /* a quote that is never closed hides the ')' */
        {Z, SOA "a TXT ( \"x )\n",
         Z ":5:9: the quote is never closed, expected '\"' on the same "
           "line\n"},
    };
    (void)state;
    RUN(cases);
}

#define ONE(type, text) \
    "the data of one " type " record is a list, expected one text: \"" text "\"\n"

static void test_fields_as_a_list(void **state)
{
    static const struct message_case cases[] = {
        {Y, ZONE "records: {a: {MX: [10, mail]}}\n", Y ":3:19: " ONE("MX", "10 mail")},
        {Y, ZONE "records: {a: {MX: [[10, mail], [20, mail2]]}}\n",
         Y ":3:20: " ONE("MX", "10 mail") Y ":3:32: " ONE("MX", "20 mail2")},
        {Y, ZONE "records: {a: {MX: {ttl: 5m, data: [10, mail]}}}\n",
         Y ":3:35: " ONE("MX", "10 mail")},
        {Y, ZONE "records: {_x._tcp: {SRV: [0, 0, 443, www]}}\n",
         Y ":3:26: " ONE("SRV", "0 0 443 www")},
        {Y, ZONE "records: {_x._tcp: {SRV: [0 0 443, www]}}\n",
         Y ":3:26: " ONE("SRV", "0 0 443 www")},
        {Y, ZONE "records: {a: {CAA: [0, issue, ca.example]}}\n",
         Y ":3:20: " ONE("CAA", "0 issue ca.example")},
        {Y, ZONE "records: {a: {HINFO: [PC, Linux]}}\n", Y ":3:22: " ONE("HINFO", "PC Linux")},
        {Y, ZONE "records: {a: {HTTPS: [1, ., alpn=h2]}}\n",
         Y ":3:22: " ONE("HTTPS", "1 . alpn=h2")},
        /* records, good or bad */
        {Y, ZONE "records: {a: {MX: [10 mail, 20 mail2], TXT: [a, b], NS: [ns1, ns2]}}\n", ""},
        {Y, ZONE "records: {a: {MX: [mail, mail2]}}\n",
         Y ":3:20: 'mail', expected a number from 0 to 65535\n" Y
           ":3:26: 'mail2', expected a number from 0 to 65535\n"},
        {Y, ZONE "records: {a: {MX: [10, 20 mail]}}\n",
         Y ":3:20: the line ends here, expected a domain name\n"},
        {Y, ZONE "records: {a: {MX: [10]}}\n",
         Y ":3:20: the line ends here, expected a domain name\n"},
    };
    (void)state;
    RUN(cases);
}

#define ALIAS_HERE                                                                         \
    " is a type of other products: the target is not looked up here, expected A and AAAA " \
    "with its addresses, or a POOL of them\n"

static void test_foreign_types(void **state)
{
    static const struct message_case cases[] = {
        {Z, SOA "a ALIAS www.example.net.\na 60 IN aname www\n",
         Z ":5:3: ALIAS" ALIAS_HERE Z ":6:9: ANAME" ALIAS_HERE},
        {Y, ZONE "records: {a: {ALIAS: www}, b: {lua: x}}\n",
         Y ":3:15: ALIAS" ALIAS_HERE Y
           ":3:32: LUA is a type of PowerDNS: nothing is executed for an answer here, expected a "
           "POOL: its checks, 'steer' and 'pick' choose the addresses\n"},
        {Z, SOA "a DYNA geoip!www\nb DYNC weighted!www\n",
         Z ":5:3: DYNA is a type of gdnsd, expected POOL and the name of a pool with these "
           "addresses\n" Z ":6:3: DYNC is a type of gdnsd, expected POOL and the name of a pool "
           "whose endpoints are {cname: NAME}\n"},
        {Z, SOA "a WINS 192.0.2.1\n",
         Z ":5:3: WINS is a type of Windows: names are not looked up elsewhere, expected A\n"},
        {Z, SOA "a ALIA www\n",
         Z ":5:3: 'ALIA', expected a type (A, AAAA, CNAME, POOL, ...), a "
           "class or a TTL\n"},
    };
    (void)state;
    RUN(cases);
}

#define UNICODE(text, ascii) \
    "warning: '" text "' is not ASCII, and resolvers do not ask for it so: expected '" ascii "'\n"

static void test_unicode_names(void **state)
{
    static const struct message_case cases[] = {
        {Z, SOA "müller A 192.0.2.1\n  AAAA ::1\n", Z ":5:1: " UNICODE("müller", "xn--mller-kva")},
        {Z, SOA "MÜLLER A 192.0.2.1\n", Z ":5:1: " UNICODE("MÜLLER", "xn--mller-kva")},
        {Z, SOA "*.straße POOL www\n", Z ":5:1: " UNICODE("*.straße", "*.xn--strae-oqa")},
        {Z, SOA "a MX 10 bücher.example.\nb CNAME (\n  bücher )\n",
         Z ":5:9: " UNICODE("bücher.example.", "xn--bcher-kva.example.") Z
         ":7:3: " UNICODE("bücher", "xn--bcher-kva")},
        {Z, SOA "a NAPTR 1 1 \"ü\" \"\" \"\" ü\n", Z ":5:23: " UNICODE("ü", "xn--tda")},
        {Z, SOA "例え A 192.0.2.1\n", Z ":5:1: " UNICODE("例え", "xn--r8jz45g")},
        {Z, SOA "$ORIGIN ü.example.org.\na A 192.0.2.1\n",
         Z ":5:9: " UNICODE("ü.example.org.", "xn--tda.example.org.")},
        {Z, SOA "$GENERATE 1-9 ü$ A 192.0.2.$\n", Z ":5:15: " UNICODE("ü1", "xn--1-dha")},
        {Z, SOA "a\xfc A 192.0.2.1\n",
         Z ":5:1: warning: 'a\\xfc' is not ASCII, and resolvers do not ask for it so: expected its "
           "A-labels (xn--...)\n"},
        {Y, "zone: ü.example\nsoa: {mname: ns1, rname: hostmaster}\nrecords: {\"@\": {NS: ns1}}\n",
         Y ":1:7: " UNICODE("ü.example", "xn--tda.example")},
        {Y, ZONE "records: {ü: {A: 192.0.2.1, MX: 10 ä, TXT: é}, c: {CNAME: ö}}\n",
         Y ":3:11: " UNICODE("ü", "xn--tda") Y ":3:33: " UNICODE("ä", "xn--4ca") Y
         ":3:59: " UNICODE("ö", "xn--nda")},
        {"pools.yaml",
         "sites: {ams: {}}\npools: {www: {sites: {ams: [192.0.2.1]}},\n"
         "  cdn: {sites: {ams: [{cname: ü.example}]}}}\n",
         "pools.yaml:3:31: " UNICODE("ü.example", "xn--tda.example")},
        /* text, comments, escapes, and instances of services */
        {Z, SOA "a TXT ü \"ü\" ; ü\nb CAA 0 issue \"ü\"\nc\\195\\188 A 192.0.2.1 ; ü\n", ""},
        {Z, SOA "_ipp._tcp PTR Büro._ipp._tcp\nBüro._ipp._tcp SRV 0 0 1 ns1\n", ""},
        {Z, SOA "$ORIGIN _ipp._tcp.example.org.\n@ PTR Büro\nBüro SRV 0 0 1 ns1\n", ""},
        {Z, SOA "_ipp._tcp.ü A 192.0.2.1\n",
         Z ":5:1: " UNICODE("_ipp._tcp.ü", "_ipp._tcp.xn--tda")},
    };
    (void)state;
    RUN(cases);
}

#define CUT(text)     \
    "warning: '" text \
    "' is a comment, as it follows a ';': expected quotes around text that has one\n"

static void test_cut_text(void **state)
{
    static const struct message_case cases[] = {
        {Z, SOA "a TXT v=DMARC1; p=none\n", Z ":5:15: " CUT("p=none")},
        {Z, SOA "a TXT v=DMARC1 ; p=none\r\n", Z ":5:16: " CUT("p=none")},
        {Z, SOA "a TXT ( v=DKIM1; k=rsa\n  p=MII; t=s\n )\n", Z ":5:16: " CUT("k=rsa")},
        {Z, SOA "a CAA 0 issue ca.example; validationmethods=dns-01\n",
         Z ":5:25: " CUT("validationmethods=dns-01")},
        {Z, SOA "a SPF v=spf1;x\n", Z ":5:13: " CUT("x")},
        {Z, SOA "$GENERATE 1-9 a$ TXT v=$;x\n", Z ":5:15: " CUT("x")},
        {Z, SOA "a TXT x;0123456789012345678901234567890123456789\n",
         Z ":5:8: " CUT("0123456789012345678901234567890123456789")},
        {Z, SOA "a TXT x;01234567890123456789012345678901234567890\n",
         Z ":5:8: " CUT("0123456789012345678901234567890123456789...")},
        {Z, SOA "$GENERATE 1-2 a$ A 192.0.2.$\nb TXT x;y\n", Z ":6:8: " CUT("y")},
        /* comments */
        {Z,
         SOA "a TXT \"v=DMARC1; p=none\" ; p=none\nb TXT x ; p=none\nc TXT a=b ; of p = none\nc "
             "TXT a=b ; =x\n"
             "d TXT v=DMARC1;\ne TXT a\\;b\nf A 192.0.2.1;p=1\ng TXT \"x\";y=z\n",
         ""},
        {Y, ZONE "records: {a: {TXT: v=DMARC1; p=none}}\n", ""},
    };
    (void)state;
    RUN(cases);
}

static void test_generated(void **state)
{
    static const struct message_case cases[] = {
        {Z, SOA "$GENERATE 250-260  a$ A 192.0.2.$\n",
         Z ":5:20: '192.0.2.256', expected an IPv4 address (with $ = 256)\n"},
        {Z, SOA "$GENERATE 7-9/2 a$ B 192.0.2.$\nb A x\n",
         Z ":5:17: 'B', expected a type (A, AAAA, CNAME, POOL, ...), a class or a TTL (with $ = "
           "7)\n" Z ":6:5: 'x', expected an IPv4 address\n"},
    };
    (void)state;
    RUN(cases);
}

/* Quotes never change a meaning. */
static void test_owner_null(void **state)
{
    static const struct message_case cases[] = {
        {Y, ZONE "records: {null: {A: 192.0.2.1}, ~: {A: 192.0.2.1}, yes: {CNAME: null}}\n", ""},
        {Y, ZONE "records: {null: {A: x}}\n", Y ":3:21: 'x', expected an IPv4 address\n"},
    };
    (void)state;
    RUN(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parentheses),   cmocka_unit_test(test_fields_as_a_list),
        cmocka_unit_test(test_foreign_types), cmocka_unit_test(test_unicode_names),
        cmocka_unit_test(test_cut_text),      cmocka_unit_test(test_generated),
        cmocka_unit_test(test_owner_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
