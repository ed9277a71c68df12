/* SPDX-License-Identifier: Apache-2.0
 * Tiers as configured: local balancers whose members are the endpoints of a pool, or of its part in
 * one site (tiers.yaml). Validated: every index is in range, each member has a port, names are
 * unique, and what a type needs is there. */
#pragma once

#include "base/diag.h"
#include "base/ip.h"

/* X(constant, word, what it means) */
#define TIER_TYPES(X)                                                                             \
    X(TIER_IPVS, "ipvs", "A virtual service of the Linux kernel (IPVS).")                         \
    X(TIER_HAPROXY, "haproxy", "A backend of HAProxy, by its runtime API, agent checks or both.") \
    X(TIER_NGINX, "nginx", "An upstream of nginx, in a file that it includes.")                   \
    X(TIER_ENVOY, "envoy", "A cluster of Envoy, by EDS from a file or over HTTP.")                \
    X(TIER_KEEPALIVED, "keepalived", "A file that keepalived tracks (VRRP).")                     \
    X(TIER_EXEC, "exec", "A command that gets what is wanted as JSON.")                           \
    X(TIER_L4, "l4", "A service of loadstar-l4, by its control socket.")

#define KIND(constant, word, doc) constant,
enum tier_type { TIER_TYPES(KIND) };
#undef KIND

enum tier_protocol { TIER_TCP, TIER_UDP, TIER_SCTP };
enum tier_forward { TIER_FORWARD_NAT, TIER_FORWARD_DR, TIER_FORWARD_TUNNEL };
enum tier_tunnel { TIER_TUNNEL_IPIP, TIER_TUNNEL_GUE, TIER_TUNNEL_GRE };
/** What becomes of members that the configuration does not have any more (by default what Loadstar
 * has made is drained, and what it has adopted is left), and when loadstard stops (by default all
 * is left). */
enum tier_leave { TIER_LEAVE_DEFAULT, TIER_LEAVE_DRAIN, TIER_LEAVE_LEAVE };

/** How packets reach a member of an IPVS service. */
struct tier_path {
    enum tier_forward forward;
    enum tier_tunnel tunnel;
    uint16_t tunnel_port;  /* TIER_TUNNEL_GUE; else 0 */
    uint32_t upper, lower; /* connections above which it gets no more, below which it does again; 0:
                              none */
};

struct tier {
    const char *name;
    struct span span;
    enum tier_type type;
    uint32_t pool;
    uint32_t site; /* whose endpoints are the members; MODEL_NONE: those of all sites */
    struct span site_at;
    bool adopt; /* may change what was there before it */
    enum tier_leave on_remove, on_exit;
    bool reset_on_down; /* ipvs: a member that is down by order is removed, with its connections */
    uint32_t interval_ms;      /* how often it is looked at; default 30 s */
    uint32_t drain_timeout_ms; /* default 5 min */
    const uint32_t *fronts;    /* endpoints (of any pool) that lead clients to this tier, ascending:
                                  those with the service's address and port, and `behind` */
    uint32_t n_fronts;
    bool has_behind;              /* `behind` is given, so `fronts` do not follow from addresses */
    const uint32_t *members;      /* endpoints, ascending; at least one, all with an address */
    const uint16_t *member_ports; /* of each; 0 with a service of all ports: the one that the client
                                     asked for. TIER_KEEPALIVED: 0 where none is known */
    const struct tier_path *member_paths; /* TIER_IPVS: of each; else NULL */
    uint32_t n_members;

    struct {
        struct ip addr;  /* IP_NONE: by fwmark; or not said, which only TIER_IPVS minds */
        uint16_t port;   /* 0: all ports, which takes persistence; or not said */
        uint32_t fwmark; /* 0: by address */
        uint8_t family;  /* of the service: enum ip_family */
        enum tier_protocol protocol;
        const char *scheduler;   /* default "wlc" */
        uint32_t persistence_s;  /* 0: none */
        uint8_t persistence_len; /* prefix length of clients that are one; default 32 or 128 */
    } service;
    struct {
        const char *backend;
        struct {
            struct span at;
            struct ip addr; /* IP_NONE: no agent */
            uint16_t port;
        } agent;
    } haproxy;
    struct {
        const char *upstream;
        const char *const *test, *const *reload; /* argv, ends with NULL */
        struct span test_at, reload_at;
        uint32_t reload_interval_ms; /* default 2 s: at most one reload in this time */
        bool stream;                 /* TCP or UDP instead of http */
    } nginx;
    struct {
        const char *cluster;
        bool rest; /* served by the HTTP API */
    } envoy;
    struct {
        int32_t weight_when_down; /* default -254; -254..0 */
    } keepalived;
    struct {
        const char *const *command; /* argv, ends with NULL */
        struct span command_at;
        uint32_t timeout_ms; /* default 30 s */
    } exec;
    struct {
        const char *service; /* or SERVICE/POOL, one of its sets */
    } l4;
    const char *socket; /* path; TIER_L4; TIER_HAPROXY, NULL: no runtime API */
    struct span socket_at;
    /** nginx, envoy, keepalived: the file that is written; NULL: none. Its directory exists, and
     * the file is not a link. */
    const char *file;
    struct span file_at;
};

/** A pool whose weights follow the sessions of a tier (`weight_from`). */
struct weight_from {
    struct span span;
    uint32_t tier;            /* MODEL_NONE: the pool has none */
    uint32_t target_sessions; /* at which an endpoint has its full load; >= 1 */
    double min;               /* of the weight that is left at least; default 0.1 */
    double low, high; /* of target_sessions: in between the weight stays; default 0.8, 1.0 */
};

const char *tier_type_word(enum tier_type type) ATTR_PURE;

/** Where `x` is in an ascending list, as of members or fronts, or MODEL_NONE. */
uint32_t tier_list_find(const uint32_t *v, uint32_t n, uint32_t x) ATTR_PURE;
