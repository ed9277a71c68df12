/* SPDX-License-Identifier: Apache-2.0
 * Zone files: what ldns' reader does not know or does otherwise. */
#include "files.h"
#include "zone_text.h"

#include "config/config.h"
#include "config/zonefile.h"
#include "dns/name.h"
#include "dns/rdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define HEAD "$TTL 300\n@ IN SOA ns1 h 1 2 3 4 5\n"
#define SOA_LINE                                                                          \
    "example.com. 300 6 036e7331076578616d706c6503636f6d000168076578616d706c6503636f6d00" \
    "0000000100000002000000030000000400000005\n"

static void check(const char *name, const char *text, const char *expected)
{
    files_enter();
    struct model *m = zone_text_load(name, text);
    assert_non_null(m);
    char *dump = zone_text_dump(&m->zones[0]);
    assert_string_equal(dump, expected);
    free(dump);
    model_free(m);
    files_leave();
}

static void test_ttl(void **state)
{
    (void)state;
    check("example.com", HEAD "a IN 60 A 192.0.2.1\nb A 192.0.2.2\n",
          "a.example.com. 60 1 c0000201\nb.example.com. 300 1 c0000202\n" SOA_LINE);
    /* Without $TTL: the record before; of a SOA that comes first, its MINIMUM. */
    check("example.com",
          "@ SOA ns1 h 1 2 3 4 300\na A 192.0.2.1\nb 60 A 192.0.2.2\nc A 192.0.2.3\n",
          "a.example.com. 300 1 c0000201\nb.example.com. 60 1 c0000202\n"
          "c.example.com. 60 1 c0000203\n"
          "example.com. 300 6 036e7331076578616d706c6503636f6d000168076578616d706c6503636f6d00"
          "000000010000000200000003000000040000012c\n");
}

static void check_origin(const char *name, const char *text, const char *expected)
{
    char out[NAME_TEXT_MAX];
    files_enter();
    struct model *m = zone_text_load(name, text);
    assert_non_null(m);
    assert_string_equal(name_to_text(out, m->zones[0].origin), expected);
    model_free(m);
    files_leave();
}

static void test_origin(void **state)
{
    (void)state;
    check_origin("Example.COM", HEAD, "example.com.");
    check_origin("x", "$ORIGIN example.net.\n" HEAD, "example.net.");
    check_origin("x", "$ORIGIN .\n$TTL 1\nexample.net SOA a b 1 2 3 4 5\n$ORIGIN example.net.\n",
                 "example.net.");
    check_origin("2.0.192.in-addr.arpa", "$TTL 1\n1 PTR a.example.\n", "2.0.192.in-addr.arpa.");
    check_origin("example.com", "$TTL 1\nexample.net. SOA a b 1 2 3 4 5\n", "example.com.");
}

static void test_generate(void **state)
{
    (void)state;
    check("example.com", HEAD "$GENERATE 8-12/2 h$ A 192.0.2.$\n",
          SOA_LINE "h10.example.com. 300 1 c000020a\nh12.example.com. 300 1 c000020c\n"
                   "h8.example.com. 300 1 c0000208\n");
    check("example.com",
          HEAD "$GENERATE 10-10 a${0,4,d}.${-1}.${1,2,x}.${0,3,o} 60 IN TXT \\$$$ ; x\n",
          "a0010.9.0b.012.example.com. 60 16 022424\n" SOA_LINE);
    check("example.com", HEAD "$GENERATE 18-18 ${0,3,n} PTR ${+0,4,N}x\n",
          "2.1.example.com. 300 12 013201310178076578616d706c6503636f6d00\n" SOA_LINE);
    /* as BIND 9.18 writes them */
    check("example.com",
          HEAD "$GENERATE 255-256 a${0,4,n}z PTR .\n$GENERATE 255-255 b${0,3,n} PTR .\n",
          "a0.0.1z.example.com. 300 12 00\naf.f.z.example.com. 300 12 00\n"
          "bf.f.example.com. 300 12 00\n" SOA_LINE);
    files_enter();
    struct model *m = zone_text_load("example.com", HEAD "$GENERATE 0-65535 h$ A 192.0.2.1\n");
    assert_non_null(m);
    assert_int_equal(m->zones[0].n_records, 65537);
    assert_int_equal(m->zones[0].records[65536].line, 3);
    model_free(m);
    files_leave();
}

/* BIND's form: all of the data in quotes, if it is not a string that has them anyway. */
static void test_generate_in_quotes(void **state)
{
    (void)state;
    check("example.com", HEAD "$GENERATE 1-2 h$ MX \"0 .\"\n",
          SOA_LINE "h1.example.com. 300 15 000000\nh2.example.com. 300 15 000000\n");
    check("example.com", HEAD "$GENERATE 1-1 h$ 60 IN SRV \"0 0 5 n$.\" ; a comment\n",
          SOA_LINE "h1.example.com. 60 33 000000000005026e3100\n");
    check("example.com", HEAD "$GENERATE 1-1 h$ MX 0 .\n",
          SOA_LINE "h1.example.com. 300 15 000000\n");
    check("example.com", HEAD "$GENERATE 1-1 h$ TXT \"a $\"\n",
          SOA_LINE "h1.example.com. 300 16 03612031\n");
    check("example.com", HEAD "$GENERATE 1-1 h$ TXT \"a\" \"$\"\n",
          SOA_LINE "h1.example.com. 300 16 01610131\n");
}

/* A chain of files, each of which includes the next. */
static struct model *load_chain(unsigned n)
{
    char path[32], text[64];
    for (unsigned i = 1; i <= n; i++) {
        snprintf(path, sizeof path, "zones/%u.inc", i);
        snprintf(text, sizeof text, i < n ? "$INCLUDE %u.inc\n" : "end A 192.0.2.1\n", i + 1);
        files_write_text(path, text);
    }
    return zone_text_load("example.com", HEAD "$INCLUDE 1.inc\n");
}

static void test_include_depth(void **state)
{
    (void)state;
    files_enter();
    struct model *m = load_chain(ZONEFILE_INCLUDE_DEPTH);
    assert_non_null(m);
    assert_int_equal(m->zones[0].n_records, 2);
    model_free(m);
    assert_null(load_chain(ZONEFILE_INCLUDE_DEPTH + 1));
    files_leave();
}

/* A name of `n` bytes on the wire. */
static void long_name(char *out, unsigned n)
{
    for (n -= 1; n > 64; n -= 64)
        out += sprintf(out, "%063d.", 0);
    if (n > 1)
        out += sprintf(out, "%0*d.", (int)n - 1, 0);
    *out = '\0';
}

static bool loads(const char *before, const char *name, const char *after)
{
    char text[2048];
    snprintf(text, sizeof text, HEAD "%s%s%s\n", before, name, after);
    files_enter();
    struct model *m = zone_text_load("example.com", text);
    bool ok = m != NULL;
    model_free(m);
    files_leave();
    return ok;
}

static void test_longest_names(void **state)
{
    (void)state;
    char name[512];
    for (unsigned n = 250; n <= 260; n++) {
        long_name(name, n);
        assert_int_equal(loads("x CNAME ", name, ""), n <= 255);
        assert_int_equal(loads("x MX 1 ", name, ""), n <= 255);
        assert_int_equal(loads("x RRSIG A 8 1 1 1 1 1 ", name, " AA=="), n <= 255);
        assert_int_equal(loads("$ORIGIN ", name, ""), n <= 255);
    }
    for (int n = 62; n <= 65; n++) {
        snprintf(name, sizeof name, "%0*d", n, 0);
        assert_int_equal(loads("", name, " A 192.0.2.1"), n <= 63);
        assert_int_equal(loads("", name, ".b A 192.0.2.1"), n <= 63);
        assert_int_equal(loads("b.", name, ".b A 192.0.2.1"), n <= 63);
        assert_int_equal(loads("b CNAME a.", name, ".b"), n <= 63);
        assert_int_equal(loads("b CNAME a.", name, "."), n <= 63);
    }
}

/* The form of dynamic updates, which no record of a zone has; whatever the type, whatever stands
 * beside it. */
static void test_no_data(void **state)
{
    (void)state;
    static const char *const owners[] = {"@", "x", "*.w", "sub", "a._tcp"};
    char text[64];
    for (unsigned type = 1; type < 300; type++) {
        bool allowed = !rdata_form((uint16_t)type) || type == 10 /* NULL */ || type == 42 /* APL */;
        if (type == 41 || (type >= 128 && type <= 255))
            continue;
        snprintf(text, sizeof text, " TYPE%u \\# 0", type);
        for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
            if (loads("", owners[i], text) != allowed)
                fail_msg("%s%s", owners[i], text);
    }
}

static void test_include(void **state)
{
    (void)state;
    files_enter();
    files_write_text("zones/a.inc", "@ A 192.0.2.1\nx A 192.0.2.2\n$ORIGIN y.\n");
    struct model *m =
        zone_text_load("example.com",
                       HEAD "own A 192.0.2.9\n$INCLUDE a.inc sub\n A 192.0.2.3\nz A 192.0.2.4\n"
                            "$INCLUDE \"a.inc\" ; again\n");
    assert_non_null(m);
    char *dump = zone_text_dump(&m->zones[0]);
    assert_string_equal(dump, "example.com. 300 1 c0000201\n" SOA_LINE
                              "own.example.com. 300 1 c0000203\nown.example.com. 300 1 c0000209\n"
                              "sub.example.com. 300 1 c0000201\nx.example.com. 300 1 c0000202\n"
                              "x.sub.example.com. 300 1 c0000202\nz.example.com. 300 1 c0000204\n");
    assert_int_equal(m->zones[0].files.n, 3);
    assert_string_equal(m->zones[0].files.v[1], "zones/a.inc");
    assert_int_equal(m->zones[0].records[2].file, 1);
    assert_int_equal(m->zones[0].records[3].line, 2);
    free(dump);
    model_free(m);
    files_leave();
}

static void test_pool(void **state)
{
    (void)state;
    files_enter();
    struct model *m = zone_text_load(
        "example.com", HEAD "www POOL www\n  30 IN POOL api answers=2\n*.x IN pool \"www\"\n");
    assert_non_null(m);
    const struct zone *z = &m->zones[0];
    assert_int_equal(z->n_pool_names, 3);
    const struct pool_name *p = z->pool_names;
    assert_int_equal(p[0].pool, model_find_pool(m, "www"));
    assert_false(p[0].has_ttl);
    assert_int_equal(p[0].answers, 0);
    assert_int_equal(p[0].span.line, 3);
    assert_int_equal(p[0].span.column, 5);
    assert_int_equal(p[1].pool, model_find_pool(m, "api"));
    assert_true(p[1].has_ttl && p[1].ttl.min_s == 30 && p[1].ttl.max_s == 30);
    assert_int_equal(p[1].answers, 2);
    assert_memory_equal(p[1].owner, "\3www\7example\3com", 17);
    assert_memory_equal(p[2].owner, "\1*\1x\7example\3com", 17);
    model_free(m);
    m = zone_text_load("example.com", HEAD "a POOL api ttl=5s-1m\nb POOL api/ams answers=2 ttl=7\n"
                                           "c 9 POOL api/ams\nd POOL api/iad ttl=0-0 ; one\n");
    assert_non_null(m);
    p = m->zones[0].pool_names;
    static const struct {
        struct ttl_range ttl;
        uint32_t site, answers;
    } want[] = {{{5, 60}, 0, 0}, {{7, 7}, 1, 2}, {{9, 9}, 1, 0}, {{0, 0}, 2, 0}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(p[i].pool, model_find_pool(m, "api"));
        assert_int_equal(p[i].site, want[i].site);
        assert_int_equal(p[i].answers, want[i].answers);
        assert_true(p[i].has_ttl && p[i].ttl.min_s == want[i].ttl.min_s);
        assert_int_equal(p[i].ttl.max_s, want[i].ttl.max_s);
    }
    /* Each site that is asked for once, in the order of the file. */
    assert_int_equal(m->zones[0].n_named_sites, 2);
    assert_int_equal(m->zones[0].named_sites[1].site, 1);
    const struct pool *pool = &m->pools[p[0].pool];
    assert_true(pool->named[0] && pool->named[1]);
    assert_false(m->pools[model_find_pool(m, "www")].named[0]);
    model_free(m);
    files_leave();
}

static void test_names_at_their_limits(void **state)
{
    (void)state;
    char text[2000], label[64];
    memset(label, 'a', 63);
    label[63] = '\0';
    files_enter();
    /* 3 * 64 + 50 + 13 (example.com.) = 255 bytes of wire */
    snprintf(text, sizeof text, HEAD "%s.%s.%s.%.49s A 192.0.2.1\n", label, label, label, label);
    struct model *m = zone_text_load("example.com", text);
    assert_non_null(m);
    assert_int_equal(m->zones[0].records[1].owner_len, 255);
    model_free(m);
    snprintf(text, sizeof text, HEAD "%s.%s.%s.%.50s A 192.0.2.1\n", label, label, label, label);
    assert_null(zone_text_load("example.com", text));
    files_leave();
}

static void test_odd_bytes(void **state)
{
    (void)state;
    static const char nul[] = HEAD "a TXT x\0y\nb A 192.0.2.1\n";
    struct diags diags;
    struct model *m = NULL;
    files_enter();
    files_write_text("loadstar.yaml", "zones: example.com.zone\n");
    files_write("example.com.zone", nul, sizeof nul - 1);
    diags_init(&diags);
    assert_true(config_load(&m, "loadstar.yaml", &diags) < 0);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].text, "a NUL byte, expected text");
    assert_int_equal(diags.v[0].span.line, 3);
    assert_int_equal(diags.v[0].span.column, 8);
    diags_free(&diags);
    files_leave();
    check("example.com", "\xef\xbb\xbf" HEAD, SOA_LINE); /* a byte order mark */
    check("example.com", HEAD "a TXT \xc3\xa9\n", "a.example.com. 300 16 02c3a9\n" SOA_LINE);
}

static void test_long_text(void **state)
{
    (void)state;
    enum { STRINGS = 200 };
    char *text = calloc(1, 70000), *p = text;
    p += sprintf(p, HEAD "a TXT (");
    for (unsigned i = 0; i < STRINGS; i++)
        p += sprintf(p, "\n %0250u", i);
    sprintf(p, " )\nb A 192.0.2.1\n");
    files_enter();
    struct model *m = zone_text_load("example.com", text);
    assert_non_null(m);
    assert_int_equal(m->zones[0].records[1].rdlen, STRINGS * 251);
    assert_int_equal(m->zones[0].records[1].line, 3);
    assert_int_equal(m->zones[0].records[2].line, 3 + STRINGS + 1);
    model_free(m);
    files_leave();
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_generate),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_generate_in_quotes),
        cmocka_unit_test(test_include_depth),
        cmocka_unit_test(test_longest_names),
        cmocka_unit_test(test_no_data),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_names_at_their_limits),
        cmocka_unit_test(test_odd_bytes),
        cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
