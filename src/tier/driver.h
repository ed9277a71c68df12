/* SPDX-License-Identifier: Apache-2.0
 * What a type of tier is to the engine: it can be opened, observed, told a plan, and closed. One
 * thing at a time; all on the drive's thread, and nothing of it blocks. */
#pragma once

#include "drive/drive.h"
#include "tier/client_rtts.h"
#include "tier/reconcile.h"

struct agents;
struct nginx_gates;

/** Why a tier could not be read or written: the label of the metric. */
enum tier_error {
    TIER_ERROR_UNREACHABLE, /* no socket, no kernel module, no file system */
    TIER_ERROR_DENIED,      /* want of a right */
    TIER_ERROR_TIMEOUT,
    TIER_ERROR_PROTOCOL, /* what it said is not what it can say */
    TIER_ERROR_REJECTED, /* it does not take what it was told; a test or a reload failed */
    TIER_ERROR_FOREIGN,  /* it is not ours */
    TIER_ERROR_DISK,
    TIER_ERRORS
};
const char *tier_error_text(enum tier_error error);

struct driver;

/** What the engine offers to a driver, for as long as that is open. */
struct driver_host {
    struct drive *drive;
    const struct tier_spec *spec; /* until `respecified` */
    const char *node;             /* the name of this node, for marks */
    const char *state_dir;        /* NULL: nothing is kept */
    void *ctx;
    /* One of these ends each observe(), before it returns or later from the loop: it is noted,
     * and the driver is called again from the loop only. */
    void (*observed)(void *ctx, struct observation *seen); /* borrowed */
    /* .. and one of these each apply(): */
    void (*applied)(void *ctx);
    /** Ends either. One line; for a want of rights: which, and how to give it. */
    void (*failed)(void *ctx, enum tier_error reason, const char *text);
    /** The tier has been restarted, or changed by somebody else: look again soon. At any time. */
    void (*nudge)(void *ctx);
    /** Clients of the tier met a failure of a member of the spec: to be probed soon. At any time.
     */
    void (*met_failure)(void *ctx, uint32_t member);
    /** What the tier measured of clients, of these networks: client_rtts_with(). At any time. */
    void (*measured)(void *ctx, struct client_rtt *news, uint32_t n);
    /** A descriptor that was opened for it before (descriptors.h), or -1. */
    int (*descriptor)(void *ctx, const char *name);
    /** For what is asked by others (agents, REST): the current table. Its targets follow the
     *  states also while the tier itself cannot be read. Valid until control returns to the loop.
     */
    const struct tier_table *(*table)(void *ctx);
    /** Why a member of the spec is down: member_state.reason; "" when there is none. As above. */
    const char *(*reason)(void *ctx, uint32_t member);
    struct nginx_gates *nginx_gates; /* turns and reloads of each nginx; likewise of the thread */
    struct agents *agents; /* what HAProxy asks (agent.h); one for all tiers of the thread */
    /** Text that the API serves for this tier (EDS), until the next one; copied. */
    void (*publish)(void *ctx, const char *text, size_t n, uint64_t version);
};

struct driver_type {
    enum tier_type type;
    bool keeps_members, is_whole, is_given, follows_level; /* see reconcile_input */
    struct serving (*shown)(struct serving target);        /* likewise */
    uint32_t settle_ms; /* how long changes are collected before a plan; 0: hardly */
    uint32_t pulse_ms;  /* how often pulse() is called; 0: never */
    /** Never NULL. What cannot be opened fails at the first observe(). */
    struct driver *(*open)(const struct driver_host *host);
    void (*observe)(struct driver *driver);
    /** Carries out a plan; the table and the plan stay as they are until it ends. */
    void (*apply)(struct driver *driver, const struct tier_table *table,
                  const struct tier_plan *plan);
    /** Cheaply: whether the tier has been restarted (nudge()). NULL: never asked. */
    void (*pulse)(struct driver *driver);
    /** When apply() could begin at once (monotonic), as what it does is rationed; a plan that is
     *  made then has all that has changed before. NULL: always. */
    int64_t (*ready_ms)(const struct driver *driver);
    /** The states have changed, whether or not there will be a plan. NULL: of no interest. */
    void (*changed)(struct driver *driver);
    /** Another specification of the same tier, type and place. NULL: closed and opened again. */
    void (*respecified)(struct driver *driver, const struct tier_spec *spec);
    /** Cancels what is under way; nothing of the host is called any more. */
    void (*close)(struct driver *driver);
};

extern const struct driver_type ipvs_driver, haproxy_driver, nginx_driver, envoy_driver,
    keepalived_driver, exec_driver, l4_driver;
