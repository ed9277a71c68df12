/* SPDX-License-Identifier: Apache-2.0
 * "Did you mean": the known word nearest to one that is not known. */
#include "config/suggest.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define WORD_MAX 64   /* longer words are not compared */
#define PREFIX_MIN 3  /* letters that make the start of a word enough */
#define LISTED_MAX 12 /* known words that are listed when none is near */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (insert, delete, replace, swap neighbours) that lead from a to b, without regard to case.
 * Three rows of the usual table: the swap looks two rows back. */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    unsigned rows[3][WORD_MAX + 1];
    if (na > WORD_MAX || nb > WORD_MAX)
        return WORD_MAX;
    for (unsigned j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= na; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= nb; j++) {
            int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                cb == tolower((unsigned char)a[i - 2]) && above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

static const char *list_words(struct arena *arena, suggest_word_fn *get, const void *words,
                              uint32_t n)
{
    struct buf buf = {0};
    buf_puts(&buf, n == 1 ? ", expected " : ", expected one of: ");
    for (uint32_t i = 0; i < n && i < LISTED_MAX; i++)
        buf_printf(&buf, "%s%s", i ? ", " : "", get(words, i));
    if (n > LISTED_MAX)
        buf_puts(&buf, ", ...");
    const char *text = arena_strdup(arena, buf.p);
    buf_free(&buf);
    return text;
}

const char *suggest_nearest(const char *word, suggest_word_fn *get, const void *words, uint32_t n)
{
    /* A third of the word may be wrong, but never all of it; of long words the start is enough. */
    unsigned length = (unsigned)strlen(word), allowed = (length + 2) / 3, best = WORD_MAX;
    const char *nearest = NULL;
    for (uint32_t i = 0; i < n; i++) {
        unsigned d = edit_distance(word, get(words, i));
        if (length >= PREFIX_MIN && strncasecmp(word, get(words, i), length) == 0)
            d = 1;
        if (d < best && d <= allowed && d < length) {
            best = d;
            nearest = get(words, i);
        }
    }
    return nearest;
}

const char *suggest(struct arena *arena, const char *word, suggest_word_fn *get, const void *words,
                    uint32_t n)
{
    if (n == 0)
        return ", none is defined";
    const char *nearest = suggest_nearest(word, get, words, n);
    if (nearest)
        return arena_printf(arena, ", did you mean '%s'?", nearest);
    return list_words(arena, get, words, n);
}
