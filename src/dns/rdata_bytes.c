/* SPDX-License-Identifier: Apache-2.0
 * Fields of rdata that are bytes: in hexadecimal, base64 (RFC 4648 4) and base32hex (RFC 4648 7).
 */
#include "dns/rdata_kind.h"

#include "base/units.h"

#include <stdlib.h>

int rdata_hex_digit(uint8_t c)
{
    if ((uint8_t)(c - '0') < 10)
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* --- text that may be in several words --- */

/* The rest of the entry without what separates its words, to malloc()ed memory; NULL with the error
 * filled. */
static uint8_t *join_words(struct rdata_in *in, struct word *word, size_t *n)
{
    size_t cap = 0;
    uint8_t *bytes = NULL;
    int result;
    *n = 0;
    do {
        if (word->quoted) {
            rdata_expected(in->error, word, in->expected);
            free(bytes);
            return NULL;
        }
        if (*n + word->n > cap) {
            cap = 2 * cap + word->n + 64;
            bytes = xrealloc(bytes, cap);
        }
        memcpy(bytes + *n, word->p, word->n);
        *n += word->n;
    } while ((result = rdata_next(in, word)) > 0);
    if (result == 0)
        return bytes;
    free(bytes);
    return NULL;
}

bool rdata_put_hex(struct rdata_in *in, const uint8_t *at, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rdata_hex_digit(p[i]) < 0)
            return rdata_fail(in->error, at, "'%.*s', expected hexadecimal digits",
                              (int)(n < 60 ? n : 60), (const char *)p);
    if (n % 2)
        return rdata_fail(in->error, at, "%zu hexadecimal digit%s, expected an even number", n,
                          units_plural(n));
    for (size_t i = 0; i < n; i += 2)
        writer_u8(&in->w, (uint8_t)(rdata_hex_digit(p[i]) << 4 | rdata_hex_digit(p[i + 1])));
    return true;
}

bool rdata_read_hex(struct rdata_in *in, struct word *word)
{
    const uint8_t *at = word->p;
    size_t n;
    uint8_t *digits = join_words(in, word, &n);
    bool ok = digits && rdata_put_hex(in, at, digits, n);
    free(digits);
    return ok;
}

static int base64_digit(uint8_t c)
{
    if ((uint8_t)(c - 'A') < 26)
        return c - 'A';
    if ((uint8_t)(c - 'a') < 26)
        return c - 'a' + 26;
    if ((uint8_t)(c - '0') < 10)
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Groups of four; bits that stand for nothing are zero, so that each text is of one value. */
bool rdata_put_base64(struct rdata_in *in, const uint8_t *at, struct slice text)
{
    uint32_t digits = text.n;
    while (digits > 0 && digits + 2 > text.n && text.p[digits - 1] == '=')
        digits--;
    bool ok = text.n % 4 == 0 && digits % 4 != 1;
    uint32_t bits = 0;
    for (uint32_t i = 0; ok && i < digits; i++) {
        int x = base64_digit(text.p[i]);
        ok = x >= 0;
        bits = (bits << 6 | (uint32_t)(x & 63)) & 0xffffff;
        if (i % 4 > 0)
            writer_u8(&in->w, (uint8_t)(bits >> (6 - 2 * (i % 4))));
    }
    if (digits % 4)
        ok = ok && (bits & (digits % 4 == 2 ? 0xf : 0x3)) == 0;
    return ok || rdata_fail(in->error, at, "'%.*s', expected base64: groups of four characters",
                            (int)(text.n < 60 ? text.n : 60), (const char *)text.p);
}

static bool read_base64(struct rdata_in *in, struct word *word)
{
    const uint8_t *at = word->p;
    size_t n;
    uint8_t *text = join_words(in, word, &n);
    bool ok = text && rdata_put_base64(in, at, slice_of(text, n));
    free(text);
    return ok;
}

void rdata_print_hex(struct buf *out, struct slice bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    for (uint32_t i = 0; i < bytes.n; i++) {
        buf_add(out, &digits[bytes.p[i] >> 4], 1);
        buf_add(out, &digits[bytes.p[i] & 15], 1);
    }
}

void rdata_print_base64(struct buf *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (uint32_t i = 0; i < bytes.n; i += 3) {
        uint32_t left = bytes.n - i;
        uint32_t x = (uint32_t)bytes.p[i] << 16 | (left > 1 ? (uint32_t)bytes.p[i + 1] << 8 : 0) |
                     (left > 2 ? bytes.p[i + 2] : 0);
        char group[4] = {digits[x >> 18], digits[x >> 12 & 63],
                         left > 1 ? digits[x >> 6 & 63] : '=', left > 2 ? digits[x & 63] : '='};
        buf_add(out, group, 4);
    }
}

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

static bool check_some(struct rdata_walk *walk)
{
    size_t n = reader_left(&walk->r);
    return reader_take(&walk->r, n ? n : 1) != NULL;
}

static struct slice rest(struct rdata_walk *walk)
{
    size_t n = reader_left(&walk->r);
    return slice_of(reader_take(&walk->r, n), n);
}

static bool print_hex(struct buf *out, struct rdata_walk *walk)
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
                                             .check = check_some,
                                             .print = print_nothing};
const struct rdata_kind rdata_kind_OPAQUE_ANY = {.expected =
                                                     "\\# LENGTH HEX: the type has no other text",
                                                 .read = read_opaque,
                                                 .check = check_any,
                                                 .print = print_nothing};
const struct rdata_kind rdata_kind_HEX = {
    .expected = HEX_EXPECTED, .read = rdata_read_hex, .check = check_some, .print = print_hex};
const struct rdata_kind rdata_kind_BASE64 = {
    .expected = "base64", .read = read_base64, .check = check_some, .print = print_base64};

static bool read_base64_dash(struct rdata_in *in, struct word *word)
{
    return (word->n == 1 && word->p[0] == '-') || read_base64(in, word);
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
    return read_base64(in, word);
}

static bool check_key(struct rdata_walk *walk)
{
    if (!has_no_key(walk->start))
        return check_some(walk);
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
    return print_hex(out, walk);
}

const struct rdata_kind rdata_kind_NSAP = {.expected = "0x and hexadecimal digits",
                                           .read = read_nsap,
                                           .check = check_some,
                                           .print = print_nsap};

/* --- digests: as long as their algorithm says --- */

struct digest {
    uint8_t algorithm, length;
    const char *name;
};

static bool check_digest(struct rdata_walk *walk, const struct digest *list, size_t n,
                         uint8_t algorithm)
{
    size_t length = reader_left(&walk->r);
    const uint8_t *at = walk->r.p;
    for (size_t i = 0; i < n; i++)
        if (list[i].algorithm == algorithm && list[i].length != length)
            return rdata_fail(walk->error, at, "a digest of %zu byte%s, expected %u: that of %s",
                              length, units_plural(length), list[i].length, list[i].name);
    return check_some(walk);
}

/* RFC 4509, 5933, 6605; 0 is a deletion (RFC 8078 4), which DS does not know, nor forbid. */
static bool check_ds_digest(struct rdata_walk *walk)
{
    static const struct digest list[] = {
        {1, 20, "SHA-1"}, {2, 32, "SHA-256"}, {3, 32, "GOST"}, {4, 48, "SHA-384"}};
    return check_digest(walk, list, ARRAY_LEN(list), walk->start[3]);
}

/* RFC 4255 3.1.2, 6594 4.2 */
static bool check_sshfp_digest(struct rdata_walk *walk)
{
    static const struct digest list[] = {{1, 20, "SHA-1"}, {2, 32, "SHA-256"}};
    return check_digest(walk, list, ARRAY_LEN(list), walk->start[1]);
}

/* RFC 6698 2.1.3 */
static bool check_tlsa_digest(struct rdata_walk *walk)
{
    static const struct digest list[] = {{1, 32, "SHA-256"}, {2, 64, "SHA-512"}};
    return check_digest(walk, list, ARRAY_LEN(list), walk->start[2]);
}

/* RFC 8976 2.2: 12 bytes or more, whatever the algorithm */
static bool check_zonemd_digest(struct rdata_walk *walk)
{
    static const struct digest list[] = {{1, 48, "SHA-384"}, {2, 64, "SHA-512"}};
    size_t n = reader_left(&walk->r);
    if (n > 0 && n < 12)
        return rdata_fail(walk->error, walk->r.p, "a digest of %zu byte%s, expected 12 or more", n,
                          units_plural(n));
    return check_digest(walk, list, ARRAY_LEN(list), walk->start[5]);
}

#define DIGEST(name, checker)                                                                  \
    const struct rdata_kind rdata_kind_##name = {.expected = "a digest in hexadecimal digits", \
                                                 .read = rdata_read_hex,                       \
                                                 .check = checker,                             \
                                                 .print = print_hex}
DIGEST(DS_DIGEST, check_ds_digest);
DIGEST(SSHFP_DIGEST, check_sshfp_digest);
DIGEST(TLSA_DIGEST, check_tlsa_digest);
DIGEST(ZONEMD_DIGEST, check_zonemd_digest);
