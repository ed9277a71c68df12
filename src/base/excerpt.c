/* SPDX-License-Identifier: Apache-2.0
 * The line of a file that a message is about. */
#include "base/excerpt.h"

#include "base/escape.h"

#include <stdlib.h>

#define WIDTH 96  /* columns of the line that are shown at most */
#define BEFORE 60 /* of them left of the caret, when the line is cut */
#define TAB_WIDTH 4

/* A character as it is shown. */
struct shown {
    char text[ESCAPE_MAX + 1];
    unsigned read, width;
};

static struct shown show(const uint8_t *p, const uint8_t *end)
{
    struct shown s = {.read = 1};
    uint32_t code = 0;
    unsigned n = utf8_read(p, end, &code);
    if (n > 0)
        s.read = n;
    if (*p == '\t') {
        s.width = TAB_WIDTH;
        memcpy(s.text, "    ", TAB_WIDTH + 1);
        return s;
    }
    size_t length = escape_text(s.text, sizeof s.text, slice_of(p, s.read));
    s.width = n == 0 || escape_is_needed(code) ? (unsigned)length : utf8_width(code);
    return s;
}

/* Columns from the start of the line to its character `column` - 1; one past the end at most. */
static unsigned width_before(struct slice line, uint32_t column)
{
    const uint8_t *p = line.p, *end = p + line.n;
    unsigned width = 0;
    for (uint32_t at = 1; p < end; width += show(p, end).width, p += show(p, end).read) {
        /* Positions count bytes that begin a character; stray bytes in the middle do not. */
        at += p > line.p && (*p & 0xc0) != 0x80;
        if (at >= column)
            break;
    }
    return width;
}

static void print_line(FILE *out, struct slice line, unsigned from, unsigned to)
{
    const uint8_t *p = line.p, *end = p + line.n;
    for (unsigned width = 0; p < end && width < to;) {
        struct shown s = show(p, end);
        if (width >= from && width + s.width <= to)
            fputs(s.text, out);
        width += s.width;
        p += s.read;
    }
}

static void print_excerpt(FILE *out, struct slice line, struct span at, const char *note)
{
    char number[16];
    int digits = snprintf(number, sizeof number, "%u", at.line);
    unsigned caret = width_before(line, at.column), total = width_before(line, UINT32_MAX);
    unsigned from = total > WIDTH && caret > BEFORE ? caret - BEFORE : 0;
    bool more = total > from + WIDTH;
    fprintf(out, "  %s | %s", number, from ? "..." : "");
    print_line(out, line, from, from + WIDTH);
    fprintf(out, "%s\n", more ? "..." : "");
    if (at.column)
        fprintf(out, "  %*s | %*s^%s%s\n", digits, "", (int)(caret - from + (from ? 3 : 0)), "",
                *note ? " " : "", note);
}

void excerpt_print(FILE *out, struct span at, const char *note)
{
    char *text = NULL;
    size_t cap = 0;
    ssize_t n = 0;
    FILE *file = at.file && at.line ? fopen(at.file, "re") : NULL;
    if (!file)
        return;
    for (uint32_t i = 0; i < at.line && n >= 0; i++)
        n = getline(&text, &cap, file);
    fclose(file);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    struct slice line = slice_of(text, n > 0 ? (size_t)n : 0);
    if (at.line == 1 && line.n >= 3 && memcmp(line.p, "\xef\xbb\xbf", 3) == 0)
        line = slice_of(line.p + 3, line.n - 3);
    if (n >= 0)
        print_excerpt(out, line, at, note);
    free(text);
}
