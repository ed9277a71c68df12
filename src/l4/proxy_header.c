/* SPDX-License-Identifier: Apache-2.0
 * The PROXY protocol (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2).
 *
 *   v1   "PROXY TCP4 192.0.2.1 192.0.2.80 56324 443\r\n"
 *   v2   | signature 12 | version, command 1 | family, protocol 1 | length 2 | addresses | TLVs |
 */
#include "l4/proxy_header.h"

#include "base/cursor.h"
#include "base/digits.h"

#include <stdio.h>

enum {
    V1_LINE_MAX = 107, /* with CR and LF: section 2.1 */
    V2_FIXED = 16,     /* before the addresses */
    V2_TCP4 = 12,      /* bytes of addresses and ports */
    V2_TCP6 = 36,
    V2_UNIX = 216,
};

/* Version and command, family and protocol: section 2.2. Others must be refused. */
enum { LOCAL_V2 = 0x20, PROXY_V2 = 0x21 };
enum { FAMILY_UNSPEC = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21, FAMILY_UNIX = 0x31 };

static const uint8_t v1_begin[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                       0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static enum proxy_read refuse(const char **why, const char *text)
{
    *why = text;
    return PROXY_BAD;
}

/** An IPv4-mapped address (RFC 4291 2.5.5.2) is the IPv4 one: limits go by it. */
static struct ip plain(struct ip ip)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (ip.family != IP_V6 || memcmp(ip.b, mapped, sizeof mapped) != 0)
        return ip;
    struct ip v4 = {.family = IP_V4};
    memcpy(v4.b, ip.b + sizeof mapped, 4);
    return v4;
}

static struct ip mapped(const struct ip *ip)
{
    if (ip->family == IP_V6)
        return *ip;
    struct ip v6 = {.b = {[10] = 0xff, [11] = 0xff}, .family = IP_V6};
    memcpy(v6.b + 12, ip->b, 4);
    return v6;
}

/* ---- reading version 1 ---- */

/** Takes what comes before the next blank, or all that is left; with the blank. */
static struct slice take_word(struct slice *line)
{
    const uint8_t *blank = line->n ? memchr(line->p, ' ', line->n) : NULL;
    struct slice word = {line->p, blank ? (uint32_t)(blank - line->p) : line->n};
    uint32_t taken = word.n + (blank != NULL);
    line->p += taken;
    line->n -= taken;
    return word;
}

static bool read_address(struct ip *out, struct slice word, enum ip_family family)
{
    char text[IP_TEXT_MAX];
    if (word.n >= sizeof text || memchr(word.p, '\0', word.n))
        return false;
    memcpy(text, word.p, word.n);
    text[word.n] = '\0';
    if (ip_parse(out, text) != 0 || out->family != family)
        return false;
    *out = plain(*out);
    return true;
}

static bool read_port(uint16_t *out, struct slice word)
{
    uint64_t port;
    if (!decimal_parse(word, UINT16_MAX, &port) || (word.n > 1 && word.p[0] == '0'))
        return false;
    *out = (uint16_t)port;
    return true;
}

static enum proxy_read read_v1_line(struct proxy_header *header, struct slice line,
                                    const char **why)
{
    struct slice rest = line;
    header->local = slice_equal(take_word(&rest), slice_str("UNKNOWN"));
    if (header->local) /* whatever follows is to be ignored */
        return PROXY_DONE;
    enum ip_family family = slice_take(&line, "TCP4 ")   ? IP_V4
                            : slice_take(&line, "TCP6 ") ? IP_V6
                                                         : IP_NONE;
    if (family == IP_NONE)
        return refuse(why, "a PROXY line of neither TCP4, TCP6 nor UNKNOWN");
    if (!read_address(&header->client, take_word(&line), family) ||
        !read_address(&header->server, take_word(&line), family))
        return refuse(why, "an address of a PROXY line cannot be read");
    struct slice client_port = take_word(&line);
    if (!read_port(&header->client_port, client_port) || !read_port(&header->server_port, line))
        return refuse(why, "a port of a PROXY line cannot be read");
    return PROXY_DONE;
}

static enum proxy_read read_v1(struct proxy_header *header, struct slice bytes, uint32_t *n,
                               const char **why)
{
    uint32_t room = bytes.n < V1_LINE_MAX ? bytes.n : V1_LINE_MAX;
    const uint8_t *end = memchr(bytes.p, '\n', room);
    if (!end && bytes.n >= V1_LINE_MAX)
        return refuse(why, "a PROXY line of more than 107 bytes");
    if (!end)
        return PROXY_MORE;
    if (end[-1] != '\r')
        return refuse(why, "a PROXY line ends without CR");
    *n = (uint32_t)(end - bytes.p) + 1;
    return read_v1_line(header, slice_of(bytes.p + sizeof v1_begin, *n - sizeof v1_begin - 2), why);
}

/* ---- reading version 2 ---- */

/** How many bytes of addresses a family has; -1: it must be refused. */
static int address_len(uint8_t family)
{
    switch (family) {
    case FAMILY_UNSPEC:
        return 0;
    case FAMILY_TCP4:
        return V2_TCP4;
    case FAMILY_TCP6:
        return V2_TCP6;
    case FAMILY_UNIX:
        return V2_UNIX;
    default:
        return -1;
    }
}

static void read_addresses(struct proxy_header *header, const uint8_t *p, enum ip_family family)
{
    size_t n = family == IP_V4 ? 4 : 16;
    struct ip client = {.family = (uint8_t)family}, server = client;
    memcpy(client.b, p, n);
    memcpy(server.b, p + n, n);
    header->client = plain(client);
    header->server = plain(server);
    header->client_port = load_u16(p + 2 * n);
    header->server_port = load_u16(p + 2 * n + 2);
}

/** What the fixed part says, as far as it is there; NULL: nothing is wrong with it. */
static const char *judge_fixed(struct slice bytes)
{
    if (bytes.n > 12 && bytes.p[12] != LOCAL_V2 && bytes.p[12] != PROXY_V2)
        return "a PROXY header of an unknown version or command";
    if (bytes.n < V2_FIXED)
        return NULL;
    uint32_t len = load_u16(bytes.p + 14);
    if (V2_FIXED + len > PROXY_HEADER_MAX)
        return "a PROXY header that is too long";
    if (bytes.p[12] == LOCAL_V2)
        return NULL;
    int needs = address_len(bytes.p[13]);
    if (needs < 0)
        return "a PROXY header of another family or protocol";
    return len < (uint32_t)needs ? "a PROXY header too short for its addresses" : NULL;
}

static enum proxy_read read_v2(struct proxy_header *header, struct slice bytes, uint32_t *n,
                               const char **why)
{
    const char *wrong = judge_fixed(bytes);
    if (wrong)
        return refuse(why, wrong);
    if (bytes.n < V2_FIXED || bytes.n < V2_FIXED + (uint32_t)load_u16(bytes.p + 14))
        return PROXY_MORE;
    *n = V2_FIXED + (uint32_t)load_u16(bytes.p + 14);
    uint8_t family = bytes.p[12] == LOCAL_V2 ? FAMILY_UNSPEC : bytes.p[13];
    if (family == FAMILY_TCP4 || family == FAMILY_TCP6)
        read_addresses(header, bytes.p + V2_FIXED, family == FAMILY_TCP4 ? IP_V4 : IP_V6);
    else
        header->local = true;
    return PROXY_DONE;
}

static bool begins_as(struct slice bytes, const uint8_t *begin, uint32_t n)
{
    return memcmp(bytes.p, begin, bytes.n < n ? bytes.n : n) == 0;
}

enum proxy_read proxy_header_read(struct proxy_header *header, struct slice bytes, uint32_t *n,
                                  const char **why)
{
    *header = (struct proxy_header){0};
    if (bytes.n == 0)
        return PROXY_MORE;
    if (begins_as(bytes, v1_begin, sizeof v1_begin))
        return read_v1(header, bytes, n, why);
    if (begins_as(bytes, v2_signature, sizeof v2_signature))
        return read_v2(header, bytes, n, why);
    return refuse(why, "no PROXY header");
}

/* ---- writing ---- */

static uint32_t write_v1(uint8_t *out, const struct ip *client, const struct ip *server,
                         const struct proxy_header *header)
{
    char from[IP_TEXT_MAX], to[IP_TEXT_MAX];
    if (header->local)
        return (uint32_t)snprintf((char *)out, PROXY_WRITE_MAX, "PROXY UNKNOWN\r\n");
    return (uint32_t)snprintf((char *)out, PROXY_WRITE_MAX, "PROXY TCP%d %s %s %u %u\r\n",
                              client->family, ip_text(from, client), ip_text(to, server),
                              header->client_port, header->server_port);
}

static uint32_t write_v2(uint8_t *out, const struct ip *client, const struct ip *server,
                         const struct proxy_header *header)
{
    size_t n = client->family == IP_V4 ? 4 : 16;
    memcpy(out, v2_signature, sizeof v2_signature);
    struct writer w = writer_of(out + sizeof v2_signature, PROXY_WRITE_MAX - sizeof v2_signature);
    writer_u8(&w, header->local ? LOCAL_V2 : PROXY_V2);
    if (header->local) {
        writer_u8(&w, FAMILY_UNSPEC);
        writer_u16(&w, 0);
        return (uint32_t)(w.p - out);
    }
    writer_u8(&w, n == 4 ? FAMILY_TCP4 : FAMILY_TCP6);
    writer_u16(&w, (uint16_t)(2 * n + 4));
    writer_bytes(&w, client->b, n);
    writer_bytes(&w, server->b, n);
    writer_u16(&w, header->client_port);
    writer_u16(&w, header->server_port);
    return (uint32_t)(w.p - out);
}

uint32_t proxy_header_write(uint8_t out[PROXY_WRITE_MAX], enum l4_proxy version,
                            const struct proxy_header *header)
{
    struct ip client = header->client, server = header->server;
    if (client.family != server.family) {
        client = mapped(&header->client);
        server = mapped(&header->server);
    }
    if (version == L4_PROXY_NONE)
        return 0;
    return version == L4_PROXY_V1 ? write_v1(out, &client, &server, header)
                                  : write_v2(out, &client, &server, header);
}
