/* SPDX-License-Identifier: Apache-2.0
 * The queries of a run, built before it begins: the loop that sends them writes no byte of them.
 *
 * Message IDs are the index modulo 65536, so that queries sent in order repeat one after 65536
 * others. */
#pragma once

#include <stdint.h>

#define QUERY_STRIDE \
    96 /* bytes between queries: header, a name of at most 43 bytes, OPT with ECS */
#define QUERY_IDS 65536u

enum queries_ecs { ECS_NONE, ECS_V4, ECS_V6, ECS_MIX }; /* /24; /56; three of v4 to one of v6 */

struct queries {
    const char *pattern; /* of names, for printf: one unsigned number below n_names */
    uint32_t n_names;
    uint64_t seed;
    enum queries_ecs ecs;
    int edns;
    uint32_t n; /* a multiple of QUERY_IDS, or below it */
    uint8_t *bytes, *len;
};

/* Builds q->n queries for type A, their names drawn at random. Exits when a name is no name. */
void queries_build(struct queries *q);

/* Writes one query for name number i, without EDNS. Returns its length. */
uint32_t queries_one(const struct queries *q, uint8_t *p, uint32_t i, uint16_t id);
