/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: requests of an HTTP connection out of bytes that come in pieces. */
#pragma once

#include "control/http_head.h"

#define HTTP_BODY_MAX 16384

#define HTTP_LONG_BODIES_MAX 16 /* at one time, of those that are longer than HTTP_BODY_MAX */

/** Long bodies that are there at one time. */
struct http_long_bodies {
    unsigned n;
    /** How long the body of such a request may be, where that is more than HTTP_BODY_MAX; else 0.
     */
    size_t (*max)(const struct http_head *head);
};

/** bytes[0 .. n) has come. All zero at the start, but for `longs`. */
struct http_input {
    struct http_long_bodies *longs; /* NULL: none are taken */
    struct http_scan scan;
    struct http_head head; /* where `head_n`: points into the bytes */
    size_t n, head_n;      /* `head_n`: of the head; 0: it is not whole */
    char *long_body;       /* of head.content_length bytes; else NULL */
    size_t long_n;         /* that have come of it */
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

/** Where the next bytes go, and how many may come. */
char *http_input_space(struct http_input *input, size_t *n) ATTR_NONNULL;
/** So many have come there. */
void http_input_add(struct http_input *input, size_t n) ATTR_NONNULL;

/** The body of a request that is whole, and its length. */
const char *http_input_body(const struct http_input *input, size_t *n) ATTR_NONNULL;
/** Whether it is longer than what is taken. */
bool http_input_too_long(const struct http_input *input) ATTR_NONNULL;

/** Drops the request that has been answered: what follows it is the next one. */
void http_input_drop(struct http_input *input) ATTR_NONNULL;

/** At the end of the connection. */
void http_input_free(struct http_input *input) ATTR_NONNULL;
