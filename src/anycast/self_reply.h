/* SPDX-License-Identifier: Apache-2.0
 * The question that tells whether this server answers on an anycast address, and what its answer is
 * worth. Pure: bytes and counts. */
#pragma once

#include "base/attr.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define SELF_QUERY_MAX 271 /* header, the longest name, type and class */
#define SELF_REASON_MAX 96

/** Writes the query and returns its length. `name` is in wire format. */
uint32_t self_query_write(uint8_t out[SELF_QUERY_MAX], struct slice name, uint16_t type,
                          uint16_t id) ATTR_NONNULL;

enum self_verdict {
    SELF_FOREIGN, /* no reply to this query: to be ignored */
    SELF_BAD,     /* a reply that is none of a server with the zone loaded */
    SELF_GOOD
};

/** Judges what has come back, which may be any bytes. `reason` says what is wrong of SELF_BAD. */
enum self_verdict self_reply_judge(struct slice reply, struct slice query,
                                   char reason[SELF_REASON_MAX]) ATTR_NONNULL;

#define SELF_TRIES 3 /* in a row, to be dead, or to come back */

/** What tries have come to. Zeroed at the beginning. */
struct self_score {
    bool known, ok;
    uint8_t n_good, n_bad; /* in a row, up to SELF_TRIES */
};

/** Takes the end of a try in: the first good one makes it known; once dead it takes SELF_TRIES good
 *  ones in a row to come back. Returns whether `known` or `ok` has changed. */
bool self_score_add(struct self_score *score, bool good) ATTR_NONNULL;

#define SELF_FLOODED_MS 30000

/** Whether a try without an answer, which a flood may have lost, is not to count: up to
 *  SELF_FLOODED_MS after the last answer, monotonic; 0: there was none. */
bool self_is_excused(int64_t good_ms, int64_t now_ms);
