/* SPDX-License-Identifier: Apache-2.0
 * Lines out of bytes that come in any pieces. */
#include "control/lines.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct lines lines;

static void put(const char *text, size_t n)
{
    uint32_t room;
    char *p = lines_room(&lines, &room);
    assert_non_null(p);
    assert_true(room >= n);
    memcpy(p, text, n);
    lines.n += (uint32_t)n;
}

static void assert_line(const char *expected, bool ended)
{
    uint32_t n = 0;
    const char *line = lines_take(&lines, ended, &n);
    if (!expected) {
        assert_null(line);
        return;
    }
    assert_non_null(line);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(line, expected, n);
}

static int set_up(void **state)
{
    (void)state;
    lines_free(&lines);
    return 0;
}

static void test_pieces(void **state)
{
    (void)state;
    put("a\n\n \t\r\nb c\nhal", 14);
    assert_line("a", false);
    assert_line("b c", false);
    assert_line(NULL, false);
    put("f\nend", 5);
    assert_line("half", false);
    assert_line(NULL, false);
    assert_line("end", true);
    assert_line(NULL, true);
}

static void test_blank_lines_without_end(void **state)
{
    (void)state;
    static char blank[LOADSTAR_CONTROL_LINE_MAX];
    memset(blank, '\n', sizeof blank);
    for (int i = 0; i < 50; i++) {
        put(blank, sizeof blank);
        assert_line(NULL, i % 2);
    }
    put("x\n", 2);
    assert_line("x", false);
}

static void test_longest(void **state)
{
    (void)state;
    static char text[LOADSTAR_CONTROL_LINE_MAX + 1];
    uint32_t n;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 2] = '\n';
    put(text, sizeof text - 1); /* one that fits exactly, its end included */
    text[sizeof text - 2] = '\0';
    assert_line(text, false);
    text[sizeof text - 2] = 'x';
    put(text, sizeof text - 1);
    assert_line(NULL, false);
    assert_null(lines_room(&lines, &n));
}

/* Where more is allowed, room grows as it is needed, and is given back. */
static void test_longer_ones(void **state)
{
    (void)state;
    enum { MAX = 3 * LOADSTAR_CONTROL_LINE_MAX + 10 };
    static char text[MAX + 1];
    uint32_t n = 0, have = 0;
    memset(text, 'x', MAX - 1);
    text[MAX - 1] = '\n';
    lines.max = MAX;
    while (have < MAX) {
        char *p = lines_room(&lines, &n);
        assert_non_null(p);
        n = n < MAX - have ? n : MAX - have;
        memcpy(p, text + have, n);
        lines.n += n;
        have += n;
        assert_true(lines.cap <= MAX);
        assert_true(have == MAX || !lines_take(&lines, false, &n));
    }
    text[MAX - 1] = '\0';
    assert_line(text, false);
    assert_non_null(lines_room(&lines, &n));
    assert_int_equal(lines.cap, LOADSTAR_CONTROL_LINE_MAX);
    for (have = 0; have < MAX; have += n) { /* one that has no end */
        char *p = lines_room(&lines, &n);
        assert_non_null(p);
        memset(p, 'x', n);
        lines.n += n;
    }
    assert_int_equal(have, MAX);
    assert_null(lines_room(&lines, &n));
}

/** Adds bytes that end no line, until there is no room. */
static uint32_t fill(struct lines *l)
{
    uint32_t n, sum = 0;
    for (char *p; (p = lines_room(l, &n)); sum += n) {
        memset(p, 'x', n);
        l->n += n;
    }
    return sum;
}

/* Room beyond the usual comes out of a budget, which gets it back with each line. */
static void test_budget(void **state)
{
    (void)state;
    enum { USUAL = LOADSTAR_CONTROL_LINE_MAX, MAX = 4 * USUAL };
    struct lines_budget budget = {.max_b = 4 * USUAL};
    struct lines v[3];
    uint32_t n;
    for (int i = 0; i < 3; i++)
        v[i] = (struct lines){.max = MAX, .budget = &budget};
    assert_int_equal(fill(&v[0]), MAX);
    assert_true(lines_are_too_long(&v[0]));
    assert_int_equal(budget.kept_b, 3 * USUAL);
    assert_int_equal(fill(&v[1]), 2 * USUAL);
    assert_false(lines_are_too_long(&v[1]));
    assert_int_equal(budget.kept_b, 4 * USUAL);
    assert_int_equal(fill(&v[2]), USUAL); /* which is free */
    assert_true(lines_are_partial(&v[2]));
    v[0].bytes[v[0].n - 1] = '\n';
    assert_non_null(lines_take(&v[0], false, &n));
    assert_int_equal(n, MAX - 1);
    lines_trim(&v[0]);
    assert_int_equal(budget.kept_b, USUAL);
    assert_int_equal(v[0].cap, USUAL);
    lines_trim(&v[1]); /* has not been taken */
    assert_int_equal(budget.kept_b, USUAL);
    assert_int_equal(fill(&v[1]), 2 * USUAL);
    for (int i = 0; i < 3; i++)
        lines_free(&v[i]);
    assert_int_equal(budget.kept_b, 0);
}

/* The lines are those of the text, however it is cut. */
static void test_any_pieces(void **state)
{
    (void)state;
    struct rng rng = {7};
    static char text[3000], got[4000], expected[4000];
    for (int round = 0; round < 300; round++) {
        size_t n = rng_below(&rng, sizeof text), n_got = 0, n_expected = 0, from = 0;
        for (size_t i = 0; i < n; i++)
            text[i] = "\n\n \rab"[rng_below(&rng, 6)];
        for (size_t at = 0; at <= n; at++) /* split here, by hand */
            if (at == n || text[at] == '\n') {
                bool blank = true;
                for (size_t k = from; k < at; k++)
                    blank = blank && strchr(" \r\t", text[k]) != NULL;
                if (!blank) {
                    memcpy(expected + n_expected, text + from, at - from);
                    n_expected += at - from;
                    expected[n_expected++] = '|';
                }
                from = at + 1;
            }
        set_up(NULL);
        for (size_t at = 0; at < n || at == 0;) {
            size_t piece = rng_below(&rng, 40);
            piece = piece < n - at ? piece : n - at;
            put(text + at, piece);
            at += piece + (n == 0);
            uint32_t length;
            const char *line;
            while ((line = lines_take(&lines, at >= n, &length))) {
                memcpy(got + n_got, line, length);
                n_got += length;
                got[n_got++] = '|';
            }
        }
        assert_int_equal(n_got, n_expected);
        assert_memory_equal(got, expected, n_got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pieces, set_up),
        cmocka_unit_test_setup(test_blank_lines_without_end, set_up),
        cmocka_unit_test_setup(test_longest, set_up),
        cmocka_unit_test_setup(test_longer_ones, set_up),
        cmocka_unit_test_setup(test_budget, set_up),
        cmocka_unit_test_setup(test_any_pieces, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
