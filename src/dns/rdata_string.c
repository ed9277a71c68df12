/* SPDX-License-Identifier: Apache-2.0
 * Fields of rdata that are names and character-strings. */
#include "dns/rdata_kind.h"

#include "dns/name.h"

#include <stdlib.h>

/* --- names --- */

bool rdata_read_name(struct rdata_in *in, struct word *word)
{
    const char *why;
    if (UNLIKELY(word->quoted))
        return rdata_expected(in->error, word, "a domain name without quotes");
    if (UNLIKELY((size_t)(in->w.end - in->w.p) < NAME_WIRE_MAX))
        return rdata_too_long(in, word->p);
    int n = name_from_word(in->w.p, word, in->origin, false, &why);
    if (UNLIKELY(n < 0))
        return rdata_fail(in->error, word->p, "'%.*s' is not a domain name: %s",
                          (int)(word->n < 80 ? word->n : 80), (const char *)word->p, why);
    in->w.p += n;
    return true;
}

bool rdata_check_name(struct rdata_walk *walk)
{
    const uint8_t *at = walk->r.p;
    int n = name_check(slice_of(at, reader_left(&walk->r)));
    if (LIKELY(n > 0))
        return reader_take(&walk->r, (size_t)n) != NULL;
    if (reader_left(&walk->r) == 0)
        return reader_take(&walk->r, 1) != NULL; /* marks what is missing */
    return rdata_fail(walk->error, at,
                      "no complete domain name, expected labels of 1 to 63 bytes, 255 in all, "
                      "without compression");
}

bool rdata_print_name(struct buf *out, struct rdata_walk *walk)
{
    char text[NAME_TEXT_MAX];
    int n = name_check(slice_of(walk->r.p, reader_left(&walk->r)));
    const uint8_t *name = reader_take(&walk->r, (size_t)n);
    buf_puts(out, name_to_text(text, slice_of(name, (size_t)n)));
    return true;
}

const struct rdata_kind rdata_kind_NAME = {.expected = "a domain name",
                                           .is_name = true,
                                           .read = rdata_read_name,
                                           .check = rdata_check_name,
                                           .print = rdata_print_name};

/* --- strings --- */

static const char bad_escape[] = "expected \\DDD (000 to 255) or \\X";

uint8_t *rdata_unescaped(struct rdata_in *in, const struct word *word, uint32_t *n)
{
    uint8_t *bytes = xmalloc(word->n + 1), *o = bytes;
    for (const uint8_t *p = word->p, *end = p + word->n; p < end;) {
        int c = scan_unescape(&p, end);
        if (c < 0) {
            rdata_fail(in->error, p, "%s", bad_escape);
            free(bytes);
            return NULL;
        }
        *o++ = (uint8_t)c;
    }
    *n = (uint32_t)(o - bytes);
    return bytes;
}

/* The bytes of a word; `prefix` is 1 for a string with a length byte, 0 for the rest of the rdata.
 */
static bool put_string(struct rdata_in *in, const struct word *word, unsigned prefix)
{
    struct writer *w = &in->w;
    const uint8_t *p = word->p, *end = p + word->n;
    uint8_t *length = prefix ? writer_take(w, 1) : NULL, *first = w->p;
    const uint8_t *escape = memchr(p, '\\', word->n);
    writer_bytes(w, p, (size_t)((escape ? escape : end) - p));
    for (p = escape ? escape : end; p < end && !w->bad;) {
        int c = scan_unescape(&p, end);
        if (c < 0)
            return rdata_fail(in->error, p, "%s", bad_escape);
        writer_u8(w, (uint8_t)c);
    }
    if (w->bad)
        return rdata_too_long(in, word->p);
    if (length) {
        if (w->p - first > 255)
            return rdata_fail(in->error, word->p,
                              "a string of %td bytes, expected at most 255: write it as several",
                              w->p - first);
        *length = (uint8_t)(w->p - first);
    }
    return true;
}

static bool read_string(struct rdata_in *in, struct word *word)
{
    return put_string(in, word, 1);
}

static bool read_strings(struct rdata_in *in, struct word *word)
{
    int result;
    do {
        if (!put_string(in, word, 1))
            return false;
    } while ((result = rdata_next(in, word)) > 0);
    return result == 0;
}

static bool read_string_last(struct rdata_in *in, struct word *word)
{
    return (word->n == 0 && !word->quoted) || put_string(in, word, 1);
}

static bool check_string(struct rdata_walk *walk)
{
    uint8_t n = reader_u8(&walk->r);
    return reader_take(&walk->r, n) != NULL;
}

static bool check_strings(struct rdata_walk *walk)
{
    do {
        if (!check_string(walk))
            return false;
    } while (reader_left(&walk->r) > 0);
    return true;
}

static bool check_string_last(struct rdata_walk *walk)
{
    return reader_left(&walk->r) == 0 || check_string(walk);
}

void rdata_print_quoted(struct buf *out, struct slice bytes)
{
    buf_puts(out, "\"");
    for (uint32_t i = 0; i < bytes.n; i++) {
        uint8_t c = bytes.p[i];
        if (c < 0x20 || c >= 0x7f)
            buf_printf(out, "\\%03u", c);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else
            buf_add(out, &c, 1);
    }
    buf_puts(out, "\"");
}

static bool print_string(struct buf *out, struct rdata_walk *walk)
{
    uint8_t n = reader_u8(&walk->r);
    rdata_print_quoted(out, slice_of(reader_take(&walk->r, n), n));
    return true;
}

static bool print_strings(struct buf *out, struct rdata_walk *walk)
{
    print_string(out, walk);
    while (reader_left(&walk->r) > 0) {
        buf_puts(out, " ");
        print_string(out, walk);
    }
    return true;
}

static bool print_string_last(struct buf *out, struct rdata_walk *walk)
{
    return reader_left(&walk->r) == 0 || print_string(out, walk);
}

const struct rdata_kind rdata_kind_STRING = {.is_string = true,

                                             .expected = "a string",
                                             .read = read_string,
                                             .check = check_string,
                                             .print = print_string};
const struct rdata_kind rdata_kind_STRINGS = {.is_string = true,

                                              .expected = "a string",
                                              .read = read_strings,
                                              .check = check_strings,
                                              .print = print_strings};
const struct rdata_kind rdata_kind_STRING_LAST = {.expected = "a string, or none",
                                                  .may_be_absent = true,
                                                  .read = read_string_last,
                                                  .check = check_string_last,
                                                  .print = print_string_last};

/* --- an X.25 address (RFC 1183 3.1) --- */

static bool check_digits(struct rdata_walk *walk)
{
    uint8_t n = reader_u8(&walk->r);
    const uint8_t *p = reader_take(&walk->r, n);
    bool ok = p && n >= 4;
    for (unsigned i = 0; ok && i < n; i++)
        ok = is_digit(p[i]);
    return ok || (!walk->r.bad && rdata_fail(walk->error, p, "no X.25 address, expected %s",
                                             rdata_kind_DIGITS.expected));
}

const struct rdata_kind rdata_kind_DIGITS = {.is_string = true,
                                             .expected = "a string of four or more digits",
                                             .read = read_string,
                                             .check = check_digits,
                                             .print = print_string};

/* --- CAA (RFC 8659 4.1), URI (RFC 7553 4.4) --- */

static bool read_tag(struct rdata_in *in, struct word *word)
{
    if (word->n > 255 || word->quoted)
        return rdata_expected(in->error, word, in->expected);
    writer_u8(&in->w, (uint8_t)word->n);
    writer_bytes(&in->w, word->p, word->n);
    return true;
}

static bool check_tag(struct rdata_walk *walk)
{
    uint8_t n = reader_u8(&walk->r);
    const uint8_t *p = reader_take(&walk->r, n);
    bool ok = p && n > 0;
    for (unsigned i = 0; ok && i < n; i++)
        ok = is_digit(p[i]) || (uint8_t)((p[i] | 0x20) - 'a') < 26;
    return ok; /* read_field() tells what was expected */
}

static bool print_tag(struct buf *out, struct rdata_walk *walk)
{
    uint8_t n = reader_u8(&walk->r);
    buf_add(out, reader_take(&walk->r, n), n);
    return true;
}

static bool read_value(struct rdata_in *in, struct word *word)
{
    return put_string(in, word, 0);
}

static bool check_value(struct rdata_walk *walk)
{
    return reader_take(&walk->r, reader_left(&walk->r)) != NULL || walk->r.p == NULL;
}

static bool check_target(struct rdata_walk *walk)
{
    if (reader_left(&walk->r) == 0)
        return reader_take(&walk->r, 1) != NULL;
    return check_value(walk);
}

static bool print_value(struct buf *out, struct rdata_walk *walk)
{
    size_t n = reader_left(&walk->r);
    rdata_print_quoted(out, slice_of(reader_take(&walk->r, n), n));
    return true;
}

const struct rdata_kind rdata_kind_TAG = {.expected =
                                              "a CAA property (issue, issuewild, iodef, ...)",
                                          .read = read_tag,
                                          .check = check_tag,
                                          .print = print_tag};
const struct rdata_kind rdata_kind_VALUE = {.expected = "the value of the CAA property",
                                            .read = read_value,
                                            .check = check_value,
                                            .print = print_value};
const struct rdata_kind rdata_kind_TARGET = {
    .expected = "a URI in quotes", .read = read_value, .check = check_target, .print = print_value};
