/* SPDX-License-Identifier: Apache-2.0
 * Anycast as configured: sets of prefixes that are announced while this node can serve them, and
 * the BGP speakers that do it (anycast.yaml). Validated: every index is in range, names and
 * prefixes are unique, a list has each community once, each prefix covers what is served unless
 * `self` is off, and each attribute is one that the speaker can set. */
#pragma once

#include "base/attr.h"
#include "base/diag.h"
#include "base/ip.h"

/* X(constant, word, what it means) */
#define SPEAKER_TYPES(X)                                                                    \
    X(SPEAKER_BIRD, "bird", "BIRD 2, by its control socket and a file that it includes.")   \
    X(SPEAKER_EXABGP, "exabgp", "ExaBGP 4, by its API: as a process of it, or over FIFOs.") \
    X(SPEAKER_FRR, "frr", "bgpd of FRR, by its vty socket or vtysh.")                       \
    X(SPEAKER_GOBGP, "gobgp", "GoBGP, by its command line.")                                \
    X(SPEAKER_EXEC, "exec", "A command that gets what is to be announced as JSON.")

#define KIND(constant, word, doc) constant,
enum speaker_type { SPEAKER_TYPES(KIND) };
#undef KIND

enum exabgp_via { EXABGP_PROCESS, EXABGP_FIFO };

struct speaker {
    const char *name;
    struct span span;
    enum speaker_type type;
    uint32_t as;                        /* of this site, for prepending; 0: not said */
    uint32_t interval_ms;               /* how often it is read back; default 10 s */
    struct ip next_hop_v4, next_hop_v6; /* `self` where the speaker needs an address; IP_NONE: it
                                           does not, or it is not said */
    const char *socket; /* bird: its control socket; frr: the vty socket, NULL: by vtysh; exabgp by
                           process: where `loadstarctl exabgp` connects */
    struct span socket_at;
    const char *file; /* bird: the include file */
    struct span file_at;
    const char *const *command; /* frr: vtysh; gobgp, exec; argv, ends with NULL. NULL: none */
    struct span command_at;
    uint32_t timeout_ms; /* of a command, or of an answer; default 5 s */
    struct {
        enum exabgp_via via;
        const char *to, *from; /* FIFOs: commands to ExaBGP, its replies */
        struct span to_at, from_at;
    } exabgp;
};

struct community {
    uint16_t high, low;
};
struct large_community {
    uint32_t v[3];
};
static inline bool community_equal(struct community a, struct community b)
{
    return a.high == b.high && a.low == b.low;
}
static inline bool large_community_equal(const struct large_community *a,
                                         const struct large_community *b)
{
    return a->v[0] == b->v[0] && a->v[1] == b->v[1] && a->v[2] == b->v[2];
}

/** What an operator orders of a prefix set. */
enum announce_order { ANNOUNCE_AUTO, ANNOUNCE_YES, ANNOUNCE_WITHDRAW, ANNOUNCE_DRAIN };

enum anycast_shutdown { ANYCAST_GRACEFUL, ANYCAST_IMMEDIATE };
enum anycast_hold { ANYCAST_HOLD_TUN, ANYCAST_HOLD_NONE };

/** A pool that has to have so much of its weight up. */
struct anycast_pool {
    uint32_t pool;
    uint32_t site; /* MODEL_NONE: the weights of all its sites together */
    double min_up; /* 0.0..1.0; 0: any that is up */
};

struct anycast_needs {
    const struct anycast_pool *pools;
    uint32_t n_pools;
    const uint32_t *endpoints; /* what is checked for the set alone: each of a pool of its own that
                                  no name can ask for, `anycast:NAME` */
    uint32_t n_endpoints;
};

struct anycast_attributes {
    uint8_t prepend; /* how many times the own AS; 0..16 */
    bool has_med;
    uint32_t med;
    const struct community *communities; /* added to those of the set */
    uint32_t n_communities;
};

struct anycast_hook {
    const char *const *command; /* argv, ends with NULL; NULL: none */
    struct span command_at;
    uint32_t timeout_ms; /* default 5 s */
    bool required;       /* on_announce: its failure stops the change */
};

#define PREFIX_SET_NAME_MAX 12 /* bytes: with "ls-" it is an interface's name (IFNAMSIZ - 1) */

#define PREFIX_SET_BIRD_NAME_MAX \
    53 /* bytes: "loadstar_NAME_4" is a symbol of BIRD, of 64 bytes at most */

struct prefix_set {
    const char *name;
    struct span span;
    const struct ip_prefix *prefixes; /* at least one */
    uint32_t n_prefixes;
    uint32_t speaker;
    uint32_t site; /* whose orders reach it; MODEL_NONE: no site's */
    struct {
        bool off;
        struct ip addr; /* that is asked; a prefix covers it */
        uint16_t port;
        struct slice name; /* wire format; whose records are asked for */
        uint16_t type;
    } self;
    struct anycast_needs when, full;
    struct anycast_attributes degraded;
    const struct community *communities;
    uint32_t n_communities;
    const struct large_community *large_communities;
    uint32_t n_large_communities;
    bool next_hop_self; /* else: */
    struct ip next_hop_v4, next_hop_v6;
    uint32_t rise_ms, fall_ms;      /* default 10 s, 2 s */
    enum anycast_shutdown shutdown; /* default graceful */
    uint32_t drain_ms;              /* default 30 s */
    enum anycast_hold hold;         /* default tun */
    const char *interface;          /* ANYCAST_HOLD_NONE: whose addresses are added and removed;
                                       NULL: none */
    struct span interface_at;
    const struct ip_prefix *addresses; /* what is held of the prefixes, as /32 and /128: of one that
                                          is wider those that are listened on, tiers' and `self`;
                                          of each address the set with the longest prefix */
    uint32_t n_addresses;              /* 0: none is known (`self` is off) */
    struct anycast_hook on_announce, on_withdraw;
    bool allow_wide;
};

/** "auto" "announce" "withdraw" "drain". */
const char *announce_order_word(enum announce_order order) ATTR_PURE;
const char *speaker_type_word(enum speaker_type type) ATTR_PURE;
