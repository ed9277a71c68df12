/* SPDX-License-Identifier: Apache-2.0
 * Reads the reply to an HTTP probe as it comes, and judges it as soon as the verdict is known.
 * Pure: bytes in, verdict and reason out; fed in any pieces it says the same.
 *
 * HTTP/1.0 and 1.1 (RFC 9112): interim replies (1xx) are skipped; the body is delimited by chunks,
 * by Content-Length or by the end of the connection. Lines may end in a bare LF. */
#pragma once

#include "health/state.h"

/** What a reply must be. Borrowed by the reader. */
struct http_wanted {
    const struct number_range *status;
    uint32_t n_status;
    const char *body;         /* must occur in the body; NULL or "": the body is not looked at */
    const uint32_t *fallback; /* http_body_fallback() of it */
    uint32_t max_body;        /* bytes of the body read at most */
    bool head;                /* the request was HEAD: there is no body */
};

/** Prepares the search for `text` in a body that comes in pieces: for each prefix of it, the length
 *  of the longest shorter prefix that is its suffix (Knuth, Morris, Pratt). Lives in `arena`. */
const uint32_t *http_body_fallback(struct arena *arena,
                                   const char *text) ATTR_NONNULL ATTR_RETURNS_NONNULL;

enum http_verdict { HTTP_OPEN, HTTP_PASS, HTTP_FAIL };

enum http_place {
    HTTP_STATUS_LINE,
    HTTP_HEADER,
    HTTP_BODY_TO_LENGTH,
    HTTP_BODY_TO_CLOSE,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_END, /* the line end after the data */
    HTTP_TRAILER,
};

#define HTTP_LINE_KEPT 256         /* of a line; longer ones are told by line_n */
#define HTTP_HEADER_MAX (32 << 10) /* bytes of interim replies, header and trailer together */

struct http_reply {
    const struct http_wanted *wanted;
    enum http_verdict verdict;
    enum http_place place;
    uint16_t status;
    bool has_length, chunked, coded; /* `coded`: a Transfer-Encoding that does not end in chunked */
    uint32_t n_header, n_body;       /* bytes so far */
    uint32_t matched;                /* of the text wanted, ending at the last byte */
    uint64_t length, left;           /* Content-Length; of the body or chunk, still to come */
    uint32_t line_n;
    char line[HTTP_LINE_KEPT];
    char reason[REASON_MAX];
};

void http_reply_init(struct http_reply *reply, const struct http_wanted *wanted) ATTR_NONNULL;
/** Takes bytes in. After the verdict it does nothing. */
enum http_verdict http_reply_feed(struct http_reply *reply, const char *p, size_t n) ATTR_NONNULL;
/** The connection ended: always gives a verdict. */
enum http_verdict http_reply_end(struct http_reply *reply) ATTR_NONNULL;
/** For timeouts: "waiting for the response header", "reading the body". */
const char *http_reply_phase(const struct http_reply *reply) ATTR_NONNULL;
