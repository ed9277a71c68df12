/* SPDX-License-Identifier: Apache-2.0
 * RR types and rdata as text. */
#include "dns/rr.h"

#include "base/diag.h"
#include "dns/name.h"
#include "dns/types.h"

#include <ldns/ldns.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = arena_new();
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static struct slice example(struct arena *arena)
{
    uint8_t name[NAME_WIRE_MAX];
    int n = name_from_text(name, "example.com.", 12, slice_of(NULL, 0));
    return slice_of(arena_copy(arena, name, (size_t)n), (size_t)n);
}

static int type_of(const char *text)
{
    return rr_type_from_text(text, strlen(text));
}

static void type_mnemonics(void **state)
{
    (void)state;
    assert_int_equal(type_of("A"), 1);
    assert_int_equal(type_of("aaaa"), 28);
    assert_int_equal(type_of("Https"), 65);
    assert_int_equal(type_of("TYPE0"), 0);
    assert_int_equal(type_of("TYPE65280"), 65280);
    assert_int_equal(type_of("type1"), 1);
    assert_int_equal(type_of("ANY"), 255);
    assert_int_equal(type_of("AXFR"), 252);
    static const char *const wrong[] = {
        "",   "TYPE", "TYPE65536", "TYPE999999999",    "TYPE-1", "TYPE1x",
        "AA", "POOL", "A ",        "NOTYPEATALLNOTYPE"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(type_of(wrong[i]), -1);
}

static void every_type_text_round_trips(void **state)
{
    (void)state;
    for (unsigned t = 0; t <= UINT16_MAX; t++) {
        char text[RR_TYPE_TEXT_MAX];
        assert_int_equal(type_of(rr_type_text(text, (uint16_t)t)), t);
    }
}

static const struct {
    const char *type, *text, *canonical; /* canonical: as printed back; NULL: the same */
} valid[] = {
    {"A", "192.0.2.1", NULL},
    {"AAAA", "2001:db8:0::1", "2001:db8::1"},
    {"NS", "ns1", "ns1.example.com."},
    {"CNAME", "@", "example.com."},
    {"MX", "10 mail.other.", NULL},
    {"SOA", "ns1 hm 1 1h 15m 2w 60", "ns1.example.com. hm.example.com. 1 3600 900 1209600 60"},
    {"TXT", "plain \"two words\" q\\\"q", "\"plain\" \"two words\" \"q\\\"q\""},
    {"TXT", "\"semi;colon\"", NULL},
    {"SRV", "1 2 443 www", "1 2 443 www.example.com."},
    {"NAPTR", "1 2 \"S\" \"A\" \"\" rep", "1 2 \"S\" \"A\" \"\" rep.example.com."},
    {"DNAME", "other.", NULL},
    {"CAA", "0 issue \"ca.example\"", NULL},
    {"HTTPS", "1 . alpn=h2 port=443", NULL},
    {"SVCB", "0 svc", "0 svc.example.com."},
    {"TLSA", "3 1 1 abcd", NULL},
    {"SSHFP", "1 1 abcd", NULL},
    {"DS", "1 8 2 abcd", NULL},
    {"URI", "10 1 \"https://example.com/\"", NULL},
    {"HINFO", "a b", "\"a\" \"b\""},
    {"TYPE65280", "\\# 3 AbCd EF", "\\# 3 ABCDEF"},
    {"TYPE65280", "\\# 0", NULL},
    {"A", "\\# 4 C0000201", "192.0.2.1"},
    {"TYPE1", "192.0.2.1", NULL},
};

static void rdata_round_trips(void **state)
{
    struct arena *a = *state;
    for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
        struct slice rdata, again;
        const char *why = NULL;
        uint16_t type = (uint16_t)type_of(valid[i].type);
        int e = rr_rdata_from_text(&rdata, a, type, valid[i].text, example(a), &why);
        assert_int_equal(e, 0);
        const char *text = rr_rdata_text(a, type, rdata);
        assert_string_equal(text, valid[i].canonical ? valid[i].canonical : valid[i].text);
        assert_int_equal(rr_rdata_from_text(&again, a, type, text, slice_of(NULL, 0), &why), 0);
        assert_true(slice_equal(rdata, again));
    }
}

static void rdata_errors_say_why(void **state)
{
    struct arena *a = *state;
    static const struct {
        const char *type, *text, *why;
    } wrong[] = {
        {"A", "1.2.3", "expected an IPv4 address"},
        {"A", "", "expected an IPv4 address"},
        {"A", "192.0.2.1 192.0.2.2", "expected an IPv4 address"},
        {"AAAA", "192.0.2.1", "expected an IPv6 address"},
        {"MX", "mail", "expected PREFERENCE NAME"},
        {"CNAME", "a b", "expected one domain name"},
        {"CNAME", "a..b", "expected one domain name"},
        {"TXT", "\"open", "the quote is not closed"},
        {"TYPE65280", "abc", "the type is unknown: its rdata is written as \\# LENGTH HEX"},
        {"TYPE65280", "\\# x", "\\# is followed by the length of the rdata, 0 to 65535"},
        {"TYPE65280", "\\# 65536 00", "\\# is followed by the length of the rdata, 0 to 65535"},
        {"TYPE65280", "\\# 1 0g", "rdata after \\# is in hexadecimal digits"},
        {"TYPE65280", "\\# 2 ab", "rdata after \\# has not the length given"},
        {"TYPE65280", "\\# 1 abcd", "rdata after \\# has not the length given"},
        {"A", "\\# 3 C00002", "rdata after \\# is not valid for the type"},
        {"TYPE65280", "\\#", "\\# is followed by the length of the rdata, 0 to 65535"},
        {"PX", "\\#( \022 C000", "rdata is not valid for the type"},
        {"ANY", "x", "the type cannot be in a zone"},
        {"OPT", "\\# 0", "the type cannot be in a zone"},
        {"TSIG", "x", "the type cannot be in a zone"},
        {"TYPE0", "\\# 0", "the type cannot be in a zone"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct slice rdata;
        const char *why = NULL;
        uint16_t type = (uint16_t)type_of(wrong[i].type);
        assert_int_equal(rr_rdata_from_text(&rdata, a, type, wrong[i].text, example(a), &why),
                         E_SYNTAX);
        assert_string_equal(why, wrong[i].why);
    }
}

static void broken_rdata_prints_in_hex(void **state)
{
    struct arena *a = *state;
    assert_string_equal(rr_rdata_text(a, TYPE_A, slice_of("\1\2\3", 3)), "\\# 3 010203");
    assert_string_equal(rr_rdata_text(a, TYPE_MX, slice_of("\0\1\300\0", 4)), "\\# 4 0001C000");
    assert_string_equal(rr_rdata_text(a, TYPE_OPT, slice_of("", 0)), "\\# 0");
}

/* Which fields are names, by ldns' own description of each type. */
static void name_positions_agree_with_ldns(void **state)
{
    struct arena *a = *state;
    for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
        struct slice rdata;
        const char *why;
        uint16_t type = (uint16_t)type_of(valid[i].type), at[2];
        const ldns_rr_descriptor *d = ldns_rr_descript(type);
        if (type == 35 || type > 1000) /* NAPTR: behind strings; never looked into */
            continue;
        assert_int_equal(rr_rdata_from_text(&rdata, a, type, valid[i].text, example(a), &why), 0);
        unsigned names = 0;
        for (size_t f = 0; f < ldns_rr_descriptor_minimum(d); f++)
            names += ldns_rr_descriptor_field_type(d, f) == LDNS_RDF_TYPE_DNAME;
        bool compressible;
        assert_int_equal(rr_rdata_names(type, rdata, at, &compressible), names);
        assert_int_equal(compressible, d->_compress == LDNS_RR_COMPRESS);
    }
    uint16_t at[2];
    bool compressible;
    struct slice rdata;
    const char *why;
    assert_int_equal(rr_rdata_from_text(&rdata, a, TYPE_SOA, "a. bc. 1 2 3 4 5", example(a), &why),
                     0);
    assert_int_equal(rr_rdata_names(TYPE_SOA, rdata, at, &compressible), 2);
    assert_true(at[0] == 0 && at[1] == 3 && compressible);
    assert_int_equal(rr_rdata_names(TYPE_SOA, slice_of("\1a\0\5b", 5), at, &compressible), 1);
    assert_int_equal(rr_rdata_names(TYPE_MX, slice_of("\0", 1), at, &compressible), 0);
}

static void rcodes(void **state)
{
    (void)state;
    assert_string_equal(rcode_text(RCODE_NOERROR), "NOERROR");
    assert_string_equal(rcode_text(RCODE_BADVERS), "BADVERS");
    assert_string_equal(rcode_text(RCODE_BADCOOKIE), "BADCOOKIE");
    assert_string_equal(rcode_text(12), "unknown");
    assert_string_equal(rcode_text(4095), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_mnemonics),
        cmocka_unit_test(every_type_text_round_trips),
        cmocka_unit_test_setup_teardown(rdata_round_trips, setup, teardown),
        cmocka_unit_test_setup_teardown(rdata_errors_say_why, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_rdata_prints_in_hex, setup, teardown),
        cmocka_unit_test_setup_teardown(name_positions_agree_with_ldns, setup, teardown),
        cmocka_unit_test(rcodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
