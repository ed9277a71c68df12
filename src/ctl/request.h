/* SPDX-License-Identifier: Apache-2.0
 * A request of an operator as plain data, whether it came over the control socket, in the body or
 * in the query string of an HTTP request. Untrusted bytes: fuzzed. */
#pragma once

#include "base/actor.h"
#include "base/diag.h"
#include "base/ip.h"
#include "health/state.h"
#include "model/anycast.h"

#include <jansson.h>

enum ctl_command {
    CTL_STATUS,
    CTL_POOLS,
    CTL_ENDPOINTS,
    CTL_SITES,
    CTL_CHECKS,
    CTL_EVENTS,
    CTL_EXPLAIN,
    CTL_GEO,
    CTL_ORDERS,
    CTL_TIERS,
    CTL_ANYCAST,
    CTL_IPVS,
    CTL_RTT, /* of loadstar-l4 as well */
    CTL_HEALTHY,
    CTL_DRAIN,
    CTL_SET,
    CTL_WEIGHT,
    CTL_RELOAD,
    CTL_STOP,
    /* Of loadstar-l4 alone. */
    CTL_SERVICES,
    CTL_MEMBERS,
    CTL_FLOWS,
    CTL_REPLACE,
};

/** Whether loadstar-l4 has it, and loadstard has not. */
static inline bool ctl_command_is_of_l4(enum ctl_command command)
{
    return command >= CTL_SERVICES;
}

#define CTL_TEXT_MAX 256 /* of one argument, NUL included; a name has up to 1004 characters */
#define CTL_NAME_MAX 1024
#define CTL_POLL_MAX_MS 60000 /* that a reader may wait for news of tiers or prefix sets */
#define CTL_WAIT_DEFAULT (-1) /* for a drain: as long as its tiers may take */

/** Of prefix sets, when loadstard stops. */
enum ctl_stop {
    CTL_STOP_DRAIN, /* as they are configured, while all else goes on */
    CTL_STOP_NOW,   /* withdrawn at once, also when they are draining */
    CTL_STOP_KEEP   /* left as they are, for a quick restart */
};

struct ctl_request {
    enum ctl_command command;
    struct actor actor;        /* who asks: the listener knows, the text has no say in it */
    char name[CTL_NAME_MAX];   /* explain: as given; tiers, anycast, members (service): "" all */
    char pool[CTL_TEXT_MAX];   /* endpoints: "" all */
    char target[CTL_NAME_MAX]; /* set, weight, drain; healthy: POOL or POOL/SITE */
    char type[32];             /* explain: "" for A */
    char reason[REASON_MAX];
    struct ip address;    /* explain: the client; geo. IP_NONE: not given */
    struct ip_prefix ecs; /* explain; family IP_NONE: not given */
    enum override state;
    enum announce_order announce;       /* set, of a target for prefix sets: instead of `state` */
    bool of_sets;                       /* set: it is one */
    int64_t weight;                     /* -1: auto */
    int64_t for_ms;                     /* 0: until changed */
    int64_t wait_ms;                    /* tiers: for news; set: for a drain's end. 0: not at all */
    uint64_t after;                     /* events: UINT64_MAX: the newest `limit`; tiers: the
                                           version that is known, UINT64_MAX: the one now */
    uint32_t limit;                     /* events; items of a list, 0: all */
    char from[CTL_NAME_MAX];            /* lists: the "next" of the page before; "": the start */
    bool force;                         /* reload; set: to announce though nothing answers */
    bool diff;                          /* tiers: look at them anew */
    bool dry_run, is_volatile, verbose; /* set, weight */
    bool now, keep_announced;           /* stop */
};

/** Fills *request, but for the actor, from a JSON object with "command" in it. Returns 0; or
 *  E_SYNTAX, E_INVALID or E_RANGE with what is wrong, and what was expected, in `error`. */
int request_from_json(struct ctl_request *request, json_t *object,
                      char error[CTL_TEXT_MAX]) ATTR_NONNULL ATTR_MUST_USE;

/** Of a `stop`. */
enum ctl_stop request_stop(const struct ctl_request *request) ATTR_NONNULL ATTR_PURE;

const char *request_command_text(enum ctl_command command);
/** The word of a `set`: "drain", "announce". */
const char *request_state_text(const struct ctl_request *request) ATTR_NONNULL;
