/* SPDX-License-Identifier: Apache-2.0
 * The known word that was meant, and when none was. */
#include "config/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 16

struct suggest_case {
    const char *word;
    const char *known[WORDS_MAX]; /* up to the first NULL */
    const char *expected;
};

static const char *get(const void *words, uint32_t i)
{
    return ((const char *const *)words)[i];
}

static void check(const struct suggest_case *c)
{
    struct arena *arena = arena_new();
    uint32_t n = 0;
    while (n < WORDS_MAX && c->known[n])
        n++;
    const char *said = suggest(arena, c->word, get, c->known, n);
    if (strcmp(said, c->expected) != 0)
        fail_msg("%s: '%s', expected '%s'", c->word, said, c->expected);
    arena_free(arena);
}

static void check_all(const struct suggest_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(&cases[i]);
}

static void test_one_slip(void **state)
{
    static const struct suggest_case cases[] = {
        {"sever", {"server"}, ", did you mean 'server'?"},   /* one left out */
        {"serverr", {"server"}, ", did you mean 'server'?"}, /* one too many */
        {"servor", {"server"}, ", did you mean 'server'?"},  /* another one */
        {"SERVER", {"server"}, ", did you mean 'server'?"},
        {"npa", {"pna"}, ", did you mean 'pna'?"}, /* swapped, at the start and at the end */
        {"pan", {"pna"}, ", did you mean 'pna'?"},
        {"state-dir", {"state_dir"}, ", did you mean 'state_dir'?"},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

/* A third of the letters, rounded up; the start of a word is enough from three letters on. */
static void test_how_far(void **state)
{
    static const struct suggest_case cases[] = {
        {"x", {"y"}, ", expected y"},
        {"ab", {"ac"}, ", did you mean 'ac'?"},
        {"ab", {"cd"}, ", expected cd"},
        {"abc", {"abd"}, ", did you mean 'abd'?"},
        {"abc", {"add"}, ", expected add"},
        {"abcd", {"abxy"}, ", did you mean 'abxy'?"},
        {"abcdef", {"abcdxy"}, ", did you mean 'abcdxy'?"},
        {"abcdef", {"abcxyz"}, ", expected abcxyz"},
        {"loc", {"location"}, ", did you mean 'location'?"},
        {"lo", {"location"}, ", expected location"},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_the_nearest(void **state)
{
    static const struct suggest_case cases[] = {
        {"intervals", {"internals", "interval", "x"}, ", did you mean 'internals'?"},
        {"ttll", {"title", "ttl", "tell"}, ", did you mean 'ttl'?"},
        {"zonse", {"zone", "zones"}, ", did you mean 'zone'?"},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

static void test_lists(void **state)
{
    static const struct suggest_case cases[] = {
        {"zzz", {NULL}, ", none is defined"},
        {"zzz", {"a"}, ", expected a"},
        {"zzz", {"a", "b"}, ", expected one of: a, b"},
        {"zzz",
         {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"},
         ", expected one of: a, b, c, d, e, f, g, h, i, j, k, l"},
        {"zzz",
         {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"},
         ", expected one of: a, b, c, d, e, f, g, h, i, j, k, l, ..."},
    };
    (void)state;
    check_all(cases, ARRAY_LEN(cases));
}

/* Words of up to 64 letters are compared, longer ones by their start alone. */
static void test_long_words(void **state)
{
    (void)state;
    for (size_t n = 60; n <= 70; n++) {
        char word[80], known[80], expected[128];
        memset(word, 'a', n);
        memset(known, 'a', n);
        word[n] = known[n] = '\0';
        known[n / 2] = 'b';
        snprintf(expected, sizeof expected, n <= 64 ? ", did you mean '%s'?" : ", expected %s",
                 known);
        check(&(struct suggest_case){word, {known}, expected});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_slip),    cmocka_unit_test(test_how_far),
        cmocka_unit_test(test_the_nearest), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
