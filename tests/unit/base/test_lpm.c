/* SPDX-License-Identifier: Apache-2.0
 * Tries and compiled tables against a slow reference: a list of prefixes, searched from its end,
 * and the shortest uniform prefix found by brute force. */
#include "base/lpm_share.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_RULES 24
#define MIXED UINT32_MAX

struct rule {
    struct ip_prefix prefix;
    uint32_t value;
};

/* The reference: the last rule that covers an address decides; rule 0 of each family covers all. */
struct reference {
    struct rule v4[MAX_RULES], v6[MAX_RULES];
    unsigned n4, n6;
};

static const struct {
    struct ip_prefix prefix;
    unsigned before;
} windows[] = {
    {{{.family = IP_V6, .b = {[10] = 0xff, [11] = 0xff}}, 96}, 96},
    {{{.family = IP_V6, .b = {0, 0x64, 0xff, 0x9b}}, 96}, 96},
    {{{.family = IP_V6, .b = {0x20, 0x02}}, 16}, 16},
    {{{.family = IP_V6, .b = {0x20, 0x01}}, 32}, 96},
};

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix p;
    if (ip_prefix_parse(&p, text) != 0)
        fail_msg("bad prefix %s", text);
    return p;
}

static struct ip ip_of(const char *text)
{
    struct ip ip;
    if (ip_parse(&ip, text) != 0)
        fail_msg("bad address %s", text);
    return ip;
}

static bool covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
    return outer->addr.family == inner->addr.family && outer->len <= inner->len &&
           ip_in_prefix(&inner->addr, outer);
}

static struct ip_prefix half_of(struct ip_prefix p, unsigned side)
{
    if (side)
        p.addr.b[p.len / 8] |= (uint8_t)(0x80 >> p.len % 8);
    p.len++;
    return p;
}

static struct ip_prefix sibling_of(struct ip_prefix p)
{
    p.addr.b[(p.len - 1) / 8] ^= (uint8_t)(0x80 >> (p.len - 1) % 8);
    return p;
}

/* Index of the window that `p` lies in, or -1. */
static int window_around(const struct ip_prefix *p)
{
    for (unsigned i = 0; i < ARRAY_LEN(windows); i++)
        if (covers(&windows[i].prefix, p))
            return (int)i;
    return -1;
}

static bool contains_window(const struct ip_prefix *p)
{
    for (unsigned i = 0; i < ARRAY_LEN(windows); i++)
        if (covers(p, &windows[i].prefix) && p->len < windows[i].prefix.len)
            return true;
    return false;
}

static struct ip_prefix v4_in_window(const struct ip_prefix *p, int window)
{
    unsigned before = windows[window].before;
    struct ip_prefix v4 = {.addr.family = IP_V4};
    if (p->len <= before)
        return v4;
    for (unsigned i = 0; i < 4; i++)
        v4.addr.b[i] = (uint8_t)(p->addr.b[before / 8 + i] ^ (window == 3 ? 0xff : 0));
    unsigned len = p->len - before;
    v4.len = (uint8_t)(len > 32 ? 32 : len);
    ip_mask(&v4.addr, v4.len);
    return v4;
}

static void reference_add(struct reference *ref, struct ip_prefix p, uint32_t value)
{
    int window = p.addr.family == IP_V6 ? window_around(&p) : -1;
    if (window >= 0) {
        if (p.len <= windows[window].before)
            return;
        p = v4_in_window(&p, window);
    }
    if (p.addr.family == IP_V4)
        ref->v4[ref->n4++] = (struct rule){p, value};
    else
        ref->v6[ref->n6++] = (struct rule){p, value};
}

/* The value that all addresses of a prefix have, or MIXED. */
static uint32_t uniform(const struct reference *ref, const struct ip_prefix *p)
{
    bool v4 = p->addr.family == IP_V4, split = false;
    if (!v4) {
        int window = window_around(p);
        if (window >= 0) {
            struct ip_prefix inner = v4_in_window(p, window);
            return uniform(ref, &inner);
        }
        split = contains_window(p);
    }
    const struct rule *rules = v4 ? ref->v4 : ref->v6;
    uint32_t value = MIXED;
    for (unsigned i = 0; i < (v4 ? ref->n4 : ref->n6); i++) {
        if (covers(&rules[i].prefix, p)) {
            value = rules[i].value;
            split = !v4 && contains_window(p);
        } else if (covers(p, &rules[i].prefix)) {
            split = true;
        }
    }
    if (!split)
        return value;
    struct ip_prefix left = half_of(*p, 0), right = half_of(*p, 1);
    uint32_t a = uniform(ref, &left);
    return a != MIXED && a == uniform(ref, &right) ? a : MIXED;
}

static struct lpm_leaf reference_find(const struct reference *ref, const struct ip *ip)
{
    struct ip_prefix p = {*ip, (uint8_t)ip_bits(ip)};
    uint32_t value = uniform(ref, &p);
    while (p.len > 0) {
        struct ip_prefix sibling = sibling_of(p);
        if (uniform(ref, &sibling) != value)
            break;
        p.len--;
        ip_mask(&p.addr, p.len);
    }
    return (struct lpm_leaf){value, p.len};
}

static struct ip random_ip(struct rng *rng, uint8_t family)
{
    struct ip ip = {.family = family};
    for (unsigned i = 0; i < ip_bits(&ip) / 8; i++)
        ip.b[i] = (uint8_t)rng_next(rng);
    return ip;
}

/* Puts random bits behind the first `len`. */
static struct ip random_inside(struct rng *rng, struct ip ip, unsigned len)
{
    struct ip noise = random_ip(rng, ip.family);
    for (unsigned i = len; i < ip_bits(&ip); i++) {
        uint8_t bit = (uint8_t)(0x80 >> i % 8);
        ip.b[i / 8] = (uint8_t)((ip.b[i / 8] & ~bit) | (noise.b[i / 8] & bit));
    }
    return ip;
}

/* Mostly near what is there already, so that prefixes nest, touch and cover one another. */
static struct ip_prefix random_prefix(struct rng *rng, const struct rule *near, unsigned n)
{
    struct ip_prefix p;
    unsigned kind = rng_below(rng, 8);
    if (n > 0 && kind < 4) {
        p = near[rng_below(rng, n)].prefix;
        unsigned bits = ip_bits(&p.addr), span = 1 + rng_below(rng, 10);
        int len = p.len + (int)rng_below(rng, 2 * span + 1) - (int)span;
        p.addr = random_inside(rng, p.addr, p.len);
        p.len = (uint8_t)(len < 0 ? 0 : len > (int)bits ? (int)bits : len);
    } else if (kind < 6) {
        unsigned w = rng_below(rng, ARRAY_LEN(windows));
        p = windows[w].prefix;
        int base = rng_below(rng, 2) ? p.len : (int)windows[w].before;
        int len = base + (int)rng_below(rng, 41) - 8;
        p.addr = random_inside(rng, p.addr, p.len);
        if (rng_below(rng, 4) == 0 && p.len > 0) {
            p = sibling_of(p);
        }
        p.len = (uint8_t)(len < 0 ? 0 : len > 128 ? 128 : len);
    } else {
        p.addr = random_ip(rng, kind == 6 ? IP_V4 : IP_V6);
        p.len = (uint8_t)rng_below(rng, ip_bits(&p.addr) + 1);
    }
    ip_mask(&p.addr, p.len);
    return p;
}

static struct ip random_client(struct rng *rng, const struct rule *rules, unsigned n)
{
    unsigned kind = rng_below(rng, 8);
    if (n > 0 && kind < 5) {
        struct ip_prefix p = rules[rng_below(rng, n)].prefix;
        if (p.len > 0 && rng_below(rng, 3) == 0)
            p = sibling_of(p);
        struct ip v4 = random_inside(rng, p.addr, p.len);
        if (v4.family == IP_V6 || rng_below(rng, 2))
            return v4;
        struct ip ip = ip_of("::ffff:0:0");
        memcpy(ip.b + 12, v4.b, 4);
        return ip;
    }
    if (kind < 7) {
        struct ip_prefix w = windows[rng_below(rng, ARRAY_LEN(windows))].prefix;
        return random_inside(rng, w.addr, w.len);
    }
    return random_ip(rng, rng_below(rng, 2) ? IP_V4 : IP_V6);
}

static unsigned n_shared; /* tables that tell two IPv4 clients apart, so that they can be */

#define NOISE 3 /* values that one value is made of */

static uint32_t number_pair(void *ctx, uint32_t value, uint32_t noise)
{
    (void)ctx;
    return value * NOISE + noise;
}

/* The same table by way of a finer partition that several of its values come from, shared. */
static const struct lpm *shared_table(struct arena *arena, struct rng *rng, const struct trie *trie,
                                      struct trie *noise)
{
    uint32_t value_of[16 * NOISE], other[16 * NOISE];
    struct trie *partition = trie_zip(trie, noise, number_pair, other);
    struct lpm_maker *maker = lpm_maker_new(arena, partition, ARRAY_LEN(value_of));
    assert_true(lpm_share_validate(lpm_maker_share(maker)));
    for (uint32_t i = 0; i < ARRAY_LEN(value_of); i++)
        value_of[i] = i / NOISE;
    /* What one mapping leaves behind is nothing to the next: */
    for (uint32_t i = 0; i < ARRAY_LEN(other); i++)
        other[i] = rng_below(rng, 3);
    (void)lpm_maker_table(maker, other);
    const struct lpm *lpm = lpm_maker_table(maker, value_of);
    assert_true(lpm_validate(lpm));
    n_shared += lpm->share != NULL;
    lpm_maker_free(maker);
    trie_free(partition);
    return lpm;
}

static void check_client(const struct reference *ref, const struct trie *trie,
                         const struct lpm *lpm, const struct ip *ip)
{
    struct lpm_leaf want = reference_find(ref, ip), got = lpm_lookup(lpm, ip);
    char text[IP_TEXT_MAX];
    if (got.value != want.value || got.depth != want.depth || trie_get(trie, ip) != want.value) {
        trie_dump(trie, stderr);
        fail_msg("%s: got %u/%u, trie %u, want %u/%u", ip_text(text, ip), got.value, got.depth,
                 trie_get(trie, ip), want.value, want.depth);
    }
}

static void random_case(struct rng *rng)
{
    struct rule rules[MAX_RULES];
    struct reference ref = {0};
    unsigned n = rng_below(rng, MAX_RULES), n_values = 1 + rng_below(rng, 4);
    uint32_t first = rng_below(rng, n_values);
    reference_add(&ref, (struct ip_prefix){.addr.family = IP_V4}, first);
    reference_add(&ref, (struct ip_prefix){.addr.family = IP_V6}, first);
    struct trie *trie = trie_new(first);
    for (unsigned i = 0; i + 2 < n; i++) {
        rules[i].prefix = random_prefix(rng, rules, i);
        rules[i].value = rng_below(rng, n_values);
        reference_add(&ref, rules[i].prefix, rules[i].value);
        trie_set(trie, &rules[i].prefix, rules[i].value);
        assert_true(trie_validate(trie));
    }
    n = n > 2 ? n - 2 : 0;
    struct arena *arena = arena_new();
    const struct lpm *lpm = lpm_compile(arena, trie);
    assert_true(lpm_validate(lpm));
    struct trie *noise = trie_new(0);
    for (unsigned i = rng_below(rng, MAX_RULES); i > 0; i--) {
        struct ip_prefix p = random_prefix(rng, rules, n);
        trie_set(noise, &p, rng_below(rng, NOISE));
    }
    const struct lpm *shared = shared_table(arena, rng, trie, noise);
    for (unsigned i = 0; i < 16; i++) {
        struct ip ip = random_client(rng, rules, n);
        check_client(&ref, trie, lpm, &ip);
        check_client(&ref, trie, shared, &ip);
    }
    arena_free(arena);
    trie_free(trie);
    trie_free(noise);
}

static void test_random_tables(void **state)
{
    (void)state;
    struct rng rng = {.state = 1};
    for (unsigned i = 0; i < 1500; i++)
        random_case(&rng);
    assert_true(n_shared > 500);
}

static struct lpm_leaf find_in(const struct trie *trie, const char *text)
{
    struct arena *arena = arena_new();
    struct ip ip = ip_of(text);
    struct lpm_leaf leaf = lpm_lookup(lpm_compile(arena, trie), &ip);
    arena_free(arena);
    return leaf;
}

static void set_text(struct trie *trie, const char *text, uint32_t value)
{
    struct ip_prefix p = prefix_of(text);
    trie_set(trie, &p, value);
}

#define assert_leaf(trie, text, want_value, want_depth)  \
    do {                                                 \
        struct lpm_leaf leaf_ = find_in((trie), (text)); \
        assert_int_equal(leaf_.value, (want_value));     \
        assert_int_equal(leaf_.depth, (want_depth));     \
    } while (0)

static void test_one_value_has_depth_zero(void **state)
{
    (void)state;
    struct trie *t = trie_new(7);
    assert_leaf(t, "192.0.2.1", 7, 0);
    assert_leaf(t, "2001:db8::1", 7, 0);
    assert_leaf(t, "::ffff:192.0.2.1", 7, 0);
    assert_leaf(t, "2002::1", 7, 0);
    trie_free(t);
}

static void test_nested_prefix_is_not_swallowed(void **state)
{
    (void)state;
    struct trie *t = trie_new(0);
    set_text(t, "10.0.0.0/8", 1);
    set_text(t, "10.1.0.0/16", 2);
    assert_leaf(t, "10.1.2.3", 2, 16);
    assert_leaf(t, "10.0.2.3", 1, 16);
    assert_leaf(t, "10.2.2.3", 1, 15);
    assert_leaf(t, "10.128.0.1", 1, 9);
    assert_leaf(t, "192.0.2.1", 0, 1);
    trie_free(t);
}

static void test_equal_siblings_merge(void **state)
{
    (void)state;
    struct trie *t = trie_new(0);
    set_text(t, "192.0.2.0/25", 1);
    set_text(t, "192.0.2.128/25", 1);
    set_text(t, "192.0.3.0/24", 1);
    assert_leaf(t, "192.0.2.200", 1, 23);
    set_text(t, "192.0.2.0/23", 0);
    assert_leaf(t, "192.0.2.200", 0, 0);
    trie_free(t);
}

static void test_host_prefixes(void **state)
{
    (void)state;
    struct trie *t = trie_new(0);
    set_text(t, "192.0.2.1", 1);
    set_text(t, "2001:db8::ff", 2);
    assert_leaf(t, "192.0.2.1", 1, 32);
    assert_leaf(t, "192.0.2.0", 0, 32);
    assert_leaf(t, "2001:db8::ff", 2, 128);
    assert_leaf(t, "2001:db8::fe", 0, 128);
    trie_free(t);
}

static void test_windows_show_ipv4(void **state)
{
    (void)state;
    struct trie *t = trie_new(0);
    set_text(t, "192.0.2.0/24", 1);
    assert_leaf(t, "::ffff:192.0.2.9", 1, 96 + 24);
    assert_leaf(t, "64:ff9b::192.0.2.9", 1, 96 + 24);
    assert_leaf(t, "2002:c000:0209:1::5", 1, 16 + 24);
    assert_leaf(t, "2001:0:4136:e378:8000:63bf:3fff:fdf6", 1, 96 + 24); /* ~192.0.2.9 */
    assert_leaf(t, "2003::1", 0, 16);     /* the sibling of 6to4's window */
    assert_leaf(t, "2001:db8::1", 0, 21); /* Teredo's window is in 2001::/20 */
    trie_free(t);
}

static void test_prefixes_around_windows(void **state)
{
    (void)state;
    struct trie *t = trie_new(0);
    set_text(t, "192.0.2.0/24", 1);
    set_text(t, "2000::/3", 2);  /* covers 6to4 and Teredo, whose clients are IPv4's */
    set_text(t, "2002::/16", 3); /* a whole window: stands for nothing */
    set_text(t, "2001:0:1::/48", 3);
    assert_leaf(t, "2a00::1", 2, 5);
    assert_leaf(t, "2002:c000:201::1", 1, 16 + 24);
    assert_leaf(t, "2002:0808:0808::1", 0, 16 + 1);
    assert_leaf(t, "2001:0:1:2::1", 0, 96 + 3); /* 255.255.255.254 */
    set_text(t, "2002:0a00::/24", 4);
    assert_leaf(t, "10.1.1.1", 4, 8);
    set_text(t, "2002:0808:0808:0001::/64", 5);
    assert_leaf(t, "8.8.8.8", 5, 32);
    trie_free(t);
}

static void test_window_joins_equal_neighbours(void **state)
{
    (void)state;
    struct trie *t = trie_new(0);
    set_text(t, "2000::/3", 2);
    assert_leaf(t, "2002::1", 0, 16);
    set_text(t, "0.0.0.0/0", 2);
    assert_leaf(t, "2002::1", 2, 3);
    assert_leaf(t, "::ffff:8.8.8.8", 2, 96);
    trie_free(t);
}

static uint32_t add_ctx(void *ctx, uint32_t value)
{
    return value + *(uint32_t *)ctx;
}

static void test_map_prefix(void **state)
{
    (void)state;
    struct trie *t = trie_new(0);
    uint32_t ten = 10;
    struct ip_prefix p = prefix_of("10.0.0.0/8");
    set_text(t, "10.1.0.0/16", 1);
    set_text(t, "11.0.0.0/8", 10);
    trie_map_prefix(t, &p, add_ctx, &ten);
    assert_true(trie_validate(t));
    assert_leaf(t, "10.1.0.1", 11, 16);
    assert_leaf(t, "10.128.0.1", 10, 9);
    assert_leaf(t, "11.0.0.1", 10, 8);
    assert_leaf(t, "12.0.0.1", 0, 6);
    trie_map(t, add_ctx, &ten);
    assert_leaf(t, "12.0.0.1", 10, 6);
    trie_free(t);
}

static uint32_t pair(void *ctx, uint32_t a, uint32_t b)
{
    return a * *(uint32_t *)ctx + b;
}

static void test_zip_agrees_with_both(void **state)
{
    (void)state;
    struct rng rng = {.state = 2};
    for (unsigned i = 0; i < 500; i++) {
        uint32_t factor = rng_below(&rng, 3);
        struct rule rules[2 * 8];
        struct trie *in[2] = {trie_new(0), trie_new(1)};
        for (unsigned k = 0; k < ARRAY_LEN(rules); k++) {
            rules[k].prefix = random_prefix(&rng, rules, k);
            trie_set(in[k % 2], &rules[k].prefix, rng_below(&rng, 3));
        }
        struct trie *out = trie_zip(in[0], in[1], pair, &factor);
        assert_true(trie_validate(out));
        for (unsigned k = 0; k < 50; k++) {
            struct ip ip = random_client(&rng, rules, ARRAY_LEN(rules));
            uint32_t want = trie_get(in[0], &ip) * factor + trie_get(in[1], &ip);
            assert_int_equal(trie_get(out, &ip), want);
        }
        trie_free(in[0]);
        trie_free(in[1]);
        trie_free(out);
    }
}

static void copy_leaf(void *ctx, const struct ip_prefix *prefix, uint32_t value)
{
    trie_set(ctx, prefix, value);
}

static bool tries_agree(const struct trie *a, const struct trie *b)
{
    char *text[2];
    size_t n[2];
    for (unsigned i = 0; i < 2; i++) {
        FILE *out = open_memstream(&text[i], &n[i]);
        trie_dump(i ? b : a, out);
        fclose(out);
    }
    bool agree = n[0] == n[1] && memcmp(text[0], text[1], n[0]) == 0;
    free(text[0]);
    free(text[1]);
    return agree;
}

static void test_walk_and_clone_rebuild_the_trie(void **state)
{
    (void)state;
    struct rng rng = {.state = 3};
    for (unsigned i = 0; i < 200; i++) {
        struct rule rules[12];
        struct trie *t = trie_new(0), *copy = trie_new(LPM_VALUE_MAX);
        for (unsigned k = 0; k < ARRAY_LEN(rules); k++) {
            rules[k].prefix = random_prefix(&rng, rules, k);
            trie_set(t, &rules[k].prefix, rng_below(&rng, 3));
        }
        struct trie *clone = trie_clone(t);
        trie_walk(t, copy_leaf, copy);
        assert_true(trie_validate(copy) && trie_validate(clone));
        assert_true(tries_agree(t, copy) && tries_agree(t, clone));
        trie_free(t);
        trie_free(copy);
        trie_free(clone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_value_has_depth_zero),
        cmocka_unit_test(test_nested_prefix_is_not_swallowed),
        cmocka_unit_test(test_equal_siblings_merge),
        cmocka_unit_test(test_host_prefixes),
        cmocka_unit_test(test_windows_show_ipv4),
        cmocka_unit_test(test_prefixes_around_windows),
        cmocka_unit_test(test_window_joins_equal_neighbours),
        cmocka_unit_test(test_map_prefix),
        cmocka_unit_test(test_zip_agrees_with_both),
        cmocka_unit_test(test_walk_and_clone_rebuild_the_trie),
        cmocka_unit_test(test_random_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
