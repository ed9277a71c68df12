/* SPDX-License-Identifier: Apache-2.0
 * Kin of zones, and zones that one model has and another has not: against a slow search. */
#include "base/rng.h"
#include "dns/name.h"
#include "model/kin.h"
#include "model/zones_gone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define ZONES 40

struct fixture {
    struct zone zones[ZONES];
    uint8_t wire[ZONES][NAME_WIRE_MAX];
    char names[ZONES][16];
    uint32_t n;
};

static void add(struct fixture *f, const char *name)
{
    uint8_t *wire = f->wire[f->n];
    int n = name_from_text(wire, name, strlen(name), slice_of("", 1));
    assert_true(n > 0);
    f->zones[f->n++] = (struct zone){.origin = slice_of(wire, (size_t)n), .path = name};
}

static void test_nested(void **state)
{
    static const char *const names[] = {"a.b.test", "test",      "x.example", "example",
                                        "b.test",   "other.com", "test2"};
    static const uint32_t expected[] = {0, 0, 1, 1, 0, 2, 3};
    struct fixture f = {0};
    struct kin kin;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add(&f, names[i]);
    kin_find(&kin, f.zones, f.n);
    assert_int_equal(kin.n, 4);
    for (uint32_t i = 0; i < f.n; i++)
        assert_int_equal(kin.of_zone[i], expected[i]);
    assert_int_equal(kin.top[0], 1);
    assert_int_equal(kin.top[1], 3);
    assert_int_equal(kin.top[2], 5);
    kin_free(&kin);
}

static void test_without_origin(void **state)
{
    struct fixture f = {0};
    struct kin kin;
    (void)state;
    add(&f, "test");
    f.n++; /* could not be read */
    add(&f, "a.test");
    f.n++;
    kin_find(&kin, f.zones, f.n);
    assert_int_equal(kin.n, 3);
    assert_int_equal(kin.of_zone[0], kin.of_zone[2]);
    assert_int_not_equal(kin.of_zone[1], kin.of_zone[3]);
    assert_int_not_equal(kin.of_zone[1], kin.of_zone[0]);
    kin_free(&kin);
    kin_find(&kin, f.zones, 0);
    assert_int_equal(kin.n, 0);
    kin_free(&kin);
}

/* Two zones are of one kin when some zone, maybe one of them, contains both. */
static bool are_related(const struct fixture *f, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (name_is_within(f->zones[a].origin, f->zones[i].origin) &&
            name_is_within(f->zones[b].origin, f->zones[i].origin))
            return true;
    return false;
}

static void random_name(struct rng *rng, char name[64])
{
    unsigned labels = 1 + (unsigned)(rng_next(rng) % 4), at = 0;
    for (unsigned i = 0; i < labels; i++)
        at += (unsigned)snprintf(name + at, 64 - at, "%c.", (char)('a' + rng_next(rng) % 3));
}

static void test_random(void **state)
{
    struct rng rng = {.state = 7};
    (void)state;
    for (int turn = 0; turn < 300; turn++) {
        struct fixture f = {0};
        struct kin kin;
        while (f.n < 12) {
            char name[64];
            random_name(&rng, name);
            add(&f, name);
        }
        kin_find(&kin, f.zones, f.n);
        for (uint32_t a = 0; a < f.n; a++) {
            uint32_t top = kin.top[kin.of_zone[a]];
            assert_true(name_is_within(f.zones[a].origin, f.zones[top].origin));
            for (uint32_t b = 0; b < f.n; b++)
                assert_int_equal(kin.of_zone[a] == kin.of_zone[b], are_related(&f, a, b));
        }
        kin_free(&kin);
    }
}

/* --- zones that are gone --- */

static int judge(const struct fixture *before, const struct fixture *after, double max, bool force,
                 unsigned *n_warnings)
{
    const struct model a = {.zones = before->zones, .n_zones = before->n};
    const struct model b = {
        .path = "l.yaml", .zones = after->zones, .n_zones = after->n, .server.zones_gone_max = max};
    struct diags diags;
    diags_init(&diags);
    int code = zones_judge_gone(&a, &b, force, &diags);
    assert_int_equal(diags.n_errors, code != 0);
    *n_warnings = diags.n_warnings;
    diags_free(&diags);
    return code;
}

static void test_gone(void **state)
{
    struct fixture all = {0}, some = {0}, none = {0};
    unsigned n = 0;
    (void)state;
    for (int i = 0; i < 4; i++) {
        char *name = all.names[i];
        snprintf(name, sizeof all.names[i], "z%d.test", i);
        add(&all, name);
        if (i % 2)
            add(&some, name);
    }
    add(&some, "new.test");
    assert_int_equal(judge(&all, &all, 0, false, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(judge(&all, &some, 0.5, false, &n), 0); /* as many as that, not more */
    assert_int_equal(n, 2);
    assert_int_not_equal(judge(&all, &some, 0.49, false, &n), 0);
    assert_int_equal(judge(&all, &some, 0.49, true, &n), 0);
    assert_int_equal(n, 2);
    assert_int_not_equal(judge(&all, &none, 0.99, false, &n), 0);
    assert_int_equal(judge(&all, &none, 1, false, &n), 0);
    assert_int_equal(judge(&none, &all, 0, false, &n), 0);
    assert_int_equal(n, 0);
}

static void test_many_gone(void **state)
{
    struct fixture all = {0}, none = {0};
    unsigned n = 0;
    (void)state;
    for (int i = 0; i < 30; i++) {
        snprintf(all.names[i], sizeof all.names[i], "z%d.test", i);
        add(&all, all.names[i]);
    }
    assert_int_equal(judge(&all, &none, 1, false, &n), 0);
    assert_int_equal(n, 21); /* the rest is counted in one */
}

/* A checker without zones. For the sanitizers. */
static void test_no_zones(void **state)
{
    (void)state;
    struct kin f;
    kin_find(&f, NULL, 0);
    assert_int_equal(f.n, 0);
    kin_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_zones),       cmocka_unit_test(test_nested),
        cmocka_unit_test(test_without_origin), cmocka_unit_test(test_random),
        cmocka_unit_test(test_gone),           cmocka_unit_test(test_many_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
