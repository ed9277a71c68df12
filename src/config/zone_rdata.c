/* SPDX-License-Identifier: Apache-2.0
 * Rdata as text: a table of field kinds for the types that zones are full of; everything else, and
 * every \# form (RFC 3597 5), goes through ldns. */
#include "config/zonefile.h"

#include "base/buf.h"
#include "base/cursor.h"
#include "config/zone_reader.h"
#include "dns/rr.h"
#include "dns/types.h"

enum field {
    FIELD_NONE,
    FIELD_IPV4,
    FIELD_IPV6,
    FIELD_NAME,
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_SECONDS, /* with or without units */
    FIELD_STRING,  /* length byte, at most 255 bytes */
    FIELD_STRINGS, /* one or more */
    FIELD_TAG,     /* of CAA: letters and digits */
    FIELD_REST,    /* of CAA: the bytes of one word, without a length */
};

struct format {
    uint16_t type;
    bool long_;        /* may be longer than PACK_MIN */
    uint8_t fields[8]; /* ends at FIELD_NONE */
};

static const struct format formats[] = {
    {TYPE_A, false, {FIELD_IPV4}},
    {TYPE_AAAA, false, {FIELD_IPV6}},
    {TYPE_NS, false, {FIELD_NAME}},
    {TYPE_CNAME, false, {FIELD_NAME}},
    {TYPE_PTR, false, {FIELD_NAME}},
    {TYPE_DNAME, false, {FIELD_NAME}},
    {TYPE_MX, false, {FIELD_U16, FIELD_NAME}},
    {TYPE_TXT, true, {FIELD_STRINGS}},
    {TYPE_SRV, false, {FIELD_U16, FIELD_U16, FIELD_U16, FIELD_NAME}},
    {TYPE_SOA,
     false,
     {FIELD_NAME, FIELD_NAME, FIELD_U32, FIELD_SECONDS, FIELD_SECONDS, FIELD_SECONDS,
      FIELD_SECONDS}},
    {TYPE_CAA, true, {FIELD_U8, FIELD_TAG, FIELD_REST}},
    {TYPE_HINFO, true, {FIELD_STRING, FIELD_STRING}},
};

static bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}

/* Dotted quad; no leading zeros, which some take for octal. There is always a byte after a word. */
static bool parse_ipv4(const struct word *word, uint8_t out[4])
{
    const uint8_t *p = word->p;
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
    return p == word->p + word->n;
}

static bool parse_ipv6(const struct word *word, uint8_t out[16])
{
    char text[IP_TEXT_MAX];
    struct ip ip;
    if (word->n >= sizeof text)
        return false;
    memcpy(text, word->p, word->n);
    text[word->n] = '\0';
    if (ip_parse(&ip, text) != 0 || ip.family != IP_V6)
        return false;
    memcpy(out, ip.b, 16);
    return true;
}

static bool parse_number(const struct word *word, uint64_t max, uint64_t *out)
{
    uint64_t x = 0;
    for (uint32_t i = 0; i < word->n; i++) {
        if (!is_digit(word->p[i]))
            return false;
        x = x * 10 + (word->p[i] - '0');
        if (x > max)
            return false;
    }
    *out = x;
    return word->n > 0;
}

bool zonefile_ttl(const uint8_t *p, uint32_t n, uint32_t *out)
{
    uint64_t total = 0, x = 0;
    bool digits = false;
    for (uint32_t i = 0; i < n; i++) {
        unsigned unit = 1;
        if (is_digit(p[i])) {
            x = x * 10 + (p[i] - '0');
            digits = true;
            if (x > UINT32_MAX)
                return false;
            continue;
        }
        switch (p[i] | 0x20) {
        case 's':
            break;
        case 'm':
            unit = 60;
            break;
        case 'h':
            unit = 3600;
            break;
        case 'd':
            unit = 86400;
            break;
        case 'w':
            unit = 604800;
            break;
        default:
            return false;
        }
        if (!digits)
            return false;
        total += x * unit;
        x = 0;
        digits = false;
    }
    total += x;
    *out = (uint32_t)total;
    return n > 0 && total <= UINT32_MAX && is_digit(p[0]);
}

/* The byte at *p, escaped or not; moves *p. -1: not an escape of RFC 1035 5.1. */
static int unescape(const uint8_t **p, const uint8_t *end)
{
    const uint8_t *at = *p;
    if (*at != '\\') {
        (*p)++;
        return *at;
    }
    at++;
    if (at == end)
        return -1;
    if (!is_digit(*at)) {
        *p = at + 1;
        return *at;
    }
    if (end - at < 3 || !is_digit(at[1]) || !is_digit(at[2]))
        return -1;
    int value = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
    *p = at + 3;
    return value <= 255 ? value : -1;
}

static uint8_t fold(uint8_t c)
{
    return (uint8_t)(c | ((uint8_t)(c - 'A') < 26) << 5);
}

void reader_set_origin(struct zone_reader *r, const uint8_t *name, unsigned n)
{
    memmove(r->origin_wire, name, n); /* it may be the current one */
    for (unsigned i = 0; i < n; i++)
        r->origin_lower[i] = fold(r->origin_wire[i]);
    r->origin = slice_of(r->origin_wire, n);
}

static unsigned name_failed(struct zone_reader *r, const struct word *word, const char *why)
{
    reader_fail(r, word->p, "'%.*s' is not a domain name: %s", (int)(word->n < 80 ? word->n : 80),
                (const char *)word->p, why);
    return 0;
}

/* The labels of a word, in wire form after out[0]. Sets *last to the length byte of the last one,
 * which is empty if the word ended in a dot. Returns the end, or NULL with *why set. */
static uint8_t *put_labels(uint8_t *out, uint8_t **last, const struct word *word, bool lower,
                           const char **why)
{
    const uint8_t *p = word->p, *end = p + word->n;
    uint8_t *label = out, *o = out + 1;
    const uint8_t letters = lower ? 26 : 0; /* that are folded */
    while (p < end) {
        uint8_t c = *p;
        if (UNLIKELY(c == '.')) {
            if (o - label - 1 < 1 || o - label - 1 > LABEL_MAX)
                break;
            *label = (uint8_t)(o - label - 1);
            label = o++;
            p++;
        } else if (LIKELY(c != '\\')) {
            *o++ = (uint8_t)(c | ((uint8_t)(c - 'A') < letters) << 5);
            p++;
        } else {
            int x = unescape(&p, end);
            *why = "expected \\DDD (000 to 255) or \\X";
            if (x < 0)
                return NULL;
            *o++ = lower ? fold((uint8_t)x) : (uint8_t)x;
        }
    }
    *last = label;
    *why = o - label - 1 > LABEL_MAX ? "a label is longer than 63 bytes" : "an empty label";
    return p == end && o - label - 1 <= LABEL_MAX ? o : NULL;
}

unsigned reader_name(struct zone_reader *r, uint8_t *out, const struct word *word, bool lower)
{
    const uint8_t *origin = lower ? r->origin_lower : r->origin_wire;
    uint8_t *label = out, *o = out;
    const char *why = "it is empty";
    bool is_origin = word->n == 1 && word->p[0] == '@' && !word->quoted;
    if (word->n == 1 && word->p[0] == '.') {
        *out = 0;
        return 1;
    }
    if (UNLIKELY(word->n == 0 || word->n >= NAME_SLACK))
        return name_failed(r, word, word->n ? "it is longer than 255 bytes" : why);
    if (!is_origin && !(o = put_labels(out, &label, word, lower, &why)))
        return name_failed(r, word, why);
    if (is_origin || o - label > 1) {
        if (r->origin.n == 0)
            return name_failed(r, word, "it is relative, and no origin is set");
        if (!is_origin)
            *label = (uint8_t)(o - label - 1);
        memcpy(o, origin, r->origin.n);
        o += r->origin.n;
    } else {
        *label = 0;
    }
    if (o - out > NAME_WIRE_MAX)
        return name_failed(r, word, "it is longer than 255 bytes");
    return (unsigned)(o - out);
}

/* A character-string; `prefix` is 1 for one with a length byte, 0 for the rest of the rdata. */
static bool put_string(struct zone_reader *r, struct writer *w, const struct word *word,
                       unsigned prefix)
{
    const uint8_t *p = word->p, *end = p + word->n;
    uint8_t *length = prefix ? writer_take(w, 1) : NULL, *first = w->p;
    const uint8_t *escape = memchr(p, '\\', word->n);
    writer_bytes(w, p, (size_t)((escape ? escape : end) - p));
    for (p = escape ? escape : end; p < end && !w->bad;) {
        int c = unescape(&p, end);
        if (c < 0)
            return reader_fail(r, p, "expected \\DDD (000 to 255) or \\X");
        writer_u8(w, (uint8_t)c);
    }
    if (w->bad)
        return reader_fail(r, word->p, "the data is longer than %d bytes", RDATA_MAX);
    if (length) {
        if (w->p - first > 255)
            return reader_fail(r, word->p,
                               "a string of %td bytes, expected at most 255: write it as several",
                               w->p - first);
        *length = (uint8_t)(w->p - first);
    }
    return true;
}

static bool put_strings(struct zone_reader *r, struct writer *w, struct word *word)
{
    const char *why;
    enum scan_result result;
    do {
        if (!put_string(r, w, word, 1))
            return false;
    } while ((result = scan_word(&r->scan, word, &why)) == SCAN_WORD);
    return result == SCAN_END || reader_fail(r, r->scan.bad, "%s", why);
}

static bool put_tag(struct zone_reader *r, struct writer *w, const struct word *word)
{
    bool ok = word->n >= 1 && word->n <= 255;
    for (uint32_t i = 0; ok && i < word->n; i++)
        ok = is_digit(word->p[i]) || (uint8_t)((word->p[i] | 0x20) - 'a') < 26;
    if (!ok)
        return reader_expected(r, word, "a CAA property (issue, issuewild, iodef, ...)");
    writer_u8(w, (uint8_t)word->n);
    writer_bytes(w, word->p, word->n);
    return true;
}

static const char *const field_expected[] = {
    [FIELD_IPV4] = "an IPv4 address",
    [FIELD_IPV6] = "an IPv6 address",
    [FIELD_NAME] = "a domain name",
    [FIELD_U8] = "a number from 0 to 255",
    [FIELD_U16] = "a number from 0 to 65535",
    [FIELD_U32] = "a number from 0 to 4294967295",
    [FIELD_SECONDS] = "seconds, or a duration as 1h30m",
    [FIELD_STRING] = "a string",
    [FIELD_STRINGS] = "a string",
    [FIELD_TAG] = "a CAA property (issue, issuewild, iodef, ...)",
    [FIELD_REST] = "the value of the CAA property",
};

static bool put_field(struct zone_reader *r, struct writer *w, enum field field, struct word *word)
{
    uint64_t x = 0;
    uint32_t seconds = 0;
    uint8_t address[16];
    bool ok = true;
    switch (field) {
    case FIELD_IPV4:
        ok = parse_ipv4(word, address);
        writer_bytes(w, address, 4);
        break;
    case FIELD_IPV6:
        ok = parse_ipv6(word, address);
        writer_bytes(w, address, 16);
        break;
    case FIELD_NAME: {
        unsigned n = reader_name(r, w->p, word, false);
        w->p += n;
        return n > 0;
    }
    case FIELD_U8:
        ok = parse_number(word, UINT8_MAX, &x);
        writer_u8(w, (uint8_t)x);
        break;
    case FIELD_U16:
        ok = parse_number(word, UINT16_MAX, &x);
        writer_u16(w, (uint16_t)x);
        break;
    case FIELD_U32:
        ok = parse_number(word, UINT32_MAX, &x);
        writer_u32(w, (uint32_t)x);
        break;
    case FIELD_SECONDS:
        ok = zonefile_ttl(word->p, word->n, &seconds);
        writer_u32(w, seconds);
        break;
    case FIELD_STRING:
        return put_string(r, w, word, 1);
    case FIELD_STRINGS:
        return put_strings(r, w, word);
    case FIELD_TAG:
        return put_tag(r, w, word);
    case FIELD_REST:
        return put_string(r, w, word, 0);
    default:
        break;
    }
    return ok || reader_expected(r, word, field_expected[field]);
}

/* Hands the rest of the entry to ldns, as one line without comments and parentheses. */
static bool rdata_by_ldns(struct zone_reader *r, uint16_t type, struct word word)
{
    const uint8_t *at = word.p - word.quoted;
    const char *why = NULL;
    struct buf text = {0};
    enum scan_result result;
    do {
        buf_puts(&text, text.n ? (word.quoted ? " \"" : " ") : word.quoted ? "\"" : "");
        buf_add(&text, word.p, word.n);
        if (word.quoted)
            buf_puts(&text, "\"");
    } while ((result = scan_word(&r->scan, &word, &why)) == SCAN_WORD);
    bool ok = result == SCAN_END || reader_fail(r, r->scan.bad, "%s", why);
    if (ok && rr_rdata_from_text(&r->rdata, r->build->load->scratch, type, text.p, r->origin,
                                 &why) != 0) {
        char name[RR_TYPE_TEXT_MAX];
        ok = reader_fail(r, at, "not the data of a %s record: %s", rr_type_text(name, type), why);
    }
    buf_free(&text);
    return ok;
}

static const struct format *find_format(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i].type == type)
            return &formats[i];
    return NULL;
}

bool reader_rdata(struct zone_reader *r, uint16_t type)
{
    struct word word;
    const struct format *format = find_format(type);
    if (!reader_word(r, &word, format ? field_expected[format->fields[0]] : "data"))
        return false;
    if (LIKELY(type == TYPE_A) && parse_ipv4(&word, zone_pack(r->build))) {
        r->rdata = slice_of(r->build->pack, 4);
        return reader_entry_ends(r);
    }
    if (!format || (word.n == 2 && !word.quoted && word.p[0] == '\\' && word.p[1] == '#'))
        return rdata_by_ldns(r, type, word);
    /* Short data is written where it stays: zone_add_record() sees that it is there already. */
    uint8_t *start = format->long_ ? r->buffer : zone_pack(r->build);
    struct writer w = writer_of(start, format->long_ ? RDATA_MAX : PACK_MIN);
    for (unsigned i = 0; i < ARRAY_LEN(format->fields) && format->fields[i]; i++) {
        enum field field = format->fields[i];
        if (i > 0 && !reader_word(r, &word, field_expected[field]))
            return false;
        if (!put_field(r, &w, field, &word))
            return false;
    }
    r->rdata = slice_of(start, (size_t)(w.p - start));
    return reader_entry_ends(r);
}

bool reader_plain_text(struct zone_reader *r, struct slice text)
{
    const uint8_t *p = text.p, *end = p + text.n;
    struct writer w = writer_of(r->buffer, RDATA_MAX);
    do {
        uint8_t *length = writer_take(&w, 1);
        unsigned n = 0;
        for (; p < end && n < 255 && !w.bad; n++) {
            int c = unescape(&p, end);
            if (c < 0)
                return reader_fail(r, p, "expected \\DDD (000 to 255) or \\X");
            writer_u8(&w, (uint8_t)c);
        }
        if (length)
            *length = (uint8_t)n;
    } while (p < end && !w.bad);
    if (w.bad)
        return reader_fail(r, text.p, "the data is longer than %d bytes", RDATA_MAX);
    r->rdata = slice_of(r->buffer, (size_t)(w.p - r->buffer));
    r->scan.p = r->scan.end;
    return true;
}
