/* SPDX-License-Identifier: Apache-2.0
 * Syntax errors of libyaml in words that tell a person what to mend. */
#include "config/yaml_error.h"

/* Where to point, and whether to tell where the unfinished thing began (libyaml's context). */
enum where { AT_PROBLEM, AT_PROBLEM_TELL_START, AT_START };

/* `problem` as libyaml 0.2 words it, and what to say instead. */
struct explanation {
    const char *problem, *text;
    enum where where;
};

#define TAB "a tab, expected spaces: YAML does not indent with tabs"
#define TAG "a tag ('!'): quote a value that begins with '!'"

static const struct explanation explanations[] = {
    {"did not find expected ',' or ']'", "expected ',' or ']' in the list", AT_PROBLEM_TELL_START},
    {"did not find expected ',' or '}'", "expected ',' or '}' in the mapping",
     AT_PROBLEM_TELL_START},
    {"did not find expected key",
     "expected a key of the mapping, or less indentation; is a quote missing?",
     AT_PROBLEM_TELL_START},
    {"did not find expected '-' indicator",
     "expected '- ' and the next item of the list, or less indentation", AT_PROBLEM_TELL_START},
    {"could not find expected ':'", "a word alone, expected ': ' and a value after it", AT_START},
    {"found unexpected ':'", "unexpected ':', expected quotes around an IPv6 address", AT_PROBLEM},
    {"mapping values are not allowed in this context",
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
    {"did not find expected node content", "expected a value", AT_PROBLEM},
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

/* The byte at a mark, or 0. libyaml's `index` counts characters, so the line is looked up. */
static uint8_t byte_at(struct slice text, yaml_mark_t mark)
{
    const uint8_t *p = text.p, *end = text.p + text.n;
    for (size_t line = 0; line < mark.line; line++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            return 0;
        p++;
    }
    for (size_t column = 0; p < end; p++)
        if ((*p & 0xc0) != 0x80 && column++ == mark.column)
            return *p;
    return 0;
}

static void report_token(struct diags *diags, struct span span, uint8_t c)
{
    if (c == '\t')
        diag_error(diags, span, "a tab, expected spaces: YAML does not indent with tabs");
    else if (c > 0x20 && c < 0x7f)
        diag_error(diags, span,
                   "a value cannot begin with '%c' without quotes, expected quotes around it", c);
    else
        diag_error(diags, span, "a character that no value can begin with, expected quotes");
}

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

static struct span span_of_mark(const char *file, yaml_mark_t mark)
{
    return (struct span){file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static const struct explanation *find_explanation(const char *problem)
{
    for (size_t i = 0; i < ARRAY_LEN(explanations); i++)
        if (strcmp(explanations[i].problem, problem) == 0)
            return &explanations[i];
    return NULL;
}

void yaml_report(struct diags *diags, const yaml_parser_t *parser, const char *file,
                 struct slice text)
{
    const char *problem = parser->problem ? parser->problem : "not YAML";
    const struct explanation *e = find_explanation(problem);
    if (parser->error == YAML_READER_ERROR) {
        struct span at = span_of_offset(file, text, parser->problem_offset);
        if (e)
            diag_error(diags, at, "%s", e->text);
        else
            diag_error(diags, at, "not UTF-8 text (%s)", problem);
        return;
    }
    struct span at = span_of_mark(file, parser->problem_mark);
    struct span start = span_of_mark(file, parser->context_mark);
    if (strcmp(problem, "found character that cannot start any token") == 0)
        report_token(diags, at, byte_at(text, parser->problem_mark));
    else if (!e)
        diag_error(diags, at, "not YAML: %s", problem);
    else if (e->where == AT_PROBLEM_TELL_START)
        diag_error(diags, at, "%s (it begins at line %u, column %u)", e->text, start.line,
                   start.column);
    else
        diag_error(diags, e->where == AT_START ? start : at, "%s", e->text);
}
