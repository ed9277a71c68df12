/* SPDX-License-Identifier: Apache-2.0
 * Words of master files. */
#include "dns/scan.h"

#include "base/digits.h"

const uint8_t char_classes[256] = {
    [' '] = CHAR_BLANK,   ['\t'] = CHAR_BLANK,  ['\r'] = CHAR_BLANK,  ['\n'] = CHAR_NEWLINE,
    ['\0'] = CHAR_NUL,    [';'] = CHAR_SPECIAL, ['('] = CHAR_SPECIAL, [')'] = CHAR_SPECIAL,
    ['"'] = CHAR_SPECIAL, ['\\'] = CHAR_ESCAPE,
};

void scan_init(struct scan *scan, struct slice text, const char *file)
{
    static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};
    const uint8_t *start = text.p;
    if (text.n >= sizeof bom && memcmp(start, bom, sizeof bom) == 0)
        start += sizeof bom;
    *scan = (struct scan){.p = start,
                          .start = start,
                          .end = text.p + text.n,
                          .line = 1,
                          .file = file,
                          .counted = start,
                          .counted_line = 1};
}

static enum scan_result refuse(struct scan *scan, const uint8_t *at, const char **why,
                               const char *text)
{
    scan->bad = at;
    *why = text;
    return SCAN_ERROR;
}

static void skip_comment(struct scan *scan)
{
    const uint8_t *newline = memchr(scan->p, '\n', (size_t)(scan->end - scan->p));
    scan->p = newline ? newline : scan->end;
}

/* A word in quotes; scan->p is at the opening one. It ends on its line: a quote that is forgotten
 * would swallow the rest of the file otherwise. */
static enum scan_result scan_quoted(struct scan *scan, struct word *word, const char **why)
{
    const uint8_t *opened = scan->p, *p = opened + 1;
    for (; *p != '"'; p++) {
        if (*p == '\\' && p + 1 < scan->end && p[1] != '\n') {
            p++;
        } else if (*p == '\n' || p == scan->end) {
            scan->p = p;
            return refuse(scan, opened, why,
                          "the quote is never closed, expected '\"' on the same line");
        }
    }
    *word = (struct word){opened + 1, (uint32_t)(p - opened - 1), true};
    scan->p = p + 1;
    return SCAN_WORD;
}

/* A word with escapes in it, or one that begins with a NUL byte. */
static enum scan_result scan_escaped(struct scan *scan, struct word *word, const char **why)
{
    const uint8_t *start = scan->p, *p = start;
    for (;; p++) {
        if (*p == '\\' && p + 1 < scan->end && p[1] != '\n')
            p++;
        else if (char_classes[*p] != CHAR_WORD)
            break;
    }
    scan->p = p;
    if (*p == '\\' || p == start) {
        scan->p++;
        return refuse(scan, p, why,
                      *p ? "'\\' at the end of the line, expected a character after it"
                         : "a NUL byte, expected text");
    }
    *word = (struct word){start, (uint32_t)(p - start), false};
    return SCAN_WORD;
}

const char scan_unclosed[] = "'(' is never closed, expected ')'";

static enum scan_result scan_end(struct scan *scan, const char **why)
{
    if (!scan->parens)
        return SCAN_END;
    scan->parens = 0;
    return refuse(scan, scan->open, why, scan_unclosed);
}

enum scan_result scan_word_slow(struct scan *scan, struct word *word, const char **why)
{
    for (;;) {
        const uint8_t *p = scan->p;
        switch (*p) {
        case '\n':
            if (!scan->parens)
                return SCAN_END;
            scan->line++;
            scan->p++;
            break;
        case ' ':
        case '\t':
        case '\r':
            scan->p++;
            break;
        case ';':
            skip_comment(scan);
            break;
        case '(':
            if (scan->parens++ == 0)
                scan->open = p;
            scan->p++;
            break;
        case ')':
            scan->p++;
            if (scan->parens == 0)
                return refuse(scan, p, why, "')' without a '(' before it");
            scan->parens--;
            break;
        case '"':
            return scan_quoted(scan, word, why);
        default:
            if (p == scan->end)
                return scan_end(scan, why);
            return scan_escaped(scan, word, why);
        }
    }
}

bool scan_never_closes(const struct scan *scan)
{
    struct scan ahead = *scan;
    struct word word;
    const char *why;
    enum scan_result result = SCAN_END;
    while (ahead.parens && result != SCAN_ERROR)
        result = scan_word(&ahead, &word, &why);
    return result == SCAN_ERROR && ahead.bad == ahead.open;
}

void scan_next_entry(struct scan *scan)
{
    struct word word;
    const char *why;
    while (scan_word(scan, &word, &why) != SCAN_END)
        ;
    if (scan->p < scan->end) {
        scan->p++;
        scan->line++;
    }
}

struct span scan_span(struct scan *scan, const uint8_t *at)
{
    if (scan->fixed.line)
        return scan->fixed;
    if (at < scan->counted) {
        scan->counted = scan->start;
        scan->counted_line = 1;
    }
    const uint8_t *p = scan->counted, *newline;
    while ((newline = memchr(p, '\n', (size_t)(at - p)))) {
        p = newline + 1;
        scan->counted_line++;
    }
    scan->counted = p;
    struct span span = {scan->file, scan->counted_line, 1};
    for (; p < at; p++)
        span.column += (*p & 0xc0) != 0x80; /* characters, not bytes, of UTF-8 */
    return span;
}

int scan_unescape(const uint8_t **p, const uint8_t *end)
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
