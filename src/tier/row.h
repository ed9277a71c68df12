/* SPDX-License-Identifier: Apache-2.0
 * The one record per (endpoint, tier): what is wanted of it, what was applied, what was seen. Rows
 * that have left the configuration stay until they are gone from the tier. Plain data. */
#pragma once

#include "tier/spec.h"

/** What an endpoint is wanted to be in a tier; the columns of the table in contrib/doc/tiers.md. */
enum serves {
    SERVES_UNKNOWN, /* nothing is known: it stays as it is */
    SERVES_READY,   /* new clients, by weight; weight 0: none */
    SERVES_DOWN,    /* down by health */
    SERVES_DRAIN,   /* by order: no new clients, those there may finish */
    SERVES_MAINT,   /* down by order */
    SERVES_GONE,    /* not configured any more */
};
const char *serves_text(enum serves serves); /* "unknown" "ready" "down" "drain" "maint" "gone" */

#define TIER_WEIGHT_FULL 100 /* of the largest configured weight of a pool */
#define TIER_WEIGHT_MAX 256  /* what a weight by order can be more than that; HAProxy's bound */

struct serving {
    uint8_t serves;  /* enum serves */
    uint16_t weight; /* 0..TIER_WEIGHT_MAX */
};

/** How the pool, or its site, stands as a whole: up while at least min_up of the weight is (any, by
 *  default; drained endpoints and those of weight 0 are not in the total), whatever on_all_down
 *  says. Unknown only while what is not known of members could decide it. */
enum tier_level { TIER_LEVEL_UNKNOWN, TIER_LEVEL_DOWN, TIER_LEVEL_UP };

enum drain_phase {
    DRAIN_NONE,
    DRAIN_DNS,     /* ordered, but answers that name it, or its front, may still be about */
    DRAIN_QUIESCE, /* to get no new sessions: not confirmed by the tier yet */
    DRAIN_WAIT,    /* confirmed; sessions go on */
    DRAIN_DONE,    /* none is left, or time is over */
};
const char *drain_phase_text(enum drain_phase phase); /* "" "dns" "quiesce" "wait" "done" */

/** What was seen of a member in a tier. */
struct observed {
    struct ip addr;
    uint16_t port;
    const char *name;       /* in the tier; NULL: it has none there. As long as the observation */
    struct serving serving; /* as far as the tier can tell */
    bool is_ours;     /* made by us: it is recorded (records.h), or bears a mark of this node */
    bool differs;     /* something else of it is not as configured (path, address): set it again */
    bool is_dynamic;  /* the tier itself says that it was added at run time */
    int64_t active;   /* sessions now; -1: not known */
    int64_t inactive; /* ipvs; -1: not known */
    bool at_most;     /* `active` may count others' connections */
    uint64_t n_total, bytes_in, bytes_out; /* sessions since it was made; 0: not known */
    uint64_t packets_in, packets_out;
    bool measures;                  /* the tier tells of connects to it: */
    uint64_t n_refused, n_timeouts; /* that were refused, that took too long */
    struct {
        double p50, p99; /* milliseconds; < 0: nothing was measured */
    } connect_ms, rtt_ms;
};

struct tier_row {
    struct ip addr;
    uint16_t port;
    char name[64];         /* in the tier; tier_member.name for what is to be made */
    uint32_t member;       /* of spec->members; MODEL_NONE: it has left the configuration */
    struct serving wanted; /* by its state */
    struct serving target; /* what is to be in the tier: `wanted`, but for what is not known, what
                              is staged or drains, and what is to be put in first at weight 0.
                              SERVES_GONE: it is not to be there; documents leave it out */
    struct serving
        settled; /* its target when it was last seen to be right; SERVES_UNKNOWN: never */
    struct serving applied; /* what was told to the tier last; SERVES_UNKNOWN: nothing yet, or it is
                               not known whether that arrived */
    bool observed;          /* the tier was looked at since there is this row */
    bool present;           /* `seen` is of the latest observation */
    struct observed seen;   /* without its name, which is `name`; its address may be another than
                               the row's, which is then to be set */
    bool created;           /* by us, or about to be; else it was adopted, or is not there */
    bool foreign;           /* it is there, is not ours and not to be adopted: never touched */
    bool drifted;           /* somebody else has changed it, and it is not right again yet */
    bool kept;              /* it serves on although it should not, as nothing else would */
    struct {
        uint8_t phase; /* enum drain_phase */
        int64_t since_ms,
            until_ms;        /* wall clock: of the phase; when it ends at the latest, 0: open */
        uint8_t n_idle;      /* observations in a row, a second apart, without a session */
        int64_t idle_ms;     /* the latest of them, monotonic */
        int64_t deadline_ms; /* monotonic: when DRAIN_WAIT ends; 0: it has not begun */
        bool timed_out;
    } drain;
};
