/* SPDX-License-Identifier: Apache-2.0
 * From a server name to a set: the name itself, else the wildcard one label above it. */
#include "l4/plan.h"

#include "model/model.h"

#include <string.h>

/* Names are ascending by their bytes, as strcmp() has it. */
static int compare(const char *route, const char *name, uint32_t n)
{
    size_t length = strlen(route);
    int c = memcmp(route, name, length < n ? length : n);
    return c != 0 ? c : (length > n) - (length < n);
}

static const struct l4_route *find(const struct l4_service *service, const char *name, uint32_t n)
{
    uint32_t low = 0, high = service->n_routes;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = compare(service->routes[middle].name, name, n);
        if (c == 0)
            return &service->routes[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const struct l4_route *find_wildcard(const struct l4_service *service, const char *name,
                                            uint32_t n)
{
    char wildcard[256]; /* a name is at most 255 bytes (RFC 1035 3.1) */
    const char *dot = memchr(name, '.', n);
    if (!dot || dot == name || n >= sizeof wildcard)
        return NULL;
    uint32_t rest = n - (uint32_t)(dot - name);
    wildcard[0] = '*';
    memcpy(wildcard + 1, dot, rest);
    return find(service, wildcard, rest + 1);
}

uint32_t plan_route(const struct l4_service *service, const char *name, uint32_t n)
{
    const struct l4_route *route = NULL;
    if (n > 0 && service->n_routes > 0)
        route = find(service, name, n);
    if (n > 0 && service->n_routes > 0 && !route)
        route = find_wildcard(service, name, n);
    return route ? route->set : service->set;
}
