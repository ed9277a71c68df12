/* SPDX-License-Identifier: Apache-2.0
 * Slips of those who write zones. */
#include "config/zone_slips.h"

#include "base/buf.h"
#include "base/digits.h"
#include "dns/rr.h"

#include <idn2.h>
#include <stdlib.h>
#include <strings.h>

/* --- types of other products --- */

#define ALIAS_HERE                                                                              \
    ": the target is not looked up here, expected A and AAAA with its addresses, or a POOL of " \
    "them"
#define FORWARD_HERE \
    ": no web server is part of this one, expected the address of one that redirects"

static const struct {
    const char *name, *text;
} foreign[] = {
    {"ALIAS", "ALIAS is a type of other products" ALIAS_HERE},
    {"ANAME", "ANAME is a type of other products" ALIAS_HERE},
    {"CNAME_FLATTEN", "CNAME_FLATTEN is a type of other products" ALIAS_HERE},
    {"FLATTEN", "FLATTEN is a type of other products" ALIAS_HERE},
    {"LINK", "LINK is a type of NS1" ALIAS_HERE},
    {"LUA",
     "LUA is a type of PowerDNS: nothing is executed for an answer here, expected a POOL: its "
     "checks, 'steer' and 'pick' choose the addresses"},
    {"DYNA", "DYNA is a type of gdnsd, expected POOL and the name of a pool with these addresses"},
    {"DYNC", "DYNC is a type of gdnsd, expected POOL and the name of a pool whose endpoints are "
             "{cname: NAME}"},
    {"URL", "URL is a type of other products" FORWARD_HERE},
    {"REDIRECT", "REDIRECT is a type of other products" FORWARD_HERE},
    {"FORWARD", "FORWARD is a type of other products" FORWARD_HERE},
    {"MBOXFW", "MBOXFW is a type of PowerDNS, expected MX and a mail server that forwards"},
    {"WINS", "WINS is a type of Windows: names are not looked up elsewhere, expected A"},
    {"WINSR", "WINSR is a type of Windows: names are not looked up elsewhere, expected PTR"},
    {"WINS-R", "WINS-R is a type of Windows: names are not looked up elsewhere, expected PTR"},
};

const char *slips_foreign_type(struct slice word)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (strlen(foreign[i].name) == word.n &&
            strncasecmp(foreign[i].name, (const char *)word.p, word.n) == 0)
            return foreign[i].text;
    return NULL;
}

/* --- fields as a list --- */

/* Whether a text is data of the type; if it is not, *failed is where. */
static bool reads_as(const struct zone_build *build, uint16_t type, struct slice text,
                     const uint8_t **failed)
{
    struct scan scan;
    struct rdata_error error = {0};
    uint8_t *out = xmalloc(RDATA_MAX + RDATA_SLACK);
    scan_init(&scan, text, "");
    bool ok = rdata_read(out, RDATA_MAX, &scan, type, build->origin, &error) >= 0;
    *failed = error.at;
    free(out);
    return ok;
}

/* The first item is the beginning of a record, and none is a whole one. */
bool slips_one_record(struct zone_build *build, uint16_t type, const struct yaml_node *list)
{
    char name[RR_TYPE_TEXT_MAX];
    struct buf joined = {0};
    bool is_one = list->n > 1;
    for (uint32_t i = 0; is_one && i < list->n; i++) {
        const struct yaml_node *item = list->items[i];
        const uint8_t *failed;
        is_one = item->kind == YAML_SCALAR && item->n > 0 &&
                 !reads_as(build, type, slice_of(item->text, item->n), &failed) &&
                 (i > 0 || failed == (const uint8_t *)item->text + item->n);
        if (is_one)
            buf_printf(&joined, "%s%s", i > 0 ? " " : "", item->text);
    }
    if (is_one)
        diag_error(build->load->diags, list->span,
                   "the data of one %s record is a list, expected one text: \"%s\"",
                   rr_type_text(name, type), joined.p);
    buf_free(&joined);
    return is_one;
}

/* --- text that ends at a ';' --- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Whether a comment begins as a tag does: "p=none". */
static bool is_tag(struct slice text)
{
    uint32_t n = 0;
    while (n < text.n && ((uint8_t)((text.p[n] | 0x20) - 'a') < 26 || is_digit(text.p[n])))
        n++;
    return n > 0 && n < text.n && text.p[n] == '=';
}

/* The comment at `at`, without its ';' and the blanks around it; empty: none begins there. */
static struct slice comment_at(const struct zone_reader *r, const uint8_t *at)
{
    const uint8_t *end = memchr(at, '\n', (size_t)(r->scan.end - at));
    if (*at != ';')
        return (struct slice){0};
    end = end ? end : r->scan.end;
    for (at++; at < end && is_blank(*at); at++)
        ;
    while (end > at && is_blank(end[-1]))
        end--;
    return slice_of(at, (size_t)(end - at));
}

void slips_cut_text(struct zone_reader *r, const uint8_t *from)
{
    struct scan scan = r->scan;
    struct word word;
    const char *why;
    if (!memchr(from, ';', (size_t)(r->scan.p - from)))
        return;
    scan.p = from;
    scan.parens = 0;
    while (scan.p < r->scan.p && scan_word(&scan, &word, &why) == SCAN_WORD) {
        const uint8_t *at = word.p + word.n;
        bool touches = *at == ';';
        while (is_blank(*at))
            at++;
        struct slice rest = comment_at(r, at);
        if (rest.n == 0 || !(touches || (memchr(word.p, '=', word.n) && is_tag(rest))))
            continue;
        int n = (int)(rest.n < 40 ? rest.n : 40);
        diag_warning(r->build->load->diags, scan_span(&r->scan, at),
                     "'%.*s%s' is a comment, as it follows a ';': expected quotes around text that "
                     "has one",
                     n, (const char *)rest.p, rest.n > 40 ? "..." : "");
        return;
    }
}

/* --- names in Unicode --- */

bool slips_not_ascii(struct slice text)
{
    uint64_t all = 0, eight;
    const uint8_t *p = text.p, *end = p + text.n;
    for (; end - p >= 8; p += 8) {
        memcpy(&eight, p, 8);
        all |= eight;
    }
    while (p < end)
        all |= *p++;
    return all & 0x8080808080808080;
}

/* Whether the last label that is not ASCII is an instance of a service: `_ipp` follows. */
static bool is_instance(struct slice wire)
{
    const uint8_t *last = NULL;
    for (const uint8_t *p = wire.p; *p; p += *p + 1)
        if (slips_not_ascii(slice_of(p + 1, *p)))
            last = p;
    const uint8_t *next = last ? last + *last + 1 : wire.p;
    return !last || (*next > 0 && next[1] == '_');
}

void slips_unicode_name(struct load *load, struct span span, struct slice text, struct slice wire)
{
    char *ascii = NULL, *name = arena_strndup(load->scratch, (const char *)text.p, text.n);
    if (!slips_not_ascii(text) || is_instance(wire))
        return;
    if (idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
        diag_warning(load->diags, span,
                     "'%s' is not ASCII, and resolvers do not ask for it so: expected '%s'", name,
                     ascii);
    else
        diag_warning(load->diags, span,
                     "'%s' is not ASCII, and resolvers do not ask for it so: expected its A-labels "
                     "(xn--...)",
                     name);
    idn2_free(ascii);
}

static void check_word(struct zone_reader *r, const struct word *word)
{
    const char *why;
    uint8_t wire[NAME_WORD_ROOM];
    struct slice text = slice_of(word->p, word->n);
    int n = slips_not_ascii(text) ? name_from_word(wire, word, r->origin, false, &why) : 0;
    if (n > 0)
        slips_unicode_name(r->build->load, scan_span(&r->scan, word->p), text,
                           slice_of(wire, (size_t)n));
}

void slips_unicode_entry(struct zone_reader *r, const uint8_t *from, bool has_owner, uint16_t type)
{
    const struct rdata_form *form = rdata_form(type);
    bool has_names = form && (form->n_names > 0 || form->ignores_case);
    struct scan scan = r->scan;
    struct word word;
    const char *why;
    if ((!has_owner && !has_names) || !slips_not_ascii(slice_of(from, (size_t)(r->scan.p - from))))
        return;
    scan.p = from;
    scan.parens = 0;
    while (scan.p < r->scan.p && scan_word(&scan, &word, &why) == SCAN_WORD) {
        if (has_owner || (has_names && !word.quoted))
            check_word(r, &word);
        has_owner = false;
    }
}
