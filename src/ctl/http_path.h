/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: the paths of the HTTP listener, and what each takes. */
#pragma once

#include "base/attr.h"
#include "control/http_head.h"

enum route_kind {
    ROUTE_PAGE,
    ROUTE_METRICS,
    ROUTE_HEALTH,
    ROUTE_READ,
    ROUTE_STATE,
    ROUTE_RELOAD,
    ROUTE_EDS
};

struct http_path {
    const char *path;
    enum route_kind kind;
    const char *command; /* ROUTE_READ */
};

/** NULL: there is no such page. */
const struct http_path *http_path_find(const char *path) ATTR_NONNULL ATTR_PURE;

/** The method that it takes; where it is GET, HEAD as well. */
const char *http_path_method(const struct http_path *path) ATTR_NONNULL ATTR_RETURNS_NONNULL;
bool http_path_takes(const struct http_path *path, const char *method) ATTR_NONNULL ATTR_PURE;

/** Whether a request for it has to name this server: what a page elsewhere could use. Monitors and
 *  proxies reach the rest under any name. */
bool http_path_is_ours(const char *path) ATTR_NONNULL ATTR_PURE;

/** How long the body of a request may be, where that is more than HTTP_BODY_MAX; else 0. */
size_t http_path_body_max(const struct http_head *head) ATTR_NONNULL;
