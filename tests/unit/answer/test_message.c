/* SPDX-License-Identifier: Apache-2.0
 * The message around the answer: header, EDNS, sizes, class CH, batches. */
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BIG_RRS 60 /* 60 AAAA: 1680 bytes */

static int setup(void **state)
{
    struct served *s = served_new();
    struct buf zone = {0};
    buf_puts(&zone, "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n@ 3600 NS ns1\n"
                    "ns1 3600 A 192.0.2.53\n");
    for (unsigned i = 0; i < BIG_RRS; i++)
        buf_printf(&zone, "big 60 AAAA 2001:db8::%x\n", i);
    for (unsigned i = 0; i < 30; i++)
        buf_printf(&zone, "mid 60 A 192.0.2.%u\n", i);
    served_zone(s, "example.com.", zone.p);
    buf_free(&zone);
    assert_int_equal(served_compile(s), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    served_free(*state);
    return 0;
}

#define SAYS(name, type, expected, ...) \
    assert_string_equal(served_ask(*state, name, type, (struct ask){__VA_ARGS__}), expected)
#define NS1 "ns1.example.com. 3600 IN A 192.0.2.53"

static void test_flags(void **state)
{
    struct served *s = *state;
    SAYS("ns1.example.com.", "A", "NOERROR aa rd | " NS1 " | |", .no_edns = true, .flags = FLAG_RD);
    assert_int_equal(load_u16(s->response), 0x1234);
    /* AD, CD and the reserved bit are not echoed; TC in a query means nothing (RFC 8906). */
    served_ask(s, "ns1.example.com.", "A", (struct ask){.flags = 0x0270, .no_edns = true});
    assert_int_equal(load_u16(s->response + 2), FLAG_QR | FLAG_AA);
    assert_string_equal(served_ask(s, "ns1.example.com.", "A", (struct ask){.flags = FLAG_QR}),
                        "nothing");
}

static void test_opcodes(void **state)
{
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        SAYS("ns1.example.com.", "A", "NOTIMP | | | | edns 1232 ede 21", .flags = opcode << 11);
        struct served *s = *state;
        assert_int_equal(s->response[2] >> 3 & 15, opcode);
    }
}

static void test_classes(void **state)
{
    SAYS("ns1.example.com.", "A", "REFUSED | | |", .qclass = CLASS_ANY, .no_edns = true);
    SAYS("ns1.example.com.", "A", "REFUSED | | |", .qclass = CLASS_NONE, .no_edns = true);
    SAYS("ns1.example.com.", "A", "REFUSED | | |", .qclass = 4, .no_edns = true);
}

static void test_chaos(void **state)
{
    struct served *s = *state;
    SAYS("id.server.", "TXT", "NOERROR aa | id.server. 0 CH TXT \"ams1\" | |", .qclass = CLASS_CH,
         .no_edns = true);
    SAYS("hostname.bind.", "TXT", "NOERROR aa | hostname.bind. 0 CH TXT \"ams1\" | |",
         .qclass = CLASS_CH, .no_edns = true);
    SAYS("version.BIND.", "TXT", "NOERROR aa | version.BIND. 0 CH TXT \"Loadstar\" | |",
         .qclass = CLASS_CH, .no_edns = true);
    SAYS("version.server.", "ANY", "NOERROR aa | version.server. 0 CH TXT \"Loadstar\" | |",
         .qclass = CLASS_CH, .no_edns = true);
    SAYS("id.server.", "A", "REFUSED | | |", .qclass = CLASS_CH, .no_edns = true);
    SAYS("other.server.", "TXT", "REFUSED | | |", .qclass = CLASS_CH, .no_edns = true);
    SAYS("id.server.", "TXT", "REFUSED | | |", .no_edns = true);
    struct slice version = s->snapshot->version;
    s->snapshot->version = (struct slice){NULL, 0};
    SAYS("version.bind.", "TXT", "REFUSED | | |", .qclass = CLASS_CH, .no_edns = true);
    s->snapshot->version = version;
}

static void test_edns(void **state)
{
    SAYS("ns1.example.com.", "A", "NOERROR aa | " NS1 " | | | edns 1232");
    SAYS("ns1.example.com.", "A", "NOERROR aa | " NS1 " | | | edns 1232 do", .dnssec_ok = true);
    SAYS("ns1.example.com.", "A", "NOERROR aa | " NS1 " | | | edns 1232 nsid ams1", .nsid = true);
    SAYS("ns1.example.com.", "A", "BADVERS | | | | edns 1232", .version = 1, .nsid = true);
    SAYS("ns1.example.com.", "A", "BADVERS | | | | edns 1232", .version = 255,
         .subnet = "192.0.2.0/24");
    /* Keepalive is a matter of TCP (RFC 7828 3.2.1). */
    SAYS("ns1.example.com.", "A", "NOERROR aa | " NS1 " | | | edns 1232", .keepalive = true);
    SAYS("ns1.example.com.", "A", "NOERROR aa | " NS1 " | | | edns 1232 keepalive 100",
         .keepalive = true, .tcp = true);
    SAYS("ns1.example.com.", "A",
         "NOERROR aa | " NS1 " | | | edns 1232 ecs /24/0 keepalive 100 nsid ams1",
         .keepalive = true, .tcp = true, .nsid = true, .subnet = "192.0.2.0/24");
}

static void test_nsid_not_configured(void **state)
{
    struct served *s = *state;
    struct slice identity = s->snapshot->identity;
    s->snapshot->identity = (struct slice){NULL, 0};
    SAYS("ns1.example.com.", "A", "NOERROR aa | " NS1 " | | | edns 1232", .nsid = true);
    s->snapshot->identity = identity;
}

static void test_sizes(void **state)
{
    struct served *s = *state;
    SAYS("big.example.com.", "AAAA", "NOERROR aa tc | | |", .no_edns = true);
    SAYS("big.example.com.", "AAAA", "NOERROR aa tc | | | | edns 1232 ecs /24/0", .udp_size = 4096,
         .subnet = "192.0.2.0/24");
    assert_non_null(strstr(served_ask(s, "big.example.com.", "AAAA", (struct ask){.tcp = true}),
                           "2001:db8::3b"));
    assert_int_equal(load_u16(s->response + 6), BIG_RRS);
    /* 30 A RRs are 480 bytes: with header and question past 512. */
    SAYS("mid.example.com.", "A", "NOERROR aa tc | | |", .no_edns = true);
    SAYS("mid.example.com.", "A", "NOERROR aa tc | | | | edns 1232", .udp_size = 100);
    served_ask(s, "mid.example.com.", "A", (struct ask){.udp_size = 600});
    assert_int_equal(load_u16(s->response + 6), 30);
}

/* The response is either whole within the limit or truncated, never in between. */
static void test_size_limit_is_exact(void **state)
{
    struct served *s = *state;
    served_ask(s, "mid.example.com.", "A", (struct ask){.udp_size = 1232});
    uint32_t whole = s->packet.response_len;
    for (unsigned size = whole - 3; size < whole + 3; size++) {
        served_ask(s, "mid.example.com.", "A", (struct ask){.udp_size = size});
        bool fits = size >= whole;
        assert_int_equal((load_u16(s->response + 2) & FLAG_TC) != 0, !fits);
        assert_int_equal(load_u16(s->response + 6), fits ? 30 : 0);
        assert_true(s->packet.response_len <= size);
    }
}

static void test_broken_queries(void **state)
{
    struct served *s = *state;
    struct ask a = {.no_edns = true};
    uint32_t n = served_query(s->query, "ns1.example.com.", TYPE_A, &a);
    for (uint32_t cut = 0; cut < n; cut++) {
        served_send(s, cut, &a);
        if (cut < DNS_HEADER_LEN)
            assert_string_equal(served_said(s), "nothing");
        else
            assert_int_equal(s->response[3] & 15, RCODE_FORMERR);
    }
    store_u16(s->query + 4, 2);
    served_send(s, n, &a);
    assert_int_equal(s->response[3] & 15, RCODE_FORMERR);
    store_u16(s->query + 4, 0);
    served_send(s, DNS_HEADER_LEN, &a);
    assert_string_equal(served_said(s), "FORMERR | | |");
}

static void test_counters(void **state)
{
    struct served *s = *state;
    struct answer_stats before = s->ctx.stats;
    served_ask(s, "nope.example.com.", "A", (struct ask){.tcp = true, .subnet = "192.0.2.0/24"});
    served_ask(s, "ns1.example.com.", "TXT", (struct ask){.no_edns = true});
    served_ask(s, "big.example.com.", "AAAA", (struct ask){.no_edns = true});
    served_ask(s, "ns1.example.com.", "A", (struct ask){.flags = FLAG_QR});
    const struct answer_stats *after = &s->ctx.stats;
    assert_int_equal(after->queries[0] - before.queries[0], 2);
    assert_int_equal(after->queries[1] - before.queries[1], 1);
    assert_int_equal(after->rcode[RCODE_NXDOMAIN] - before.rcode[RCODE_NXDOMAIN], 1);
    assert_int_equal(after->nodata - before.nodata, 1);
    assert_int_equal(after->truncated - before.truncated, 1);
    assert_int_equal(after->dropped - before.dropped, 1);
    assert_int_equal(after->ecs - before.ecs, 1);
    assert_int_equal(after->edns - before.edns, 1);
}

/* A batch says what its packets would get one by one. */
static void test_batch(void **state)
{
    static const char *const names[] = {"ns1.example.com.", "nope.example.com.", "example.net.",
                                        "big.example.com.", "mid.example.com.",  "example.com."};
    static uint8_t queries[ANSWER_BATCH][512], responses[ANSWER_BATCH][ANSWER_UDP_MAX];
    struct answer_packet batch[ANSWER_BATCH];
    struct served *s = *state;
    for (unsigned i = 0; i < ANSWER_BATCH; i++) {
        struct ask a = {.no_edns = i % 3 == 0, .flags = i % 7 == 6 ? FLAG_QR : 0};
        batch[i] = (struct answer_packet){
            .query = queries[i],
            .query_len = served_query(queries[i], names[i % ARRAY_LEN(names)], TYPE_A, &a),
            .response = responses[i],
            .response_max = ANSWER_UDP_MAX,
            .source = {{192, 0, 2, 1}, IP_V4},
        };
    }
    answer_batch(&s->ctx, s->snapshot, batch, ANSWER_BATCH);
    for (unsigned i = 0; i < ANSWER_BATCH; i++) {
        struct answer_packet one = batch[i];
        one.response = s->response;
        answer_batch(&s->ctx, s->snapshot, &one, 1);
        assert_int_equal(one.response_len, batch[i].response_len);
        assert_memory_equal(one.response, batch[i].response, one.response_len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags),          cmocka_unit_test(test_opcodes),
        cmocka_unit_test(test_classes),        cmocka_unit_test(test_chaos),
        cmocka_unit_test(test_edns),           cmocka_unit_test(test_nsid_not_configured),
        cmocka_unit_test(test_sizes),          cmocka_unit_test(test_size_limit_is_exact),
        cmocka_unit_test(test_broken_queries), cmocka_unit_test(test_counters),
        cmocka_unit_test(test_batch),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
