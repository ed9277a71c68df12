/* SPDX-License-Identifier: Apache-2.0
 * Members of a tier as an endpoint discovery response of Envoy (xDS v3): a DiscoveryResponse with
 * one ClusterLoadAssignment, in the JSON form of protobuf. Pure.
 *
 *   READY, weight w   HEALTHY    w         DOWN, MAINT   UNHEALTHY  1
 *   READY, weight 0   DRAINING   1         DRAIN, GONE   DRAINING   1
 *
 * A weight is at least 1 (lb_endpoint.load_balancing_weight), so what shall get no new clients is
 * DRAINING. Each site is a locality, by its name as `zone`, with the sum of its weights. What the
 * response was made by stands in control_plane.identifier, "loadstar NODE"; its version is a number
 * that rises. Names of members are metadata, for who reads Envoy's /clusters or config_dump. */
#pragma once

#include "base/buf.h"
#include "tier/reconcile.h"

#define EDS_MARK "loadstar "
#define EDS_TYPE "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

/** One response with all members of the table. A member of which nothing is known, and nothing was
 *  applied, gets no clients. */
void eds_render(struct buf *out, const struct tier_spec *spec, const struct tier_table *table,
                const char *node, uint64_t version) ATTR_NONNULL;

/** What a response says, as far as eds_render() says it. */
struct eds_seen {
    char node[128];   /* "": not made by any node of Loadstar */
    uint64_t version; /* 0: none that is ours */
    VEC(struct observed) members;
};

/** Reads one, of untrusted bytes. Returns 0; or E_SYNTAX with what it is not in `error`: then *seen
 *  is empty. Freed by eds_seen_free() either way. */
int eds_read(struct eds_seen *seen, struct slice text, char error[128]) ATTR_NONNULL ATTR_MUST_USE;
void eds_seen_free(struct eds_seen *seen) ATTR_NONNULL;
