/* SPDX-License-Identifier: Apache-2.0
 * Fields of rdata that are bytes: in hexadecimal, base64 and base32hex (RFC 4648 7). */
#include "dns/rdata_kind.h"

#include "base/units.h"

#include <stdlib.h>

/* --- bytes to the end --- */

static bool read_opaque(struct rdata_in *in, struct word *word)
{
    return rdata_expected(in->error, word, in->expected);
}

static bool check_any(struct rdata_walk *walk)
{
    (void)reader_take(&walk->r, reader_left(&walk->r));
    return true;
}

bool rdata_check_some(struct rdata_walk *walk)
{
    size_t n = reader_left(&walk->r);
    return reader_take(&walk->r, n ? n : 1) != NULL;
}

static struct slice rest(struct rdata_walk *walk)
{
    size_t n = reader_left(&walk->r);
    return slice_of(reader_take(&walk->r, n), n);
}

bool rdata_print_hex_field(struct buf *out, struct rdata_walk *walk)
{
    rdata_print_hex(out, rest(walk));
    return true;
}

static bool print_base64(struct buf *out, struct rdata_walk *walk)
{
    rdata_print_base64(out, rest(walk));
    return true;
}

static bool print_nothing(struct buf *out, struct rdata_walk *walk)
{
    (void)out;
    (void)walk;
    return false;
}

#define HEX_EXPECTED "hexadecimal digits"
const struct rdata_kind rdata_kind_OPAQUE = {.expected =
                                                 "\\# LENGTH HEX: the type has no other text",
                                             .read = read_opaque,
                                             .check = rdata_check_some,
                                             .print = print_nothing};
const struct rdata_kind rdata_kind_OPAQUE_ANY = {.expected =
                                                     "\\# LENGTH HEX: the type has no other text",
                                                 .read = read_opaque,
                                                 .check = check_any,
                                                 .print = print_nothing};
const struct rdata_kind rdata_kind_HEX = {.expected = HEX_EXPECTED,
                                          .read = rdata_read_hex,
                                          .check = rdata_check_some,
                                          .print = rdata_print_hex_field};
const struct rdata_kind rdata_kind_BASE64 = {.expected = "base64",
                                             .read = rdata_read_base64,
                                             .check = rdata_check_some,
                                             .print = print_base64};

static bool read_base64_dash(struct rdata_in *in, struct word *word)
{
    return (word->n == 1 && word->p[0] == '-') || rdata_read_base64(in, word);
}

static bool print_base64_dash(struct buf *out, struct rdata_walk *walk)
{
    if (reader_left(&walk->r) == 0)
        buf_puts(out, "-");
    return print_base64(out, walk);
}

const struct rdata_kind rdata_kind_BASE64_DASH = {.expected = "base64, or - for no data",
                                                  .read = read_base64_dash,
                                                  .check = check_any,
                                                  .print = print_base64_dash};

/* KEY (RFC 2535 3.1.2): both of the top bits of the flags mean that there is no key. */
static bool has_no_key(const uint8_t *rdata)
{
    return (rdata[0] & 0xc0) == 0xc0;
}

static bool read_key(struct rdata_in *in, struct word *word)
{
    bool absent = word->n == 0 && !word->quoted;
    if (absent)
        return has_no_key(in->start) || rdata_expected(in->error, word, "the key in base64");
    return rdata_read_base64(in, word);
}

static bool check_key(struct rdata_walk *walk)
{
    if (!has_no_key(walk->start))
        return rdata_check_some(walk);
    return reader_left(&walk->r) == 0 ||
           rdata_fail(walk->error, walk->r.p, "a key, but the flags say that there is none");
}

const struct rdata_kind rdata_kind_KEY_KEY = {.expected = "the key in base64",
                                              .may_be_absent = true,
                                              .read = read_key,
                                              .check = check_key,
                                              .print = print_base64};

/* --- one word with a length byte before it --- */

static bool put_length(struct rdata_in *in, const struct word *word, uint8_t *length)
{
    ptrdiff_t n = in->w.p - length - 1;
    if (in->w.bad)
        return true; /* read_field() tells */
    if (n > 255)
        return rdata_fail(in->error, word->p, "%td bytes, expected at most 255", n);
    *length = (uint8_t)n;
    return true;
}

static bool read_salt(struct rdata_in *in, struct word *word)
{
    uint8_t *length = writer_take(&in->w, 1);
    if (!length)
        return true;
    if (word->quoted)
        return rdata_expected(in->error, word, in->expected);
    if (word->n == 1 && word->p[0] == '-') {
        *length = 0;
        return true;
    }
    return rdata_put_hex(in, word->p, word->p, word->n) && put_length(in, word, length);
}

static bool check_counted(struct rdata_walk *walk)
{
    uint8_t n = reader_u8(&walk->r);
    return reader_take(&walk->r, n) != NULL;
}

static bool print_salt(struct buf *out, struct rdata_walk *walk)
{
    uint8_t n = reader_u8(&walk->r);
    const uint8_t *p = reader_take(&walk->r, n);
    if (n == 0)
        buf_puts(out, "-");
    rdata_print_hex(out, slice_of(p, n));
    return true;
}

const struct rdata_kind rdata_kind_SALT = {.expected = "a salt in hexadecimal digits, or -",
                                           .read = read_salt,
                                           .check = check_counted,
                                           .print = print_salt};

static int base32_digit(uint8_t c)
{
    if ((uint8_t)(c - '0') < 10)
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

static bool read_hash(struct rdata_in *in, struct word *word)
{
    static const bool whole[8] = {true, false, true, false, true, true, false, true};
    uint8_t *length = writer_take(&in->w, 1);
    uint32_t bits = 0;
    unsigned n = 0; /* of bits */
    bool ok = length && !word->quoted && whole[word->n % 8];
    for (uint32_t i = 0; ok && i < word->n; i++) {
        int x = base32_digit(word->p[i]);
        ok = x >= 0;
        bits = (bits << 5 | (uint32_t)(x & 31)) & 0x1fff;
        n += 5;
        if (n >= 8) {
            n -= 8;
            writer_u8(&in->w, (uint8_t)(bits >> n));
        }
    }
    if (!ok || (bits & ((1u << n) - 1)))
        return rdata_expected(in->error, word, in->expected);
    return put_length(in, word, length);
}

#define SHA1_BYTES 20 /* the one algorithm, 1 at offset 0 (RFC 5155 11) */

static bool check_hash(struct rdata_walk *walk)
{
    uint8_t n = reader_u8(&walk->r);
    if (walk->start[0] == 1 && n != SHA1_BYTES && !walk->r.bad)
        return rdata_fail(walk->error, walk->r.p, "a hash of %u byte%s, expected 20: that of SHA-1",
                          n, units_plural(n));
    return n == 0 ? reader_take(&walk->r, reader_left(&walk->r) + 1) != NULL
                  : reader_take(&walk->r, n) != NULL;
}

static bool print_hash(struct buf *out, struct rdata_walk *walk)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
    uint8_t n = reader_u8(&walk->r);
    const uint8_t *p = reader_take(&walk->r, n);
    uint32_t bits = 0;
    unsigned have = 0;
    for (unsigned i = 0; i < n; i++) {
        bits = (bits << 8 | p[i]) & 0xfff;
        for (have += 8; have >= 5; have -= 5)
            buf_add(out, &digits[bits >> (have - 5) & 31], 1);
    }
    if (have > 0)
        buf_add(out, &digits[bits << (5 - have) & 31], 1);
    return true;
}

const struct rdata_kind rdata_kind_HASH = {
    .expected = "a hash in base32hex", .read = read_hash, .check = check_hash, .print = print_hash};

/* --- NSAP (RFC 1706 5) --- */

static bool read_nsap(struct rdata_in *in, struct word *word)
{
    size_t digits = 0;
    if (word->quoted || word->n < 3 || word->p[0] != '0' || (word->p[1] | 0x20) != 'x')
        return rdata_expected(in->error, word, in->expected);
    uint8_t *text = xmalloc(word->n);
    for (uint32_t i = 2; i < word->n; i++)
        if (word->p[i] != '.')
            text[digits++] = word->p[i];
    bool ok = rdata_put_hex(in, word->p, text, digits);
    free(text);
    return ok;
}

static bool print_nsap(struct buf *out, struct rdata_walk *walk)
{
    buf_puts(out, "0x");
    return rdata_print_hex_field(out, walk);
}

const struct rdata_kind rdata_kind_NSAP = {.expected = "0x and hexadecimal digits",
                                           .read = read_nsap,
                                           .check = rdata_check_some,
                                           .print = print_nsap};
