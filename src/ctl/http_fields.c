/* SPDX-License-Identifier: Apache-2.0
 * The head of an HTTP response. */
#include "ctl/http_fields.h"

#include "base/clock.h"
#include "ctl/dashboard.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

ATTR_PRINTF(2, 3)
static void add(char *out, const char *fmt, ...)
{
    size_t n = strlen(out);
    va_list args;
    va_start(args, fmt);
    int more = vsnprintf(out + n, HTTP_FIELDS_LENGTH - n, fmt, args);
    assert(more >= 0 && n + (size_t)more < HTTP_FIELDS_LENGTH);
    (void)more;
    va_end(args);
}

void http_fields_write(char out[HTTP_FIELDS_LENGTH], const struct http_response *r, bool keep)
{
    char date[40];
    time_t now = (time_t)clock_wall_s();
    struct tm tm;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
    out[0] = '\0';
    add(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nX-Content-Type-Options: nosniff\r\n", r->status,
        reason_of(r->status), date);
    /* What has a tag may be kept, but has to be asked for each time. */
    add(out, "Cache-Control: %s\r\n", r->tag[0] ? "private, no-cache" : "no-store");
    if (r->status != 304)
        add(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", r->type, http_response_length(r));
    if (r->tag[0])
        add(out, "ETag: \"%s\"\r\n", r->tag);
    if (r->is_html)
        add(out, "Content-Security-Policy: %s\r\nReferrer-Policy: no-referrer\r\n",
            dashboard_policy());
    if (r->allow)
        add(out, "Allow: %s\r\n", r->allow);
    if (r->challenge)
        add(out, "WWW-Authenticate: Bearer realm=\"loadstar\"\r\n");
    if (r->retry_after_s)
        add(out, "Retry-After: %u\r\n", r->retry_after_s);
    add(out, "%s\r\n", keep ? "" : "Connection: close\r\n");
}
