/* SPDX-License-Identifier: Apache-2.0
 * Bytes as text: hexadecimal, and base64 (RFC 4648 4). */
#include "dns/rdata_kind.h"

#include "base/units.h"

#include <stdlib.h>

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
        if (hex_digit(p[i]) < 0)
            return rdata_fail(in->error, at, "'%.*s', expected hexadecimal digits",
                              (int)(n < 60 ? n : 60), (const char *)p);
    if (n % 2)
        return rdata_fail(in->error, at, "%zu hexadecimal digit%s, expected an even number", n,
                          units_plural(n));
    for (size_t i = 0; i < n; i += 2)
        writer_u8(&in->w, (uint8_t)(hex_digit(p[i]) << 4 | hex_digit(p[i + 1])));
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

bool rdata_read_base64(struct rdata_in *in, struct word *word)
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
