/* SPDX-License-Identifier: Apache-2.0
 * Zone lint: what is said, where, and whether it stops the load. */
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define APEX                                                        \
    "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n" /* line 1 */ \
    "@ 3600 NS ns1\n"                                  /* line 2 */ \
    "ns1 3600 A 192.0.2.53\n" /* line 3; what a case adds begins in line 4 */

#define WARNING "warning: "
#define AT(line) "example.com.:" #line ":1: "

struct lint_case {
    const char *zone, *expected;
};

static void add_pools(struct served *s)
{
    static const uint32_t order[] = {0, 1};
    struct pool *pool = world_pool(s->w);
    pool->steer = STEER_ORDER;
    pool->order = (struct u32_list){order, 2};
    world_site(s->w, 0);
    world_endpoint(s->w, IP_V4, 1);
    pool = world_pool(s->w);
    pool->steer = STEER_ORDER;
    pool->order = (struct u32_list){order, 1};
    world_site(s->w, 0);
    world_endpoint(s->w, IP_NONE, 1);
}

static char *all_text(struct served *s)
{
    struct buf out = {0};
    buf_puts(&out, "");
    for (size_t i = 0; i < s->diags.n; i++)
        buf_printf(&out, "%s%s", i ? "\n" : "", diag_text(s->w->arena, &s->diags.v[i]));
    char *text = arena_strdup(s->w->arena, out.p);
    buf_free(&out);
    return text;
}

static void check(const struct lint_case *c)
{
    struct served *s = served_new();
    add_pools(s);
    served_zone(s, "example.com.", c->zone);
    int err = served_compile(s);
    assert_string_equal(all_text(s), c->expected);
    assert_int_equal(err, s->diags.n_errors ? E_INVALID : 0);
    served_free(s);
}

static void check_all(const struct lint_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(&cases[i]);
}

static void test_clean(void **state)
{
    static const struct lint_case cases[] = {
        {APEX, ""},
        {APEX "www 60 A 192.0.2.1\nwww 60 A 192.0.2.2\nwww 30 AAAA ::1\n@ 60 MX 10 www\n", ""},
        {APEX "sub 60 NS ns.sub\nsub 60 DS 1 8 9 00\nns.sub 60 A 192.0.2.4\n", ""},
        {APEX "sub 60 NS ns.elsewhere.net.\n", ""},
        {APEX "a 60 NS ns.b\nb 60 NS ns.b\nns.b 60 A 192.0.2.4\n", ""},
        {APEX "a 60 CNAME b\nb 60 A 192.0.2.4\n", ""},
        {APEX "@ 60 POOL 0\nwww 60 POOL 0\nwww 60 TXT x\n@ 60 MX 10 www\n*.cdn 60 POOL 1\n", ""},
        {APEX "@ 60 MX 10 a.mail\n*.mail 60 A 192.0.2.5\n", ""},
        {APEX "@ 60 MX 10 host.sub\nsub 60 NS ns.elsewhere.net.\n", ""},
        {APEX "@ 60 MX 0 .\n_x._tcp 60 SRV 0 0 0 .\n", ""},
        {APEX "d 60 DNAME target\nd 60 TXT own\n", ""},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_apex(void **state)
{
    static const struct lint_case cases[] = {
        {"ns1 3600 A 192.0.2.53\n", AT(1) "the zone example.com. has no SOA record\n" AT(
                                        1) "the zone example.com. has no NS record at its apex"},
        {"", AT(1) "the zone example.com. has no SOA record\n" AT(
                 1) "the zone example.com. has no NS record at its apex"},
        {APEX "@ 3600 SOA ns1 hostmaster 2 3600 900 604800 60\n",
         AT(4) "the zone example.com. has 2 SOA records, expected one (the first is in line 1)"},
        {APEX "x 3600 SOA ns1 hostmaster 2 3600 900 604800 60\n",
         AT(4) "SOA at x.example.com.: expected only at the zone's apex"},
        {APEX "@ 60 DS 1 8 9 00\n",
         AT(4) WARNING "DS at the zone's own apex is not used: it belongs into the parent zone"},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

#define KEY                   \
    "@ 3600 DNSKEY 257 3 13 " \
    "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n"

static void test_signed(void **state)
{
    static const struct lint_case cases[] = {
        {APEX KEY, ""}, /* a key alone signs nothing */
        {APEX KEY "@ 3600 NSEC ns1.example.com. NS SOA\n", AT(4) WARNING
         "the zone example.com. is signed, but its signatures are not served yet: with "
         "a DS in the parent zone, resolvers that validate answer SERVFAIL; remove "
         "that DS and wait for its TTL before this server gets the zone"},
        {APEX KEY "@ 3600 NSEC3PARAM 1 0 0 -\n", AT(4) WARNING
         "the zone example.com. is signed, but its signatures are not served yet: with "
         "a DS in the parent zone, resolvers that validate answer SERVFAIL; remove "
         "that DS and wait for its TTL before this server gets the zone"},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_outside(void **state)
{
    static const struct lint_case cases[] = {
        {APEX "x.example.net. 60 A 192.0.2.1\n",
         AT(4) "x.example.net. is outside of the zone example.com."},
        {APEX "x.example.net. 60 POOL 0\n", AT(4) "x.example.net. is outside of the zone"},
        {APEX "com. 60 A 192.0.2.1\n", AT(4) "com. is outside of the zone example.com."},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_cname(void **state)
{
    static const struct lint_case cases[] = {
        {APEX "a 60 CNAME b\na 60 A 192.0.2.1\nb 60 A 192.0.2.4\n",
         AT(5) "a.example.com. has a CNAME in line 4 and A beside it: a CNAME stands alone"},
        {APEX "a 60 TXT x\na 60 CNAME ns1\n",
         AT(4) "a.example.com. has a CNAME in line 5 and TXT beside it: a CNAME stands alone"},
        {APEX "a 60 CNAME b.net.\na 60 CNAME c.net.\n",
         AT(5) "a.example.com. has 2 CNAME records, expected one"},
        {APEX "d 60 DNAME b.net.\nd 60 DNAME c.net.\n",
         AT(5) "d.example.com. has 2 DNAME records, expected one"},
        {APEX "d 60 DNAME b.net.\nd 60 NS c.net.\n",
         AT(4) "d.example.com. has a DNAME and is delegated by NS: only one can be"},
        {APEX "*.w 60 NS c.net.\n", AT(4) "NS at the wildcard *.w.example.com. has no defined "
                                          "meaning"},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_pools(void **state)
{
    static const struct lint_case cases[] = {
        {APEX "www 60 POOL 0\nwww 60 A 192.0.2.1\n",
         AT(5) "www.example.com. has A, but is steered to a pool in line 4: expected one or the "
               "other"},
        {APEX "www 60 POOL 0\nwww 60 CNAME ns1\n",
         AT(5) "www.example.com. has CNAME, but is steered to a pool in line 4: expected one or "
               "the other"},
        {APEX "@ 60 POOL 1\n",
         AT(4) "the pool other answers CNAMEs: it cannot stand at the zone's apex"},
        {APEX "x 60 TXT y\nx 60 POOL 1\n",
         AT(5) "the pool other answers CNAMEs: no other data may stand at x.example.com. (line "
               "4)"},
        {APEX "x 60 POOL 0\nx 60 POOL 1\n",
         AT(5) "x.example.com. is steered to two pools, expected one"},
        {APEX "sub 60 NS a.net.\nx.sub 60 POOL 0\n",
         AT(5) "x.sub.example.com. is steered to a pool, but lies below the delegation "
               "sub.example.com."},
        {APEX "sub 60 NS a.net.\nsub 60 POOL 0\n",
         AT(5) "sub.example.com. is steered to a pool, but lies at the delegation "
               "sub.example.com."},
        {APEX "d 60 DNAME a.net.\nx.y.d 60 POOL 0\n",
         AT(5) "x.y.d.example.com. is steered to a pool, but lies below the DNAME d.example.com."},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_sets(void **state)
{
    static const struct lint_case cases[] = {
        {APEX "a 60 A 192.0.2.1\na 30 A 192.0.2.2\na 60 A 192.0.2.3\n",
         AT(5) WARNING "TTL 30 differs from 60 in line 4 of the same RRset (a.example.com. A): the "
                       "lowest, 30, is used for all"},
        {APEX "a 60 A 192.0.2.1\na 60 TXT x\na 60 A 192.0.2.1\n",
         AT(6) WARNING "a.example.com. A is there twice, first in line 4; the second is not used"},
        {APEX "a 60 CNAME ns1\na 60 CNAME NS1.Example.COM.\n", AT(5) WARNING
         "a.example.com. CNAME is there twice, first in line 4; the second is not used"},
        {APEX "a 60 MX 10 ns1\na 60 MX 10 NS1\na 60 MX 20 NS1\n",
         AT(5) WARNING "a.example.com. MX is there twice, first in line 4; the second is not used"},
        {APEX "a 60 PTR x.\na 60 PTR y.\na 60 PTR X.\n", AT(6) WARNING
         "a.example.com. PTR is there twice, first in line 4; the second is not used"},
        {APEX "a 60 TXT x\na 60 TXT X\n", ""},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_targets(void **state)
{
    static const struct lint_case cases[] = {
        {APEX "@ 60 MX 10 mail\n",
         AT(4) WARNING "MX of example.com. points to mail.example.com., which has no address"},
        {APEX "@ 60 MX 10 mail\nmail 60 CNAME ns1\n",
         AT(4) WARNING "MX of example.com. points to mail.example.com., which is a CNAME: "
                       "expected a name with an address"},
        {APEX "@ 60 MX 10 mail\nmail 60 POOL 1\n",
         AT(4) WARNING "MX of example.com. points to mail.example.com., which is a CNAME: "
                       "expected a name with an address"},
        {APEX "_x._tcp 60 SRV 0 0 80 web\nweb 60 TXT x\n", AT(4) WARNING
         "SRV of _x._tcp.example.com. points to web.example.com., which has no address"},
        {APEX "@ 3600 NS ns2\n",
         AT(4) WARNING "NS of example.com. points to ns2.example.com., which has no address"},
        {APEX "sub 60 NS ns.sub\n",
         AT(4) WARNING "glue missing: sub.example.com. is delegated to ns.sub.example.com., which "
                       "has no address here"},
        {APEX "sub 60 NS ns9\n",
         AT(4) WARNING "NS of sub.example.com. points to ns9.example.com., which has no address"},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_hidden(void **state)
{
    static const struct lint_case cases[] = {
        {APEX "sub 60 NS ns.sub\nns.sub 60 A 192.0.2.4\nwww.sub 60 A 192.0.2.5\n",
         AT(6) WARNING "www.sub.example.com. A is not served: it is below the delegation "
                       "sub.example.com., and no NS names it"},
        {APEX "sub 60 NS ns.sub\nns.sub 60 A 192.0.2.4\nns.sub 60 TXT x\n",
         AT(6) WARNING "ns.sub.example.com. TXT is not served: it is below the delegation "
                       "sub.example.com."},
        {APEX "sub 60 NS a.net.\nsub 60 MX 10 b.net.\n",
         AT(5) WARNING "sub.example.com. MX is not served: it is at the delegation "
                       "sub.example.com."},
        {APEX "d 60 DNAME a.net.\nx.d 60 A 192.0.2.5\n",
         AT(5) WARNING "x.d.example.com. A is not served: it is below the DNAME d.example.com."},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_zones_inside_zones(void **state)
{
    struct served *s = served_new();
    (void)state;
    served_zone(s, "example.com.",
                APEX "sub 60 NS ns.sub\nsub 60 MX 10 ns1\nns.sub 60 A 192.0.2.9\n"
                     "x.sub 60 TXT y\n");
    served_zone(s, "sub.example.com.", "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.9\n");
    assert_int_equal(served_compile(s), 0);
    assert_string_equal(
        all_text(s), AT(5) WARNING
        "sub.example.com. MX is not used: it belongs to the zone sub.example.com., which is served "
        "too\n" AT(7) WARNING "x.sub.example.com. TXT is not used: it belongs to the zone "
                              "sub.example.com., which is served too");
    served_free(s);
}

static void test_zone_twice(void **state)
{
    struct served *s = served_new();
    (void)state;
    served_zone(s, "example.com.", APEX);
    served_zone(s, "example.com.", APEX);
    assert_int_equal(served_compile(s), E_INVALID);
    assert_int_equal(s->diags.n_errors, 1);
    assert_non_null(strstr(all_text(s), AT(1) "zone example.com. is there twice"));
    served_free(s);
}

static void test_mixed_families(void **state)
{
    struct served *s = served_new();
    (void)state;
    add_pools(s);
    world_pool(s->w)->steer = STEER_ALL;
    world_site(s->w, 0);
    world_endpoint(s->w, IP_V4, 1);
    world_endpoint(s->w, IP_V6, 1);
    world_site(s->w, 2);
    world_endpoint(s->w, IP_V4, 1);
    served_zone(s, "example.com.", APEX);
    assert_int_equal(served_compile(s), 0);
    assert_non_null(strstr(all_text(s), "warning: pool third has no IPv6 address in site sin, but "
                                        "elsewhere"));
    assert_int_equal(s->diags.n, 1);
    served_free(s);
}

static void test_too_big(void **state)
{
    struct served *s = served_new();
    struct buf zone = {0};
    (void)state;
    buf_puts(&zone, APEX);
    for (unsigned i = 0; i < 5000; i++)
        buf_printf(&zone, "big 60 A 10.0.%u.%u\n", i / 256, i % 256);
    served_zone(s, "example.com.", zone.p);
    assert_int_equal(served_compile(s), E_INVALID);
    assert_non_null(strstr(all_text(s), "an RRset has to fit into one message of 64 kB"));
    buf_free(&zone);
    served_free(s);
}

static void test_aliases(void **state)
{
    (void)state;
    static const struct lint_case cases[] = {
        {APEX "a 60 CNAME a\n", AT(4) "a.example.com. is a CNAME that leads back to itself: "
                                      "expected one that ends at data"},
        {APEX "a 60 CNAME b\nb 60 CNAME c\nc 60 CNAME a\n",
         AT(4) "a.example.com. is a CNAME that leads back to itself by way of others: expected one "
               "that ends at data"},
        {APEX "a 60 CNAME b\nb 60 CNAME ns1\n", ""},
        {APEX "a 60 CNAME *.w\n*.w 60 CNAME ns1\n", ""},
        {APEX "a 60 CNAME nowhere\n", AT(4) WARNING
         "CNAME of a.example.com. points to nowhere.example.com., which does not exist"},
        {APEX "a 60 CNAME ns1.example.com\n",
         AT(4) WARNING "CNAME of a.example.com. points to ns1.example.com.example.com., which does "
                       "not exist; is the final dot missing?"},
        {APEX "a 60 CNAME x.sub\nsub 60 NS ns.elsewhere.net.\n", ""},
        /* what is hidden is not followed, and what lies in another zone or below a DNAME is not
         * known */
        {APEX "a 60 CNAME b.sub\nsub 60 NS ns.elsewhere.net.\nb.sub 60 CNAME a\n",
         AT(6) WARNING "b.sub.example.com. CNAME is not served: it is below the delegation "
                       "sub.example.com."},
        {APEX "a 60 CNAME x.d\n@ 60 MX 10 x.d\nd 60 DNAME elsewhere.net.\n", ""},
        {APEX "@ 60 MX 10 1234.0.2.1\n",
         AT(4) WARNING "MX of example.com. points to 1234.0.2.1.example.com., which has no "
                       "address"},
        {APEX "@ 60 MX 10 192.0.2.x\n",
         AT(4) WARNING "MX of example.com. points to 192.0.2.x.example.com., which has no "
                       "address"},
        {APEX "@ 60 MX 10 192.0.2.1\n",
         AT(4) WARNING "MX of example.com. points to 192.0.2.1.example.com., which has no address: "
                       "an address, expected the name of a host"},
    };
    check_all(cases, ARRAY_LEN(cases));
}

#define DOT "; is the final dot missing?"

/* Names of any type that have the zone's name twice. */
static void test_final_dots(void **state)
{
    static const struct lint_case cases[] = {
        {APEX "a 60 DNAME b.example.com\n",
         AT(4) WARNING "DNAME of a.example.com. has the name b.example.com.example.com." DOT},
        {APEX "a 60 PTR ns1.EXAMPLE.com\n",
         AT(4) WARNING "PTR of a.example.com. has the name ns1.EXAMPLE.com.example.com." DOT},
        {APEX "a 60 PTR example.com\n",
         AT(4) WARNING "PTR of a.example.com. has the name example.com.example.com." DOT},
        {APEX "a 60 HTTPS 1 b.example.com\na 60 RP m.example.com t.example.com.\n",
         AT(5) WARNING "RP of a.example.com. has the name m.example.com.example.com." DOT "\n" AT(4)
             WARNING "HTTPS of a.example.com. has the name b.example.com.example.com." DOT},
        /* by way of a wildcard it is there, and is a slip nevertheless */
        {APEX "*.com 60 A 192.0.2.1\n@ 60 MX 10 ns1.example.com\na 60 CNAME ns1.example.com\n",
         AT(5) WARNING "MX of example.com. has the name ns1.example.com.example.com." DOT "\n" AT(6)
             WARNING "CNAME of a.example.com. has the name ns1.example.com.example.com." DOT},
        /* told once, and not of names that are there, or elsewhere */
        {APEX "a 60 PTR b\nb.example.com 60 A 192.0.2.1\nc 60 PTR b.example.com\n", ""},
        {APEX "a 60 PTR ns1.example.com.\na 60 DNAME example.net.\n", ""},
        {APEX "com 60 NS ns.elsewhere.net.\na 60 PTR ns1.example.com\n", ""},
        {"@ 3600 SOA ns1.example.com root.example.com 1 3600 900 604800 60\n@ 3600 NS ns1\n"
         "ns1 3600 A 192.0.2.53\n",
         AT(1) WARNING "SOA of example.com. has the name ns1.example.com.example.com." DOT "\n" AT(
             1) WARNING "SOA of example.com. has the name root.example.com.example.com." DOT},
    };
    (void)state;
    check_all(cases, sizeof cases / sizeof *cases);
}

/* In a reverse zone, hosts are elsewhere. */
static void test_reverse(void **state)
{
    static const struct {
        const char *origin, *expected;
    } zones[] = {
        {"2.0.192.in-addr.arpa.", "PTR of 7.2.0.192.in-addr.arpa. has the name "
                                  "host.example.com.2.0.192.in-addr.arpa." DOT},
        {"8.b.d.0.1.0.0.2.ip6.arpa.", "PTR of 7.8.b.d.0.1.0.0.2.ip6.arpa. has the name "
                                      "host.example.com.8.b.d.0.1.0.0.2.ip6.arpa." DOT},
        {"arpa.example.", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        struct served *s = served_new();
        add_pools(s);
        served_zone(
            s, zones[i].origin,
            "@ 60 SOA ns.example. h.example. 1 3600 900 604800 60\n@ 60 NS ns.example.\n"
            "7 60 PTR host.example.com\n8 60 PTR host.example.com.\n9 60 PTR 8\n8 60 RP a b\n");
        assert_int_equal(served_compile(s), 0);
        assert_int_equal(s->diags.n_warnings, *zones[i].expected ? 1 : 0);
        if (*zones[i].expected)
            assert_string_equal(s->diags.v[0].text, zones[i].expected);
        served_free(s);
    }
}

#define RNAME(rname)                                  \
    "@ 3600 SOA ns1 " rname " 1 3600 900 604800 60\n" \
    "@ 3600 NS ns1\nns1 3600 A 192.0.2.53\n"
#define RNAME_WRONG(shown)                                                         \
    AT(1)                                                                          \
    WARNING "the SOA's mail address is " shown ", with an '@' in it: expected it " \
            "as a name with a dot instead, as hostmaster.example.com."

static void test_mail_address(void **state)
{
    static const struct lint_case cases[] = {
        {RNAME("hostmaster"), ""},
        {RNAME("host\\.master.example.com."), ""},
        {RNAME("a@example.com."), RNAME_WRONG("a\\@example.com.")},
        {RNAME("@b.example.com."), RNAME_WRONG("\\@b.example.com.")},
        {RNAME("a@"), RNAME_WRONG("a\\@.example.com.")},
        {RNAME("a.b@example.com."), ""}, /* past the mailbox: some other slip */
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_final_dots),
        cmocka_unit_test(test_reverse),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_mail_address),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_apex),
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_cname),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_zone_twice),
        cmocka_unit_test(test_zones_inside_zones),
        cmocka_unit_test(test_mixed_families),
        cmocka_unit_test(test_too_big),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
