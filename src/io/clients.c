/* SPDX-License-Identifier: Apache-2.0
 * The sketch of connections per client. */
#include "io/clients.h"

#include "base/arena.h"
#include "base/hash.h"

#include <assert.h>

static_assert(CLIENTS_ROWS * CLIENTS_ROW_BITS <= 64, "a hash has bits for all rows");

typedef _Atomic(uint32_t) counter;

struct clients *clients_new(void)
{
    struct clients *c = xcalloc(1, sizeof *c);
    c->seed = hash_seed();
    return c;
}

/** The client's counters, one a row. */
static void find(struct clients *c, const struct ip *client, counter *slot[CLIENTS_ROWS])
{
    uint64_t h = hash_bytes(c->seed ^ client->family, client->b, client->family == IP_V4 ? 4 : 8);
    for (unsigned i = 0; i < CLIENTS_ROWS; i++) {
        slot[i] = &c->row[i][h & ((1u << CLIENTS_ROW_BITS) - 1)];
        h >>= CLIENTS_ROW_BITS;
    }
}

bool clients_enter(struct clients *c, const struct ip *client, uint32_t max)
{
    counter *slot[CLIENTS_ROWS];
    uint32_t least = UINT32_MAX;
    find(c, client, slot);
    /* Add first: of two workers that accept at once, one sees the other's. */
    atomic_fetch_add_explicit(&c->total, 1, memory_order_relaxed);
    for (unsigned i = 0; i < CLIENTS_ROWS; i++) {
        uint32_t before = atomic_fetch_add_explicit(slot[i], 1, memory_order_relaxed);
        if (before < least)
            least = before;
    }
    if (least < max)
        return true;
    clients_leave(c, client);
    return false;
}

void clients_leave(struct clients *c, const struct ip *client)
{
    clients_leave_claimed(c, client);
    atomic_fetch_sub_explicit(&c->total, 1, memory_order_relaxed);
}

bool clients_claim(struct clients *c, uint32_t max)
{
    uint32_t total = clients_total(c);
    while (total > max)
        if (atomic_compare_exchange_weak_explicit(&c->total, &total, total - 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

void clients_unclaim(struct clients *c)
{
    atomic_fetch_add_explicit(&c->total, 1, memory_order_relaxed);
}

void clients_leave_claimed(struct clients *c, const struct ip *client)
{
    counter *slot[CLIENTS_ROWS];
    find(c, client, slot);
    for (unsigned i = 0; i < CLIENTS_ROWS; i++)
        atomic_fetch_sub_explicit(slot[i], 1, memory_order_relaxed);
}
