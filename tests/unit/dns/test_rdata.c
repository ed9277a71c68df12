/* SPDX-License-Identifier: Apache-2.0
 * Rdata of every type: text, wire format, and what is neither. */
#include "dns/rdata.h"

#include "base/diag.h"
#include "base/rng.h"
#include "dns/name.h"
#include "dns/rr.h"
#include "dns/types.h"
#include "rdata_vectors.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t origin[] = "\7example\3com"; /* and the root, by C */

struct rdata {
    uint16_t type;
    int n; /* or E_SYNTAX */
    uint8_t bytes[RDATA_MAX + RDATA_SLACK];
    struct rdata_error error;
};

static struct rdata *read_text(uint16_t type, const char *text)
{
    struct scan scan;
    struct rdata *r = xcalloc(1, sizeof *r);
    r->type = type;
    scan_init(&scan, slice_str(text), "");
    r->n = rdata_read(r->bytes, RDATA_MAX, &scan, type, slice_of(origin, sizeof origin), &r->error);
    if (r->n < 0 && (!r->error.text[0] || r->error.at < (const uint8_t *)text ||
                     r->error.at > (const uint8_t *)text + strlen(text)))
        fail_msg("%s: refused without a reason and a place: %s", text, r->error.text);
    return r;
}

static uint16_t type_of(const char *name)
{
    int type = rr_type_from_text(name, strlen(name));
    if (type < 0)
        fail_msg("%s: no type", name);
    return (uint16_t)type;
}

static char *hex_of(const uint8_t *p, int n)
{
    char *hex = xmalloc(2 * (size_t)n + 1);
    for (int i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", p[i]);
    hex[2 * n] = '\0';
    return hex;
}

/* The rdata of a vector, from its hexadecimal digits. */
static int bytes_of(const struct rdata_vector *v, uint8_t *out)
{
    int n = 0;
    for (const char *p = v->hex; *p; p += 2, n++) {
        unsigned x;
        assert_int_equal(sscanf(p, "%2x", &x), 1);
        out[n] = (uint8_t)x;
    }
    return n;
}

static void check_printed(const struct rdata *r, const char *expected)
{
    struct buf text = {0};
    rdata_print(&text, r->type, slice_of(r->bytes, (size_t)r->n));
    const char *printed = text.n ? text.p : "";
    if (strcmp(printed, expected ? expected : printed) != 0)
        fail_msg("printed:\n%s\nexpected:\n%s", printed, expected);
    struct rdata *again = read_text(r->type, printed);
    if (again->n != r->n || memcmp(again->bytes, r->bytes, (size_t)r->n) != 0)
        fail_msg("printed as '%s', which reads as something else: %s", printed, again->error.text);
    free(again);
    buf_free(&text);
}

static void vectors_become_what_their_rfc_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rdata_vectors); i++) {
        const struct rdata_vector *v = &rdata_vectors[i];
        struct rdata *r = read_text(type_of(v->type), v->text);
        if (r->n < 0)
            fail_msg("%s %s: %s", v->type, v->text, r->error.text);
        char *hex = hex_of(r->bytes, r->n);
        if (strcmp(hex, v->hex) != 0)
            fail_msg("%s %s:\n%s\nexpected:\n%s", v->type, v->text, hex, v->hex);
        check_printed(r, v->printed ? v->printed : v->text);
        free(hex);
        free(r);
    }
}

static void wrong_text_is_refused_where_it_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rdata_wrong); i++) {
        const struct rdata_wrong *w = &rdata_wrong[i];
        struct rdata *r = read_text(type_of(w->type), w->text);
        if (r->n >= 0)
            fail_msg("%s %s: accepted, expected '%s'", w->type, w->text, w->why);
        if (!strstr(r->error.text, w->why))
            fail_msg("%s %s: '%s', expected '%s'", w->type, w->text, r->error.text, w->why);
        free(r);
    }
}

static bool has_vector(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(rdata_vectors); i++)
        if (type_of(rdata_vectors[i].type) == type)
            return true;
    return false;
}

static void every_type_with_a_name_has_a_vector(void **state)
{
    (void)state;
    unsigned n = 0;
    for (unsigned type = 0; type <= UINT16_MAX; type++) {
        if (!rdata_form((uint16_t)type))
            continue;
        n++;
        if (!has_vector((uint16_t)type))
            fail_msg("no vector for %s", rdata_form((uint16_t)type)->name);
    }
    assert_true(n >= 85);
}

static const struct rdata_open *open_type(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(rdata_open); i++)
        if (type_of(rdata_open[i].type) == type)
            return &rdata_open[i];
    return NULL;
}

/* What is cut off anywhere, or goes on after its end, is refused, unless the type's last field has
 * no end of its own: the table says which, and how short it may be. */
static void check_changed(const struct rdata_vector *v, const uint8_t *bytes, int n, int was)
{
    struct rdata_error error = {0};
    uint16_t type = type_of(v->type);
    uint8_t *exact = xmalloc((size_t)n + 1); /* so that a sanitizer sees a byte too far */
    memcpy(exact, bytes, (size_t)n);
    exact = xrealloc(exact, n ? (size_t)n : 1);
    const struct rdata_open *open = open_type(type);
    int e = rdata_check(type, slice_of(exact, (size_t)n), &error);
    if (e == 0 && (!open || n < open->least))
        fail_msg("%s %s: %d bytes of %d are accepted", v->type, v->text, n, was);
    if (e != 0 && !error.text[0])
        fail_msg("%s %s: %d bytes are refused without a reason", v->type, v->text, n);
    struct rdata r = {.type = type, .n = n};
    memcpy(r.bytes, exact, (size_t)n);
    if (e == 0)
        check_printed(&r, NULL);
    free(exact);
}

static void truncated_and_extended_rdata_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    for (size_t i = 0; i < ARRAY_LEN(rdata_vectors); i++) {
        const struct rdata_vector *v = &rdata_vectors[i];
        if (!rdata_form(type_of(v->type)))
            continue;
        int n = bytes_of(v, bytes);
        for (int cut = 0; cut < n; cut++)
            check_changed(v, bytes, cut, n);
        for (unsigned more = 0; more < 256; more++) {
            bytes[n] = (uint8_t)more;
            check_changed(v, bytes, n + 1, n);
        }
    }
}

static void no_data_is_refused_but_where_an_rfc_allows_it(void **state)
{
    (void)state;
    static const char *const empty[] = {"NULL", "APL"};
    for (unsigned type = 1; type <= UINT16_MAX; type++) {
        bool allowed =
            !rdata_form((uint16_t)type) && type != TYPE_OPT && (type < 128 || type > 255);
        for (size_t i = 0; i < ARRAY_LEN(empty); i++)
            allowed |= type == type_of(empty[i]);
        struct rdata *r = type < 300 || type > 32700 || type % 97 == 0
                              ? read_text((uint16_t)type, "\\# 0")
                              : NULL;
        if (r && (r->n == 0) != allowed)
            fail_msg("TYPE%u \\# 0: %s", type, r->n == 0 ? "accepted" : r->error.text);
        free(r);
    }
}

/* A name in wire format is complete and without pointers, wherever it stands. */
static void pointers_and_cut_names_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"c000", "c00c", "0161", "4161",
                                        "8161", "01",   "3f61", "0161c000"};
    for (unsigned type = 1; type < 300; type++) {
        const struct rdata_form *form = rdata_form((uint16_t)type);
        if (!form || form->n_names == 0)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
            char text[64], before[32] = "";
            for (unsigned k = 0; k < form->name_at; k++)
                strcat(before, "00");
            snprintf(text, sizeof text, "\\# %zu %s%s", (strlen(before) + strlen(wrong[i])) / 2,
                     before, wrong[i]);
            struct rdata *r = read_text((uint16_t)type, text);
            if (r->n >= 0)
                fail_msg("%s %s: accepted", form->name, text);
            free(r);
        }
    }
}

/* Whatever the bytes: accepted is what prints as a text that reads as the same bytes. */
static void random_rdata_is_a_fixed_point_or_refused(void **state)
{
    (void)state;
    struct rng rng = {.state = 20260801};
    struct rdata *r = xcalloc(1, sizeof *r);
    struct rdata_error error;
    unsigned accepted = 0;
    for (unsigned round = 0; round < 60000; round++) {
        const struct rdata_vector *v = &rdata_vectors[round % ARRAY_LEN(rdata_vectors)];
        r->type = type_of(v->type);
        r->n = bytes_of(v, r->bytes);
        for (unsigned k = 1 + rng_below(&rng, 3); k > 0 && r->n > 0; k--)
            r->bytes[rng_below(&rng, (uint32_t)r->n)] =
                (uint8_t)(rng_below(&rng, 2) ? rng_next(&rng) : rng_below(&rng, 4) - 1);
        if (rdata_check(r->type, slice_of(r->bytes, (size_t)r->n), &error) != 0)
            continue;
        accepted++;
        check_printed(r, NULL);
    }
    assert_true(accepted > 10000);
    free(r);
}

static bool same(const char *type, const char *a, const char *b)
{
    struct rdata *x = read_text(type_of(type), a), *y = read_text(type_of(type), b);
    assert_true(x->n >= 0 && y->n >= 0);
    struct slice p = slice_of(x->bytes, (size_t)x->n), q = slice_of(y->bytes, (size_t)y->n);
    int order = rdata_compare(x->type, p, q), back = rdata_compare(x->type, q, p);
    assert_true((order < 0) == (back > 0) && (order == 0) == (back == 0));
    free(x);
    free(y);
    return order == 0;
}

static void records_are_the_same_without_regard_to_case_of_names(void **state)
{
    (void)state;
    assert_true(same("CNAME", "ns1", "NS1"));
    assert_true(same("MX", "10 mail.example.com.", "10 MAIL"));
    assert_true(same("SOA", "a b 1 2 3 4 5", "A B 1 2 3 4 5"));
    assert_true(same("NAPTR", "1 2 \"s\" \"x\" \"\" a", "1 2 \"s\" \"x\" \"\" A"));
    assert_false(same("NAPTR", "1 2 \"s\" \"x\" \"\" a", "1 2 \"S\" \"x\" \"\" a"));
    assert_false(same("MX", "10 mail", "20 MAIL"));
    assert_false(same("MX", "10 mail", "10 mails"));
    assert_false(same("CNAME", "ab", "a\\034"));
    assert_false(same("TXT", "ns1", "NS1"));
    assert_false(same("SVCB", "1 a", "1 A")); /* RFC 4034 6.2 does not name it */
    assert_false(same("TYPE65280", "\\# 1 41", "\\# 1 61"));
    assert_true(same("TYPE65280", "\\# 1 41", "\\# 1 41"));
}

/* `fmt` with `number` for the `#`. */
static void fill(char *out, size_t room, const char *fmt, const char *number)
{
    int before = (int)(strchr(fmt, '#') - fmt);
    snprintf(out, room, "%.*s%s%s", before, fmt, number, fmt + before + 1);
}

/* Numbers: the last that is right and the first that is wrong, of each size. */
static void numbers_do_not_wrap(void **state)
{
    (void)state;
    static const struct {
        const char *type, *fmt; /* `#` is the number */
        uint64_t max;
    } numbers[] = {
        {"MX", "# a", 65535},
        {"SRV", "1 2 # a", 65535},
        {"CAA", "# issue \"x\"", 255},
        {"HTTPS", "# a", 65535},
        {"HTTPS", "1 . port=#", 65535},
        {"NAPTR", "# 0 a a a a", 65535},
        {"NAPTR", "0 # a a a a", 65535},
        {"TLSA", "# 0 0 00", 255},
        {"TLSA", "0 # 0 00", 255},
        {"TLSA", "0 0 # 00", 255},
        {"DS", "# 0 0 00", 65535},
        {"DS", "0 # 0 00", 255},
        {"DS", "0 0 # 00", 255},
        {"KEY", "0 # 0 AA==", 255},
        {"SSHFP", "# 0 00", 255},
        {"SSHFP", "0 # 00", 255},
        {"L32", "# 10.0.0.1", 65535},
        {"IPSECKEY", "# 0 1 . AA==", 255},
        {"IPSECKEY", "0 0 # . AA==", 255},
        {"CSYNC", "# 0 A", 4294967295},
        {"CSYNC", "0 # A", 65535},
        {"RRSIG", "A # 0 0 0 0 0 a AA==", 255},
        {"RRSIG", "A 0 0 # 0 0 0 a AA==", 4294967295},
        {"RRSIG", "A 0 0 0 # 0 0 a AA==", 4294967295},
        {"SOA", "a a # 1 1 1 1", 4294967295},
        {"SOA", "a a 1 1 1 1 #", 4294967295},
        {"SOA", "a a 1 1 1 1 #s", 4294967295},
        {"APL", "1:0.0.0.0/#", 32},
        {"APL", "2:::/#", 128},
        {"LOC", "# N 0 E 0m", 90},
        {"LOC", "0 N # E 0m", 180},
        {"LOC", "0 # N 0 E 0m", 59},
        {"LOC", "0 0 # N 0 E 0m", 59},
        {"LOC", "0 N 0 E #m", 42849672},
        {"LOC", "0 N 0 E 0m #m", 90000000},
        {"AMTRELAY", "# 0 0 .", 255},
        {"WKS", "10.0.0.1 # 1", 255},
        {"WKS", "10.0.0.1 6 #", 65535},
        {"CERT", "# 0 0 AA==", 65535},
        {"ZONEMD", "0 # 0 000000000000000000000000", 255},
    };
    static const char *const wrong[] = {
        "-1",         "+1",    "0x1",   "1e1", "99999999999999999999", "18446744073709551616",
        "4294967296", "\"1\"", "1\\050"};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char text[128], number[32];
        snprintf(number, sizeof number, "%llu", (unsigned long long)numbers[i].max);
        for (int over = 0; over < 2 + (int)ARRAY_LEN(wrong); over++) {
            if (over == 1)
                snprintf(number, sizeof number, "%llu", (unsigned long long)numbers[i].max + 1);
            fill(text, sizeof text, numbers[i].fmt, over < 2 ? number : wrong[over - 2]);
            struct rdata *r = read_text(type_of(numbers[i].type), text);
            bool altitude = strstr(numbers[i].fmt, "E #m");
            bool ok = over == 0 || (altitude && over > 1 && (over < 4)); /* a sign */
            if (strstr(numbers[i].fmt, "port=") && over > 1)
                ok =
                    strcmp(wrong[over - 2], "\"1\"") == 0 || strcmp(wrong[over - 2], "1\\050") == 0;
            if ((r->n >= 0) != ok)
                fail_msg("%s %s: %s", numbers[i].type, text,
                         r->n >= 0 ? "accepted" : r->error.text);
            free(r);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_become_what_their_rfc_says),
        cmocka_unit_test(wrong_text_is_refused_where_it_is_wrong),
        cmocka_unit_test(every_type_with_a_name_has_a_vector),
        cmocka_unit_test(truncated_and_extended_rdata_is_refused),
        cmocka_unit_test(no_data_is_refused_but_where_an_rfc_allows_it),
        cmocka_unit_test(pointers_and_cut_names_are_refused),
        cmocka_unit_test(random_rdata_is_a_fixed_point_or_refused),
        cmocka_unit_test(records_are_the_same_without_regard_to_case_of_names),
        cmocka_unit_test(numbers_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
