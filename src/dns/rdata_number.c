/* SPDX-License-Identifier: Apache-2.0
 * Fields of rdata that are numbers: with mnemonics, units, or as dates. */
#include "dns/rdata_kind.h"

#include "dns/rr_type.h"

#include <strings.h>
#include <time.h>

static uint32_t unit_of(uint8_t c)
{
    switch (c | 0x20) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default:
        return 0;
    }
}

bool rdata_seconds(struct slice text, uint32_t *out)
{
    uint64_t total = 0, x = 0;
    bool digits = false;
    for (uint32_t i = 0; i < text.n; i++) {
        if (is_digit(text.p[i])) {
            x = x * 10 + (text.p[i] - '0');
            digits = true;
            if (x > UINT32_MAX)
                return false;
            continue;
        }
        uint32_t unit = unit_of(text.p[i]);
        if (unit == 0 || !digits)
            return false;
        total += x * unit;
        if (total > UINT32_MAX)
            return false;
        x = 0;
        digits = false;
    }
    total += x;
    *out = (uint32_t)total;
    return text.n > 0 && total <= UINT32_MAX;
}

static bool is_number(struct rdata_in *in, const struct word *word, uint64_t max, uint64_t *x)
{
    return (!word->quoted && decimal_parse(slice_of(word->p, word->n), max, x)) ||
           rdata_expected(in->error, word, in->expected);
}

static bool read_u8(struct rdata_in *in, struct word *word)
{
    uint64_t x;
    if (!is_number(in, word, UINT8_MAX, &x))
        return false;
    writer_u8(&in->w, (uint8_t)x);
    return true;
}

static bool read_u16(struct rdata_in *in, struct word *word)
{
    uint64_t x;
    if (!is_number(in, word, UINT16_MAX, &x))
        return false;
    writer_u16(&in->w, (uint16_t)x);
    return true;
}

static bool read_u32(struct rdata_in *in, struct word *word)
{
    uint64_t x;
    if (!is_number(in, word, UINT32_MAX, &x))
        return false;
    writer_u32(&in->w, (uint32_t)x);
    return true;
}

static bool read_seconds(struct rdata_in *in, struct word *word)
{
    uint32_t x;
    if (word->quoted || !rdata_seconds(slice_of(word->p, word->n), &x))
        return rdata_expected(in->error, word, in->expected);
    writer_u32(&in->w, x);
    return true;
}

static bool check_u8(struct rdata_walk *walk)
{
    return reader_take(&walk->r, 1) != NULL;
}

static bool check_u16(struct rdata_walk *walk)
{
    return reader_take(&walk->r, 2) != NULL;
}

static bool check_u32(struct rdata_walk *walk)
{
    return reader_take(&walk->r, 4) != NULL;
}

static bool print_u8(struct buf *out, struct rdata_walk *walk)
{
    buf_printf(out, "%u", reader_u8(&walk->r));
    return true;
}

static bool print_u16(struct buf *out, struct rdata_walk *walk)
{
    buf_printf(out, "%u", reader_u16(&walk->r));
    return true;
}

static bool print_u32(struct buf *out, struct rdata_walk *walk)
{
    buf_printf(out, "%u", reader_u32(&walk->r));
    return true;
}

#define U8 "a number from 0 to 255"
#define U16 "a number from 0 to 65535"
const struct rdata_kind rdata_kind_U8 = {
    .expected = U8, .read = read_u8, .check = check_u8, .print = print_u8};
const struct rdata_kind rdata_kind_U16 = {
    .expected = U16, .read = read_u16, .check = check_u16, .print = print_u16};
const struct rdata_kind rdata_kind_U32 = {.expected = "a number from 0 to 4294967295",
                                          .read = read_u32,
                                          .check = check_u32,
                                          .print = print_u32};
const struct rdata_kind rdata_kind_SECONDS = {.expected = "seconds, or a duration as 1h30m",
                                              .read = read_seconds,
                                              .check = check_u32,
                                              .print = print_u32};

/* --- mnemonics; printed are the numbers --- */

struct mnemonic {
    uint16_t value;
    char text[22];
};

/* A number of at most `max`, or one of the mnemonics in any case. */
static bool read_mnemonic(struct rdata_in *in, const struct word *word, const struct mnemonic *list,
                          size_t n, uint16_t max)
{
    uint64_t x = UINT64_MAX;
    for (size_t i = 0; i < n && !word->quoted; i++)
        if (strlen(list[i].text) == word->n &&
            strncasecmp(list[i].text, (const char *)word->p, word->n) == 0)
            x = list[i].value;
    if (x == UINT64_MAX && !is_number(in, word, max, &x))
        return false;
    if (max == UINT8_MAX)
        writer_u8(&in->w, (uint8_t)x);
    else
        writer_u16(&in->w, (uint16_t)x);
    return true;
}

#define MNEMONICS(name, max, list)                                    \
    static bool read_##name(struct rdata_in *in, struct word *word)   \
    {                                                                 \
        return read_mnemonic(in, word, list, ARRAY_LEN(list), (max)); \
    }                                                                 \
    _Static_assert(1, "")

static const struct mnemonic algorithms[] = {
    {1, "RSAMD5"},
    {2, "DH"},
    {3, "DSA"},
    {4, "ECC"},
    {5, "RSASHA1"},
    {6, "DSA-NSEC3-SHA1"},
    {6, "NSEC3DSA"},
    {7, "RSASHA1-NSEC3-SHA1"},
    {7, "NSEC3RSASHA1"},
    {8, "RSASHA256"},
    {10, "RSASHA512"},
    {12, "ECC-GOST"},
    {12, "ECCGOST"},
    {13, "ECDSAP256SHA256"},
    {14, "ECDSAP384SHA384"},
    {15, "ED25519"},
    {16, "ED448"},
    {252, "INDIRECT"},
    {253, "PRIVATEDNS"},
    {254, "PRIVATEOID"},
};
static const struct mnemonic digest_types[] = {{1, "SHA-1"},  {1, "SHA1"}, {2, "SHA-256"},
                                               {2, "SHA256"}, {3, "GOST"}, {4, "SHA-384"},
                                               {4, "SHA384"}};
static const struct mnemonic cert_types[] = {{1, "PKIX"},   {2, "SPKI"},    {3, "PGP"},
                                             {4, "IPKIX"},  {5, "ISPKI"},   {6, "IPGP"},
                                             {7, "ACPKIX"}, {8, "IACPKIX"}, {253, "URI"},
                                             {254, "OID"}};
static const struct mnemonic tlsa_usages[] = {
    {0, "PKIX-TA"}, {1, "PKIX-EE"}, {2, "DANE-TA"}, {3, "DANE-EE"}, {255, "PrivCert"}};
static const struct mnemonic tlsa_selectors[] = {{0, "Cert"}, {1, "SPKI"}, {255, "PrivSel"}};
static const struct mnemonic tlsa_matchings[] = {
    {0, "Full"}, {1, "SHA2-256"}, {2, "SHA2-512"}, {255, "PrivMatch"}};
static const struct mnemonic schemes[] = {{1, "NOTIFY"}};

MNEMONICS(algorithm, UINT8_MAX, algorithms);
MNEMONICS(digest_type, UINT8_MAX, digest_types);
MNEMONICS(cert_type, UINT16_MAX, cert_types);
MNEMONICS(tlsa_usage, UINT8_MAX, tlsa_usages);
MNEMONICS(tlsa_selector, UINT8_MAX, tlsa_selectors);
MNEMONICS(tlsa_matching, UINT8_MAX, tlsa_matchings);
MNEMONICS(scheme, UINT8_MAX, schemes);

#define KIND_U8(name, reader, what)               \
    const struct rdata_kind rdata_kind_##name = { \
        .expected = what, .read = reader, .check = check_u8, .print = print_u8}
KIND_U8(ALGORITHM, read_algorithm, "an algorithm of DNSSEC: 0 to 255, or its name");
KIND_U8(DIGEST_TYPE, read_digest_type, "a digest type: 0 to 255");
KIND_U8(TLSA_USAGE, read_tlsa_usage, "a certificate usage: 0 to 255");
KIND_U8(TLSA_SELECTOR, read_tlsa_selector, "a selector: 0 to 255");
KIND_U8(TLSA_MATCHING, read_tlsa_matching, "a matching type: 0 to 255");
KIND_U8(SCHEME, read_scheme, "NOTIFY, or a scheme: 0 to 255");
const struct rdata_kind rdata_kind_CERT_TYPE = {.expected =
                                                    "a certificate type: 0 to 65535, or its name",
                                                .read = read_cert_type,
                                                .check = check_u16,
                                                .print = print_u16};

/* --- RR types --- */

static bool read_type(struct rdata_in *in, struct word *word)
{
    int type = word->quoted ? -1 : rr_type_from_text((const char *)word->p, word->n);
    if (type < 0)
        return rdata_expected(in->error, word, in->expected);
    writer_u16(&in->w, (uint16_t)type);
    return true;
}

static bool print_type(struct buf *out, struct rdata_walk *walk)
{
    char text[RR_TYPE_TEXT_MAX];
    buf_puts(out, rr_type_text(text, reader_u16(&walk->r)));
    return true;
}

const struct rdata_kind rdata_kind_TYPE = {.expected = "an RR type, by name or as TYPE65280",
                                           .read = read_type,
                                           .check = check_u16,
                                           .print = print_type};

/* --- times: YYYYMMDDHHmmSS, or seconds since 1970 (RFC 4034 3.2), modulo 2^32 --- */

#define SECONDS_A_DAY 86400

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    unsigned y = month > 2 ? year : year - 1; /* whose leap days have been */
    int64_t leaps = (int64_t)(y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
    return (int64_t)(year - 1970) * 365 + leaps + before[month - 1] + day - 1;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool parse_date(const struct word *word, uint32_t *out)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const uint8_t widths[] = {4, 2, 2, 2, 2, 2};
    unsigned v[6];
    const uint8_t *p = word->p;
    for (unsigned i = 0; i < 6; p += widths[i++]) {
        uint64_t x;
        if (!decimal_parse(slice_of(p, widths[i]), 9999, &x))
            return false;
        v[i] = (unsigned)x;
    }
    if (v[0] < 1970 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[3] > 23 || v[4] > 59 || v[5] > 60)
        return false;
    if (v[2] > month_days[v[1] - 1] + (unsigned)(v[1] == 2 && is_leap(v[0])))
        return false;
    *out = (uint32_t)(days_of(v[0], v[1], v[2]) * SECONDS_A_DAY + v[3] * 3600 + v[4] * 60 + v[5]);
    return true;
}

static bool read_time(struct rdata_in *in, struct word *word)
{
    uint64_t seconds = 0;
    uint32_t date = 0;
    bool is_date = word->n == 14;
    if (word->quoted ||
        (is_date ? !parse_date(word, &date)
                 : !decimal_parse(slice_of(word->p, word->n), UINT32_MAX, &seconds)))
        return rdata_expected(in->error, word, in->expected);
    writer_u32(&in->w, is_date ? date : (uint32_t)seconds);
    return true;
}

static bool print_time(struct buf *out, struct rdata_walk *walk)
{
    time_t seconds = (time_t)reader_u32(&walk->r);
    struct tm t;
    char text[16];
    (void)strftime(text, sizeof text, "%Y%m%d%H%M%S", gmtime_r(&seconds, &t));
    buf_puts(out, text);
    return true;
}

const struct rdata_kind rdata_kind_TIME = {.expected =
                                               "a time as YYYYMMDDHHmmSS, or seconds since 1970",
                                           .read = read_time,
                                           .check = check_u32,
                                           .print = print_time};
