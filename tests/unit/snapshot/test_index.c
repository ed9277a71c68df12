/* SPDX-License-Identifier: Apache-2.0
 * The index: every name is found, no other is; closest enclosers; self-checks that notice damage;
 * memory for simple names. */
#include "tests/unit/answer/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#define NAMES 50000

static struct served *many_names(void)
{
    struct served *s = served_new();
    struct buf zone = {0};
    buf_puts(&zone, "@ 3600 SOA ns1 hostmaster 1 3600 900 604800 60\n@ 3600 NS ns1\n"
                    "ns1 3600 A 192.0.2.53\n");
    for (unsigned i = 0; i < NAMES; i++)
        buf_printf(&zone, "h%07u 300 A 10.%u.%u.%u\n", i, i >> 16, i >> 8 & 255, i & 255);
    served_zone(s, "big.test.", zone.p);
    buf_free(&zone);
    assert_int_equal(served_compile(s), 0);
    return s;
}

static int setup(void **state)
{
    *state = many_names();
    return 0;
}

static int teardown(void **state)
{
    served_free(*state);
    return 0;
}

static const struct node *find(const struct index *ix, const char *text)
{
    uint8_t wire[NAME_WIRE_MAX];
    int n = name_from_text(wire, text, strlen(text), slice_of("", 1));
    assert_true(n > 0);
    return index_find(ix, slice_of(wire, (size_t)n));
}

static void test_finds_all(void **state)
{
    const struct index *ix = &((struct served *)*state)->snapshot->index;
    for (unsigned i = 0; i < NAMES; i++) {
        char name[64];
        snprintf(name, sizeof name, "h%07u.big.test.", i);
        const struct node *node = find(ix, name);
        assert_non_null(node);
        const struct block *block = node_find(node, TYPE_A);
        assert_non_null(block);
        assert_int_equal(block->len, 16);
        assert_int_equal(load_u32(block->rr + 12), 0x0a000000 + i);
        assert_null(node_find(node, TYPE_AAAA));
    }
}

static void test_finds_no_other(void **state)
{
    const struct index *ix = &((struct served *)*state)->snapshot->index;
    for (unsigned i = 0; i < NAMES; i++) {
        char name[64];
        snprintf(name, sizeof name, "x%07u.big.test.", i);
        assert_null(find(ix, name));
    }
    assert_null(find(ix, "big.example."));
    assert_null(find(ix, "h0000001.big.test.x."));
}

/* The ancestors of every zone are there, as nobody's. */
static void test_ancestors(void **state)
{
    const struct index *ix = &((struct served *)*state)->snapshot->index;
    assert_int_equal(find(ix, "big.test.")->flags, NODE_APEX);
    assert_int_equal(find(ix, "test.")->flags, NODE_OUTSIDE);
    assert_int_equal(find(ix, ".")->flags, NODE_OUTSIDE);
}

static void test_validates(void **state)
{
    const struct index *ix = &((struct served *)*state)->snapshot->index;
    assert_null(index_validate(ix));
}

/* DESIGN's aim for a simple A name, buckets and blob together. */
static void test_memory(void **state)
{
    const struct index *ix = &((struct served *)*state)->snapshot->index;
    double each = (double)(ix->map_len + part_bytes()) / ix->n_names;
    print_message("%.1f bytes for each of %u names\n", each, ix->n_names);
    assert_true(each <= 80);
}

static void test_dump(void **state)
{
    struct served *s = served_new();
    struct buf out = {0};
    (void)state;
    served_zone(s, "t.",
                "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n"
                "*.w 60 TXT x\nsub 60 NS ns.sub\nns.sub 60 A 192.0.2.2\n");
    assert_int_equal(served_compile(s), 0);
    index_dump(&s->snapshot->index, &out);
    assert_non_null(strstr(out.p, "t. apex type2:1x"));
    assert_non_null(strstr(out.p, "ns.sub.t. hidden ->sub.t.\n"));
    assert_non_null(strstr(out.p, "w.t. wildcard ->*.w.t.\n"));
    assert_non_null(strstr(out.p, "sub.t. cut\n"));
    buf_free(&out);
    served_free(s);
}

static const struct node *encloser(const struct index *ix, struct slice name)
{
    uint8_t label_at[NAME_LABELS_MAX + 1];
    unsigned n = 0, at = 0;
    for (; name.p[at]; at += name.p[at] + 1u)
        label_at[n++] = (uint8_t)at;
    label_at[n] = (uint8_t)at;
    return index_encloser(ix, name, label_at, n);
}

static struct served *deep_names(struct rng *rng)
{
    static const char *const labels[] = {"a", "bb", "ccc"};
    struct served *s = served_new();
    struct buf zone = {0};
    buf_puts(&zone, "@ 60 SOA a.a a.a 1 2 3 4 5\n@ 60 NS a.other.\n");
    for (unsigned i = 0; i < 300; i++) {
        for (uint32_t n = 1 + rng_below(rng, 9); n > 0; n--)
            buf_printf(&zone, "%s%s", labels[rng_below(rng, 3)], n > 1 ? "." : "");
        buf_printf(&zone, " 60 TXT t%u\n", i);
    }
    served_zone(s, "t.", zone.p);
    buf_free(&zone);
    assert_int_equal(served_compile(s), 0);
    return s;
}

/* The closest encloser by bisection is that by walking up. */
static void test_encloser(void **state)
{
    static const char *const labels[] = {"a", "bb", "ccc"};
    struct rng rng = {.state = 3};
    struct served *s = deep_names(&rng);
    const struct index *ix = &s->snapshot->index;
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        char text[256] = "";
        uint8_t wire[NAME_WIRE_MAX];
        for (uint32_t n = rng_below(&rng, 12); n > 0; n--)
            sprintf(text + strlen(text), "%s.", labels[rng_below(&rng, 3)]);
        strcat(text, rng_below(&rng, 8) ? "t." : "u.");
        int n = name_from_text(wire, text, strlen(text), slice_of("", 1));
        struct slice name = slice_of(wire, (size_t)n);
        if (index_find(ix, name))
            continue;
        const struct node *walked = NULL;
        for (struct slice up = name_parent(name); !walked; up = name_parent(up))
            walked = index_find(ix, up);
        assert_ptr_equal(encloser(ix, name), walked);
    }
    served_free(s);
}

/* Right below every name, the deepest one included. */
static void test_encloser_of_children(void **state)
{
    struct rng rng = {.state = 3};
    struct served *s = deep_names(&rng);
    const struct index *ix = &s->snapshot->index;
    (void)state;
    for (uint32_t i = 0; i < ix->n_buckets; i++) {
        for (unsigned k = 0; k < BUCKET_SLOTS && ix->buckets[i].offset[k]; k++) {
            const struct node *node = index_node(ix, ix->buckets[i].offset[k]);
            uint8_t wire[NAME_WIRE_MAX] = {2, 'z', 'z'};
            memcpy(wire + 3, node->name, node->name_len);
            assert_ptr_equal(encloser(ix, slice_of(wire, node->name_len + 3u)), node);
        }
    }
    served_free(s);
}

static void make_writable(const struct index *ix)
{
    assert_int_equal(mprotect(ix->map, ix->map_len, PROT_READ | PROT_WRITE), 0);
}

/* A snapshot cannot be written to by accident, and validate() sees what is broken. */
static void test_notices_damage(void **state)
{
    struct served *s = served_new();
    (void)state;
    served_zone(s, "t.",
                "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n"
                "*.w 60 TXT x\n");
    assert_int_equal(served_compile(s), 0);
    const struct index *ix = &s->snapshot->index;
    make_writable(ix);
    struct node *ns = (struct node *)(uintptr_t)find(ix, "ns.t.");
    struct node *w = (struct node *)(uintptr_t)find(ix, "w.t.");
    struct block *a = (struct block *)(uintptr_t)node_find(ns, TYPE_A);

    ns->name[1] = 'x';
    assert_non_null(index_validate(ix));
    ns->name[1] = 'n';
    assert_null(index_validate(ix));
    ns->apex++;
    assert_non_null(index_validate(ix));
    ns->apex--;
    w->link = ns->apex;
    assert_non_null(index_validate(ix));
    w->link = 0;
    assert_non_null(index_validate(ix));
    w->flags = 0;
    assert_null(index_validate(ix));
    a->len--;
    assert_non_null(index_validate(ix));
    served_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_all),      cmocka_unit_test(test_finds_no_other),
        cmocka_unit_test(test_ancestors),      cmocka_unit_test(test_validates),
        cmocka_unit_test(test_memory),         cmocka_unit_test(test_dump),
        cmocka_unit_test(test_encloser),       cmocka_unit_test(test_encloser_of_children),
        cmocka_unit_test(test_notices_damage),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
