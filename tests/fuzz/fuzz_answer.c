/* SPDX-License-Identifier: Apache-2.0
 * Query packets answered out of a zone with every shape of name, and pools: the response is whole,
 * within its limit, readable by ldns, and echoes what it must.
 *
 * The first byte of the input is the circumstances: transport, family of the source, explained or
 * not, whether the source's network is over its allowance, buffer size. */
#include "base/diag.h"
#include "dns/query.h"
#include "fuzz.h"
#include "tests/unit/answer/served.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200 X50 X50 X50 X50

static const char zone[] = "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n"
                           "@ 3600 NS ns1\n"
                           "@ 3600 MX 10 mail\n"
                           "@ 30 POOL 0\n"
                           "ns1 3600 A 192.0.2.53\n"
                           "mail 300 A 192.0.2.25\n"
                           "a.ent 300 TXT x\n"
                           "*.w 300 TXT wild\n"
                           "*.cw 300 CNAME mail\n"
                           "*.pw 30 POOL 1\n"
                           "al 300 CNAME mail\n"
                           "al2 300 CNAME al\n"
                           "dyn 300 CNAME p\n"
                           "l1 300 CNAME x.l2\n"
                           "l2 300 DNAME l3\n"
                           "l3 300 DNAME l2\n"
                           "sub 600 NS ns1.sub\n"
                           "ns1.sub 600 A 192.0.2.54\n"
                           "ch 600 NS ns.ch\n"
                           "ns.ch 600 A 192.0.2.99\n"
                           "mv 400 DNAME t\n"
                           "x.t 300 A 192.0.2.70\n"
                           "ring 400 DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.ring\n"
                           "p 30 POOL 0\n"
                           "c 30 POOL 2\n"
                           "f 30 POOL 3\n"
                           "big 300 TXT 0" X200 "\n"
                           "big 300 TXT 1" X200 "\n"
                           "big 300 TXT 2" X200 "\n"
                           "big 300 TXT 3" X200 "\n"
                           "big 300 TXT 4" X200 "\n"
                           "big 300 TXT 5" X200 "\n"
                           "big 300 TXT 6" X200 "\n"
                           "big 300 TXT 7" X200 "\n"
                           "u 300 TYPE65400 \\# 3 010203\n";

static const char child[] = "@ 3600 SOA ns hostmaster 9 3600 900 604800 30\n"
                            "@ 3600 NS ns\n"
                            "ns 3600 A 192.0.2.99\n"
                            "www 3600 A 192.0.2.98\n";

/* Clients of two networks go to other sites than the rest, so that there is a client table. */
static void add_map(struct world *w)
{
    static const uint32_t order[2][3] = {{1, 0, 2}, {2, 1, 0}};
    static const char *const networks[2] = {"192.0.2.0/25", "2001:db8:102::/40"};
    static struct map_entry entries[2];
    for (int i = 0; i < 2; i++) {
        if (ip_prefix_parse(&entries[i].network, networks[i]) == E_SYNTAX)
            abort();
        entries[i].sites = (struct u32_list){order[i], 3};
    }
    w->maps[0].default_sites = (struct u32_list){order[0] + 1, 2};
    w->maps[0].networks = (struct map_entries){entries, 2};
    w->model.n_maps = 1;
}

static void add_pools(struct world *w)
{
    struct pool *pool = world_pool(w);
    pool->steer = STEER_MAP;
    for (uint32_t site = 0; site < 3; site++) {
        world_site(w, site);
        for (uint32_t i = 0; i < 4; i++)
            world_endpoint(w, i % 2 ? IP_V4 : IP_V6, 1 + i);
    }
    pool = world_pool(w);
    pool->pick = PICK_STICKY;
    pool->answers = 2;
    world_site(w, 0);
    for (uint32_t i = 0; i < 5; i++)
        world_endpoint(w, IP_V4, 1);
    world_pool(w);
    world_site(w, 1);
    world_endpoint(w, IP_NONE, 1);
    pool = world_pool(w);
    pool->on_all_down = ALL_DOWN_FALLBACK;
    pool->fallback = 0;
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1)->health = HEALTH_DOWN;
}

static struct served *serve(void)
{
    struct served *s = served_new();
    add_map(s->w);
    add_pools(s->w);
    served_zone(s, "z.", zone);
    served_zone(s, "ch.z.", child);
    if (served_compile(s) != 0) {
        diags_print(&s->diags, stderr);
        abort();
    }
    served_limit(s, (struct server_config){.rate_limit.slip = 1});
    return s;
}

static void check_rcode(const struct query *q, unsigned rcode, bool limited)
{
    if (limited && (rcode == RCODE_BADCOOKIE || rcode == RCODE_NOERROR))
        return;
    if (q->rcode == QUERY_COOKIE_ONLY)
        CHECK(rcode == RCODE_NOERROR || rcode == RCODE_BADCOOKIE);
    else if (q->rcode == RCODE_NOTAUTH)
        CHECK(rcode == RCODE_NOTAUTH || rcode == RCODE_FORMERR);
    else
        CHECK(q->rcode == RCODE_NOERROR || rcode == q->rcode);
}

/* The source's network is over its allowance, or has been sent nothing. */
static void press(struct served *s, const struct ip *source, bool over)
{
    const struct rate_policy *policy = &s->snapshot->limits.rate;
    struct limiter *l = s->ctx.limit.limiter;
    uint64_t network = limiter_network(source);
    s->ctx.now_ms += policy->span_ms * 20;
    uint32_t tick = limiter_tick(policy, s->ctx.now_ms);
    if (!over)
        return;
    limiter_charge(l, policy, limiter_prefetch(l, network), UINT32_MAX / 2, tick);
    limiter_press(l, policy, network, s->ctx.now_ms);
}

static void check_response(const struct query *q, const struct answer_packet *packet, bool limited)
{
    const uint8_t *response = packet->response;
    uint32_t limit = packet->response_max;
    if (!packet->tcp && q->udp_size < limit)
        limit = q->udp_size;
    CHECK(packet->response_len >= DNS_HEADER_LEN + q->question_len);
    CHECK(packet->response_len <= limit);
    CHECK(memcmp(response, packet->query, 2) == 0);
    unsigned flags = load_u16(response + 2);
    CHECK((flags & FLAG_QR) && !(flags & (FLAG_RA | FLAG_AD | FLAG_CD)));
    CHECK((flags & FLAG_RD) == (q->flags & FLAG_RD));
    CHECK(load_u16(response + 4) == (q->question_len != 0));
    CHECK(memcmp(response + DNS_HEADER_LEN, packet->query + DNS_HEADER_LEN, q->question_len) == 0);
    CHECK(!(flags & FLAG_TC) || load_u16(response + 6) == 0);

    ldns_pkt *pkt;
    CHECK(ldns_wire2pkt(&pkt, response, packet->response_len) == LDNS_STATUS_OK);
    CHECK(ldns_pkt_edns(pkt) == q->edns);
    unsigned rcode = ldns_pkt_get_rcode(pkt) | (unsigned)ldns_pkt_edns_extended_rcode(pkt) << 4;
    check_rcode(q, rcode, limited);
    CHECK(!limited || q->cookie_len || packet->response_len <= packet->query_len);
    ldns_pkt_free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct served *s;
    static struct query q;
    static struct limiter *limiter;
    if (!s)
        s = serve();
    limiter = limiter ? limiter : s->ctx.limit.limiter;
    s->ctx.limit.limiter = limiter;
    if (n < 1 || n > UINT16_MAX)
        return 0;
    uint8_t how = data[0];
    struct answer_packet packet = {
        .query = data + 1,
        .query_len = (uint32_t)n - 1,
        .response_max = how & 1 ? 65535 : ANSWER_UDP_MAX + (how >> 4) * 100u,
        .source = {.family = how & 2 ? IP_V6 : IP_V4, .b = {192, 0, 2, how}},
        .tcp = how & 1,
    };
    packet.response = malloc(packet.response_max); /* its end is seen by AddressSanitizer */
    bool limited = (how & 13) == 8;
    press(s, &packet.source, limited);
    s->ctx.limit.limiter = how & 1 ? NULL : limiter;
    if (how & 4)
        answer_explain(&s->ctx, s->snapshot, &packet, &s->trace);
    else
        answer_batch(&s->ctx, s->snapshot, &packet, 1);
    bool answerable = query_parse(&q, packet.query, packet.query_len);
    CHECK(answerable == (packet.response_len != 0));
    if (answerable)
        check_response(&q, &packet, limited);
    free(packet.response);
    return 0;
}
