/* SPDX-License-Identifier: Apache-2.0
 * Fields of rdata that are sets: of RR types, and of services. */
#include "dns/rdata_kind.h"

#include "dns/rr_type.h"

#include <netdb.h>
#include <strings.h>

/* --- RR types in windows of 256 (RFC 4034 4.1.2) --- */

#define WINDOW_BYTES 32u

static bool read_types(struct rdata_in *in, struct word *word)
{
    uint8_t bits[(UINT16_MAX + 1) / 8] = {0};
    int result = word->n > 0 || word->quoted;
    for (; result > 0; result = rdata_next(in, word)) {
        int type = word->quoted ? -1 : rr_type_from_text((const char *)word->p, word->n);
        if (type <= 0)
            return rdata_expected(in->error, word, in->expected);
        bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
    }
    for (unsigned w = 0; w < 256; w++) {
        unsigned n = WINDOW_BYTES;
        while (n > 0 && bits[w * WINDOW_BYTES + n - 1] == 0)
            n--;
        if (n == 0)
            continue;
        writer_u8(&in->w, (uint8_t)w);
        writer_u8(&in->w, (uint8_t)n);
        writer_bytes(&in->w, bits + w * WINDOW_BYTES, n);
    }
    return result == 0;
}

static bool check_types_any(struct rdata_walk *walk)
{
    int last = -1;
    while (reader_left(&walk->r) > 0) {
        const uint8_t *at = walk->r.p;
        uint8_t window = reader_u8(&walk->r), n = reader_u8(&walk->r);
        const uint8_t *bits = reader_take(&walk->r, n);
        if (!bits)
            return false;
        if (window <= last || n == 0 || n > WINDOW_BYTES || bits[n - 1] == 0)
            return rdata_fail(walk->error, at,
                              "a bitmap of types with window %u of %u bytes, expected windows in "
                              "ascending order, of 1 to 32 bytes, the last one not zero",
                              window, n);
        if (window == 0 && bits[0] & 0x80)
            return rdata_fail(walk->error, at, "type 0 in a bitmap of types, expected none");
        last = window;
    }
    return true;
}

static bool check_types(struct rdata_walk *walk)
{
    if (reader_left(&walk->r) == 0)
        return reader_take(&walk->r, 1) != NULL;
    return check_types_any(walk);
}

static void print_type_bits(struct buf *out, const uint8_t *bits, unsigned n, unsigned first,
                            bool *any)
{
    char text[RR_TYPE_TEXT_MAX];
    for (unsigned i = 0; i < 8 * n; i++) {
        if (!(bits[i / 8] & (0x80 >> i % 8)))
            continue;
        buf_printf(out, "%s%s", *any ? " " : "", rr_type_text(text, (uint16_t)(first + i)));
        *any = true;
    }
}

static bool print_types(struct buf *out, struct rdata_walk *walk)
{
    bool any = false;
    while (reader_left(&walk->r) > 0) {
        uint8_t window = reader_u8(&walk->r), n = reader_u8(&walk->r);
        print_type_bits(out, reader_take(&walk->r, n), n, window * 256u, &any);
    }
    return true;
}

#define TYPES_EXPECTED "types of records, as A MX TYPE65280"
const struct rdata_kind rdata_kind_TYPES = {
    .expected = TYPES_EXPECTED, .read = read_types, .check = check_types, .print = print_types};
const struct rdata_kind rdata_kind_TYPES_ANY = {.expected = TYPES_EXPECTED,
                                                .may_be_absent = true,
                                                .read = read_types,
                                                .check = check_types_any,
                                                .print = print_types};

/* --- NXT: one bitmap, of the types below 128 (RFC 2535 5.2) --- */

#define NXT_BYTES 16u

static bool read_types_nxt(struct rdata_in *in, struct word *word)
{
    uint8_t bits[NXT_BYTES] = {0};
    unsigned n = NXT_BYTES;
    int result = word->n > 0 || word->quoted;
    for (; result > 0; result = rdata_next(in, word)) {
        int type = word->quoted ? -1 : rr_type_from_text((const char *)word->p, word->n);
        if (type <= 0 || type >= 8 * (int)NXT_BYTES)
            return rdata_expected(in->error, word, in->expected);
        bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
    }
    while (n > 0 && bits[n - 1] == 0)
        n--;
    writer_bytes(&in->w, bits, n);
    return result == 0;
}

static bool check_types_nxt(struct rdata_walk *walk)
{
    size_t n = reader_left(&walk->r);
    const uint8_t *bits = reader_take(&walk->r, n);
    return n == 0 || ((n <= NXT_BYTES && bits[n - 1] != 0 && !(bits[0] & 0x80)) ||
                      rdata_fail(walk->error, bits,
                                 "a bitmap of %zu bytes, expected types 1 to 127 "
                                 "in at most 16, the last one not zero",
                                 n));
}

static bool print_types_nxt(struct buf *out, struct rdata_walk *walk)
{
    size_t n = reader_left(&walk->r);
    bool any = false;
    print_type_bits(out, reader_take(&walk->r, n), (unsigned)n, 0, &any);
    return true;
}

const struct rdata_kind rdata_kind_TYPES_NXT = {.expected = "types of records below 128, as A MX",
                                                .may_be_absent = true,
                                                .read = read_types_nxt,
                                                .check = check_types_nxt,
                                                .print = print_types_nxt};

/* --- WKS (RFC 1035 3.4.2): a protocol and its ports --- */

#define PORT_BYTES ((UINT16_MAX + 1) / 8)

static const struct protocol {
    uint8_t number;
    bool has_ports; /* in /etc/services, under this name; of others any will do */
    char name[6];
} protocols[] = {{1, false, "icmp"}, {6, true, "tcp"}, {17, true, "udp"}};

static bool read_protocol(struct rdata_in *in, const struct word *word, const char **name)
{
    uint64_t number = UINT64_MAX;
    *name = NULL;
    if (word->quoted)
        return rdata_expected(in->error, word, in->expected);
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (strlen(protocols[i].name) == word->n &&
            strncasecmp(protocols[i].name, (const char *)word->p, word->n) == 0)
            number = protocols[i].number;
    if (number == UINT64_MAX && !decimal_parse(slice_of(word->p, word->n), UINT8_MAX, &number))
        return rdata_expected(in->error, word, in->expected);
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (protocols[i].number == number && protocols[i].has_ports)
            *name = protocols[i].name;
    writer_u8(&in->w, (uint8_t)number);
    return true;
}

static bool find_port(const struct word *word, const char *protocol, uint64_t *port)
{
    char name[64], room[1024];
    struct servent entry, *found = NULL;
    if (word->quoted)
        return false;
    if (decimal_parse(slice_of(word->p, word->n), UINT16_MAX, port))
        return true;
    if (word->n == 0 || word->n >= sizeof name)
        return false;
    for (uint32_t i = 0; i < word->n; i++)
        name[i] = (char)(word->p[i] | ((uint8_t)(word->p[i] - 'A') < 26 ? 0x20 : 0));
    name[word->n] = '\0';
    if (getservbyname_r(name, protocol, &entry, room, sizeof room, &found) != 0 || !found)
        return false;
    *port = ntohs((uint16_t)found->s_port);
    return true;
}

static bool read_services(struct rdata_in *in, struct word *word)
{
    uint8_t bits[PORT_BYTES] = {0};
    const char *protocol;
    int result;
    if (!read_protocol(in, word, &protocol))
        return false;
    while ((result = rdata_next(in, word)) > 0) {
        uint64_t port;
        if (!find_port(word, protocol, &port))
            return rdata_expected(in->error, word,
                                  "ports from 0 to 65535, or names of /etc/services");
        bits[port / 8] |= (uint8_t)(0x80 >> port % 8);
    }
    unsigned n = PORT_BYTES;
    while (n > 0 && bits[n - 1] == 0)
        n--;
    writer_bytes(&in->w, bits, n);
    return result == 0;
}

static bool check_services(struct rdata_walk *walk)
{
    (void)reader_u8(&walk->r);
    size_t n = reader_left(&walk->r);
    const uint8_t *bits = reader_take(&walk->r, n);
    return bits && ((n <= PORT_BYTES && (n == 0 || bits[n - 1] != 0)) ||
                    rdata_fail(walk->error, bits,
                               "ports in %zu bytes, expected at most 8192, the "
                               "last one not zero",
                               n));
}

static bool print_services(struct buf *out, struct rdata_walk *walk)
{
    buf_printf(out, "%u", reader_u8(&walk->r));
    size_t n = reader_left(&walk->r);
    const uint8_t *bits = reader_take(&walk->r, n);
    for (unsigned i = 0; i < 8 * n; i++)
        if (bits[i / 8] & (0x80 >> i % 8))
            buf_printf(out, " %u", i);
    return true;
}

const struct rdata_kind rdata_kind_SERVICES = {.expected = "a protocol: tcp, udp, or 0 to 255",
                                               .read = read_services,
                                               .check = check_services,
                                               .print = print_services};
