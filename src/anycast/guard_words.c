/* SPDX-License-Identifier: Apache-2.0
 * The guard's protocol: lines of words. */
#include "anycast/guard_words.h"

#include "anycast/guard.h"
#include "base/diag.h"
#include "base/digits.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>

static_assert(GUARD_ADDRESSES_MAX == ARRAY_LEN(((struct guard_request *)0)->addresses), "all fit");

/** What of a line has not been read. */
struct rest {
    char *p, *end;
    bool over; /* there is no word any more, not even an empty one */
};

struct word {
    char *p; /* NUL-terminated, though it may have NULs inside */
    size_t n;
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** Decodes one in place; false: it is none. */
static bool decode(struct word *word)
{
    char *to = word->p;
    const char *end = word->p + word->n;
    bool is_empty = word->n == 2 && memcmp(word->p, "\\-", 2) == 0;
    for (const char *from = word->p; from < end && !is_empty; from++) {
        if (*from <= ' ' || *from >= 0x7f)
            return false;
        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        if (end - from < 4 || from[1] != 'x' || hex(from[2]) < 0 || hex(from[3]) < 0)
            return false;
        *to++ = (char)(hex(from[2]) << 4 | hex(from[3]));
        from += 3;
    }
    word->n = (size_t)(to - word->p);
    *to = '\0';
    return true;
}

/** The next word; false: there is none, or it is none. */
static bool next(struct rest *rest, struct word *word)
{
    if (rest->over)
        return false;
    char *space = memchr(rest->p, ' ', (size_t)(rest->end - rest->p));
    char *end = space ? space : rest->end;
    *word = (struct word){rest->p, (size_t)(end - rest->p)};
    rest->over = !space;
    rest->p = space ? space + 1 : rest->end;
    return word->n > 0 && decode(word);
}

static bool is(const struct word *word, const char *text)
{
    return word->n == strlen(text) && memcmp(word->p, text, word->n) == 0;
}

bool guard_ifname_ok(const char *name, size_t n)
{
    const size_t n_prefix = strlen(GUARD_IFNAME_PREFIX);
    if (n <= n_prefix || n >= IFNAMSIZ || memcmp(name, GUARD_IFNAME_PREFIX, n_prefix) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

static bool read_ifname(struct rest *rest, char out[IFNAMSIZ])
{
    struct word word;
    if (!next(rest, &word) || !guard_ifname_ok(word.p, word.n))
        return false;
    memcpy(out, word.p, word.n + 1);
    return true;
}

static bool read_bit(struct rest *rest, bool *bit)
{
    struct word word;
    if (!next(rest, &word) || (!is(&word, "0") && !is(&word, "1")))
        return false;
    *bit = word.p[0] == '1';
    return true;
}

static bool read_number(struct rest *rest, uint64_t max, uint64_t *n)
{
    struct word word;
    return next(rest, &word) && decimal_parse(slice_of(word.p, word.n), max, n);
}

/** Whether a command ends here; then what stands there is taken. */
static bool command_ends(struct rest *rest)
{
    if (!rest->over && (rest->end - rest->p < 3 || memcmp(rest->p, "\\; ", 3) != 0))
        return false;
    rest->p += rest->over ? 0 : 3;
    return true;
}

/** A text without NUL. */
static bool read_text(struct rest *rest, char **text)
{
    struct word word;
    if (!next(rest, &word) || strlen(word.p) != word.n)
        return false;
    *text = word.p;
    return true;
}

/* ---- to the guard ---- */

static bool read_addresses(struct rest *rest, struct guard_request *out)
{
    while (!rest->over) {
        struct ip_prefix prefix;
        char *text;
        if (out->n_addresses == GUARD_ADDRESSES_MAX || !read_text(rest, &text) ||
            !strchr(text, '/') || ip_prefix_parse(&prefix, text) != 0 ||
            prefix.len != ip_bits(&prefix.addr))
            return false;
        out->addresses[out->n_addresses++] = prefix.addr;
    }
    return true; /* none: of a wide prefix of which no address is known */
}

/** One after the other, each with a program. */
static bool read_commands(struct rest *rest, struct guard_request *out)
{
    uint32_t n = 0;
    do {
        uint32_t first = n;
        do {
            if (n + 1 >= GUARD_WORDS_MAX || !read_text(rest, &out->words[n++]))
                return false;
        } while (!command_ends(rest));
        if (!*out->words[first])
            return false;
        out->words[n++] = NULL;
        out->n_commands++;
    } while (!rest->over);
    return true;
}

static bool read_vty(struct rest *rest, struct guard_request *out)
{
    struct word text;
    if (!read_text(rest, &out->words[0]) || !*out->words[0] || !next(rest, &text))
        return false;
    out->text = slice_of(text.p, text.n);
    return true;
}

static bool read_will(struct rest *rest, struct guard_request *out)
{
    struct word kind;
    uint64_t number;
    if (!read_number(rest, GUARD_WILLS_MAX - 1, &number) || !next(rest, &kind))
        return false;
    out->number = (uint32_t)number;
    if (is(&kind, "none"))
        return true;
    out->will = is(&kind, "argv") ? GUARD_WILL_ARGV : GUARD_WILL_VTY;
    if (out->will == GUARD_WILL_ARGV)
        return read_commands(rest, out);
    return is(&kind, "vty") && read_vty(rest, out);
}

static const char *const verbs[] = {
    [GUARD_TUN] = "tun",   [GUARD_GONE] = "gone", [GUARD_CARRIER] = "carrier",
    [GUARD_WILL] = "will", [GUARD_BEAT] = "beat", [GUARD_BACK] = "back",
    [GUARD_BYE] = "bye",
};

static bool read_verb(struct rest *rest, enum guard_verb *verb)
{
    struct word word;
    if (!next(rest, &word))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(verbs); i++)
        if (is(&word, verbs[i])) {
            *verb = (enum guard_verb)i;
            return true;
        }
    return false;
}

static bool read_request(struct rest *rest, struct guard_request *out)
{
    if (!read_verb(rest, &out->verb))
        return false;
    switch (out->verb) {
    case GUARD_TUN:
        return read_ifname(rest, out->ifname) && read_addresses(rest, out);
    case GUARD_GONE:
        return read_ifname(rest, out->ifname);
    case GUARD_CARRIER:
        return read_ifname(rest, out->ifname) && read_bit(rest, &out->up);
    case GUARD_WILL:
        return read_will(rest, out);
    case GUARD_BEAT:
    case GUARD_BACK:
    case GUARD_BYE:
        return true;
    }
    return false;
}

int guard_request_read(struct guard_request *out, char *line, size_t n)
{
    struct rest rest = {.p = line, .end = line + n};
    memset(out, 0, offsetof(struct guard_request, words));
    return read_request(&rest, out) && rest.over ? 0 : E_SYNTAX;
}

/* ---- from it ---- */

static bool read_result(struct rest *rest, struct guard_answer *out)
{
    if (!read_verb(rest, &out->verb))
        return false;
    if (out->kind == GUARD_ANSWER_OK && out->verb == GUARD_BEAT)
        return true;
    if ((out->verb != GUARD_TUN && out->verb != GUARD_GONE && out->verb != GUARD_CARRIER) ||
        !read_ifname(rest, out->ifname))
        return false;
    char *text;
    if (out->kind == GUARD_ANSWER_ERROR) {
        if (!read_text(rest, &text))
            return false;
        out->text = text;
    } else if (out->verb == GUARD_CARRIER) {
        return read_bit(rest, &out->up);
    }
    return true;
}

static bool read_answer(struct rest *rest, struct guard_answer *out)
{
    struct word word;
    uint64_t pid;
    if (!next(rest, &word))
        return false;
    if (is(&word, "late")) {
        out->kind = GUARD_ANSWER_LATE;
        return true;
    }
    if (is(&word, "hello")) {
        out->kind = GUARD_ANSWER_HELLO;
        bool ok = read_number(rest, INT_MAX, &pid) && pid > 1;
        out->pid = ok ? (int)pid : 0;
        return ok;
    }
    out->kind = is(&word, "ok") ? GUARD_ANSWER_OK : GUARD_ANSWER_ERROR;
    return (out->kind == GUARD_ANSWER_OK || is(&word, "error")) && read_result(rest, out);
}

int guard_answer_read(struct guard_answer *out, char *line, size_t n)
{
    struct rest rest = {.p = line, .end = line + n};
    *out = (struct guard_answer){.text = ""};
    return read_answer(&rest, out) && rest.over ? 0 : E_SYNTAX;
}

/* ---- writing ---- */

void guard_word_add(struct buf *line, struct slice word)
{
    buf_add(line, " ", 1);
    if (word.n == 0)
        buf_add(line, "\\-", 2);
    for (uint32_t i = 0; i < word.n; i++) {
        uint8_t c = word.p[i];
        if (c > ' ' && c < 0x7f && c != '\\')
            buf_add(line, &word.p[i], 1);
        else
            buf_printf(line, "\\x%02x", c);
    }
}

void guard_command_end(struct buf *line)
{
    buf_puts(line, " \\;");
}
