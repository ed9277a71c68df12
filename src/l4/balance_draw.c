/* SPDX-License-Identifier: Apache-2.0
 * Draws by weight in constant time (Walker's alias method, built as Vose has it), and the kinds
 * that compare open flows.
 *
 * The better seat has fewer flows for its weight; products are compared, not quotients: a count of
 * flows and a weight have 32 bits each. least_conn compares what there will be with the new flow,
 * so that of idle members the heaviest is first. random2 compares what there is, and an idle pair's
 * first is taken: its draws are by weight already. */
#include "l4/balance_tables.h"

#include <stdlib.h>

/* Of d that are drawn the best is taken: the fullest of n members is then about ln(ln n) / ln d
 * flows above the mean (Azar et al. 1994). With 16 that is 0.7 for 1,000 and 0.9 for 65,536, so
 * more would gain less than one flow; two give 2.8. */
#define LEAST_CONN_DRAWS 16
/* Pairs that random2 draws before it looks for any that may be taken. */
#define RANDOM2_PAIRS 4

/* ---- the alias table ---- */

/* What each seat's place is filled with: its share times n, of `sum`. */
struct fill {
    uint64_t *level;
    uint64_t sum;
    uint32_t *small, *large;
    uint32_t n_small, n_large;
};

static uint32_t part_of(uint64_t level, uint64_t sum)
{
    __extension__ unsigned __int128 part = ((unsigned __int128)level << 32) / sum;
    return (uint32_t)part;
}

static void pair_up(struct alias *alias, struct fill *f)
{
    while (f->n_small > 0 && f->n_large > 0) {
        uint32_t s = f->small[--f->n_small], l = f->large[f->n_large - 1];
        alias[s] = (struct alias){part_of(f->level[s], f->sum), l};
        f->level[l] -= f->sum - f->level[s];
        if (f->level[l] < f->sum) {
            f->n_large--;
            f->small[f->n_small++] = l;
        }
    }
}

void draws_build(struct balance *balance, struct arena *arena)
{
    uint32_t n = balance->n_seats;
    struct alias *alias = arena_calloc(arena, n, sizeof *alias);
    struct fill f = {.level = xcalloc(n, sizeof *f.level),
                     .small = xcalloc(n, sizeof *f.small),
                     .large = xcalloc(n, sizeof *f.large)};
    for (uint32_t i = 0; i < n; i++)
        f.sum += balance->seats[i].weight;
    for (uint32_t i = 0; i < n; i++) {
        alias[i] = (struct alias){UINT32_MAX, i};
        f.level[i] = (uint64_t)balance->seats[i].weight * n;
        if (f.level[i] < f.sum)
            f.small[f.n_small++] = i;
        else
            f.large[f.n_large++] = i;
    }
    pair_up(alias, &f);
    free(f.level);
    free(f.small);
    free(f.large);
    balance->alias = alias;
}

static inline uint32_t draw(const struct balance *b, struct rng *rng)
{
    uint64_t r = rng_next(rng);
    uint32_t i = below((uint32_t)(r >> 32), b->n_seats);
    return (uint32_t)r < b->alias[i].keep ? i : b->alias[i].other;
}

/* ---- comparing flows ---- */

static inline uint64_t flows_of(const struct balance *b, uint32_t seat)
{
    return atomic_load_explicit(&b->seats[seat].member->active, memory_order_relaxed);
}

uint32_t random2_pick(struct choice *choice, struct balance_cursor *cursor)
{
    const struct balance *b = choice->balance;
    for (uint32_t i = 0; i < RANDOM2_PAIRS; i++) {
        uint32_t x = draw(b, &cursor->rng), y = draw(b, &cursor->rng);
        bool may_x = choice_may(choice, x), may_y = choice_may(choice, y);
        if (may_x && may_y)
            return flows_of(b, y) * b->seats[x].weight < flows_of(b, x) * b->seats[y].weight ? y
                                                                                             : x;
        if (may_x || may_y)
            return may_x ? x : y;
    }
    return SEAT_NONE;
}

struct best {
    uint32_t seat;
    uint64_t flows, weight;
};

/* One that is as good does not take the place of the one that came before it. */
static inline void better(struct best *best, const struct balance *b, uint32_t seat)
{
    uint64_t flows = flows_of(b, seat) + 1, weight = b->seats[seat].weight;
    if (best->seat == SEAT_NONE || flows * best->weight < best->flows * weight)
        *best = (struct best){seat, flows, weight};
}

/* Of those that are ejected the best is kept as well, lest all flows go to one when all are. */
struct bests {
    struct best may, ejected;
};

static inline void compare(struct bests *bests, const struct choice *choice, uint32_t seat)
{
    const struct balance *b = choice->balance;
    if (was_tried(choice->flow, &b->seats[seat]))
        return;
    bool ejected = member_is_ejected(b->seats[seat].member, choice->flow->now_ms);
    better(ejected ? &bests->ejected : &bests->may, b, seat);
}

static uint32_t best_of_draws(struct choice *choice, struct balance_cursor *cursor)
{
    struct bests bests = {{.seat = SEAT_NONE}, {.seat = SEAT_NONE}};
    for (uint32_t i = 0; i < LEAST_CONN_DRAWS; i++)
        compare(&bests, choice, draw(choice->balance, &cursor->rng));
    choice->spare = bests.ejected.seat;
    return bests.may.seat;
}

static uint32_t best_of_all(const struct choice *choice, uint32_t at)
{
    struct bests bests = {{.seat = SEAT_NONE}, {.seat = SEAT_NONE}};
    uint32_t n = choice->balance->n_seats;
    for (uint32_t i = 0; i < n; i++) {
        compare(&bests, choice, at);
        at = at + 1 == n ? 0 : at + 1;
    }
    return bests.may.seat != SEAT_NONE ? bests.may.seat : bests.ejected.seat;
}

/* Begins behind the one that was taken last, so that those which are equal take turns. cursor.at
 * is 1 + where, as in round_pick(). */
uint32_t least_conn_pick(struct choice *choice, struct balance_cursor *cursor)
{
    uint32_t n = choice->balance->n_seats;
    if (n > LEAST_CONN_ALL)
        return best_of_draws(choice, cursor);
    if (UNLIKELY(cursor->at == 0 || cursor->at > n))
        cursor->at = 1 + rng_below(&cursor->rng, n);
    uint32_t best = best_of_all(choice, cursor->at - 1);
    if (best != SEAT_NONE)
        cursor->at = best + 1 == n ? 1 : best + 2;
    return best;
}
