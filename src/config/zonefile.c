/* SPDX-License-Identifier: Apache-2.0
 * Zone files: entries. */
#include "config/zonefile.h"

#include "base/digits.h"
#include "base/give_way.h"
#include "config/zone_preamble.h"
#include "config/zone_slips.h"
#include "dns/types.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#define ZONE_FILE_MAX (UINT32_MAX - 1)

bool reader_fail(struct zone_reader *r, const uint8_t *at, const char *fmt, ...)
{
    va_list args;
    r->n_errors++;
    va_start(args, fmt);
    const char *text = arena_vprintf(r->build->load->scratch, fmt, args);
    va_end(args);
    /* What comes of the lines that it swallows is no mistake of theirs. */
    if (at != r->scan.bad && scan_never_closes(&r->scan)) {
        at = r->scan.open;
        text = scan_unclosed;
    }
    if (r->generated)
        text =
            arena_printf(r->build->load->scratch, "%s (with $ = %" PRIu32 ")", text, r->instance);
    diag_error(r->build->load->diags, scan_span(&r->scan, at), "%s", text);
    return false;
}

bool reader_expected(struct zone_reader *r, const struct word *word, const char *expected)
{
    int n = (int)(word->n < 60 ? word->n : 60);
    if (word->n == 0 && !word->quoted)
        return reader_fail(r, word->p, "the line ends here, expected %s", expected);
    return reader_fail(r, word->p, "'%.*s', expected %s", n, (const char *)word->p, expected);
}

bool reader_entry_ends(struct zone_reader *r)
{
    struct word word;
    const char *why = NULL;
    enum scan_result result = scan_word(&r->scan, &word, &why);
    if (LIKELY(result == SCAN_END))
        return true;
    if (result == SCAN_ERROR)
        return reader_fail(r, r->scan.bad, "%s", why);
    return reader_expected(r, &word, "the end of the line");
}

/* A record without a TTL: $TTL (RFC 2308 4), the record before (RFC 1035 5.1), or for a SOA its own
 * MINIMUM. */
static bool default_ttl(struct zone_reader *r, int type, const uint8_t *at, uint32_t *out)
{
    if (r->has_ttl_default) {
        *out = r->ttl_default;
    } else if (r->has_ttl_last) {
        *out = r->ttl_last;
    } else if (type == TYPE_SOA) {
        const uint8_t *p = r->rdata.p + r->rdata.n - 4;
        *out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        if (*out > TTL_LIMIT)
            *out = TTL_LIMIT;
    } else {
        return reader_fail(r, at, "no TTL, expected one here or $TTL before this record");
    }
    return true;
}

/* The zone's origin is settled by its first record: the owner of a SOA under $ORIGIN (files that
 * servers write out begin with `$ORIGIN .`), else $ORIGIN or the file's name. */
static bool settle_origin(struct zone_reader *r, int type, const uint8_t *at)
{
    struct zone_build *build = r->build;
    uint8_t lower[NAME_WIRE_MAX];
    struct slice origin = {lower, r->origin.n};
    if (type == TYPE_SOA && !r->origin_from_path)
        origin = slice_of(build->owner, build->owner_len);
    else if (origin.n == 0)
        return reader_fail(r, at,
                           "the zone has no name, expected $ORIGIN or a SOA before this record, or "
                           "a file called NAME.zone");
    else
        name_lower(lower, r->origin);
    build->origin = slice_of(arena_copy(build->load->arena, origin.p, origin.n), origin.n);
    return true;
}

/* Of data that may be text with a ';' in it. */
static bool is_text(int type)
{
    return type == TYPE_TXT || type == TYPE_CAA || type == TYPE_HINFO || type == TYPE_SPF;
}

/* What may be said of a record that is right as such. */
static void check_slips(struct zone_reader *r, int type, const uint8_t *data)
{
    if (r->repeated)
        return;
    if (r->has_unicode)
        slips_unicode_entry(r, r->entry, char_classes[*r->entry] != CHAR_BLANK,
                            type == TYPE_POOL ? 0 : (uint16_t)type);
    if (is_text(type))
        slips_cut_text(r, data);
}

static bool read_record(struct zone_reader *r, struct word *word, uint32_t line)
{
    struct preamble pre = {0};
    if (!reader_preamble(r, word, &pre))
        return false;
    const uint8_t *at = word->p;
    if (UNLIKELY(r->build->owner_len == 0))
        return reader_fail(r, at, "a record without an owner, expected a name before it");
    if (UNLIKELY(r->build->origin.n == 0) && !settle_origin(r, pre.type, at))
        return false;
    const uint8_t *data = r->scan.p;
    if (UNLIKELY(pre.type == TYPE_POOL)) {
        bool ok = reader_pool(r, pre.has_ttl ? &pre.ttl_s : NULL, at);
        if (ok)
            check_slips(r, pre.type, data);
        return ok;
    }
    if (!reader_rdata(r, (uint16_t)pre.type))
        return false;
    if (!pre.has_ttl && !default_ttl(r, pre.type, at, &pre.ttl_s))
        return false;
    if (UNLIKELY(r->has_unicode || is_text(pre.type)))
        check_slips(r, pre.type, data);
    r->has_ttl_last = true;
    r->ttl_last = pre.ttl_s;
    zone_add_record(r->build, (uint16_t)pre.type, pre.ttl_s, r->rdata,
                    (struct span){.line = line, .column = 1}, r->file);
    return true;
}

/* One entry; false after reporting. */
static bool read_entry(struct zone_reader *r)
{
    struct word word;
    const char *why = NULL;
    bool has_owner = char_classes[*r->scan.p] != CHAR_BLANK;
    r->entry = r->scan.p;
    enum scan_result result = scan_word(&r->scan, &word, &why);
    if (result != SCAN_WORD)
        return result == SCAN_END || reader_fail(r, r->scan.bad, "%s", why);
    uint32_t line = r->scan.line;
    if (has_owner) {
        if (word.p[0] == '$' && !word.quoted)
            return reader_directive(r, &word);
        unsigned n = reader_name(r, zone_pack(r->build), &word, true);
        if (n == 0)
            return false;
        zone_set_owner(r->build, r->build->pack, n);
        if (!reader_word(r, &word, TYPE_EXPECTED))
            return false;
    }
    return read_record(r, &word, line);
}

void reader_entries(struct zone_reader *r)
{
    struct scan *scan = &r->scan;
    while (scan->p < scan->end) {
        give_way_often();
        bool ok = read_entry(r);
        if (LIKELY(ok && *scan->p == '\n')) {
            scan->p++;
            scan->line++;
            continue;
        }
        scan_next_entry(scan);
        if (!ok && r->n_errors >= ZONEFILE_ERRORS_MAX) {
            reader_fail(r, scan->p, "more than %d errors, the rest of the zone is not read",
                        ZONEFILE_ERRORS_MAX);
            scan->p = scan->end;
        }
    }
}

#define SAMPLE (1u << 20)

/* Records that a text may hold: its lines, counted in its first part and extrapolated. */
static size_t estimate_records(struct slice text)
{
    size_t n = 1, sample = text.n < SAMPLE ? text.n : SAMPLE;
    for (const uint8_t *p = text.p, *end = p + sample; (p = memchr(p, '\n', (size_t)(end - p)));
         p++)
        n++;
    return sample < text.n ? n * (text.n / sample + 1) + n / 8 : n;
}

static bool has_unicode(struct slice text)
{
    bool found = false;
    for (size_t at = 0; at < text.n && !found; at += SAMPLE) {
        give_way_often();
        found = slips_not_ascii(slice_of(text.p + at, text.n - at < SAMPLE ? text.n - at : SAMPLE));
    }
    return found;
}

bool reader_file(struct zone_reader *r, const char *path, struct span named)
{
    struct zone_build *build = r->build;
    struct slice text;
    if (!load_file(build->load, &text, path, named, ZONE_FILE_MAX))
        return false;
    scan_init(&r->scan, text, path);
    r->has_unicode |= has_unicode(text);
    r->file = zone_add_file(build, path);
    r->paths[r->depth] = path;
    zone_reserve(build, estimate_records(text));
    reader_entries(r);
    return true;
}

/* NAME.zone -> NAME; empty when the file is called otherwise or NAME is no domain name. */
static void origin_from_path(struct zone_reader *r, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    if (n <= 5 || strcmp(name + n - 5, ".zone") != 0)
        return;
    uint8_t wire[NAME_WIRE_MAX];
    int len = name_from_text(wire, name, n - 5, slice_of("", 1));
    if (len > 0)
        reader_set_origin(r, wire, (unsigned)len);
    r->origin_from_path = len > 0;
}

void zonefile_read(struct zone_build *build, const char *path, struct span named)
{
    struct zone_reader *r = xmalloc(sizeof *r); /* its buffer is large for a thread's stack */
    memset(r, 0, offsetof(struct zone_reader, buffer));
    r->build = build;
    build->span = (struct span){.file = path, .line = 1, .column = 1};
    if (build->origin.n) {
        reader_set_origin(r, build->origin.p, build->origin.n);
    } else {
        origin_from_path(r, path);
    }
    if (reader_file(r, path, named) && !build->origin.n && !r->n_errors)
        diag_error(build->load->diags, build->span, "the zone is empty, expected records");
    free(r);
}

/* Whether data goes on past a line, or hides in a comment. */
static bool has_comment(struct slice text)
{
    bool quoted = false;
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\')
            i++;
        else if (text.p[i] == '"')
            quoted = !quoted;
        else if (text.p[i] == '\n' || (text.p[i] == ';' && !quoted))
            return true;
    }
    return false;
}

void zonefile_add_text(struct zone_build *build, uint16_t type, uint32_t ttl_s, struct slice text,
                       struct span span, uint16_t file)
{
    struct zone_reader *r = xmalloc(sizeof *r);
    memset(r, 0, offsetof(struct zone_reader, buffer));
    r->build = build;
    reader_set_origin(r, build->origin.p, build->origin.n);
    r->file = file;
    scan_init(&r->scan, text, span.file);
    r->scan.fixed = span;
    bool ok;
    if (type == TYPE_TXT && !memchr(text.p, '"', text.n))
        ok = reader_plain_text(r, text);
    else if (has_comment(text))
        ok = reader_fail(r, text.p, "a comment or a second line in the data, expected neither");
    else
        ok = reader_rdata(r, type);
    if (ok)
        slips_unicode_entry(r, text.p, false, type);
    if (ok)
        zone_add_record(build, type, ttl_s, r->rdata, span, file);
    free(r);
}
