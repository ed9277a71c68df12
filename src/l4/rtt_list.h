/* SPDX-License-Identifier: Apache-2.0
 * Round-trip times of clients by their network, of all workers together: a copy, on the main
 * thread. */
#pragma once

#include "base/vec.h"
#include "l4/sources.h"

#include <jansson.h>

struct rtt_list {
    VEC(struct rtt_source) all;
};

/** Adds what one worker has measured. */
void rtt_list_add(struct rtt_list *list, const struct rtt_sources *sources) ATTR_NONNULL;
/** What was added of one network becomes one; ascending by rtt_list_compare(). */
void rtt_list_merge(struct rtt_list *list) ATTR_NONNULL;
/** Leaves those that were seen at `since_ms` or later, `max` at most, the newest first. */
void rtt_list_newest(struct rtt_list *list, int64_t since_ms, uint32_t max) ATTR_NONNULL;
void rtt_list_free(struct rtt_list *list) ATTR_NONNULL;

/** Orders networks; of two struct rtt_source. */
int rtt_list_compare(const void *a, const void *b) ATTR_NONNULL ATTR_PURE;

/** {network, rtt_ms, min_ms, samples, age_s}; the caller owns it. */
json_t *rtt_source_document(const struct rtt_source *source,
                            int64_t now_ms) ATTR_NONNULL ATTR_MUST_USE;
