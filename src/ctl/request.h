/* SPDX-License-Identifier: Apache-2.0
 * A request of an operator as plain data, whether it came over the control socket, in the body or
 * in the query string of an HTTP request. Untrusted bytes: fuzzed. */
#pragma once

#include "base/actor.h"
#include "base/diag.h"
#include "base/ip.h"
#include "health/state.h"

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
    CTL_SET,
    CTL_WEIGHT,
    CTL_RELOAD,
    CTL_STOP,
};

#define CTL_TEXT_MAX 256 /* of one argument, NUL included; a name has up to 1004 characters */
#define CTL_NAME_MAX 1024

struct ctl_request {
    enum ctl_command command;
    struct actor actor;        /* who asks: the listener knows, the text has no say in it */
    char name[CTL_NAME_MAX];   /* explain: as given */
    char pool[CTL_TEXT_MAX];   /* endpoints: "" all */
    char target[CTL_NAME_MAX]; /* set, weight */
    char type[32];             /* explain: "" for A */
    char reason[REASON_MAX];
    struct ip address;    /* explain: the client; geo. IP_NONE: not given */
    struct ip_prefix ecs; /* explain; family IP_NONE: not given */
    enum override state;
    int64_t weight;                     /* -1: auto */
    int64_t for_ms;                     /* 0: until changed */
    uint64_t after;                     /* events: UINT64_MAX: the newest `limit` */
    uint32_t limit;                     /* events; items of a list, 0: all */
    char from[CTL_NAME_MAX];            /* lists: the "next" of the page before; "": the start */
    bool force;                         /* reload */
    bool dry_run, is_volatile, verbose; /* set, weight */
};

/** Fills *request, but for the actor, from a JSON object with "command" in it. Returns 0; or
 *  E_SYNTAX, E_INVALID or E_RANGE with what is wrong, and what was expected, in `error`. */
int request_from_json(struct ctl_request *request, json_t *object,
                      char error[CTL_TEXT_MAX]) ATTR_NONNULL ATTR_MUST_USE;

const char *request_command_text(enum ctl_command command);
