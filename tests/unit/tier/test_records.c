/* SPDX-License-Identifier: Apache-2.0
 * What was made in tiers: kept, written, read back; damage costs its line. Against a plain list. */
#include "tier/records.h"

#include "base/arena.h"
#include "base/rng.h"
#include "base/sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

enum { TIERS = 5, MEMBERS = 40, STEPS = 100000 };

static const char *const names[TIERS] = {"vip-web", "a", "edge ha", "tab\tline\nback\\slash", "z"};

static struct ip addr_of(uint32_t i)
{
    struct ip ip = {.b = {10, 0, 0, (uint8_t)(i / 2)}, .family = IP_V4};
    if (i % 3 == 0)
        ip = (struct ip){.b = {0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(i / 2)}, .family = IP_V6};
    return ip;
}

static uint16_t port_of(uint32_t i)
{
    return (uint16_t)(i % 2 ? 80 : 65535);
}

/* What should be recorded; the last of each is the object. */
static bool made[TIERS][MEMBERS + 1];

static void check_all(const struct records *r)
{
    for (uint32_t t = 0; t < TIERS; t++) {
        assert_int_equal(records_has(r, names[t], NULL, 0), made[t][MEMBERS]);
        for (uint32_t i = 0; i < MEMBERS; i++) {
            struct ip addr = addr_of(i);
            assert_int_equal(records_has(r, names[t], &addr, port_of(i)), made[t][i]);
            assert_false(records_has(r, names[t], &addr, 1));
            assert_false(records_has(r, "other", &addr, port_of(i)));
        }
    }
}

/* Written and read back they are the same, and written again the same text. */
static struct records *reread(struct records *r)
{
    struct buf text = {0}, again = {0};
    records_write(&text, r);
    records_free(r);
    r = records_new();
    assert_int_equal(records_read(r, slice_of(text.p, text.n)), 0);
    records_write(&again, r);
    assert_true(text.n == again.n && (!text.n || memcmp(text.p, again.p, text.n) == 0));
    buf_free(&text);
    buf_free(&again);
    return r;
}

static void test_against_a_list(void **state)
{
    struct rng rng = {7};
    struct records *r = records_new();
    (void)state;
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t t = rng_below(&rng, TIERS), i = rng_below(&rng, MEMBERS + 1);
        bool created = rng_below(&rng, 2);
        struct ip addr = addr_of(i);
        bool changed = records_set(r, names[t], i == MEMBERS ? NULL : &addr, port_of(i), created);
        assert_int_equal(changed, created != made[t][i]);
        made[t][i] = created;
        if (step % 1000 == 0) {
            check_all(r);
            r = reread(r);
            check_all(r);
        }
    }
    records_free(r);
}

static struct records *three(void)
{
    struct records *r = records_new();
    for (uint32_t i = 1; i < 4; i++) {
        struct ip addr = addr_of(i);
        assert_true(records_set(r, "web", &addr, 80, true));
    }
    return r;
}

static uint32_t n_of_three(const struct records *r)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < 4; i++) {
        struct ip addr = addr_of(i);
        n += records_has(r, "web", &addr, 80);
    }
    return n;
}

/* Each byte of a file damaged, and each cut: one line is lost at most, and never misread. */
static void test_damage_costs_its_line(void **state)
{
    struct records *r = three();
    struct buf text = {0};
    (void)state;
    records_write(&text, r);
    records_free(r);
    for (size_t at = 0; at < text.n; at++) {
        char was = text.p[at];
        text.p[at] = (char)(was ^ 4);
        r = records_new();
        uint32_t n_damaged = records_read(r, slice_of(text.p, text.n));
        assert_int_equal(n_damaged, 1 + (was == '\n' ? 0 : was == ('\n' ^ 4)));
        assert_int_equal(n_of_three(r), was == '\n' && at + 1 < text.n ? 1 : 2);
        records_free(r);
        text.p[at] = was;
        r = records_new();
        n_damaged = records_read(r, slice_of(text.p, at));
        assert_in_range(n_damaged, 0, 1);
        assert_true(n_of_three(r) <= 2 + (n_damaged == 0));
        records_free(r);
    }
    buf_free(&text);
}

/* Lines whose sum is right, and that are none of ours. */
static void test_wrong_lines(void **state)
{
    static const char *const wrong[] = {
        "",
        "\tweb",
        "\tweb\t10.0.0.1",
        "\tweb\t10.0.0.1\t80\t1",
        "\tweb\t10.0.0.1\t0",
        "\tweb\t10.0.0.1\t65536",
        "\tweb\t10.0.0.1\t-1",
        "\tweb\t10.0.0.1\t99999999999999999999",
        "\tweb\t10.0.0.1\t80 ",
        "\tweb\t10.0.0.256\t80",
        "\tweb\t\t80",
        "\tweb\t-\t80",
        "\t\t10.0.0.1\t80",
        "\tweb\\\t10.0.0.1\t80",
        "web\t10.0.0.1\t80",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct buf text = {0};
        struct records *r = records_new();
        sealed_sum(&text, slice_str(wrong[i]));
        buf_puts(&text, wrong[i]);
        if (records_read(r, slice_of(text.p, text.n)) != 1)
            fail_msg("\"%s\"", wrong[i]);
        buf_free(&text);
        records_write(&text, r);
        assert_int_equal(text.n, 0);
        records_free(r);
        buf_free(&text);
    }
}

static void test_orphans(void **state)
{
    static const char *const known[] = {"a", "z"};
    const char *out[8];
    struct records *r = records_new();
    (void)state;
    for (uint32_t t = 0; t < TIERS; t++)
        assert_true(records_set(r, names[t], NULL, 0, true));
    assert_int_equal(records_orphans(r, known, 2, out, 8), 3);
    assert_string_equal(out[0], "edge ha");
    assert_string_equal(out[2], "vip-web");
    assert_int_equal(records_orphans(r, known, 2, out, 1), 1);
    assert_int_equal(records_orphans(r, names, TIERS, out, 8), 0);
    for (uint32_t t = 0; t < TIERS; t++)
        assert_true(records_set(r, names[t], NULL, 0, false));
    assert_int_equal(records_orphans(r, NULL, 0, out, 8), 0);
    records_free(r);
}

/* As many as there can be: in no order, in a time that nobody notices. */
static void test_many(void **state)
{
    struct records *r = records_new();
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t mixed = i * 7919u % 20000u;
        struct ip ip = {.b = {10, 0, (uint8_t)(mixed >> 8), (uint8_t)mixed}, .family = IP_V4};
        assert_true(records_set(r, mixed % 2 ? "one" : "two", &ip, 80, true));
    }
    struct buf text = {0};
    records_write(&text, r);
    uint32_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    assert_int_equal(n, 20000);
    buf_free(&text);
    records_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_list), cmocka_unit_test(test_damage_costs_its_line),
        cmocka_unit_test(test_wrong_lines),    cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
