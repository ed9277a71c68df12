/* SPDX-License-Identifier: Apache-2.0
 * What is broken in a way that libmaxminddb does not survive, or survives only in newer versions:
 * each is refused, with which words. */
#include "geo_fixture.h"

#include "geo/mmdb.h"
#include "geo/mmdb_guard.h"

/* The guard's verdict on `data` alone, in memory of its own for the sanitizers. */
static const char *verdict(const void *p, size_t n)
{
    uint64_t items = UINT64_MAX;
    uint8_t *copy = xmalloc(n);
    memcpy(copy, p, n);
    const char *wrong = mmdb_guard(slice_of(copy, n), 0, &items);
    free(copy);
    return wrong;
}

#define assert_verdict(bytes, part)                             \
    do {                                                        \
        const char *wrong_ = verdict(bytes, sizeof(bytes) - 1); \
        assert_non_null(wrong_);                                \
        assert_non_null(strstr(wrong_, part));                  \
    } while (0)

static void test_guard_words(void **state)
{
    (void)state;
    assert_null(verdict("\xe0", 1));
    assert_null(verdict("\xe1\x41k\x42vv", 6));
    assert_null(verdict("\xe1\x41k\x20\x01", 5)); /* a pointer to the key */
    assert_verdict("\x41k", "not a map");
    assert_verdict("\xe1\x41k", "past the end");
    assert_verdict("\xe1\x41k\x42v", "cut off");
    assert_verdict("\xe1\x41k\x5e\x01", "cut off"); /* of the two bytes of a size */
    assert_verdict("\xe1\x41k\x38\xff\xff", "cut off");
    assert_verdict("\xe1\x41k\x20\x7f", "past the end");
    assert_verdict("\xe1\x41k\x20\x03", "pointer to a pointer");
    assert_verdict("\xe1\xa1\x01\x41v", "key that is not a text");
    assert_verdict("\xe1\x41k\xa3\x01\x02\x03", "number of a size");     /* uint16 */
    assert_verdict("\xe1\x41k\x64\x01\x02\x03\x04", "number of a size"); /* double */
    assert_verdict("\xe1\x41k\x01\x05x", "type that the format does not have");
    assert_verdict("\xe1\x41k\x01\xffx", "type that the format does not have");
    assert_verdict("\xe1\x41k\x20\x00", "nested deeper"); /* a map in itself */
}

static void test_guard_bounds(void **state)
{
    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        struct buf deep = {0}, wide = {0};
        put_map(&deep, 1);
        put_text(&deep, "k");
        for (unsigned i = 0; i < MMDB_DEPTH_MAX - 1 + extra; i++)
            put_array(&deep, 1);
        put_u16(&deep, 1);
        put_map(&wide, 1);
        put_text(&wide, "k");
        put_array(&wide, MMDB_ITEMS_MAX - 3 + extra);
        for (unsigned i = 0; i < MMDB_ITEMS_MAX - 3 + extra; i++)
            put_u16(&wide, 1);
        assert_int_equal(verdict(deep.p, deep.n) != NULL, extra);
        assert_int_equal(verdict(wide.p, wide.n) != NULL, extra);
        buf_free(&deep);
        buf_free(&wide);
    }
}

/* Every cut of a record is refused, and no byte past it read. */
static void test_guard_cuts(void **state)
{
    (void)state;
    struct mmdb_make m;
    make_init(&m, 24, 6);
    (void)put_maxmind_country(&m, "country", "DE", "EU");
    for (size_t n = 1; n < m.data.n; n++)
        assert_non_null(verdict(m.data.p, n));
    assert_null(verdict(m.data.p, m.data.n));
    make_free(&m);
}

/* 2^30 items by way of pointers, in 30 arrays. */
static void test_pointers_that_multiply(void **state)
{
    (void)state;
    struct mmdb_make m;
    struct fixture f;
    fixture_init(&f);
    make_init(&m, 24, 6);
    uint32_t below = make_here(&m);
    put_array(&m.data, 0);
    for (unsigned i = 0; i < 30; i++) {
        uint32_t at = make_here(&m);
        put_array(&m.data, 2);
        put_pointer(&m.data, below);
        put_pointer(&m.data, below);
        below = at;
    }
    uint32_t at = make_here(&m) | MAKE_RECORD;
    put_map(&m.data, 1);
    put_text(&m.data, "country");
    put_pointer(&m.data, below);
    make_text_network(&m, "2a00::/12", at);
    fixture_database(&f, &m);
    fixture_refused(&f, "too many items");
    fixture_free(&f);
}

/* Many records that point to a large one: each is fine, all together are not. */
static void test_records_that_share_a_large_one(void **state)
{
    (void)state;
    struct mmdb_make m;
    struct fixture f;
    fixture_init(&f);
    make_init(&m, 28, 4);
    uint32_t large = make_here(&m);
    put_array(&m.data, 4000);
    for (unsigned i = 0; i < 4000; i++)
        put_u16(&m.data, 1);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t at = make_here(&m) | MAKE_RECORD;
        put_map(&m.data, 1);
        put_text(&m.data, "x");
        put_pointer(&m.data, large);
        struct ip_prefix p = {.addr.family = IP_V4, .len = 24};
        p.addr.b[0] = 198;
        p.addr.b[1] = (uint8_t)(i >> 8);
        p.addr.b[2] = (uint8_t)i;
        make_network(&m, &p, at);
    }
    fixture_database(&f, &m);
    fixture_refused(&f, "too many items");
    fixture_free(&f);
}

/* A file of one small record, with metadata of the caller's. */
static void put_head(struct buf *file, struct mmdb_make *m)
{
    static const uint8_t zero[16];
    make_init(m, 24, 6);
    make_text_network(m, "2a00::/12", put_flat_country(m, "DE"));
    make_tree(m, file);
    buf_add(file, zero, sizeof zero);
    buf_add(file, m->data.p, m->data.n);
}

static void refuse_bytes(struct buf *file, const char *part)
{
    struct fixture f;
    fixture_init(&f);
    fixture_bytes(&f, file->p, file->n);
    fixture_refused(&f, part);
    fixture_free(&f);
    buf_free(file);
}

static void test_deeply_nested_metadata(void **state)
{
    (void)state;
    struct mmdb_make m;
    struct buf file = {0};
    put_head(&file, &m);
    buf_add(&file, "\xab\xcd\xefMaxMind.com", 14);
    put_map(&file, 2);
    put_text(&file, "x");
    for (unsigned i = 0; i < 60000; i++)
        put_array(&file, 1);
    refuse_bytes(&file, "its metadata cannot be read: it is nested deeper than 32");
    make_free(&m);
}

/* Trees of 4 GB and more, whose sizes 32 bits do not hold, with the separator or without. */
static void test_tree_of_4_gb(void **state)
{
    (void)state;
    static const uint32_t counts[] = {715827882, 715827883, 715827890, UINT32_MAX};
    for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
        struct mmdb_make m;
        struct buf file = {0};
        put_head(&file, &m);
        size_t before = file.n;
        make_metadata(&m, &file);
        char *key = memmem(file.p + before, file.n - before, "node_count", 10);
        assert_non_null(key);
        struct buf patched = {0};
        buf_add(&patched, file.p, (size_t)(key + 10 - file.p));
        put_u32(&patched, counts[i]);
        put_text(&patched, "record_size");
        put_u16(&patched, 24);
        buf_free(&file);
        refuse_bytes(&patched, "truncated MaxMind DB: a tree of");
        make_free(&m);
    }
}

/* The library wants more of the metadata than we do: its own words, with the file's name. */
static void test_incomplete_metadata(void **state)
{
    (void)state;
    struct mmdb_make m;
    struct buf file = {0};
    put_head(&file, &m);
    size_t before = file.n;
    make_metadata(&m, &file);
    char *key = memmem(file.p + before, file.n - before, "description", 11);
    assert_non_null(key);
    key[0] = 'D';
    refuse_bytes(&file, "broken MaxMind DB: libmaxminddb: ");
    make_free(&m);
}

/* Links that the library takes for data: into the separator, and into the metadata. */
static void test_links_past_the_data(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct mmdb_make m;
        struct buf file = {0};
        put_head(&file, &m);
        size_t data = m.data.n;
        uint32_t link = (uint32_t)m.nodes.n + (i == 0 ? 3 : 16 + (uint32_t)data);
        make_metadata(&m, &file);
        store_u32((uint8_t *)file.p + 3 * 1, link << 8 | ((uint8_t)file.p[6])); /* right of root */
        refuse_bytes(&file, "its search tree points outside the data section");
        make_free(&m);
    }
}

static int count_leaf(void *ctx, const struct ip_prefix *prefix, uint32_t offset)
{
    (void)prefix;
    (void)offset;
    ++*(unsigned *)ctx;
    return 0;
}

/* What is open is a copy: a file that shrinks while it is read would be a SIGBUS. */
static void test_overwritten_while_it_is_read(void **state)
{
    (void)state;
    struct mmdb_make m;
    struct fixture f;
    struct mmdb mmdb;
    unsigned leaves = 0;
    fixture_init(&f);
    make_init(&m, 32, 4);
    for (uint32_t i = 0; i < 5000; i++) {
        struct ip_prefix p = {.addr.family = IP_V4, .len = 24};
        p.addr.b[0] = 20;
        p.addr.b[1] = (uint8_t)(i >> 8);
        p.addr.b[2] = (uint8_t)i;
        make_network(&m, &p, put_asn(&m, i + 1));
    }
    const char *path = fixture_database(&f, &m);
    assert_int_equal(mmdb_open(&mmdb, path, &f.diags), 0);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(mmdb_walk(&mmdb, count_leaf, &leaves), 0);
    assert_int_equal(leaves, 5000);
    mmdb_close(&mmdb);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_words),
        cmocka_unit_test(test_guard_bounds),
        cmocka_unit_test(test_guard_cuts),
        cmocka_unit_test(test_pointers_that_multiply),
        cmocka_unit_test(test_records_that_share_a_large_one),
        cmocka_unit_test(test_deeply_nested_metadata),
        cmocka_unit_test(test_tree_of_4_gb),
        cmocka_unit_test(test_incomplete_metadata),
        cmocka_unit_test(test_links_past_the_data),
        cmocka_unit_test(test_overwritten_while_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
