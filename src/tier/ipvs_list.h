/* SPDX-License-Identifier: Apache-2.0
 * All services of IPVS with their destinations, whoever made them: for `loadstarctl ipvs`. */
#pragma once

#include "base/buf.h"
#include "base/vec.h"
#include "drive/drive.h"
#include "tier/ipvs_errors.h"
#include "tier/ipvs_message.h"

struct ipvs_listed {
    struct ipvs_service service;
    VEC(struct ipvs_dest) dests;
};

struct ipvs_list {
    struct ipvs_info info;
    VEC(struct ipvs_listed) services;
};

void ipvs_list_free(struct ipvs_list *list) ATTR_NONNULL;

/** Reads them; `done` runs on the drive's loop, once, not before this returns: with a list, which
 *  is borrowed and in order (by mark, protocol, address, port), or NULL and why. */
void ipvs_list_read(struct drive *drive,
                    void (*done)(void *ctx, const struct ipvs_list *list,
                                 const struct ipvs_error *error),
                    void *ctx) __attribute__((nonnull(1, 2)));

/** As one JSON document, a line:
 *
 *    {"version": TEXT, "table_size": N, "services": [{"protocol": "tcp" "udp" "sctp" or "fwmark",
 *     "address", "port" (not for a mark), "fwmark", "family": 4 or 6, "scheduler", "flags": [TEXT],
 *     "persistence_s": N or null, "persistence_mask": TEXT, "persistence_engine": TEXT, COUNTERS,
 *     "destinations": [{"address", "port", "forward": "nat" "dr" "tunnel" ..., "tunnel": {"type",
 *     "port"} or null, "weight", "upper", "lower", "active", "inactive", "persistent",
 *     COUNTERS}]}]}
 *
 *  COUNTERS: "connections", "packets_in", "packets_out", "bytes_in", "bytes_out". */
void ipvs_list_document(struct buf *out, const struct ipvs_list *list) ATTR_NONNULL;
