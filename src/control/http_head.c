/* SPDX-License-Identifier: Apache-2.0
 * Reading the head of an HTTP request. */
#include "control/http_head.h"

#include "base/digits.h"
#include "base/slice.h"
#include "control/json.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define METHOD_MAX 20

int http_head_find(struct http_scan *scan, const char *bytes, size_t n)
{
    for (; scan->at < n; scan->at++) {
        unsigned char c = (unsigned char)bytes[scan->at];
        if (c == '\n') {
            if (scan->at == 0 || bytes[scan->at - 1] != '\r')
                return -1;
            bool is_empty = scan->at - scan->line == 1;
            scan->line = scan->at + 1;
            if (is_empty)
                return (int)++scan->at;
        } else if (scan->at > 0 && bytes[scan->at - 1] == '\r') {
            return -1;
        } else if ((c < ' ' && c != '\t' && c != '\r') || c == 0x7f) {
            return -1;
        }
    }
    return 0;
}

/* RFC 9110 5.6.2 */
static bool is_token(unsigned char c)
{
    return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(const char *p)
{
    size_t n = 0;
    while (is_token((unsigned char)p[n]))
        n++;
    return n;
}

/* Targets */

/** Decodes %XX in place. Returns false when one is none, or NUL. */
static bool decode(char *text, bool plus_is_blank)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        if (*p == '%') {
            int high = hex_digit((uint8_t)p[1]), low = high < 0 ? -1 : hex_digit((uint8_t)p[2]);
            if (low < 0 || high * 16 + low == 0)
                return false;
            *to++ = (char)(high * 16 + low);
            p += 2;
        } else {
            *to++ = *p == '+' && plus_is_blank ? ' ' : *p;
        }
    }
    *to = '\0';
    return true;
}

const char *http_query_read(json_t *object, char *query)
{
    for (char *argument; (argument = strsep(&query, "&"));) {
        if (!*argument)
            continue;
        char *value = strchr(argument, '=');
        if (value)
            *value++ = '\0';
        if (!decode(argument, true) || (value && !decode(value, true)))
            return "the query has a %XX that is none, or stands for NUL";
        if (json_object_get(object, argument))
            return "an argument is given twice";
        if (json_object_set_new(object, argument, json_text(value ? value : "")) != 0)
            return "the query has a name that is no UTF-8";
    }
    return NULL;
}

/* The request line (RFC 9112 3): exactly one blank between its parts. */

static int read_version(struct http_head *head, const char *text, const char **error)
{
    *error = "expected HTTP/1.1 or HTTP/1.0";
    if (strncmp(text, "HTTP/", 5) != 0 || !isdigit((unsigned char)text[5]) || text[6] != '.' ||
        !isdigit((unsigned char)text[7]) || text[8])
        return 400;
    if (text[5] != '1')
        return 505;
    head->minor = text[7] == '0' ? 0 : 1;
    return 0;
}

static int read_target(struct http_head *head, char *target, const char **error)
{
    if (*target != '/') {
        *error = "expected a path as the request's target";
        return 400;
    }
    for (const char *p = target; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '#') {
            *error = "the request's target has a character that must be written as %XX";
            return 400;
        }
    head->path = target;
    head->query = strchr(target, '?');
    if (head->query)
        *head->query++ = '\0';
    if (decode(head->path, false))
        return 0;
    *error = "the path has a %XX that is none, or stands for NUL";
    return 400;
}

static int read_request_line(struct http_head *head, char *line, const char **error)
{
    size_t n = token_length(line);
    *error = "expected METHOD PATH HTTP/1.1, with one blank in between";
    if (n == 0 || n > METHOD_MAX || line[n] != ' ')
        return 400;
    head->method = line;
    line[n] = '\0';
    char *target = line + n + 1, *version = strchr(target, ' ');
    if (!version)
        return 400;
    *version++ = '\0';
    int status = read_version(head, version, error);
    return status ? status : read_target(head, target, error);
}

/* Fields (RFC 9112 5) */

static bool read_length(struct http_head *head, const char *value)
{
    if (head->has_length)
        return false;
    head->has_length = true;
    return decimal_parse(slice_str(value), UINT64_MAX, &head->content_length);
}

static bool read_host(struct http_head *head, const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._~%!$&'()*+,;=:[]";
    if (head->host || strspn(value, allowed) != strlen(value))
        return false;
    head->host = value;
    return true;
}

/** Whether a comma-separated list has this word, whatever the case. */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p;) {
        p += strspn(p, " \t,");
        size_t length = strcspn(p, " \t,");
        if (length == n && strncasecmp(p, word, n) == 0)
            return true;
        p += length;
    }
    return false;
}

static bool add_line(struct http_lines *lines, const char *value)
{
    if (lines->n == HTTP_LISTED_MAX)
        return false;
    lines->v[lines->n++] = value;
    return true;
}

struct fields {
    struct http_head *head;
    const char *transfer_encoding;
    bool expects_more; /* than 100-continue */
};

/** Returns NULL, or what is wrong. */
static const char *read_known(struct fields *f, const char *name, const char *value)
{
    struct http_head *head = f->head;
    if (strcasecmp(name, "host") == 0)
        return read_host(head, value) ? NULL : "Host: given twice, or no host";
    if (strcasecmp(name, "content-length") == 0)
        return read_length(head, value) ? NULL : "Content-Length: given twice, or no number";
    if (strcasecmp(name, "transfer-encoding") == 0) {
        const char *before = f->transfer_encoding;
        f->transfer_encoding = value;
        return before ? "Transfer-Encoding: given twice" : NULL;
    }
    if (strcasecmp(name, "authorization") == 0) {
        const char *before = head->authorization;
        head->authorization = value;
        return before ? "Authorization: given twice" : NULL;
    }
    if (strcasecmp(name, "if-match") == 0)
        return add_line(&head->if_match, value) ? NULL : "If-Match: given too often";
    if (strcasecmp(name, "if-none-match") == 0)
        return add_line(&head->if_none_match, value) ? NULL : "If-None-Match: given too often";
    if (strcasecmp(name, "connection") == 0)
        head->close = head->close || has_word(value, "close");
    if (strcasecmp(name, "expect") == 0) {
        head->expects_continue = strcasecmp(value, "100-continue") == 0;
        f->expects_more = f->expects_more || !head->expects_continue;
    }
    return NULL;
}

/** One field line. No blank before the colon, no line that goes on in the next (RFC 9112 5.1, 5.2):
 *  others would see other fields. */
static const char *read_field(struct fields *f, char *line)
{
    size_t n = token_length(line);
    if (n == 0 || line[n] != ':')
        return "a field is not NAME: VALUE";
    line[n] = '\0';
    char *value = line + n + 1 + strspn(line + n + 1, " \t"), *end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    return read_known(f, line, value);
}

/** What the fields mean together: where the body ends must be beyond doubt (RFC 9112 6.3). */
static int check_fields(const struct fields *f, const char **error)
{
    const struct http_head *head = f->head;
    if (f->transfer_encoding) {
        bool is_chunked = strcasecmp(f->transfer_encoding, "chunked") == 0;
        *error = head->has_length ? "Content-Length and Transfer-Encoding exclude each other"
                 : is_chunked     ? "expected a Content-Length: bodies in chunks are not taken"
                                  : "this Transfer-Encoding is not understood";
        return head->has_length || head->minor == 0 ? 400 : is_chunked ? 411 : 501;
    }
    if (!head->host && head->minor > 0) {
        *error = "Host is missing";
        return 400;
    }
    *error = "this Expect cannot be met";
    return f->expects_more ? 417 : 0;
}

/** Cuts the next line off, without its end. */
static char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\r');
    *end = '\0';
    *at = end + 2;
    return line;
}

int http_head_read(struct http_head *head, char *bytes, size_t n, const char **error)
{
    *head = (struct http_head){0};
    struct fields fields = {.head = head};
    char *at = bytes, *end = bytes + n - 2;
    int status = read_request_line(head, next_line(&at), error);
    for (unsigned i = 0; status == 0 && at < end; i++) {
        *error = i < HTTP_FIELDS_MAX ? read_field(&fields, next_line(&at)) : "too many fields";
        if (*error)
            status = i < HTTP_FIELDS_MAX ? 400 : 431;
    }
    return status ? status : check_fields(&fields, error);
}

/* Entity tags (RFC 9110 8.8.3) */

static bool line_matches(const char *p, bool weak_too,
                         bool (*is_it)(void *arg, const char *tag, size_t n), void *arg)
{
    if (strcmp(p, "*") == 0)
        return true;
    for (p += strspn(p, " \t,"); *p; p += strspn(p, " \t,")) {
        bool is_weak = strncmp(p, "W/", 2) == 0;
        p += is_weak ? 2 : 0;
        const char *end = *p == '"' ? strchr(p + 1, '"') : NULL;
        if (!end)
            return false; /* no list of tags */
        if ((weak_too || !is_weak) && is_it(arg, p + 1, (size_t)(end - p - 1)))
            return true;
        p = end + 1;
    }
    return false;
}

bool http_tags_match(const struct http_lines *lines, bool weak_too,
                     bool (*is_it)(void *arg, const char *tag, size_t n), void *arg)
{
    for (unsigned i = 0; i < lines->n; i++)
        if (line_matches(lines->v[i], weak_too, is_it, arg))
            return true;
    return false;
}
