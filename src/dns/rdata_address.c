/* SPDX-License-Identifier: Apache-2.0
 * Fields of rdata that are addresses: IP, EUI, ILNP, and the forms of APL and A6. */
#include "dns/rdata_kind.h"

#include "base/ip.h"

#include <arpa/inet.h>

/* There is always a byte after a word: the scanner's text ends in a NUL. */
bool rdata_ipv4(struct slice text, uint8_t out[4])
{
    const uint8_t *p = text.p;
    uint32_t address = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0 && *p++ != '.')
            return false;
        unsigned x = (uint8_t)(*p++ - '0');
        if (x > 9)
            return false;
        unsigned next = (uint8_t)(*p - '0');
        if (next <= 9) {
            if (x == 0)
                return false;
            x = x * 10 + next;
            next = (uint8_t)(*++p - '0');
            if (next <= 9) {
                x = x * 10 + next;
                p++;
            }
        }
        if (x > 255)
            return false;
        address = address << 8 | x;
    }
    store_u32(out, address);
    return p == text.p + text.n;
}

bool rdata_ipv6(struct slice slice, uint8_t out[16])
{
    char text[IP_TEXT_MAX];
    struct ip ip;
    if (slice.n >= sizeof text)
        return false;
    memcpy(text, slice.p, slice.n);
    text[slice.n] = '\0';
    if (ip_parse(&ip, text) != 0 || ip.family != IP_V6)
        return false;
    memcpy(out, ip.b, 16);
    return true;
}

void rdata_print_ipv4(struct buf *out, const uint8_t *p)
{
    buf_printf(out, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
}

void rdata_print_ipv6(struct buf *out, const uint8_t *p)
{
    char text[IP_TEXT_MAX];
    struct ip ip = {.family = IP_V6};
    memcpy(ip.b, p, 16);
    buf_puts(out, ip_text(text, &ip));
}

static bool read_ipv4(struct rdata_in *in, struct word *word)
{
    uint8_t address[4];
    if (word->quoted || !rdata_ipv4(slice_of(word->p, word->n), address))
        return rdata_expected(in->error, word, in->expected);
    writer_bytes(&in->w, address, 4);
    return true;
}

static bool read_ipv6(struct rdata_in *in, struct word *word)
{
    uint8_t address[16];
    if (word->quoted || !rdata_ipv6(slice_of(word->p, word->n), address))
        return rdata_expected(in->error, word, in->expected);
    writer_bytes(&in->w, address, 16);
    return true;
}

static bool check_4(struct rdata_walk *walk)
{
    return reader_take(&walk->r, 4) != NULL;
}

static bool check_6(struct rdata_walk *walk)
{
    return reader_take(&walk->r, 6) != NULL;
}

static bool check_8(struct rdata_walk *walk)
{
    return reader_take(&walk->r, 8) != NULL;
}

static bool check_16(struct rdata_walk *walk)
{
    return reader_take(&walk->r, 16) != NULL;
}

static bool print_ipv4(struct buf *out, struct rdata_walk *walk)
{
    rdata_print_ipv4(out, reader_take(&walk->r, 4));
    return true;
}

static bool print_ipv6(struct buf *out, struct rdata_walk *walk)
{
    rdata_print_ipv6(out, reader_take(&walk->r, 16));
    return true;
}

const struct rdata_kind rdata_kind_IPV4 = {
    .expected = "an IPv4 address", .read = read_ipv4, .check = check_4, .print = print_ipv4};
const struct rdata_kind rdata_kind_IPV6 = {
    .expected = "an IPv6 address", .read = read_ipv6, .check = check_16, .print = print_ipv6};

/* --- groups of hexadecimal digits --- */

/* EUI (RFC 7043 3.2, 4.2): `n` groups of two digits, joined by dashes. */
static bool read_eui(struct rdata_in *in, const struct word *word, unsigned n)
{
    bool ok = word->n == 3 * n - 1 && !word->quoted;
    for (unsigned i = 0; ok && i < n; i++) {
        const uint8_t *p = word->p + 3 * i;
        int high = hex_digit(p[0]), low = hex_digit(p[1]);
        ok = high >= 0 && low >= 0 && (i == n - 1 || p[2] == '-');
        writer_u8(&in->w, (uint8_t)((high & 15) << 4 | (low & 15)));
    }
    return ok || rdata_expected(in->error, word, in->expected);
}

static bool read_eui48(struct rdata_in *in, struct word *word)
{
    return read_eui(in, word, 6);
}

static bool read_eui64(struct rdata_in *in, struct word *word)
{
    return read_eui(in, word, 8);
}

static void print_eui(struct buf *out, const uint8_t *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        buf_printf(out, "%s%02x", i ? "-" : "", p[i]);
}

static bool print_eui48(struct buf *out, struct rdata_walk *walk)
{
    print_eui(out, reader_take(&walk->r, 6), 6);
    return true;
}

static bool print_eui64(struct buf *out, struct rdata_walk *walk)
{
    print_eui(out, reader_take(&walk->r, 8), 8);
    return true;
}

/* Four groups of one to four digits, joined by colons (RFC 6742 2.1.2). */
static bool read_node64(struct rdata_in *in, struct word *word)
{
    const uint8_t *p = word->p, *end = p + word->n;
    bool ok = !word->quoted;
    for (unsigned i = 0; ok && i < 4; i++) {
        unsigned x = 0, n = 0;
        if (i > 0)
            ok = p < end && *p++ == ':';
        for (; ok && p < end && hex_digit(*p) >= 0 && n < 5; n++)
            x = x << 4 | (unsigned)hex_digit(*p++);
        ok = ok && n >= 1 && n <= 4;
        writer_u16(&in->w, (uint16_t)x);
    }
    return (ok && p == end) || rdata_expected(in->error, word, in->expected);
}

static bool print_node64(struct buf *out, struct rdata_walk *walk)
{
    for (unsigned i = 0; i < 4; i++)
        buf_printf(out, "%s%04x", i ? ":" : "", reader_u16(&walk->r));
    return true;
}

const struct rdata_kind rdata_kind_EUI48 = {.expected = "six bytes as 00-00-5e-00-53-2a",
                                            .read = read_eui48,
                                            .check = check_6,
                                            .print = print_eui48};
const struct rdata_kind rdata_kind_EUI64 = {.expected = "eight bytes as 00-00-5e-ef-10-00-00-2a",
                                            .read = read_eui64,
                                            .check = check_8,
                                            .print = print_eui64};
const struct rdata_kind rdata_kind_NODE64 = {
    .expected = "four groups of hexadecimal digits, as 2001:db8:1140:1000",
    .read = read_node64,
    .check = check_8,
    .print = print_node64};

/* --- APL (RFC 3123): address prefixes without their trailing zero bytes --- */

enum { APL_IPV4 = 1, APL_IPV6 = 2, APL_NEGATED = 0x80, APL_LENGTH = 0x7f };

static bool read_prefix(struct rdata_in *in, const struct word *word)
{
    uint8_t address[16] = {0};
    const uint8_t *p = word->p, *end = p + word->n;
    bool negated = p < end && *p == '!';
    p += negated;
    bool v4 = end - p > 2 && p[0] == '1', v6 = end - p > 2 && p[0] == '2';
    const uint8_t *colon = p + 1, *slash = memchr(p, '/', (size_t)(end - p));
    uint64_t bits = 0;
    bool ok = !word->quoted && (v4 || v6) && *colon == ':' && slash && slash > colon + 1;
    if (ok) {
        /* the text of an address is measured by what follows it: rdata_ipv4() stops at the slash */
        struct slice text = slice_of(colon + 1, (size_t)(slash - colon - 1));
        ok = (v4 ? rdata_ipv4(text, address) : rdata_ipv6(text, address)) &&
             decimal_parse(slice_of(slash + 1, (size_t)(end - slash - 1)), v4 ? 32 : 128, &bits);
    }
    if (!ok)
        return rdata_expected(in->error, word, in->expected);
    unsigned n = 16;
    while (n > 0 && address[n - 1] == 0)
        n--;
    writer_u16(&in->w, v4 ? APL_IPV4 : APL_IPV6);
    writer_u8(&in->w, (uint8_t)bits);
    writer_u8(&in->w, (uint8_t)((negated ? APL_NEGATED : 0) | n));
    writer_bytes(&in->w, address, n);
    return true;
}

static bool read_prefixes(struct rdata_in *in, struct word *word)
{
    if (word->n == 0 && !word->quoted)
        return true; /* RFC 3123 4: a list may be empty */
    int result;
    do {
        if (!read_prefix(in, word))
            return false;
    } while ((result = rdata_next(in, word)) > 0);
    return result == 0;
}

static bool check_prefixes(struct rdata_walk *walk)
{
    while (reader_left(&walk->r) > 0) {
        const uint8_t *at = walk->r.p;
        uint16_t family = reader_u16(&walk->r);
        uint8_t bits = reader_u8(&walk->r), n = reader_u8(&walk->r) & APL_LENGTH;
        const uint8_t *address = reader_take(&walk->r, n);
        unsigned bytes = family == APL_IPV4 ? 4 : family == APL_IPV6 ? 16 : APL_LENGTH;
        if (!address)
            return false;
        if (n > bytes || (bytes < APL_LENGTH && bits > 8 * bytes))
            return rdata_fail(walk->error, at,
                              "a prefix of %u bits in %u bytes, expected at most "
                              "%u in %u",
                              bits, n, 8 * bytes, bytes);
        if (n > 0 && address[n - 1] == 0)
            return rdata_fail(walk->error, at, "a prefix that ends in a zero byte, expected none");
    }
    return true;
}

static bool print_prefixes(struct buf *out, struct rdata_walk *walk)
{
    for (unsigned i = 0; reader_left(&walk->r) > 0; i++) {
        uint8_t address[16] = {0};
        uint16_t family = reader_u16(&walk->r);
        uint8_t bits = reader_u8(&walk->r), flags = reader_u8(&walk->r);
        const uint8_t *p = reader_take(&walk->r, flags & APL_LENGTH);
        if (family != APL_IPV4 && family != APL_IPV6)
            return false;
        memcpy(address, p, flags & APL_LENGTH);
        buf_printf(out, "%s%s%u:", i ? " " : "", flags & APL_NEGATED ? "!" : "", family);
        if (family == APL_IPV4)
            rdata_print_ipv4(out, address);
        else
            rdata_print_ipv6(out, address);
        buf_printf(out, "/%u", bits);
    }
    return true;
}

const struct rdata_kind rdata_kind_PREFIXES = {.expected =
                                                   "prefixes as 1:192.0.2.0/24, !2:2001:db8::/32",
                                               .may_be_absent = true,
                                               .read = read_prefixes,
                                               .check = check_prefixes,
                                               .print = print_prefixes};

/* --- A6 (RFC 2874 3.1): how many bits another name has, the bits from there, that name --- */

#define A6_BITS 128u

static bool read_a6(struct rdata_in *in, struct word *word)
{
    uint64_t bits = 0;
    uint8_t address[16] = {0};
    if (word->quoted || !decimal_parse(slice_of(word->p, word->n), A6_BITS, &bits))
        return rdata_expected(in->error, word, in->expected);
    writer_u8(&in->w, (uint8_t)bits);
    if (bits < A6_BITS) {
        if (!rdata_word(in, word, "an IPv6 address"))
            return false;
        if (word->quoted || !rdata_ipv6(slice_of(word->p, word->n), address))
            return rdata_expected(in->error, word, "an IPv6 address");
        address[bits / 8] &= (uint8_t)(0xff >> bits % 8);
        writer_bytes(&in->w, address + bits / 8, 16 - bits / 8);
    }
    return bits == 0 || (rdata_word(in, word, "a domain name") && rdata_read_name(in, word));
}

static bool check_a6(struct rdata_walk *walk)
{
    const uint8_t *at = walk->r.p;
    uint8_t bits = reader_u8(&walk->r);
    if (bits > A6_BITS)
        return rdata_fail(walk->error, at, "a prefix of %u bits, expected at most 128", bits);
    const uint8_t *p = reader_take(&walk->r, 16u - bits / 8u);
    if (!p)
        return false;
    if (bits < A6_BITS && (p[0] & ~(0xff >> bits % 8)))
        return rdata_fail(walk->error, p, "bits of the prefix are set, expected zero");
    return bits == 0 || rdata_check_name(walk);
}

static bool print_a6(struct buf *out, struct rdata_walk *walk)
{
    uint8_t bits = reader_u8(&walk->r), address[16] = {0};
    buf_printf(out, "%u", bits);
    if (bits < A6_BITS) {
        unsigned n = 16u - bits / 8u;
        memcpy(address + 16 - n, reader_take(&walk->r, n), n);
        buf_puts(out, " ");
        rdata_print_ipv6(out, address);
    }
    if (bits == 0)
        return true;
    buf_puts(out, " ");
    return rdata_print_name(out, walk);
}

const struct rdata_kind rdata_kind_A6 = {.expected = "BITS ADDRESS [NAME], BITS from 0 to 128",
                                         .read = read_a6,
                                         .check = check_a6,
                                         .print = print_a6};
