/* SPDX-License-Identifier: Apache-2.0
 * Files that were taken for a MaxMind database. */
#include "geo/mistaken.h"

#include "base/escape.h"

#include <stdio.h>

#define EXPECTED "expected a MaxMind database"
#define LOOK 64   /* bytes that tell text from a tree */
#define SURE 4    /* bytes of a magic that no tree begins with by chance */
#define QUOTED 40 /* bytes of text that are shown at most */

/* First bytes, by what writes them. */
static const struct {
    uint8_t n, magic[6];
    uint32_t at;
    const char *text;
} kinds[] = {
    {2, {0x1f, 0x8b}, 0, "is compressed (gzip): unpack it"},
    {2, {0x1f, 0x9d}, 0, "is compressed (compress): unpack it"},
    {3, {'B', 'Z', 'h'}, 0, "is compressed (bzip2): unpack it"},
    {6, {0xfd, '7', 'z', 'X', 'Z', 0}, 0, "is compressed (xz): unpack it"},
    {4, {0x28, 0xb5, 0x2f, 0xfd}, 0, "is compressed (zstd): unpack it"},
    {4, {0x04, 0x22, 0x4d, 0x18}, 0, "is compressed (lz4): unpack it"},
    {4, {'P', 'K', 3, 4}, 0, "is an archive (zip): unpack it, the database is inside"},
    {6,
     {'7', 'z', 0xbc, 0xaf, 0x27, 0x1c},
     0,
     "is an archive (7z): unpack it, the database is inside"},
    {5, {'u', 's', 't', 'a', 'r'}, 257, "is an archive (tar): unpack it, the database is inside"},
    {2, {0xff, 0xfe}, 0, "is text in UTF-16, " EXPECTED},
    {2, {0xfe, 0xff}, 0, "is text in UTF-16, " EXPECTED},
};

static const char *known_kind(struct slice file, unsigned least)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].n >= least && file.n >= kinds[i].at + kinds[i].n &&
            memcmp(file.p + kinds[i].at, kinds[i].magic, kinds[i].n) == 0)
            return kinds[i].text;
    return NULL;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Past a byte order mark and blanks. */
static struct slice skip_blanks(struct slice file)
{
    uint32_t at = file.n >= 3 && memcmp(file.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < file.n && is_blank(file.p[at]))
        at++;
    return slice_of(file.p + at, file.n - at);
}

/* How much of the first line is shown, a tag alone if it begins with one; 0: this is no text. */
static uint32_t quotable(struct slice text)
{
    const uint8_t *end = text.p + (text.n < LOOK ? text.n : LOOK);
    uint32_t shown = 0, code;
    bool open = true;
    for (const uint8_t *p = text.p; p < end;) {
        unsigned n = utf8_read(p, text.p + text.n, &code);
        if (n == 0 || (escape_is_needed(code) && !is_blank(*p)))
            return 0;
        open = open && *p != '\n' && *p != '\r' && shown + n <= QUOTED;
        shown += open ? n : 0;
        open = open && !(*text.p == '<' && *p == '>');
        p += n;
    }
    return shown;
}

static bool is_zero(struct slice file)
{
    return file.p[0] == 0 && memcmp(file.p, file.p + 1, file.n - 1) == 0;
}

bool mistaken_is_archive(struct slice file)
{
    return known_kind(file, SURE) != NULL;
}

const char *mistaken_text(char out[MISTAKEN_MAX], struct slice file)
{
    struct slice text = skip_blanks(file);
    const char *kind = known_kind(file, 1);
    uint32_t shown = quotable(text);
    if (kind)
        snprintf(out, MISTAKEN_MAX, "%s", kind);
    else if (text.n == 0)
        snprintf(out, MISTAKEN_MAX, "is empty, " EXPECTED);
    else if (shown > 0)
        snprintf(out, MISTAKEN_MAX, "starts with '%.*s', " EXPECTED, (int)shown,
                 (const char *)text.p);
    else if (is_zero(file))
        snprintf(out, MISTAKEN_MAX, "has nothing but zero bytes, " EXPECTED);
    else
        snprintf(out, MISTAKEN_MAX,
                 "is cut off, or no MaxMind database: the metadata that ends one is missing");
    return out;
}
