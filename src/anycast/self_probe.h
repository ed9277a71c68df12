/* SPDX-License-Identifier: Apache-2.0
 * Whether this server answers on an anycast address: a query over UDP through the network stack,
 * each 500 ms, once it has been seen that the address is one of this host. It comes from a loopback
 * address, which no rate limit counts, and from which no other host could be asked. Three in a row
 * without a good answer within 300 ms: it is dead. */
#pragma once

#include "anycast/self_reply.h"
#include "drive/drive.h"
#include "model/anycast.h"

#define SELF_INTERVAL_MS 500
#define SELF_TIMEOUT_MS 300

struct self_probe;

struct self_probe_host {
    struct drive *drive;
    void *ctx;
    void (*changed)(void *ctx); /* self_probe_state() has; from the loop */
    /** Whether more queries come than the server's sockets hold. One that is lost among them says
     *  nothing, up to SELF_FLOODED_MS after the last answer: a flood that had one site withdraw
     *  would go on to the next. NULL: never. */
    bool (*overflows)(void *ctx);
};

/** Asks what the set says, which must not have turned `self` off, from self_probe_start() on. */
struct self_probe *
self_probe_open(const struct self_probe_host *host,
                const struct prefix_set *config) ATTR_NONNULL ATTR_RETURNS_NONNULL ATTR_MUST_USE;
/** Asks from now on; nothing when it does already. */
void self_probe_start(struct self_probe *probe) ATTR_NONNULL;
/** `reason` is of the latest bad try, "" after a good one. */
struct self_score self_probe_state(const struct self_probe *probe,
                                   const char **reason) ATTR_NONNULL;
/** Whether another configuration asks the same. */
bool self_probe_same(const struct prefix_set *a, const struct prefix_set *b) ATTR_NONNULL ATTR_PURE;
/** Frees it; nothing is called any more. */
void self_probe_close(struct self_probe *probe) ATTR_NONNULL;
