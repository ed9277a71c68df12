/* SPDX-License-Identifier: Apache-2.0
 * Everything that metrics and the operator's documents tell, gathered at one moment as plain data:
 * those who render it are pure functions. */
#pragma once

#include "anycast/view.h"
#include "base/turns.h"
#include "compile/compile.h"
#include "health/level.h"
#include "io/stats.h"
#include "out/limited.h"
#include "tier/view.h"

/** How reloads went. */
struct reload_info {
    int64_t at_ms;      /* wall clock of the last one; 0: none since the start */
    bool failed;        /* the last one; what ran before goes on running */
    const char *errors; /* of the last one when it failed, one a line with positions; else "" */
    uint64_t n_ok, n_failed;
    const char *gone; /* zones that were served and are not any more, one a line; else "" */
    uint32_t n_gone;
};

/** How the configuration on disk compares with the one loaded. */
enum disk_state { DISK_UNKNOWN, DISK_SAME, DISK_CHANGED, DISK_UNREADABLE };

enum token_state { TOKEN_STATE_UNKNOWN, TOKEN_SAME, TOKEN_CHANGED, TOKEN_UNREADABLE };

#define RATE_WINDOWS 3 /* 1, 10 and 60 seconds */

/** The local balancers at one moment. */
struct tier_facts {
    struct tier_view **views; /* each held; never NULL */
    uint32_t n;
    struct tier_set *set; /* in force, held: its endpoints are the generation's model's. NULL: there
                             are no tiers */
};

/** What is announced at one moment. */
struct anycast_facts {
    struct anycast_view **views; /* each held; never NULL */
    uint32_t n;
    struct speaker_view **speakers; /* likewise */
    uint32_t n_speakers;
};

/** How long answers with an endpoint that an order has taken out may still live. */
struct dns_left {
    uint32_t endpoint;
    int64_t left_ms; /* > 0 */
};

struct tiers;

struct facts {
    const struct generation *generation;
    const struct endpoint_state *states; /* by endpoint of generation->model */
    const struct level_table *levels;    /* of the same model */
    struct checker_summary health;
    const struct probe_info *probes;
    uint32_t n_probes;
    const struct orders *orders; /* in force; NULL: not wanted */
    struct io_stats io;
    struct io_shares shares;                 /* lent */
    struct xdp_info xdp[XDP_INTERFACES_MAX]; /* the interfaces that have it */
    uint32_t n_xdp;
    struct turns turns;              /* of the control thread's loop */
    double rates[RATE_WINDOWS];      /* queries per second; < 0: not known yet */
    uint64_t drops_60s;              /* by the kernel, in the last minute */
    uint64_t n_events;               /* since the start */
    const char *events_problem;      /* why they are not on disk; NULL: they are, or need not be */
    uint32_t zones_read, zones_kept; /* at the last reload */
    const struct limiter *limiter;   /* of the control thread's; NULL: there is none yet */
    struct limited_network limited[LIMITER_ACTING]; /* the client networks that are, of late */
    uint32_t n_limited;
    struct reload_info reload;
    enum disk_state disk;
    uint64_t disk_hash;
    enum token_state token;          /* the file of the HTTP token, against the one in force */
    struct tier_facts tiers;         /* lent */
    struct anycast_facts anycast;    /* likewise */
    const struct tiers *tiers_now;   /* on the control thread only, else NULL */
    const struct dns_left *dns_left; /* of drained endpoints, ascending */
    uint32_t n_dns_left;
    bool members_wanted;        /* metrics of each member, however many there are */
    int64_t now_ms, started_ms; /* wall clock */
    bool ready;                 /* serving; false while starting */
};
