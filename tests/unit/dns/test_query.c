/* SPDX-License-Identifier: Apache-2.0
 * Reading query packets: form errors, EDNS and its options, against ldns where it has an opinion.
 */
#include "dns/query.h"

#include "base/cursor.h"
#include "base/rng.h"

#include <ldns/ldns.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Whether they are equal but for the case of letters. */
static bool same_name(struct slice a, struct slice b)
{
    uint8_t x[NAME_WIRE_MAX], y[NAME_WIRE_MAX];
    name_lower(x, a);
    name_lower(y, b);
    return slice_equal(slice_of(x, a.n), slice_of(y, b.n));
}

#define OPT_LEN 11

struct packet {
    uint8_t p[2048];
    size_t n;
};

static void add(struct packet *m, const void *p, size_t n)
{
    if (n)
        memcpy(m->p + m->n, p, n);
    m->n += n;
}

static void add_u16(struct packet *m, unsigned x)
{
    store_u16(m->p + m->n, (uint16_t)x);
    m->n += 2;
}

static struct packet header(unsigned flags, unsigned qd, unsigned an, unsigned ns, unsigned ar)
{
    struct packet m = {.n = 0};
    add_u16(&m, 0xbeef);
    add_u16(&m, flags);
    add_u16(&m, qd);
    add_u16(&m, an);
    add_u16(&m, ns);
    add_u16(&m, ar);
    return m;
}

#define WWW "\3WwW\7ExaMple\3c-M"

static void add_question(struct packet *m, unsigned type)
{
    add(m, WWW, sizeof WWW);
    add_u16(m, type);
    add_u16(m, CLASS_IN);
}

/* `ttl` is version << 16 | flags. */
static void add_opt(struct packet *m, unsigned size, unsigned ttl, const void *options, size_t n)
{
    uint8_t fixed[OPT_LEN];
    fixed[0] = 0;
    store_u16(fixed + 1, TYPE_OPT);
    store_u16(fixed + 3, (uint16_t)size);
    store_u32(fixed + 5, ttl);
    store_u16(fixed + 9, (uint16_t)n);
    add(m, fixed, sizeof fixed);
    add(m, options, n);
}

/* An A record with a compressed owner. */
static void add_record(struct packet *m, unsigned type)
{
    static const uint8_t rest[] = {0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4};
    add_u16(m, DNS_COMPRESS | DNS_HEADER_LEN);
    add_u16(m, type);
    add(m, rest, sizeof rest);
}

/* Parses a copy that ends where its memory does, so that ASan sees any byte read past the end. */
static bool parse(struct query *q, const struct packet *m)
{
    uint8_t *exact = malloc(m->n ? m->n : 1);
    memcpy(exact, m->p, m->n);
    memset(q, 0xa5, sizeof *q);
    bool answer = query_parse(q, exact, (uint32_t)m->n);
    free(exact);
    return answer;
}

static unsigned rcode_of(const struct packet *m)
{
    struct query q;
    assert_true(parse(&q, m));
    return q.rcode;
}

static void plain_question(void **state)
{
    (void)state;
    struct packet m = header(FLAG_RD | FLAG_CD, 1, 0, 0, 0);
    add_question(&m, TYPE_AAAA);
    struct query q;
    assert_true(parse(&q, &m));
    assert_int_equal(q.rcode, RCODE_NOERROR);
    assert_int_equal(q.flags, FLAG_RD | FLAG_CD);
    assert_int_equal(q.qtype, TYPE_AAAA);
    assert_int_equal(q.qclass, CLASS_IN);
    assert_int_equal(q.question_len, sizeof WWW + 4);
    assert_int_equal(q.qname_len, sizeof WWW);
    assert_memory_equal(q.qname, "\3www\7example\3c-m", sizeof WWW);
    assert_int_equal(q.n_labels, 3);
    assert_int_equal(q.label_at[0], 0);
    assert_int_equal(q.label_at[1], 4);
    assert_int_equal(q.label_at[2], 12);
    assert_int_equal(q.label_at[3], 16);
    assert_int_equal(q.udp_size, 512);
    assert_false(q.edns || q.dnssec_ok || q.nsid || q.keepalive || q.cookie_len || q.ecs_len);
}

/* Every length, every byte: the same as folding byte by byte. */
static void names_are_folded(void **state)
{
    (void)state;
    struct rng rng = {3};
    for (unsigned round = 0; round < 4000; round++) {
        struct packet m = header(0, 1, 0, 0, 0);
        uint8_t expected[NAME_WIRE_MAX];
        size_t start = m.n, want = 1 + rng_below(&rng, NAME_WIRE_MAX);
        while (m.n - start + 1 < want) {
            size_t room = want - (m.n - start) - 1;
            size_t len = room - 1 < LABEL_MAX ? room - 1 : LABEL_MAX;
            if (len == 0)
                break;
            len = 1 + rng_below(&rng, (uint32_t)len);
            m.p[m.n++] = (uint8_t)len;
            while (len--)
                m.p[m.n++] = (uint8_t)rng_next(&rng);
        }
        m.p[m.n++] = 0;
        struct slice name = slice_of(m.p + start, m.n - start);
        name_lower(expected, name);
        add_u16(&m, TYPE_A);
        add_u16(&m, CLASS_IN);
        struct query q;
        assert_true(parse(&q, &m));
        assert_int_equal(q.rcode, RCODE_NOERROR);
        assert_int_equal(q.qname_len, name.n);
        assert_memory_equal(q.qname, expected, name.n);
        assert_int_equal(q.n_labels, name_labels(name));
        assert_int_equal(q.qname[q.label_at[q.n_labels]], 0);
    }
}

static void dropped_packets(void **state)
{
    (void)state;
    struct packet m = header(FLAG_QR, 1, 0, 0, 0);
    struct query q;
    add_question(&m, TYPE_A);
    assert_false(parse(&q, &m));
    m = header(0, 1, 0, 0, 0);
    for (m.n = 0; m.n < DNS_HEADER_LEN; m.n++)
        assert_false(parse(&q, &m));
}

/* Each prefix of a valid query is a form error or, where the OPT is cut off whole, has too few
 * records: never an answer. */
static void cut_packets(void **state)
{
    (void)state;
    static const uint8_t nsid[] = {0, EDNS_NSID, 0, 0};
    struct packet m = header(0, 1, 0, 0, 1);
    add_question(&m, TYPE_A);
    add_opt(&m, 1232, 0, nsid, sizeof nsid);
    assert_int_equal(rcode_of(&m), RCODE_NOERROR);
    for (m.n--; m.n >= DNS_HEADER_LEN; m.n--)
        assert_int_equal(rcode_of(&m), RCODE_FORMERR);
}

static void other_opcodes(void **state)
{
    (void)state;
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        struct packet m = header(opcode << FLAG_OPCODE_SHIFT, 0, 0, 0, 0);
        struct query q;
        assert_true(parse(&q, &m));
        assert_int_equal(q.rcode, RCODE_NOTIMP);
        assert_int_equal(q.question_len, 0);
        assert_int_equal(query_opcode(&q), opcode);
        m = header(opcode << FLAG_OPCODE_SHIFT, 1, 0, 0, 1);
        add_question(&m, TYPE_SOA);
        add_opt(&m, 4096, 0, "", 0);
        assert_true(parse(&q, &m));
        assert_int_equal(q.rcode, RCODE_NOTIMP);
        assert_int_equal(q.question_len, sizeof WWW + 4);
        assert_true(q.edns);
    }
}

static void question_counts(void **state)
{
    (void)state;
    struct query q;
    struct packet m = header(0, 0, 0, 0, 0);
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);
    m = header(0, 0, 0, 0, 1);
    add_opt(&m, 4096, 0, "", 0);
    assert_true(parse(&q, &m));
    assert_true(q.rcode == RCODE_FORMERR && q.edns && q.question_len == 0);
    m = header(0, 2, 0, 0, 1);
    add_question(&m, TYPE_A);
    add_question(&m, TYPE_A);
    add_opt(&m, 4096, 0, "", 0);
    assert_true(parse(&q, &m));
    assert_true(q.rcode == RCODE_FORMERR && q.edns && q.question_len == 0);
    m = header(0, 65535, 65535, 65535, 65535);
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);
}

static void bad_question_names(void **state)
{
    (void)state;
    static const struct {
        const char *p;
        size_t n;
    } names[] = {
        {"\300\14\0\1\0\1", 6},           /* points to itself */
        {"\1a\300\14\0\1\0\1", 8},        /* ends in a pointer */
        {"\100aaaaaaaaaaaa\0\1\0\1", 17}, /* label type 01 */
        {"\200aaaaaaaaaaaa\0\1\0\1", 17}, /* label type 10 */
        {"\5abc\0\1\0\1", 8},             /* runs past the end */
        {"\1a\0\0\1\0", 6},               /* class cut short */
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct packet m = header(0, 1, 0, 0, 0);
        struct query q;
        add(&m, names[i].p, names[i].n);
        assert_true(parse(&q, &m));
        assert_int_equal(q.rcode, RCODE_FORMERR);
        assert_int_equal(q.question_len, 0);
    }
    struct packet m = header(0, 1, 0, 0, 0);
    for (unsigned i = 0; i < 128; i++) /* 257 bytes */
        add(&m, "\1a", 2);
    add(&m, "\0\0\1\0\1", 5);
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);
}

static void records_before_the_additional_section(void **state)
{
    (void)state;
    struct packet m = header(0, 1, 1, 0, 0);
    add_question(&m, TYPE_A);
    add_record(&m, TYPE_A);
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);
    store_u32(m.p + 6, 1); /* in authority */
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);
    m = header(0, 1, 0, 1, 1);
    add_question(&m, TYPE_IXFR);
    add_record(&m, TYPE_SOA);
    add_opt(&m, 4096, 0x8000, "", 0);
    struct query q;
    assert_true(parse(&q, &m));
    assert_true(q.rcode == RCODE_NOERROR && q.edns && q.dnssec_ok && q.qtype == TYPE_IXFR);
}

static void trailing_bytes(void **state)
{
    (void)state;
    struct packet m = header(0, 1, 0, 0, 0);
    add_question(&m, TYPE_A);
    add(&m, "", 1);
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);
    m = header(0, 1, 0, 0, 1);
    add_question(&m, TYPE_A);
    add_opt(&m, 4096, 0, "", 0);
    add(&m, "", 1);
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);
}

static void opt_among_other_records(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 3; at++) {
        struct packet m = header(0, 1, 0, 0, 3);
        struct query q;
        add_question(&m, TYPE_A);
        for (unsigned i = 0; i < 3; i++) {
            if (i == at)
                add_opt(&m, 1400, 0x8000, "\0\3\0\0", 4);
            else
                add_record(&m, TYPE_TXT);
        }
        assert_true(parse(&q, &m));
        assert_true(q.rcode == RCODE_NOERROR && q.edns && q.dnssec_ok && q.nsid);
        assert_int_equal(q.udp_size, 1400);
    }
}

static void opt_rules(void **state)
{
    (void)state;
    struct query q;
    struct packet m = header(0, 1, 0, 0, 2);
    add_question(&m, TYPE_A);
    add_opt(&m, 1400, 0, "", 0);
    add_opt(&m, 1400, 0, "", 0);
    assert_true(parse(&q, &m));
    assert_true(q.rcode == RCODE_FORMERR && q.edns);

    m = header(0, 1, 0, 0, 1); /* owner not the root */
    add_question(&m, TYPE_A);
    add(&m, "\1a", 2);
    add_opt(&m, 1400, 0, "", 0);
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);

    m = header(0, 1, 0, 1, 0); /* in the authority section */
    add_question(&m, TYPE_IXFR);
    add_opt(&m, 1400, 0, "", 0);
    assert_int_equal(rcode_of(&m), RCODE_FORMERR);

    for (unsigned version = 0; version < 256; version++) {
        m = header(0, 1, 0, 0, 1);
        add_question(&m, TYPE_A);
        add_opt(&m, 100, version << 16 | 0x8000, "\0\3\0\0", 4);
        assert_true(parse(&q, &m));
        assert_int_equal(q.rcode, version ? RCODE_BADVERS : RCODE_NOERROR);
        assert_int_equal(q.nsid, version == 0);
        assert_true(q.edns && q.dnssec_ok);
        assert_int_equal(q.udp_size, 512);
    }
}

/* Parses a query with these options. */
static struct query with_options(const void *options, size_t n)
{
    struct packet m = header(0, 1, 0, 0, 1);
    struct query q;
    add_question(&m, TYPE_A);
    add_opt(&m, 4096, 0, options, n);
    assert_true(parse(&q, &m));
    assert_true(q.edns && q.question_len == sizeof WWW + 4);
    return q;
}

static void option_framing(void **state)
{
    (void)state;
    static const struct {
        const char *p;
        size_t n;
        unsigned rcode;
    } cases[] = {
        {"\0\3\0", 3, RCODE_FORMERR},
        {"\0\3\0\1", 4, RCODE_FORMERR},
        {"\0\3\377\377", 4, RCODE_FORMERR},
        {"\0\3\0\0\0", 5, RCODE_FORMERR},
        {"\377\377\0\0", 4, RCODE_NOERROR},
        {"\0\3\0\2zz", 6, RCODE_NOERROR},
        {"\0\14\0\4\0\0\0\0\0\3\0\0", 12, RCODE_NOERROR}, /* padding, then NSID */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(with_options(cases[i].p, cases[i].n).rcode, cases[i].rcode);
    assert_true(with_options("\0\14\0\4\0\0\0\0\0\3\0\0", 12).nsid);
    assert_true(with_options("\0\13\0\0", 4).keepalive);
    assert_true(with_options("\0\13\0\2\0\1", 6).keepalive);
    struct query q = with_options("\300\0\0\1x", 5);
    assert_false(q.nsid || q.keepalive || q.cookie_len || q.ecs_len);
}

static void cookie_lengths(void **state)
{
    (void)state;
    uint8_t option[4 + 64] = {0, EDNS_COOKIE};
    for (uint8_t n = 0; n < 64; n++) {
        option[3] = n;
        struct query q = with_options(option, 4u + n);
        bool valid = n == 8 || (n >= 16 && n <= 40);
        assert_int_equal(q.rcode, valid ? RCODE_NOERROR : RCODE_FORMERR);
        assert_int_equal(q.cookie_len != 0, valid);
    }
}

#define ECS(len) "\0\10\0" len

static void client_subnet(void **state)
{
    (void)state;
    static const struct {
        const char *p;
        size_t n;
        bool valid;
        uint8_t family, source;
    } cases[] = {
        {ECS("\7") "\0\1\30\0\300\0\2", 11, true, IP_V4, 24},
        {ECS("\10") "\0\1\40\0\300\0\2\1", 12, true, IP_V4, 32},
        {ECS("\5") "\0\1\1\0\200", 9, true, IP_V4, 1},
        {ECS("\4") "\0\1\0\0", 8, true, IP_V4, 0},
        {ECS("\4") "\0\2\0\0", 8, true, IP_V6, 0},
        {ECS("\13") "\0\2\70\0\40\1\15\270\1\2\3", 15, true, IP_V6, 56},
        {ECS("\24") "\0\2\200\0\40\1\15\270\1\2\3\4\5\6\7\10\11\12\13\14", 24, true, IP_V6, 128},
        {ECS("\4") "\0\0\0\0", 8, true, IP_NONE, 0}, /* RFC 7871 11.1: dig +subnet=0 */
        {ECS("\5") "\0\0\0\0\1", 9, false, 0, 0},
        {ECS("\5") "\0\0\10\0\1", 9, false, 0, 0},
        {ECS("\4") "\0\3\0\0", 8, false, 0, 0},                  /* unknown family */
        {ECS("\4") "\1\1\0\0", 8, false, 0, 0},                  /* unknown family */
        {ECS("\11") "\0\1\41\0\300\0\2\1\200", 13, false, 0, 0}, /* source past 32 */
        {ECS("\4") "\0\2\201\0", 8, false, 0, 0},                /* source past 128 */
        {ECS("\7") "\0\1\30\30\300\0\2", 11, false, 0, 0},       /* scope set */
        {ECS("\7") "\0\1\27\0\300\0\3", 11, false, 0, 0},        /* bits past the source */
        {ECS("\5") "\0\1\1\0\300", 9, false, 0, 0},              /* bits past the source */
        {ECS("\6") "\0\1\30\0\300\0", 10, false, 0, 0},          /* address too short */
        {ECS("\10") "\0\1\30\0\300\0\2\0", 12, false, 0, 0},     /* address too long */
        {ECS("\3") "\0\1\0", 7, false, 0, 0},
        {ECS("\0") "", 4, false, 0, 0},
        {ECS("\4") "\0\1\0\0" ECS("\4") "\0\1\0\0", 16, false, 0, 0}, /* twice */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query q = with_options(cases[i].p, cases[i].n);
        assert_int_equal(q.rcode, cases[i].valid ? RCODE_NOERROR : RCODE_FORMERR);
        if (!cases[i].valid)
            continue;
        struct ip addr = {.family = cases[i].family};
        memcpy(addr.b, cases[i].p + 8, cases[i].n - 8);
        assert_true(ip_equal(&q.ecs_addr, &addr));
        assert_int_equal(q.ecs_source, cases[i].source);
        assert_int_equal(q.ecs_len, cases[i].n - 4);
        assert_int_equal(q.ecs_at, DNS_HEADER_LEN + sizeof WWW + 4 + OPT_LEN + 4);
    }
}

/* A query that ldns made reads back the same. */
static void queries_of_ldns(void **state)
{
    (void)state;
    struct rng rng = {17};
    for (unsigned round = 0; round < 2000; round++) {
        char name[64];
        snprintf(name, sizeof name, "H%u.Sub%u.example.", rng_below(&rng, 1000),
                 rng_below(&rng, 1000));
        unsigned type = 1 + rng_below(&rng, 300), size = rng_below(&rng, 65536);
        bool edns = rng_below(&rng, 2), dnssec_ok = edns && rng_below(&rng, 2);
        ldns_rdf *dname = ldns_dname_new_frm_str(name);
        ldns_pkt *pkt = ldns_pkt_query_new(dname, type, LDNS_RR_CLASS_IN, LDNS_RD);
        if (edns) {
            ldns_pkt_set_edns_udp_size(pkt, (uint16_t)size);
            ldns_pkt_set_edns_do(pkt, dnssec_ok);
        }
        uint8_t *wire;
        size_t n;
        assert_int_equal(ldns_pkt2wire(&wire, pkt, &n), LDNS_STATUS_OK);
        struct query q;
        assert_true(query_parse(&q, wire, (uint32_t)n));
        assert_int_equal(q.rcode, RCODE_NOERROR);
        assert_int_equal(q.qtype, type);
        assert_true(
            same_name(query_name(&q), slice_of(ldns_rdf_data(dname), ldns_rdf_size(dname))));
        assert_int_equal(q.edns, edns && (size || dnssec_ok));
        assert_int_equal(q.dnssec_ok, dnssec_ok);
        assert_int_equal(q.udp_size, edns && size > 512 ? size : 512);
        free(wire);
        ldns_pkt_free(pkt);
    }
}

/* What is answered, ldns can read too, and reads the same. The packets are valid queries with a few
 * bytes changed, so that most faults are near misses. */
static void mutations_agree_with_ldns(void **state)
{
    (void)state;
    struct rng rng = {23};
    unsigned answered = 0, refused = 0;
    for (unsigned round = 0; round < 30000; round++) {
        struct packet m = header(rng_below(&rng, 2) * FLAG_RD, 1, 0, 0, 1);
        add_question(&m, TYPE_A);
        add_opt(&m, 1232, 0x8000, "\0\3\0\0" ECS("\7") "\0\1\30\0\300\0\2", 15);
        for (unsigned i = rng_below(&rng, 4); i > 0; i--)
            m.p[2 + rng_below(&rng, (uint32_t)m.n - 2)] = (uint8_t)rng_next(&rng);
        struct query q;
        if (!parse(&q, &m) || q.rcode != RCODE_NOERROR) {
            refused++;
            continue;
        }
        /* Of an additional record that is no OPT any longer, ldns looks at the rdata too. */
        ldns_pkt *pkt;
        ldns_status status = ldns_wire2pkt(&pkt, m.p, m.n);
        if (!q.edns && status != LDNS_STATUS_OK)
            continue;
        assert_int_equal(status, LDNS_STATUS_OK);
        const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_question(pkt), 0);
        const ldns_rdf *owner = ldns_rr_owner(rr);
        assert_true(
            same_name(query_name(&q), slice_of(ldns_rdf_data(owner), ldns_rdf_size(owner))));
        assert_int_equal(q.qtype, ldns_rr_get_type(rr));
        assert_int_equal(q.qclass, ldns_rr_get_class(rr));
        assert_int_equal(q.edns, ldns_pkt_edns(pkt));
        assert_int_equal(q.dnssec_ok, ldns_pkt_edns_do(pkt));
        assert_int_equal((q.flags & FLAG_RD) != 0, ldns_pkt_rd(pkt));
        ldns_pkt_free(pkt);
        answered++;
    }
    assert_true(answered > 3000 && refused > 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_question),
        cmocka_unit_test(names_are_folded),
        cmocka_unit_test(dropped_packets),
        cmocka_unit_test(cut_packets),
        cmocka_unit_test(other_opcodes),
        cmocka_unit_test(question_counts),
        cmocka_unit_test(bad_question_names),
        cmocka_unit_test(records_before_the_additional_section),
        cmocka_unit_test(trailing_bytes),
        cmocka_unit_test(opt_among_other_records),
        cmocka_unit_test(opt_rules),
        cmocka_unit_test(option_framing),
        cmocka_unit_test(cookie_lengths),
        cmocka_unit_test(client_subnet),
        cmocka_unit_test(queries_of_ldns),
        cmocka_unit_test(mutations_agree_with_ldns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
