/* SPDX-License-Identifier: Apache-2.0
 * YAML: slips that libyaml notices late or takes for something else; anchors, many of them. */
#include "base/buf.h"
#include "config/yaml.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct yaml_case {
    const char *text, *expected; /* "LINE:COLUMN: message" */
};

static void check(const struct yaml_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct arena *arena = arena_new();
        struct diags diags;
        diags_init(&diags);
        (void)yaml_parse(arena, slice_str(cases[i].text), "f", &diags);
        assert_int_equal(diags.n, 1);
        const char *text = diag_text(arena, &diags.v[0]);
        if (strcmp(text + 2, cases[i].expected) != 0)
            fail_msg("%s\nprinted:\n%s\nexpected:\n%s", cases[i].text, text + 2, cases[i].expected);
        diags_free(&diags);
        arena_free(arena);
    }
}

static void test_indentation(void **state)
{
    (void)state;
    static const struct yaml_case cases[] = {
        {"a:\n  b: 1\n   c: 2\n",
         "3:4: this line is indented deeper than its neighbours (column 4, expected 3)"},
        {"a:\n  b: \"1\"\n   c: 2\n",
         "3:4: this line is indented deeper than its neighbours (column 4, expected 3)"},
        {"a:\n  b: [1]\n\n  # note\n     c: 2\n",
         "5:6: this line is indented deeper than its neighbours (column 6, expected 3)"},
        {"a:\n    b: 1\n  c: 2\n",
         "3:3: column 3 fits nothing above: what is in 'a' (line 1) begins in column 5; is a line "
         "missing above line 1?"},
        {"a:\nb: \"1\"\n  c: 2\n",
         "2:1: 'b' stands outside of 'a', expected it in column 3, as what follows"},
        {"a:\n\n# note\nb: \"1\"\n  c: 2\n",
         "4:1: 'b' stands outside of 'a', expected it in column 3, as what follows"},
        {"a: 1\nb: \"1\"\n  c: 2\n",
         "3:3: this line is indented deeper than its neighbours (column 3, expected 1)"},
        {"a: \"x\" y\n", "1:8: expected a key of the mapping, or less indentation; is a quote "
                         "missing? (it begins at line 1, column 1)"},
    };
    check(cases, ARRAY_LEN(cases));
}

static void test_blank_after_colon(void **state)
{
    (void)state;
    static const struct yaml_case cases[] = {
        {"a:1\nb: 2\n", "1:3: missing blank after ':'"},
        {"a: 1\nb:2\nc: 3\n", "2:3: missing blank after ':'"},
        {"a:\xc2\xa0"
         "1\nb: 2\n",
         "1:3: a no-break space (U+00A0) after ':', expected a blank"},
        {"a:\xe3\x80\x80"
         "1\nb: 2\n",
         "1:3: a character that looks like a blank (U+3000) after "
         "':', expected a blank"},
        {"\xc3\xbc:1\nb: 2\n", "1:3: missing blank after ':'"},
        {"a:\nb", "2:1: a word alone, expected ': ' and a value after it"},
    };
    check(cases, ARRAY_LEN(cases));
}

/* Wherever an address without quotes breaks YAML, it is the address that is named. */
static void test_addresses(void **state)
{
    (void)state;
    static const struct yaml_case cases[] = {
        {"l: [::]:53\n", "1:4: an IPv6 address needs quotes: \"[::]:53\""},
        {"l: [[::]:53]\n", "1:5: an IPv6 address needs quotes: \"[::]:53\""},
        {"l: [\"0.0.0.0:53\", [::]:53]\n", "1:19: an IPv6 address needs quotes: \"[::]:53\""},
        {"l: [[2001:db8::53]:5353, a]\n",
         "1:5: an IPv6 address needs quotes: \"[2001:db8::53]:5353\""},
        {"l: [::1]\n", "1:5: an IPv6 address needs quotes: \"::1\""},
        {"l: [192.0.2.1, ::1]\n", "1:16: an IPv6 address needs quotes: \"::1\""},
        {"l: [2001:db8::1, ::1]\n", "1:18: an IPv6 address needs quotes: \"::1\""},
        {"l: [2001:db8::]\n", "1:5: an IPv6 address needs quotes: \"2001:db8::\""},
        {"l: {a: ::1}\n", "1:8: an IPv6 address needs quotes: \"::1\""},
        {"l:\n  - [::1]:53\n", "2:5: an IPv6 address needs quotes: \"[::1]:53\""},
        {"l: [,]\n", "1:5: expected a value"},
    };
    check(cases, ARRAY_LEN(cases));
}

static void test_duplicates_have_a_second_place(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct diags diags;
    diags_init(&diags);
    const struct yaml_node *root =
        yaml_parse(arena, slice_str("a: {x: 1}\nb: 2\na: 3\n"), "f", &diags);
    assert_non_null(root);
    assert_true(root->incomplete);
    assert_false(yaml_get(root, "a")->incomplete);
    assert_int_equal(diags.n, 1);
    assert_int_equal(diags.v[0].span.line, 3);
    assert_int_equal(diags.v[0].also.line, 1);
    assert_string_equal(diags.v[0].also_text, "first given here");
    diags_free(&diags);
    arena_free(arena);
}

/* An alias means the anchor of its name that was set last; one that is open yet has no value. */
static void test_anchors(void **state)
{
    (void)state;
    static const struct yaml_case bad[] = {
        {"a: &x [*x]\n", "1:8: alias '*x' stands inside the value that it names"},
        {"a: &x 1\nb: &x [*x]\n", "2:8: alias '*x' stands inside the value that it names"},
        {"a: &x 1\nb: *y\n", "2:4: unknown alias '*y', expected an anchor '&y' before it"},
    };
    check(bad, ARRAY_LEN(bad));
    struct arena *arena = arena_new();
    struct diags diags;
    diags_init(&diags);
    const struct yaml_node *root = yaml_parse(
        arena, slice_str("a: &x 1\nb: *x\nc: &x 2\nd: *x\ne: &y [&y 3]\nf: *y\n"), "f", &diags);
    assert_int_equal(diags.n, 0);
    assert_string_equal(yaml_get(root, "b")->text, "1");
    assert_string_equal(yaml_get(root, "d")->text, "2");
    assert_string_equal(yaml_get(root, "f")->text, "3");
    diags_free(&diags);
    arena_free(arena);
}

/* A search through all of them at each alias would take minutes. */
static void test_many_anchors(void **state)
{
    (void)state;
    enum { N = 60000 };
    struct arena *arena = arena_new();
    struct diags diags;
    struct buf text = {0};
    diags_init(&diags);
    for (unsigned i = 0; i < N; i++)
        buf_printf(&text, "- &a%u %u\n", i, i);
    for (unsigned i = 0; i < N; i++)
        buf_printf(&text, "- *a%u\n", i / 2);
    const struct yaml_node *root = yaml_parse(arena, slice_of(text.p, text.n), "f", &diags);
    assert_int_equal(diags.n, 0);
    assert_int_equal(root->n, 2 * N);
    for (unsigned i = 0; i < N; i++)
        assert_ptr_equal(root->items[N + i], root->items[i / 2]);
    buf_free(&text);
    diags_free(&diags);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indentation), cmocka_unit_test(test_blank_after_colon),
        cmocka_unit_test(test_addresses),   cmocka_unit_test(test_duplicates_have_a_second_place),
        cmocka_unit_test(test_anchors),     cmocka_unit_test(test_many_anchors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
