/* SPDX-License-Identifier: Apache-2.0
 * Flows of another process: the records as they came, and a table of where they are. */
#include "l4/bound.h"

#include "base/arena.h"
#include "base/hash.h"

#include <stdlib.h>

#define FLOWS_MAX (UINT32_C(1) << 27) /* that are found again */

struct bound {
    uint32_t n_holds, mask;
    struct bequest file;
    struct member **members; /* of file.members */
    uint32_t *places;        /* index of a flow, plus one; 0: free; at most half are taken */
};

static uint32_t place_of(const struct bound *b, const struct bound_key *key)
{
    return (uint32_t)hash_bytes(hash_seed(), (const uint8_t *)key, sizeof *key) & b->mask;
}

/** The first of those with the same key is the one that is found. */
static void place_all(struct bound *b)
{
    uint32_t n = b->file.n_flows < FLOWS_MAX ? b->file.n_flows : FLOWS_MAX;
    b->mask = 1;
    while (b->mask < 2 * n)
        b->mask = b->mask * 2 + 1;
    b->places = xcalloc((size_t)b->mask + 1, sizeof *b->places);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = place_of(b, &b->file.flows[i].key);
        while (b->places[at])
            at = (at + 1) & b->mask;
        b->places[at] = i + 1;
    }
}

struct bound *bound_new(struct bequest *file, struct registry *registry)
{
    struct bound *b = xcalloc(1, sizeof *b);
    *b = (struct bound){.n_holds = 1, .file = *file};
    *file = (struct bequest){0};
    b->members = xcalloc(b->file.n_members + 1, sizeof(struct member *));
    for (uint32_t i = 0; i < b->file.n_members; i++) {
        const struct bequest_member *m = &b->file.members[i];
        struct ip addr = {.family = m->family};
        memcpy(addr.b, m->addr, sizeof addr.b);
        b->members[i] = registry_member(registry, m->set, m->key, &addr, m->port);
        atomic_store(&b->members[i]->close_at_ms, m->close_at_ms);
    }
    place_all(b);
    return b;
}

struct bound *bound_hold(struct bound *b)
{
    b->n_holds++;
    return b;
}

void bound_release(struct bound *b, struct registry *registry)
{
    if (!b || --b->n_holds > 0)
        return;
    for (uint32_t i = 0; i < b->file.n_members; i++)
        registry_drop_member(registry, b->members[i]);
    bequest_close(&b->file);
    free(b->members);
    free(b->places);
    free(b);
}

struct member *bound_find(const struct bound *b, const struct bound_key *key, int64_t now_ms,
                          int64_t idle_ms)
{
    for (uint32_t at = place_of(b, key); b->places[at]; at = (at + 1) & b->mask) {
        const struct bequest_flow *flow = &b->file.flows[b->places[at] - 1];
        if (memcmp(&flow->key, key, sizeof *key) == 0)
            return flow->seen_ms > now_ms - idle_ms ? b->members[flow->member] : NULL;
    }
    return NULL;
}

const struct bequest_flow *bound_flows(const struct bound *b, uint32_t *n)
{
    *n = b->file.n_flows;
    return b->file.flows;
}

struct member *bound_member(const struct bound *b, uint32_t i)
{
    return b->members[i];
}
