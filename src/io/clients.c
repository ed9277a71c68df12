/* SPDX-License-Identifier: Apache-2.0
 * The sketch of connections per client. */
#include "io/clients.h"

#include "base/arena.h"
#include "base/hash.h"

struct clients *clients_new(void)
{
    struct clients *c = xcalloc(1, sizeof *c);
    c->seed = hash_seed();
    return c;
}

/** The client's counters, one a row. */
static void find(struct clients *c, const struct ip *client, _Atomic(uint16_t) *slot[2])
{
    uint64_t h = hash_bytes(c->seed ^ client->family, client->b, client->family == IP_V4 ? 4 : 8);
    slot[0] = &c->row[0][h % CLIENTS_ROW];
    slot[1] = &c->row[1][(h >> 32) % CLIENTS_ROW];
}

bool clients_enter(struct clients *c, const struct ip *client, uint32_t max)
{
    _Atomic(uint16_t) *slot[2];
    find(c, client, slot);
    /* Add first: of two workers that accept at once, one sees the other's. */
    unsigned a = atomic_fetch_add_explicit(slot[0], 1, memory_order_relaxed);
    unsigned b = atomic_fetch_add_explicit(slot[1], 1, memory_order_relaxed);
    if ((a < b ? a : b) < max)
        return true;
    clients_leave(c, client);
    return false;
}

void clients_leave(struct clients *c, const struct ip *client)
{
    _Atomic(uint16_t) *slot[2];
    find(c, client, slot);
    for (unsigned i = 0; i < 2; i++)
        atomic_fetch_sub_explicit(slot[i], 1, memory_order_relaxed);
}
