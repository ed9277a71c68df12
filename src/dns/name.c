/* SPDX-License-Identifier: Apache-2.0
 * Domain names in uncompressed wire format. */
#include "dns/name.h"

#include "base/diag.h"

/* Length bytes are below 'A', so that a whole name can be folded without looking at its labels. */
static uint8_t fold(uint8_t c)
{
    return (uint8_t)(c | ((uint8_t)(c - 'A') < 26) << 5);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads one character, escaped or not, at text[*at]. Returns 0..255 or E_SYNTAX. */
static int read_char(const char *text, size_t n, size_t *at)
{
    size_t i = (*at)++;
    if (text[i] != '\\')
        return (uint8_t)text[i];
    if (++i >= n)
        return E_SYNTAX;
    if (!is_digit(text[i])) {
        *at = i + 1;
        return (uint8_t)text[i];
    }
    if (n - i < 3 || !is_digit(text[i + 1]) || !is_digit(text[i + 2]))
        return E_SYNTAX;
    int value = (text[i] - '0') * 100 + (text[i + 1] - '0') * 10 + (text[i + 2] - '0');
    *at = i + 3;
    return value <= 255 ? value : E_SYNTAX;
}

/* Fills out[] with the labels of a text that is neither empty nor "." nor "@". Returns how many
 * bytes they have; an absolute name's root label is not among them. */
static int read_labels(uint8_t out[NAME_WIRE_MAX], const char *text, size_t n, bool *absolute)
{
    size_t start = 0, len = 1; /* where the length of the open label belongs; bytes in use */
    for (size_t i = 0; i < n;) {
        if (text[i] == '.') {
            if (len == start + 1)
                return E_SYNTAX; /* empty label */
            out[start] = (uint8_t)(len - start - 1);
            start = len++;
            i++;
            continue;
        }
        int c = read_char(text, n, &i);
        if (c < 0)
            return c;
        if (len - start > LABEL_MAX || len >= NAME_WIRE_MAX)
            return E_RANGE;
        out[len++] = (uint8_t)c;
    }
    *absolute = len == start + 1;
    if (*absolute)
        return (int)start;
    out[start] = (uint8_t)(len - start - 1);
    return (int)len;
}

int name_from_text(uint8_t out[NAME_WIRE_MAX], const char *text, size_t n, struct slice origin)
{
    bool absolute = n == 1 && text[0] == '.', is_origin = n == 1 && text[0] == '@';
    int len = 0;
    if (n == 0)
        return E_SYNTAX;
    if (!absolute && !is_origin)
        len = read_labels(out, text, n, &absolute);
    if (len < 0)
        return len;
    struct slice rest = absolute ? slice_of("", 1) : origin;
    if (rest.n == 0)
        return E_SYNTAX;
    if ((uint32_t)len + rest.n > NAME_WIRE_MAX)
        return E_RANGE;
    memcpy(out + len, rest.p, rest.n);
    return len + (int)rest.n;
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

bool name_equal(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (uint32_t i = 0; i < a.n; i++)
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    return true;
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

/* Fills at[] with the offsets of the labels, returns how many. */
static unsigned label_offsets(uint8_t at[NAME_LABELS_MAX], struct slice name)
{
    unsigned n = 0;
    for (unsigned i = 0; name.p[i]; i += 1u + name.p[i])
        at[n++] = (uint8_t)i;
    return n;
}

static int compare_labels(const uint8_t *a, const uint8_t *b)
{
    unsigned shorter = a[0] < b[0] ? a[0] : b[0];
    int c = memcmp(a + 1, b + 1, shorter);
    return c ? c : a[0] - b[0];
}

int name_compare(struct slice a, struct slice b)
{
    uint8_t at_a[NAME_LABELS_MAX], at_b[NAME_LABELS_MAX];
    unsigned na = label_offsets(at_a, a), nb = label_offsets(at_b, b);
    while (na && nb) {
        int c = compare_labels(a.p + at_a[--na], b.p + at_b[--nb]);
        if (c)
            return c;
    }
    return (int)na - (int)nb;
}
