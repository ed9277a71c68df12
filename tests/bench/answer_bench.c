/* SPDX-License-Identifier: Apache-2.0
 * Replays query mixes through answer_batch() alone and prints nanoseconds of CPU per query.
 *
 *     answer_bench [-n QUERIES] [-z NAMES] [-b BATCH] [-o] [MIX...]
 *
 * Answers are limited by client network with the defaults of the configuration, unless -o.
 *
 * Mixes: static nx cname geo ecs4 ecs6 weighted several (3 of 24 by weight) geow sticky, and cookie
 * (static, each query with a cookie of ours), newcookie (with a client cookie alone). One zone
 * holds NAMES names: half of them have an address, a tenth are aliases, and a tenth each belong to
 * four pools: geo, weighted (twice: for one answer and for three), both, sticky. What is asked is
 * drawn at random from all names of the mix, so that a big zone misses the caches.
 *
 * Under callgrind, instructions are counted while a mix runs and dumped with its name, see
 * instructions.sh. */
#include "tests/unit/answer/served.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

#define PACKETS_MAX (1u << 20)
#define PACKET_MAX 120
#define COUNTRIES 240
#define NETWORKS_V4 300000
#define NETWORKS_V6 100000
#define ADDRESSES 4
#define SHARE 10      /* of the names, one in so many is an alias, one in so many is of each pool */
#define NAME_BYTES 22 /* LETTER and eight digits, bench.test. */

struct packet {
    uint8_t bytes[PACKET_MAX];
    struct ip source;
    uint32_t len;
};

struct bench {
    struct served *s;
    struct rng rng;
    uint32_t n_names, batch;
    bool unlimited;
    struct packet *packets;
    uint32_t n_packets;
};

/* CPU time: other load on the machine matters less than to the clock on the wall. */
static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- what is served --- */

static void add_pool(struct world *w, enum steer_kind steer, enum pick_kind pick, uint32_t n)
{
    struct pool *pool = world_pool(w);
    pool->steer = steer;
    pool->pick = pick;
    for (uint32_t site = 0; site < 6; site++) {
        world_site(w, site);
        for (uint32_t i = 0; i < n; i++)
            world_endpoint(w, IP_V4, 1 + i * 10);
    }
}

static void add_pools(struct bench *b)
{
    struct world *w = b->s->w;
    struct map_entry *v = arena_calloc(w->arena, COUNTRIES, sizeof *v);
    uint32_t(*sites)[2] = arena_calloc(w->arena, COUNTRIES, sizeof *sites);
    static const uint32_t all[] = {0, 1, 2, 3, 4, 5};
    for (uint32_t i = 0; i < COUNTRIES; i++) {
        snprintf(v[i].code, sizeof v[i].code, "%c%c", 'A' + i / 26, 'A' + i % 26);
        sites[i][0] = rng_below(&b->rng, 6);
        sites[i][1] = (sites[i][0] + 1 + rng_below(&b->rng, 5)) % 6;
        v[i].sites = (struct u32_list){sites[i], 2};
    }
    w->maps[0].countries = (struct map_entries){v, COUNTRIES};
    w->maps[0].default_sites = (struct u32_list){all, 6};
    w->model.n_maps = 1;
    add_pool(w, STEER_MAP, PICK_WEIGHTED, 1);
    add_pool(w, STEER_ALL, PICK_WEIGHTED, ADDRESSES);
    add_pool(w, STEER_MAP, PICK_WEIGHTED, ADDRESSES);
    add_pool(w, STEER_MAP, PICK_STICKY, ADDRESSES);
}

static void put_name(uint8_t *p, char letter, uint32_t i)
{
    static const uint8_t tail[] = "\5bench\4test";
    p[0] = 9;
    p[1] = (uint8_t)letter;
    for (unsigned digit = 9; digit >= 2; digit--, i /= 10)
        p[digit] = (uint8_t)('0' + i % 10);
    memcpy(p + 10, tail, sizeof tail);
}

static const uint8_t *new_name(struct bench *b, char letter, uint32_t i)
{
    uint8_t *p = arena_alloc(b->s->w->arena, NAME_BYTES);
    put_name(p, letter, i);
    return p;
}

static void add_record(struct zone *zone, struct record record)
{
    struct record *r = (struct record *)(uintptr_t)&zone->records[zone->n_records++];
    *r = record;
    r->ttl_s = 300;
    r->owner_len = NAME_BYTES;
}

static void add_zone(struct bench *b)
{
    struct served *s = b->s;
    uint32_t each = b->n_names / SHARE, n_static = b->n_names - 5 * each;
    struct zone *zone = &s->zones[s->w->model.n_zones];
    served_zone(s, "bench.test.", "");
    zone->records = arena_calloc(s->w->arena, n_static + each + 3, sizeof *zone->records);
    zone->pool_names = arena_calloc(s->w->arena, 5 * (size_t)each, sizeof *zone->pool_names);
    served_line(s, zone, (char[]){"@ 3600 SOA ns1 hostmaster 1 3600 900 604800 300"}, 1);
    served_line(s, zone, (char[]){"@ 3600 NS ns1"}, 2);
    served_line(s, zone, (char[]){"ns1 3600 A 192.0.2.53"}, 3);
    for (uint32_t i = 0; i < n_static; i++) {
        uint8_t *address = arena_alloc(s->w->arena, 4);
        store_u32(address, 10u << 24 | i);
        add_record(zone, (struct record){new_name(b, 'h', i), address, .type = TYPE_A, .rdlen = 4});
    }
    for (uint32_t i = 0; i < each; i++)
        add_record(zone, (struct record){new_name(b, 'c', i), new_name(b, 'h', i),
                                         .type = TYPE_CNAME, .rdlen = NAME_BYTES});
    static const struct {
        char letter;
        uint8_t pool, answers;
    } groups[] = {{'g', 0, 1}, {'w', 1, 1}, {'m', 2, 1}, {'s', 3, 1}, {'v', 1, 3}};
    for (uint32_t i = 0; i < ARRAY_LEN(groups) * each; i++) {
        struct pool_name *p =
            (struct pool_name *)(uintptr_t)&zone->pool_names[zone->n_pool_names++];
        *p = (struct pool_name){.owner = new_name(b, groups[i / each].letter, i % each),
                                .owner_len = NAME_BYTES,
                                .pool = groups[i / each].pool,
                                .answers = groups[i / each].answers,
                                .ttl = {60, 60},
                                .has_ttl = true,
                                .span = {zone->span.file, 4, 1}};
    }
}

/* Countries over the address space much as a registry's statistics have them; and some of
 * 2000::/4. */
static void add_countries(struct bench *b)
{
    struct served *s = b->s;
    struct place *places = arena_calloc(s->w->arena, COUNTRIES + 1, sizeof *places);
    for (uint32_t i = 0; i <= COUNTRIES; i++)
        places[i].site = MODEL_NONE;
    for (uint32_t i = 0; i < COUNTRIES; i++)
        snprintf(places[i + 1].country, 3, "%c%c", 'A' + i / 26, 'A' + i % 26);
    s->geo = (struct geo){
        .arena = s->w->arena, .base = trie_new(0), .places = places, .n_places = COUNTRIES + 1};
    for (uint32_t i = 0; i < NETWORKS_V4 + NETWORKS_V6; i++) {
        bool v6 = i >= NETWORKS_V4;
        uint64_t bits = rng_next(&b->rng);
        struct ip_prefix prefix = {.addr.family = v6 ? IP_V6 : IP_V4};
        store_u32(prefix.addr.b, (uint32_t)(bits >> 32));
        if (v6) {
            store_u32(prefix.addr.b + 4, (uint32_t)bits);
            prefix.addr.b[0] = 0x20 | (prefix.addr.b[0] & 0x0f);
            prefix.len = (uint8_t)(24 + rng_below(&b->rng, 25));
        } else {
            prefix.len = (uint8_t)(14 + i * 10ull / NETWORKS_V4);
        }
        ip_mask(&prefix.addr, prefix.len);
        trie_set(s->geo.base, &prefix, 1 + rng_below(&b->rng, COUNTRIES));
    }
}

/* --- queries --- */

struct mix {
    const char *name;
    char letter;    /* of its names */
    uint8_t subnet; /* length of the client's; 0: none */
    bool v6, edns;
    uint8_t cookie; /* length; 0: none */
};

static const struct mix mixes[] = {
    {"static", 'h', 0, false, false, 0},   {"nx", 'x', 0, false, true, 0},
    {"cname", 'c', 0, false, true, 0},     {"geo", 'g', 0, false, true, 0},
    {"ecs4", 'g', 24, false, true, 0},     {"ecs6", 'g', 56, true, true, 0},
    {"weighted", 'w', 0, false, true, 0},  {"geow", 'm', 24, false, true, 0},
    {"sticky", 's', 24, false, true, 0},   {"cookie", 'h', 0, false, true, 24},
    {"newcookie", 'h', 0, false, true, 8}, {"several", 'v', 0, false, true, 0},
};

/* Unicast: 1/8 to 222/8, or 2000::/4. */
static struct ip random_client(struct bench *b, bool v6)
{
    struct ip ip = {.family = v6 ? IP_V6 : IP_V4};
    store_u32(ip.b, (uint32_t)rng_next(&b->rng));
    ip.b[0] = v6 ? 0x20 | (ip.b[0] & 0x0f) : 1 + ip.b[0] % 222;
    if (v6)
        store_u32(ip.b + 4, (uint32_t)rng_next(&b->rng));
    return ip;
}

/* Behind an OPT without options, the last of the packet. */
static void add_cookie(struct bench *b, uint8_t *query, struct packet *p, uint32_t len)
{
    struct cookie cookie;
    uint8_t client[COOKIE_CLIENT_LEN];
    store_u32(client, (uint32_t)rng_next(&b->rng));
    store_u32(client + 4, (uint32_t)rng_next(&b->rng));
    cookie_judge(&cookie, &b->s->snapshot->limits.cookies, client, sizeof client, &p->source,
                 b->s->ctx.now_s);
    store_u16(query + p->len - 2, (uint16_t)(4 + len));
    store_u32(query + p->len, (uint32_t)EDNS_COOKIE << 16 | len);
    memcpy(query + p->len + 4, cookie.bytes, len);
    p->len += 4 + len;
}

static void make_packet(struct bench *b, const struct mix *mix, struct packet *p)
{
    uint32_t each = b->n_names / SHARE, of = mix->letter == 'h' ? b->n_names - 5 * each : each;
    char subnet[IP_PREFIX_TEXT_MAX];
    struct ip_prefix prefix = {.addr = random_client(b, mix->v6), .len = mix->subnet};
    struct ask ask = {.no_edns = !mix->edns, .subnet = mix->subnet ? subnet : NULL};
    p->source = prefix.addr;
    ip_mask(&prefix.addr, prefix.len);
    ip_prefix_text(subnet, &prefix);
    uint8_t query[1024];
    p->len = served_query(query, "h00000000.bench.test.", TYPE_A, &ask);
    put_name(query + 12, mix->letter, rng_below(&b->rng, of));
    if (mix->cookie)
        add_cookie(b, query, p, mix->cookie);
    memcpy(p->bytes, query, p->len);
}

static void replay(struct bench *b, uint32_t n_queries)
{
    static uint8_t responses[ANSWER_BATCH][ANSWER_UDP_MAX];
    struct answer_packet batch[ANSWER_BATCH];
    for (uint32_t at = 0; at < n_queries; at += b->batch) {
        for (uint32_t i = 0; i < b->batch; i++) {
            const struct packet *p = &b->packets[(at + i) % b->n_packets];
            batch[i] = (struct answer_packet){.query = p->bytes,
                                              .query_len = p->len,
                                              .response = responses[i],
                                              .response_max = ANSWER_UDP_MAX,
                                              .source = p->source};
        }
        answer_batch(&b->s->ctx, b->s->snapshot, batch, b->batch);
    }
}

static void run(struct bench *b, const struct mix *mix, uint32_t n_queries)
{
    struct answer_stats before = b->s->ctx.stats;
    for (uint32_t i = 0; i < b->n_packets; i++)
        make_packet(b, mix, &b->packets[i]);
    CALLGRIND_START_INSTRUMENTATION;
    double start = cpu_us();
    replay(b, n_queries);
    double us = cpu_us() - start;
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS_AT(mix->name);
    const struct answer_stats *after = &b->s->ctx.stats;
    printf("%-10s %8.1f ns/query  %u queries, %lu NOERROR, %lu NXDOMAIN, %lu dynamic\n", mix->name,
           us * 1000 / n_queries, n_queries,
           after->rcode[RCODE_NOERROR] - before.rcode[RCODE_NOERROR],
           after->rcode[RCODE_NXDOMAIN] - before.rcode[RCODE_NXDOMAIN],
           after->dynamic - before.dynamic);
}

static bool wanted(const char *name, char **names, int n)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return n == 0;
}

static void build(struct bench *b)
{
    b->s = served_new();
    add_pools(b);
    add_zone(b);
    add_countries(b);
    double start = cpu_us();
    if (served_compile(b->s) != 0) {
        diags_print(&b->s->diags, stderr);
        exit(1);
    }
    served_limit(b->s, (struct server_config){.rate_limit.off = b->unlimited});
    const struct index *ix = &b->s->snapshot->index;
    printf("%u names, %.1f bytes each, compiled in %.0f ms\n", ix->n_names,
           (double)(ix->map_len + part_bytes()) / ix->n_names, (cpu_us() - start) / 1000);
}

int main(int argc, char **argv)
{
    struct bench b = {.rng.state = 7, .n_names = 10000, .batch = ANSWER_BATCH};
    uint32_t n_queries = 1u << 22;
    for (int o; (o = getopt(argc, argv, "n:z:b:o")) != -1;) {
        if (o == 'o') {
            b.unlimited = true;
            continue;
        }
        uint32_t value = o == '?' ? 0 : (uint32_t)strtoul(optarg, NULL, 10);
        *(o == 'n' ? &n_queries : o == 'z' ? &b.n_names : &b.batch) = value;
    }
    if (b.batch < 1 || b.batch > ANSWER_BATCH || b.n_names < SHARE || n_queries < b.batch) {
        fputs("usage: answer_bench [-n QUERIES] [-z NAMES] [-b BATCH] [-o] [MIX...]\n", stderr);
        return 2;
    }
    n_queries -= n_queries % b.batch;
    b.n_packets = n_queries < PACKETS_MAX ? n_queries : PACKETS_MAX;
    b.packets = xcalloc(b.n_packets, sizeof *b.packets);
    build(&b);
    for (unsigned i = 0; i < ARRAY_LEN(mixes); i++) {
        if (wanted(mixes[i].name, argv + optind, argc - optind))
            run(&b, &mixes[i], n_queries);
    }
    free(b.packets);
    served_free(b.s);
    return 0;
}
