/* SPDX-License-Identifier: Apache-2.0
 * The server name of a ClientHello. Records are put together first, as far as they have come; what
 * cannot become a ClientHello any more is refused without waiting for the rest. */
#include "l4/client_hello.h"

#include "base/cursor.h"
#include "base/digits.h"

enum { /* RFC 8446 4, 5.1, B; RFC 6066 3 */
       RECORD_HEADER = 5,
       RECORD_MAX = 16384,
       CONTENT_HANDSHAKE = 22,
       MESSAGE_HEADER = 4,
       MESSAGE_CLIENT_HELLO = 1,
       RANDOM_LEN = 32,
       SESSION_ID_MAX = 32,
       EXTENSION_SERVER_NAME = 0,
       NAME_TYPE_HOST = 0,
       HOST_NAME_MAX_B = 253, /* of a domain name as text, without the dot at the end */
       HOST_LABEL_MAX = 63,
};

enum {
    ALERT_UNEXPECTED_MESSAGE = 10,
    ALERT_RECORD_OVERFLOW = 22,
    ALERT_ILLEGAL_PARAMETER = 47,
    ALERT_DECODE_ERROR = 50,
    ALERT_PROTOCOL_VERSION = 70,
};

struct refusal {
    const char **why;
    uint8_t *alert;
};

static enum client_hello refuse(struct refusal to, uint8_t alert, const char *text)
{
    *to.why = text;
    *to.alert = alert;
    return CLIENT_HELLO_BAD;
}

/* ---- records ---- */

/** The handshake bytes that have come, at least until the message is whole. */
struct gathered {
    uint8_t p[CLIENT_HELLO_MAX];
    uint32_t n;
};

static uint32_t message_len(const struct gathered *g)
{
    return g->n < MESSAGE_HEADER ? MESSAGE_HEADER
                                 : MESSAGE_HEADER + (load_u32(g->p) & UINT32_C(0xffffff));
}

static bool is_whole(const struct gathered *g)
{
    return g->n >= MESSAGE_HEADER && g->n >= message_len(g);
}

/** The header of a record, of which the first `n` >= 1 bytes are there. */
static enum client_hello judge_record(const uint8_t *p, size_t n, struct refusal to)
{
    if (p[0] != CONTENT_HANDSHAKE)
        return refuse(to, ALERT_UNEXPECTED_MESSAGE, "no TLS handshake");
    if (n > 1 && p[1] != 3)
        return refuse(to, ALERT_PROTOCOL_VERSION, "a record of another version than TLS");
    if (n < RECORD_HEADER)
        return CLIENT_HELLO_MORE;
    uint16_t len = load_u16(p + 3);
    if (len == 0)
        return refuse(to, ALERT_UNEXPECTED_MESSAGE, "an empty handshake record");
    if (len > RECORD_MAX)
        return refuse(to, ALERT_RECORD_OVERFLOW, "a record of more than 16384 bytes");
    return CLIENT_HELLO_DONE;
}

static enum client_hello judge_message(const struct gathered *g, struct refusal to)
{
    if (g->n > 0 && g->p[0] != MESSAGE_CLIENT_HELLO)
        return refuse(to, ALERT_UNEXPECTED_MESSAGE, "a handshake that begins without ClientHello");
    if (message_len(g) > CLIENT_HELLO_MAX - RECORD_HEADER)
        return refuse(to, ALERT_ILLEGAL_PARAMETER, "a ClientHello that is too long");
    return CLIENT_HELLO_DONE;
}

/** DONE: the whole message is there. */
static enum client_hello gather(struct gathered *g, struct slice bytes, struct refusal to)
{
    struct reader r = reader_of(bytes.p, bytes.n < CLIENT_HELLO_MAX ? bytes.n : CLIENT_HELLO_MAX);
    while (!is_whole(g) && reader_left(&r) > 0) {
        enum client_hello is = judge_record(r.p, reader_left(&r), to);
        if (is != CLIENT_HELLO_DONE)
            return is;
        uint16_t len = load_u16(r.p + 3);
        (void)reader_take(&r, RECORD_HEADER);
        size_t n = reader_left(&r) < len ? reader_left(&r) : len;
        const uint8_t *part = reader_take(&r, n);
        memcpy(g->p + g->n, part, n);
        g->n += (uint32_t)n;
        if (judge_message(g, to) == CLIENT_HELLO_BAD)
            return CLIENT_HELLO_BAD;
    }
    if (is_whole(g))
        return CLIENT_HELLO_DONE;
    if (bytes.n >= CLIENT_HELLO_MAX)
        return refuse(to, ALERT_ILLEGAL_PARAMETER, "a ClientHello in too many records");
    return CLIENT_HELLO_MORE;
}

/* ---- the message ---- */

/** A vector whose length comes first, in `width` bytes. */
static struct reader take_vector(struct reader *r, unsigned width)
{
    uint16_t n = width == 1 ? reader_u8(r) : reader_u16(r);
    const uint8_t *p = reader_take(r, n);
    struct reader vector = reader_of(p ? p : r->p, p ? n : 0);
    vector.bad = r->bad;
    return vector;
}

/** Reads what comes before the extensions. */
static void skip_to_extensions(struct reader *r)
{
    (void)reader_take(r, 2 + RANDOM_LEN);
    struct reader session = take_vector(r, 1), ciphers = take_vector(r, 2);
    struct reader compressions = take_vector(r, 1);
    if (reader_left(&session) > SESSION_ID_MAX || reader_left(&ciphers) < 2 ||
        reader_left(&ciphers) % 2 != 0 || reader_left(&compressions) < 1)
        r->bad = true;
}

static bool is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

static uint8_t to_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/** Labels of letters, digits, hyphens and underscores; one dot at the end is left out. */
static bool read_host(char name[CLIENT_HELLO_NAME_MAX], uint32_t *n, struct slice host)
{
    uint32_t label = 0;
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n == 0 || host.n > HOST_NAME_MAX_B)
        return false;
    for (uint32_t i = 0; i < host.n; i++) {
        uint8_t c = to_lower(host.p[i]);
        bool dot = c == '.';
        if (dot ? label == 0 : !is_host_byte(c) || label == HOST_LABEL_MAX)
            return false;
        label = dot ? 0 : label + 1;
        name[i] = (char)c;
    }
    name[host.n] = '\0';
    *n = host.n;
    return label > 0;
}

/** The list of the server_name extension: at most one name of type host (RFC 6066 3). */
static enum client_hello read_names(char name[CLIENT_HELLO_NAME_MAX], uint32_t *n,
                                    struct reader *extension, struct refusal to)
{
    struct reader list = take_vector(extension, 2);
    bool seen = false;
    if (reader_left(extension) > 0 || reader_left(&list) == 0)
        list.bad = true;
    while (!list.bad && reader_left(&list) > 0) {
        uint8_t type = reader_u8(&list);
        struct reader host = take_vector(&list, 2);
        if (type != NAME_TYPE_HOST || list.bad)
            continue;
        if (seen)
            return refuse(to, ALERT_ILLEGAL_PARAMETER, "two server names");
        seen = true;
        if (!read_host(name, n, slice_of(host.p, reader_left(&host))))
            return refuse(to, ALERT_ILLEGAL_PARAMETER, "a server name that is none");
    }
    return list.bad ? refuse(to, ALERT_DECODE_ERROR, "a list of server names cannot be read")
                    : CLIENT_HELLO_DONE;
}

static enum client_hello read_extensions(char name[CLIENT_HELLO_NAME_MAX], uint32_t *n,
                                         struct reader *extensions, struct refusal to)
{
    bool seen = false;
    while (!extensions->bad && reader_left(extensions) > 0) {
        uint16_t type = reader_u16(extensions);
        struct reader extension = take_vector(extensions, 2);
        if (type != EXTENSION_SERVER_NAME || extensions->bad)
            continue;
        if (seen)
            return refuse(to, ALERT_ILLEGAL_PARAMETER, "two lists of server names");
        seen = true;
        if (read_names(name, n, &extension, to) == CLIENT_HELLO_BAD)
            return CLIENT_HELLO_BAD;
    }
    return extensions->bad ? refuse(to, ALERT_DECODE_ERROR, "extensions cannot be read")
                           : CLIENT_HELLO_DONE;
}

static enum client_hello read_message(char name[CLIENT_HELLO_NAME_MAX], uint32_t *n,
                                      struct slice message, struct refusal to)
{
    struct reader r = reader_of(message.p, message.n);
    skip_to_extensions(&r);
    if (!r.bad && reader_left(&r) == 0)
        return CLIENT_HELLO_DONE; /* before TLS 1.3 they may be absent (RFC 5246 7.4.1.2) */
    struct reader extensions = take_vector(&r, 2);
    if (r.bad || reader_left(&r) > 0)
        return refuse(to, ALERT_DECODE_ERROR, "a ClientHello cannot be read");
    return read_extensions(name, n, &extensions, to);
}

enum client_hello client_hello_read(char name[CLIENT_HELLO_NAME_MAX], uint32_t *n,
                                    struct slice bytes, const char **why, uint8_t *alert)
{
    struct refusal to = {why, alert};
    struct gathered g;
    g.n = 0;
    name[0] = '\0';
    *n = 0;
    if (bytes.n == 0)
        return CLIENT_HELLO_MORE;
    enum client_hello is = gather(&g, bytes, to);
    if (is != CLIENT_HELLO_DONE)
        return is;
    is =
        read_message(name, n, slice_of(g.p + MESSAGE_HEADER, message_len(&g) - MESSAGE_HEADER), to);
    if (is == CLIENT_HELLO_BAD) {
        name[0] = '\0';
        *n = 0;
    }
    return is;
}
