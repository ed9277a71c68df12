/* SPDX-License-Identifier: Apache-2.0
 * Marks of written files. */
#include "drive/mark.h"

#include "base/digits.h"
#include "base/escape.h"
#include "base/sealed.h"

#define LEAD "# loadstar node="
#define TIER " tier="
#define SPEAKER " speaker="
#define SUM " sum="
#define TAIL "; written by loadstard, edits are undone"

static bool is_plain(uint8_t c)
{
    return is_digit(c) || (uint8_t)((c | 0x20) - 'a') < 26 || c == '-' || c == '_' || c == '.';
}

/* As in URLs: a name is one word, whatever is in it. */
static void add_word(struct buf *out, const char *name)
{
    for (; *name; name++) {
        if (is_plain((uint8_t)*name))
            buf_add(out, name, 1);
        else
            buf_printf(out, "%%%02x", (unsigned)(uint8_t)*name);
    }
}

static void add(struct buf *out, const char *node, const char *kind, const char *name,
                struct slice rest)
{
    buf_puts(out, LEAD);
    add_word(out, node);
    buf_puts(out, kind);
    add_word(out, name);
    buf_puts(out, SUM);
    sealed_sum(out, rest);
    buf_puts(out, TAIL "\n");
}

void mark_add(struct buf *out, const char *node, const char *tier, struct slice rest)
{
    add(out, node, TIER, tier, rest);
}

void mark_add_speaker(struct buf *out, const char *node, const char *speaker, struct slice rest)
{
    add(out, node, SPEAKER, speaker, rest);
}

/* Up to the next blank. */
static struct slice take_word(struct slice *in)
{
    struct slice word = {in->p, 0};
    while (word.n < in->n && (is_plain(in->p[word.n]) || in->p[word.n] == '%'))
        word.n++;
    in->p += word.n;
    in->n -= word.n;
    return word;
}

/* The rest of the line, behind the node. */
static bool is_intact(struct slice line, struct slice rest)
{
    struct buf sum = {0};
    sealed_sum(&sum, rest);
    bool intact = (slice_take(&line, TIER) || slice_take(&line, SPEAKER)) &&
                  take_word(&line).n > 0 && slice_take(&line, SUM) && slice_take(&line, sum.p) &&
                  slice_equal(line, slice_str(TAIL));
    buf_free(&sum);
    return intact;
}

enum mark_owner mark_read(struct slice line, struct slice rest, const char *node,
                          char found[MARK_NODE_MAX])
{
    *found = '\0';
    if (!slice_take(&line, LEAD))
        return MARK_NONE;
    struct slice name = take_word(&line);
    if (name.n == 0)
        return MARK_NONE;
    escape_text(found, MARK_NODE_MAX, name);
    struct buf ours = {0};
    add_word(&ours, node);
    bool is_ours = slice_equal(name, slice_of(ours.p, ours.n));
    buf_free(&ours);
    if (!is_ours)
        return MARK_FOREIGN;
    return is_intact(line, rest) ? MARK_OURS : MARK_EDITED;
}
