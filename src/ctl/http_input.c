/* SPDX-License-Identifier: Apache-2.0
 * Requests out of bytes. */
#include "ctl/http_input.h"

#include <string.h>

/** An empty line before a request means nothing (RFC 9112 2.2). */
static void skip_empty_line(struct http_input *in)
{
    if (in->n < 2 || memcmp(in->bytes, "\r\n", 2) != 0)
        return;
    memmove(in->bytes, in->bytes + 2, in->n - 2);
    in->n -= 2;
    in->scan = (struct http_scan){0};
}

/** Reads the head, once it is whole. Returns 0, also where it is not; or the status to refuse with.
 */
static int take_head(struct http_input *in, const char **error)
{
    if (in->scan.at < 2)
        skip_empty_line(in);
    int n = http_head_find(&in->scan, in->bytes, in->n);
    if (n < 0) {
        *error = "expected lines of text that end in CR LF";
        return 400;
    }
    if (n > HTTP_HEAD_MAX || (n == 0 && in->n >= HTTP_HEAD_MAX)) {
        *error = "the head of the request is longer than 16384 bytes";
        return 431;
    }
    int status = n ? http_head_read(&in->head, in->bytes, (size_t)n, error) : 0;
    in->head_n = status == 0 ? (size_t)n : 0;
    return status;
}

enum http_input_state http_input_look(struct http_input *in, int *status, const char **error)
{
    *status = in->head_n ? 0 : take_head(in, error);
    if (*status != 0)
        return HTTP_INPUT_WRONG;
    if (!in->head_n)
        return HTTP_INPUT_HEAD;
    bool has_body =
        in->head.content_length > HTTP_BODY_MAX || in->n - in->head_n >= in->head.content_length;
    return has_body ? HTTP_INPUT_WHOLE : HTTP_INPUT_BODY;
}

void http_input_drop(struct http_input *in)
{
    size_t used = in->head_n + (in->head.has_length ? (size_t)in->head.content_length : 0);
    memmove(in->bytes, in->bytes + used, in->n - used);
    in->n -= used;
    in->head_n = 0;
    in->scan = (struct http_scan){0};
}
