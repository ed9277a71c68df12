/* SPDX-License-Identifier: Apache-2.0
 * The schedule of round_robin: which seat has the flow at each place of a ring.
 *
 * Seats of one weight are a group, and a group has its turns by the smooth method: at each place
 * every group is owed its share more, and the one that is owed the most gets it and owes a whole
 * round. Within a group the seats take the turns one after the other. A round of the ring gives
 * each seat its weight, and its turns lie as evenly as if each had been a group, at a cost of
 * places x groups; as the weights of n groups sum to n^2 / 2 at least, there are few.
 *
 * Weights are divided by what they have in common. If their sum is more than ROUND_MAX still they
 * are scaled to that sum, at least 1 each; the shares of 1,000 seats are then right to 1 % or so.
 *
 * cursor.at is 1 + the place that is next; 0, or one that another plan's ring had: begin anywhere,
 * as workers that began at the same place would all favour the members that come first. */
#include "l4/balance_tables.h"

#include <stdlib.h>

#define ROUND_MAX 65536
/* How many places are looked at before the seats themselves are. */
#define STEPS 256

struct group {
    uint32_t weight, first, n; /* its seats: seats_by_weight[first .. first + n - 1] */
    uint32_t next;
    int64_t owed, share;
};

struct ranked {
    uint32_t weight, seat;
};

static int by_weight(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return (x->seat > y->seat) - (x->seat < y->seat);
}

static uint64_t sum_of(const struct ranked *ranked, uint32_t n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += ranked[i].weight;
    return sum;
}

static void reduce(struct ranked *ranked, uint32_t n)
{
    uint32_t d = 0;
    for (uint32_t i = 0; i < n; i++)
        d = divisor(d, ranked[i].weight);
    for (uint32_t i = 0; i < n; i++)
        ranked[i].weight /= d;
    uint64_t sum = sum_of(ranked, n);
    if (sum <= ROUND_MAX)
        return;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t scaled = ((uint64_t)ranked[i].weight * ROUND_MAX + sum / 2) / sum;
        ranked[i].weight = scaled > 0 ? (uint32_t)scaled : 1;
    }
}

static uint32_t group_by_weight(struct group *groups, const struct ranked *ranked, uint32_t n)
{
    uint32_t n_groups = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || ranked[i].weight != ranked[i - 1].weight)
            groups[n_groups++] = (struct group){.weight = ranked[i].weight, .first = i};
        struct group *g = &groups[n_groups - 1];
        g->n++;
        g->share += g->weight;
    }
    return n_groups;
}

static struct group *most_owed(struct group *groups, uint32_t n_groups)
{
    struct group *most = groups;
    for (uint32_t i = 0; i < n_groups; i++) {
        groups[i].owed += groups[i].share;
        if (groups[i].owed > most->owed)
            most = &groups[i];
    }
    return most;
}

static void fill(uint16_t *table, uint32_t n_table, struct group *groups, uint32_t n_groups,
                 const struct ranked *ranked)
{
    for (uint32_t at = 0; at < n_table; at++) {
        struct group *g = most_owed(groups, n_groups);
        g->owed -= n_table;
        table[at] = (uint16_t)ranked[g->first + g->next].seat;
        g->next = g->next + 1 == g->n ? 0 : g->next + 1;
    }
}

void round_build(struct balance *balance, struct arena *arena)
{
    uint32_t n = balance->n_seats;
    struct ranked *ranked = xcalloc(n, sizeof *ranked);
    struct group *groups = xcalloc(n, sizeof *groups);
    for (uint32_t i = 0; i < n; i++)
        ranked[i] = (struct ranked){balance->seats[i].weight, i};
    reduce(ranked, n);
    qsort(ranked, n, sizeof *ranked, by_weight);
    uint32_t n_groups = group_by_weight(groups, ranked, n);
    balance->n_table = (uint32_t)sum_of(ranked, n);
    uint16_t *table = arena_calloc(arena, balance->n_table, sizeof *table);
    fill(table, balance->n_table, groups, n_groups, ranked);
    balance->table = table;
    free(groups);
    free(ranked);
}

/* The place of one that may be taken, from `at` on; SEAT_NONE: there is none near. */
static uint32_t walk(struct choice *choice, uint32_t at)
{
    const struct balance *b = choice->balance;
    uint32_t steps = b->n_table < STEPS ? b->n_table : STEPS;
    for (; steps > 0; steps--) {
        if (choice_may(choice, b->table[at]))
            return at;
        at = at + 1 == b->n_table ? 0 : at + 1;
    }
    return SEAT_NONE;
}

uint32_t round_pick(struct choice *choice, struct balance_cursor *cursor)
{
    const struct balance *b = choice->balance;
    if (UNLIKELY(cursor->at == 0 || cursor->at > b->n_table))
        cursor->at = 1 + rng_below(&cursor->rng, b->n_table);
    uint32_t at = walk(choice, cursor->at - 1);
    uint32_t past = at == SEAT_NONE ? cursor->at : at + 1;
    cursor->at = past == b->n_table ? 1 : past + 1;
    return at == SEAT_NONE ? SEAT_NONE : b->table[at];
}
