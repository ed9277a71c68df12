/* SPDX-License-Identifier: Apache-2.0
 * Reads the reply to an HTTP probe. */
#include "health/http_reply.h"

#include "base/digits.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const uint32_t *http_body_fallback(struct arena *arena, const char *text)
{
    uint32_t n = (uint32_t)strlen(text), *fallback = arena_calloc(arena, n + 1u, sizeof *fallback);
    for (uint32_t i = 1, k = 0; i < n; i++) {
        while (k > 0 && text[i] != text[k])
            k = fallback[k - 1];
        k += text[i] == text[k];
        fallback[i] = k;
    }
    return fallback;
}

void http_reply_init(struct http_reply *reply, const struct http_wanted *wanted)
{
    memset(reply, 0, sizeof *reply);
    reply->wanted = wanted;
}

ATTR_PRINTF(3, 4)
static void decide(struct http_reply *r, enum http_verdict verdict, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->reason, sizeof r->reason, fmt, args);
    va_end(args);
    r->verdict = verdict;
}

/* ---- status ---- */

static bool status_wanted(const struct http_reply *r)
{
    for (uint32_t i = 0; i < r->wanted->n_status; i++)
        if (r->status >= r->wanted->status[i].first && r->status <= r->wanted->status[i].last)
            return true;
    return false;
}

static void fail_status(struct http_reply *r)
{
    char list[96] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < r->wanted->n_status && n < sizeof list - 16; i++) {
        const struct number_range *s = &r->wanted->status[i];
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%u", i ? "," : "", s->first);
        if (s->last != s->first)
            n += (size_t)snprintf(list + n, sizeof list - n, "-%u", s->last);
    }
    decide(r, HTTP_FAIL, "status %u, expected %s", r->status, list);
}

static void on_status_line(struct http_reply *r)
{
    const char *line = r->line;
    if (strncmp(line, "HTTP/1.", 7) != 0 || !is_digit((uint8_t)line[7]) || line[8] != ' ' ||
        !is_digit((uint8_t)line[9]) || !is_digit((uint8_t)line[10]) ||
        !is_digit((uint8_t)line[11]) || (line[12] != '\0' && line[12] != ' ')) {
        decide(r, HTTP_FAIL, "not an HTTP/1 reply: \"%.40s\"", line);
        return;
    }
    r->status = (uint16_t)((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
    r->place = HTTP_HEADER;
    /* 101 ends HTTP on the connection: it is final (RFC 9110 15.2.2). */
    bool interim = r->status < 200 && r->status >= 100 && r->status != 101;
    if (!interim && !status_wanted(r))
        fail_status(r);
}

/* ---- header ---- */

/* The value of a header line of that name, or NULL. Names are compared without case. */
static const char *value_of(const char *line, const char *name)
{
    size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    line += n + 1;
    return line + strspn(line, " \t");
}

/* A number alone, blanks after it allowed. */
static bool parse_length(const char *text, uint64_t *length)
{
    uint64_t x = 0;
    const char *p = text;
    for (; is_digit((uint8_t)*p); p++) {
        if (x > (UINT64_MAX - 9) / 10)
            return false;
        x = x * 10 + (uint64_t)(*p - '0');
    }
    *length = x;
    return p > text && p[strspn(p, " \t")] == '\0';
}

static void on_length(struct http_reply *r, const char *text)
{
    uint64_t length;
    if (!parse_length(text, &length) || (r->has_length && length != r->length)) {
        decide(r, HTTP_FAIL, "the response has a bad Content-Length: \"%.40s\"", text);
        return;
    }
    r->has_length = true;
    r->length = length;
}

/* Only whether the last coding is `chunked` matters for where the body ends (RFC 9112 6.3). */
static void on_coding(struct http_reply *r, const char *text)
{
    const char *comma = strrchr(text, ','), *last = comma ? comma + 1 : text;
    last += strspn(last, " \t");
    size_t n = strcspn(last, " \t;");
    r->chunked = n == 7 && strncasecmp(last, "chunked", 7) == 0;
    r->coded = !r->chunked;
}

static bool looks_at_body(const struct http_reply *r)
{
    return r->wanted->body && *r->wanted->body;
}

static void fail_body(struct http_reply *r)
{
    char much[UNITS_TEXT_MAX];
    if (r->n_body >= r->wanted->max_body && r->n_body % 1024 == 0)
        snprintf(much, sizeof much, "first %uk", r->n_body / 1024);
    else if (r->n_body >= r->wanted->max_body)
        snprintf(much, sizeof much, "first %u byte%s", r->n_body, units_plural(r->n_body));
    else
        snprintf(much, sizeof much, "%u byte%s", r->n_body, units_plural(r->n_body));
    decide(r, HTTP_FAIL, "body does not contain \"%.80s\" (%s read)", r->wanted->body, much);
}

static void start_over(struct http_reply *r)
{
    r->place = HTTP_STATUS_LINE;
    r->has_length = r->chunked = r->coded = false;
}

static void on_header_end(struct http_reply *r)
{
    bool bodiless = r->wanted->head || r->status == 204 || r->status == 304 || r->status == 101;
    if (r->status >= 100 && r->status < 200 && r->status != 101) {
        start_over(r);
    } else if (!looks_at_body(r)) {
        decide(r, HTTP_PASS, "status %u", r->status);
    } else if (bodiless || (r->has_length && !r->chunked && !r->coded && r->length == 0)) {
        fail_body(r);
    } else if (r->chunked) {
        r->place = HTTP_CHUNK_SIZE;
    } else if (r->has_length && !r->coded) {
        r->place = HTTP_BODY_TO_LENGTH;
        r->left = r->length;
    } else {
        r->place = HTTP_BODY_TO_CLOSE;
    }
}

static void on_header_line(struct http_reply *r)
{
    const char *value;
    if (r->line[0] == '\0')
        on_header_end(r);
    else if ((value = value_of(r->line, "Content-Length")))
        on_length(r, value);
    else if ((value = value_of(r->line, "Transfer-Encoding")))
        on_coding(r, value);
}

/* ---- chunks ---- */

static void on_chunk_size(struct http_reply *r)
{
    const char *p = r->line;
    uint64_t size = 0;
    for (int digit; (digit = hex_digit((uint8_t)*p)) >= 0 && size < UINT64_MAX >> 8; p++)
        size = size << 4 | (uint64_t)digit;
    if (p == r->line || (*p && !strchr(" \t;", *p))) {
        decide(r, HTTP_FAIL, "the response has a bad chunk size: \"%.40s\"", r->line);
        return;
    }
    r->left = size;
    r->place = size ? HTTP_CHUNK_DATA : HTTP_TRAILER;
}

static void on_line(struct http_reply *r)
{
    switch (r->place) {
    case HTTP_STATUS_LINE:
        on_status_line(r);
        break;
    case HTTP_HEADER:
        on_header_line(r);
        break;
    case HTTP_CHUNK_SIZE:
        on_chunk_size(r);
        break;
    case HTTP_CHUNK_END:
        r->place = HTTP_CHUNK_SIZE;
        if (r->line[0] != '\0')
            decide(r, HTTP_FAIL, "a chunk of the response does not end where its size says");
        break;
    case HTTP_TRAILER:
        if (r->line[0] == '\0')
            fail_body(r);
        break;
    case HTTP_BODY_TO_LENGTH:
    case HTTP_BODY_TO_CLOSE:
    case HTTP_CHUNK_DATA:
        break;
    }
}

/* ---- bytes ---- */

/* What comes first cannot be HTTP: no need to wait for a line end that may never come. */
static bool starts_wrong(const struct http_reply *r)
{
    static const char start[] = "HTTP/1.";
    uint32_t n = r->line_n < sizeof start - 1 ? r->line_n : (uint32_t)sizeof start - 1;
    return r->place == HTTP_STATUS_LINE && memcmp(r->line, start, n) != 0 &&
           r->line_n >= HTTP_LINE_KEPT / 4;
}

/* Takes bytes up to the end of a line; returns how many. */
static size_t take_line(struct http_reply *r, const char *p, size_t n)
{
    const char *lf = memchr(p, '\n', n);
    size_t take = lf ? (size_t)(lf - p) : n;
    for (size_t i = 0; i < take && r->line_n + i < sizeof r->line - 1; i++)
        r->line[r->line_n + i] = p[i] ? p[i] : ' ';
    uint32_t more = (uint32_t)(take < HTTP_HEADER_MAX ? take + 1 : HTTP_HEADER_MAX);
    r->line_n += more - 1;
    if (r->place < HTTP_BODY_TO_LENGTH || r->place == HTTP_TRAILER)
        r->n_header += more;
    uint32_t kept = r->line_n < sizeof r->line ? r->line_n : (uint32_t)sizeof r->line - 1;
    r->line[kept] = '\0';
    if (r->n_header > HTTP_HEADER_MAX || r->line_n > HTTP_HEADER_MAX) {
        decide(r, HTTP_FAIL, "the response header is longer than %dk", HTTP_HEADER_MAX / 1024);
        return n;
    }
    if (!lf) {
        if (starts_wrong(r))
            on_status_line(r);
        return n;
    }
    if (kept == r->line_n && kept > 0 && r->line[kept - 1] == '\r')
        r->line[kept - 1] = '\0';
    r->line_n = 0;
    on_line(r);
    return take + 1;
}

static bool search(struct http_reply *r, const char *p, size_t n)
{
    const char *text = r->wanted->body;
    uint32_t k = r->matched;
    for (size_t i = 0; i < n; i++) {
        while (k > 0 && p[i] != text[k])
            k = r->wanted->fallback[k - 1];
        k += p[i] == text[k];
        if (!text[k])
            return true;
    }
    r->matched = k;
    return false;
}

/* Takes bytes of the body; returns how many. */
static size_t take_body(struct http_reply *r, const char *p, size_t n)
{
    bool bounded = r->place != HTTP_BODY_TO_CLOSE;
    if (bounded && n > r->left)
        n = (size_t)r->left;
    size_t look = r->wanted->max_body - r->n_body;
    look = n < look ? n : look;
    r->n_body += (uint32_t)look;
    r->left -= bounded ? n : 0;
    if (search(r, p, look))
        decide(r, HTTP_PASS, "status %u, body contains \"%.80s\"", r->status, r->wanted->body);
    else if (r->n_body >= r->wanted->max_body)
        fail_body(r);
    else if (bounded && r->left == 0 && r->place == HTTP_BODY_TO_LENGTH)
        fail_body(r);
    else if (bounded && r->left == 0)
        r->place = HTTP_CHUNK_END;
    return n;
}

static bool in_body(const struct http_reply *r)
{
    return r->place == HTTP_BODY_TO_LENGTH || r->place == HTTP_BODY_TO_CLOSE ||
           r->place == HTTP_CHUNK_DATA;
}

enum http_verdict http_reply_feed(struct http_reply *reply, const char *p, size_t n)
{
    while (n > 0 && reply->verdict == HTTP_OPEN) {
        size_t taken = in_body(reply) ? take_body(reply, p, n) : take_line(reply, p, n);
        p += taken;
        n -= taken;
    }
    return reply->verdict;
}

enum http_verdict http_reply_end(struct http_reply *r)
{
    if (r->verdict != HTTP_OPEN)
        return r->verdict;
    switch (r->place) {
    case HTTP_STATUS_LINE:
        if (r->line_n > 0)
            on_status_line(r);
        if (r->verdict == HTTP_OPEN)
            decide(r, HTTP_FAIL, "connection closed before the response header");
        break;
    case HTTP_HEADER:
        decide(r, HTTP_FAIL, "connection closed within the response header");
        break;
    case HTTP_BODY_TO_CLOSE:
        fail_body(r);
        break;
    case HTTP_BODY_TO_LENGTH:
        decide(r, HTTP_FAIL, "connection closed after %u of %" PRIu64 " bytes of the body",
               r->n_body, r->length);
        break;
    case HTTP_CHUNK_SIZE:
    case HTTP_CHUNK_DATA:
    case HTTP_CHUNK_END:
    case HTTP_TRAILER:
        decide(r, HTTP_FAIL, "connection closed within the body, after %u byte%s", r->n_body,
               units_plural(r->n_body));
        break;
    }
    return r->verdict;
}

const char *http_reply_phase(const struct http_reply *reply)
{
    return reply->place <= HTTP_HEADER ? "waiting for the response header" : "reading the body";
}
