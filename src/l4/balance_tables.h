/* SPDX-License-Identifier: Apache-2.0
 * What a struct balance is made of: for the balance_*.c alone.
 *
 *   balance.c        the whole: who is in it, the pick, the way past those that may not be taken
 *   balance_round.c  the schedule of round_robin
 *   balance_draw.c   draws by weight (alias table); least_conn and random2
 *   balance_hash.c   Maglev's table, and the hashes of clients
 *
 * A seat is a member that may get new flows. Tables hold numbers of seats. */
#pragma once

#include "l4/balance.h"

#define SEAT_NONE UINT32_MAX

struct seat {
    struct member *member;
    uint32_t weight; /* >= 1 */
    uint32_t index;  /* of the members that balance_new() was given */
};

struct alias {
    uint32_t keep; /* of 2^32: the seat itself is drawn, else .. */
    uint32_t other;
};

struct balance {
    enum l4_balance kind;
    uint32_t n_seats;
    const struct seat *seats; /* by their keys, where the kind hashes */
    uint32_t n_table;         /* of whichever is there */
    const uint16_t *table;    /* round_robin: the schedule; maglev, source_hash: by hash */
    const struct alias *alias;
};

/* Seats that a kind would take are looked at one after the other. */
struct choice {
    const struct balance *balance;
    const struct balance_flow *flow;
    uint32_t spare; /* one that is only ejected: taken when there is no other; SEAT_NONE */
};

static inline bool was_tried(const struct balance_flow *flow, const struct seat *seat)
{
    for (uint32_t i = 0; i < flow->n_tried; i++)
        if (flow->tried[i] == seat->index)
            return true;
    return false;
}

/** Whether `seat` may be taken: it was not tried, and is not ejected. The first that is only that
 *  is kept as the spare one. */
static inline bool choice_may(struct choice *choice, uint32_t seat)
{
    const struct seat *s = &choice->balance->seats[seat];
    if (was_tried(choice->flow, s))
        return false;
    if (LIKELY(!member_is_ejected(s->member, choice->flow->now_ms)))
        return true;
    if (choice->spare == SEAT_NONE)
        choice->spare = seat;
    return false;
}

/** A 32-bit number that is even over its range, brought to 0.. n - 1. */
static inline uint32_t below(uint32_t x, uint32_t n)
{
    return (uint32_t)((uint64_t)x * n >> 32);
}

/** The greatest common divisor; of 0 and b it is b. */
static inline uint32_t divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void round_build(struct balance *balance, struct arena *arena);
uint32_t round_pick(struct choice *choice, struct balance_cursor *cursor);

void draws_build(struct balance *balance, struct arena *arena);
uint32_t random2_pick(struct choice *choice, struct balance_cursor *cursor);
uint32_t least_conn_pick(struct choice *choice, struct balance_cursor *cursor);
/** Up to so many members least_conn looks at each of them. */
#define LEAST_CONN_ALL 256

/** Puts the seats in the order of their keys, and makes the table. */
void maglev_build(struct balance *balance, struct seat *seats, struct arena *arena);
uint32_t maglev_pick(struct choice *choice);
