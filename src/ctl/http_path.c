/* SPDX-License-Identifier: Apache-2.0
 * The paths of the HTTP listener. */
#include "ctl/http_path.h"

#include "base/diag.h"
#include "ctl/eds.h"

#include <string.h>

static const struct http_path paths[] = {
    {"/", ROUTE_PAGE, NULL},
    {"/metrics", ROUTE_METRICS, NULL},
    {"/healthz", ROUTE_HEALTH, NULL},
    {"/api/v1/status", ROUTE_READ, "status"},
    {"/api/v1/pools", ROUTE_READ, "pools"},
    {"/api/v1/endpoints", ROUTE_READ, "endpoints"},
    {"/api/v1/sites", ROUTE_READ, "sites"},
    {"/api/v1/checks", ROUTE_READ, "checks"},
    {"/api/v1/explain", ROUTE_READ, "explain"},
    {"/api/v1/geo", ROUTE_READ, "geo"},
    {"/api/v1/events", ROUTE_READ, "events"},
    {"/api/v1/orders", ROUTE_READ, "orders"},
    {"/api/v1/tiers", ROUTE_READ, "tiers"},
    {"/api/v1/anycast", ROUTE_READ, "anycast"},
    {"/api/v1/ipvs", ROUTE_READ, "ipvs"},
    {"/api/v1/rtt", ROUTE_READ, "rtt"},
    {"/api/v1/healthy", ROUTE_READ, "healthy"},
    {"/api/v1/drain", ROUTE_READ, "drain"},
    {"/api/v1/state", ROUTE_STATE, NULL},
    {"/api/v1/reload", ROUTE_RELOAD, NULL},
    {EDS_PATH, ROUTE_EDS, NULL},
};

static const char *const methods[] = {
    [ROUTE_STATE] = "PUT",   [ROUTE_RELOAD] = "POST", [ROUTE_EDS] = "POST", [ROUTE_PAGE] = "GET",
    [ROUTE_METRICS] = "GET", [ROUTE_HEALTH] = "GET",  [ROUTE_READ] = "GET"};

const struct http_path *http_path_find(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (strcmp(path, paths[i].path) == 0)
            return &paths[i];
    return NULL;
}

const char *http_path_method(const struct http_path *path)
{
    return methods[path->kind];
}

bool http_path_takes(const struct http_path *path, const char *method)
{
    const char *takes = methods[path->kind];
    return strcmp(takes, method) == 0 || (strcmp(takes, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

bool http_path_is_ours(const char *path)
{
    return strcmp(path, "/") == 0 || strncmp(path, "/api/", 5) == 0;
}

size_t http_path_body_max(const struct http_head *head)
{
    bool is_eds = strcmp(head->path, EDS_PATH) == 0 && strcmp(head->method, "POST") == 0;
    return is_eds ? EDS_BODY_MAX : 0;
}
