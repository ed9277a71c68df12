/* SPDX-License-Identifier: Apache-2.0
 * Requests out of bytes. */
#include "ctl/http_input.h"

#include "base/arena.h"

#include <stdlib.h>
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

/** Makes room for a body that is longer than most may be, once its head is there. Returns 0, or the
 *  status to refuse with. */
static int open_long_body(struct http_input *in, const char **error)
{
    uint64_t length = in->head.content_length;
    if (length <= HTTP_BODY_MAX || !in->longs || length > in->longs->max(&in->head))
        return 0;
    if (in->longs->n == HTTP_LONG_BODIES_MAX) {
        *error = "too many requests with long bodies, try again later";
        return 503;
    }
    in->longs->n++;
    in->long_body = xmalloc((size_t)length);
    size_t have = in->n - in->head_n;
    in->long_n = have < length ? have : (size_t)length;
    memcpy(in->long_body, in->bytes + in->head_n, in->long_n);
    /* What is behind it belongs to the next request. */
    memmove(in->bytes + in->head_n, in->bytes + in->head_n + in->long_n, have - in->long_n);
    in->n -= in->long_n;
    return 0;
}

static void close_long_body(struct http_input *in)
{
    if (!in->long_body)
        return;
    in->longs->n--;
    free(in->long_body);
    in->long_body = NULL;
    in->long_n = 0;
}

bool http_input_too_long(const struct http_input *in)
{
    return !in->long_body && in->head.content_length > HTTP_BODY_MAX;
}

enum http_input_state http_input_look(struct http_input *in, int *status, const char **error)
{
    bool is_new = in->head_n == 0;
    *status = is_new ? take_head(in, error) : 0;
    if (*status == 0 && is_new && in->head_n)
        *status = open_long_body(in, error);
    if (*status != 0)
        return HTTP_INPUT_WRONG;
    if (!in->head_n)
        return HTTP_INPUT_HEAD;
    size_t have = in->long_body ? in->long_n : in->n - in->head_n;
    bool has_body = http_input_too_long(in) || have >= in->head.content_length;
    return has_body ? HTTP_INPUT_WHOLE : HTTP_INPUT_BODY;
}

char *http_input_space(struct http_input *in, size_t *n)
{
    if (in->long_body) {
        *n = (size_t)in->head.content_length - in->long_n;
        return in->long_body + in->long_n;
    }
    *n = sizeof in->bytes - in->n;
    return in->bytes + in->n;
}

void http_input_add(struct http_input *in, size_t n)
{
    if (in->long_body)
        in->long_n += n;
    else
        in->n += n;
}

const char *http_input_body(const struct http_input *in, size_t *n)
{
    *n = http_input_too_long(in) || !in->head.has_length ? 0 : (size_t)in->head.content_length;
    return in->long_body ? in->long_body : in->bytes + in->head_n;
}

void http_input_drop(struct http_input *in)
{
    size_t length = in->head.has_length && !in->long_body ? (size_t)in->head.content_length : 0;
    size_t used = in->head_n + length;
    memmove(in->bytes, in->bytes + used, in->n - used);
    in->n -= used;
    in->head_n = 0;
    in->scan = (struct http_scan){0};
    close_long_body(in);
}

void http_input_free(struct http_input *in)
{
    close_long_body(in);
}
