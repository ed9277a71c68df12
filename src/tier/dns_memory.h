/* SPDX-License-Identifier: Apache-2.0
 * How long answers may live that clients have by now: by pool, the largest TTL that any name
 * answers with, and what names answered with before a reload, until that has run out. It is known
 * by name, as the pools of two models have nothing else in common. Of what was answered before a
 * restart nothing is known. Times are wall-clock milliseconds, as those of orders are. */
#pragma once

#include "base/vec.h"
#include "model/model.h"

#define DNS_MARGIN_S 5 /* for what takes its time between us and the last client */

/** What was answered for a pool by configurations that are not in force any more. */
struct dns_past {
    char *pool;
    uint32_t ttl_s;   /* the largest */
    int64_t until_ms; /* the latest time at which any of it may live */
    int64_t over_ms;  /* when the last of them was replaced */
};

struct dns_memory {
    VEC(struct dns_past) past;
    uint32_t *of_pool; /* of the model in force: index into `past`, or MODEL_NONE */
};

/** `next` comes into force in the place of `before` (NULL: of nothing). */
void dns_memory_switch(struct dns_memory *memory, const struct model *before,
                       const struct model *next, int64_t now_ms) __attribute__((nonnull(1, 3)));

/** How long answers with an endpoint of the pool may live after an order has taken it out at
 *  `since_ms`, in seconds with the margin; 0: no name uses the pool. `model` is the one in force.
 */
uint32_t dns_memory_wait_s(const struct dns_memory *memory, const struct model *model,
                           uint32_t pool, int64_t since_ms, int64_t now_ms) ATTR_NONNULL ATTR_PURE;

void dns_memory_free(struct dns_memory *memory) ATTR_NONNULL;
