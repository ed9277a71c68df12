/* SPDX-License-Identifier: Apache-2.0
 * Syntax errors of libyaml in words that tell a person what to mend. */
#include "config/yaml_error.h"

#include "base/digits.h"
#include "base/escape.h"
#include "base/ip.h"

/* Where to point, and whether to tell where the unfinished thing began (libyaml's context). */
enum where { AT_PROBLEM, AT_PROBLEM_TELL_START, AT_START };

/* `problem` as libyaml 0.2 words it, and what to say instead. */
struct explanation {
    const char *problem, *text;
    enum where where;
};

#define TAB "a tab, expected spaces: YAML does not indent with tabs"
#define TAG "a tag ('!'): quote a value that begins with '!'"
#define NO_KEY "did not find expected key"
#define NO_VALUE "did not find expected node content"
#define NO_COLON "could not find expected ':'"
#define NO_MAPPING "mapping values are not allowed in this context"

static const struct explanation explanations[] = {
    {"did not find expected ',' or ']'", "expected ',' or ']' in the list", AT_PROBLEM_TELL_START},
    {"did not find expected ',' or '}'", "expected ',' or '}' in the mapping",
     AT_PROBLEM_TELL_START},
    {NO_KEY, "expected a key of the mapping, or less indentation; is a quote missing?",
     AT_PROBLEM_TELL_START},
    {"did not find expected '-' indicator",
     "expected '- ' and the next item of the list, or less indentation", AT_PROBLEM_TELL_START},
    {NO_COLON, "a word alone, expected ': ' and a value after it", AT_START},
    {"found unexpected ':'", "unexpected ':', expected quotes around an IPv6 address", AT_PROBLEM},
    {NO_MAPPING,
     "unexpected ': ', expected quotes around a value that has it, or other indentation",
     AT_PROBLEM},
    {"mapping keys are not allowed in this context", "unexpected '?', expected a key or a value",
     AT_PROBLEM},
    {"block sequence entries are not allowed in this context",
     "unexpected '- ', expected the items of a list on lines of their own, below the key",
     AT_PROBLEM},
    {"found unexpected end of stream", "the quote is never closed, expected another", AT_START},
    {"found unexpected document indicator", "the quote is not closed before the document ends",
     AT_START},
    {"found unknown escape character",
     "unknown escape in double quotes, expected \\\\ for a backslash, or single quotes",
     AT_PROBLEM},
    {"did not find expected hexdecimal number", "expected hexadecimal digits after the escape",
     AT_PROBLEM},
    {"found invalid Unicode character escape code", "an escape that is no character", AT_PROBLEM},
    {"did not find expected whitespace or line break", "expected a space or the end of the line",
     AT_PROBLEM},
    {"did not find expected comment or line break", "expected the end of the line after '|' or '>'",
     AT_PROBLEM},
    {"did not find expected alphabetic or numeric character",
     "expected a name after '&' or '*', or quotes around a value that begins with them",
     AT_PROBLEM},
    {NO_VALUE, "expected a value", AT_PROBLEM},
    {"did not find expected <document start>",
     "expected the end of the file: other indentation, or quotes around the value before",
     AT_PROBLEM},
    {"control characters are not allowed", "a control character, expected text", AT_PROBLEM},
    {"found a tab character that violates indentation", TAB, AT_PROBLEM},
    {"found a tab character where an indentation space is expected", TAB, AT_PROBLEM},
    {"found undefined tag handle", TAG, AT_PROBLEM},
    {"did not find URI escaped octet", TAG, AT_PROBLEM},
    {"did not find expected '!'", TAG, AT_PROBLEM},
};

struct report {
    struct diags *diags;
    const char *file, *problem;
    struct slice text;
    yaml_mark_t at, start; /* the problem, and where the unfinished thing began */
};

static struct span span_at(const struct report *r, size_t line, size_t column)
{
    return (struct span){r->file, (uint32_t)line + 1, (uint32_t)column + 1};
}

/* A line of the text without its end; empty past the last. */
static struct slice line_of(struct slice text, size_t line)
{
    const uint8_t *p = text.p, *end = text.p + text.n;
    for (; line > 0 && p; line--) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : end;
    }
    const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
    if (!newline)
        newline = end;
    if (newline > p && newline[-1] == '\r')
        newline--;
    return slice_of(p, (size_t)(newline - p));
}

/* The byte of a column, which counts characters; the line's length when it is shorter. */
static uint32_t offset_of(struct slice line, size_t column)
{
    uint32_t i = 0;
    for (size_t n = 0; i < line.n; i++)
        if ((line.p[i] & 0xc0) != 0x80 && n++ == column)
            break;
    return i;
}

static uint32_t column_of(struct slice line, uint32_t offset)
{
    uint32_t column = 0;
    for (uint32_t i = 0; i < offset; i++)
        column += (line.p[i] & 0xc0) != 0x80;
    return column;
}

/* Blanks before the first character; the whole line when it has none, or a comment only. */
static uint32_t indent_of(struct slice line)
{
    uint32_t i = 0;
    while (i < line.n && line.p[i] == ' ')
        i++;
    return i < line.n && line.p[i] == '#' ? line.n : i;
}

static bool is_blank(struct slice line)
{
    return indent_of(line) == line.n;
}

static void report_token(const struct report *r)
{
    struct slice line = line_of(r->text, r->at.line);
    uint32_t offset = offset_of(line, r->at.column);
    uint8_t c = offset < line.n ? line.p[offset] : 0;
    struct span span = span_at(r, r->at.line, r->at.column);
    if (c == '\t')
        diag_error(r->diags, span, TAB);
    else if (c > 0x20 && c < 0x7f)
        diag_error(r->diags, span,
                   "a value cannot begin with '%c' without quotes, expected quotes around it", c);
    else
        diag_error(r->diags, span, "a character that no value can begin with, expected quotes");
}

/* --- indentation --- */

/* A line `KEY:` or `KEY: VALUE`, as far as it takes to speak of it. */
struct key_line {
    size_t line;
    uint32_t indent;
    struct slice key;
    bool has_value;
};

static bool read_key_line(const struct report *r, size_t line, struct key_line *out)
{
    struct slice text = line_of(r->text, line);
    uint32_t i = indent_of(text), start = i;
    while (i < text.n && !(text.p[i] == ':' && (i + 1 == text.n || text.p[i + 1] == ' ')))
        i++;
    if (i == text.n || i == start)
        return false;
    uint32_t value = i + 1;
    while (value < text.n && text.p[value] == ' ')
        value++;
    *out = (struct key_line){line, start, slice_of(text.p + start, i - start),
                             value < text.n && text.p[value] != '#'};
    return true;
}

/* The line above `line` that is indented less than `column`; false when there is none with a key.
 */
static bool find_parent(const struct report *r, size_t line, size_t column, struct key_line *out)
{
    while (line-- > 0) {
        struct slice text = line_of(r->text, line);
        if (!is_blank(text) && indent_of(text) < column)
            return read_key_line(r, line, out);
    }
    return false;
}

/* A key that stands at the left of the mapping that it should be in: the key above it, in its
 * column, has no value, and what follows it is indented. */
static bool report_outside(const struct report *r, const struct key_line *key)
{
    struct key_line above;
    size_t line = key->line;
    while (line > 0 && is_blank(line_of(r->text, line - 1)))
        line--;
    if (line == 0 || !read_key_line(r, line - 1, &above) || above.indent != key->indent ||
        above.has_value)
        return false;
    diag_error(r->diags, span_at(r, key->line, key->indent),
               "'%.*s' stands outside of '%.*s', expected it in column %u, as what follows",
               (int)key->key.n, key->key.p, (int)above.key.n, above.key.p,
               (unsigned)r->at.column + 1);
    return true;
}

/* libyaml sees a key in a column that fits nothing; what was meant shows in the lines above. */
static bool report_indent(const struct report *r)
{
    struct key_line parent;
    unsigned column = (unsigned)r->at.column;
    struct span at = span_at(r, r->at.line, column);
    if (indent_of(line_of(r->text, r->at.line)) != column ||
        !find_parent(r, r->at.line, column, &parent))
        return false;
    if (parent.has_value && report_outside(r, &parent))
        return true;
    if (parent.has_value) {
        diag_error(r->diags, at,
                   "this line is indented deeper than its neighbours (column %u, expected %u)",
                   column + 1, parent.indent + 1);
        return true;
    }
    size_t child = parent.line + 1;
    while (child < r->at.line && is_blank(line_of(r->text, child)))
        child++;
    if (child == r->at.line)
        return false;
    diag_error(r->diags, at,
               "column %u fits nothing above: what is in '%.*s' (line %zu) begins in column %u; is "
               "a line missing above line %zu?",
               column + 1, (int)parent.key.n, parent.key.p, parent.line + 1,
               indent_of(line_of(r->text, child)) + 1, parent.line + 1);
    return true;
}

/* --- values --- */

/* The length of an IPv6 address, alone or as [ADDRESS]:PORT, that begins at `at`; 0: none. Brackets
 * without a port are those of a list. */
static uint32_t ipv6_length(struct slice line, uint32_t at)
{
    static const char of_address[] = "0123456789abcdefABCDEF:.";
    char text[IP_TEXT_MAX];
    struct ip addr;
    uint32_t i = at, open = line.p[at] == '[';
    i += open;
    uint32_t start = i, colons = 0;
    while (i < line.n && i - start < sizeof text && memchr(of_address, line.p[i], 24))
        colons += line.p[i++] == ':';
    uint32_t n = i - start;
    if (colons < 2 || n >= sizeof text)
        return 0;
    memcpy(text, line.p + start, n);
    text[n] = '\0';
    if (ip_parse(&addr, text) != 0)
        return 0;
    if (!open)
        return n;
    if (line.n - i < 3 || line.p[i] != ']' || line.p[i + 1] != ':')
        return 0;
    for (i += 2; i < line.n && is_digit(line.p[i]);)
        i++;
    return i - at;
}

/* An address at or about the problem, which YAML took for a list or a mapping. */
static bool report_ipv6(const struct report *r)
{
    struct slice line = line_of(r->text, r->at.line);
    uint32_t at = offset_of(line, r->at.column);
    for (uint32_t i = 0; i < line.n && i <= at + 1; i++) {
        bool starts = i == 0 || strchr(" [{,:\t", line.p[i - 1]);
        uint32_t n = starts ? ipv6_length(line, i) : 0;
        if (n == 0 || i + n + 1 < at)
            continue;
        diag_error(r->diags, span_at(r, r->at.line, column_of(line, i)),
                   "an IPv6 address needs quotes: \"%.*s\"", (int)n, line.p + i);
        return true;
    }
    return false;
}

/* `key:value`: what follows the first colon of the line where the word began. */
static bool report_colon(const struct report *r)
{
    struct slice line = line_of(r->text, r->start.line);
    uint32_t i = offset_of(line, r->start.column), code = 0;
    while (i < line.n && line.p[i] != ':' && line.p[i] != '#')
        i++;
    if (i + 1 >= line.n || line.p[i] != ':')
        return false;
    struct span span = span_at(r, r->start.line, column_of(line, i + 1));
    unsigned n = utf8_read(line.p + i + 1, line.p + line.n, &code);
    if (n > 1 && escape_is_needed(code))
        diag_error(r->diags, span, "%s (U+%04X) after ':', expected a blank",
                   code == 0xa0 ? "a no-break space" : "a character that looks like a blank", code);
    else
        diag_error(r->diags, span, "missing blank after ':'");
    return true;
}

/* A word that goes on in the next line, which has a ': ': either the line before lacks its blank
 * after the colon, or this line is indented too deep. */
static bool report_continued(const struct report *r)
{
    struct report here = *r;
    struct key_line key;
    size_t line = r->at.line;
    if (!read_key_line(r, line, &key) ||
        key.indent + key.key.n != offset_of(line_of(r->text, line), r->at.column))
        return false;
    while (line > 0 && is_blank(line_of(r->text, line - 1)))
        line--;
    if (line-- == 0)
        return false;
    here.at.column = key.indent;
    here.start = (yaml_mark_t){.line = line, .column = indent_of(line_of(r->text, line))};
    if (read_key_line(r, line, &key))
        return key.indent < here.at.column && report_indent(&here);
    return report_colon(&here);
}

/* --- all of it --- */

/* Reader errors come with a byte offset, not a mark. */
static struct span span_of_offset(const char *file, struct slice text, size_t offset)
{
    struct span span = {file, 1, 1};
    for (size_t i = 0; i < offset && i < text.n; i++) {
        if (text.p[i] == '\n') {
            span.line++;
            span.column = 1;
        } else if ((text.p[i] & 0xc0) != 0x80) {
            span.column++;
        }
    }
    return span;
}

static const struct explanation *find_explanation(const char *problem)
{
    for (size_t i = 0; i < ARRAY_LEN(explanations); i++)
        if (strcmp(explanations[i].problem, problem) == 0)
            return &explanations[i];
    return NULL;
}

/* Slips that libyaml notices late, or takes for something else. */
static bool report_slip(const struct report *r)
{
    if (strcmp(r->problem, NO_KEY) == 0)
        return report_indent(r) || report_ipv6(r);
    if (strcmp(r->problem, NO_COLON) == 0)
        return report_colon(r);
    if (strcmp(r->problem, NO_MAPPING) == 0)
        return report_continued(r);
    if (strcmp(r->problem, NO_VALUE) == 0 || strstr(r->problem, "':'") ||
        strstr(r->problem, "expected ','"))
        return report_ipv6(r);
    return false;
}

static void report_explained(const struct report *r)
{
    const struct explanation *e = find_explanation(r->problem);
    struct span at = span_at(r, r->at.line, r->at.column);
    struct span start = span_at(r, r->start.line, r->start.column);
    if (!e)
        diag_error(r->diags, at, "not YAML: %s", r->problem);
    else if (e->where == AT_PROBLEM_TELL_START)
        diag_error(r->diags, at, "%s (it begins at line %u, column %u)", e->text, start.line,
                   start.column);
    else
        diag_error(r->diags, e->where == AT_START ? start : at, "%s", e->text);
}

void yaml_report(struct diags *diags, const yaml_parser_t *parser, const char *file,
                 struct slice text)
{
    const char *problem = parser->problem ? parser->problem : "not YAML";
    const struct report r = {
        diags, file, problem, text, parser->problem_mark, parser->context_mark};
    if (parser->error == YAML_READER_ERROR) {
        struct span at = span_of_offset(file, text, parser->problem_offset);
        const struct explanation *e = find_explanation(problem);
        if (e)
            diag_error(diags, at, "%s", e->text);
        else
            diag_error(diags, at, "not UTF-8 text (%s)", problem);
        return;
    }
    if (strcmp(problem, "found character that cannot start any token") == 0)
        report_token(&r);
    else if (!report_slip(&r))
        report_explained(&r);
}
