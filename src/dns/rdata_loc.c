/* SPDX-License-Identifier: Apache-2.0
 * LOC (RFC 1876): `D [M [S]] N|S  D [M [S]] E|W  ALTITUDE [SIZE [HORIZONTAL [VERTICAL]]]`.
 * In wire format: version, three precisions, latitude, longitude, altitude. */
#include "dns/rdata_kind.h"

#define MERIDIAN 2147483648u     /* the equator and Greenwich: 2^31 */
#define MS_A_DEGREE 3600000u     /* milliseconds of arc */
#define ALTITUDE_BASE 10000000   /* centimetres: of altitude 0 above the reference */
#define PRECISION_MAX 9000000000 /* centimetres */
#define SIZE_DEFAULT 0x12        /* 1 m */
#define HORIZONTAL_DEFAULT 0x16  /* 10,000 m */
#define VERTICAL_DEFAULT 0x13    /* 10 m */

/* DIGITS[.DIGITS] with at most `decimals` of them, as a whole number of the smallest unit. */
static bool parse_fixed(struct slice text, unsigned decimals, uint64_t max, uint64_t *out)
{
    const uint8_t *dot = text.n ? memchr(text.p, '.', text.n) : NULL;
    uint32_t whole = dot ? (uint32_t)(dot - text.p) : text.n;
    uint32_t n = dot ? text.n - whole - 1 : 0;
    uint64_t x = 0, fraction = 0, unit = 1;
    if (n > decimals || (dot && decimals == 0) || !decimal_parse(slice_of(text.p, whole), max, &x))
        return false;
    if (n > 0 && !decimal_parse(slice_of(dot + 1, n), max, &fraction))
        return false;
    for (unsigned i = 0; i < decimals; i++)
        unit *= 10;
    for (; n < decimals; n++)
        fraction *= 10;
    *out = x * unit + fraction;
    return *out <= max;
}

static bool is_direction(const struct word *word, char positive, char negative)
{
    char c = word->n == 1 && !word->quoted ? (char)word->p[0] : 0;
    return c == positive || c == negative;
}

struct angle {
    unsigned degrees; /* at most */
    char positive, negative;
    const char *expected;
};
static const struct angle latitude = {90, 'N', 'S', "N or S"};
static const struct angle longitude = {180, 'E', 'W', "E or W"};

/* Degrees, minutes, seconds and direction: a part that is not there is zero. */
static bool read_angle(struct rdata_in *in, struct word *word, const struct angle *a)
{
    static const char *const expected[] = {"degrees: 0 to 90, 0 to 180 of a longitude",
                                           "minutes: 0 to 59", "seconds: 0 to 59.999"};
    const struct {
        unsigned decimals;
        uint64_t max, ms;
    } parts[] = {{0, a->degrees, MS_A_DEGREE}, {0, 59, 60000}, {3, 59999, 1}};
    uint64_t ms = 0;
    unsigned i = 0;
    for (; i < ARRAY_LEN(parts); i++) {
        uint64_t x;
        if (i > 0 && is_direction(word, a->positive, a->negative))
            break;
        if (word->quoted ||
            !parse_fixed(slice_of(word->p, word->n), parts[i].decimals, parts[i].max, &x))
            return rdata_expected(in->error, word, expected[i]);
        ms += x * parts[i].ms;
        if (ms > (uint64_t)a->degrees * MS_A_DEGREE)
            return rdata_expected(in->error, word, "an angle of at most 90 or 180 degrees");
        if (!rdata_word(in, word, a->expected))
            return false;
    }
    if (!is_direction(word, a->positive, a->negative))
        return rdata_expected(in->error, word, a->expected);
    bool minus = word->p[0] == a->negative;
    writer_u32(&in->w, minus ? MERIDIAN - (uint32_t)ms : MERIDIAN + (uint32_t)ms);
    return true;
}

/* Metres with two decimals at most and an `m` that may be there, as centimetres. */
static bool parse_metres(const struct word *word, uint64_t max, uint64_t *cm)
{
    struct slice text = slice_of(word->p, word->n);
    if (text.n > 1 && text.p[text.n - 1] == 'm')
        text.n--;
    return !word->quoted && parse_fixed(text, 2, max, cm);
}

static bool read_altitude(struct rdata_in *in, const struct word *word)
{
    bool minus = word->n > 0 && word->p[0] == '-',
         sign = minus || (word->n > 0 && word->p[0] == '+');
    struct word rest = {word->p + sign, word->n - sign, word->quoted};
    uint64_t cm;
    if (!parse_metres(&rest, minus ? ALTITUDE_BASE : UINT32_MAX - (uint64_t)ALTITUDE_BASE, &cm))
        return rdata_expected(in->error, word, "an altitude from -100000.00m to 42849672.95m");
    writer_u32(&in->w, (uint32_t)(minus ? ALTITUDE_BASE - cm : ALTITUDE_BASE + cm));
    return true;
}

/* A digit and a power of ten; what is between is rounded down. */
static bool read_precision(struct rdata_in *in, const struct word *word, uint8_t *out)
{
    uint64_t cm;
    unsigned exponent = 0;
    if (!parse_metres(word, PRECISION_MAX, &cm))
        return rdata_expected(in->error, word, "metres from 0 to 90000000.00m");
    for (; cm >= 10; cm /= 10)
        exponent++;
    *out = (uint8_t)(cm << 4 | exponent);
    return true;
}

static bool read_location(struct rdata_in *in, struct word *word)
{
    uint8_t *head = writer_take(&in->w, 4);
    int result = 1;
    if (!head)
        return true;
    memcpy(head, (const uint8_t[]){0, SIZE_DEFAULT, HORIZONTAL_DEFAULT, VERTICAL_DEFAULT}, 4);
    if (!read_angle(in, word, &latitude) || !rdata_word(in, word, "the degrees of the longitude") ||
        !read_angle(in, word, &longitude) || !rdata_word(in, word, "an altitude in metres") ||
        !read_altitude(in, word))
        return false;
    for (unsigned i = 1; i <= 3 && (result = rdata_next(in, word)) > 0; i++)
        if (!read_precision(in, word, &head[i]))
            return false;
    return result >= 0;
}

static bool is_precision(uint8_t x)
{
    return x >> 4 <= 9 && (x & 15) <= 9;
}

static bool is_angle(uint32_t x, uint32_t degrees)
{
    uint32_t most = degrees * MS_A_DEGREE;
    return x >= MERIDIAN - most && x <= MERIDIAN + most;
}

static bool check_location(struct rdata_walk *walk)
{
    const uint8_t *p = walk->r.p;
    size_t left = reader_left(&walk->r);
    if (left > 0 && p[0] != 0) /* RFC 1876 2: other versions may have any form */
        return rdata_fail(walk->error, p, "version %u of LOC, expected 0", p[0]);
    if (!reader_take(&walk->r, 16))
        return false;
    if (!is_precision(p[1]) || !is_precision(p[2]) || !is_precision(p[3]))
        return rdata_fail(walk->error, p + 1, "a size or precision with a digit above 9");
    if (!is_angle(load_u32(p + 4), latitude.degrees))
        return rdata_fail(walk->error, p + 4, "a latitude above 90 degrees");
    return is_angle(load_u32(p + 8), longitude.degrees) ||
           rdata_fail(walk->error, p + 8, "a longitude above 180 degrees");
}

static void print_angle(struct buf *out, uint32_t x, const struct angle *a)
{
    uint32_t ms = x >= MERIDIAN ? x - MERIDIAN : MERIDIAN - x;
    buf_printf(out, "%u %u %u.%03u %c ", ms / MS_A_DEGREE, ms / 60000 % 60, ms / 1000 % 60,
               ms % 1000, x >= MERIDIAN ? a->positive : a->negative);
}

static void print_precision(struct buf *out, uint8_t x)
{
    uint64_t cm = x >> 4;
    for (unsigned i = 0; i < (x & 15u); i++)
        cm *= 10;
    buf_printf(out, " %u.%02um", (unsigned)(cm / 100), (unsigned)(cm % 100));
}

static bool print_location(struct buf *out, struct rdata_walk *walk)
{
    const uint8_t *p = reader_take(&walk->r, 16);
    int64_t cm = (int64_t)load_u32(p + 12) - ALTITUDE_BASE;
    for (unsigned i = 1; i <= 3; i++)
        if (p[i] >> 4 == 0 && (p[i] & 15) != 0)
            return false; /* zero with an exponent has no text that keeps it */
    print_angle(out, load_u32(p + 4), &latitude);
    print_angle(out, load_u32(p + 8), &longitude);
    uint64_t size = (uint64_t)(cm < 0 ? -cm : cm);
    buf_printf(out, "%s%u.%02um", cm < 0 ? "-" : "", (unsigned)(size / 100),
               (unsigned)(size % 100));
    for (unsigned i = 1; i <= 3; i++)
        print_precision(out, p[i]);
    return true;
}

const struct rdata_kind rdata_kind_LOCATION = {.expected = "degrees of latitude: 0 to 90",
                                               .read = read_location,
                                               .check = check_location,
                                               .print = print_location};
