/* SPDX-License-Identifier: Apache-2.0
 * Fields of rdata about hosts and their keys: IPSECKEY, AMTRELAY, HIP. */
#include "dns/rdata_kind.h"

#include <stdlib.h>

enum { GATEWAY_NONE, GATEWAY_IPV4, GATEWAY_IPV6, GATEWAY_NAME };
#define GATEWAY_EXPECTED "a gateway type: 0 to 3"

/* A gateway of the type that was read before (RFC 4025 2.5, RFC 8777 4.2.4). */
static bool read_gateway_of(struct rdata_in *in, struct word *word, unsigned type)
{
    uint8_t address[16];
    struct slice text = slice_of(word->p, word->n);
    switch (type) {
    case GATEWAY_NONE:
        return (word->n == 1 && word->p[0] == '.' && !word->quoted) ||
               rdata_expected(in->error, word, "'.': the gateway type 0 means none");
    case GATEWAY_IPV4:
        if (word->quoted || !rdata_ipv4(text, address))
            return rdata_expected(in->error, word, "an IPv4 address: the gateway type is 1");
        writer_bytes(&in->w, address, 4);
        return true;
    case GATEWAY_IPV6:
        if (word->quoted || !rdata_ipv6(text, address))
            return rdata_expected(in->error, word, "an IPv6 address: the gateway type is 2");
        writer_bytes(&in->w, address, 16);
        return true;
    case GATEWAY_NAME:
        return rdata_read_name(in, word);
    default:
        return rdata_fail(in->error, word->p, "a gateway of type %u, expected a type of 0 to 3",
                          type);
    }
}

static bool check_gateway_of(struct rdata_walk *walk, unsigned type)
{
    switch (type) {
    case GATEWAY_NONE:
        return true;
    case GATEWAY_IPV4:
        return reader_take(&walk->r, 4) != NULL;
    case GATEWAY_IPV6:
        return reader_take(&walk->r, 16) != NULL;
    case GATEWAY_NAME:
        return rdata_check_name(walk);
    default:
        return rdata_fail(walk->error, walk->r.p, "a gateway of type %u, expected a type of 0 to 3",
                          type);
    }
}

static bool print_gateway_of(struct buf *out, struct rdata_walk *walk, unsigned type)
{
    switch (type) {
    case GATEWAY_NONE:
        buf_puts(out, ".");
        return true;
    case GATEWAY_IPV4:
        rdata_print_ipv4(out, reader_take(&walk->r, 4));
        return true;
    case GATEWAY_IPV6:
        rdata_print_ipv6(out, reader_take(&walk->r, 16));
        return true;
    default:
        return rdata_print_name(out, walk);
    }
}

/* --- IPSECKEY (RFC 4025) --- */

static bool read_gateway(struct rdata_in *in, struct word *word)
{
    return read_gateway_of(in, word, in->start[1]);
}

static bool check_gateway(struct rdata_walk *walk)
{
    return check_gateway_of(walk, walk->start[1]);
}

static bool print_gateway(struct buf *out, struct rdata_walk *walk)
{
    return print_gateway_of(out, walk, walk->start[1]);
}

const struct rdata_kind rdata_kind_GATEWAY = {
    .expected = "a gateway", .read = read_gateway, .check = check_gateway, .print = print_gateway};

/* RFC 4025 2.4: algorithm 0 means that no key is there. */
static bool read_ipseckey_key(struct rdata_in *in, struct word *word)
{
    if (word->n > 0 || word->quoted)
        return rdata_kind_BASE64.read(in, word);
    return in->start[2] == 0 || rdata_expected(in->error, word, "the key in base64");
}

static bool check_ipseckey_key(struct rdata_walk *walk)
{
    if (walk->start[2] == 0 && reader_left(&walk->r) == 0)
        return true;
    return rdata_kind_BASE64.check(walk);
}

static bool print_ipseckey_key(struct buf *out, struct rdata_walk *walk)
{
    return rdata_kind_BASE64.print(out, walk);
}

const struct rdata_kind rdata_kind_IPSECKEY_KEY = {.expected = "the key in base64",
                                                   .may_be_absent = true,
                                                   .read = read_ipseckey_key,
                                                   .check = check_ipseckey_key,
                                                   .print = print_ipseckey_key};

/* --- AMTRELAY (RFC 8777 4): D and the type share a byte --- */

enum { RELAY_DISCOVERY = 0x80 };

static bool read_relay(struct rdata_in *in, struct word *word)
{
    static const char type_expected[] = "a relay type: 0 to 3";
    uint64_t discovery, type;
    if (word->quoted || !decimal_parse(slice_of(word->p, word->n), 1, &discovery))
        return rdata_expected(in->error, word, in->expected);
    if (!rdata_word(in, word, type_expected))
        return false;
    if (word->quoted || !decimal_parse(slice_of(word->p, word->n), GATEWAY_NAME, &type))
        return rdata_expected(in->error, word, type_expected);
    writer_u8(&in->w, (uint8_t)((discovery ? RELAY_DISCOVERY : 0) | type));
    return rdata_word(in, word, "a relay") && read_gateway_of(in, word, (unsigned)type);
}

static bool check_relay(struct rdata_walk *walk)
{
    uint8_t type = reader_u8(&walk->r);
    return !walk->r.bad && check_gateway_of(walk, type & ~RELAY_DISCOVERY);
}

static bool print_relay(struct buf *out, struct rdata_walk *walk)
{
    uint8_t type = reader_u8(&walk->r);
    buf_printf(out, "%u %u ", type >> 7, type & 0x7fu);
    return print_gateway_of(out, walk, type & 0x7fu);
}

const struct rdata_kind rdata_kind_RELAY = {.expected = "0 or 1: whether discovery is optional",
                                            .read = read_relay,
                                            .check = check_relay,
                                            .print = print_relay};

/* --- HIP (RFC 8005 5): the lengths of both, the algorithm, the HIT and the key --- */

static bool read_host_identity(struct rdata_in *in, struct word *word)
{
    uint64_t algorithm;
    uint8_t *lengths = writer_take(&in->w, 4);
    if (!lengths)
        return true;
    if (word->quoted || !decimal_parse(slice_of(word->p, word->n), UINT8_MAX, &algorithm))
        return rdata_expected(in->error, word, in->expected);
    if (!rdata_word(in, word, "a host identity tag in hexadecimal digits"))
        return false;
    const uint8_t *tag = in->w.p;
    if (!rdata_put_hex(in, word->p, word->p, word->n))
        return false;
    ptrdiff_t tag_n = in->w.p - tag;
    if (tag_n < 1 || tag_n > UINT8_MAX || word->quoted)
        return rdata_expected(in->error, word, "a host identity tag of 1 to 255 bytes");
    if (!rdata_word(in, word, "a key in base64"))
        return false;
    const uint8_t *key = in->w.p;
    if (word->quoted || word->n == 0)
        return rdata_expected(in->error, word, "a key in base64");
    if (!rdata_put_base64(in, word->p, slice_of(word->p, word->n)))
        return false;
    lengths[0] = (uint8_t)tag_n;
    lengths[1] = (uint8_t)algorithm;
    store_u16(lengths + 2, (uint16_t)(in->w.p - key));
    return true;
}

static bool check_host_identity(struct rdata_walk *walk)
{
    const uint8_t *at = walk->r.p;
    uint8_t tag_n = reader_u8(&walk->r);
    (void)reader_u8(&walk->r);
    uint16_t key_n = reader_u16(&walk->r);
    if (!walk->r.bad && (tag_n == 0 || key_n == 0))
        return rdata_fail(walk->error, at, "an empty host identity tag or key, expected both");
    return reader_take(&walk->r, tag_n + (size_t)key_n) != NULL;
}

static bool print_host_identity(struct buf *out, struct rdata_walk *walk)
{
    uint8_t tag_n = reader_u8(&walk->r);
    uint8_t algorithm = reader_u8(&walk->r);
    uint16_t key_n = reader_u16(&walk->r);
    buf_printf(out, "%u ", algorithm);
    rdata_print_hex(out, slice_of(reader_take(&walk->r, tag_n), tag_n));
    buf_puts(out, " ");
    rdata_print_base64(out, slice_of(reader_take(&walk->r, key_n), key_n));
    return true;
}

const struct rdata_kind rdata_kind_HOST_IDENTITY = {.expected = "a key algorithm: 0 to 255",
                                                    .read = read_host_identity,
                                                    .check = check_host_identity,
                                                    .print = print_host_identity};

static bool read_servers(struct rdata_in *in, struct word *word)
{
    int result = word->n > 0 || word->quoted;
    for (; result > 0; result = rdata_next(in, word))
        if (!rdata_read_name(in, word))
            return false;
    return result == 0;
}

static bool check_servers(struct rdata_walk *walk)
{
    while (reader_left(&walk->r) > 0)
        if (!rdata_check_name(walk))
            return false;
    return true;
}

static bool print_servers(struct buf *out, struct rdata_walk *walk)
{
    for (bool first = true; reader_left(&walk->r) > 0; first = false) {
        if (!first)
            buf_puts(out, " ");
        rdata_print_name(out, walk);
    }
    return true;
}

const struct rdata_kind rdata_kind_SERVERS = {.expected = "names of rendezvous servers",
                                              .may_be_absent = true,
                                              .read = read_servers,
                                              .check = check_servers,
                                              .print = print_servers};
