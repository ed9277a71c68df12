/* SPDX-License-Identifier: Apache-2.0
 * Directives of zone files: $ORIGIN, $TTL, $INCLUDE, $GENERATE. */
#include "config/zonefile.h"

#include "base/buf.h"
#include "base/digits.h"
#include "base/file.h"
#include "config/zone_reader.h"
#include "config/zone_slips.h"
#include "dns/rr.h"

#include <inttypes.h>
#include <strings.h>
#include <sys/stat.h>

static bool word_is(const struct word *word, const char *text)
{
    return word->n == strlen(text) && strncasecmp((const char *)word->p, text, word->n) == 0;
}

static bool read_origin(struct zone_reader *r)
{
    struct word word;
    uint8_t wire[NAME_WORD_ROOM];
    if (!reader_word(r, &word, "a domain name"))
        return false;
    unsigned n = reader_name(r, wire, &word, false);
    if (n == 0 || !reader_entry_ends(r))
        return false;
    slips_unicode_name(r->build->load, scan_span(&r->scan, word.p), slice_of(word.p, word.n),
                       slice_of(wire, n));
    reader_set_origin(r, wire, n);
    r->origin_from_path = false;
    return true;
}

static bool read_ttl(struct zone_reader *r)
{
    struct word word;
    uint32_t ttl;
    if (!reader_word(r, &word, "a TTL in seconds, or as 1h30m"))
        return false;
    if (!zonefile_ttl(word.p, word.n, &ttl) || ttl > INT32_MAX)
        return reader_expected(r, &word, "a TTL from 0 to 2147483647 seconds, or as 1h30m");
    r->ttl_default = ttl;
    r->has_ttl_default = true;
    return reader_entry_ends(r);
}

/* By what they are, whatever they are called. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return strcmp(a, b) == 0 ||
           (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static bool check_include(struct zone_reader *r, const char *path, const uint8_t *at)
{
    for (unsigned i = 0; i <= r->depth; i++)
        if (is_same_file(path, r->paths[i]))
            return reader_fail(r, at, "'%s' includes itself", path);
    if (r->depth == ZONEFILE_INCLUDE_DEPTH)
        return reader_fail(r, at, "files include one another more than %d levels deep",
                           ZONEFILE_INCLUDE_DEPTH);
    if (r->build->files.n >= ZONEFILE_FILES_MAX)
        return reader_fail(r, at, "the zone includes more than %d files", ZONEFILE_FILES_MAX);
    return true;
}

/* Reads a file with an origin of its own; afterwards origin and owner are again what they were
 * (RFC 1035 5.1). */
static void include_file(struct zone_reader *r, const char *path, struct span named,
                         struct slice origin)
{
    struct scan scan = r->scan;
    uint8_t saved_wire[NAME_WIRE_MAX];
    unsigned saved_n = r->origin.n;
    const uint8_t *owner = r->build->owner;
    uint8_t owner_len = r->build->owner_len;
    uint16_t file = r->file;
    memcpy(saved_wire, r->origin_wire, sizeof saved_wire);
    if (origin.n)
        reader_set_origin(r, origin.p, origin.n);

    r->depth++;
    if (!reader_file(r, path, named))
        r->n_errors++;
    r->depth--;

    reader_set_origin(r, saved_wire, saved_n);
    r->scan = scan;
    r->file = file;
    r->build->owner = owner;
    r->build->owner_len = owner_len;
}

/* `$INCLUDE PATH [ORIGIN]` */
static bool read_include(struct zone_reader *r)
{
    struct load *load = r->build->load;
    struct word word, name;
    const char *why = NULL;
    uint8_t wire[NAME_WORD_ROOM];
    struct slice origin = r->origin;
    if (!reader_word(r, &word, "a path"))
        return false;
    enum scan_result result = scan_word(&r->scan, &name, &why);
    if (result == SCAN_ERROR)
        return reader_fail(r, r->scan.bad, "%s", why);
    if (result == SCAN_WORD) {
        origin = slice_of(wire, reader_name(r, wire, &name, false));
        if (origin.n == 0 || !reader_entry_ends(r))
            return false;
    }
    const char *text = arena_strndup(load->scratch, (const char *)word.p, word.n);
    const char *path = file_resolve(load->arena, r->scan.file, text);
    if (!check_include(r, path, word.p))
        return false;
    include_file(r, path, scan_span(&r->scan, word.p), origin);
    return true;
}

struct range {
    uint32_t start, stop, step;
};

static bool parse_u32(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
    uint64_t x = 0;
    const uint8_t *first = *p;
    for (; *p < end && is_digit(**p) && x <= INT32_MAX; (*p)++)
        x = x * 10 + (**p - '0');
    *out = (uint32_t)x;
    return *p > first && x <= INT32_MAX;
}

/* START-STOP or START-STOP/STEP */
static bool parse_range(const struct word *word, struct range *out)
{
    const uint8_t *p = word->p, *end = p + word->n;
    out->step = 1;
    if (!parse_u32(&p, end, &out->start) || p == end || *p++ != '-')
        return false;
    if (!parse_u32(&p, end, &out->stop) || out->stop < out->start)
        return false;
    if (p < end && (*p++ != '/' || !parse_u32(&p, end, &out->step) || out->step == 0))
        return false;
    return p == end;
}

/* Hexadecimal digits as labels, the least significant first: for ip6.arpa. `width` counts digits
 * and dots, as BIND has it: an even one ends in a dot. */
static void put_nibbles(struct buf *out, uint32_t x, uint32_t width, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    do {
        buf_add(out, &digits[x & 15], 1);
        x >>= 4;
        width -= width > 0;
        if (x > 0 || width > 0)
            buf_puts(out, ".");
        width -= width > 0;
    } while (x > 0 || width > 0);
}

#define WIDTH_MAX 255u

/* `{OFFSET[,WIDTH[,BASE]]}`; *p is after the brace. */
static bool put_number(struct buf *out, uint32_t i, const uint8_t **p, const uint8_t *end)
{
    uint32_t offset = 0, width = 0;
    uint8_t base = 'd';
    bool negative = *p < end && **p == '-';
    *p += negative || (*p < end && **p == '+');
    if (!parse_u32(p, end, &offset))
        return false;
    if (*p < end && **p == ',') {
        (*p)++;
        if (!parse_u32(p, end, &width) || width > WIDTH_MAX)
            return false;
        if (*p + 1 < end && **p == ',') {
            base = (*p)[1];
            *p += 2;
        }
    }
    int64_t x = (int64_t)i + (negative ? -(int64_t)offset : (int64_t)offset);
    if (*p >= end || *(*p)++ != '}' || x < 0 || x > UINT32_MAX)
        return false;
    switch (base) {
    case 'd':
        buf_printf(out, "%0*" PRId64, (int)width, x);
        return true;
    case 'o':
        buf_printf(out, "%0*" PRIo64, (int)width, x);
        return true;
    case 'x':
        buf_printf(out, "%0*" PRIx64, (int)width, x);
        return true;
    case 'X':
        buf_printf(out, "%0*" PRIX64, (int)width, x);
        return true;
    case 'n':
    case 'N':
        put_nibbles(out, (uint32_t)x, width, base == 'N');
        return true;
    default:
        return false;
    }
}

/* What follows the range, of which each number makes a record. */
struct template
{
    const uint8_t *start, *end;
    const uint8_t *open, *close; /* quotes that are not part of the data; NULL: none */
};

/* BIND's form has all of the data in quotes when it is more than one word: `MX "10 mail$"`. Data
 * that begins with a string keeps its quotes. */
static void find_quotes(const struct scan *scan, struct template *t)
{
    struct scan s = *scan;
    struct word word = {0}, type = {0}, more;
    const char *why;
    s.p = t->start;
    while (scan_word(&s, &word, &why) == SCAN_WORD && !word.quoted)
        type = word;
    if (!word.quoted || type.n == 0 || scan_word(&s, &more, &why) != SCAN_END)
        return;
    int number = rr_type_from_text((const char *)type.p, type.n);
    if (number < 0 || rdata_begins_with_string((uint16_t)number))
        return;
    t->open = word.p - 1;
    t->close = word.p + word.n;
}

/* The template with `$` replaced by i. Returns NULL, or where it is wrong. */
static const uint8_t *instantiate(struct buf *out, const struct template *t, uint32_t i)
{
    const uint8_t *p = t->start, *end = t->end;
    out->n = 0;
    while (p < end) {
        const uint8_t *at = p++;
        if (at == t->open || at == t->close)
            continue;
        if (*at == '\\' && p < end) {
            buf_add(out, at, 2);
            p++;
        } else if (*at != '$') {
            buf_add(out, at, 1);
        } else if (p < end && *p == '$') { /* as older BINDs write a literal one */
            buf_puts(out, "\\$");
            p++;
        } else if (p < end && *p == '{') {
            p++;
            if (!put_number(out, i, &p, end))
                return at;
        } else {
            buf_printf(out, "%" PRIu32, i);
        }
    }
    return NULL;
}

static void read_generated(struct zone_reader *r, const struct buf *text, struct span span)
{
    struct scan saved = r->scan;
    scan_init(&r->scan, slice_of(text->p, text->n), saved.file);
    r->scan.fixed = span;
    r->scan.line = span.line;
    r->generated = true;
    reader_entries(r);
    r->generated = false;
    r->scan = saved;
}

static bool read_generate(struct zone_reader *r, const uint8_t *at)
{
    static const char expected[] = "START-STOP or START-STOP/STEP, as 1-254";
    struct word word;
    struct range range;
    if (!reader_word(r, &word, expected))
        return false;
    if (!parse_range(&word, &range))
        return reader_expected(r, &word, expected);
    if ((range.stop - range.start) / range.step >= ZONEFILE_GENERATE_MAX)
        return reader_fail(r, word.p, "more than %d entries from one $GENERATE",
                           ZONEFILE_GENERATE_MAX);
    if (r->scan.parens || r->scan.fixed.line)
        return reader_fail(r, at, "$GENERATE inside parentheses or inside another");
    const uint8_t *p = r->scan.p, *end = memchr(p, '\n', (size_t)(r->scan.end - p));
    if (!end)
        end = r->scan.end;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (p == end || *p == ';' || *p == '\r')
        return reader_fail(r, p, "the line ends here, expected a record with '$' in it");
    r->scan.p = end;

    struct template template = {.start = p, .end = end};
    find_quotes(&r->scan, &template);
    struct buf text = {0};
    struct span span = scan_span(&r->scan, p);
    const uint8_t *wrong = NULL;
    unsigned errors = r->n_errors; /* one mistake in the template is one error */
    for (uint64_t i = range.start; i <= range.stop && !wrong && r->n_errors == errors;
         i += range.step) {
        wrong = instantiate(&text, &template, (uint32_t)i);
        r->instance = (uint32_t)i;
        r->repeated = i > range.start;
        if (!wrong)
            read_generated(r, &text, span);
    }
    r->repeated = false;
    buf_free(&text);
    return !wrong || reader_fail(r, wrong, "expected '$', or ${OFFSET,WIDTH,BASE} as ${0,3,d}");
}

bool reader_directive(struct zone_reader *r, const struct word *word)
{
    if (word_is(word, "$ORIGIN"))
        return read_origin(r);
    if (word_is(word, "$TTL"))
        return read_ttl(r);
    if (r->scan.fixed.line)
        return reader_expected(r, word, "a record");
    if (word_is(word, "$INCLUDE"))
        return read_include(r);
    if (word_is(word, "$GENERATE"))
        return read_generate(r, word->p);
    return reader_expected(r, word, "$ORIGIN, $TTL, $INCLUDE or $GENERATE");
}
