/* SPDX-License-Identifier: Apache-2.0
 * Who has spoken since when. */
#include "health/tally.h"

void tally_init(struct tally *t, struct arena *arena, uint32_t n_members)
{
    uint32_t n_slots = 64;
    while (n_slots < 4 * (uint64_t)n_members)
        n_slots *= 2;
    *t = (struct tally){
        .at = arena_calloc(arena, n_members, sizeof *t->at),
        .who = arena_calloc(arena, n_slots, sizeof *t->who),
        .tree = arena_calloc(arena, n_slots + 1u, sizeof *t->tree),
        .next = 1,
        .n_slots = n_slots,
    };
}

static uint32_t slot_of(const struct tally *t, uint64_t word)
{
    return (uint32_t)(word & (t->n_slots - 1));
}

/* `by` is 1, or -1 as it wraps. */
static void add(struct tally *t, uint32_t slot, uint32_t by)
{
    t->n += by;
    for (uint32_t i = slot + 1; i <= t->n_slots; i += i & -i)
        t->tree[i] += by;
}

/* Occupied slots before this one. */
static uint32_t count_before(const struct tally *t, uint32_t slot)
{
    uint32_t n = 0;
    for (uint32_t i = slot; i > 0; i -= i & -i)
        n += t->tree[i];
    return n;
}

void tally_drop(struct tally *t, uint32_t member)
{
    if (t->at[member] == 0)
        return;
    add(t, slot_of(t, t->at[member]), -1u);
    t->at[member] = 0;
}

void tally_say(struct tally *t, uint32_t member)
{
    uint32_t slot = slot_of(t, t->next);
    uint32_t before = t->who[slot];
    tally_drop(t, member);
    /* The slot's last user may still sit there: then the ring has gone round since. */
    if (t->at[before] > 0 && slot_of(t, t->at[before]) == slot)
        tally_drop(t, before);
    t->who[slot] = member;
    t->at[member] = t->next++;
    add(t, slot, 1);
}

uint32_t tally_since(const struct tally *t, uint64_t mark)
{
    if (mark >= t->next)
        return 0;
    if (mark + t->n_slots <= t->next)
        return t->n;
    /* The occupied slots are those of the words next - n_slots .. next - 1. */
    uint32_t from = slot_of(t, mark), to = slot_of(t, t->next);
    uint32_t n = count_before(t, to) - count_before(t, from);
    return from < to ? n : n + t->n;
}
