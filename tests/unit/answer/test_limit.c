/* SPDX-License-Identifier: Apache-2.0
 * Limits as clients and victims see them: floods of every kind of query, through answer_batch(),
 * with a clock of their own. */
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START_MS INT64_C(1700000000000)
#define HEADERS 28 /* IP and UDP; of IPv6 48, the more the less it is amplified */

static int setup(void **state)
{
    struct served *s = served_new();
    struct buf zone = {0};
    buf_puts(&zone, "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n@ 3600 NS ns1\n"
                    "ns1 3600 A 192.0.2.53\nwww 60 A 192.0.2.1\nwww 60 AAAA 2001:db8::1\n"
                    "sub 60 NS ns.sub\nns.sub 60 A 192.0.2.54\nsub 60 NS ns2.sub\n"
                    "ns2.sub 60 AAAA 2001:db8::54\nal 60 CNAME www\n");
    for (unsigned i = 0; i < 25; i++)
        buf_printf(&zone, "big 60 MX %u mail-exchanger-%u.example.net.\n", i, i);
    for (unsigned i = 0; i < 20; i++)
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

static void limit_as(struct served *s, struct server_config server)
{
    limiter_free(s->ctx.limit.limiter);
    s->ctx.limit = (struct limit){.limiter = NULL};
    s->ctx.stats = (struct answer_stats){.dropped = 0};
    served_limit(s, server);
}

/* A limiter that knows no one, with a quarter of the default allowance. */
static void limit(struct served *s, struct server_config server)
{
    server.rate_limit.bytes_per_second = 16 * 1024;
    server.rate_limit.burst = 32 * 1024;
    limit_as(s, server);
}

/* --- a stream of queries --- */

struct stream {
    const char *name;
    uint16_t type;
    struct ask ask;
    uint32_t per_second;
};

struct got {
    uint64_t sent, received; /* bytes on the wire: of the queries, of the answers */
    uint32_t n, full, truncated, badcookie, nothing;
};

static void count_answer(struct got *got, const struct answer_packet *p)
{
    got->n++;
    got->sent += p->query_len + HEADERS;
    if (p->response_len == 0) {
        got->nothing++;
        return;
    }
    got->received += p->response_len + HEADERS;
    unsigned flags = load_u16(p->response + 2);
    if (flags & FLAG_TC)
        got->truncated++;
    else if (p->response_len > p->query_len && (flags & 15) == 7) /* of BADCOOKIE's 23 */
        got->badcookie++;
    else
        got->full++;
}

/* Asks for `ms` milliseconds from `from` on, in steps of ten. Answers the last response in
 * s->response. */
static struct got run_stream(struct served *s, struct answer_ctx *ctx, const struct stream *stream,
                             int64_t from, int64_t ms)
{
    struct got got = {0};
    uint32_t len = served_query(s->query, stream->name, stream->type, &stream->ask);
    for (int64_t at = from; at < from + ms; at += 10) {
        answer_set_time(ctx, at);
        for (uint32_t i = 0; i < stream->per_second / 100; i++) {
            s->packet = (struct answer_packet){.query = s->query,
                                               .query_len = len,
                                               .response = s->response,
                                               .response_max = ANSWER_UDP_MAX};
            assert_int_equal(ip_parse(&s->packet.source, stream->ask.source), 0);
            answer_batch(ctx, s->snapshot, &s->packet, 1);
            count_answer(&got, &s->packet);
        }
    }
    return got;
}

/* For a quarter of the allowance that is the default, to be quick. */
static const struct stream floods[] = {
    {"big.example.com.", TYPE_MX, {.source = "203.0.113.5"}, 1250},
    {"big.example.com.", TYPE_MX, {.source = "203.0.113.5", .udp_size = 4096}, 100},
    {"big.example.com.", TYPE_MX, {.source = "203.0.113.5", .udp_size = 4096}, 12500},
    {"big.example.com.", TYPE_MX, {.source = "2001:db8:7::5", .udp_size = 4096}, 1250},
    {"big.example.com.", TYPE_MX, {.source = "203.0.113.5", .cookie = 8}, 1250},
    {"big.example.com.", TYPE_MX, {.source = "203.0.113.5", .cookie = 24}, 1250},
    {"big.example.com.", TYPE_MX, {.source = "203.0.113.5", .cookie = 40}, 1250},
    {"big.example.com.", TYPE_MX, {.source = "203.0.113.5", .nsid = true}, 1250},
    {"big.example.com.", TYPE_MX, {.source = "203.0.113.5", .subnet = "192.0.2.0/24"}, 1250},
    {"mid.example.com.", TYPE_A, {.source = "203.0.113.5", .no_edns = true}, 1250},
    {"www.example.com.", TYPE_A, {.source = "203.0.113.5", .no_edns = true}, 7500},
    {"www.example.com.", TYPE_AAAA, {.source = "203.0.113.5"}, 7500},
    {"www.example.com.", TYPE_A, {.source = "203.0.113.5", .cookie = 8}, 7500},
    {"www.example.com.", TYPE_TXT, {.source = "203.0.113.5"}, 2500},
    {"www.example.com.", TYPE_ANY, {.source = "203.0.113.5"}, 7500},
    {"al.example.com.", TYPE_A, {.source = "203.0.113.5"}, 5000},
    {"nope.example.com.", TYPE_A, {.source = "203.0.113.5"}, 2500},
    {"x.sub.example.com.", TYPE_A, {.source = "203.0.113.5"}, 2500},
    {"example.com.", TYPE_SOA, {.source = "203.0.113.5"}, 2500},
    {"example.net.", TYPE_A, {.source = "203.0.113.5", .no_edns = true}, 5000},
    {"example.net.", TYPE_A, {.source = "203.0.113.5"}, 25000},
    {"id.server.", TYPE_TXT, {.source = "203.0.113.5", .qclass = CLASS_CH}, 7500},
    {"www.example.com.", TYPE_A, {.source = "203.0.113.5", .flags = 2 << 11}, 25000},
};

/* After the first second a victim gets no more than the spoofer sends, of whatever he asks. */
static void test_floods(void **state)
{
    struct served *s = *state;
    for (unsigned i = 0; i < ARRAY_LEN(floods); i++) {
        limit(s, (struct server_config){.workers = 1});
        run_stream(s, &s->ctx, &floods[i], START_MS, 1000);
        for (unsigned k = 0; k < 3; k++) {
            struct got got = run_stream(s, &s->ctx, &floods[i], START_MS + 1000 + k * 4000, 4000);
            if (got.received > got.sent)
                fail_msg("flood %u: %lu bytes for %lu", i, got.received, got.sent);
        }
    }
}

/* The same when its packets are spread over the threads of several workers. */
static void test_spread(void **state)
{
    struct served *s = *state;
    limit(s, (struct server_config){.workers = 4});
    struct answer_ctx *workers = xcalloc(4, sizeof *workers);
    struct got sum = {0};
    for (unsigned k = 0; k < 4; k++) {
        workers[k].rng.state = k;
        workers[k].limit = (struct limit){.limiter = s->ctx.limit.limiter, .draw = k};
    }
    for (int64_t ms = 0; ms < 11000; ms += 10) {
        for (unsigned k = 0; k < 4; k++) {
            struct stream part = floods[0];
            part.per_second = 100; /* each alone would take its time to be limited */
            struct got got = run_stream(s, &workers[k], &part, START_MS + ms, 10);
            if (ms < 1000)
                continue;
            sum.sent += got.sent;
            sum.received += got.received;
        }
    }
    free(workers);
    assert_true(sum.received <= sum.sent);
}

/* Not limited: what an honest resolver does, however its queries come. */
static void test_honest(void **state)
{
    static const struct stream honest[] = {
        {"www.example.com.", TYPE_A, {.source = "203.0.113.5"}, 5000},
        {"www.example.com.", TYPE_A, {.source = "203.0.113.5", .no_edns = true}, 5000},
        {"www.example.com.", TYPE_A, {.source = "203.0.113.5", .subnet = "192.0.2.0/24"}, 5000},
        {"www.example.com.", TYPE_A, {.source = "203.0.113.5", .nsid = true}, 5000},
        {"www.example.com.", TYPE_AAAA, {.source = "2001:db8::5"}, 5000},
        {"ns1.example.com.", TYPE_A, {.source = "203.0.113.5"}, 10000},
        {"www.example.com.", TYPE_A, {.source = "203.0.113.5", .cookie = 8}, 4000},
        {"nope.example.com.", TYPE_A, {.source = "203.0.113.5"}, 700},
        {"big.example.com.", TYPE_MX, {.source = "203.0.113.5", .udp_size = 4096}, 50},
    };
    struct served *s = *state;
    for (unsigned i = 0; i < ARRAY_LEN(honest); i++) {
        limit_as(s, (struct server_config){.workers = 1});
        struct got got = run_stream(s, &s->ctx, &honest[i], START_MS, 10000);
        if (got.nothing || got.badcookie)
            fail_msg("stream %u: %u of %u not answered", i, got.nothing + got.badcookie, got.n);
        for (unsigned k = 0; k < ARRAY_LEN(s->ctx.stats.limited); k++)
            assert_int_equal(s->ctx.stats.limited[k], 0);
    }
}

/* A second stream beside the flood of the first one's network or another's. */
static struct got beside_flood(struct served *s, const struct stream *other)
{
    struct got sum = {0};
    for (int64_t ms = 0; ms < 3000; ms += 10) {
        run_stream(s, &s->ctx, &floods[0], START_MS + ms, 10);
        struct got got = run_stream(s, &s->ctx, other, START_MS + ms, 10);
        sum.n += got.n;
        sum.full += got.full;
        sum.truncated += got.truncated;
        sum.badcookie += got.badcookie;
        sum.nothing += got.nothing;
    }
    return sum;
}

static void test_other_networks(void **state)
{
    static const struct stream others[] = {
        {"www.example.com.", TYPE_A, {.source = "203.0.112.5"}, 800},
        {"www.example.com.", TYPE_AAAA, {.source = "2001:db8:7:100::5"}, 1000},
        {"nope.example.com.", TYPE_A, {.source = "192.0.2.5"}, 100},
    };
    struct served *s = *state;
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        limit(s, (struct server_config){.workers = 1});
        struct got got = beside_flood(s, &others[i]);
        assert_int_equal(got.full, got.n);
    }
}

static void test_victims_own_clients(void **state)
{
    struct served *s = *state;
    limit(s, (struct server_config){.workers = 1});
    /* Without a cookie one in two is told to come by TCP. */
    struct stream client = {"www.example.com.", TYPE_A, {.source = "203.0.113.77"}, 1000};
    struct got got = beside_flood(s, &client);
    assert_in_range(got.truncated, got.n * 45 / 100, got.n * 52 / 100);
    assert_true(got.full < got.n / 20);
    /* With a client cookie, to take a server cookie: */
    client.ask.cookie = 8;
    got = beside_flood(s, &client);
    assert_in_range(got.badcookie, got.n * 45 / 100, got.n * 52 / 100);
    assert_int_equal(got.truncated, 0);
    /* with which it is answered. */
    client.ask.cookie = COOKIE_LEN;
    client.ask.cookie_bytes = served_cookie(s, client.ask.source);
    got = beside_flood(s, &client);
    assert_int_equal(got.full, got.n);
    assert_int_equal(s->ctx.stats.cookies[COOKIE_VALID], got.n);
    /* What is no longer than the query is sent in any case. */
    client =
        (struct stream){"example.net.", TYPE_A, {.source = "203.0.113.77", .no_edns = true}, 1000};
    got = beside_flood(s, &client);
    assert_int_equal(got.full, got.n);
    client.ask = (struct ask){.source = "203.0.113.77", .tcp = true};
    client.name = "big.example.com.";
    client.type = TYPE_MX;
    for (unsigned i = 0; i < 200; i++) {
        served_ask(s, client.name, "MX", client.ask);
        assert_true(s->packet.response_len > 800);
    }
}

/* What is sent in the place of an answer. */
static void test_kept_back(void **state)
{
    static const struct {
        struct ask ask;
        const char *said;
    } of[] = {
        {{.no_edns = true}, "NOERROR tc | | |"},
        {{.udp_size = 1232}, "NOERROR tc | | | | edns 1232"},
        {{.nsid = true, .dnssec_ok = true}, "NOERROR tc | | | | edns 1232 do"},
        {{.subnet = "192.0.2.0/24"}, "NOERROR tc | | | | edns 1232 ecs /24/0"},
        {{.cookie = 8}, "BADCOOKIE | | | | edns 1232 cookie 24"},
        {{.cookie = 24}, "BADCOOKIE | | | | edns 1232 cookie 24"},
        {{.cookie = 8, .subnet = "192.0.2.0/24", .nsid = true},
         "BADCOOKIE | | | | edns 1232 ecs /24/0 cookie 24"},
    };
    struct served *s = *state;
    for (unsigned i = 0; i < ARRAY_LEN(of); i++) {
        limit(s, (struct server_config){.workers = 1, .rate_limit.slip = 1});
        run_stream(s, &s->ctx, &floods[0], START_MS, 500);
        struct ask ask = of[i].ask;
        ask.source = "203.0.113.9";
        assert_string_equal(served_ask(s, "mid.example.com.", "A", ask), of[i].said);
        if (!ask.cookie)
            assert_true(s->packet.response_len <= s->packet.query_len);
    }
}

static void test_slip(void **state)
{
    struct served *s = *state;
    for (uint32_t slip = 0; slip <= 10; slip++) {
        limit(s, (struct server_config){.workers = 1, .rate_limit.slip = slip});
        s->snapshot->limits.rate.slip = slip;
        run_stream(s, &s->ctx, &floods[0], START_MS, 500);
        struct got got = run_stream(s, &s->ctx, &floods[0], START_MS + 500, 4000);
        assert_int_equal(got.full, 0);
        uint32_t share = slip ? got.n / slip : 0, off = slip > 1 ? got.n / 50 : 0;
        assert_in_range(got.truncated, share - off, share + off);
    }
}

/* However often one is asked for, also of a context that has answered before. */
static void test_explanations_charge_nobody(void **state)
{
    struct served *s = *state;
    struct answer_trace trace;
    limit(s, (struct server_config){.workers = 1});
    run_stream(s, &s->ctx, &floods[0], START_MS, 10);
    uint64_t network = limiter_network(&s->packet.source);
    uint32_t before = limiter_level(s->ctx.limit.limiter, network, s->ctx.limit.tick);
    for (unsigned i = 0; i < 3 * ANSWER_BATCH; i++) {
        answer_explain(&s->ctx, s->snapshot, &s->packet, &trace);
        assert_true(s->packet.response_len > s->packet.query_len);
        assert_int_equal(s->ctx.limit.n_charges, 0);
    }
    assert_int_equal(limiter_level(s->ctx.limit.limiter, network, s->ctx.limit.tick), before);
}

static void test_log_only_and_off(void **state)
{
    struct served *s = *state;
    limit(s, (struct server_config){.workers = 1, .rate_limit.log_only = true});
    struct got got = run_stream(s, &s->ctx, &floods[0], START_MS, 1000);
    assert_int_equal(got.full, got.n);
    uint64_t would = s->ctx.stats.would_limit[1] + s->ctx.stats.would_limit[2];
    assert_true(would > got.n * 9 / 10 && would <= got.n);
    assert_int_equal(s->ctx.stats.limited[1] + s->ctx.stats.limited[2], 0);
    limit(s, (struct server_config){.workers = 1, .rate_limit.off = true});
    got = run_stream(s, &s->ctx, &floods[0], START_MS, 1000);
    assert_int_equal(got.full, got.n);
    limit(s, (struct server_config){.workers = 1, .cookies.off = true, .rate_limit.slip = 1});
    served_ask(s, "www.example.com.", "A", (struct ask){.cookie = 8});
    assert_string_equal(served_said(s),
                        "NOERROR aa | www.example.com. 60 IN A 192.0.2.1 | | | edns 1232");
}

/* In a flood that many networks share, each below its allowance, who sends a cookie is asked for a
 * server cookie, and no one is dropped. */
static void test_crowd(void **state)
{
    struct served *s = *state;
    limit(s, (struct server_config){.workers = 1});
    char source[16];
    struct stream flood = floods[0];
    flood.ask.source = source;
    flood.per_second = 100;
    for (unsigned i = 0; i < 30000; i++) {
        snprintf(source, sizeof source, "10.%u.%u.1", i / 256 % 256, i % 256);
        assert_int_equal(run_stream(s, &s->ctx, &flood, START_MS + i / 60, 10).nothing, 0);
    }
    struct ask ask = {.source = "192.0.2.7", .cookie = 8};
    assert_string_equal(served_ask(s, "www.example.com.", "A", ask),
                        "BADCOOKIE | | | | edns 1232 cookie 24");
    ask.cookie = COOKIE_LEN;
    ask.cookie_bytes = served_cookie(s, ask.source);
    assert_string_equal(
        served_ask(s, "www.example.com.", "A", ask),
        "NOERROR aa | www.example.com. 60 IN A 192.0.2.1 | | | edns 1232 cookie 24");
    ask.cookie = 0;
    assert_string_equal(served_ask(s, "www.example.com.", "A", ask),
                        "NOERROR aa | www.example.com. 60 IN A 192.0.2.1 | | | edns 1232");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_floods),
        TEST(test_spread),
        TEST(test_honest),
        TEST(test_other_networks),
        TEST(test_victims_own_clients),
        TEST(test_kept_back),
        TEST(test_slip),
        TEST(test_log_only_and_off),
        TEST(test_explanations_charge_nobody),
        TEST(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
