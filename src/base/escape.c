/* SPDX-License-Identifier: Apache-2.0
 * Text from outside, made fit for a terminal, a log line or a page. */
#include "base/escape.h"

#include <stdio.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

/* Sorted. Beside controls and bidirectional marks: what Unicode calls default ignorable (shown as
 * nothing at all) and blanks that look like U+0020 and are not. */
static const struct range unsafe[] = {
    {0x0000, 0x001f},   /* C0 */
    {0x007f, 0x00a0},   /* DEL, C1, no-break space */
    {0x00ad, 0x00ad},   /* soft hyphen */
    {0x034f, 0x034f},   /* combining grapheme joiner */
    {0x061c, 0x061c},   /* Arabic letter mark */
    {0x115f, 0x1160},   /* Hangul fillers */
    {0x1680, 0x1680},   /* Ogham space */
    {0x17b4, 0x17b5},   /* Khmer vowels that are not shown */
    {0x180b, 0x180f},   /* Mongolian selectors and separator */
    {0x2000, 0x200f},   /* blanks, zero width, left-to-right and right-to-left marks */
    {0x2028, 0x202f},   /* line and paragraph separators, embeddings, overrides */
    {0x205f, 0x206f},   /* blanks, invisible operators, isolates, deprecated controls */
    {0x3000, 0x3000},   /* ideographic space */
    {0x3164, 0x3164},   /* Hangul filler */
    {0xfdd0, 0xfdef},   /* no characters */
    {0xfe00, 0xfe0f},   /* variation selectors */
    {0xfeff, 0xfeff},   /* byte order mark */
    {0xffa0, 0xffa0},   /* Hangul filler */
    {0xfff0, 0xfffb},   /* annotations */
    {0x1bca0, 0x1bca3}, /* shorthand controls */
    {0x1d173, 0x1d17a}, /* musical controls */
    {0xe0000, 0xe0fff}, /* tags, more selectors */
};

/* Unicode 15 in coarse strokes: good enough to put a caret under a character. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
    {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
    {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18cd5}, {0x1b000, 0x1b2fb},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};
static const struct range combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x06d6, 0x06dc}, {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
    {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0x302a, 0x302f},
    {0x3099, 0x309a}, {0xfe20, 0xfe2f},
};

static bool is_among(const struct range *v, size_t n, uint32_t code)
{
    size_t low = 0;
    while (low < n) { /* the last range that may hold it is in [low, n) */
        size_t middle = low + (n - low) / 2;
        if (code > v[middle].last)
            low = middle + 1;
        else if (code < v[middle].first)
            n = middle;
        else
            return true;
    }
    return false;
}

bool escape_is_needed(uint32_t code)
{
    if (code >= 0x20 && code < 0x7f)
        return false;
    return (code & 0xfffe) == 0xfffe || is_among(unsafe, ARRAY_LEN(unsafe), code);
}

unsigned utf8_width(uint32_t code)
{
    if (code < 0x300)
        return 1;
    if (is_among(combining, ARRAY_LEN(combining), code))
        return 0;
    return is_among(wide, ARRAY_LEN(wide), code) ? 2 : 1;
}

unsigned utf8_read(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
    static const struct {
        uint8_t first, last, second_min, second_max, n;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    size_t i = 0;
    while (i < ARRAY_LEN(forms) && (p[0] < forms[i].first || p[0] > forms[i].last))
        i++;
    if (i == ARRAY_LEN(forms) || end - p < forms[i].n)
        return 0;
    unsigned n = forms[i].n;
    *code = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (unsigned k = 1; k < n; k++) {
        if (p[k] < (k == 1 ? forms[i].second_min : 0x80) ||
            p[k] > (k == 1 ? forms[i].second_max : 0xbf))
            return 0;
        *code = *code << 6 | (p[k] & 0x3f);
    }
    return n;
}

/* What the next character or stray byte of the text becomes. */
struct piece {
    unsigned read; /* bytes of the text */
    unsigned n;    /* bytes of what it becomes; 0: itself */
    char text[ESCAPE_MAX + 1];
};

static unsigned format_escape(char out[ESCAPE_MAX + 1], uint32_t code)
{
    const char *letter = code ? strchr("\nn\rr\tt", (int)code) : NULL;
    if (letter && code < 0x20)
        return (unsigned)snprintf(out, ESCAPE_MAX + 1, "\\%c", letter[1]);
    char kind = code < 0x80 ? 'x' : code <= 0xffff ? 'u' : 'U';
    int digits = code < 0x80 ? 2 : code <= 0xffff ? 4 : 8;
    return (unsigned)snprintf(out, ESCAPE_MAX + 1, "\\%c%0*x", kind, digits, code);
}

static struct piece next_piece(const uint8_t *p, const uint8_t *end)
{
    struct piece piece = {.read = 1};
    uint32_t code = 0;
    unsigned n = utf8_read(p, end, &code);
    if (n == 0)
        piece.n = (unsigned)snprintf(piece.text, sizeof piece.text, "\\x%02x", *p);
    else
        piece.read = n;
    if (n > 0 && escape_is_needed(code))
        piece.n = format_escape(piece.text, code);
    return piece;
}

size_t escape_text(char *out, size_t size, struct slice text)
{
    size_t n = 0;
    for (const uint8_t *p = text.p, *end = p + text.n; p < end;) {
        struct piece piece = next_piece(p, end);
        size_t take = piece.n ? piece.n : piece.read;
        if (take >= size - n)
            break;
        memcpy(out + n, piece.n ? (const void *)piece.text : p, take);
        n += take;
        p += piece.read;
    }
    out[n] = '\0';
    return n;
}

void escape_add(struct buf *out, struct slice text)
{
    buf_add(out, "", 0);
    for (const uint8_t *p = text.p, *end = p + text.n; p < end;) {
        struct piece piece = next_piece(p, end);
        buf_add(out, piece.n ? (const void *)piece.text : p, piece.n ? piece.n : piece.read);
        p += piece.read;
    }
}

static bool is_clean(struct slice text)
{
    for (const uint8_t *p = text.p, *end = p + text.n; p < end;) {
        uint32_t code = 0;
        unsigned n = utf8_read(p, end, &code);
        if (n == 0 || escape_is_needed(code))
            return false;
        p += n;
    }
    return true;
}

const char *escape_in(struct arena *arena, const char *text)
{
    struct slice raw = slice_str(text);
    struct buf buf = {0};
    if (is_clean(raw))
        return text;
    escape_add(&buf, raw);
    const char *copy = arena_strndup(arena, buf.p, buf.n);
    buf_free(&buf);
    return copy;
}

void escape_json(struct buf *out, struct slice json)
{
    buf_add(out, "", 0);
    for (const uint8_t *p = json.p, *end = p + json.n; p < end;) {
        uint32_t code = 0;
        unsigned n = utf8_read(p, end, &code);
        if (n > 1 || *p == 0x7f) {
            if (!escape_is_needed(code))
                buf_add(out, p, n);
            else if (code <= 0xffff)
                buf_printf(out, "\\u%04x", code);
            else
                buf_printf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
        } else {
            buf_add(out, p, 1);
        }
        p += n ? n : 1;
    }
}
