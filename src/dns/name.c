/* SPDX-License-Identifier: Apache-2.0
 * Domain names in uncompressed wire format. */
#include "dns/name.h"

#include "base/diag.h"
#include "dns/scan.h"

static const char name_label_too_long[] = "a label is longer than 63 bytes";
static const char name_too_long[] = "it is longer than 255 bytes";

/* Length bytes are below 'A', so that a whole name can be folded without looking at its labels. */
static uint8_t fold(uint8_t c)
{
    return (uint8_t)(c | ((uint8_t)(c - 'A') < 26) << 5);
}

/* The labels of a text, in wire form after out[0]. Sets *last to the length byte of the last one,
 * which is empty if the text ended in a dot. Returns the end, or NULL with *why set. */
static uint8_t *put_labels(uint8_t *out, uint8_t **last, struct slice text, bool lower,
                           const char **why)
{
    const uint8_t *p = text.p, *end = p + text.n;
    uint8_t *label = out, *o = out + 1;
    const uint8_t letters = lower ? 26 : 0; /* that are folded */
    while (p < end) {
        uint8_t c = *p;
        if (UNLIKELY(c == '.')) {
            if (o - label - 1 < 1 || o - label - 1 > LABEL_MAX)
                break;
            *label = (uint8_t)(o - label - 1);
            label = o++;
            p++;
        } else if (LIKELY(c != '\\')) {
            *o++ = (uint8_t)(c | ((uint8_t)(c - 'A') < letters) << 5);
            p++;
        } else {
            int x = scan_unescape(&p, end);
            *why = "expected \\DDD (000 to 255) or \\X";
            if (x < 0)
                return NULL;
            *o++ = lower ? fold((uint8_t)x) : (uint8_t)x;
        }
    }
    *last = label;
    *why = o - label - 1 > LABEL_MAX ? name_label_too_long : "an empty label";
    return p == end && o - label - 1 <= LABEL_MAX ? o : NULL;
}

int name_from_word(uint8_t *out, const struct word *word, struct slice origin, bool lower,
                   const char **why)
{
    uint8_t *label = out, *o = out;
    bool is_origin = word->n == 1 && word->p[0] == '@' && !word->quoted;
    if (word->n == 1 && word->p[0] == '.') {
        *out = 0;
        return 1;
    }
    *why = word->n ? name_too_long : "it is empty";
    if (UNLIKELY(word->n == 0 || word->n >= NAME_WORD_MAX))
        return word->n ? E_RANGE : E_SYNTAX;
    if (!is_origin && !(o = put_labels(out, &label, slice_of(word->p, word->n), lower, why)))
        return *why == name_label_too_long ? E_RANGE : E_SYNTAX;
    if (is_origin || o - label > 1) {
        *why = "it is relative, and no origin is set";
        if (origin.n == 0)
            return E_SYNTAX;
        if (!is_origin)
            *label = (uint8_t)(o - label - 1);
        memcpy(o, origin.p, origin.n);
        o += origin.n;
    } else {
        *label = 0;
    }
    *why = name_too_long;
    return o - out > NAME_WIRE_MAX ? E_RANGE : (int)(o - out);
}

int name_from_text(uint8_t out[NAME_WIRE_MAX], const char *text, size_t n, struct slice origin)
{
    uint8_t wire[NAME_WORD_ROOM];
    const char *why;
    struct word word = {(const uint8_t *)text, n < NAME_WORD_MAX ? (uint32_t)n : NAME_WORD_MAX,
                        false};
    int len = name_from_word(wire, &word, origin, false, &why);
    if (len > 0)
        memcpy(out, wire, (size_t)len);
    return len;
}

const char *name_to_text(char out[NAME_TEXT_MAX], struct slice name)
{
    char *o = out;
    const uint8_t *p = name.p;
    if (p[0] == 0)
        *o++ = '.';
    for (; *p; p += 1 + *p) {
        for (unsigned i = 1; i <= *p; i++) {
            uint8_t c = p[i];
            if (c <= 0x20 || c >= 0x7f) {
                *o++ = '\\';
                *o++ = (char)('0' + c / 100);
                *o++ = (char)('0' + c / 10 % 10);
                *o++ = (char)('0' + c % 10);
                continue;
            }
            if (strchr(".\\\"();@$", c))
                *o++ = '\\';
            *o++ = (char)c;
        }
        *o++ = '.';
    }
    *o = '\0';
    return out;
}

void name_lower(uint8_t *out, struct slice name)
{
    for (uint32_t i = 0; i < name.n; i++)
        out[i] = fold(name.p[i]);
}

int name_check(struct slice bytes)
{
    uint32_t at = 0;
    while (at < bytes.n && at < NAME_WIRE_MAX) {
        uint8_t label = bytes.p[at];
        if (label == 0)
            return (int)at + 1;
        if (label > LABEL_MAX)
            return E_SYNTAX;
        at += 1u + label;
    }
    return E_SYNTAX;
}

unsigned name_labels(struct slice name)
{
    unsigned n = 0;
    for (const uint8_t *p = name.p; *p; p += 1 + *p)
        n++;
    return n;
}

struct slice name_parent(struct slice name)
{
    uint32_t skip = name.p[0] ? 1u + name.p[0] : 0;
    return slice_of(name.p + skip, name.n - skip);
}

bool name_is_within(struct slice name, struct slice ancestor)
{
    while (name.n > ancestor.n)
        name = name_parent(name);
    return slice_equal(name, ancestor);
}
