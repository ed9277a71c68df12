/* SPDX-License-Identifier: Apache-2.0
 * Answers out of the zones alone. */
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SOA "ns1.example.com. hostmaster.example.com. 1 3600 900 604800 60"
#define SOA_RR \
    "example.com. 60 IN SOA ns1.example.com. hostmaster.example.com. 1 3600 900 604800 60"

static const char example[] =
    "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n"
    "@ 3600 NS ns1\n"
    "@ 3600 NS ns.other.net.\n"
    "@ 3600 MX 10 mail\n"
    "ns1 3600 A 192.0.2.53\n"
    "ns1 3600 AAAA 2001:db8::53\n"
    "mail 300 A 192.0.2.25\n"
    "mail 200 A 192.0.2.26\n"
    "a.ent 300 TXT \"below an empty non-terminal\"\n"
    "*.wild 300 TXT wild\n"
    "*.wild 300 MX 5 mail\n"
    "known.wild 300 A 192.0.2.7\n"
    "x.sub.wild 300 A 192.0.2.8\n"
    "alias 300 CNAME mail\n"
    "alias2 300 CNAME alias\n"
    "dangling 300 CNAME nowhere\n"
    "out 300 CNAME www.example.net.\n"
    "toloop 300 CNAME x.there\n" /* what a load does not see: loops by way of DNAMEs */
    "there 300 DNAME back\n"
    "back 300 DNAME there\n"
    "*.cwild 300 CNAME mail\n"
    "tosub 300 CNAME host.sub\n"
    "tochild 300 CNAME www.child\n"
    "sub 600 NS ns1.sub\n"
    "sub 600 NS ns1\n"
    "sub 600 DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000\n"
    "ns1.sub 600 A 192.0.2.54\n"
    "ns1.sub 600 AAAA 2001:db8::54\n"
    "nods 600 NS ns.other.net.\n"
    "child 600 NS ns.child\n"
    "child 600 DS 2 8 2 0000000000000000000000000000000000000000000000000000000000000000\n"
    "ns.child 600 A 192.0.2.99\n"
    "child2 600 NS ns.child2\n"
    "moved 400 DNAME target\n"
    "moved 400 TXT own\n"
    "x.target 300 A 192.0.2.70\n"
    "gone 400 DNAME elsewhere.example.org.\n"
    "ring 400 DNAME deeper.ring\n"
    "unknown 300 TYPE65400 \\# 3 010203\n";

static const char child[] = "@ 3600 SOA ns hostmaster 9 3600 900 604800 30\n"
                            "@ 3600 NS ns\n"
                            "ns 3600 A 192.0.2.99\n"
                            "www 3600 A 192.0.2.98\n";

static int setup(void **state)
{
    struct served *s = served_new();
    served_zone(s, "example.com.", example);
    served_zone(s, "child.example.com.", child);
    served_zone(s, "child2.example.com.", child);
    served_zone(s, "deep.under.example.org.", child);
    int err = served_compile(s);
    if (err)
        diags_print(&s->diags, stderr);
    assert_int_equal(err, 0);
    assert_null(index_validate(&s->snapshot->index));
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    served_free(*state);
    return 0;
}

#define SAYS(name, type, expected) \
    assert_string_equal(served_ask(*state, name, type, (struct ask){.no_edns = true}), expected)

static void test_exact(void **state)
{
    SAYS("ns1.example.com.", "A", "NOERROR aa | ns1.example.com. 3600 IN A 192.0.2.53 | |");
    SAYS("ns1.example.com.", "AAAA", "NOERROR aa | ns1.example.com. 3600 IN AAAA 2001:db8::53 | |");
    SAYS("example.com.", "SOA", "NOERROR aa | example.com. 3600 IN SOA " SOA " | |");
    SAYS("example.com.", "NS",
         "NOERROR aa | example.com. 3600 IN NS ns1.example.com.; "
         "example.com. 3600 IN NS ns.other.net. | |");
    SAYS("example.com.", "MX", "NOERROR aa | example.com. 3600 IN MX 10 mail.example.com. | |");
    SAYS("unknown.example.com.", "TYPE65400",
         "NOERROR aa | unknown.example.com. 300 IN TYPE65400 \\# 3 010203 | |");
}

static void test_case_is_kept(void **state)
{
    SAYS("NS1.Example.COM.", "A", "NOERROR aa | NS1.Example.COM. 3600 IN A 192.0.2.53 | |");
}

static void test_lowest_ttl_of_a_set(void **state)
{
    SAYS("mail.example.com.", "A",
         "NOERROR aa | mail.example.com. 200 IN A 192.0.2.25; "
         "mail.example.com. 200 IN A 192.0.2.26 | |");
}

static void test_negative(void **state)
{
    SAYS("ns1.example.com.", "TXT", "NOERROR aa | | " SOA_RR " |");
    SAYS("ent.example.com.", "A", "NOERROR aa | | " SOA_RR " |");
    SAYS("nope.example.com.", "A", "NXDOMAIN aa | | " SOA_RR " |");
    SAYS("x.y.z.nope.example.com.", "A", "NXDOMAIN aa | | " SOA_RR " |");
    SAYS("x.ns1.example.com.", "A", "NXDOMAIN aa | | " SOA_RR " |");
    SAYS("x.ent.example.com.", "A", "NXDOMAIN aa | | " SOA_RR " |");
}

static void test_refused(void **state)
{
    SAYS("example.net.", "A", "REFUSED | | |");
    SAYS("com.", "A", "REFUSED | | |");
    SAYS(".", "NS", "REFUSED | | |");
    SAYS("under.example.org.", "A", "REFUSED | | |");
    SAYS("other.under.example.org.", "A", "REFUSED | | |");
    SAYS("example.com.", "AXFR", "REFUSED | | |");
    SAYS("example.com.", "IXFR", "REFUSED | | |");
}

static void test_wildcard(void **state)
{
    SAYS("a.wild.example.com.", "TXT", "NOERROR aa | a.wild.example.com. 300 IN TXT \"wild\" | |");
    SAYS("a.b.c.wild.example.com.", "TXT",
         "NOERROR aa | a.b.c.wild.example.com. 300 IN TXT \"wild\" | |");
    SAYS("*.wild.example.com.", "TXT", "NOERROR aa | *.wild.example.com. 300 IN TXT \"wild\" | |");
    SAYS("a.wild.example.com.", "MX",
         "NOERROR aa | a.wild.example.com. 300 IN MX 5 mail.example.com. | |");
    SAYS("a.wild.example.com.", "A", "NOERROR aa | | " SOA_RR " |");
    /* What exists blocks the wildcard: a name, an empty non-terminal, and all below them. */
    SAYS("known.wild.example.com.", "TXT", "NOERROR aa | | " SOA_RR " |");
    SAYS("x.known.wild.example.com.", "TXT", "NXDOMAIN aa | | " SOA_RR " |");
    SAYS("sub.wild.example.com.", "TXT", "NOERROR aa | | " SOA_RR " |");
    SAYS("y.sub.wild.example.com.", "TXT", "NXDOMAIN aa | | " SOA_RR " |");
    SAYS("wild.example.com.", "TXT", "NOERROR aa | | " SOA_RR " |");
}

#define MAIL_A                                \
    "mail.example.com. 200 IN A 192.0.2.25; " \
    "mail.example.com. 200 IN A 192.0.2.26"

static void test_cname(void **state)
{
    SAYS("alias.example.com.", "A",
         "NOERROR aa | alias.example.com. 300 IN CNAME mail.example.com.; " MAIL_A " | |");
    SAYS("alias2.example.com.", "A",
         "NOERROR aa | alias2.example.com. 300 IN CNAME alias.example.com.; "
         "alias.example.com. 300 IN CNAME mail.example.com.; " MAIL_A " | |");
    SAYS("alias.example.com.", "CNAME",
         "NOERROR aa | alias.example.com. 300 IN CNAME mail.example.com. | |");
    SAYS("alias.example.com.", "TXT",
         "NOERROR aa | alias.example.com. 300 IN CNAME mail.example.com. | " SOA_RR " |");
    SAYS("dangling.example.com.", "A",
         "NXDOMAIN aa | dangling.example.com. 300 IN CNAME nowhere.example.com. | " SOA_RR " |");
    SAYS("out.example.com.", "A",
         "NOERROR aa | out.example.com. 300 IN CNAME www.example.net. | |");
    SAYS("x.cwild.example.com.", "A",
         "NOERROR aa | x.cwild.example.com. 300 IN CNAME mail.example.com.; " MAIL_A " | |");
}

static void test_alias_loops(void **state)
{
    SAYS("toloop.example.com.", "A",
         "NOERROR aa | toloop.example.com. 300 IN CNAME x.there.example.com.; "
         "there.example.com. 300 IN DNAME back.example.com.; "
         "x.there.example.com. 300 IN CNAME x.back.example.com.; "
         "back.example.com. 300 IN DNAME there.example.com.; "
         "x.back.example.com. 300 IN CNAME x.there.example.com. | |");
}

#define REFERRAL                                        \
    "sub.example.com. 600 IN NS ns1.sub.example.com.; " \
    "sub.example.com. 600 IN NS ns1.example.com. | "    \
    "ns1.sub.example.com. 600 IN A 192.0.2.54; "        \
    "ns1.sub.example.com. 600 IN AAAA 2001:db8::54; "   \
    "ns1.example.com. 3600 IN A 192.0.2.53; ns1.example.com. 3600 IN AAAA 2001:db8::53"

static void test_referral(void **state)
{
    SAYS("sub.example.com.", "A", "NOERROR | | " REFERRAL);
    SAYS("sub.example.com.", "NS", "NOERROR | | " REFERRAL);
    SAYS("x.y.sub.example.com.", "A", "NOERROR | | " REFERRAL);
    SAYS("ns1.sub.example.com.", "A", "NOERROR | | " REFERRAL);
    SAYS("x.ns1.sub.example.com.", "ANY", "NOERROR | | " REFERRAL);
    SAYS("nods.example.com.", "A", "NOERROR | | nods.example.com. 600 IN NS ns.other.net. |");
    SAYS("tosub.example.com.", "A",
         "NOERROR aa | tosub.example.com. 300 IN CNAME host.sub.example.com. | " REFERRAL);
}

static void test_ds(void **state)
{
    SAYS("sub.example.com.", "DS",
         "NOERROR aa | sub.example.com. 600 IN DS 1 8 2 "
         "0000000000000000000000000000000000000000000000000000000000000000 | |");
    SAYS("nods.example.com.", "DS", "NOERROR aa | | " SOA_RR " |");
    SAYS("x.sub.example.com.", "DS", "NOERROR | | " REFERRAL);
    /* The child zone is served as well: the parent answers DS, the child all else. */
    SAYS("child.example.com.", "DS",
         "NOERROR aa | child.example.com. 600 IN DS 2 8 2 "
         "0000000000000000000000000000000000000000000000000000000000000000 | |");
    SAYS("child2.example.com.", "DS", "NOERROR aa | | " SOA_RR " |");
    SAYS("example.com.", "DS", "NOERROR aa | | " SOA_RR " |");
}

/* The parent delegates a name above the child's apex elsewhere: it has no say there, whatever it
 * holds. */
static void test_ds_of_a_hidden_parent(void **state)
{
    struct served *s = served_new();
    (void)state;
    served_zone(s, "z.",
                "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns.other.\nc 60 NS ns.other.\n"
                "b.c 60 NS ns.other.\nb.c 60 DS 1 8 9 00\n");
    served_zone(s, "b.c.z.", "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns.other.\n");
    assert_int_equal(served_compile(s), 0);
    assert_string_equal(served_ask(s, "b.c.z.", "DS", (struct ask){.no_edns = true}),
                        "NOERROR aa | | b.c.z. 5 IN SOA ns.b.c.z. h.b.c.z. 1 2 3 4 5 |");
    served_free(s);
}

static void test_child_zone(void **state)
{
    SAYS("www.child.example.com.", "A",
         "NOERROR aa | www.child.example.com. 3600 IN A 192.0.2.98 | |");
    SAYS("child.example.com.", "NS",
         "NOERROR aa | child.example.com. 3600 IN NS ns.child.example.com. | |");
    SAYS("no.child.example.com.", "A",
         "NXDOMAIN aa | | child.example.com. 30 IN SOA ns.child.example.com. "
         "hostmaster.child.example.com. 9 3600 900 604800 30 |");
    /* A chain ends where its zone does. */
    SAYS("tochild.example.com.", "A",
         "NOERROR aa | tochild.example.com. 300 IN CNAME www.child.example.com. | |");
    SAYS("www.deep.under.example.org.", "A",
         "NOERROR aa | www.deep.under.example.org. 3600 IN A 192.0.2.98 | |");
}

static void test_dname(void **state)
{
    SAYS("x.moved.example.com.", "A",
         "NOERROR aa | moved.example.com. 400 IN DNAME target.example.com.; "
         "x.moved.example.com. 400 IN CNAME x.target.example.com.; "
         "x.target.example.com. 300 IN A 192.0.2.70 | |");
    SAYS("X.Moved.example.com.", "CNAME",
         "NOERROR aa | Moved.example.com. 400 IN DNAME target.example.com.; "
         "X.Moved.example.com. 400 IN CNAME X.target.example.com. | |");
    SAYS("moved.example.com.", "TXT", "NOERROR aa | moved.example.com. 400 IN TXT \"own\" | |");
    SAYS("moved.example.com.", "A", "NOERROR aa | | " SOA_RR " |");
    SAYS("moved.example.com.", "DNAME",
         "NOERROR aa | moved.example.com. 400 IN DNAME target.example.com. | |");
    SAYS("y.moved.example.com.", "A",
         "NXDOMAIN aa | moved.example.com. 400 IN DNAME target.example.com.; "
         "y.moved.example.com. 400 IN CNAME y.target.example.com. | " SOA_RR " |");
    SAYS("a.gone.example.com.", "A",
         "NOERROR aa | gone.example.com. 400 IN DNAME elsewhere.example.org.; "
         "a.gone.example.com. 400 IN CNAME a.elsewhere.example.org. | |");
}

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static void test_dname_too_long(void **state)
{
    SAYS(L63 "." L63 "." L63 ".abcdefghijklmnopqrstuvwxyzabcdefghijklmnop.gone.example.com.", "A",
         "YXDOMAIN aa | gone.example.com. 400 IN DNAME elsewhere.example.org. | |");
}

/* What a DNAME makes of a name has 255 bytes at most (RFC 6672 2.2): one more is too much. */
static void test_dname_longest(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    struct served *s = *state;
    for (unsigned n = 30; n <= 44; n++) {
        char name[300];
        snprintf(name, sizeof name, L63 "." L63 "." L63 ".%.*s.gone.example.com.", (int)n, letters);
        const char *said = served_ask(s, name, "A", (struct ask){.tcp = true});
        unsigned made = 3 * 64 + 1 + n + 23; /* of elsewhere.example.org. */
        assert_ptr_equal(strstr(said, made <= 255 ? "NOERROR aa |" : "YXDOMAIN aa |"), said);
        assert_int_equal(strstr(said, "IN CNAME " L63) != NULL, made <= 255);
        assert_int_equal(load_u16(s->response + 6), made <= 255 ? 2 : 1);
        if (made <= 255) /* whole, to its end */
            assert_non_null(strstr(said, ".elsewhere.example.org. | |"));
    }
}

static void test_dname_ring(void **state)
{
    const char *said = served_ask(*state, "x.ring.example.com.", "A", (struct ask){.tcp = true});
    assert_ptr_equal(strstr(said, "NOERROR aa | ring.example.com. 400 IN DNAME"), said);
    assert_null(strstr(strstr(said, "DNAME") + 1, "DNAME"));
}

static void test_any(void **state)
{
    SAYS("mail.example.com.", "ANY",
         "NOERROR aa | mail.example.com. 3600 IN HINFO \"RFC8482\" \"\" | |");
    SAYS("a.wild.example.com.", "ANY",
         "NOERROR aa | a.wild.example.com. 3600 IN HINFO \"RFC8482\" \"\" | |");
    SAYS("alias.example.com.", "ANY",
         "NOERROR aa | alias.example.com. 300 IN CNAME mail.example.com. | |");
    SAYS("ent.example.com.", "ANY", "NOERROR aa | | " SOA_RR " |");
    SAYS("nope.example.com.", "ANY", "NXDOMAIN aa | | " SOA_RR " |");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_case_is_kept),
        cmocka_unit_test(test_lowest_ttl_of_a_set),
        cmocka_unit_test(test_negative),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_cname),
        cmocka_unit_test(test_alias_loops),
        cmocka_unit_test(test_referral),
        cmocka_unit_test(test_ds),
        cmocka_unit_test(test_ds_of_a_hidden_parent),
        cmocka_unit_test(test_child_zone),
        cmocka_unit_test(test_dname),
        cmocka_unit_test(test_dname_longest),
        cmocka_unit_test(test_dname_too_long),
        cmocka_unit_test(test_dname_ring),
        cmocka_unit_test(test_any),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
