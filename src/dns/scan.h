/* SPDX-License-Identifier: Apache-2.0
 * Words of master files (RFC 1035 5.1): blanks, comments, parentheses, quotes and escapes are dealt
 * with here, so that what reads entries sees one word after the other until the entry ends.
 *
 * The text must be followed by a NUL, which ends every loop; positions are computed only when there
 * is something to report. */
#pragma once

#include "base/attr.h"
#include "base/diag.h"

struct scan {
    const uint8_t *p;     /* next byte */
    const uint8_t *end;   /* the NUL after the text */
    const uint8_t *start; /* of the text */
    const uint8_t *open;  /* the outermost open parenthesis */
    const uint8_t *bad;   /* what SCAN_ERROR is about */
    unsigned parens;
    uint32_t line;     /* of p, from 1 */
    struct span fixed; /* where everything is reported if it has a line: text that no file holds */
    const char *file;
    /* The last place that was reported: positions only grow, so counting goes on from there. */
    const uint8_t *counted;
    uint32_t counted_line;
};

struct word {
    const uint8_t *p; /* without the quotes */
    uint32_t n;
    bool quoted;
};

enum scan_result {
    SCAN_WORD,
    SCAN_END, /* of the entry: p is at the newline or at the end of the text */
    SCAN_ERROR,
};

enum char_class {
    CHAR_WORD, /* part of a word */
    CHAR_BLANK,
    CHAR_NEWLINE,
    CHAR_NUL,     /* the end of the text, or a NUL in it */
    CHAR_SPECIAL, /* one of ; ( ) " */
    CHAR_ESCAPE,  /* a backslash */
};
extern const uint8_t char_classes[256];

void scan_init(struct scan *scan, struct slice text, const char *file) ATTR_NONNULL;

/** What scan_word() does not decide at once. */
enum scan_result scan_word_slow(struct scan *scan, struct word *word,
                                const char **why) ATTR_NONNULL;

/** The next word of the entry. On SCAN_ERROR, *why says what is wrong
 * at scan->bad; scanning may go on. */
static inline enum scan_result scan_word(struct scan *scan, struct word *word, const char **why)
{
    const uint8_t *p = scan->p;
    while (char_classes[*p] == CHAR_BLANK)
        p++;
    const uint8_t *start = p;
    while (LIKELY(char_classes[*p] == CHAR_WORD))
        p++;
    if (LIKELY(p > start && char_classes[*p] != CHAR_ESCAPE)) {
        *word = (struct word){start, (uint32_t)(p - start), false};
        scan->p = p;
        return SCAN_WORD;
    }
    scan->p = start;
    if (LIKELY(*start == '\n' && scan->parens == 0))
        return SCAN_END;
    return scan_word_slow(scan, word, why);
}

/** Whether the entry is inside parentheses that nothing after it closes. */
bool scan_never_closes(const struct scan *scan) ATTR_NONNULL ATTR_COLD;

/** What is said of them, at scan->open. */
extern const char scan_unclosed[];

/** Goes to the start of the next line, past whatever is left of the entry. */
void scan_next_entry(struct scan *scan) ATTR_NONNULL;

/** The position of a byte of the text. */
struct span scan_span(struct scan *scan, const uint8_t *at) ATTR_NONNULL;

/** The byte at *p, escaped or not (RFC 1035 5.1: \X, \DDD); moves *p. -1: not an escape. */
int scan_unescape(const uint8_t **p, const uint8_t *end) ATTR_NONNULL;
