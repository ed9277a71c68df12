/* SPDX-License-Identifier: Apache-2.0
 * TTL, class and type of a record. */
#include "config/zone_preamble.h"

#include "base/digits.h"
#include "config/zone_slips.h"
#include "config/zonefile.h"
#include "dns/rr.h"
#include "dns/types.h"

#include <strings.h>

/* Up to eight bytes in upper case as one number, so that words are compared at once. */
static uint64_t word_key(const struct word *word)
{
    uint64_t key = 0;
    for (uint32_t i = 0; i < word->n; i++) {
        uint8_t c = word->p[i];
        key = key << 8 | (uint8_t)(c - ((uint8_t)(c - 'a') < 26) * 32);
    }
    return key;
}

#define K1(a) ((uint64_t)(a))
#define K2(a, b) (K1(a) << 8 | (b))
#define K3(a, b, c) (K2(a, b) << 8 | (c))
#define K4(a, b, c, d) (K3(a, b, c) << 8 | (d))
#define K5(a, b, c, d, e) (K4(a, b, c, d) << 8 | (e))

/* The types that zones are full of; any other is for rr_type_from_text(). -1: none of them. */
static int common_type(uint64_t key)
{
    switch (key) {
    case K1('A'):
        return TYPE_A;
    case K4('A', 'A', 'A', 'A'):
        return TYPE_AAAA;
    case K2('N', 'S'):
        return TYPE_NS;
    case K5('C', 'N', 'A', 'M', 'E'):
        return TYPE_CNAME;
    case K3('P', 'T', 'R'):
        return TYPE_PTR;
    case K2('M', 'X'):
        return TYPE_MX;
    case K3('T', 'X', 'T'):
        return TYPE_TXT;
    case K3('S', 'R', 'V'):
        return TYPE_SRV;
    case K3('C', 'A', 'A'):
        return TYPE_CAA;
    case K2('D', 'S'):
        return TYPE_DS;
    case K5('R', 'R', 'S', 'I', 'G'):
        return TYPE_RRSIG;
    case K4('N', 'S', 'E', 'C'):
        return TYPE_NSEC;
    case K5('D', 'N', 'A', 'M', 'E'):
        return TYPE_DNAME;
    case K3('S', 'O', 'A'):
        return TYPE_SOA;
    case K4('P', 'O', 'O', 'L'):
        return TYPE_POOL;
    default:
        return -1;
    }
}

enum class_word { NOT_A_CLASS, CLASS_IS_IN, CLASS_IS_OTHER };

static enum class_word class_of(const struct word *word, uint64_t key)
{
    switch (key) {
    case K2('I', 'N'):
        return CLASS_IS_IN;
    case K2('C', 'H'):
    case K2('H', 'S'):
    case K2('C', 'S'):
    case K4('N', 'O', 'N', 'E'):
        return CLASS_IS_OTHER;
    default:
        if (word->n > 5 && word->n <= 10 && strncasecmp((const char *)word->p, "CLASS", 5) == 0)
            return word->n == 6 && word->p[5] == '1' ? CLASS_IS_IN : CLASS_IS_OTHER;
        return NOT_A_CLASS;
    }
}

static bool read_type(struct zone_reader *r, const struct word *word, uint64_t key,
                      struct preamble *out)
{
    const char *expected =
        out->has_ttl || out->has_class ? TYPE_EXPECTED : TYPE_EXPECTED ", a class or a TTL";
    out->type = common_type(key);
    if (LIKELY(out->type >= 0))
        return true;
    out->type = word->quoted ? -1 : rr_type_from_text((const char *)word->p, word->n);
    if (out->type < 0) {
        const char *instead = slips_foreign_type(slice_of(word->p, word->n));
        return instead ? reader_fail(r, word->p, "%s", instead)
                       : reader_expected(r, word, expected);
    }
    if (out->type == TYPE_OPT || (out->type >= 249 && out->type <= 255) || out->type == 0)
        return reader_fail(r, word->p, "type %.*s exists in messages only, expected one of records",
                           (int)word->n, (const char *)word->p);
    return true;
}

bool reader_preamble(struct zone_reader *r, struct word *word, struct preamble *out)
{
    for (;;) {
        uint64_t key = word->n <= 8 ? word_key(word) : 0;
        bool digit = is_digit(word->p[0]) && !word->quoted && word->n > 0;
        enum class_word class = class_of(word, key);
        if (digit && !out->has_ttl) {
            if (!zonefile_ttl(word->p, word->n, &out->ttl_s))
                return reader_expected(r, word, "a TTL in seconds, or as 1h30m");
            if (out->ttl_s > TTL_LIMIT)
                return reader_expected(r, word, "a TTL of at most 2147483647 seconds");
            out->has_ttl = true;
        } else if (class != NOT_A_CLASS && !out->has_class) {
            if (class == CLASS_IS_OTHER)
                return reader_expected(r, word, "class IN: no other is served");
            out->has_class = true;
        } else {
            return read_type(r, word, key, out);
        }
        if (!reader_word(r, word, TYPE_EXPECTED))
            return false;
    }
}
