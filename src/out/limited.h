/* SPDX-License-Identifier: Apache-2.0
 * Which client networks are limited now, and how much: watched once a second, for status and log.
 */
#pragma once

#include "answer/answer.h"

#define LIMITED_SHOWN_MS                                                                       \
    10000                    /* a network is shown for so long after the last answer kept back \
                              */
#define LIMITED_LOG_MS 30000 /* at most one line in this time */

struct limited_network {
    struct ip_prefix network;
    double per_second; /* answers kept back, of late */
};

/** Zeroed: nothing seen yet. */
struct limited_watch {
    int64_t at_ms; /* of the last look, wall clock; 0: none */
    struct {
        uint64_t network, n;
        double per_second;
        int64_t last_ms; /* when something was kept back; 0: never */
    } seen[LIMITER_ACTING];
    uint64_t logged;   /* answers kept back when the last line was written */
    int64_t logged_ms; /* 0: none was */
};

/** Looks again, about once a second; logs what is new. `stats` are those of all workers. */
void limited_look(struct limited_watch *watch, const struct limiter *limiter,
                  const struct answer_stats *stats, int64_t now_ms) ATTR_NONNULL;

/** The networks that are limited of late, the one with the most answers kept back first. Returns
 * how many. */
uint32_t limited_list(const struct limited_watch *watch, int64_t now_ms,
                      struct limited_network out[LIMITER_ACTING]) ATTR_NONNULL;
