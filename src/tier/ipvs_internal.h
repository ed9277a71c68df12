/* SPDX-License-Identifier: Apache-2.0
 * The driver of IPVS from inside:
 *
 *   ipvs.c       life, requests, the pulse
 *   ipvs_look.c  what is there
 *   ipvs_plan.c  what is to be done */
#pragma once

#include "drive/netlink.h"
#include "tier/driver.h"
#include "tier/ipvs_errors.h"
#include "tier/ipvs_message.h"

struct driver {
    struct driver_host host;
    struct netlink *netlink; /* NULL: there is none */
    uint16_t family;         /* 0: not known */
    struct ipvs_service wanted;
    VEC(struct ipvs_dest) members; /* as configured, by dest_order() */

    /* The look under way, and what the latest that came to an end has seen. */
    unsigned attempts;
    bool is_odd; /* a message of it makes no sense */
    struct ipvs_service next;
    bool next_exists;
    bool looked, exists;
    struct ipvs_service seen;
    VEC(struct ipvs_dest) dests; /* by dest_order() once it is complete */

    bool pulses, pulse_exists;
    struct ipvs_service pulse;

    const struct tier_table *table; /* of the plan that is carried out */
    const struct tier_plan *plan;
    size_t n_done; /* steps that were answered */
    bool has_failed;
    struct ipvs_error error; /* the first */
};

/** Of struct ipvs_dest: by address, then port. */
int ipvs_dest_order(const void *a, const void *b);
const struct ipvs_dest *ipvs_find(const struct ipvs_dest *v, size_t n, const struct ip *addr,
                                  uint16_t port) __attribute__((nonnull(3)));

/** Sends a message, and frees it; the functions get the driver. */
void ipvs_send(struct driver *driver, struct nl_msg *msg,
               void (*message)(void *ctx, const struct nlmsghdr *message),
               void (*done)(void *ctx, int error, const char *text))
    __attribute__((nonnull(1, 2, 4)));

/** Tells the host, and begins anew with the next look: the kernel looks at the rights of who opened
 *  the socket, and a module that is loaded again has another number. What is under way is dropped.
 */
void ipvs_fail(struct driver *driver, const struct ipvs_error *error) ATTR_NONNULL;

/** To the kernel a weight is all that there is: who is drained or down has none. */
struct serving ipvs_shown(struct serving target);

/* As in driver.h. */
void ipvs_observe(struct driver *driver) ATTR_NONNULL;
void ipvs_apply(struct driver *driver, const struct tier_table *table,
                const struct tier_plan *plan) ATTR_NONNULL;
