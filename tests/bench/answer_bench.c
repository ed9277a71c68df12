/* SPDX-License-Identifier: Apache-2.0
 * Replays query mixes through answer_batch() alone and prints nanoseconds of CPU per query.
 *
 *     answer_bench [-n QUERIES] [-z NAMES] [MIX...]
 *
 * Mixes: static nx geo weighted geow sticky. Instructions per query, which repeat exactly:
 *
 *     valgrind --tool=callgrind --toggle-collect=answer_batch answer_bench -n 32000 static */
#include "tests/unit/answer/served.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define QUERIES_MAX 65536
#define PACKET_MAX 128
#define DYNAMIC_NAMES 100
#define COUNTRIES 240
#define NETWORKS 300000
#define ADDRESSES 4

struct packet {
    uint8_t bytes[PACKET_MAX];
    uint32_t len;
};

struct bench {
    struct served *s;
    struct rng rng;
    uint32_t n_names;
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

static void add_zone(struct bench *b)
{
    struct buf text = {0};
    buf_puts(&text, "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 300\n@ 3600 NS ns1\n"
                    "ns1 3600 A 192.0.2.53\n");
    for (uint32_t i = 0; i < b->n_names; i++)
        buf_printf(&text, "h%04u 300 A 10.%u.%u.%u\n", i, i >> 16, i >> 8 & 255, i & 255);
    for (unsigned pool = 0; pool < WORLD_POOLS; pool++) {
        for (unsigned i = 0; i < DYNAMIC_NAMES; i++)
            buf_printf(&text, "%c%02u 60 POOL %u\n", "gwms"[pool], i, pool);
    }
    served_zone(b->s, "static.test.", text.p);
    buf_free(&text);
}

/* Countries over the address space much as a registry's statistics have them: 300,000 networks. */
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
    for (uint32_t i = 0; i < NETWORKS; i++) {
        uint32_t address = (uint32_t)rng_next(&b->rng);
        struct ip_prefix prefix = {.addr.family = IP_V4,
                                   .len = (uint8_t)(14 + i * 10ull / NETWORKS)};
        store_u32(prefix.addr.b, address);
        ip_mask(&prefix.addr, prefix.len);
        trie_set(s->geo.base, &prefix, 1 + rng_below(&b->rng, COUNTRIES));
    }
}

/* --- queries --- */

struct mix {
    const char *name;
    char letter; /* of its names: LETTER and a number */
    bool dynamic, edns, ecs;
};

static const struct mix mixes[] = {
    {"static", 'h', false, false, false}, {"nx", 'x', false, true, false},
    {"geo", 'g', true, true, true},       {"weighted", 'w', true, true, false},
    {"geow", 'm', true, true, true},      {"sticky", 's', true, true, true},
};

static void make_packets(struct bench *b, const struct mix *mix)
{
    b->n_packets = QUERIES_MAX;
    for (uint32_t i = 0; i < b->n_packets; i++) {
        char name[64], subnet[IP_PREFIX_TEXT_MAX];
        uint32_t client = (uint32_t)rng_next(&b->rng);
        snprintf(subnet, sizeof subnet, "%u.%u.%u.0/24", 1 + (client >> 24) % 222,
                 client >> 16 & 255, client >> 8 & 255);
        snprintf(name, sizeof name, "%c%0*u.static.test.", mix->letter, mix->dynamic ? 2 : 4,
                 rng_below(&b->rng, mix->dynamic ? DYNAMIC_NAMES : b->n_names));
        struct ask ask = {.no_edns = !mix->edns, .subnet = mix->ecs ? subnet : NULL};
        uint8_t query[1024];
        b->packets[i].len = served_query(query, name, TYPE_A, &ask);
        memcpy(b->packets[i].bytes, query, b->packets[i].len);
    }
}

static void run(struct bench *b, const struct mix *mix, uint32_t n_queries)
{
    static uint8_t responses[ANSWER_BATCH][ANSWER_UDP_MAX];
    struct answer_packet batch[ANSWER_BATCH];
    struct answer_stats before = b->s->ctx.stats;
    make_packets(b, mix);
    double start = cpu_us();
    for (uint32_t at = 0; at < n_queries; at += ANSWER_BATCH) {
        for (uint32_t i = 0; i < ANSWER_BATCH; i++) {
            const struct packet *p = &b->packets[(at + i) % QUERIES_MAX];
            batch[i] = (struct answer_packet){.query = p->bytes,
                                              .query_len = p->len,
                                              .response = responses[i],
                                              .response_max = ANSWER_UDP_MAX,
                                              .source = {{192, 0, 2, 1}, IP_V4}};
        }
        answer_batch(&b->s->ctx, b->s->snapshot, batch, ANSWER_BATCH);
    }
    double us = cpu_us() - start;
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

int main(int argc, char **argv)
{
    struct bench b = {.rng.state = 7, .n_names = 10000};
    uint32_t n_queries = 1u << 22;
    for (int o; (o = getopt(argc, argv, "n:z:")) != -1;) {
        if (o == 'n')
            n_queries = (uint32_t)strtoul(optarg, NULL, 10) / ANSWER_BATCH * ANSWER_BATCH;
        else if (o == 'z')
            b.n_names = (uint32_t)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    b.s = served_new();
    b.packets = xcalloc(QUERIES_MAX, sizeof *b.packets);
    add_pools(&b);
    add_zone(&b);
    add_countries(&b);
    double start = cpu_us();
    if (served_compile(&b.s[0]) != 0) {
        diags_print(&b.s->diags, stderr);
        return 1;
    }
    const struct index *ix = &b.s->snapshot->index;
    printf("%u names, %.1f bytes each, compiled in %.0f ms\n", ix->n_names,
           (double)(ix->map_len + part_bytes()) / ix->n_names, (cpu_us() - start) / 1000);
    for (unsigned i = 0; i < ARRAY_LEN(mixes); i++) {
        if (wanted(mixes[i].name, argv + optind, argc - optind))
            run(&b, &mixes[i], n_queries);
    }
    free(b.packets);
    served_free(b.s);
    return 0;
}
