/* SPDX-License-Identifier: Apache-2.0
 * What loadstar-l4 is to forward, as configured (l4.yaml). Validated: names are unique, every
 * index is in range, numbers are within the bounds given here.
 *
 * Flows of a service go to the members of a set. A service without `tls.sni` has one set, which has
 * its name; with it there is one for each pool that is named, also by `members`, "SERVICE/POOL". A
 * set's members are told by loadstard under that name, or, without it, are endpoints of this model.
 */
#pragma once

#include "base/diag.h"
#include "base/ip.h"

/* X(constant, word, what it means) */
#define L4_BALANCES(X)                                                                           \
    X(L4_ROUND_ROBIN, "round_robin", "One after the other, as often as the weights say.")        \
    X(L4_LEAST_CONN, "least_conn", "The member with the fewest open flows for its weight.")      \
    X(L4_RANDOM2, "random2", "The better one of two that are drawn by weight.")                  \
    X(L4_MAGLEV, "maglev", "By the client's address and port: few flows move with the members.") \
    X(L4_SOURCE_HASH, "source_hash", "By the client's address: a client keeps its member.")
#define L4_RELAYS(X)                                                              \
    X(L4_RELAY_AUTO, "auto", "What is best for each connection.")                 \
    X(L4_RELAY_COPY, "copy", "Read and write.")                                   \
    X(L4_RELAY_SPLICE, "splice", "Bulk moves through pipes, the rest is copied.") \
    X(L4_RELAY_SOCKHASH, "sockhash", "The kernel hands segments from socket to socket (BPF).")

#define KIND(constant, word, doc) constant,
enum l4_balance { L4_BALANCES(KIND) };
enum l4_relay { L4_RELAYS(KIND) };
#undef KIND

enum l4_proxy { L4_PROXY_NONE, L4_PROXY_V1, L4_PROXY_V2 };

#define L4_WORKERS_MAX 256
#define L4_NAME_MAX 128 /* of a set, with NUL: SERVICE/POOL */

struct l4_listen {
    struct span span;
    struct ip addr;
    uint16_t port;
};

/** A set of members. */
struct l4_set {
    const char *name;
    struct span span;
    uint32_t pool; /* whose endpoints are the members, of this model; MODEL_NONE: loadstard tells */
    uint32_t site; /* of it alone; MODEL_NONE: all sites */
    uint16_t port; /* of endpoints of the pool that have none; 0: all have one */
    /* Or those of a list: not checked, always up; address, port and weight of each. */
    const struct l4_listed {
        struct span span;
        struct ip addr;
        uint16_t port;
        uint32_t weight; /* 0..WEIGHT_MAX, default 1 */
    } * listed;
    uint32_t n_listed;
};

/** Which set a server name (SNI) leads to. */
struct l4_route {
    const char *name; /* lower case, without a dot at the end; "*.NAME": any one label below it */
    uint32_t set;     /* of l4_config.sets */
};

struct l4_service {
    const char *name;
    struct span span;
    const struct l4_listen *listens; /* at least one */
    uint32_t n_listens;
    bool udp;
    enum l4_balance balance; /* default least_conn; udp: maglev */
    enum l4_relay relay;     /* default auto; TCP only */
    uint32_t set;            /* without routes, or where none of them fits; MODEL_NONE: a server
                              * name that is not listed is refused */
    const struct l4_route *routes; /* ascending by name; none: no `tls.sni` */
    uint32_t n_routes;
    enum l4_proxy proxy_send;
    bool proxy_accept; /* every connection begins with a header, from `proxy_trusted` alone */
    const struct ip_prefix *proxy_trusted; /* with proxy_accept at least one */
    uint32_t n_proxy_trusted;
    uint32_t connect_timeout_ms; /* 10 ms.. 1 min, default 2 s */
    uint32_t connect_retries;    /* 0..10, default 2: on other members, before a byte was sent */
    uint32_t idle_timeout_ms;    /* 1 s.. 1 d, default 5 min; udp 10 s */
    uint32_t drain_timeout_ms;   /* default 10 min */
    bool reset_on_down;          /* connections of a member that goes down are reset; default no */
    bool transparent;            /* members see the client's address (IP_TRANSPARENT) */
    struct {
        uint32_t connections;       /* at once, default 100,000 */
        struct span connections_at; /* line 0: not given */
        uint32_t per_source;        /* at once, of an address (/32, /64); 0: no limit */
        uint32_t new_per_second;    /* 0: no limit */
        uint32_t per_source_new;    /* a second; 0: no limit */
    } limits;
};

struct l4_config {
    struct ip metrics_addr; /* IP_NONE: not served */
    uint16_t metrics_port;
    struct span metrics_at;
    uint32_t workers; /* 1..L4_WORKERS_MAX; 0: one a core */
    bool log_connections;
    uint32_t log_sample; /* one line for so many connections; >= 1 */
    const struct l4_service *services;
    uint32_t n_services;
    const struct l4_set *sets;
    uint32_t n_sets;
};

/** Sets whose members are told by loadstard. */
uint32_t l4_config_told(const struct l4_config *config) ATTR_NONNULL ATTR_PURE;
/** How many descriptors it takes at most: what RLIMIT_NOFILE has to allow. */
uint64_t l4_config_descriptors(const struct l4_config *config) ATTR_NONNULL;
