/* SPDX-License-Identifier: Apache-2.0
 * Names, against ldns where it has an opinion. */
#include "dns/name.h"

#include "base/diag.h"
#include "base/rng.h"

#include <ldns/ldns.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct slice no_origin = {0};

static struct slice name_of(uint8_t out[NAME_WIRE_MAX], const char *text)
{
    int n = name_from_text(out, text, strlen(text), no_origin);
    assert_true(n > 0);
    return slice_of(out, (size_t)n);
}

static void text_forms(void **state)
{
    (void)state;
    uint8_t o[NAME_WIRE_MAX], out[NAME_WIRE_MAX];
    struct slice origin = name_of(o, "example.com.");
    static const struct {
        const char *text, *absolute;
    } cases[] = {
        {".", "."},
        {"@", "example.com."},
        {"www", "www.example.com."},
        {"a.b", "a.b.example.com."},
        {"WwW.", "WwW."},
        {"*.x", "*.x.example.com."},
        {"a\\.b.", "a\\.b."},
        {"a\\046b.", "a\\.b."},
        {"\\000\\255.", "\\000\\255."},
        {"a\\ b.", "a\\032b."},
        {"\\@", "\\@.example.com."},
        {"_sip._tcp", "_sip._tcp.example.com."},
        {"1\\;2\\(\\).", "1\\;2\\(\\)."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[NAME_TEXT_MAX];
        int n = name_from_text(out, cases[i].text, strlen(cases[i].text), origin);
        assert_true(n > 0);
        assert_int_equal(name_check(slice_of(out, (size_t)n)), n);
        assert_string_equal(name_to_text(text, slice_of(out, (size_t)n)), cases[i].absolute);
    }
}

static void text_errors(void **state)
{
    (void)state;
    uint8_t o[NAME_WIRE_MAX], out[NAME_WIRE_MAX];
    struct slice origin = name_of(o, "example.com.");
    static const char *const wrong[] = {"",    "..",   ".a",    "a..b",   "a..",
                                        "a\\", "a\\1", "a\\12", "a\\256", "a\\1x2"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(name_from_text(out, wrong[i], strlen(wrong[i]), origin), E_SYNTAX);
    assert_int_equal(name_from_text(out, "www", 3, no_origin), E_SYNTAX);
    assert_int_equal(name_from_text(out, "@", 1, no_origin), E_SYNTAX);
}

/* Labels of `len` bytes, `count` of them. */
static size_t long_text(char *text, unsigned len, unsigned count)
{
    size_t n = 0;
    for (unsigned i = 0; i < count; i++) {
        memset(text + n, 'a', len);
        n += len;
        text[n++] = '.';
    }
    return n;
}

static void length_limits(void **state)
{
    (void)state;
    char text[1024];
    uint8_t out[NAME_WIRE_MAX], o[NAME_WIRE_MAX];
    size_t n = long_text(text, 63, 1);
    assert_int_equal(name_from_text(out, text, n, no_origin), 65);
    n = long_text(text, 64, 1);
    assert_int_equal(name_from_text(out, text, n, no_origin), E_RANGE);
    n = long_text(text, 1, 127);
    assert_int_equal(name_from_text(out, text, n, no_origin), 255);
    assert_int_equal(name_labels(slice_of(out, 255)), NAME_LABELS_MAX);
    n = long_text(text, 1, 128);
    assert_int_equal(name_from_text(out, text, n, no_origin), E_RANGE);
    n = long_text(text, 63, 3);
    n += long_text(text + n, 61, 1);
    assert_int_equal(name_from_text(out, text, n, no_origin), 255);
    n = long_text(text, 63, 3);
    n += long_text(text + n, 62, 1);
    assert_int_equal(name_from_text(out, text, n, no_origin), E_RANGE);
    /* relative: the origin counts too */
    struct slice origin = name_of(o, "example.");
    n = long_text(text, 63, 3);
    n += long_text(text + n, 52, 1) - 1;
    assert_int_equal(name_from_text(out, text, n, origin), 254);
    text[n] = text[n + 1] = 'a';
    assert_int_equal(name_from_text(out, text, n + 1, origin), 255);
    assert_int_equal(name_from_text(out, text, n + 2, origin), E_RANGE);
}

static void checked_wire(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        uint32_t n;
        int result;
    } cases[] = {
        {"\0", 1, 1},
        {"\1a\0rest", 7, 3},
        {"", 0, E_SYNTAX},
        {"\1a", 2, E_SYNTAX},
        {"\2a", 2, E_SYNTAX},
        {"\100aaaa", 5, E_SYNTAX},
        {"\300\0", 2, E_SYNTAX},
        {"\1a\300\0", 4, E_SYNTAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(name_check(slice_of(cases[i].bytes, cases[i].n)), cases[i].result);
    uint8_t name[256];
    for (unsigned i = 0; i < 256; i++)
        name[i] = i % 2 ? 'a' : 1;
    name[254] = 0;
    assert_int_equal(name_check(slice_of(name, 256)), 255);
    name[254] = 1;
    name[255] = 0;
    assert_int_equal(name_check(slice_of(name, 256)), E_SYNTAX);
}

static void relations(void **state)
{
    (void)state;
    uint8_t a[NAME_WIRE_MAX], b[NAME_WIRE_MAX], c[NAME_WIRE_MAX], r[NAME_WIRE_MAX];
    struct slice www = name_of(a, "www.example.com."), zone = name_of(b, "example.com."),
                 other = name_of(c, "badexample.com."), root = name_of(r, ".");
    assert_true(name_is_within(www, zone) && name_is_within(zone, zone));
    assert_true(name_is_within(www, root) && name_is_within(root, root));
    assert_false(name_is_within(zone, www) || name_is_within(other, zone));
    assert_false(name_is_within(root, zone));
    assert_true(slice_equal(name_parent(www), zone));
    assert_true(slice_equal(name_parent(root), root));
    assert_int_equal(name_labels(www), 3);
    assert_int_equal(name_labels(root), 0);
    assert_true(name_is_wildcard(name_of(c, "*.example.com.")));
    assert_true(name_is_wildcard(name_of(c, "*.")));
    assert_false(name_is_wildcard(name_of(c, "**.example.com.")) || name_is_wildcard(root));
}

static void only_ascii_letters_fold(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t name[3] = {1, (uint8_t)c, 0}, low[3];
        name_lower(low, slice_of(name, 3));
        assert_int_equal(low[1], c >= 'A' && c <= 'Z' ? c + 32 : c);
        assert_int_equal(low[0], 1);
    }
}

static struct slice random_name(struct rng *rng, uint8_t out[NAME_WIRE_MAX])
{
    uint32_t n = 0, labels = rng_below(rng, 6);
    for (uint32_t i = 0; i < labels; i++) {
        uint32_t len = 1 + rng_below(rng, rng_below(rng, 4) ? 3 : 20);
        if (n + len + 2 > NAME_WIRE_MAX)
            break;
        out[n++] = (uint8_t)len;
        for (uint32_t j = 0; j < len; j++)
            out[n++] = (uint8_t)(rng_below(rng, 2) ? 'a' + rng_below(rng, 3) : rng_below(rng, 256));
    }
    out[n++] = 0;
    return slice_of(out, n);
}

/* Printing, parsing and comparing, the same as ldns does on random names. */
static void agrees_with_ldns(void **state)
{
    (void)state;
    struct rng rng = {99};
    for (unsigned round = 0; round < 5000; round++) {
        uint8_t a[NAME_WIRE_MAX], b[NAME_WIRE_MAX], back[NAME_WIRE_MAX];
        char text[NAME_TEXT_MAX];
        struct slice na = random_name(&rng, a), nb = random_name(&rng, b);
        ldns_rdf *da = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, na.n, na.p);
        ldns_rdf *db = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, nb.n, nb.p);

        name_to_text(text, na);
        ldns_rdf *parsed = ldns_dname_new_frm_str(text);
        assert_non_null(parsed);
        assert_int_equal(ldns_rdf_size(parsed), na.n);
        assert_memory_equal(ldns_rdf_data(parsed), na.p, na.n);

        char *theirs = ldns_rdf2str(da);
        assert_int_equal(name_from_text(back, theirs, strlen(theirs), no_origin), (int)na.n);
        assert_memory_equal(back, na.p, na.n);

        assert_int_equal(name_labels(na), ldns_dname_label_count(da));
        uint8_t la[NAME_WIRE_MAX], lb[NAME_WIRE_MAX];
        name_lower(la, na);
        name_lower(lb, nb);
        int expected = ldns_dname_compare(da, db);
        assert_int_equal(slice_equal(slice_of(la, na.n), slice_of(lb, nb.n)), expected == 0);
        bool within = name_is_within(slice_of(la, na.n), slice_of(lb, nb.n));
        assert_int_equal(within, expected == 0 || ldns_dname_is_subdomain(da, db));
        free(theirs);
        ldns_rdf_deep_free(parsed);
        ldns_rdf_deep_free(da);
        ldns_rdf_deep_free(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_forms),       cmocka_unit_test(text_errors),
        cmocka_unit_test(length_limits),    cmocka_unit_test(checked_wire),
        cmocka_unit_test(relations),        cmocka_unit_test(only_ascii_letters_fold),
        cmocka_unit_test(agrees_with_ldns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
