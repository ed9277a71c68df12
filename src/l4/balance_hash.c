/* SPDX-License-Identifier: Apache-2.0
 * Maglev's table (Eisenbud et al., NSDI 2016, 3.4): every seat has an order of its own of all the
 * places, which hangs on its key alone, and the seats take the first that is free in theirs, turn
 * by turn. When a seat goes the others mostly find the same places free.
 *
 * Turns are by weight: a seat has its k-th turn, from 0 on, in round (k + 1/2) * heaviest / weight.
 * The first are in the order of the keys' hashes. The turns to come are kept in a list for each
 * round, so that light seats cost nothing in the rounds between theirs; one that would come too
 * late has its first turn half way, so every seat has a place. Sizes and figures are in
 * contrib/adr/0052-maglev-table.md. */
#include "l4/balance_tables.h"

#include "base/hash.h"
#include "l4/client.h"

#include <stdlib.h>

/* Primes. Where the size changes all clients do, so there are only two, and one border. */
#define SIZE 65537
#define SIZE_LARGE 655373
#define SIZE_MEMBERS 1024 /* the most for SIZE: 64 places each, as even as 1 in 64 */

/* How often a place is looked up before every seat is looked at. */
#define STEPS 64

/* Of this table for ever: forwarders that run side by side must agree, whatever their versions. */
#define KEY_SEED UINT64_C(0x6c6f616473746172)

struct turn {
    uint64_t hash; /* of the key */
    uint64_t round,
        step; /* in 2^-32 of a round: when its next turn is, and how far they are apart */
    uint32_t place, skip; /* where it looks next, and then: its order */
    uint32_t after;       /* in the list of a round: 1 + the next; 0: the last */
    struct seat seat;
};

struct ring {
    uint16_t *table;
    uint64_t *taken; /* a bit for each place: what is looked at most stays in the cache */
    uint32_t size, n_free;
    struct turn *turns;
    struct round {
        uint32_t first, last; /* 1 + index of a turn; 0: none */
    } * rounds;
    uint32_t n_rounds;
};

static int by_hash(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash > y->hash ? 1 : -1;
    int c = strcmp(x->seat.member->key, y->seat.member->key);
    return c != 0 ? c : (x->seat.index > y->seat.index) - (x->seat.index < y->seat.index);
}

/* Appends the turn to its round's list. What is past the last round would find the table full. */
static void wait_for_round(struct ring *ring, uint32_t t)
{
    uint64_t at = ring->turns[t].round >> 32;
    if (at >= ring->n_rounds)
        return;
    struct round *round = &ring->rounds[at];
    ring->turns[t].after = 0;
    if (round->last != 0)
        ring->turns[round->last - 1].after = t + 1;
    else
        round->first = t + 1;
    round->last = t + 1;
}

static uint32_t take_place(struct ring *ring, struct turn *turn)
{
    uint32_t at;
    do {
        at = turn->place;
        turn->place += turn->skip;
        if (turn->place >= ring->size)
            turn->place -= ring->size;
    } while (ring->taken[at / 64] >> (at % 64) & 1);
    ring->taken[at / 64] |= UINT64_C(1) << (at % 64);
    return at;
}

static void play_round(struct ring *ring, uint32_t nth)
{
    uint32_t t = ring->rounds[nth].first;
    while (t != 0 && ring->n_free > 0) {
        struct turn *turn = &ring->turns[t - 1];
        uint32_t after = turn->after;
        ring->table[take_place(ring, turn)] = (uint16_t)(t - 1);
        ring->n_free--;
        turn->round += turn->step;
        wait_for_round(ring, t - 1);
        t = after;
    }
}

/* In how many rounds there are as many turns as places; *heaviest is the greatest weight. */
static uint64_t rounds_for(const struct balance *b, uint32_t *heaviest)
{
    uint64_t sum = 0;
    *heaviest = 0;
    for (uint32_t i = 0; i < b->n_seats; i++) {
        sum += b->seats[i].weight;
        if (b->seats[i].weight > *heaviest)
            *heaviest = b->seats[i].weight;
    }
    return sum > 0 ? ((uint64_t)b->n_table * *heaviest + sum - 1) / sum : 0;
}

static void set_up_turns(struct turn *turns, const struct balance *b, uint32_t heaviest,
                         uint64_t rounds)
{
    for (uint32_t i = 0; i < b->n_seats; i++) {
        const struct seat *seat = &b->seats[i];
        const char *key = seat->member->key;
        uint64_t h = hash_bytes(KEY_SEED, (const uint8_t *)key, (uint32_t)strlen(key));
        uint64_t step = ((uint64_t)heaviest << 32) / seat->weight;
        turns[i] = (struct turn){
            .hash = h,
            .round = (step < rounds << 32 ? step : rounds << 32) / 2,
            .step = step,
            .place = below((uint32_t)(h >> 32), b->n_table),
            .skip = 1 + below((uint32_t)h, b->n_table - 1),
            .seat = *seat,
        };
    }
    qsort(turns, b->n_seats, sizeof *turns, by_hash);
}

static void play(struct ring *ring, uint32_t n_seats)
{
    for (uint32_t i = 0; i < n_seats; i++)
        wait_for_round(ring, i);
    for (uint32_t i = 0; i < ring->n_rounds && ring->n_free > 0; i++)
        play_round(ring, i);
}

void maglev_build(struct balance *balance, struct seat *seats, struct arena *arena)
{
    uint32_t size = balance->n_seats > SIZE_MEMBERS ? SIZE_LARGE : SIZE, heaviest;
    struct ring ring = {.size = size, .n_free = size};
    balance->n_table = size;
    uint64_t rounds = rounds_for(balance, &heaviest);
    /* Turns are rounded by half a one for each seat: in twice the rounds there are enough. */
    ring.n_rounds = (uint32_t)rounds * 2;
    ring.rounds = xcalloc(ring.n_rounds, sizeof *ring.rounds);
    ring.turns = xcalloc(balance->n_seats, sizeof *ring.turns);
    ring.taken = xcalloc(size / 64 + 1, sizeof *ring.taken);
    ring.table = arena_calloc(arena, size, sizeof *ring.table);
    set_up_turns(ring.turns, balance, heaviest, rounds);
    for (uint32_t i = 0; i < balance->n_seats; i++)
        seats[i] = ring.turns[i].seat;
    play(&ring, balance->n_seats);
    balance->table = ring.table;
    free(ring.rounds);
    free(ring.turns);
    free(ring.taken);
}

/* On from one that may not be taken by another hash: the place behind it would not do, as orders
 * that have steps of nearly one ratio meet there too often (twice as often, of five members). */
uint32_t maglev_pick(struct choice *choice)
{
    const struct balance *b = choice->balance;
    uint64_t hash = choice->flow->hash;
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t seat = b->table[below((uint32_t)(hash >> 32), b->n_table)];
        if (LIKELY(choice_may(choice, seat)))
            return seat;
        hash = hash_mix(hash ^ HASH_K0, HASH_K1);
    }
    return SEAT_NONE;
}

uint64_t balance_hash(enum l4_balance kind, uint64_t seed, const struct ip *client, uint16_t port)
{
    if (seed == 0)
        seed = hash_seed();
    if (kind == L4_SOURCE_HASH)
        return hash_mix(hash_mix(client_number(client) ^ HASH_K1, seed ^ HASH_K0), seed ^ HASH_K1);
    return hash_bytes(hash_mix(seed ^ HASH_K1, HASH_K0 ^ port), client->b, sizeof client->b);
}
