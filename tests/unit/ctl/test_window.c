/* SPDX-License-Identifier: Apache-2.0
 * Parts of lists: page by page is the whole, whatever the size of a page; and what a list that
 * changes in between makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "control/json.h"
#include "ctl/window.h"

#include <stdio.h>
#include <string.h>

/** A list whose items are letters. */
struct letters {
    const char *text;
};

static const char *key_of_letter(const void *ctx, struct arena *arena, uint32_t index)
{
    const struct letters *l = ctx;
    return arena_printf(arena, "%c:", l->text[index]);
}

static json_t *letter(const void *ctx, struct arena *arena, uint32_t index)
{
    const struct letters *l = ctx;
    (void)arena;
    return json_stringn(&l->text[index], 1);
}

/** Adds a page to `out`; its "next" to `next`, "" when there is none. */
static void page(char *out, char next[64], const char *text, uint32_t from, uint32_t limit)
{
    const struct letters letters = {text};
    const struct listing listing = {"letters", from,          (uint32_t)strlen(text),
                                    &letters,  key_of_letter, letter};
    char after[64];
    strcpy(after, next);
    json_t *document = window_document(&(struct window){after, limit}, &listing);
    const json_t *list = json_object_get(document, "letters"), *item;
    size_t i;
    json_array_foreach(list, i, item) strcat(out, json_string_value(item));
    snprintf(next, 64, "%s", json_get_text(document, "next", ""));
    assert_true(!next[0] || window_is_place(next));
    json_decref(document);
}

static void test_all_pages(void **state)
{
    static const char text[] = "abcdefghij";
    (void)state;
    for (uint32_t limit = 0; limit <= 12; limit++)
        for (uint32_t from = 0; from <= 10; from += 5) {
            char out[64] = "", next[64] = "";
            unsigned n = 0, size = 10 - from;
            do
                page(out, next, text, from, limit), n++;
            while (next[0]);
            assert_string_equal(out, text + from);
            unsigned want = limit && limit < size ? (size + limit - 1) / limit : 1;
            assert_int_equal(n, want);
        }
}

/* What the list becomes after "abc" was listed, and what the next page shows. */
static void test_lists_that_change(void **state)
{
    static const struct {
        const char *then, *shown;
    } cases[] = {
        {"abcdef", "def"},   /* nothing changed */
        {"xyabcdef", "def"}, /* it moved down */
        {"cdef", "def"},     /* and up */
        {"abdef", "def"},    /* the last one shown is gone: what came behind it has its place */
        {"a", ""},           {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64] = "", next[64] = "";
        page(out, next, "abcdef", 0, 3);
        assert_string_equal(next, "2:c:");
        out[0] = '\0';
        page(out, next, cases[i].then, 0, 0);
        assert_string_equal(out, cases[i].shown);
        assert_string_equal(next, "");
    }
}

/* The place of another list, as of another pool: from the start of this one. */
static void test_foreign_places(void **state)
{
    char out[64] = "", next[64] = "1:x:";
    (void)state;
    page(out, next, "abcdef", 3, 2);
    assert_string_equal(out, "de");
    strcpy(next, "999999999:x:");
    out[0] = '\0';
    page(out, next, "abcdef", 3, 2);
    assert_string_equal(out, "");
    out[0] = '\0';
    strcpy(next, "1:b:"); /* before this one, though it is there */
    page(out, next, "abcdef", 3, 2);
    assert_string_equal(out, "de");
}

static void test_places(void **state)
{
    static const char *const places[] = {"0:a", "12:www/ams/192.0.2.1", "999999999::"};
    static const char *const others[] = {"",    ":", "1", "1:", ":a", "a:1", "-1:a", "1000000000:a",
                                         " 1:a"};
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        assert_true(window_is_place(places[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(window_is_place(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_pages),
                                       cmocka_unit_test(test_lists_that_change),
                                       cmocka_unit_test(test_foreign_places),
                                       cmocka_unit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
