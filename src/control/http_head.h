/* SPDX-License-Identifier: Apache-2.0
 * The head of an HTTP/1 request (RFC 9112), read strictly: what two readers could
 * take for two different requests is refused, not repaired. Untrusted bytes: fuzzed. */
#pragma once

#include "base/attr.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 16384
#define HTTP_FIELDS_MAX 100
#define HTTP_LISTED_MAX 8 /* field lines of one name that are lists */

/** Where the search for the end of a head goes on; all zero at its start. */
struct http_scan {
    size_t at, line;
};

/** Field lines of one name, in order. */
struct http_lines {
    const char *v[HTTP_LISTED_MAX];
    unsigned n;
};

/** Texts are within the bytes that were read. */
struct http_head {
    const char *method;
    char *path;       /* decoded; no NUL in it */
    char *query;      /* behind the '?', as it came; NULL: none */
    unsigned minor;   /* HTTP/1.0 or 1.1 */
    const char *host; /* NULL: none (HTTP/1.0) */
    const char *authorization;
    struct http_lines if_match, if_none_match;
    uint64_t content_length;
    bool has_length, close, expects_continue;
};

/** Looks for the end of a head in the first `n` bytes. Returns its length with the empty line; 0
 * when more is needed; or -1 when no more could make it one: a line that does not end in CR LF, or
 * a byte that may stand in no head. */
int http_head_find(struct http_scan *scan, const char *bytes, size_t n) ATTR_NONNULL ATTR_MUST_USE;

/** Reads a head of `n` bytes that http_head_find() has found, and changes them. Returns 0, or the
 *  status to refuse it with and why in *error. */
int http_head_read(struct http_head *head, char *bytes, size_t n,
                   const char **error) ATTR_NONNULL ATTR_MUST_USE;

/** Adds the arguments of a query string, which is changed, to `object` as texts. Returns NULL, or
 *  what is wrong with them. */
const char *http_query_read(json_t *object, char *query) ATTR_NONNULL ATTR_MUST_USE;

/** Whether one of the entity tags in `lines` (RFC 9110 13.1.1: "*", or a list) is one that `is_it`
 *  knows. Weak ones are looked at only where `weak_too`. */
bool http_tags_match(const struct http_lines *lines, bool weak_too,
                     bool (*is_it)(void *arg, const char *tag, size_t n), void *arg)
    __attribute__((nonnull(1, 3))) ATTR_MUST_USE;
