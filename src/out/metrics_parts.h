/* SPDX-License-Identifier: Apache-2.0
 * Inside src/out: the metrics by subject. */
#pragma once

#include "base/buf.h"
#include "out/facts.h"

/** Queries, limits, sockets. */
void metrics_traffic(struct buf *out, const struct facts *facts) ATTR_NONNULL;
/** Endpoints, pools, sites. */
void metrics_pools(struct buf *out, const struct facts *facts) ATTR_NONNULL;
/** Probes, and how fast what they find is answered. */
void metrics_probes(struct buf *out, const struct facts *facts) ATTR_NONNULL;
/** Orders in force, and the disk that keeps them. */
void metrics_orders(struct buf *out, const struct facts *facts) ATTR_NONNULL;
/** Prefix sets and speakers. */
void metrics_anycast(struct buf *out, const struct facts *facts) ATTR_NONNULL;
/** Tiers, their members, and how long drains go on. */
void metrics_tiers(struct buf *out, const struct facts *facts) ATTR_NONNULL;
