/* SPDX-License-Identifier: Apache-2.0
 * Answers out of pools: client, scope, types, TTL, fallbacks, chains, explain. */
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MAPPED, ORDERED, NAMED, STICKY, SPARE }; /* the pools */

#define SOA_RR \
    "example.com. 60 IN SOA ns1.example.com. hostmaster.example.com. 1 3600 900 604800 60"

static const char zone[] = "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n"
                           "@ 3600 NS ns1\n"
                           "ns1 3600 A 192.0.2.53\n"
                           "e3 300 TXT \"target of the pool of names\"\n"
                           "@ 0 POOL 0\n"
                           "www 0 POOL 0\n"
                           "www 300 TXT beside\n"
                           "order 0 POOL 1\n"
                           "cdn 0 POOL 2\n"
                           "*.cdn 0 POOL 2\n"
                           "stick 0 POOL 3\n"
                           "*.wild 0 POOL 0\n"
                           "static.wild 300 TXT x\n"
                           "alias 300 CNAME www\n"
                           "toorder 300 CNAME order\n"
                           "tocdn 300 CNAME cdn\n";

static const char zone_of_fallbacks[] = "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n"
                                        "@ 3600 NS ns1\n"
                                        "ns1 3600 A 192.0.2.53\n"
                                        "f 0 POOL 0\n";

static void map_network(struct served *s, const char *prefix, uint32_t site)
{
    struct map_entries *networks = &s->w->maps[0].networks;
    struct map_entry *e = (struct map_entry *)(uintptr_t)&networks->v[networks->n++];
    uint32_t *sites = arena_alloc(s->w->arena, sizeof *sites);
    *sites = site;
    e->sites = (struct u32_list){sites, 1};
    assert_int_equal(ip_prefix_parse(&e->network, prefix), 0);
}

/* Endpoint i has the address 192.0.2.i or 2001:db8::i. */
static void add_pools(struct served *s)
{
    static const uint32_t both[] = {0, 1};
    struct world *w = s->w;
    w->model.n_maps = 1;
    w->maps[0].default_sites = (struct u32_list){both, 2};
    w->maps[0].networks.v = arena_calloc(w->arena, 16, sizeof *w->maps[0].networks.v);
    map_network(s, "203.0.113.0/24", 1);
    map_network(s, "203.0.113.128/25", 0);
    map_network(s, "2001:db8:1::/48", 1);
    map_network(s, "10.1.0.0/16", 1);

    struct pool *pool = world_pool(w);
    pool->steer = STEER_MAP;
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1);
    world_site(w, 1);
    world_endpoint(w, IP_V4, 1);
    world_endpoint(w, IP_V6, 1);

    pool = world_pool(w);
    pool->steer = STEER_ORDER;
    pool->order = (struct u32_list){both, 1};
    pool->ttl = (struct ttl_range){5, 60};
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1);

    pool = world_pool(w);
    pool->steer = STEER_MAP;
    world_site(w, 0);
    world_endpoint(w, IP_NONE, 1);
    world_site(w, 1);
    world_endpoint(w, IP_NONE, 1);

    pool = world_pool(w);
    pool->steer = STEER_ORDER;
    pool->order = (struct u32_list){both, 1};
    pool->pick = PICK_STICKY;
    world_site(w, 0);
    for (unsigned i = 0; i < 4; i++)
        world_endpoint(w, IP_V4, 1);

    pool = world_pool(w);
    pool->steer = STEER_MAP;
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1);
    world_site(w, 1);
    world_endpoint(w, IP_V4, 1);
}

/* The pool of names: one target in the zone, one outside. */
static void name_targets(struct served *s)
{
    s->w->endpoints[4].cname = served_name(s, "e3.example.com.", slice_of("", 1));
    s->w->endpoints[5].cname = served_name(s, "e4.example.net.", slice_of("", 1));
}

static int setup(void **state)
{
    struct served *s = served_new();
    add_pools(s);
    name_targets(s);
    served_zone(s, "example.com.", zone);
    int err = served_compile(s);
    if (err)
        diags_print(&s->diags, stderr);
    assert_int_equal(err, 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    served_free(*state);
    return 0;
}

/* Builds a pool's view anew after its states changed. */
static void refresh(struct served *s, uint32_t pool)
{
    struct pool_slot *slot = &s->snapshot->pools[pool];
    arena_free(slot->view->arena);
    slot->view = verdict_compile(&s->w->model, &s->steerings.v[s->steerings.of_pool[pool]], pool,
                                 s->w->states);
}

#define SAYS(name, type, expected, ...) \
    assert_string_equal(served_ask(*state, name, type, (struct ask){__VA_ARGS__}), expected)
#define WWW(n) "NOERROR aa | www.example.com. 30 IN A 192.0.2." #n " | | | edns 1232"

static void test_by_resolver(void **state)
{
    SAYS("www.example.com.", "A", WWW(0), .source = "198.51.100.1");
    SAYS("www.example.com.", "A", WWW(1), .source = "203.0.113.1");
    SAYS("www.example.com.", "A", WWW(0), .source = "203.0.113.129");
    SAYS("www.example.com.", "A", "NOERROR aa | www.example.com. 30 IN A 192.0.2.1 | |",
         .source = "203.0.113.1", .no_edns = true);
    SAYS("example.com.", "A", "NOERROR aa | example.com. 30 IN A 192.0.2.0 | | | edns 1232",
         .source = "198.51.100.1");
}

static void test_by_subnet(void **state)
{
    SAYS("www.example.com.", "A", WWW(1) " ecs /24/25", .subnet = "203.0.113.0/24");
    SAYS("www.example.com.", "A", WWW(0) " ecs /32/25", .subnet = "203.0.113.200/32");
    SAYS("www.example.com.", "A", WWW(0) " ecs /24/24", .subnet = "203.0.112.0/24",
         .source = "203.0.113.1");
    SAYS("www.example.com.", "A", WWW(1) " ecs /56/48", .subnet = "2001:db8:1::/56");
    SAYS("www.example.com.", "A", WWW(0) " ecs /56/48", .subnet = "2001:db8:0::/56");
    /* IPv4 in IPv6 counts from the front of the IPv6 address. */
    SAYS("www.example.com.", "A", WWW(1) " ecs /128/121", .subnet = "::ffff:203.0.113.1/128");
}

static void test_subnet_of_length_zero(void **state)
{
    SAYS("www.example.com.", "A", WWW(1) " ecs /0/0", .subnet = "0.0.0.0/0",
         .source = "203.0.113.1");
}

static void test_private_subnet(void **state)
{
    /* Nothing places it: the resolver's place, and a scope that says no more than the query. */
    SAYS("www.example.com.", "A", WWW(1) " ecs /24/24", .subnet = "10.9.9.0/24",
         .source = "203.0.113.1");
    SAYS("www.example.com.", "A", WWW(0) " ecs /16/16", .subnet = "192.168.0.0/16",
         .source = "203.0.113.200");
    SAYS("www.example.com.", "A", WWW(1) " ecs /56/56", .subnet = "fd00:1::/56",
         .source = "203.0.113.1");
    /* The map places this one. */
    SAYS("www.example.com.", "A", WWW(1) " ecs /24/16", .subnet = "10.1.2.0/24");
}

static void test_ecs_disabled(void **state)
{
    struct served *s = *state;
    s->snapshot->ecs = false;
    SAYS("www.example.com.", "A", WWW(0), .subnet = "203.0.113.0/24", .source = "198.51.100.1");
    s->snapshot->ecs = true;
}

static void test_scope_zero(void **state)
{
    SAYS("ns1.example.com.", "A",
         "NOERROR aa | ns1.example.com. 3600 IN A 192.0.2.53 | | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    SAYS("nope.example.com.", "A", "NXDOMAIN aa | | " SOA_RR " | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    SAYS("www.example.com.", "MX", "NOERROR aa | | " SOA_RR " | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    SAYS("order.example.com.", "A",
         "NOERROR aa | order.example.com. 60 IN A 192.0.2.3 | | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    SAYS("example.net.", "A", "REFUSED | | | | edns 1232 ecs /24/0 ede 20",
         .subnet = "203.0.113.0/24");
}

static void test_sticky_scope(void **state)
{
    const char *said =
        served_ask(*state, "stick.example.com.", "A", (struct ask){.subnet = "203.0.113.0/24"});
    assert_non_null(strstr(said, "ecs /24/24"));
    said = served_ask(*state, "stick.example.com.", "A", (struct ask){.subnet = "203.0.0.0/16"});
    assert_non_null(strstr(said, "ecs /16/24"));
    said = served_ask(*state, "stick.example.com.", "A", (struct ask){.subnet = "2001:db8::/48"});
    assert_non_null(strstr(said, "ecs /48/56"));
}

static void test_sticky_stays(void **state)
{
    struct served *s = *state;
    struct buf first = {0};
    buf_puts(&first, served_ask(s, "stick.example.com.", "A", (struct ask){.source = "192.0.2.9"}));
    for (unsigned i = 0; i < 50; i++)
        assert_string_equal(served_ask(s, "stick.example.com.", "A",
                                       (struct ask){.source = "192.0.2.77"}),
                            first.p);
    buf_free(&first);
}

static void test_types(void **state)
{
    SAYS("www.example.com.", "TXT",
         "NOERROR aa | www.example.com. 300 IN TXT \"beside\" | | | edns 1232");
    /* Site 0 has no IPv6 address: the family comes from the next site. */
    SAYS("www.example.com.", "AAAA",
         "NOERROR aa | www.example.com. 30 IN AAAA 2001:db8::2 | | | edns 1232",
         .source = "198.51.100.1");
    SAYS("order.example.com.", "AAAA", "NOERROR aa | | " SOA_RR " | | edns 1232");
    SAYS("www.example.com.", "ANY",
         "NOERROR aa | www.example.com. 3600 IN HINFO \"RFC8482\" \"\" | | | edns 1232");
}

static void test_wildcard(void **state)
{
    SAYS("x.y.wild.example.com.", "A",
         "NOERROR aa | x.y.wild.example.com. 30 IN A 192.0.2.1 | | | edns 1232 ecs /24/25",
         .subnet = "203.0.113.0/24");
    SAYS("static.wild.example.com.", "A", "NOERROR aa | | " SOA_RR " | | edns 1232");
    SAYS("x.static.wild.example.com.", "A", "NXDOMAIN aa | | " SOA_RR " | | edns 1232");
}

#define TO_E4(owner) #owner ".example.com. 30 IN CNAME e4.example.net."
#define TO_E3(owner) #owner ".example.com. 30 IN CNAME e3.example.com."

static void test_pool_of_names(void **state)
{
    SAYS("cdn.example.com.", "A", "NOERROR aa | " TO_E4(cdn) " | | | edns 1232",
         .source = "203.0.113.1");
    SAYS("cdn.example.com.", "CNAME", "NOERROR aa | " TO_E4(cdn) " | | | edns 1232",
         .source = "203.0.113.1");
    SAYS("x.cdn.example.com.", "MX", "NOERROR aa | " TO_E4(x.cdn) " | | | edns 1232",
         .source = "203.0.113.1");
    SAYS("cdn.example.com.", "ANY", "NOERROR aa | " TO_E4(cdn) " | | | edns 1232",
         .source = "203.0.113.1");
    /* The target is in the zone: the chain goes on, unless the scope would be ambiguous. */
    SAYS("cdn.example.com.", "TXT",
         "NOERROR aa | " TO_E3(
             cdn) "; "
                  "e3.example.com. 300 IN TXT \"target of the pool of names\" | | | edns 1232");
    SAYS("cdn.example.com.", "A", "NOERROR aa | " TO_E3(cdn) " | " SOA_RR " | | edns 1232");
    SAYS("cdn.example.com.", "TXT", "NOERROR aa | " TO_E3(cdn) " | | | edns 1232 ecs /24/24",
         .subnet = "203.0.112.0/24");
}

/* RFC 7871 7.2.1: what goes into the answer section has one scope. */
static void test_chain_to_pool(void **state)
{
    SAYS("alias.example.com.", "A",
         "NOERROR aa | alias.example.com. 300 IN CNAME www.example.com.; "
         "www.example.com. 30 IN A 192.0.2.1 | | | edns 1232",
         .source = "203.0.113.1");
    SAYS("alias.example.com.", "A",
         "NOERROR aa | alias.example.com. 300 IN CNAME www.example.com. | | | "
         "edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    SAYS("toorder.example.com.", "A",
         "NOERROR aa | toorder.example.com. 300 IN CNAME order.example.com.; "
         "order.example.com. 60 IN A 192.0.2.3 | | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
    SAYS("tocdn.example.com.", "A",
         "NOERROR aa | tocdn.example.com. 300 IN CNAME cdn.example.com.; " TO_E4(
             cdn) " | | | edns 1232",
         .source = "203.0.113.1");
    SAYS("alias.example.com.", "AAAA",
         "NOERROR aa | alias.example.com. 300 IN CNAME www.example.com. | | | "
         "edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");
}

static void test_ttl(void **state)
{
    struct served *s = *state;
    struct endpoint_state *e = &s->w->states[3];
    static const struct {
        uint32_t flip_s;
        int64_t until_s;
        unsigned ttl;
    } cases[] = {
        {FLIP_NEVER, INT64_MAX, 60},
        {2, INT64_MAX, 5},
        {20, INT64_MAX, 20},
        {20, 1007, 7},
        {20, 1003, 3},
        {20, 1000, 0},
        {20, 900, 0},
        {FLIP_NEVER, 5000, 60},
    };
    struct endpoint_state saved = *e;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[128];
        e->checked = cases[i].flip_s != FLIP_NEVER;
        e->flip_s = cases[i].flip_s;
        e->override = cases[i].until_s == INT64_MAX ? OVERRIDE_AUTO : OVERRIDE_UP;
        e->override_until_s = cases[i].until_s;
        refresh(s, ORDERED);
        snprintf(expected, sizeof expected,
                 "NOERROR aa | order.example.com. %u IN A 192.0.2.3 | | | edns 1232", cases[i].ttl);
        SAYS("order.example.com.", "A", expected);
    }
    *e = saved;
    refresh(s, ORDERED);
}

static void test_all_down(void **state)
{
    struct served *s = *state;
    struct pool *pool = &s->w->pools[ORDERED];
    s->w->states[3].health = HEALTH_DOWN;
    s->w->states[3].checked = true;

    pool->on_all_down = ALL_DOWN_SERVE_ALL;
    refresh(s, ORDERED);
    const char *said = served_ask(s, "order.example.com.", "A", (struct ask){.no_edns = true});
    assert_non_null(strstr(said, "IN A 192.0.2.3"));

    pool->on_all_down = ALL_DOWN_SERVFAIL;
    refresh(s, ORDERED);
    SAYS("order.example.com.", "A", "SERVFAIL | | | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");

    /* The negative answer lives no longer than the pool's answers do. */
    pool->on_all_down = ALL_DOWN_NODATA;
    s->w->states[3].flip_s = 7;
    refresh(s, ORDERED);
    SAYS("order.example.com.", "A",
         "NOERROR aa | | example.com. 7 IN SOA ns1.example.com. hostmaster.example.com. "
         "1 3600 900 604800 60 | | edns 1232 ecs /24/0",
         .subnet = "203.0.113.0/24");

    /* The scope is that of the look-up in the pool that answers, and so is its TTL. */
    pool->on_all_down = ALL_DOWN_FALLBACK;
    pool->fallback = MAPPED;
    refresh(s, ORDERED);
    SAYS("order.example.com.", "A",
         "NOERROR aa | order.example.com. 30 IN A 192.0.2.1 | | | edns 1232 ecs /24/25",
         .subnet = "203.0.113.0/24");

    s->w->states[3].health = HEALTH_UP;
    s->w->states[3].checked = false;
    s->w->states[3].flip_s = FLIP_NEVER;
    pool->on_all_down = ALL_DOWN_SERVE_ALL;
    refresh(s, ORDERED);
}

/* A fallback pool with the same table: the client found ahead of the answer is not looked up again,
 * unless the resolver has taken its place meanwhile. */
static void test_fallback_with_the_same_table(void **state)
{
    struct served *s = *state;
    struct pool *pool = &s->w->pools[MAPPED];
    assert_ptr_equal(s->snapshot->pools[MAPPED].clients, s->snapshot->pools[SPARE].clients);
    for (unsigned i = 0; i < 3; i++) {
        s->w->states[i].health = HEALTH_DOWN;
        s->w->states[i].checked = true;
    }
    pool->on_all_down = ALL_DOWN_FALLBACK;
    pool->fallback = SPARE;
    refresh(s, MAPPED);
    SAYS("www.example.com.", "A", WWW(11) " ecs /24/25", .subnet = "203.0.113.0/24");
    SAYS("www.example.com.", "A", WWW(10) " ecs /24/24", .subnet = "203.0.112.0/24",
         .source = "203.0.113.1");
    SAYS("www.example.com.", "A", WWW(11) " ecs /24/24", .subnet = "10.9.9.0/24",
         .source = "203.0.113.1");
    SAYS("www.example.com.", "A", WWW(10) " ecs /24/24", .subnet = "10.9.9.0/24",
         .source = "203.0.113.200");
    SAYS("www.example.com.", "A", WWW(11), .source = "203.0.113.1");

    for (unsigned i = 0; i < 3; i++) {
        s->w->states[i].health = HEALTH_UP;
        s->w->states[i].checked = false;
    }
    pool->on_all_down = ALL_DOWN_SERVE_ALL;
    refresh(s, MAPPED);
}

static void test_explain(void **state)
{
    struct served *s = *state;
    SAYS("www.example.com.", "A", WWW(1) " ecs /24/25", .subnet = "203.0.113.0/24",
         .explain = true);
    assert_true(s->trace.dynamic);
    assert_int_equal(s->trace.n_pools, 1);
    assert_int_equal(s->trace.pool[0], MAPPED);
    assert_int_equal(s->trace.scope[0], 25);
    assert_true(s->trace.client_from_ecs);
    assert_int_equal(s->trace.client.b[0], 203);
    assert_int_equal(s->trace.ttl_s, 30);
    assert_int_equal(s->trace.n_picked, 1);
    assert_int_equal(s->trace.picked[0], 1);

    SAYS("www.example.com.", "A", WWW(0) " ecs /8/8", .subnet = "10.0.0.0/8", .explain = true,
         .source = "203.0.113.200");
    assert_false(s->trace.client_from_ecs);
    assert_int_equal(s->trace.client.b[3], 200);

    SAYS("ns1.example.com.", "TXT", "NOERROR aa | | " SOA_RR " | | edns 1232", .explain = true);
    assert_false(s->trace.dynamic);
}

static void test_several_answers(void **state)
{
    (void)state;
    for (uint32_t want = 1; want <= 6; want++) {
        struct served *t = served_new();
        add_pools(t);
        name_targets(t);
        served_zone(t, "example.com.", zone);
        struct pool_name *p = (struct pool_name *)(uintptr_t)&t->zones[0].pool_names[5];
        p->answers = want;
        p->has_ttl = true;
        p->ttl = (struct ttl_range){9, 9};
        assert_int_equal(served_compile(t), 0);
        served_ask(t, "stick.example.com.", "A", (struct ask){.no_edns = true});
        assert_int_equal(load_u16(t->response + 6), want < 4 ? want : 4);
        assert_non_null(strstr(served_said(t), "stick.example.com. 9 IN A"));
        served_free(t);
    }
}

/* A private network that the first pool's table does not place, and that of its fallback does. */
static void test_fallback_places_the_subnet(void **state)
{
    static const uint32_t both[] = {0, 1};
    struct served *s = served_new();
    struct world *w = s->w;
    (void)state;
    w->model.n_maps = 1;
    w->maps[0].default_sites = (struct u32_list){both, 2};
    w->maps[0].networks.v = arena_calloc(w->arena, 1, sizeof *w->maps[0].networks.v);
    map_network(s, "10.1.0.0/16", 1);
    struct pool *pool = world_pool(w);
    pool->steer = STEER_NEAREST;
    pool->on_all_down = ALL_DOWN_FALLBACK;
    pool->fallback = 1;
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1)->health = HEALTH_DOWN;
    world_site(w, 1);
    world_endpoint(w, IP_V4, 1)->health = HEALTH_DOWN;
    pool = world_pool(w);
    pool->steer = STEER_MAP;
    world_site(w, 0);
    world_endpoint(w, IP_V4, 1);
    world_site(w, 1);
    world_endpoint(w, IP_V4, 1);
    /* Somewhere is known, so that there is a table for the first, too. */
    static struct place places[2] = {
        {.site = MODEL_NONE},
        {.site = MODEL_NONE, .located = true, .latitude = 39, .longitude = -77}};
    struct ip_prefix known;
    s->geo = (struct geo){.arena = w->arena, .base = trie_new(0), .places = places, .n_places = 2};
    assert_int_equal(ip_prefix_parse(&known, "198.51.100.0/24"), 0);
    trie_set(s->geo.base, &known, 1);
    served_zone(s, "example.com.", zone_of_fallbacks);
    assert_int_equal(served_compile(s), 0);
    assert_string_equal(served_ask(s, "f.example.com.", "A", (struct ask){.subnet = "10.1.2.0/24"}),
                        "NOERROR aa | f.example.com. 30 IN A 192.0.2.3 | | | edns 1232 ecs /24/24");
    assert_string_equal(served_ask(s, "f.example.com.", "A", (struct ask){.subnet = "10.9.2.0/24"}),
                        "NOERROR aa | f.example.com. 30 IN A 192.0.2.2 | | | edns 1232 ecs /24/24");
    served_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_resolver),
        cmocka_unit_test(test_by_subnet),
        cmocka_unit_test(test_subnet_of_length_zero),
        cmocka_unit_test(test_private_subnet),
        cmocka_unit_test(test_fallback_places_the_subnet),
        cmocka_unit_test(test_ecs_disabled),
        cmocka_unit_test(test_scope_zero),
        cmocka_unit_test(test_sticky_scope),
        cmocka_unit_test(test_sticky_stays),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_pool_of_names),
        cmocka_unit_test(test_chain_to_pool),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_all_down),
        cmocka_unit_test(test_fallback_with_the_same_table),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_several_answers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
