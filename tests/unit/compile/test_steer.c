/* SPDX-License-Identifier: Apache-2.0
 * Steerings against a slow reference: random partitions of the address space into places, random
 * maps and pools; the order of sites at random addresses, and the exact depth of the leaf. */
#include "tests/unit/compile/world.h"

#include "compile/order.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROUNDS 1000
#define CLIENTS 24
#define MAX_PLACES 16
#define MAX_RULES 24
#define MAX_NETWORKS 8

/* The world, and where its clients are: rules set in order, the last that covers an address says
 * its place. */
struct earth {
    struct world *w;
    struct geo geo;
    struct place places[MAX_PLACES];
    struct {
        struct ip_prefix prefix;
        uint32_t place;
    } rules[MAX_RULES];
    uint32_t n_rules;
    struct map_entry continents[2], countries[3], subdivisions[2], asns[2], tags[2];
    struct map_entry networks[MAX_NETWORKS];
};

static const char *const continent_codes[] = {"", "EU", "AS", "NA"};
static const char *const country_codes[] = {"", "DE", "IN", "US", "FR"};
static const char *const subdivision_codes[] = {"", "", "US-CA", "US-NY"};
static const char *const tag_names[] = {NULL, NULL, NULL, "lab", "vip"};
static const uint32_t asn_numbers[] = {0, 64500, 64501, 64502};

static const struct {
    struct ip_prefix prefix;
} private_ranges[] = {
    {{{{10}, IP_V4}, 8}},         {{{{172, 16}, IP_V4}, 12}}, {{{{192, 168}, IP_V4}, 16}},
    {{{{100, 64}, IP_V4}, 10}},   {{{{127}, IP_V4}, 8}},      {{{{169, 254}, IP_V4}, 16}},
    {{{{[15] = 1}, IP_V6}, 128}}, {{{{0xfc}, IP_V6}, 7}},     {{{{0xfe, 0x80}, IP_V6}, 10}},
};

static uint32_t roll(struct rng *rng, size_t n)
{
    return rng_below(rng, (uint32_t)n);
}

/* --- random earths --- */

/* Prefixes crowd together, so that they nest; IPv6 ones stay clear of the windows onto IPv4. */
static struct ip_prefix random_prefix(struct rng *rng)
{
    struct ip_prefix p = {.addr.family = roll(rng, 2) ? IP_V4 : IP_V6};
    static const uint8_t tops[] = {9, 10, 11, 100, 127, 172, 192, 203};
    if (p.addr.family == IP_V4) {
        p.addr.b[0] = tops[roll(rng, ARRAY_LEN(tops))];
        p.addr.b[1] = (uint8_t)(roll(rng, 2) ? roll(rng, 4) : 168);
        p.addr.b[2] = (uint8_t)roll(rng, 3);
        p.len = (uint8_t)roll(rng, 33);
    } else {
        p.addr.b[0] = roll(rng, 4) ? 0x2a : 0xfd;
        p.addr.b[1] = (uint8_t)roll(rng, 3);
        p.addr.b[2] = (uint8_t)roll(rng, 3);
        p.addr.b[8] = (uint8_t)roll(rng, 2);
        p.len = (uint8_t)(roll(rng, 3) ? roll(rng, 65) : roll(rng, 129));
    }
    ip_mask(&p.addr, p.len);
    return p;
}

static struct place random_place(struct rng *rng, uint32_t n_sites)
{
    struct place p = {.site = roll(rng, 6) ? MODEL_NONE : roll(rng, n_sites)};
    strcpy(p.continent, continent_codes[roll(rng, ARRAY_LEN(continent_codes))]);
    strcpy(p.country, country_codes[roll(rng, ARRAY_LEN(country_codes))]);
    strcpy(p.subdivision, subdivision_codes[roll(rng, ARRAY_LEN(subdivision_codes))]);
    p.asn = asn_numbers[roll(rng, ARRAY_LEN(asn_numbers))];
    p.tag = tag_names[roll(rng, ARRAY_LEN(tag_names))];
    p.located = roll(rng, 4) > 0;
    p.latitude = (float)roll(rng, 1800000) / 10000 - 90;
    p.longitude = (float)roll(rng, 3600000) / 10000 - 180;
    return p;
}

static struct u32_list random_sites(struct earth *e, struct rng *rng, uint32_t most)
{
    uint32_t *v = arena_calloc(e->w->arena, WORLD_SITES, sizeof *v), n = 0;
    for (uint32_t want = roll(rng, most + 1); n < want;) {
        uint32_t site = roll(rng, e->w->model.n_sites), i = 0;
        while (i < n && v[i] != site)
            i++;
        if (i < n)
            break;
        v[n++] = site;
    }
    return (struct u32_list){v, n};
}

static void random_map(struct earth *e, struct rng *rng)
{
    struct map *map = &e->w->maps[0];
    for (uint32_t i = 0; i < 2; i++) {
        strcpy(e->continents[i].code, continent_codes[i + 1]);
        strcpy(e->subdivisions[i].code, subdivision_codes[i + 2]);
        e->asns[i].asn = asn_numbers[i + 1];
        e->tags[i].tag = tag_names[i + 3];
        e->continents[i].sites = random_sites(e, rng, 3);
        e->subdivisions[i].sites = random_sites(e, rng, 3);
        e->asns[i].sites = random_sites(e, rng, 3);
        e->tags[i].sites = random_sites(e, rng, 3);
    }
    for (uint32_t i = 0; i < 3; i++) {
        strcpy(e->countries[i].code, country_codes[i + 1]);
        e->countries[i].sites = random_sites(e, rng, 3);
    }
    uint32_t n_networks = 0;
    for (uint32_t want = roll(rng, MAX_NETWORKS + 1); n_networks < want; n_networks++) {
        e->networks[n_networks].network = random_prefix(rng);
        e->networks[n_networks].sites = random_sites(e, rng, 3);
    }
    map->default_sites = random_sites(e, rng, 4);
    map->continents = (struct map_entries){e->continents, roll(rng, 3)};
    map->countries = (struct map_entries){e->countries, roll(rng, 4)};
    map->subdivisions = (struct map_entries){e->subdivisions, roll(rng, 3)};
    map->asns = (struct map_entries){e->asns, roll(rng, 3)};
    map->tags = (struct map_entries){e->tags, roll(rng, 3)};
    map->networks = (struct map_entries){e->networks, n_networks};
}

static void random_pool(struct earth *e, struct rng *rng)
{
    struct pool *pool = world_pool(e->w);
    pool->steer = roll(rng, 2) ? STEER_MAP : STEER_NEAREST;
    for (uint32_t i = 0; i < e->w->model.n_sites; i++) {
        uint32_t site = (i * 3 + 1) % e->w->model.n_sites; /* not in the order of the sites */
        bool again = false;
        for (uint32_t k = 0; k < pool->n_sites; k++)
            again = again || pool->sites[k].site == site;
        if (again || (pool->n_sites > 0 && roll(rng, 3) == 0))
            continue;
        world_site(e->w, site);
        world_endpoint(e->w, IP_V4, 1);
    }
}

static struct earth *earth_new(struct rng *rng)
{
    struct world *w = world_new(2 + roll(rng, WORLD_SITES - 1));
    struct earth *e = arena_calloc(w->arena, 1, sizeof *e);
    e->w = w;
    w->model.n_maps = 1;
    e->geo.places = e->places;
    e->geo.n_places = 1 + roll(rng, MAX_PLACES);
    e->geo.base = trie_new(0);
    e->places[0] = (struct place){.site = MODEL_NONE};
    for (uint32_t i = 1; i < e->geo.n_places; i++)
        e->places[i] = random_place(rng, w->model.n_sites);
    for (uint32_t want = roll(rng, MAX_RULES + 1); e->n_rules < want; e->n_rules++) {
        e->rules[e->n_rules].prefix = random_prefix(rng);
        e->rules[e->n_rules].place = roll(rng, e->geo.n_places);
        trie_set(e->geo.base, &e->rules[e->n_rules].prefix, e->rules[e->n_rules].place);
    }
    random_map(e, rng);
    random_pool(e, rng);
    return e;
}

static void earth_free(struct earth *e)
{
    trie_free(e->geo.base);
    world_free(e->w);
}

/* --- the reference --- */

struct decision {
    uint32_t sites[WORLD_SITES], n;
    bool unplaced;
};

static uint32_t place_of(const struct earth *e, const struct ip *ip)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < e->n_rules; i++) {
        if (ip_in_prefix(ip, &e->rules[i].prefix))
            place = e->rules[i].place;
    }
    return place;
}

static void add(const struct pool *pool, struct decision *d, uint32_t site)
{
    bool has = false;
    for (uint32_t i = 0; i < pool->n_sites; i++)
        has = has || pool->sites[i].site == site;
    for (uint32_t i = 0; i < d->n; i++)
        has = has && d->sites[i] != site;
    if (has)
        d->sites[d->n++] = site;
}

static void add_list(const struct pool *pool, struct decision *d, const struct u32_list *sites)
{
    for (uint32_t i = 0; i < sites->n; i++)
        add(pool, d, sites->v[i]);
}

static void add_file_order(const struct pool *pool, struct decision *d)
{
    for (uint32_t i = 0; i < pool->n_sites; i++)
        add(pool, d, pool->sites[i].site);
}

static const struct map_entry *by_code(const struct map_entries *entries, const char *code)
{
    for (uint32_t i = 0; i < entries->n; i++) {
        if (code[0] != '\0' && strcmp(entries->v[i].code, code) == 0)
            return &entries->v[i];
    }
    return NULL;
}

static const struct map_entry *by_place(const struct map *map, const struct place *p)
{
    for (uint32_t i = 0; i < map->tags.n; i++) {
        if (p->tag != NULL && strcmp(p->tag, map->tags.v[i].tag) == 0)
            return &map->tags.v[i];
    }
    for (uint32_t i = 0; i < map->asns.n; i++) {
        if (p->asn == map->asns.v[i].asn)
            return &map->asns.v[i];
    }
    const struct map_entry *entry = by_code(&map->subdivisions, p->subdivision);
    entry = entry ? entry : by_code(&map->countries, p->country);
    return entry ? entry : by_code(&map->continents, p->continent);
}

static const struct map_entry *by_network(const struct map *map, const struct ip *ip)
{
    const struct map_entry *best = NULL;
    for (uint32_t i = 0; i < map->networks.n; i++) {
        const struct map_entry *entry = &map->networks.v[i];
        if (ip_in_prefix(ip, &entry->network) &&
            (best == NULL || entry->network.len >= best->network.len))
            best = entry;
    }
    return best;
}

static bool decide_by_map(const struct earth *e, const struct ip *ip, const struct place *place,
                          struct decision *d)
{
    const struct pool *pool = &e->w->pools[0];
    const struct map *map = &e->w->maps[0];
    const struct map_entry *network = by_network(map, ip);
    const struct map_entry *entry = network ? network : by_place(map, place);
    if (network == NULL && place->site != MODEL_NONE)
        add(pool, d, place->site);
    if (entry != NULL)
        add_list(pool, d, &entry->sites);
    add_list(pool, d, &map->default_sites);
    if (d->n == 0)
        add_file_order(pool, d);
    return network != NULL;
}

static double distance(const struct earth *e, const struct place *place, uint32_t site)
{
    const struct site *to = &e->w->sites[site];
    const struct site *at = place->site != MODEL_NONE ? &e->w->sites[place->site] : NULL;
    if (!to->located)
        return INFINITY;
    if (at != NULL && at->located)
        return great_circle_km(at->latitude, at->longitude, to->latitude, to->longitude);
    return great_circle_km(place->latitude, place->longitude, to->latitude, to->longitude);
}

static void decide_by_distance(const struct earth *e, const struct place *place, struct decision *d)
{
    const struct pool *pool = &e->w->pools[0];
    bool located =
        place->located || (place->site != MODEL_NONE && e->w->sites[place->site].located);
    if (place->site != MODEL_NONE)
        add(pool, d, place->site);
    while (located && d->n < pool->n_sites) {
        uint32_t best = MODEL_NONE;
        for (uint32_t i = 0; i < pool->n_sites; i++) {
            uint32_t site = pool->sites[i].site, before = d->n;
            add(pool, d, site);
            if (d->n == before)
                continue;
            d->n = before;
            if (best == MODEL_NONE || distance(e, place, site) < distance(e, place, best))
                best = site;
        }
        add(pool, d, best);
    }
    add_file_order(pool, d);
}

static struct decision decide(const struct earth *e, const struct ip *ip)
{
    struct decision d = {0};
    uint32_t place = place_of(e, ip);
    bool by_net = false;
    if (e->w->pools[0].steer == STEER_MAP)
        by_net = decide_by_map(e, ip, &e->places[place], &d);
    else
        decide_by_distance(e, &e->places[place], &d);
    for (size_t i = 0; i < ARRAY_LEN(private_ranges); i++)
        d.unplaced =
            d.unplaced || (place == 0 && !by_net && ip_in_prefix(ip, &private_ranges[i].prefix));
    return d;
}

static bool same(const struct decision *a, const struct decision *b)
{
    return a->n == b->n && a->unplaced == b->unplaced &&
           memcmp(a->sites, b->sites, a->n * sizeof *a->sites) == 0;
}

/* Every prefix that a decision depends on. */
static uint32_t landmarks(const struct earth *e, struct ip_prefix *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->n_rules; i++)
        out[n++] = e->rules[i].prefix;
    for (uint32_t i = 0; i < e->w->maps[0].networks.n; i++)
        out[n++] = e->networks[i].network;
    for (size_t i = 0; i < ARRAY_LEN(private_ranges); i++)
        out[n++] = private_ranges[i].prefix;
    return n;
}

/* The first address behind a prefix; false at the end of the address space. */
static bool behind(const struct ip_prefix *p, struct ip *out)
{
    *out = p->addr;
    for (int bit = p->len - 1; bit >= 0; bit--) {
        uint8_t mask = (uint8_t)(0x80 >> (bit % 8));
        out->b[bit / 8] ^= mask;
        if (out->b[bit / 8] & mask)
            return true;
    }
    return false;
}

/* Whether all addresses of a prefix get one decision: it can change at the first address of a
 * landmark and behind its last one only. */
static bool uniform(const struct earth *e, const struct ip_prefix *p)
{
    struct ip_prefix marks[MAX_RULES + MAX_NETWORKS + ARRAY_LEN(private_ranges)];
    struct decision first = decide(e, &p->addr);
    uint32_t n = landmarks(e, marks);
    for (uint32_t i = 0; i < n; i++) {
        struct ip next;
        struct decision d = decide(e, &marks[i].addr);
        if (ip_in_prefix(&marks[i].addr, p) && !same(&d, &first))
            return false;
        if (!behind(&marks[i], &next) || !ip_in_prefix(&next, p))
            continue;
        d = decide(e, &next);
        if (!same(&d, &first))
            return false;
    }
    return true;
}

static struct ip random_client(const struct earth *e, struct rng *rng)
{
    struct ip ip = random_prefix(rng).addr;
    uint32_t from = roll(rng, 4);
    if (from == 0 && e->n_rules > 0)
        ip = e->rules[roll(rng, e->n_rules)].prefix.addr;
    else if (from == 1 && e->w->maps[0].networks.n > 0)
        ip = e->networks[roll(rng, e->w->maps[0].networks.n)].network.addr;
    else if (from == 2)
        ip = private_ranges[roll(rng, ARRAY_LEN(private_ranges))].prefix.addr;
    uint32_t bit = roll(rng, ip_bits(&ip));
    ip.b[bit / 8] ^= (uint8_t)(roll(rng, 2) << bit % 8);
    return ip;
}

/* IPv6 neighbours whose prefix takes in a window onto IPv4 hang on all of IPv4 as well. */
static bool holds_window(const struct ip_prefix *p)
{
    static const struct ip windows[] = {{{[10] = 0xff, [11] = 0xff}, IP_V6},
                                        {{0, 0x64, 0xff, 0x9b}, IP_V6},
                                        {{0x20, 0x02}, IP_V6},
                                        {{0x20, 0x01}, IP_V6}};
    for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
        if (ip_in_prefix(&windows[i], p))
            return true;
    }
    return false;
}

static void expect_exact_depth(const struct earth *e, const struct ip *ip, uint8_t depth)
{
    struct ip_prefix p = {*ip, depth};
    ip_mask(&p.addr, p.len);
    assert_true(uniform(e, &p));
    if (depth == 0)
        return;
    p.len--;
    ip_mask(&p.addr, p.len);
    assert_true(!uniform(e, &p) || holds_window(&p));
}

static void expect_embedded(const struct earth *e, const struct steering *s, const struct ip *v4)
{
    struct ip mapped = {{[10] = 0xff, [11] = 0xff}, IP_V6};
    struct ip_prefix everything = {.addr.family = IP_V4};
    memcpy(mapped.b + 12, v4->b, 4);
    struct lpm_leaf inner = lpm_lookup(s->clients, v4), leaf = lpm_lookup(s->clients, &mapped);
    assert_int_equal(leaf.value, inner.value);
    if (!uniform(e, &everything))
        assert_int_equal(leaf.depth, 96 + inner.depth);
}

static void expect_client(const struct earth *e, const struct steering *s, const struct ip *ip)
{
    struct decision want = decide(e, ip);
    struct lpm_leaf leaf = {0};
    if (s->clients != NULL) {
        leaf = lpm_lookup(s->clients, ip);
        assert_int_equal((leaf.value & CLIENT_UNPLACED) != 0, want.unplaced);
    }
    const struct u32_list *class_ = &s->class_sites[CLIENT_CLASS(leaf.value)];
    assert_true(CLIENT_CLASS(leaf.value) < s->n_classes);
    assert_int_equal(class_->n, want.n);
    assert_memory_equal(class_->v, want.sites, want.n * sizeof *want.sites);
    if (s->clients == NULL)
        return;
    expect_exact_depth(e, ip, leaf.depth);
    if (ip->family == IP_V4)
        expect_embedded(e, s, ip);
}

static void expect_distinct_classes(const struct steering *s)
{
    for (uint32_t a = 0; a < s->n_classes; a++) {
        for (uint32_t b = 0; b < a; b++) {
            const struct u32_list *x = &s->class_sites[a], *y = &s->class_sites[b];
            assert_false(x->n == y->n && memcmp(x->v, y->v, x->n * sizeof *x->v) == 0);
        }
    }
}

static struct steerings compile_with(struct world *w, const struct geo *geo, uint64_t alone_bytes,
                                     int code, struct diags *diags)
{
    struct steerings all = {0};
    const struct steer_memory memory = {.alone_bytes = alone_bytes};
    assert_int_equal(steer_compile(&all, w->arena, &w->model, geo, &memory, diags), code);
    return all;
}

static struct steerings compile(struct world *w, const struct geo *geo, int code,
                                struct diags *diags)
{
    return compile_with(w, geo, UINT64_MAX, code, diags);
}

static unsigned agree_with_reference(uint64_t alone_bytes)
{
    struct rng rng = {1};
    unsigned n_shared = 0, with_table = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct earth *e = earth_new(&rng);
        struct diags diags;
        diags_init(&diags);
        struct steerings all = compile_with(e->w, &e->geo, alone_bytes, 0, &diags);
        const struct steering *s = &all.v[all.of_pool[0]];
        with_table += s->clients != NULL;
        n_shared += s->clients != NULL && s->clients->share != NULL;
        expect_distinct_classes(s);
        for (unsigned i = 0; i < CLIENTS; i++) {
            struct ip client = random_client(e, &rng);
            expect_client(e, s, &client);
        }
        diags_free(&diags);
        earth_free(e);
    }
    assert_true(with_table > ROUNDS / 2);
    return n_shared;
}

static void clients_agree_with_reference(void **state)
{
    (void)state;
    assert_int_equal(agree_with_reference(UINT64_MAX), 0);
}

static void clients_of_shared_partitions_agree_with_reference(void **state)
{
    (void)state;
    assert_true(agree_with_reference(0) > ROUNDS / 2);
}

/* A steering without a table gives every client one order; one with a table tells two apart. */
static void explaining_agrees_with_the_table(void **state)
{
    (void)state;
    struct rng rng = {2};
    for (unsigned round = 0; round < ROUNDS / 4; round++) {
        struct earth *e = earth_new(&rng);
        struct diags diags;
        diags_init(&diags);
        struct steerings all = compile(e->w, &e->geo, 0, &diags);
        for (unsigned i = 0; i < CLIENTS; i++) {
            struct ip client = random_client(e, &rng);
            struct decision want = decide(e, &client);
            struct steer_reason why;
            steer_explain(&why, e->w->arena, &e->w->model, &e->geo, &all, 0, &client, MODEL_NONE);
            const struct map_entry *net = by_network(&e->w->maps[0], &client);
            char text[IP_PREFIX_TEXT_MAX] = "";
            assert_memory_equal(why.sites.v, want.sites, want.n * sizeof *want.sites);
            if (e->w->pools[0].steer == STEER_MAP && net && e->w->pools[0].n_sites > 1)
                assert_non_null(strstr(why.rule, ip_prefix_text(text, &net->network)));
        }
        diags_free(&diags);
        earth_free(e);
    }
}

/* --- by hand --- */

static void distances_are_great_circles(void **state)
{
    (void)state;
    const double quarter = 6371.0088 * 3.14159265358979323846 / 2;
    assert_true(fabs(great_circle_km(0, 0, 0, 90) - quarter) < 1e-6);
    assert_true(fabs(great_circle_km(0, 0, 90, 123) - quarter) < 1e-6);
    assert_true(fabs(great_circle_km(0, 0, 0, 180) - 2 * quarter) < 1e-6);
    assert_true(fabs(great_circle_km(0, 179.5, 0, -179.5) - quarter / 90) < 1e-6);
    assert_true(great_circle_km(52.31, 4.76, 52.31, 4.76) == 0);
    /* Amsterdam to Washington Dulles: 6,210 km by the usual tables. */
    assert_true(fabs(great_circle_km(52.31, 4.76, 38.95, -77.45) - 6210) < 15);
}

/* ams, iad and sin under a steering of some kind. */
static struct earth *simple_earth(enum steer_kind kind)
{
    struct world *w = world_new(4);
    struct earth *e = arena_calloc(w->arena, 1, sizeof *e);
    e->w = w;
    w->model.n_maps = 1;
    e->geo = (struct geo){.base = trie_new(0), .places = e->places, .n_places = 3};
    e->places[0] = (struct place){.site = MODEL_NONE};
    e->places[1] = (struct place){
        .continent = "EU", .country = "DE", .located = true, .latitude = 51, .longitude = 10};
    e->places[1].site = MODEL_NONE;
    e->places[2] = e->places[1];
    e->places[2].site = 2;
    struct ip_prefix germany = {{{91}, IP_V4}, 8}, office = {{{91, 7}, IP_V4}, 16};
    trie_set(e->geo.base, &germany, 1);
    trie_set(e->geo.base, &office, 2);
    world_pool(w)->steer = kind;
    for (uint32_t site = 0; site < 3; site++) {
        world_site(w, site);
        world_endpoint(w, IP_V4, 1);
    }
    return e;
}

static void one_answer_for_all_needs_no_table(void **state)
{
    (void)state;
    static const enum steer_kind kinds[] = {STEER_ALL, STEER_ORDER, STEER_SPLIT};
    struct diags diags;
    diags_init(&diags);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct earth *e = simple_earth(kinds[i]);
        struct steerings all = compile(e->w, &e->geo, 0, &diags);
        assert_null(all.v[0].clients);
        assert_int_equal(all.v[0].n_classes, kinds[i] == STEER_SPLIT ? 3 : 1);
        earth_free(e);
    }
    struct earth *e = simple_earth(STEER_NEAREST);
    e->w->pools[0].n_sites = 1;
    struct steerings all = compile(e->w, &e->geo, 0, &diags);
    assert_null(all.v[0].clients);
    earth_free(e);
    e = simple_earth(STEER_MAP); /* whatever the client: the order of the file */
    e->geo.n_places = 2;
    trie_free(e->geo.base);
    e->geo.base = trie_new(0);
    all = compile(e->w, &e->geo, 0, &diags);
    assert_null(all.v[0].clients);
    assert_int_equal(all.v[0].n_classes, 1);
    earth_free(e);
    diags_free(&diags);
}

static void orders_and_splits_keep_what_counts(void **state)
{
    (void)state;
    struct diags diags;
    diags_init(&diags);
    static const uint32_t order[] = {2, 3, 0};
    struct earth *e = simple_earth(STEER_ORDER);
    e->w->pools[0].order = (struct u32_list){order, 3};
    struct steerings all = compile(e->w, &e->geo, 0, &diags);
    assert_int_equal(all.v[0].class_sites[0].n, 2);
    assert_int_equal(all.v[0].class_sites[0].v[0], 2);
    assert_int_equal(all.v[0].class_sites[0].v[1], 0);
    earth_free(e);
    e = simple_earth(STEER_SPLIT);
    e->w->pool_sites[0][0].split_weight = 3;
    e->w->pool_sites[0][2].split_weight = 1;
    all = compile(e->w, &e->geo, 0, &diags);
    assert_int_equal(all.v[0].n_classes, 2);
    assert_int_equal(all.v[0].class_sites[1].v[0], 2);
    assert_int_equal(all.v[0].class_sites[1].v[1], 0);
    earth_free(e);
    /* Reserves come last in every class but their own. */
    e = simple_earth(STEER_SPLIT);
    e->w->pool_sites[0][0].reserve = true;
    e->w->pool_sites[0][1].split_weight = 3;
    e->w->pool_sites[0][2].split_weight = 1;
    all = compile(e->w, &e->geo, 0, &diags);
    static const uint32_t classes[3][3] = {{1, 2, 0}, {2, 1, 0}, {0, 1, 2}};
    assert_int_equal(all.v[0].n_classes, 3);
    for (unsigned c = 0; c < 3; c++) {
        assert_int_equal(all.v[0].class_sites[c].n, 3);
        assert_memory_equal(all.v[0].class_sites[c].v, classes[c], sizeof classes[c]);
    }
    earth_free(e);
    diags_free(&diags);
}

static void equal_steerings_are_shared(void **state)
{
    (void)state;
    struct diags diags;
    diags_init(&diags);
    struct earth *e = simple_earth(STEER_NEAREST);
    for (uint32_t site = 0; site < 3; site++) {
        if (site == 0)
            world_pool(e->w)->steer = STEER_NEAREST;
        world_site(e->w, site);
        world_endpoint(e->w, IP_V6, 1);
    }
    world_pool(e->w)->steer = STEER_NEAREST;
    world_site(e->w, 1);
    world_endpoint(e->w, IP_V4, 1);
    world_site(e->w, 0);
    world_endpoint(e->w, IP_V4, 1);
    struct steerings all = compile(e->w, &e->geo, 0, &diags);
    assert_int_equal(all.n, 2);
    assert_int_equal(all.of_pool[0], all.of_pool[1]);
    assert_int_not_equal(all.of_pool[0], all.of_pool[2]);
    earth_free(e);
    diags_free(&diags);
}

/* Told at the first pool that has a table; one site alone needs none. */
static void tables_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct earth *e = simple_earth(STEER_ORDER);
    struct steerings all;
    struct diags diags;
    diags_init(&diags);
    world_pool(e->w)->steer = STEER_NEAREST;
    for (uint32_t site = 0; site < 3; site++) {
        world_site(e->w, site);
        world_endpoint(e->w, IP_V4, 1);
    }
    e->w->pools[1].span = (struct span){"pools.yaml", 7, 3};
    e->geo.base->n = 100u << 20; /* nodes, of which hardly any is looked at */
    struct budget budget = {.room = {.bytes = UINT64_C(1) << 30, .limit = "a test"}};
    const struct steer_memory memory = {.alone_bytes = UINT64_MAX, .budget = &budget};
    assert_int_equal(steer_compile(&all, e->w->arena, &e->w->model, &e->geo, &memory, &diags),
                     E_RANGE);
    assert_int_equal(diags.n, 1);
    assert_int_equal(diags.v[0].span.line, 7);
    e->w->pools[1].n_sites = 1;
    assert_int_equal(steer_compile(&all, e->w->arena, &e->w->model, &e->geo, &memory, &diags), 0);
    budget.insist = true;
    e->w->pools[1].n_sites = 3;
    assert_int_equal(steer_compile(&all, e->w->arena, &e->w->model, &e->geo, &memory, &diags), 0);
    assert_int_equal(diags.n_warnings, 1);
    assert_non_null(all.v[all.of_pool[1]].clients);
    earth_free(e);
    diags_free(&diags);
}

static const char *rule(struct earth *e, const char *client)
{
    struct steer_reason why;
    struct diags diags;
    struct ip ip;
    diags_init(&diags);
    struct steerings all = compile(e->w, &e->geo, 0, &diags);
    assert_int_equal(ip_parse(&ip, client), 0);
    steer_explain(&why, e->w->arena, &e->w->model, &e->geo, &all, 0, &ip, MODEL_NONE);
    diags_free(&diags);
    return why.rule;
}

static void rules_are_named(void **state)
{
    (void)state;
    static const uint32_t iad[] = {1};
    struct earth *e = simple_earth(STEER_NEAREST);
    assert_string_equal(rule(e, "91.1.2.3"), "nearest to 51.00,10.00");
    e->places[1].coarse = true;
    assert_string_equal(rule(e, "91.1.2.3"), "nearest to 51.00,10.00 (country DE)");
    assert_string_equal(rule(e, "91.7.2.3"), "nearest to site sin (geo.networks)");
    assert_string_equal(rule(e, "8.8.8.8"),
                        "nearest, but the client's location is unknown: order of the file");
    struct map *map = &e->w->maps[0];
    e->w->pools[0].steer = STEER_MAP;
    assert_string_equal(rule(e, "91.1.2.3"), "map world, default");
    strcpy(e->continents[0].code, "EU");
    e->continents[0].sites = (struct u32_list){iad, 1};
    map->continents = (struct map_entries){e->continents, 1};
    assert_string_equal(rule(e, "91.1.2.3"), "map world, continent EU");
    strcpy(e->countries[0].code, "DE");
    map->countries = (struct map_entries){e->countries, 1};
    assert_string_equal(rule(e, "91.1.2.3"), "map world, country DE");
    assert_string_equal(rule(e, "::ffff:91.1.2.3"), "map world, country DE");
    assert_string_equal(rule(e, "91.7.2.3"), "geo.networks, site sin; then map world, country DE");
    e->networks[0].network = (struct ip_prefix){{{91, 7}, IP_V4}, 20};
    map->networks = (struct map_entries){e->networks, 1};
    assert_string_equal(rule(e, "91.7.2.3"), "map world, network 91.7.0.0/20");
    assert_string_equal(rule(e, "::ffff:91.7.2.3"), "map world, network 91.7.0.0/20");
    earth_free(e);
}

static void too_many_candidates_are_refused(void **state)
{
    (void)state;
    struct earth *e = simple_earth(STEER_ALL);
    struct diags diags;
    diags_init(&diags);
    struct endpoint *many = arena_calloc(e->w->arena, 3 * PICKSET_MAX, sizeof *many);
    for (uint32_t i = 0; i < 3 * PICKSET_MAX; i++)
        many[i].addr.family = IP_V4;
    e->w->model.endpoints = many;
    for (uint32_t i = 0; i < 3; i++) {
        e->w->pool_sites[0][i].first_endpoint = i * 2000;
        e->w->pool_sites[0][i].n_endpoints = 2000;
    }
    compile(e->w, &e->geo, E_RANGE, &diags);
    assert_int_equal(diags.n_errors, 1);
    assert_non_null(strstr(diags.v[0].text, "6000 endpoints of one family in all sites together"));
    e->w->pools[0].steer = STEER_ORDER;
    compile(e->w, &e->geo, 0, &diags);
    diags_free(&diags);
    earth_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_agree_with_reference),
        cmocka_unit_test(clients_of_shared_partitions_agree_with_reference),
        cmocka_unit_test(explaining_agrees_with_the_table),
        cmocka_unit_test(distances_are_great_circles),
        cmocka_unit_test(one_answer_for_all_needs_no_table),
        cmocka_unit_test(orders_and_splits_keep_what_counts),
        cmocka_unit_test(equal_steerings_are_shared),
        cmocka_unit_test(tables_that_do_not_fit_are_refused),
        cmocka_unit_test(rules_are_named),
        cmocka_unit_test(too_many_candidates_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
