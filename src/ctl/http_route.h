/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: what the HTTP listener serves. A route turns a request into a response, at once
 * or, for what waits, later; http_conn.c knows of connections, this of meaning. */
#pragma once

#include "control/http_head.h"
#include "control/token.h"
#include "ctl/http_host.h"
#include "ctl/run.h"

#include <stdlib.h>

/** What the routes need to know of the server. */
struct http_site {
    struct run_service service;
    struct token token;
    struct ip listens;
    struct str_list hosts; /* further names, of `http: {hosts}` */
    bool retired;          /* another listener has its place: requests are turned away */
};

/** One request, whole. Borrowed. */
struct http_request {
    struct http_head *head; /* its query is used up */
    const char *body;
    size_t body_len;
    bool body_too_long;
    const struct ip *local; /* the address it came to */
    bool reserved;          /* over a connection that is there for /healthz only */
    const char *from;       /* the address of the client, as text */
};

struct http_response {
    int status;
    const char *type;  /* Content-Type */
    const char *allow; /* Allow, for 405; or NULL */
    struct page *page; /* held; or NULL, and */
    char *body;        /* malloc()ed */
    size_t body_len;
    char tag[PAGE_TAG_MAX]; /* ETag; "": none */
    unsigned retry_after_s; /* 0: none */
    bool is_html;           /* gets a content security policy */
    bool challenge;         /* 401: WWW-Authenticate */
};

typedef void http_respond_fn(void *arg, struct http_response response);

/** Calls `respond` once: before returning, or later on the loop. The callee owns the response. */
void http_route(struct http_site *site, const struct http_request *request,
                http_respond_fn *respond, void *arg) __attribute__((nonnull(1, 2, 3)));

/** A JSON error of this status. */
struct http_response http_error(int status, const char *error) ATTR_NONNULL;

static inline const char *http_response_bytes(const struct http_response *r)
{
    return r->page ? r->page->bytes : r->body;
}

static inline size_t http_response_length(const struct http_response *r)
{
    return r->page ? r->page->n : r->body_len;
}

/** Frees what it holds. */
static inline void http_response_free(struct http_response *r)
{
    page_release(r->page);
    free(r->body);
    r->page = NULL;
    r->body = NULL;
    r->body_len = 0;
}
