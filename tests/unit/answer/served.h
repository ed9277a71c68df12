/* SPDX-License-Identifier: Apache-2.0
 * Zones and pools made by hand, compiled, and asked: for tests of the compiler and of answering.
 *
 * A zone is text, one record a line, `OWNER TTL TYPE RDATA`, names relative to the zone; type POOL
 * names a pool by its number in the world (`POOL 0`), or `0/1`: the second of its sites;
 * `answers=N` may follow; a TTL of 0 is none. Responses come back as one line of text:
 *
 *     RCODE flags | answer RRs; ... | authority RRs | additional RRs | edns... */
#pragma once

#include "answer/answer.h"
#include "base/buf.h"
#include "compile/limits.h"
#include "compile/zones.h"
#include "dns/name.h"
#include "dns/rr.h"
#include "dns/types.h"
#include "tests/unit/compile/world.h"

#include <ctype.h>
#include <ldns/ldns.h>

#define SERVED_ZONES 8
#define TYPE_POOL 65281 /* for the text of the tests only */

struct served {
    struct world *w;
    struct zone zones[SERVED_ZONES];
    struct geo geo;
    struct place nowhere;
    struct steerings steerings;
    struct snapshot *snapshot;
    struct diags diags;
    struct answer_ctx ctx;
    struct answer_trace trace;
    struct buf said;
    uint8_t query[4096], response[65535];
    struct answer_packet packet; /* of the last question */
};

static inline struct served *served_new(void)
{
    struct served *s = xcalloc(1, sizeof *s);
    s->w = world_new(WORLD_SITES);
    s->w->model.zones = s->zones;
    diags_init(&s->diags);
    s->ctx.rng.state = 42;
    s->ctx.now_s = 1000;
    return s;
}

static inline void served_free(struct served *s)
{
    snapshot_free(s->snapshot);
    if (s->geo.base)
        trie_free(s->geo.base);
    diags_free(&s->diags);
    buf_free(&s->said);
    limiter_free(s->ctx.limit.limiter);
    world_free(s->w);
    free(s);
}

static inline struct slice served_name(struct served *s, const char *text, struct slice origin)
{
    uint8_t wire[NAME_WIRE_MAX];
    int n = name_from_text(wire, text, strlen(text), origin);
    if (n < 0)
        abort();
    return slice_of(arena_copy(s->w->arena, wire, (size_t)n), (size_t)n);
}

static inline const uint8_t *served_owner(struct served *s, struct slice name)
{
    uint8_t lower[NAME_WIRE_MAX];
    name_lower(lower, name);
    return arena_copy(s->w->arena, lower, name.n);
}

static inline void served_line(struct served *s, struct zone *zone, char *line, uint32_t number)
{
    char *at = line, *owner = strsep(&at, " "), *ttl = strsep(&at, " "), *type = strsep(&at, " ");
    struct slice name = served_name(s, owner, zone->origin), rdata;
    if (strcmp(type, "POOL") == 0) {
        struct pool_name *p =
            (struct pool_name *)(uintptr_t)&zone->pool_names[zone->n_pool_names++];
        const char *slash = strchr(at, '/'), *answers = strstr(at, "answers=");
        *p = (struct pool_name){.owner = served_owner(s, name),
                                .owner_len = (uint8_t)name.n,
                                .pool = (uint32_t)atoi(at),
                                .site = slash ? (uint32_t)atoi(slash + 1) + 1 : 0,
                                .has_ttl = strcmp(ttl, "0") != 0,
                                .ttl = {(uint32_t)atoi(ttl), (uint32_t)atoi(ttl)},
                                .answers = answers ? (uint32_t)atoi(answers + 8) : 0,
                                .span = {zone->span.file, number, 1}};
        if (slash)
            s->w->named[p->pool][p->site - 1] = true;
        return;
    }
    const char *why;
    int number_of_type = rr_type_from_text(type, strlen(type));
    if (number_of_type < 0 || rr_rdata_from_text(&rdata, s->w->arena, (uint16_t)number_of_type, at,
                                                 zone->origin, &why) != 0)
        abort();
    struct record *r = (struct record *)(uintptr_t)&zone->records[zone->n_records++];
    *r = (struct record){.owner = served_owner(s, name),
                         .owner_len = (uint8_t)name.n,
                         .rdata = rdata.p,
                         .rdlen = (uint16_t)rdata.n,
                         .ttl_s = (uint32_t)atoi(ttl),
                         .type = (uint16_t)number_of_type,
                         .line = number,
                         .column = 1};
}

static inline void served_zone(struct served *s, const char *origin, const char *text)
{
    struct zone *zone = &s->zones[s->w->model.n_zones++];
    size_t lines = 1;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    zone->origin = served_name(s, origin, slice_of("", 0));
    zone->origin.p = served_owner(s, zone->origin);
    zone->span = (struct span){arena_strdup(s->w->arena, origin), 1, 1};
    zone->records = arena_calloc(s->w->arena, lines, sizeof *zone->records);
    zone->pool_names = arena_calloc(s->w->arena, lines, sizeof *zone->pool_names);
    char *copy = arena_strdup(s->w->arena, text), *line;
    for (uint32_t number = 1; (line = strsep(&copy, "\n")); number++) {
        if (*line)
            served_line(s, zone, line, number);
    }
}

static inline void served_pools(struct served *s)
{
    const struct model *m = &s->w->model;
    if (!s->geo.base) {
        s->nowhere.site = MODEL_NONE;
        s->geo = (struct geo){
            .arena = s->w->arena, .base = trie_new(0), .places = &s->nowhere, .n_places = 1};
    }
    const struct steer_memory memory = {.alone_bytes = UINT64_MAX};
    if (steer_compile(&s->steerings, s->w->arena, m, &s->geo, &memory, &s->diags) != 0)
        abort();
    s->snapshot->n_pools = m->n_pools;
    s->snapshot->pools = arena_calloc(s->snapshot->arena, m->n_pools, sizeof *s->snapshot->pools);
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct pool *pool = &m->pools[i];
        struct pool_slot *slot = &s->snapshot->pools[i];
        const struct steering *steering = &s->steerings.v[s->steerings.of_pool[i]];
        slot->clients = steering->clients;
        slot->pick = (uint8_t)pool->pick;
        slot->ttl_min_s = pool->ttl.min_s;
        slot->ttl_max_s = pool->ttl.max_s;
        slot->answers = pool->answers;
        slot->is_cname = pool->is_cname;
        slot->view = verdict_compile(m, steering, i, s->w->states);
    }
}

/* Compiles what was added. Returns what zones_compile() does. */
static inline int served_compile(struct served *s)
{
    s->snapshot = snapshot_new();
    s->snapshot->ecs = true;
    s->snapshot->identity = slice_str("ams1");
    s->snapshot->version = slice_str("Loadstar");
    s->ctx.keepalive_100ms = 100;
    int err = zones_compile(s->snapshot, &s->w->model, NULL, &s->diags);
    if (err == 0)
        served_pools(s);
    return err;
}

/* Limits by client network and cookies, as configured; what is 0 becomes the default of the
 * configuration. Time stands still unless answer_set_time() is called. */
static inline void served_limit(struct served *s, struct server_config server)
{
    if (!server.rate_limit.bytes_per_second)
        server.rate_limit.bytes_per_second = 64 * 1024;
    if (!server.rate_limit.burst)
        server.rate_limit.burst = 128 * 1024;
    if (!server.rate_limit.slip)
        server.rate_limit.slip = 2;
    server.workers = server.workers ? server.workers : 1;
    limits_compile(&s->snapshot->limits, s->snapshot->arena, &server);
    if (!s->ctx.limit.limiter)
        s->ctx.limit.limiter = limiter_new();
    s->ctx.limit.draw = 43;
    answer_set_time(&s->ctx, 1700000000000);
}

/* --- asking --- */

struct ask {
    bool tcp, dnssec_ok, nsid, keepalive, no_edns, explain;
    const char *subnet; /* ECS: ADDRESS/LENGTH, bits past the length allowed */
    unsigned udp_size;  /* 0: 1232 */
    unsigned qclass, flags, version;
    const char *source;          /* default 192.0.2.250 */
    uint8_t cookie;              /* length of a COOKIE; 0: none */
    const uint8_t *cookie_bytes; /* of it; NULL: 1, 2, ... */
};

static inline uint32_t served_opt(uint8_t *p, const struct ask *a)
{
    struct writer w = writer_of(p, 512);
    writer_u8(&w, 0);
    writer_u16(&w, TYPE_OPT);
    writer_u16(&w, (uint16_t)(a->udp_size ? a->udp_size : 1232));
    writer_u32(&w, a->version << 16 | (a->dnssec_ok ? 0x8000u : 0));
    uint8_t *len = writer_take(&w, 2);
    if (a->nsid)
        writer_u32(&w, EDNS_NSID << 16);
    if (a->keepalive)
        writer_u32(&w, EDNS_TCP_KEEPALIVE << 16);
    if (a->cookie) {
        writer_u16(&w, EDNS_COOKIE);
        writer_u16(&w, a->cookie);
        for (uint8_t i = 0; i < a->cookie; i++)
            writer_u8(&w, a->cookie_bytes ? a->cookie_bytes[i] : (uint8_t)(i + 1));
    }
    if (a->subnet) {
        struct ip_prefix prefix;
        if (ip_prefix_parse(&prefix, a->subnet) != 0)
            abort();
        unsigned bytes = (prefix.len + 7u) / 8;
        writer_u16(&w, EDNS_CLIENT_SUBNET);
        writer_u16(&w, (uint16_t)(4 + bytes));
        writer_u16(&w, prefix.addr.family == IP_V4 ? 1 : 2);
        writer_u8(&w, prefix.len);
        writer_u8(&w, 0);
        writer_bytes(&w, prefix.addr.b, bytes);
    }
    store_u16(len, (uint16_t)(w.p - len - 2));
    return (uint32_t)(w.p - p);
}

static inline uint32_t served_query(uint8_t *p, const char *name, uint16_t type,
                                    const struct ask *a)
{
    uint8_t qname[NAME_WIRE_MAX];
    int n = name_from_text(qname, name, strlen(name), slice_of("", 1));
    if (n < 0)
        abort();
    struct writer w = writer_of(p, 512);
    writer_u16(&w, 0x1234);
    writer_u16(&w, (uint16_t)a->flags);
    writer_u16(&w, 1);
    writer_u32(&w, 0);
    writer_u16(&w, a->no_edns ? 0 : 1);
    writer_bytes(&w, qname, (size_t)n);
    writer_u16(&w, type);
    writer_u16(&w, (uint16_t)(a->qclass ? a->qclass : CLASS_IN));
    return (uint32_t)(w.p - p) + (a->no_edns ? 0 : served_opt(w.p, a));
}

/* Sends what is in s->query. */
static inline void served_send(struct served *s, uint32_t len, const struct ask *a)
{
    s->packet = (struct answer_packet){
        .query = s->query,
        .query_len = len,
        .response = s->response,
        .response_max = a->tcp ? 65535 : ANSWER_UDP_MAX,
        .tcp = a->tcp,
    };
    if (ip_parse(&s->packet.source, a->source ? a->source : "192.0.2.250") != 0)
        abort();
    memset(s->response, 0xee, sizeof s->response);
    struct limiter *limiter = s->ctx.limit.limiter;
    s->ctx.limit.limiter = a->tcp ? NULL : limiter; /* as with the contexts of TCP */
    if (a->explain)
        answer_explain(&s->ctx, s->snapshot, &s->packet, &s->trace);
    else
        answer_batch(&s->ctx, s->snapshot, &s->packet, 1);
    s->ctx.limit.limiter = limiter;
}

static inline void served_section(struct buf *out, const ldns_rr_list *list)
{
    buf_puts(out, " |");
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        char *text = ldns_rr2str(ldns_rr_list_rr(list, i));
        for (char *p = text; *p; p++) {
            if (isspace((unsigned char)*p))
                *p = p[1] ? ' ' : '\0';
        }
        buf_printf(out, "%s%s", i ? "; " : " ", text);
        free(text);
    }
}

static inline void served_edns(struct buf *out, const ldns_pkt *pkt)
{
    if (!ldns_pkt_edns(pkt))
        return;
    buf_printf(out, " | edns %u%s", ldns_pkt_edns_udp_size(pkt),
               ldns_pkt_edns_do(pkt) ? " do" : "");
    const ldns_rdf *data = ldns_pkt_edns_data(pkt);
    size_t n = data ? ldns_rdf_size(data) : 0;
    const uint8_t *p = data ? ldns_rdf_data(data) : NULL;
    for (size_t at = 0; at + 4 <= n; at += 4u + load_u16(p + at + 2)) {
        unsigned code = load_u16(p + at), len = load_u16(p + at + 2);
        if (code == EDNS_CLIENT_SUBNET)
            buf_printf(out, " ecs /%u/%u", p[at + 6], p[at + 7]);
        else if (code == EDNS_NSID)
            buf_printf(out, " nsid %.*s", (int)len, (const char *)p + at + 4);
        else if (code == EDNS_TCP_KEEPALIVE)
            buf_printf(out, " keepalive %u", load_u16(p + at + 4));
        else if (code == EDNS_ERROR)
            buf_printf(out, " ede %u", load_u16(p + at + 4));
        else if (code == EDNS_COOKIE)
            buf_printf(out, " cookie %u", len);
        else
            buf_printf(out, " option %u", code);
    }
}

/* A cookie of 24 bytes that is good for this source. */
static inline const uint8_t *served_cookie(struct served *s, const char *source)
{
    static struct cookie cookie;
    static const uint8_t client[COOKIE_CLIENT_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct ip ip;
    if (ip_parse(&ip, source) != 0)
        abort();
    cookie_judge(&cookie, &s->snapshot->limits.cookies, client, sizeof client, &ip, s->ctx.now_s);
    return cookie.bytes;
}

/* The last response as text. */
static inline const char *served_said(struct served *s)
{
    s->said.n = 0;
    ldns_pkt *pkt = NULL;
    if (s->packet.response_len == 0)
        return "nothing";
    ldns_status status = ldns_wire2pkt(&pkt, s->response, s->packet.response_len);
    if (status != LDNS_STATUS_OK)
        return ldns_get_errorstr_by_id(status);
    unsigned rcode = ldns_pkt_get_rcode(pkt) | (unsigned)ldns_pkt_edns_extended_rcode(pkt) << 4;
    buf_printf(&s->said, "%s%s%s%s", rcode_text(rcode), ldns_pkt_aa(pkt) ? " aa" : "",
               ldns_pkt_tc(pkt) ? " tc" : "", ldns_pkt_rd(pkt) ? " rd" : "");
    served_section(&s->said, ldns_pkt_answer(pkt));
    served_section(&s->said, ldns_pkt_authority(pkt));
    served_section(&s->said, ldns_pkt_additional(pkt));
    served_edns(&s->said, pkt);
    ldns_pkt_free(pkt);
    return s->said.p;
}

static inline const char *served_ask(struct served *s, const char *name, const char *type,
                                     struct ask a)
{
    int number = rr_type_from_text(type, strlen(type));
    if (number < 0)
        abort();
    served_send(s, served_query(s->query, name, (uint16_t)number, &a), &a);
    return served_said(s);
}
