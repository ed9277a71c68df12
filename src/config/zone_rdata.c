/* SPDX-License-Identifier: Apache-2.0
 * Rdata and names of zone files: dns/rdata.h and dns/name.h read them, here is where it goes and
 * how it is reported. */
#include "config/zonefile.h"

#include "config/zone_reader.h"
#include "dns/rdata.h"
#include "dns/types.h"

_Static_assert(RDATA_SHORT + RDATA_SLACK <= PACK_MIN, "short data is written where it stays");
_Static_assert(NAME_WORD_ROOM <= RDATA_SLACK, "so is a name");

bool zonefile_ttl(const uint8_t *p, uint32_t n, uint32_t *out)
{
    return n > 0 && rdata_seconds(slice_of(p, n), out);
}

void reader_set_origin(struct zone_reader *r, const uint8_t *name, unsigned n)
{
    memmove(r->origin_wire, name, n); /* it may be the current one */
    name_lower(r->origin_lower, slice_of(r->origin_wire, n));
    r->origin = slice_of(r->origin_wire, n);
}

static unsigned name_failed(struct zone_reader *r, const struct word *word, const char *why)
{
    reader_fail(r, word->p, "'%.*s' is not a domain name: %s", (int)(word->n < 80 ? word->n : 80),
                (const char *)word->p, why);
    return 0;
}

unsigned reader_name(struct zone_reader *r, uint8_t *out, const struct word *word, bool lower)
{
    const char *why = NULL;
    struct slice origin = {lower ? r->origin_lower : r->origin_wire, r->origin.n};
    int n = name_from_word(out, word, origin, lower, &why);
    return LIKELY(n > 0) ? (unsigned)n : name_failed(r, word, why);
}

bool reader_rdata(struct zone_reader *r, uint16_t type)
{
    const struct rdata_form *form = rdata_form(type);
    struct rdata_error error;
    /* Short data is written where it stays: zone_add_record() sees that it is there already. */
    bool is_short = form && form->is_short;
    uint8_t *out = is_short ? zone_pack(r->build) : r->buffer;
    int n = rdata_read(out, is_short ? RDATA_SHORT : RDATA_MAX, &r->scan, type, r->origin, &error);
    if (UNLIKELY(n < 0))
        return reader_fail(r, error.at, "%s", error.text);
    r->rdata = slice_of(out, (size_t)n);
    return true;
}

bool reader_plain_text(struct zone_reader *r, struct slice text)
{
    const uint8_t *p = text.p, *end = p + text.n;
    struct writer w = writer_of(r->buffer, RDATA_MAX);
    do {
        uint8_t *length = writer_take(&w, 1);
        unsigned n = 0;
        for (; p < end && n < 255 && !w.bad; n++) {
            int c = scan_unescape(&p, end);
            if (c < 0)
                return reader_fail(r, p, "expected \\DDD (000 to 255) or \\X");
            writer_u8(&w, (uint8_t)c);
        }
        if (length)
            *length = (uint8_t)n;
    } while (p < end && !w.bad);
    if (w.bad)
        return reader_fail(r, text.p, "the data is longer than %u bytes", RDATA_MAX);
    r->rdata = slice_of(r->buffer, (size_t)(w.p - r->buffer));
    r->scan.p = r->scan.end;
    return true;
}
