/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: requests of an HTTP connection out of bytes that come in pieces. */
#pragma once

#include "ctl/http_head.h"

#define HTTP_BODY_MAX 16384

/** bytes[0 .. n) has come. All zero at the start. */
struct http_input {
    struct http_scan scan;
    struct http_head head; /* where `head_n`: points into the bytes */
    size_t n, head_n;      /* `head_n`: of the head; 0: it is not whole */
    char bytes[HTTP_HEAD_MAX + HTTP_BODY_MAX];
};

enum http_input_state {
    HTTP_INPUT_HEAD,  /* the head is not whole: more bytes */
    HTTP_INPUT_BODY,  /* the head is, and its body is not: more bytes */
    HTTP_INPUT_WHOLE, /* a request, from the start of the bytes; or its body is longer than
                         HTTP_BODY_MAX, and not waited for */
    HTTP_INPUT_WRONG, /* no request, and where the next one would begin is unknown */
};

/** Looks at what is there. For HTTP_INPUT_WRONG, *status and *error say what to answer. There is
 *  room for more bytes in the two states that ask for them. */
enum http_input_state http_input_look(struct http_input *input, int *status,
                                      const char **error) ATTR_NONNULL ATTR_MUST_USE;

/** Drops the request that has been answered: what follows it is the next one. */
void http_input_drop(struct http_input *input) ATTR_NONNULL;
