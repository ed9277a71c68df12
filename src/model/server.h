/* SPDX-License-Identifier: Apache-2.0
 * The server itself as configured: where it listens, how many threads, its limits. Part of the
 * model (model.h). */
#pragma once

#include "base/diag.h"
#include "base/ip.h"

struct listen_addr {
    struct span span;
    struct ip addr;
    uint16_t port;
};

/** How queries are taken from an interface by AF_XDP. */
enum xdp_mode {
    XDP_MODE_AUTO,      /* the first of these that can be had */
    XDP_MODE_ZERO_COPY, /* the driver hands its own buffers over */
    XDP_MODE_COPY,      /* the driver runs the program, packets are copied */
    XDP_MODE_GENERIC,   /* the network stack runs it */
};

#define XDP_INTERFACES_MAX 16

/** Which worker's socket a UDP packet goes to. */
enum dispatch {
    DISPATCH_AUTO, /* cpu where that spreads the load, otherwise hash */
    DISPATCH_CPU,  /* the worker on the core that takes the packet in */
    DISPATCH_HASH, /* by addresses and ports */
};

struct xdp_interface {
    struct span span;
    const char *name;
};

struct server_config {
    const struct listen_addr *listen; /* default 0.0.0.0:53 and [::]:53, without zones none */
    uint32_t n_listen;
    uint32_t workers; /* >= 1; `auto` is resolved to the number of usable cores */
    enum dispatch dispatch;
    const char *identity; /* NSID and id.server; NULL: none */
    const char *version;  /* version.bind; NULL: none */
    const char *user;     /* NULL: unchanged */
    struct span user_at;
    const char *state_dir; /* NULL: nothing is kept across restarts */
    struct span state_dir_at;
    uint32_t site;                /* where this server stands; MODEL_NONE: not said */
    const char *node;             /* its name among others; NULL: drawn, kept in state_dir */
    uint32_t override_reminder_s; /* an order without an end is a problem after it; 0: never */
    double zones_gone_max;        /* the share of zones that a reload may take away; default 0.5 */
    struct {
        bool off;
        double share;
        uint32_t probes, sites;
    } panic;
    uint32_t exec_concurrency; /* commands at a time; default 32 */
    struct {
        uint32_t max_connections;       /* in all; default 1000 */
        struct span max_connections_at; /* without a file: the default */
        uint32_t max_per_client;        /* default 100 */
        uint32_t idle_timeout_ms;       /* default 10000 (RFC 7766 6.2.3: a few seconds) */
    } tcp;
    struct {
        bool off, log_only;
        uint32_t bytes_per_second, burst, slip;
        const struct ip_prefix *exempt, *include; /* never limited; limited all the same */
        uint32_t n_exempt, n_include;
    } rate_limit;
    struct {
        bool off;
        const char *path;      /* of the file with the secrets; NULL: one drawn by the process */
        uint8_t secret[3][16]; /* in use, next, old: the first n_secrets of them, without gaps */
        uint32_t n_secrets;    /* 0: none is configured */
    } cookies;
    struct {
        const struct xdp_interface *interfaces;
        uint32_t n_interfaces; /* 0: none */
        enum xdp_mode mode;
    } xdp;
};
