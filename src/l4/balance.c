/* SPDX-License-Identifier: Apache-2.0
 * Each kind proposes a seat. When the few that it looks at may all not be taken, every seat is
 * looked at once, so that one that may is found wherever it is, in bounded time. */
#include "l4/balance_tables.h"

#include "base/hash.h"

const struct balance *balance_new(struct arena *arena, enum l4_balance kind,
                                  const struct balance_input *members, uint32_t n)
{
    struct balance *b = arena_calloc(arena, 1, sizeof *b);
    struct seat *seats = arena_calloc(arena, n, sizeof *seats);
    b->kind = kind;
    b->seats = seats;
    for (uint32_t i = 0; i < n && b->n_seats < BALANCE_MEMBERS_MAX; i++)
        if (members[i].weight > 0)
            seats[b->n_seats++] = (struct seat){members[i].member, members[i].weight, i};
    if (b->n_seats == 0)
        return b;
    if (kind == L4_ROUND_ROBIN)
        round_build(b, arena);
    else if (kind == L4_MAGLEV || kind == L4_SOURCE_HASH)
        maglev_build(b, seats, arena);
    else if (kind == L4_RANDOM2 || b->n_seats > LEAST_CONN_ALL)
        draws_build(b, arena);
    return b;
}

static uint32_t propose(struct choice *choice, struct balance_cursor *cursor)
{
    switch (choice->balance->kind) {
    case L4_ROUND_ROBIN:
        return round_pick(choice, cursor);
    case L4_LEAST_CONN:
        return least_conn_pick(choice, cursor);
    case L4_RANDOM2:
        return random2_pick(choice, cursor);
    default:
        return maglev_pick(choice);
    }
}

/* Every seat, from one on that the flow's hash decides, or chance. */
static uint32_t look_at_all(struct choice *choice, struct balance_cursor *cursor)
{
    const struct balance *b = choice->balance;
    bool hashes = b->kind == L4_MAGLEV || b->kind == L4_SOURCE_HASH;
    uint64_t draw = hashes ? hash_mix(choice->flow->hash, HASH_K0) : rng_next(&cursor->rng);
    uint32_t at = below((uint32_t)(draw >> 32), b->n_seats);
    for (uint32_t i = 0; i < b->n_seats; i++) {
        if (choice_may(choice, at))
            return at;
        at = at + 1 == b->n_seats ? 0 : at + 1;
    }
    return choice->spare;
}

uint32_t balance_pick(const struct balance *balance, struct balance_cursor *cursor,
                      const struct balance_flow *flow)
{
    if (UNLIKELY(balance->n_seats == 0))
        return BALANCE_NONE;
    struct choice choice = {.balance = balance, .flow = flow, .spare = SEAT_NONE};
    uint32_t seat = propose(&choice, cursor);
    if (UNLIKELY(seat == SEAT_NONE))
        seat = look_at_all(&choice, cursor);
    return seat == SEAT_NONE ? BALANCE_NONE : balance->seats[seat].index;
}
