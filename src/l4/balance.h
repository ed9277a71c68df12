/* SPDX-License-Identifier: Apache-2.0
 * Which member the next flow goes to. What can be decided when the members are known is in tables;
 * a pick looks into them: without memory, locks or divisions.
 *
 * Members of weight 0, or that may get no new flows, are in no table. What a pick may not take all
 * the same (one that was tried for this flow, one that is ejected) is stepped over in an order that
 * the flow's hash or the table has; when nothing is left the ejected are taken, and of those that
 * were tried none. */
#pragma once

#include "base/arena.h"
#include "base/rng.h"
#include "l4/member.h"
#include "model/l4.h"

#define BALANCE_NONE UINT32_MAX
#define BALANCE_TRIES_MAX 16      /* of one flow */
#define BALANCE_MEMBERS_MAX 65536 /* that have a weight; those after them are in no table */

struct balance_input {
    struct member *member;
    uint32_t weight; /* 0: gets no new flows */
};

struct balance; /* immutable; in the arena */

/** Tables for n members, whose order does not matter to maglev and source_hash (they go by keys).
 */
const struct balance *balance_new(struct arena *arena, enum l4_balance kind,
                                  const struct balance_input *members, uint32_t n);

/** Of one worker for one set, kept over plans; zero but for `rng` at first. */
struct balance_cursor {
    uint32_t at;
    struct rng rng;
};

/** What is known of a flow. */
struct balance_flow {
    uint64_t hash;  /* maglev: of the client's address and port; source_hash: of the address */
    int64_t now_ms; /* monotonic */
    uint32_t tried[BALANCE_TRIES_MAX]; /* indices that were picked for it before */
    uint32_t n_tried;
};

/** An index of the members that balance_new() was given, or BALANCE_NONE. */
uint32_t balance_pick(const struct balance *balance, struct balance_cursor *cursor,
                      const struct balance_flow *flow);

/** balance_flow.hash, keyed with hash_seed() unless `seed` is not 0 (replace hands it on; several
 *  forwarders behind one router share it to agree). */
uint64_t balance_hash(enum l4_balance kind, uint64_t seed, const struct ip *client, uint16_t port);
