/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: what the HTTP listener serves. A route turns a request into a response, at once
 * or, for what waits, later; http.c knows of connections, this of meaning. */
#pragma once

#include "ctl/run.h"
#include "ctl/token.h"

#define HTTP_BODY_MAX 16384

/** One request, whole. Texts are borrowed. */
struct http_request {
    const char *method, *path;
    const char *authorization; /* NULL: none */
    json_t *query;             /* object of texts; NULL when an argument was given twice */
    const char *body;
    size_t body_len;
    bool body_too_long;
    const char *who; /* for the log */
};

struct http_response {
    int status;
    const char *type;  /* Content-Type */
    const char *allow; /* Allow, for 405; or NULL */
    char *body;        /* malloc()ed; the receiver frees it */
    size_t body_len;
    bool page;      /* a page for browsers: gets a content security policy */
    bool challenge; /* 401: WWW-Authenticate */
};

typedef void http_respond_fn(void *arg, struct http_response response);

/** Calls `respond` once: before returning, or later on the loop. */
void http_route(struct ctl *ctl, const struct token *token, const struct http_request *request,
                http_respond_fn *respond, void *arg) ATTR_NONNULL;

/** A JSON error of this status. */
struct http_response http_error(int status, const char *error) ATTR_NONNULL;
