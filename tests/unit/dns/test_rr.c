/* SPDX-License-Identifier: Apache-2.0
 * RR types and rdata as text. */
#include "dns/rr.h"

#include "base/diag.h"
#include "dns/name.h"
#include "dns/types.h"
#include "tests/unit/rdata_text.h"

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
    {"HTTPS", "1 . alpn=h2 port=443", "1 . alpn=\"h2\" port=443"},
    {"SVCB", "0 svc", "0 svc.example.com."},
    {"TLSA", "3 1 0 abcd", "3 1 0 ABCD"},
    {"SSHFP", "1 3 abcd", "1 3 ABCD"},
    {"DS", "1 8 9 abcd", "1 8 9 ABCD"},
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
        const char *text = rdata_text(a, type, rdata);
        assert_string_equal(text, valid[i].canonical ? valid[i].canonical : valid[i].text);
        assert_int_equal(rr_rdata_from_text(&again, a, type, text, slice_of(NULL, 0), &why), 0);
        assert_true(slice_equal(rdata, again));
    }
}

static void rdata_errors_say_why(void **state)
{
    struct arena *a = *state;
    struct slice rdata;
    const char *why = NULL;
    assert_int_equal(rr_rdata_from_text(&rdata, a, TYPE_MX, "mail", example(a), &why), E_SYNTAX);
    assert_string_equal(why, "'mail', expected a number from 0 to 65535");
    assert_int_equal(rr_rdata_from_text(&rdata, a, TYPE_A, "192.0.2.1\n", example(a), &why),
                     E_SYNTAX);
    assert_string_equal(why, "a second line, expected none");
    assert_int_equal(rr_rdata_from_text(&rdata, a, TYPE_NS, "a", slice_of(NULL, 0), &why),
                     E_SYNTAX);
    assert_string_equal(why, "'a' is not a domain name: it is relative, and no origin is set");
}

static void broken_rdata_prints_in_hex(void **state)
{
    struct arena *a = *state;
    assert_string_equal(rdata_text(a, TYPE_A, slice_of("\1\2\3", 3)), "\\# 3 010203");
    assert_string_equal(rdata_text(a, TYPE_MX, slice_of("\0\1\300\0", 4)), "\\# 4 0001C000");
    assert_string_equal(rdata_text(a, TYPE_OPT, slice_of("", 0)), "\\# 0");
}

static void names_are_found_in_rdata(void **state)
{
    static const struct {
        const char *type, *text;
        unsigned n, at[2];
        bool compressible;
    } cases[] = {
        {"A", "192.0.2.1", 0, {0}, false},
        {"NS", "a", 1, {0}, true},
        {"CNAME", "a", 1, {0}, true},
        {"PTR", "a", 1, {0}, true},
        {"SOA", "a. bc. 1 2 3 4 5", 2, {0, 3}, true},
        {"MINFO", "a. b.", 2, {0, 3}, true},
        {"MX", "10 a", 1, {2}, true},
        {"SRV", "1 2 3 a", 1, {6}, false},
        {"DNAME", "a", 1, {0}, false},
        {"RP", "a. b.", 2, {0, 3}, false},
        {"PX", "1 a. b.", 2, {2, 5}, false},
        {"KX", "10 a", 1, {2}, false},
        {"LP", "10 a", 1, {2}, false},
        {"SVCB", "1 a", 1, {2}, false},
        {"TALINK", "a. b.", 2, {0, 3}, false},
        {"TXT", "a", 0, {0}, false},
        {"TYPE65280", "\\# 2 0000", 0, {0}, false},
    };
    struct arena *a = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice rdata;
        const char *why;
        uint16_t type = (uint16_t)type_of(cases[i].type), at[2];
        bool compressible;
        assert_int_equal(rr_rdata_from_text(&rdata, a, type, cases[i].text, example(a), &why), 0);
        assert_int_equal(rr_rdata_names(type, rdata, at, &compressible), cases[i].n);
        assert_int_equal(compressible, cases[i].compressible);
        for (unsigned k = 0; k < cases[i].n; k++)
            assert_int_equal(at[k], cases[i].at[k]);
    }
    uint16_t at[2];
    bool compressible;
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
        cmocka_unit_test_setup_teardown(names_are_found_in_rdata, setup, teardown),
        cmocka_unit_test(rcodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
