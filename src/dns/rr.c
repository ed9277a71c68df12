/* SPDX-License-Identifier: Apache-2.0
 * RR types and rdata as text: ldns knows the types, RFC 3597 covers the rest. */
#include "dns/rr.h"

#include "base/buf.h"
#include "base/cursor.h"
#include "base/diag.h"
#include "dns/name.h"
#include "dns/types.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <strings.h>

/* Whether ldns has more than a number for the type; it names and describes the others as TYPEN. */
static bool is_known_type(uint16_t type)
{
    const ldns_rr_descriptor *d = ldns_rr_descript(type);
    return d && d->_name && strncmp(d->_name, "TYPE", 4) != 0;
}

/* Types that are not data but questions about it, or belong to a message, have no rdata to write.
 */
static bool is_meta_type(uint16_t type)
{
    return type == 0 || type == TYPE_OPT || (type >= 128 && type <= 255);
}

/* The N of `TYPEN` (RFC 3597 5), or -1. */
static int generic_type(const char *text, size_t n)
{
    unsigned type = 0;
    if (n < 5 || n > 9 || strncasecmp(text, "TYPE", 4) != 0)
        return -1;
    for (size_t i = 4; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        type = type * 10 + (unsigned)(text[i] - '0');
    }
    return type <= UINT16_MAX ? (int)type : -1;
}

int rr_type_from_text(const char *text, size_t n)
{
    char name[RR_TYPE_TEXT_MAX];
    int type = generic_type(text, n);
    if (type >= 0 || n >= sizeof name || (n >= 4 && strncasecmp(text, "TYPE", 4) == 0))
        return type;
    memcpy(name, text, n);
    name[n] = '\0';
    type = (int)ldns_get_rr_type_by_name(name);
    return type > 0 ? type : -1;
}

const char *rr_type_text(char out[RR_TYPE_TEXT_MAX], uint16_t type)
{
    if (is_known_type(type))
        snprintf(out, RR_TYPE_TEXT_MAX, "%s", ldns_rr_descript(type)->_name);
    else if (type == TYPE_ANY)
        memcpy(out, "ANY", sizeof "ANY");
    else if (type == TYPE_AXFR || type == TYPE_IXFR)
        memcpy(out, type == TYPE_AXFR ? "AXFR" : "IXFR", sizeof "AXFR");
    else
        snprintf(out, RR_TYPE_TEXT_MAX, "TYPE%u", type);
    return out;
}

/* An RR of ldns made of rdata alone; NULL when the rdata is not of the type. */
static ldns_rr *rr_of_rdata(uint16_t type, struct slice rdata)
{
    ldns_rr *rr = rdata.n <= UINT16_MAX ? ldns_rr_new() : NULL;
    if (!rr)
        return NULL;
    uint8_t *wire = xmalloc(2 + (size_t)rdata.n); /* ldns reads the length too */
    size_t at = 0;
    store_u16(wire, (uint16_t)rdata.n);
    if (rdata.n)
        memcpy(wire + 2, rdata.p, rdata.n);
    ldns_rr_set_owner(rr, ldns_dname_new_frm_str("."));
    ldns_rr_set_type(rr, type);
    ldns_status status = ldns_wire2rdf(rr, wire, rdata.n + 2, &at);
    free(wire);
    if (status == LDNS_STATUS_OK && at == rdata.n + 2)
        return rr;
    ldns_rr_free(rr);
    return NULL;
}

static const char *generic_rdata_text(struct arena *arena, struct slice rdata)
{
    struct buf buf = {0};
    buf_printf(&buf, "\\# %u%s", rdata.n, rdata.n ? " " : "");
    for (uint32_t i = 0; i < rdata.n; i++)
        buf_printf(&buf, "%02X", rdata.p[i]);
    char *text = arena_strndup(arena, buf.p, buf.n);
    buf_free(&buf);
    return text;
}

/* ldns prints whole RRs, `. TTL CLASS TYPE rdata\n` separated by tabs. */
static const char *rdata_part(struct arena *arena, const char *line)
{
    for (int tabs = 0; tabs < 4; tabs++) {
        const char *tab = strchr(line, '\t');
        if (!tab)
            return arena_strdup(arena, "");
        line = tab + 1;
    }
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' '))
        n--;
    return arena_strndup(arena, line, n);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* `text` follows the "\#": a length, and that many bytes in hex, blanks anywhere (RFC 3597 5). */
static int generic_rdata_from_text(struct slice *out, struct arena *arena, const char *text,
                                   const char **why)
{
    unsigned len = 0, n = 0;
    const char *p = skip_blanks(text), *digits = p;
    for (; *p >= '0' && *p <= '9' && len <= UINT16_MAX; p++)
        len = len * 10 + (unsigned)(*p - '0');
    if (p == digits || len > UINT16_MAX) {
        *why = "\\# is followed by the length of the rdata, 0 to 65535";
        return E_SYNTAX;
    }
    uint8_t *rdata = arena_alloc(arena, len);
    for (p = skip_blanks(p); *p; p = skip_blanks(p + 1), n++) {
        int digit = hex_digit(*p);
        if (digit < 0) {
            *why = "rdata after \\# is in hexadecimal digits";
            return E_SYNTAX;
        }
        if (n < 2 * len)
            rdata[n / 2] = (uint8_t)(n % 2 ? rdata[n / 2] | digit : digit << 4);
    }
    if (n != 2 * len) {
        *why = "rdata after \\# has not the length given";
        return E_SYNTAX;
    }
    *out = slice_of(rdata, len);
    return 0;
}

/* What ldns made of a text, and what came in hex, must be rdata of the type when it is read again.
 */
static bool is_valid_rdata(uint16_t type, struct slice rdata)
{
    ldns_rr *rr = is_known_type(type) ? rr_of_rdata(type, rdata) : NULL;
    bool valid = rr || !is_known_type(type);
    ldns_rr_free(rr);
    return valid;
}

/* The forms of the types that people write most: ldns has one message for all. */
static const char *what_was_expected(uint16_t type, ldns_status status)
{
    switch (type) {
    case TYPE_A:
        return "expected an IPv4 address";
    case TYPE_AAAA:
        return "expected an IPv6 address";
    case TYPE_NS:
    case TYPE_CNAME:
    case TYPE_DNAME:
    case TYPE_PTR:
        return "expected one domain name";
    case TYPE_MX:
        return "expected PREFERENCE NAME";
    case TYPE_SRV:
        return "expected PRIORITY WEIGHT PORT TARGET";
    case TYPE_TXT:
        return "expected strings of at most 255 bytes, quoted if they have blanks";
    case TYPE_SOA:
        return "expected MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM";
    case TYPE_CAA:
        return "expected FLAGS TAG \"VALUE\"";
    default:
        return ldns_get_errorstr_by_id(status);
    }
}

static bool has_open_quote(const char *text)
{
    bool open = false;
    for (; *text; text++) {
        if (*text == '\\' && text[1])
            text++;
        else if (*text == '"')
            open = !open;
    }
    return open;
}

static int copy_rdata(struct slice *out, struct arena *arena, const ldns_rr *rr)
{
    ldns_buffer *wire = ldns_buffer_new(512);
    int e = E_SYNTAX;
    if (wire && ldns_rr_rdata2buffer_wire(wire, rr) == LDNS_STATUS_OK) {
        size_t n = ldns_buffer_position(wire);
        if (n <= UINT16_MAX) {
            *out = slice_of(arena_copy(arena, ldns_buffer_begin(wire), n), n);
            e = 0;
        }
    }
    ldns_buffer_free(wire);
    return e;
}

static int ldns_rdata_from_text(struct slice *out, struct arena *arena, uint16_t type,
                                const char *text, struct slice origin, const char **why)
{
    char type_text[RR_TYPE_TEXT_MAX];
    const char *line = arena_printf(arena, ". 0 IN %s %s", rr_type_text(type_text, type), text);
    ldns_rdf *origin_rdf =
        origin.n ? ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin.n, origin.p) : NULL;
    ldns_rdf *previous = NULL;
    ldns_rr *rr = NULL;
    ldns_status status = ldns_rr_new_frm_str(&rr, line, 0, origin_rdf, &previous);
    int e = E_SYNTAX;
    if (status != LDNS_STATUS_OK)
        *why = what_was_expected(type, status);
    else if ((e = copy_rdata(out, arena, rr)) != 0)
        *why = "rdata is longer than 65535 bytes";
    ldns_rr_free(rr);
    ldns_rdf_deep_free(origin_rdf);
    ldns_rdf_deep_free(previous);
    return e;
}

int rr_rdata_from_text(struct slice *out, struct arena *arena, uint16_t type, const char *text,
                       struct slice origin, const char **why)
{
    const char *p = skip_blanks(text);
    if (is_meta_type(type)) {
        *why = "the type cannot be in a zone";
        return E_SYNTAX;
    }
    bool generic = p[0] == '\\' && p[1] == '#' && (!p[2] || is_blank(p[2]));
    int e = E_SYNTAX;
    if (generic)
        e = generic_rdata_from_text(out, arena, p + 2, why);
    else if (has_open_quote(p))
        *why = "the quote is not closed";
    else if (!is_known_type(type))
        *why = "the type is unknown: its rdata is written as \\# LENGTH HEX";
    else
        e = ldns_rdata_from_text(out, arena, type, p, origin, why);
    if (!e && !is_valid_rdata(type, *out)) {
        *why = generic ? "rdata after \\# is not valid for the type"
                       : "rdata is not valid for the type";
        e = E_SYNTAX;
    }
    return e;
}

static const char *ldns_rdata_text(struct arena *arena, uint16_t type, struct slice rdata)
{
    const char *text = NULL;
    ldns_rr *rr = rr_of_rdata(type, rdata);
    if (!rr)
        return NULL;
    char *line = ldns_rr2str_fmt(ldns_output_format_nocomments, rr);
    if (line)
        text = rdata_part(arena, line);
    free(line);
    ldns_rr_free(rr);
    return text;
}

const char *rr_rdata_text(struct arena *arena, uint16_t type, struct slice rdata)
{
    const char *text = NULL, *why;
    struct slice again;
    if (is_known_type(type) && !is_meta_type(type))
        text = ldns_rdata_text(arena, type, rdata);
    /* ldns does not escape all that it takes for special when it reads. */
    if (text && rr_rdata_from_text(&again, arena, type, text, slice_of(NULL, 0), &why) == 0 &&
        slice_equal(again, rdata))
        return text;
    return generic_rdata_text(arena, rdata);
}

/* Where names are in rdata, by type in ascending order: A, of which zones have most, is before all
 * of them. RFC 3597 4 lets only the types of RFC 1035 be compressed. */
static const struct name_field {
    uint16_t type;
    uint8_t at, count, compressible;
} name_fields[] = {
    {TYPE_NS, 0, 1, 1},         {3 /* MD */, 0, 1, 1},    {4 /* MF */, 0, 1, 1},
    {TYPE_CNAME, 0, 1, 1},      {TYPE_SOA, 0, 2, 1},      {7 /* MB */, 0, 1, 1},
    {8 /* MG */, 0, 1, 1},      {9 /* MR */, 0, 1, 1},    {TYPE_PTR, 0, 1, 1},
    {14 /* MINFO */, 0, 2, 1},  {TYPE_MX, 2, 1, 1},       {17 /* RP */, 0, 2, 0},
    {18 /* AFSDB */, 2, 1, 0},  {21 /* RT */, 2, 1, 0},   {26 /* PX */, 2, 2, 0},
    {TYPE_SRV, 6, 1, 0},        {36 /* KX */, 2, 1, 0},   {TYPE_DNAME, 0, 1, 0},
    {58 /* TALINK */, 0, 2, 0}, {64 /* SVCB */, 2, 1, 0}, {65 /* HTTPS */, 2, 1, 0},
    {107 /* LP */, 2, 1, 0},
};

unsigned rr_rdata_names(uint16_t type, struct slice rdata, uint16_t at[2], bool *compressible)
{
    *compressible = false;
    for (size_t i = 0; i < ARRAY_LEN(name_fields) && name_fields[i].type <= type; i++) {
        const struct name_field *f = &name_fields[i];
        if (f->type != type)
            continue;
        uint32_t offset = f->at;
        unsigned n = 0;
        for (; n < f->count && offset < rdata.n; n++) {
            int len = name_check(slice_of(rdata.p + offset, rdata.n - offset));
            if (len < 0)
                break;
            at[n] = (uint16_t)offset;
            offset += (uint32_t)len;
        }
        *compressible = f->compressible;
        return n;
    }
    return 0;
}

const char *rcode_text(unsigned rcode)
{
    static const char *const names[] = {
        "NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",   "REFUSED",
        "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE",  "DSOTYPENI",
        NULL,       NULL,      NULL,       NULL,       "BADVERS",  "BADKEY",
        "BADTIME",  "BADMODE", "BADNAME",  "BADALG",   "BADTRUNC", "BADCOOKIE",
    };
    const char *name = rcode < ARRAY_LEN(names) ? names[rcode] : NULL;
    return name ? name : "unknown";
}
