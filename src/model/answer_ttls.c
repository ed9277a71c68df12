/* SPDX-License-Identifier: Apache-2.0
 * How long answers with the endpoints of a pool may live, whichever name was asked for.
 *
 * A name has a TTL of its own, which it keeps wherever its pool falls back to, or that of the pool
 * that answers in the end. Fallbacks are no circle, so that pools are gone through from those that
 * nothing falls back to: each hands on to its fallback what names ask of it. */
#include "model/answer_ttls.h"

#include <stdlib.h>

struct asked {
    uint32_t own_s;   /* the longest TTL that a name brings along; 0: none does */
    bool named, bare; /* some name gets here; one without a TTL of its own */
    uint32_t n_from;  /* pools that fall back to this one and are not done */
};

static void note(struct asked *to, const struct asked *from)
{
    to->named |= from->named;
    to->bare |= from->bare;
    if (from->own_s > to->own_s)
        to->own_s = from->own_s;
}

static void note_zones(struct asked *asked, const struct model *m)
{
    for (uint32_t i = 0; i < m->n_zones; i++)
        for (uint32_t k = 0; k < m->zones[i].n_named_ttls; k++) {
            const struct named_ttl *ttl = &m->zones[i].named_ttls[k];
            note(&asked[ttl->pool], &(struct asked){ttl->max_s, true, ttl->bare, 0});
        }
}

/* Its fallback, where there is one that answers. */
static uint32_t fallback_of(const struct model *m, uint32_t pool)
{
    return m->pools[pool].on_all_down == ALL_DOWN_FALLBACK ? m->pools[pool].fallback : MODEL_NONE;
}

/* From a pool that all others have handed on to, as far as that makes the next one such a pool. */
static void hand_on(struct asked *asked, const struct model *m, uint32_t pool)
{
    for (uint32_t to; (to = fallback_of(m, pool)) != MODEL_NONE; pool = to) {
        note(&asked[to], &asked[pool]);
        if (--asked[to].n_from > 0)
            return;
    }
}

const uint32_t *answer_ttls(struct arena *arena, const struct model *m)
{
    struct asked *asked = xcalloc((size_t)m->n_pools + 1, sizeof *asked);
    bool *first = xcalloc((size_t)m->n_pools + 1, sizeof *first);
    uint32_t *out = arena_calloc(arena, m->n_pools, sizeof *out), to;
    note_zones(asked, m);
    for (uint32_t i = 0; i < m->n_pools; i++)
        if ((to = fallback_of(m, i)) != MODEL_NONE)
            asked[to].n_from++;
    for (uint32_t i = 0; i < m->n_pools; i++)
        first[i] = asked[i].n_from == 0;
    for (uint32_t i = 0; i < m->n_pools; i++)
        if (first[i])
            hand_on(asked, m, i);
    for (uint32_t i = 0; i < m->n_pools; i++) {
        uint32_t own_s = asked[i].own_s, bare_s = asked[i].bare ? m->pools[i].ttl.max_s : 0;
        out[i] = own_s > bare_s ? own_s : bare_s;
        if (asked[i].named && out[i] == 0)
            out[i] = 1;
    }
    free(asked);
    free(first);
    return out;
}
