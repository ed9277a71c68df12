/* SPDX-License-Identifier: Apache-2.0
 * Rdata: walking the fields of a type, to read, check, print, and compare. */
#include "dns/rdata_kind.h"

#include "base/diag.h"
#include "base/units.h"
#include "dns/name.h"
#include "dns/types.h"

static const struct rdata_kind *const kinds[FIELD_COUNT] = {
#define X(name) [FIELD_##name] = &rdata_kind_##name,
    RDATA_KINDS(X)
#undef X
};

/* --- checking --- */

/* Types that are not data but questions about it, or belong to a message (RFC 6895 3.1). */
static bool is_meta_type(uint16_t type)
{
    return type == 0 || type == TYPE_OPT || (type >= 128 && type <= 255);
}

static bool check_field(struct rdata_walk *walk, const struct rdata_kind *kind)
{
    const uint8_t *at = walk->r.p;
    walk->error->text[0] = '\0';
    bool ok = kind->check(walk);
    if (LIKELY(ok && !walk->r.bad))
        return true;
    if (walk->r.bad)
        return rdata_fail(walk->error, at, "the data ends after %td byte%s, expected %s",
                          walk->r.end - walk->start,
                          units_plural((uint64_t)(walk->r.end - walk->start)), kind->expected);
    return walk->error->text[0] ? false
                                : rdata_fail(walk->error, at, "expected %s", kind->expected);
}

int rdata_check(uint16_t type, struct slice rdata, struct rdata_error *error)
{
    const struct rdata_form *form = rdata_form(type);
    struct rdata_walk walk = {reader_of(rdata.p, rdata.n), rdata.p, error};
    error->at = rdata.p;
    if (is_meta_type(type) || rdata.n > RDATA_MAX) {
        rdata_fail(error, rdata.p,
                   rdata.n > RDATA_MAX ? "the data is longer than 65535 bytes"
                                       : "the type exists in messages only");
        return E_SYNTAX;
    }
    for (unsigned i = 0; form && form->fields[i]; i++)
        if (!check_field(&walk, kinds[form->fields[i]]))
            return E_SYNTAX;
    if (form && reader_left(&walk.r) > 0) {
        rdata_fail(error, walk.r.p, "%zu byte%s behind the last field, expected none",
                   reader_left(&walk.r), units_plural(reader_left(&walk.r)));
        return E_SYNTAX;
    }
    return 0;
}

/* --- reading --- */

static bool is_generic(const struct word *word)
{
    return word->n == 2 && word->p[0] == '\\' && word->p[1] == '#' && !word->quoted;
}

/* `\# LENGTH HEX...` (RFC 3597 5); `word` is the first of it. */
static bool read_generic(struct rdata_in *in, uint16_t type, const struct word *first)
{
    struct word word;
    struct rdata_error error;
    uint64_t length = 0;
    int result;
    static const char expected[] = "the length of the data after \\#, 0 to 65535";
    if (!rdata_word(in, &word, expected))
        return false;
    if (word.quoted || !decimal_parse(slice_of(word.p, word.n), RDATA_MAX, &length))
        return rdata_expected(in->error, &word, expected);
    in->expected = "hexadecimal digits";
    result = rdata_next(in, &word);
    if (result < 0 || (result > 0 && !rdata_read_hex(in, &word)))
        return false;
    size_t n = (size_t)(in->w.p - in->start);
    if (in->w.bad)
        return rdata_too_long(in, first->p);
    if (n != length)
        return rdata_fail(in->error, first->p, "%zu byte%s in hexadecimal digits, expected %u", n,
                          units_plural(n), (unsigned)length);
    return rdata_check(type, slice_of(in->start, n), &error) == 0 ||
           rdata_fail(in->error, first->p, "not the data of the type: %s", error.text);
}

/* A field of text, and what it became is checked at once: a mistake is told where it stands. */
static bool read_field(struct rdata_in *in, const struct rdata_kind *kind, struct word *word)
{
    struct rdata_error error = {0};
    const uint8_t *at = word->p;
    uint8_t *field = in->w.p;
    in->expected = kind->expected;
    if (!kind->read(in, word))
        return false;
    if (UNLIKELY(in->w.bad))
        return rdata_too_long(in, at);
    struct rdata_walk walk = {{field, in->w.p, false}, in->start, &error};
    if (LIKELY(kind->check(&walk) && !walk.r.bad && walk.r.p == walk.r.end))
        return true;
    if (error.text[0])
        return rdata_fail(in->error, at, "%s", error.text);
    return rdata_expected(in->error, &(struct word){at, word->n, word->quoted}, kind->expected);
}

static bool read_fields(struct rdata_in *in, const struct rdata_form *form, struct word *word)
{
    for (unsigned i = 0; form->fields[i]; i++) {
        const struct rdata_kind *kind = kinds[form->fields[i]];
        int result = i > 0 ? rdata_next(in, word) : 1;
        if (result < 0 || (result == 0 && !kind->may_be_absent &&
                           !rdata_expected(in->error, word, kind->expected)))
            return false;
        if (!read_field(in, kind, word))
            return false;
    }
    return true;
}

static bool read_type(struct rdata_in *in, uint16_t type)
{
    struct word word;
    const struct rdata_form *form = rdata_form(type);
    const struct rdata_kind *first = form ? kinds[form->fields[0]] : NULL;
    int result = rdata_next(in, &word);
    if (result < 0)
        return false;
    if (is_meta_type(type))
        return rdata_fail(in->error, word.p, "the type exists in messages only");
    if (result > 0 && UNLIKELY(is_generic(&word))) {
        if (!read_generic(in, type, &word))
            return false;
    } else if (!form) {
        return rdata_expected(in->error, &word, "\\# LENGTH HEX: the type is unknown");
    } else if ((result == 0 && !first->may_be_absent &&
                !rdata_expected(in->error, &word, first->expected)) ||
               !read_fields(in, form, &word)) {
        return false;
    }
    result = rdata_next(in, &word);
    return result == 0 || (result > 0 && rdata_expected(in->error, &word, "the end of the line"));
}

int rdata_read(uint8_t *out, size_t room, struct scan *scan, uint16_t type, struct slice origin,
               struct rdata_error *error)
{
    struct rdata_in in = {
        .scan = scan, .origin = origin, .w = writer_of(out, room), .start = out, .error = error};
    return read_type(&in, type) ? (int)(in.w.p - out) : E_SYNTAX;
}

/* --- printing and comparing --- */

static void print_generic(struct buf *out, struct slice rdata)
{
    buf_printf(out, "\\# %u%s", rdata.n, rdata.n ? " " : "");
    rdata_print_hex(out, rdata);
}

void rdata_print(struct buf *out, uint16_t type, struct slice rdata)
{
    struct rdata_error error;
    const struct rdata_form *form = rdata_form(type);
    struct rdata_walk walk = {reader_of(rdata.p, rdata.n), rdata.p, &error};
    size_t before = out->n;
    bool ok = form && rdata_check(type, rdata, &error) == 0;
    for (unsigned i = 0; ok && form->fields[i]; i++) {
        const struct rdata_kind *kind = kinds[form->fields[i]];
        size_t n = out->n;
        if (i > 0)
            buf_puts(out, " ");
        ok = kind->print(out, &walk);
        if (i > 0 && out->n == n + 1)
            out->n = n; /* an optional field that is not there */
    }
    if (ok && out->n > before) {
        out->p[out->n] = '\0';
        return;
    }
    out->n = before; /* an empty text stands for nothing in a message: APL without prefixes */
    print_generic(out, rdata);
}

static int compare_folded(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint8_t x[NAME_WIRE_MAX], y[NAME_WIRE_MAX];
    name_lower(x, slice_of(a, n));
    name_lower(y, slice_of(b, n));
    return memcmp(x, y, n);
}

int rdata_compare(uint16_t type, struct slice a, struct slice b)
{
    struct rdata_error error;
    const struct rdata_form *form = rdata_form(type);
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    if (a.n == 0)
        return 0;
    if (!form || !form->ignores_case)
        return memcmp(a.p, b.p, a.n);
    /* Up to the first difference, both have the same fields at the same places. */
    struct rdata_walk walk = {reader_of(a.p, a.n), a.p, &error};
    int order = 0;
    for (unsigned i = 0; order == 0 && form->fields[i]; i++) {
        const struct rdata_kind *kind = kinds[form->fields[i]];
        const uint8_t *field = walk.r.p, *other = b.p + (field - a.p);
        if (!kind->check(&walk))
            return 0;
        size_t n = (size_t)(walk.r.p - field);
        order = kind->is_name ? compare_folded(field, other, n) : memcmp(field, other, n);
    }
    return order;
}

bool rdata_begins_with_string(uint16_t type)
{
    const struct rdata_form *form = rdata_form(type);
    return form && kinds[form->fields[0]]->is_string;
}
