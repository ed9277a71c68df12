/* SPDX-License-Identifier: Apache-2.0
 * Flows in blocks, and an open-addressed table of their indices with linear probing. What is taken
 * out leaves no mark: those behind it move up (backward shift), so that a table under a storm of
 * new flows does not wear out. */
#include "l4/udp.h"

#include "base/arena.h"
#include "base/hash.h"

#include <stdlib.h>

uint32_t udp_key_hash(const struct udp *udp, const struct udp_key *key)
{
    return (uint32_t)hash_bytes(udp->seed, (const uint8_t *)key, sizeof *key);
}

/** Puts an entry where its probe sequence has room. */
static void slot_put(struct udp *udp, struct udp_slot entry)
{
    uint32_t i = entry.hash & udp->mask;
    while (udp->slots[i].flow)
        i = (i + 1) & udp->mask;
    udp->slots[i] = entry;
}

void udp_table_reserve(struct udp *udp, uint32_t max)
{
    uint32_t n_slots = 64;
    if (max <= udp->max_flows)
        return;
    while (n_slots / 2 < max && n_slots < UINT32_C(1) << 31)
        n_slots *= 2;
    if (max > n_slots / 2)
        max = n_slots / 2;
    struct udp_slot *old = udp->slots;
    uint32_t n_old = old ? udp->mask + 1 : 0;
    udp->slots = xcalloc(n_slots, sizeof *udp->slots);
    udp->mask = n_slots - 1;
    for (uint32_t i = 0; i < n_old; i++) {
        if (old[i].flow)
            slot_put(udp, old[i]);
    }
    free(old);
    udp->blocks =
        xrealloc(udp->blocks, (max + UDP_BLOCK - 1) / UDP_BLOCK * sizeof(struct udp_flow *));
    udp->max_flows = max;
}

void udp_table_free(struct udp *udp)
{
    for (uint32_t i = 0; i < udp->n_made; i += UDP_BLOCK)
        free(udp->blocks[i / UDP_BLOCK]);
    free(udp->blocks);
    free(udp->slots);
}

ATTR_HOT struct udp_flow *udp_table_find(const struct udp *udp, const struct udp_key *key,
                                         uint32_t hash)
{
    if (UNLIKELY(!udp->slots))
        return NULL;
    for (uint32_t i = hash & udp->mask; udp->slots[i].flow; i = (i + 1) & udp->mask) {
        if (udp->slots[i].hash != hash)
            continue;
        struct udp_flow *flow = udp_flow_at(udp, udp->slots[i].flow - 1);
        if (memcmp(&flow->key, key, sizeof *key) == 0)
            return flow;
    }
    return NULL;
}

/** One block more. false: there are as many flows as there may be, or no memory. */
static bool block_add(struct udp *udp)
{
    if (udp->n_made >= udp->max_flows)
        return false;
    struct udp_flow *block = aligned_alloc(64, UDP_BLOCK * sizeof *block);
    if (!block)
        return false;
    memset(block, 0, UDP_BLOCK * sizeof *block);
    udp->blocks[udp->n_made / UDP_BLOCK] = block;
    for (uint32_t i = UDP_BLOCK; i-- > 0;) {
        block[i].at = udp->free;
        udp->free = udp->n_made + i;
    }
    udp->n_made += UDP_BLOCK;
    return true;
}

struct udp_flow *udp_table_add(struct udp *udp, const struct udp_key *key, uint32_t hash)
{
    if (udp->n_flows >= udp->max_flows || (udp->free == UDP_NONE && !block_add(udp)))
        return NULL;
    uint32_t at = udp->free;
    struct udp_flow *flow = udp_flow_at(udp, at);
    udp->free = flow->at;
    *flow = (struct udp_flow){.key = *key, .hash = hash, .at = at};
    slot_put(udp, (struct udp_slot){hash, at + 1});
    udp->n_flows++;
    return flow;
}

void udp_table_remove(struct udp *udp, struct udp_flow *flow)
{
    struct udp_slot *slots = udp->slots;
    uint32_t hole = flow->hash & udp->mask;
    while (slots[hole].flow != flow->at + 1)
        hole = (hole + 1) & udp->mask;
    for (uint32_t i = (hole + 1) & udp->mask; slots[i].flow; i = (i + 1) & udp->mask) {
        uint32_t home = slots[i].hash & udp->mask;
        if (((i - home) & udp->mask) < ((i - hole) & udp->mask))
            continue; /* the hole is before where its search begins */
        slots[hole] = slots[i];
        hole = i;
    }
    slots[hole] = (struct udp_slot){0};
    uint32_t at = flow->at;
    flow->at = udp->free;
    flow->peer = NULL;
    flow->fd = -1;
    udp->free = at;
    udp->n_flows--;
}
