/* SPDX-License-Identifier: Apache-2.0
 * Zone files read by us and by ldns' own reader: the same records, whatever the layout. Where ldns
 * knows less (a class before the TTL, a bare parenthesis, $GENERATE) the text keeps to what both
 * know. */
#include "files.h"
#include "zone_text.h"

#include "base/buf.h"
#include "base/rng.h"
#include "dns/name.h"

#include <ldns/ldns.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void dump_rr(struct buf *out, const ldns_rr *rr)
{
    ldns_buffer *wire = ldns_buffer_new(LDNS_MAX_PACKETLEN);
    char name[NAME_TEXT_MAX];
    uint8_t lower[NAME_WIRE_MAX];
    ldns_dname2buffer_wire(wire, ldns_rr_owner(rr));
    struct slice owner = slice_of(ldns_buffer_begin(wire), ldns_buffer_position(wire));
    name_lower(lower, owner);
    buf_printf(out, "%s %u %u ", name_to_text(name, slice_of(lower, owner.n)), ldns_rr_ttl(rr),
               (unsigned)ldns_rr_get_type(rr));
    ldns_buffer_clear(wire);
    assert_int_equal(ldns_rr_rdata2buffer_wire(wire, rr), LDNS_STATUS_OK);
    for (size_t i = 0; i < ldns_buffer_position(wire); i++)
        buf_printf(out, "%02x", ldns_buffer_at(wire, i)[0]);
    buf_puts(out, "\n");
    ldns_buffer_free(wire);
}

static char *dump_by_ldns(const char *origin_text, const char *text)
{
    ldns_zone *zone = NULL;
    int line = 0;
    struct buf out = {0};
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    ldns_rdf *origin = ldns_dname_new_frm_str(origin_text);
    ldns_status s = ldns_zone_new_frm_fp_l(&zone, in, origin, 3600, LDNS_RR_CLASS_IN, &line);
    if (s != LDNS_STATUS_OK)
        fail_msg("ldns, line %d: %s\n%s", line, ldns_get_errorstr_by_id(s), text);
    if (ldns_zone_soa(zone))
        dump_rr(&out, ldns_zone_soa(zone));
    ldns_rr_list *rrs = ldns_zone_rrs(zone);
    for (size_t i = 0; i < ldns_rr_list_rr_count(rrs); i++)
        dump_rr(&out, ldns_rr_list_rr(rrs, i));
    ldns_zone_deep_free(zone);
    ldns_rdf_deep_free(origin);
    fclose(in);
    return zone_text_sort(out.p ? out.p : xstrdup(""));
}

static void compare(const char *text)
{
    files_enter();
    struct model *m = zone_text_load("example.com", text);
    if (!m)
        fail_msg("refused:\n%s", text);
    char *ours = zone_text_dump(&m->zones[0]), *theirs = dump_by_ldns("example.com.", text);
    size_t same = 0, line = 0;
    for (; ours[same] && ours[same] == theirs[same]; same++)
        line = ours[same] == '\n' ? same + 1 : line;
    if (ours[same] != theirs[same])
        fail_msg("ours:\n%.300s\nldns:\n%.300s\nin:\n%s", ours + line, theirs + line, text);
    free(ours);
    free(theirs);
    model_free(m);
    files_leave();
}

#define HEAD "$TTL 300\n@ IN SOA ns1 hostmaster 1 3600 900 604800 300\n"

static const char *const by_hand[] = {
    HEAD,
    HEAD "@ NS ns1\n  NS ns2.example.net.\n\tNS ns3\nns1 A 192.0.2.1\n",
    "$TTL 1h\n@ IN SOA ns1 host (\n  2026010101 ; serial\n  1h ; refresh\n  15m\n  2w\n  1d )\n",
    HEAD "www 60 IN A 192.0.2.1\nwww 60 in A 192.0.2.2\nwww 60 A 192.0.2.3\n",
    HEAD "$ORIGIN sub.example.com.\na A 192.0.2.1\n@ A 192.0.2.2\n$ORIGIN deep.example.com.\nb A "
         "192.0.2.3\n",
    HEAD "WwW.ExAmPlE.CoM. A 192.0.2.1\nwww CNAME Target.Example.NET.\n",
    HEAD "a TXT one two \"three four\" \"five\\\"six\" \"semi;colon\" \\\"\nb TXT \"\"\nc TXT "
         "\"\\065\\066\"\n",
    HEAD "a\\.b A 192.0.2.1\na\\032b A 192.0.2.2\n*.w A 192.0.2.3\n_x._tcp SRV 1 2 3 t\n",
    HEAD "a AAAA 2001:db8::1\nb AAAA ::\nc AAAA ::ffff:192.0.2.1\nd AAAA 2001:DB8:0:0:0:0:0:1\n",
    HEAD "x MX 10 mail\nx MX 20 mail.example.net.\ny PTR z\nz DNAME other.example.\n",
    HEAD "x HINFO PC \"A B\"\nx CAA 0 issue \"ca.example; x=y\"\nx CAA 128 iodef \"mailto:a@b\"\n",
    HEAD
    "x TYPE65280 \\# 3 abcdef\nx TYPE1 \\# 4 c0000201\ny A \\# 4 c0000202\nz TYPE65281 \\# 0\n",
    HEAD "x DS 12345 8 2 ( 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C\n"
         "  55D4AC0123 )\n",
    HEAD "x TLSA 3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971\n",
    HEAD "x SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789\n",
    HEAD "x NAPTR 100 50 \"s\" \"http+I2L+I2C+I2R\" \"\" _http._tcp\n",
    HEAD "x LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m\n",
    HEAD "x RP host.example.com. txt\nx AFSDB 1 afs\nx KX 1 kx\nx CERT 1 2 3 AQID\n",
    HEAD "a A 192.0.2.1\n$TTL 120\nb A 192.0.2.2\nc A 192.0.2.3\n$TTL 1h30m\nd A 192.0.2.4\n",
    HEAD "\n\n; comment\n   ; another\nwww A 192.0.2.1 ; after\n   \n\t\n   A 192.0.2.2\n",
    HEAD "www A ( 192.0.2.1 )\nwww ( 60 IN\n A ) 192.0.2.2\nb ( TXT \"a\"\n\"b\" ; x )\n )\n",
    "$TTL 300\r\n@ IN SOA ns1 h 1 2 3 4 5\r\nwww A 192.0.2.1\r\n  A 192.0.2.2\r\n",
    HEAD "www A 192.0.2.1",
    HEAD "1 A 192.0.2.1\n60 60 A 192.0.2.2\nin IN A 192.0.2.3\na A 192.0.2.4\ntxt TXT txt\n",
};

static void test_by_hand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++)
        compare(by_hand[i]);
}

static const char *const labels[] = {"a",
                                     "www",
                                     "Mail",
                                     "x-1",
                                     "_dmarc",
                                     "*",
                                     "b\\.c",
                                     "d\\032e",
                                     "0",
                                     "123",
                                     "longer-label-0123456789abcdef",
                                     "xn--bcher-kva"};
#define PICK(rng, a) (a)[rng_below((rng), sizeof(a) / sizeof *(a))]

static void put_blank(struct rng *rng, struct buf *out)
{
    static const char *const blanks[] = {" ", "\t", "  ", " \t ", "          "};
    buf_puts(out, PICK(rng, blanks));
}

static void put_name(struct rng *rng, struct buf *out)
{
    unsigned n = 1 + rng_below(rng, 3);
    if (rng_below(rng, 10) == 0) {
        buf_puts(out, "@");
        return;
    }
    for (unsigned i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? "." : "", PICK(rng, labels));
    if (rng_below(rng, 3) == 0)
        buf_puts(out, rng_below(rng, 2) ? ".example.com." : ".Example.NET.");
}

static void put_string(struct rng *rng, struct buf *out)
{
    static const char *const strings[] = {"plain",       "\"two words\"",   "\"\"",
                                          "\"a;b(c)d\"", "\"q\\\"q\"",      "\"\\009\\255\"",
                                          "x=y",         "\"v=spf1 -all\"", "\"back\\\\slash\""};
    buf_puts(out, PICK(rng, strings));
}

static void put_data(struct rng *rng, struct buf *out)
{
    uint32_t x = (uint32_t)rng_next(rng);
    switch (rng_below(rng, 12)) {
    case 0:
    case 1:
        buf_printf(out, "A %u.%u.%u.%u", x >> 24, x >> 16 & 255, x >> 8 & 255, x & 255);
        break;
    case 2:
        buf_printf(out, "aaaa 2001:db8:%x::%X", x >> 16, x & 0xffff);
        break;
    case 3:
        buf_puts(out, "NS ");
        put_name(rng, out);
        break;
    case 4:
        buf_printf(out, "MX %u ", x & 0xffff);
        put_name(rng, out);
        break;
    case 5:
        buf_printf(out, "SRV %u\t%u %u ", x & 0xffff, x >> 16, x >> 8 & 0xffff);
        put_name(rng, out);
        break;
    case 6:
    case 7:
        buf_puts(out, "TXT");
        for (unsigned i = 0; i <= x % 4; i++) {
            put_blank(rng, out);
            put_string(rng, out);
        }
        break;
    case 8:
        buf_puts(out, "CNAME ");
        put_name(rng, out);
        break;
    case 9:
        buf_printf(out, "TYPE%u \\# 4 %08x", 65280 + x % 100, x);
        break;
    case 10:
        buf_printf(out, "DS %u 8 1 ( %08x%08x\n\t%08x%08x%08x )", x & 0xffff, x, x, x, x, x);
        break;
    default:
        buf_printf(out, "HINFO ");
        put_string(rng, out);
        buf_puts(out, " ");
        put_string(rng, out);
    }
}

/* ldns lets an explicit TTL win over $TTL for the records after it, against RFC 2308 4: a zone has
 * all of them or none. */
static void put_record(struct rng *rng, struct buf *out, bool ttl)
{
    static const char *const with_ttl[] = {"60 ",    "60 IN ", "60\tIN ",
                                           "1h30m ", "1d in ", "1W2d IN "};
    static const char *const without[] = {"", "IN ", "in\t"};
    if (rng_below(rng, 4))
        put_name(rng, out);
    put_blank(rng, out);
    buf_puts(out, ttl ? PICK(rng, with_ttl) : PICK(rng, without));
    bool parens = rng_below(rng, 6) == 0;
    buf_puts(out, parens ? "( " : "");
    put_data(rng, out);
    if (parens)
        buf_puts(out, rng_below(rng, 2) ? "\n  ; more\n )" : " )");
    buf_puts(out, rng_below(rng, 5) == 0 ? " ; a comment\n" : "\n");
    if (rng_below(rng, 20) == 0)
        buf_puts(out, "\n; a line of its own\n");
    if (rng_below(rng, 25) == 0)
        buf_puts(out, rng_below(rng, 2) ? "$ORIGIN sub.example.com.\n" : "$ORIGIN example.com.\n");
}

static void test_generated(void **state)
{
    (void)state;
    struct rng rng = {.state = 20260131};
    for (unsigned i = 0; i < 200; i++) {
        struct buf text = {0};
        buf_puts(&text, HEAD);
        for (unsigned j = 0; j < 60; j++)
            put_record(&rng, &text, i % 2);
        compare(text.p);
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_generated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
