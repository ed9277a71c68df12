/* SPDX-License-Identifier: Apache-2.0
 * Inside src/ctl: connections of the HTTP listener: bytes in, requests to http_route(), responses
 * out, deadlines, and who has to go when too many are there. */
#pragma once

#include "ctl/http_input.h"
#include "ctl/http_route.h"

#include <uv.h>

#define HTTP_CONNECTIONS_MAX 256
#define HTTP_PER_CLIENT_MAX 64 /* an address of IPv4, a /64 of IPv6 */
#define HTTP_RESERVE 8         /* beyond either, for /healthz only */

/** Milliseconds; tests shorten them. */
struct http_times {
    int64_t request;  /* for a request to arrive whole, and between two of them */
    int64_t crowded;  /* likewise, of a client that has more than half of what it may */
    int64_t response; /* for a response to be taken */
    int64_t grace;    /* a response that is taken may be given up for a newcomer after so long */
    int64_t linger;   /* after a response that ends the connection, for what still comes */
    int64_t tick;     /* how often this is looked at */
};

/** Whether two addresses are one client, as HTTP_PER_CLIENT_MAX counts them. */
static inline bool http_is_same_client(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->b, b->b, a->family == IP_V4 ? 4 : 8) == 0;
}

struct http_conn;

struct http_conns {
    uv_loop_t *loop;
    struct http_site *site;
    struct http_times times;
    struct http_long_bodies longs;
    struct http_conn *first;
    unsigned n;
    bool closing;
    void (*done)(void *arg); /* when the last is closed */
    void *arg;
};

/** Takes a connection from a listening stream: for uv_listen(). */
void http_conns_accept(struct http_conns *conns, uv_stream_t *listener) ATTR_NONNULL;

/** Ends what has taken too long. To be called every tick. */
void http_conns_reap(struct http_conns *conns) ATTR_NONNULL;

/** Ends readers that do not read what they asked for, the slowest first, until their pages fit into
 *  half of the budget. */
void http_conns_reclaim(struct http_conns *conns, const struct page_budget *budget) ATTR_NONNULL;

/** Ends those for which nothing is under way at once, the others when they are answered. `done`
 * runs when the last is gone: on the loop, or before returning when there is none. */
void http_conns_close(struct http_conns *conns, void (*done)(void *arg), void *arg);
/** Ends the others as well. */
void http_conns_end(struct http_conns *conns) ATTR_NONNULL;
